"""Deposits as a service of the engine: handing records over, and deciding about those that wait."""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

from policies.findings import Verdict
from policies.retention import expires
from repository.archive import Archive
from repository.deposits.ingest import set_aside
from repository.errors import SourceArchive, WrongState
from repository.flow_names import DEPOSIT
from repository.flows import deposit_argument
from repository.jobs.flow import Report
from repository.ledger.events import ledger_of
from repository.model import Deposit, DepositState, Page
from repository.progress import Progress, Silent
from repository.shown import Shown

if TYPE_CHECKING:
    from repository.jobs.service import Jobs  # DBOS costs half a second: only those who run jobs load it

__all__ = ["Deposits"]

BATCH = 64
"""Deposits of one job: enough to share the barriers of a group commit, few enough that a killed job loses seconds."""

IN_FLIGHT = 3
"""Batches under way at once: while one is settled or registered and another waits for its barriers and re-reads its copies, the next is
examined."""


class Deposits:
    """Handing records over, and deciding about those that wait."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    def submit(
        self,
        paths: Sequence[Path],
        *,
        producer: str,
        key: str | None = None,
        update: str | None = None,
        metadata: Path | None = None,
        title: str | None = None,
        progress: Progress,
    ) -> list[Deposit]:
        """Deposit packages and wait for what becomes of each. The order of the result is that of ``paths``. Raises `SourceArchive`."""
        _apart(self._archive, paths)
        ids = [each.id for each in self.announce(paths, producer=producer, key=key, update=update)]
        beside = str(metadata.absolute()) if metadata else ""
        with self._jobs.session():
            batches = [ids[start : start + BATCH] for start in range(0, len(ids), BATCH)]
            self._run_all(batches, title or "", beside, progress, in_flight=1 if update else IN_FLIGHT)
            if update:
                self._after_others(ids, title or "", beside, progress)
            self._resume(list(self._archive.catalog.deposits.several(ids).values()), progress)
        progress.finish()
        ended = self._archive.catalog.deposits.several(ids)
        return [ended[deposit_id] for deposit_id in ids]

    def _run_all(self, batches: Sequence[list[str]], title: str, metadata: str, progress: Progress, *, in_flight: int) -> None:
        """Batches in order, ``in_flight`` at a time; the oldest that is under way shows its progress."""
        if len(batches) < 2 or in_flight < 2:
            for batch in batches:
                self._run(batch, title, metadata, Shown(progress))
            return
        pool, ended = ThreadPoolExecutor(in_flight, "batch"), 0

        def one(number: int) -> None:
            shown = Shown(progress)
            after = batches[number - 1][-1] if number else ""
            self._run(batches[number], title, metadata, lambda now: shown(now) if number == ended else None, after=after)

        try:
            for job in [pool.submit(one, number) for number in range(len(batches))]:
                job.result()
                ended += 1
        finally:  # not waiting: a person may have said stop, and the session's end tells the steps
            pool.shutdown(wait=False, cancel_futures=True)

    def _resume(self, deposits: Sequence[Deposit], progress: Progress) -> None:
        """What was handed in again although an earlier deposit of it had not enough copies yet: try that one again."""
        repeated = [deposit.reason for deposit in deposits if deposit.state is DepositState.REPEATED]
        earlier = self._archive.catalog.deposits.several(repeated).values()
        if waiting := [deposit.id for deposit in earlier if deposit.state is DepositState.ACCEPTED]:
            self._run(waiting, "", "", Shown(progress))

    def _after_others(self, ids: Sequence[str], title: str, metadata: str, progress: Progress) -> None:
        """Updates of one AIP that were handed in together are built one upon the other: each round, the next one gets its turn."""
        left = len(ids) + 1
        while waiting := [each for each in ids if any(f.code == "DEP-OVERTAKEN" for f in self.get(each).findings)]:
            if len(waiting) >= left:
                return
            left = len(waiting)
            self._run(waiting, title, metadata, Shown(progress))

    def announce(
        self, paths: Sequence[Path], *, producer: str, key: str | None = None, update: str | None = None
    ) -> list[Deposit]:
        """Make deposits known, before their bytes are read. The key is provisional until the bytes give the default one."""
        deposits = [self._new(path, producer, key or "", update or "") for path in paths]
        self._archive.catalog.deposits.add(*deposits)
        return deposits

    def _new(self, path: Path, producer: str, key: str, update: str) -> Deposit:
        now, new = self._archive.clock.now(), str(uuid.uuid4())
        return Deposit(
            id=new,
            key=f"pending:{new}",
            wanted_key=key,
            producer=producer,
            label=path.name or path.absolute().name,
            source=str(path.absolute()),
            state=DepositState.RECEIVED,
            created=now,
            updated=now,
            actor=self._archive.actor,
            update_of=update,
        )

    def _run(self, ids: list[str], title: str, metadata: str, report: Report, *, after: str = "") -> None:
        argument = deposit_argument(self._archive, ids, title, metadata, after)
        self._jobs.run(DEPOSIT, f"deposit:{ids[0]}:{uuid.uuid4().hex[:8]}", argument, progress=report)

    def get(self, deposit_id: str) -> Deposit:
        """Raises `UnknownDeposit`."""
        return self._archive.catalog.deposits.get(deposit_id)

    def list(self, *, state: DepositState | None = None, cursor: str | None = None, limit: int = 100) -> Page[Deposit]:
        """Deposits, newest first."""
        return self._archive.catalog.deposits.list(state=state, cursor=cursor, limit=limit)

    def release(self, deposit_id: str, *, reason: str) -> Deposit:
        """Let a held deposit in, by an officer's decision; the findings stay. Raises `UnknownDeposit`, `WrongState`."""
        self._decide(deposit_id, DepositState.SPOOLED, reason)
        self._run([deposit_id], "", "", Shown(Silent()))
        return self.get(deposit_id)

    def refuse(self, deposit_id: str, *, reason: str) -> Deposit:
        """Refuse a held deposit; its bytes are kept for the time the policy says. Raises `UnknownDeposit`, `WrongState`."""
        deposit = self._decide(deposit_id, DepositState.REFUSED, reason)
        set_aside(self._archive, deposit)
        return deposit

    def _decide(self, deposit_id: str, state: DepositState, reason: str) -> Deposit:
        deposit = self.get(deposit_id)
        if deposit.state is not DepositState.HELD:
            raise WrongState(deposit_id, deposit.state.value)
        now = self._archive.clock.now()
        refused = state is DepositState.REFUSED
        decided = self._archive.catalog.deposits.update(
            deposit_id,
            expected=DepositState.HELD,
            state=state,
            reason=reason,
            decided_by=self._archive.actor,
            updated=now,
            expires=expires(Verdict.REFUSE, self._archive.policy, now) if refused else None,
            key=f"{deposit.key}#{deposit.id}" if refused else deposit.key,
        )
        ledger_of(self._archive).decided(decided, reason)
        return decided


def _apart(archive: Archive, sources: Iterable[Path]) -> None:
    """What is deposited does not hold the archive's own folders: its bytes would be spooled into what is being read."""
    folders = {os.path.realpath(folder): folder for folder, _ in archive.settings.folders}
    for source in sources:
        real = os.path.realpath(source)
        for own, folder in folders.items():
            if os.path.commonpath([real, own]) == real:
                raise SourceArchive(str(source), str(folder))
