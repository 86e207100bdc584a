"""The home of an archive whose catalog and ledger tell of many checks, without one file of a record: for the report on them.

``make HOME CHECKS``: half as many AIPs on two tiers, each copy checked once within sixty days, every day closed, signed and kept.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

from repository.catalog import Catalog
from repository.clock import ManualClock
from repository.engine import Engine
from repository.ledger.events import ledger_of
from repository.ledger.keeper import close_days, keep_day
from repository.model import CheckRecord, Copy, CopyState, Damage

START = datetime(2026, 1, 1, 1, tzinfo=UTC)
DAYS = 60
DAMAGED = 1_000
"""One copy of so many is damaged when it is checked."""

TIERS = ("a", "b")
BATCH = 10_000


def _id(number: int) -> str:
    return f"urn:uuid:{number * 2654435761 % 2**32:08x}-0000-5000-8000-{number:012x}"


def _checks(first: int, last: int, at: datetime) -> Iterator[CheckRecord]:
    """The checks numbered so, of the copy of AIP number // 2 on one of two tiers."""
    for number in range(first, last):
        aip, tier = _id(number // 2), TIERS[number % 2]
        damages = (Damage(aip, tier, f"v1/content/k/data/{number}.pdf", "altered", "00" * 64, "ff" * 64, at),)
        yield CheckRecord(
            aip_id=aip,
            tier=tier,
            time=at + timedelta(milliseconds=10 * (number - first)),
            state=CopyState.GOOD if number % DAMAGED else CopyState.DAMAGED,
            algorithm="sha512" if number % 4 == 0 else "sha256",
            inventory_sha512=f"{number // 2:0128x}",
            check_next=at + timedelta(days=90),
            last_check=at - timedelta(days=90),
            version=1,
            damages=() if number % DAMAGED else damages,
            files=20,
            bytes=200_000,
        )


def _aips(database: Path, count: int) -> None:
    """The rows of AIPs, as they are after deposits."""
    connection = sqlite3.connect(database)
    at = int(START.timestamp()) * 1_000_000
    columns = "id, producer, title, package, identifier, version, created, updated, files, bytes, fields"
    rows = ((_id(n), "Sở Nội vụ", f"Hồ sơ {n}", "bag", "", 1, at, at, 20, 200_000, "{}") for n in range(count))
    connection.executemany(f"INSERT INTO aip ({columns}) VALUES (?,?,?,?,?,?,?,?,?,?,?)", rows)
    connection.commit()
    connection.close()


def _copies(catalog: Catalog, checks: int) -> None:
    rows = (
        Copy(each.aip_id, each.tier, 1, each.state, START, each.time, each.check_next, each.bytes, each.files)
        for day in range(DAYS)
        for each in _checks(*_part(checks, day), START + timedelta(days=day))
    )
    while batch := list(islice(rows, BATCH)):
        catalog.copies.put(batch)


def _part(checks: int, day: int) -> tuple[int, int]:
    return checks * day // DAYS, checks * (day + 1) // DAYS


def make(home: Path, checks: int) -> None:
    Engine.create(home, tiers={name: home / "tiers" / name for name in TIERS}).close()
    _aips(home / "catalog.db", checks // 2)
    clock = ManualClock(START)
    with Engine.open(home, actor="user:bench", clock=clock) as engine:
        archive = replace(engine.archive, clock=clock)
        _copies(archive.catalog, checks)
        ledger = ledger_of(archive)
        for day in range(DAYS):
            records = _checks(*_part(checks, day), clock.now())
            while batch := list(islice(records, BATCH)):
                ledger.checked(batch)
            plans = [ledger.event("fixity plan", "success", detail={"population": checks // 2}) for _ in TIERS]
            canaries = [ledger.event("canary check", "success", detail={"planted": 6, "found": 6}) for _ in TIERS]
            ledger.append(
                replace(each, tier=tier) for events in (plans, canaries) for each, tier in zip(events, TIERS, strict=True)
            )
            clock.advance(timedelta(days=1))
            closed = close_days(archive)
            if closed is None or not keep_day(archive, closed):
                raise RuntimeError(f"day {day} of the ledger was not kept")


if __name__ == "__main__":
    make(Path(sys.argv[2]), int(sys.argv[3]))
