"""Judging the objects of a storage root: in turn, or on a local disk by several processes.

Hashing could share one process, but reading inventories cannot: two processes are nearly twice as fast on small objects.
"""

from __future__ import annotations

import itertools
import multiprocessing
import os
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Literal, Protocol

from policies.findings import Findings
from storage.ocfl.check_object import ObjectCheck, Verdict, reporter
from storage.ocfl.check_root import RootCheck
from storage.ocfl.readonly import LocalPlace, Place

__all__ = ["BATCH", "POOL_FROM", "LocalRoot", "check_in_turn", "check_local"]

BATCH = 32
"""Objects given to a process at a time: the way there and back costs as much as a small object."""

POOL_FROM = 4 * BATCH
"""Objects from which on other processes are started: starting one takes as long as judging some hundred small objects."""

_Batch = tuple[str, ...]
_Answer = tuple[list[tuple[str, Verdict]], Findings]


class _Progress(Protocol):
    def start(self, phase: str, total: int | None, unit: Literal["bytes", "files", "objects"]) -> None: ...

    def advance(self, amount: int) -> None: ...

    def finish(self) -> None: ...


@dataclass(frozen=True, slots=True)
class LocalRoot:
    """A storage root in a local folder, and how many processes may work on it (None: one a processor)."""

    path: str
    workers: int | None = None

    @property
    def processes(self) -> int:
        if multiprocessing.current_process().daemon:
            return 1  # a daemonic process may not have children
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
    answers = _by_processes(where, batches) if parallel else (_judge(where.path, batch) for batch in batches)
    for verdicts, found in answers:
        findings.extend(found)
        for path, verdict in verdicts:
            root.judged(path, verdict)
        if progress is not None:
            progress.advance(len(verdicts))
    root.finish()
    if progress is not None:
        progress.finish()


def _batches(paths: Iterator[str]) -> Iterator[_Batch]:
    while batch := tuple(itertools.islice(paths, BATCH)):
        yield batch


def _judge(root: str, batch: _Batch) -> _Answer:
    findings = Findings()
    verdicts = [(path, ObjectCheck(LocalPlace(f"{root}/{path}"), reporter(findings, path)).check()) for path in batch]
    return verdicts, findings


def _by_processes(where: LocalRoot, batches: Iterator[_Batch]) -> Iterator[_Answer]:
    """The answers in the order of the batches. New processes, and not forked ones: other threads may hold locks here."""
    context = multiprocessing.get_context("spawn")
    while True:
        with ProcessPoolExecutor(where.processes, mp_context=context) as pool:
            waiting: deque[tuple[_Batch, Future[_Answer]]] = deque()
            try:
                for batch in batches:
                    waiting.append((batch, pool.submit(_judge, where.path, batch)))
                    if len(waiting) > 4 * where.processes:
                        yield waiting[0][1].result()
                        waiting.popleft()
                while waiting:
                    yield waiting[0][1].result()
                    waiting.popleft()
                return
            except BrokenProcessPool:
                broken = [batch for batch, _future in waiting]
        for batch in broken:
            yield _unknown(batch)


def _unknown(batch: _Batch) -> _Answer:
    """The answer for objects whose checker died (killed, out of memory): nothing is known of them, which is not good."""
    findings = Findings()
    for path in batch:
        findings.add("FIX-UNREADABLE", path, reason="the process that checked it was killed")
    return [(path, Verdict("", "")) for path in batch], findings
