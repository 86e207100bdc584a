"""Accepting many deposits at once: by processes where there are enough of them, else by threads.

Most of the work on a small deposit is Python's own, which one process does on one core, however many threads it has.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from policies.archive import Policy
from policies.findings import KhoError
from repository.archive import Archive
from repository.description import Extras
from repository.ingest import Outcome, accept, failed
from repository.model import Deposit
from repository.progress import Progress, Silent
from repository.settings import Settings
from storage import processes
from storage.processes import Helpers, Told, batches

__all__ = ["Accepting", "serve"]

T = TypeVar("T")

BATCH = 4
"""Deposits given to a process at a time: the way there and back costs a tenth of a small deposit."""

POOL_FROM = 24
"""Deposits from which on processes are started (they stay for the next call): starting them takes as long as accepting so many."""


class Accepting:
    """Examines deposits, several at a time, and seals those that are accepted; makes nothing known.

    ``apart`` allows processes: for an archive that is put together from its settings and the system's clock, as they do it.
    """

    def __init__(self, *, apart: bool = False, cores: int | None = None) -> None:
        self._apart = apart
        self._cores = cores if cores is not None else len(os.sched_getaffinity(0))
        self.helpers = Helpers(f"{__name__}:serve", self._cores)

    def outcomes(
        self, archive: Archive, deposits: Sequence[Deposit], extra: Extras, progress: Progress
    ) -> Iterator[Outcome | None]:
        """`repository.ingest.accept` for each deposit, in their order. ``progress`` is called in any thread; what it raises ends the
        work."""
        if len(deposits) == 1:
            yield accept(archive, deposits[0], extra, progress)
            return
        progress.start("accept", len(deposits), "objects")
        updates = any(each.update_of for each in deposits)  # they read tiers, which the processes do not have
        if self._apart and self._cores > 1 and len(deposits) >= POOL_FROM and not updates:
            yield from self._by_processes(archive, deposits, extra, progress)
        else:
            yield from self._by_threads(archive, deposits, extra, progress)

    def _by_threads(
        self, archive: Archive, deposits: Sequence[Deposit], extra: Extras, progress: Progress
    ) -> Iterator[Outcome | None]:
        """One waits for the identification worker or the disk while another is hashed."""

        def one(deposit: Deposit) -> Outcome | None:
            progress.advance(0)
            outcome = accept(archive, deposit, extra, _Within(progress))
            progress.advance(1)
            return outcome

        yield from self._in_order(one, deposits)

    def _by_processes(
        self, archive: Archive, deposits: Sequence[Deposit], extra: Extras, progress: Progress
    ) -> Iterator[Outcome | None]:
        def question(some: Sequence[Deposit]) -> _Question:
            return _Question(archive.settings, archive.policy, archive.actor, some, extra)

        def ask(batch: list[Deposit]) -> list[Outcome | None]:
            with self.helpers.one() as helper:
                progress.advance(0)
                return helper.ask_all(batch, question, progress.advance, _lost)

        asked = list(batches(deposits, lambda batch, _: len(batch) == BATCH))
        for answers in self._in_order(ask, asked):
            yield from answers

    def _in_order(self, act: Callable[[Any], T], items: Sequence[Any]) -> Iterator[T]:
        with ThreadPoolExecutor(self._cores, "accept") as pool:
            under_way = [pool.submit(act, item) for item in items]
            try:
                for future in under_way:
                    yield future.result()
            finally:
                for future in under_way:
                    future.cancel()

    def close(self) -> None:
        """End the processes."""
        self.helpers.close()


class _Within(Silent):
    """Shows nothing of one deposit among many, but lets what ``progress`` raises end the work on it."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress

    def advance(self, amount: int) -> None:
        self._progress.advance(0)


@dataclass(frozen=True, slots=True)
class _Question:
    """What a process is asked: everything from which it puts the archive together, and the deposits."""

    settings: Settings
    policy: Policy
    actor: str
    deposits: Sequence[Deposit]
    extra: Extras


def serve(lifeline: int) -> None:
    """The life of a process that accepts deposits."""
    opened: list[Archive] = []

    def answer(question: _Question, told: Told) -> list[Outcome | None]:
        if not opened or (opened[0].settings, opened[0].policy) != (question.settings, question.policy):
            opened[:] = [Archive.of(question.settings, question.policy, question.actor, tiers={}, workers=1)]
        archive = replace(opened[0], actor=question.actor)
        return [_accepted(archive, deposit, question.extra, told) for deposit in question.deposits]

    processes.serve(lifeline, answer)
    for archive in opened:
        archive.inspectors.close()  # their folders go with them


def _accepted(archive: Archive, deposit: Deposit, extra: Extras, told: Told) -> Outcome | None:
    outcome = accept(archive, deposit, extra, Silent())
    archive.spools.close(deposit.id)
    told(1)
    return outcome


def _lost(deposit: Deposit) -> Outcome:
    """Where the process dies (killed, out of memory), the deposit it was at can be tried again."""
    return failed(deposit, KhoError("DEP-FAILED", deposit.label, reason="the process that examined it was killed"))
