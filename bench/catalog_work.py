"""Work on a catalog, as a process: Kho's own way and the same in bare SQLite.

``copies-kho DATABASE ROWS`` · ``copies-raw DATABASE ROWS``.
Each prints the seconds of all rows.
"""

from __future__ import annotations

import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice

from repository.catalog import Catalog
from repository.model import Copy, CopyState

NOW = datetime(2026, 1, 1, tzinfo=UTC)
BATCH = 1_000
"""Rows of one transaction of the floor."""


def _copies(rows: int) -> Iterator[Copy]:
    for number in range(rows):
        at = NOW - timedelta(seconds=number * 7919 % (rows * 2))
        yield Copy(
            aip_id=f"urn:uuid:{number * 2654435761 % 2**32:08x}-0000-5000-8000-{number:012x}",
            tier="a" if number % 2 else "b",
            version=1,
            state=CopyState.GOOD,
            stored=at,
            last_check=at,
            check_next=at + timedelta(days=1),
            bytes=200_000,
            files=20,
        )


def copies_kho(database: str, rows: int) -> None:
    """Enter copies through the catalog, each 10,000 durable before the next."""
    Catalog.create(f"sqlite:///{database}")
    catalog = Catalog(f"sqlite:///{database}")
    copies = _copies(rows)
    started = time.perf_counter()
    while batch := list(islice(copies, 10 * BATCH)):
        catalog.copies.put(batch)
    print(time.perf_counter() - started)
    catalog.close()


def copies_raw(database: str, rows: int) -> None:
    """The same rows into the same table with the same indexes, 1,000 a transaction, WAL, synchronous FULL."""
    Catalog.create(f"sqlite:///{database}")
    connection = sqlite3.connect(database, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    columns = "aip_id, tier, version, state, stored, last_check, last_full, check_next, bytes, files"
    copies = _copies(rows)
    started = time.perf_counter()
    while batch := list(islice(copies, BATCH)):
        values = [
            (
                c.aip_id,
                c.tier,
                c.version,
                c.state.value,
                _raw(c.stored),
                _raw(c.last_check),
                None,
                _raw(c.check_next),
                c.bytes,
                c.files,
            )
            for c in batch
        ]
        connection.execute("BEGIN IMMEDIATE")
        connection.executemany(f"INSERT INTO copy ({columns}) VALUES (?,?,?,?,?,?,?,?,?,?)", values)
        connection.execute("COMMIT")
    print(time.perf_counter() - started)
    connection.close()


def _raw(at: datetime | None) -> int | None:
    return None if at is None else (at - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)


if __name__ == "__main__":
    WORK: dict[str, Callable[..., None]] = {
        "copies-kho": copies_kho,
        "copies-raw": copies_raw,
    }
    WORK[sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:]))
