"""Lanes: threads that make calls to a store, and the room for the bytes that are under way in them."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from typing import TypeVar

__all__ = ["CONCURRENCY", "Lanes"]

CONCURRENCY = 8
"""Calls at once. A store far away answers one call in some 50 ms; eight of 8 MiB fill a line of 1 GBit/s, and 64 MiB of memory."""

T = TypeVar("T")


class Lanes:
    """``count`` threads shared by all that a tier does, started when there is work. A job must not wait for another job."""

    def __init__(self, count: int = CONCURRENCY) -> None:
        self.count = count
        self._pool: ThreadPoolExecutor | None = None
        self._guard = threading.Lock()
        self._room = threading.BoundedSemaphore(count)

    def in_order(self, jobs: Iterable[Callable[[], T]]) -> Iterator[T]:
        """What the jobs return, in their order. A job is only taken from ``jobs`` when there is a lane for it, so that as many
        pieces of data as there are lanes are in memory, whoever asks, and as many answers wait to be taken.

        An error of a job comes through at its place; jobs begun by then are waited for, so that nothing goes on behind the caller.
        """
        waiting: deque[Future[T]] = deque()
        source = iter(jobs)
        try:
            while (future := self._begun(source)) is not None:
                waiting.append(future)
                if len(waiting) >= self.count:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            _ended(waiting)

    def as_they_end(self, jobs: Iterable[Callable[[], T]]) -> Iterator[T]:
        """The same, in whatever order the jobs end, for answers that are small: one that is slow holds up no other."""
        running: set[Future[T]] = set()
        source = iter(jobs)
        try:
            while (future := self._begun(source)) is not None:
                running.add(future)
                for each in [each for each in running if each.done()]:
                    running.remove(each)
                    yield each.result()
            for each in as_completed(running):
                yield each.result()
        finally:
            _ended(running)

    def _begun(self, source: Iterator[Callable[[], T]]) -> Future[T] | None:
        """The next job, once there is a lane for it; None when there is none."""
        job = self._next(source)
        if job is None:
            return None
        future = self._threads().submit(job)
        future.add_done_callback(lambda _: self._room.release())
        return future

    def _next(self, source: Iterator[Callable[[], T]]) -> Callable[[], T] | None:
        self._room.acquire()
        job = None
        try:
            job = next(source, None)
        finally:
            if job is None:
                self._room.release()
        return job

    def _threads(self) -> ThreadPoolExecutor:
        with self._guard:
            self._pool = self._pool or ThreadPoolExecutor(self.count, "s3")
            return self._pool

    def close(self) -> None:
        """End the threads; they are started anew when there is work again."""
        with self._guard:
            pool, self._pool = self._pool, None
        if pool is not None:
            pool.shutdown(wait=True, cancel_futures=True)


def _ended(futures: Collection[Future[T]]) -> None:
    """Take back what has not begun, and wait for the rest."""
    for future in futures:
        future.cancel()
    wait(futures)
