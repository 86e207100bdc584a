"""Judging the objects of a storage root: in turn, or on a local disk by several processes.

Hashing could share one process, but reading inventories cannot: two processes are nearly twice as fast on small objects.
"""

from __future__ import annotations

import itertools
import os
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol

from policies.findings import Findings
from policies.phrases import phrase
from storage import processes
from storage.ocfl.check_object import ObjectCheck, Verdict, reporter
from storage.ocfl.check_root import RootCheck
from storage.ocfl.early import ENTRY
from storage.ocfl.readonly import LocalPlace, Place
from storage.processes import Helpers

if TYPE_CHECKING:
    from concurrent.futures import Future

__all__ = ["BATCH", "ENTRY", "POOL_FROM", "LocalRoot", "check_in_turn", "check_local", "judge", "serve"]

BATCH = 16
"""Objects given to a process at a time: the way there and back costs as much as a small object."""

POOL_FROM = 8 * BATCH
"""Objects from which on other processes are started: starting one takes as long as judging some hundred small objects."""

_Batch = tuple[str, ...]
Answer = tuple[str, Verdict, Findings]


class _Progress(Protocol):
    def start(self, phase: str, total: int | None, unit: Literal["bytes", "files", "objects"]) -> None: ...

    def advance(self, amount: int) -> None: ...

    def finish(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LocalRoot:
    """A storage root in a local folder, and how many processes may work on it (None: one a processor), or which (``helpers``, started
    before by `early_helpers`)."""

    path: str
    workers: int | None = None
    helpers: Helpers | None = None

    @property
    def processes(self) -> int:
        if self.helpers is not None:
            return len(self.helpers)
        return self.workers if self.workers is not None else len(os.sched_getaffinity(0))


def check_in_turn(
    root: RootCheck,
    place: Place,
    findings: Findings,
    *,
    prefix: str = "",
    content: bool = True,
    progress: _Progress | None = None,
) -> None:
    """Judge a storage root in this process."""
    root.begin()
    if progress is not None:
        progress.start("check", None, "objects")
    for path in root.objects():
        where = f"{prefix}/{path}" if prefix else path
        root.judged(path, ObjectCheck(place.below(path), reporter(findings, where), content=content).check())
        if progress is not None:
            progress.advance(1)
    root.finish()
    if progress is not None:
        progress.finish()


def check_local(where: LocalRoot, root: RootCheck, findings: Findings, *, progress: _Progress | None = None) -> None:
    """Judge a storage root on a local disk, with several processes when there is enough to do."""
    root.begin()
    if progress is not None:
        progress.start("check", None, "objects")
    paths = root.objects()
    first = list(itertools.islice(paths, POOL_FROM))
    batches = _batches(itertools.chain(first, paths))
    parallel = where.processes > 1 and len(first) == POOL_FROM
    answers = _by_processes(where, batches) if parallel else (judge(where.path, batch) for batch in batches)
    for answer in answers:
        for path, verdict, found in answer:
            findings.extend(found)
            root.judged(path, verdict)
        if progress is not None:
            progress.advance(len(answer))
    root.finish()
    if progress is not None:
        progress.finish()


def _batches(paths: Iterator[str]) -> Iterator[_Batch]:
    while batch := tuple(itertools.islice(paths, BATCH)):
        yield batch


def judge(root: str, batch: Sequence[str]) -> list[Answer]:
    """Judge some objects of a local storage root in this process."""
    answers: list[Answer] = []
    for path in batch:
        findings = Findings()
        answers.append((path, ObjectCheck(LocalPlace(f"{root}/{path}"), reporter(findings, path)).check(), findings))
    return answers


def serve(lifeline: int) -> None:
    """The life of a process that judges objects."""
    processes.serve(lifeline, lambda question, told: judge(*question))


def _unknown(path: str) -> Answer:
    """Where the process dies (killed, out of memory), nothing is known of the object it was at."""
    findings = Findings()
    findings.add("FIX-UNREADABLE", path, reason=phrase("checker-killed"))
    return path, Verdict("", ""), findings


def _by_processes(where: LocalRoot, asked: Iterator[_Batch]) -> Iterator[list[Answer]]:
    """The answers in the order of the batches."""
    from concurrent.futures import ThreadPoolExecutor  # takes a third of the start of a process, which has no need of it

    helpers = where.helpers or Helpers(ENTRY, where.processes)

    def ask(batch: _Batch) -> list[Answer]:
        with helpers.one() as helper:
            return helper.ask_all(batch, lambda paths: (where.path, paths), lambda message: None, _unknown)

    pool = ThreadPoolExecutor(where.processes)
    try:
        waiting: deque[Future[list[Answer]]] = deque()
        for batch in asked:
            waiting.append(pool.submit(ask, batch))
            if len(waiting) > 4 * where.processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        helpers.close()
