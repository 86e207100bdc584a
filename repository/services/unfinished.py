"""Unfinished deposits: what a killed process left is gone on with by the next one that runs jobs; nothing waits for being noticed.

A job that was begun is in the database, and is queued again when its process is known to be dead. A deposit that was announced and
whose job was never queued (a kill in between) has left its depositor without an answer: what is whole in the spool is gone on with,
and what was never read fails with a sentence, so that it is handed in again.
"""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Final

from policies.findings import KhoError, said
from repository.archive import Archive
from repository.catalog import CatalogConflict, DepositChange
from repository.deposits.remains import keep_row
from repository.flow_names import DEPOSIT
from repository.flows import deposit_argument
from repository.jobs.service import Jobs
from repository.model import Deposit, DepositState
from repository.progress import Progress
from repository.shown import Shown

__all__ = ["Unfinished"]

PATIENCE: Final = timedelta(minutes=10)
"""A deposit that nothing happened to for so long, while nobody runs jobs, was broken off."""

_UNDER_WAY: Final = (DepositState.RECEIVED, DepositState.SPOOLED, DepositState.ACCEPTED)
_BEFORE_VERDICT: Final = (DepositState.RECEIVED, DepositState.SPOOLED)


class Unfinished:
    """Deposits that nobody works on."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    def jobs(self) -> int:
        """How many deposit jobs wait while nobody takes them: those that `go_on` would run. 0 when somebody does."""
        return len(self._jobs.waiting(DEPOSIT)) if self._jobs.unattended() else 0

    def count(self) -> int:
        """How many deposits wait that nothing happened to for `PATIENCE`, while no process runs the archive's jobs: a command of another
        host may have in hand what it announced."""
        since = self._archive.clock.now() - PATIENCE
        waiting = self._archive.catalog.deposits.idle(_UNDER_WAY, since=since)
        return waiting if waiting and self._jobs.idle() else 0

    def adopt(self) -> int:
        """Give deposits without a verdict that no job names one; those that were never read fail. How many there were; 0 while
        another process runs jobs.

        A command that hands in many packages queues them bit by bit: should it still live, it takes up what failed here.
        """
        since = self._archive.clock.now() - PATIENCE
        idle = self._archive.catalog.deposits.stale(_BEFORE_VERDICT, since=since)
        if not idle or not self._jobs.idle():
            return 0
        named = {deposit_id for argument in self._jobs.arguments(DEPOSIT) for deposit_id in argument["ids"]}
        orphans = [deposit for deposit in idle if deposit.id not in named]
        for deposit in orphans:
            self._adopt(deposit)
        return len(orphans)

    def _adopt(self, deposit: Deposit) -> None:
        archive = self._archive
        folder = archive.spools.folder(deposit.id)
        if folder.exists() and archive.spools.get(deposit.id).complete:
            argument = {**deposit_argument(archive, [deposit.id]), "actor": deposit.actor}
            self._jobs.run(DEPOSIT, f"deposit:{deposit.id}:{uuid.uuid4().hex[:8]}", argument, wait=False)
            return
        error = KhoError("DEP-NOT-BEGUN", deposit.label)
        change: DepositChange = {
            "state": DepositState.FAILED,
            "updated": archive.clock.now(),
            "error": said(error.finding),
            "findings": (error.finding,),
            "finding_counts": {error.code: 1},
        }
        try:
            failed = archive.catalog.deposits.update(deposit.id, expected=_BEFORE_VERDICT, **change)
        except CatalogConflict:
            return  # somebody works on it after all
        archive.spools.remove(deposit.id)
        keep_row(archive, failed)

    def go_on(self, progress: Progress) -> int:
        """Run the deposit jobs that wait, oldest first, when nobody else does; how many there were. One that fails says so in its
        deposits."""
        done = self._jobs.run_waiting(DEPOSIT, Shown(progress))
        progress.finish()
        return done
