"""The ledger as a service of the engine: bring it up to date, hand it out with its verifier, prove single events, change its key."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from repository.archive import Archive
from repository.errors import NoDays, NotInLedger
from repository.flow_names import LEDGER
from repository.handed import new_folder
from repository.jobs.service import Jobs
from repository.ledger.keeper import VERIFIER, export_days, latest_line, prove
from repository.ledger.keys import LostKey, lost_keys, report_lost, rotate
from repository.ledger.open_day import open_copies
from signatures.signing_keys import SigningKey

__all__ = ["Ledgers"]


class Ledgers:
    """What happened, provable to others."""

    def __init__(self, archive: Archive, jobs: Jobs) -> None:
        self._archive = archive
        self._jobs = jobs

    def update(self) -> Mapping[str, Any]:
        """Copy the open day, close days that are over, stamp and keep them; waits. See `repository.ledger.flow.LedgerFlow`."""
        result: Mapping[str, Any] = self._jobs.run(LEDGER, f"ledger:{uuid.uuid4()}", {"actor": self._archive.actor})
        return result

    def open_copies(self) -> int:
        """How many tiers the open day is copied to, where all of them can be written."""
        return open_copies(self._archive)

    def line(self) -> str:
        """The line of the newest head, to be kept outside the archive; "" before the first day is closed."""
        return latest_line(self._archive)

    def export(self, target: Path, *, first: int = 1, last: int | None = None) -> tuple[int, Path]:
        """Write closed days with the verifier into a new folder: (how many days, the verifier). Raises `NoDays`, `ExportFailed`."""
        days = list(self._archive.catalog.days.between(first, last))
        if not days:
            raise NoDays
        with new_folder(target):
            scope = {"ledger": {"first": days[0].number, "last": days[-1].number, "ends": last is not None}}
            (target / "scope.json").write_text(json.dumps({"kho": 1, **scope}), encoding="utf-8")
            segments = list(export_days(self._archive, target, days[0].number, days[-1].number))
        return len(segments), target / VERIFIER

    def prove(self, event_id: str, day: int | None = None) -> dict[str, Any]:
        """The proof that an event is in its day, or with ``day`` that it is in or not in that one. Raises `NotInLedger`."""
        proof = prove(self._archive, event_id, day)
        if proof is None:
            raise NotInLedger(event_id)
        return proof

    def rotate_key(self, key: Path | None = None) -> str:
        """Let a new key (made here, or a PEM file) sign from the next day on; returns its id. Raises `SigningKeyError`."""
        return rotate(self._archive, SigningKey.load(key) if key else None)

    def report_lost(self, reason: str, key: Path | None = None) -> str:
        """The key in force is lost for good: let a new one begin that nobody vouches for, and say so in the ledger for ever; returns its
        id. Raises `SigningKeyError`, `LedgerBehind`, `LedgerClock`."""
        return report_lost(self._archive, reason, SigningKey.load(key) if key else None)

    def lost_keys(self) -> list[LostKey]:
        """Keys that began because the one before them was lost. Raises `SigningKeyError`."""
        return lost_keys(self._archive)
