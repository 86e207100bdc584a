"""Judging the objects of a storage root: in turn, or on a local disk by several processes.

Hashing could share one process, but reading inventories cannot: two processes are nearly twice as fast on small objects.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import pickle
import queue
import subprocess
import sys
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, Protocol

from policies.findings import Findings
from storage.ocfl.check_object import ObjectCheck, Verdict, reporter
from storage.ocfl.check_root import RootCheck
from storage.ocfl.readonly import LocalPlace, Place

__all__ = ["BATCH", "POOL_FROM", "SERVE", "LocalRoot", "check_in_turn", "check_local", "judge", "serve"]

BATCH = 32
"""Objects given to a process at a time: the way there and back costs as much as a small object."""

POOL_FROM = 4 * BATCH
"""Objects from which on other processes are started: starting one takes as long as judging some hundred small objects."""

_Batch = tuple[str, ...]
Answer = tuple[list[tuple[str, Verdict]], Findings]


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


def judge(root: str, batch: _Batch) -> Answer:
    """Judge some objects of a local storage root in this process."""
    findings = Findings()
    verdicts = [(path, ObjectCheck(LocalPlace(f"{root}/{path}"), reporter(findings, path)).check()) for path in batch]
    return verdicts, findings


def serve() -> None:
    """The life of a helper process: batches come in, answers go out, until the end of its input."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints must not get among the answers
    with contextlib.suppress(EOFError):
        while True:
            pickle.dump(judge(*pickle.load(sys.stdin.buffer)), out, pickle.HIGHEST_PROTOCOL)
            out.flush()


SERVE = "import sys; sys.path[:] = {path!r}; from storage.ocfl.check_parallel import serve; serve()"
"""What a helper process runs. Not multiprocessing: that runs the main script once more, and does not tell which helper died."""


class _Helper:
    """One helper process, started when it is first needed and again after it died."""

    def __init__(self, root: str) -> None:
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None

    def judge(self, batch: _Batch) -> Answer:
        """The answer for a batch. Where the helper dies (killed, out of memory), nothing is known of the object it was at."""
        try:
            return self._ask(batch)
        except (EOFError, BrokenPipeError, pickle.UnpicklingError):
            self.close()
        if len(batch) == 1:
            return _unknown(batch[0])
        verdicts: list[tuple[str, Verdict]] = []
        findings = Findings()
        for path in batch:
            some, found = self.judge((path,))
            verdicts += some
            findings.extend(found)
        return verdicts, findings

    def _ask(self, batch: _Batch) -> Answer:
        if self._process is None:
            code = SERVE.format(path=sys.path)
            self._process = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        pickle.dump((self._root, batch), self._process.stdin, pickle.HIGHEST_PROTOCOL)
        self._process.stdin.flush()
        answer: Answer = pickle.load(self._process.stdout)
        return answer

    def close(self) -> None:
        """End the process, at work or not."""
        if self._process is not None:
            self._process.kill()
            self._process.communicate()
            self._process = None


def _unknown(path: str) -> Answer:
    findings = Findings()
    findings.add("FIX-UNREADABLE", path, reason="the process that checked it was killed")
    return [(path, Verdict("", ""))], findings


def _by_processes(where: LocalRoot, batches: Iterator[_Batch]) -> Iterator[Answer]:
    """The answers in the order of the batches."""
    helpers = [_Helper(where.path) for _number in range(where.processes)]
    free: queue.SimpleQueue[_Helper] = queue.SimpleQueue()
    for helper in helpers:
        free.put(helper)

    def ask(batch: _Batch) -> Answer:
        helper = free.get()
        try:
            return helper.judge(batch)
        finally:
            free.put(helper)

    pool = ThreadPoolExecutor(where.processes)
    try:
        waiting: deque[Future[Answer]] = deque()
        for batch in batches:
            waiting.append(pool.submit(ask, batch))
            if len(waiting) > 4 * where.processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
        for helper in helpers:
            helper.close()
