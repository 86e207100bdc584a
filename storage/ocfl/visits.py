"""Re-reading objects of a local tier one behind the other: while one is read, the next ones are asked for, so that neither the device nor
we wait. An object of twenty small files would else be two waits, which take as long as all the rest.
"""

from __future__ import annotations

import contextlib
import itertools
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator

from fixity.verify import FixityReport, Outcome
from policies.phrases import os_phrase
from storage.beneath import folder_beneath
from storage.errors import StorageError
from storage.ocfl.documents import BadJson
from storage.ocfl.folder import LAYOUT, TierFolder
from storage.ocfl.reread import Reread, fixed_files
from storage.tier import Ask

__all__ = ["in_strides", "visit"]

Visit = Generator[None, None, FixityReport]
"""The check of one object. It can be left between two strides; what it returns is the report."""

STRIDES = 3
"""Strides of a visit, and so the visits that are under way at a time."""


def visit(folder: TierFolder, ask: Ask, *, cold: bool, progress: Callable[[int], None] | None) -> Visit:
    """Re-read one object: first its inventory is asked for, then it is read and all files are asked for, then they are read.

    Raises:
        Unavailable: the tier went away meanwhile, which is no damage.
    """
    there = False
    try:
        with folder_beneath(folder.ocfl, LAYOUT.path(ask.object_id)) as top:
            there = True
            check = Reread(top, ask.expected, algorithm=ask.algorithm, cold=cold, since=ask.since, progress=progress)
            with contextlib.closing(check):
                check.ask()
                yield
                check.begin()
                if not check.large:
                    yield
                report = check.end()
    except (FileNotFoundError, NotADirectoryError):
        report = _nothing(ask, Outcome.MISSING)
        report.absent = not there
    except (OSError, BadJson) as error:
        folder.check()
        report = _nothing(ask, Outcome.UNREADABLE, os_phrase(error) if isinstance(error, OSError) else str(error))
    if not report.ok:
        folder.check()
    return report


def _nothing(ask: Ask, outcome: Outcome, reason: str = "") -> FixityReport:
    """The report on an object whose very folder is not there, or cannot be looked into: all that is known of it is so."""
    report = FixityReport(ask.algorithm)
    for path, digest in fixed_files(ask.expected, ask.since).items():
        report.problem(path, outcome, digest.hex(), reason)
    return report


class _UnderWay:
    """One visit, and what it found once it is over."""

    def __init__(self, visit: Visit) -> None:
        self.visit = visit
        self.found: FixityReport | StorageError | None = None

    def stride(self) -> None:
        if self.found is None:
            try:
                next(self.visit)
            except StopIteration as end:
                self.found = end.value
            except StorageError as error:
                self.found = error


def in_strides(visits: Iterable[Visit]) -> Iterator[FixityReport | StorageError]:
    """What each visit finds, in their order. Of those under way the youngest goes first: what it asks for comes while the others read."""
    line: deque[_UnderWay] = deque()
    try:
        for visit in itertools.chain(visits, itertools.repeat(None, STRIDES)):
            if visit is not None:
                line.append(_UnderWay(visit))
            for each in reversed(line):
                each.stride()
            while line and (found := line[0].found) is not None:
                line.popleft()
                yield found
    finally:
        for each in line:
            each.visit.close()
