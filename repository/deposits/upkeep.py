"""Upkeep: what the worker does for deposits by itself: bring waiting ones to their copies, and let go of what was kept long enough."""

from __future__ import annotations

import shutil
from typing import Any

from policies.copies import is_stored
from repository.archive import Archive
from repository.deposits.remains import keep_row
from repository.deposits.uploads import clear_upload
from repository.ledger.events import ledger_of
from repository.model import Deposit, DepositState

__all__ = ["let_go", "promote", "waiting"]

AT_ONCE = 64
"""Deposits of one step."""

KEPT_ASIDE = {DepositState.REFUSED: "refused", DepositState.QUARANTINED: "quarantine"}


def waiting(archive: Archive) -> list[str]:
    """Accepted deposits that have not enough copies yet, oldest ids of the first page: a tier was down, or a process died."""
    return [deposit.id for deposit in archive.catalog.deposits.list(state=DepositState.ACCEPTED, limit=AT_ONCE).items]


def promote(archive: Archive) -> int:
    """Deposits that a rebuild found on too few tiers, or that were taken up from there, are stored once enough copies were re-read and
    matched."""
    stored = 0
    cursor: str | None = None
    while True:
        page = archive.catalog.deposits.list(state=DepositState.KEPT, cursor=cursor, limit=1_000)
        for deposit in page.items:
            aip = archive.catalog.holdings.find(deposit.aip_id)
            if aip is None:
                continue
            promise = archive.policy.copies_of(aip.collection)
            if is_stored(aip.copies, promise, version=deposit.aip_version):
                archive.catalog.deposits.update(deposit.id, state=DepositState.STORED, updated=archive.clock.now())
                archive.spools.remove(deposit.id)
                clear_upload(archive.settings.home, deposit)
                stored += 1
        if page.cursor is None:
            return stored
        cursor = page.cursor


def let_go(archive: Archive) -> dict[str, Any]:
    """Remove the bytes of refused and infected deposits whose time is over; the deposit with its reasons stays, and an event tells.

    A held deposit is never let go: an officer has to decide.
    """
    now = archive.clock.now()
    gone = 0
    for state, place in KEPT_ASIDE.items():
        cursor: str | None = None
        while True:
            page = archive.catalog.deposits.list(state=state, cursor=cursor, limit=1_000)
            gone += sum(_let_go(archive, deposit, place) for deposit in page.items if deposit.expires and deposit.expires <= now)
            if page.cursor is None:
                break
            cursor = page.cursor
    return {"gone": gone}


def _let_go(archive: Archive, deposit: Deposit, place: str) -> bool:
    folder = archive.settings.home / place / deposit.id
    if not folder.exists():
        return False
    keep_row(archive, deposit)
    shutil.rmtree(folder)
    ledger_of(archive).let_go(deposit)
    return True
