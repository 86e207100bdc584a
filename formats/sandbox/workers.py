"""Workers: confined Python processes that answer for many files, one request and one reply at a time.

A start costs a tenth of a second and more, so that they are kept; what dies or hangs on a file is replaced, and the file is named.
Requests and replies are lines of JSON and not pickles: a worker reads hostile files, and what it says is parsed here, never executed.
"""

from __future__ import annotations

import json
import shutil
import sys
import tempfile
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

from formats.sandbox.limits import SandboxLimits
from formats.sandbox.outcome import End
from formats.sandbox.running import Running, start
from policies.phrases import phrase

__all__ = ["Reply", "Workers"]

T = TypeVar("T")

ROOT = Path(__file__).resolve().parents[2]
"""Where the packages are imported from, whatever the current folder holds."""

LIFE_SECONDS = 7 * 86_400.0
"""A worker's own clock is the caller's; this one only ends what somebody forgot."""

START_SECONDS = 60.0
"""Imports and the versions of some external programs: a second when idle, much more on a busy machine with cold disks."""

DEATHS = 2
"""How often a worker must die on a file before it is the file's fault and not a passing killer's (out of memory)."""

MOST_WAITING = 1024
"""Answers that may wait behind a slow file."""

AHEAD = 4
"""Requests under way a worker: a slow file may hold back the answers of this many others."""


@dataclass(frozen=True, slots=True)
class Reply:
    """``body`` is what the worker said; None when it could not, and then ``end`` and ``reason`` say why."""

    body: Mapping[str, Any] | None
    end: End | None = None
    reason: str = ""


class Workers:
    """Up to ``count`` workers of one kind: ``python -m module`` that serves by `formats.sandbox.serving.serve`.

    A worker is started when it is first needed, and stays. It ends with `close`, and with this process, however that ends.
    """

    def __init__(
        self,
        module: str,
        *,
        count: int,
        limits: SandboxLimits | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._limits = replace(limits or SandboxLimits(), seconds=LIFE_SECONDS)
        self._module = module
        self.count = count
        self._environment = {"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", "LC_ALL": "C.UTF-8", **(environment or {})}
        self._places = threading.BoundedSemaphore(count)
        self._lock = threading.Lock()
        self._idle: list[_Worker] = []
        self._closed = False

    def ask(self, request: Mapping[str, Any], *, seconds: float) -> Reply:
        """The reply to one request, in at most about ``seconds`` (twice, when the worker dies). Raises OSError when no process
        can be started at all."""
        line = json.dumps(request).encode("ascii")
        deaths = 0
        while True:
            with self._places:  # however many threads ask, no more than ``count`` workers run
                worker = self._take()
                reply = worker.ask(line, seconds)
                self._give_back(worker, usable=reply.body is not None)
            deaths += 1
            if reply.end is not End.DIED or deaths >= DEATHS:
                return reply

    def ask_all(
        self,
        items: Iterable[T],
        ask: Callable[[T], Reply],
        *,
        known: Callable[[T], Reply | None] = lambda _: None,
        at_once: int | None = None,
    ) -> Iterator[tuple[T, Reply]]:
        """``ask`` of every item, several at once, answers in the order of the items; memory does not grow with their number.

        Where ``known`` gives an answer, nobody is asked: a package may have a million files that no worker knows anything of.
        """
        count = at_once or self.count
        pool = ThreadPoolExecutor(count, "confined")
        waiting: deque[tuple[T, Future[Reply] | Reply]] = deque()
        asked = 0
        try:
            for item in items:
                answer = known(item)
                if answer is None:
                    asked += 1
                waiting.append((item, answer or pool.submit(ask, item)))
                while waiting and (isinstance(waiting[0][1], Reply) or asked >= count * AHEAD or len(waiting) >= MOST_WAITING):
                    first, given = waiting.popleft()
                    asked -= not isinstance(given, Reply)
                    yield first, given if isinstance(given, Reply) else given.result()
            while waiting:
                first, given = waiting.popleft()
                yield first, given if isinstance(given, Reply) else given.result()
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _take(self) -> _Worker:
        with self._lock:
            worker = self._idle.pop() if self._idle else None
        if worker is not None and worker.gone:
            worker.stop()
            worker = None
        return worker or _Worker(self._module, self._limits, self._environment)

    def _give_back(self, worker: _Worker, *, usable: bool) -> None:
        with self._lock:
            usable = usable and not self._closed
            if usable:
                self._idle.append(worker)
        if not usable:
            worker.stop()

    def close(self) -> None:
        """End the idle workers; one that is asked just now ends with its answer. Closing twice does no harm."""
        with self._lock:
            self._closed = True
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()


class _Worker:
    """One process and its folder."""

    def __init__(self, module: str, limits: SandboxLimits, environment: Mapping[str, str]) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="kho-worker-"))
        self._ready = False
        # -P: the current folder may hold anything, also a json.py
        command = [sys.executable, "-P", "-m", module]
        try:
            self._running: Running = start(command, folder=self._folder, limits=limits, environment=environment)
        except OSError:
            shutil.rmtree(self._folder, ignore_errors=True)
            raise

    @property
    def gone(self) -> bool:
        return self._running.gone

    def ask(self, line: bytes, seconds: float) -> Reply:
        if not self._ready and self._running.receive(START_SECONDS) is None:
            return self._lost(phrase("worker-silent"))
        self._ready = True
        answer = self._running.receive(seconds) if self._running.send(line) else None
        if answer is None:
            return self._lost(phrase("tool-time", seconds=f"{seconds:.0f}"))
        try:
            body = json.loads(answer)
        except ValueError:
            return Reply(None, End.DIED, phrase("worker-answer"))
        return Reply(body) if isinstance(body, dict) else Reply(None, End.DIED, phrase("worker-answer"))

    def _lost(self, reason: str) -> Reply:
        outcome = self._running.stop()
        if outcome.end is End.STOPPED:
            return Reply(None, End.TIME, reason)
        end = End.DIED if outcome.end is End.EXITED else outcome.end
        return Reply(None, end, phrase("worker-ended", how=outcome.words()))

    def stop(self) -> None:
        self._running.stop()
        shutil.rmtree(self._folder, ignore_errors=True)
