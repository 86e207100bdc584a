"""The next due copies of a tier, asked of a catalog of many: Kho's own way and a bare driver, on SQLite or PostgreSQL.

``fill URL ROWS`` · ``kho URL`` · ``raw URL``. The last two print the median of single answers, in seconds.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from measure import median_seconds

from repository.catalog import Catalog

NOW = datetime(2026, 1, 1, tzinfo=UTC)
MICROSECONDS = int(NOW.timestamp()) * 1_000_000
DAY = 86_400 * 1_000_000
DUE = 10_000
"""Copies asked for, as in the targets: the next ten thousand."""

REPEAT = 21

COLUMNS = "aip_id, tier, version, state, stored, last_check, check_next, bytes, files"
VALUES = "CASE i % 2 WHEN 1 THEN 'a' ELSE 'b' END, 1, 'good', t, t, t + {day}, 200000, 20"
WHEN = "{now} - i * 7919 % ({rows} * 2) * 1000000"

SQLITE = (
    "INSERT INTO copy ({columns}) WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rows}),"
    " m AS (SELECT i, {when} AS t FROM n)"
    " SELECT printf('urn:uuid:%08x-0000-5000-8000-%012x', i, i), {values} FROM m"
)
POSTGRESQL = (
    "INSERT INTO copy ({columns}) SELECT 'urn:uuid:' || lpad(to_hex(i), 8, '0') || '-0000-5000-8000-' || lpad(to_hex(i), 12, '0'),"
    " {values} FROM (SELECT i, {when} AS t FROM generate_series(0::bigint, {rows} - 1) AS i) AS m"
)
RAW = "SELECT aip_id FROM copy WHERE tier = 'a' AND check_next <= {now} ORDER BY check_next, aip_id LIMIT {due}"


def fill(url: str, rows: int) -> None:
    """Make the catalog and enter copies; the index of what is due is made afterwards, as it is in the catalog, which is quicker."""
    Catalog.create(url)
    sqlite = url.startswith("sqlite")
    text = (SQLITE if sqlite else POSTGRESQL).format(
        columns=COLUMNS, rows=rows, values=VALUES.format(day=DAY), when=WHEN.format(now=MICROSECONDS, rows=rows)
    )
    index = "SELECT sql FROM sqlite_master WHERE name = 'copy_due'"
    if not sqlite:
        index = "SELECT indexdef FROM pg_indexes WHERE indexname = 'copy_due'"
    connection = _bare(url)
    if sqlite:
        for pragma in ("synchronous = OFF", "cache_size = -500000"):
            connection.execute(f"PRAGMA {pragma}")
    (made,) = connection.execute(index).fetchone()
    for statement in ("DROP INDEX copy_due", text, made):
        connection.execute(statement)
        connection.commit()
    if not sqlite:
        connection.autocommit = True
        connection.execute("VACUUM ANALYZE copy")  # what autovacuum does within minutes of such a change
    connection.close()


def _bare(url: str) -> Any:
    if url.startswith("sqlite"):
        return sqlite3.connect(url.removeprefix("sqlite:///"))
    import psycopg

    return psycopg.connect(url.replace("+psycopg", ""))


def kho(url: str) -> None:
    """Through the catalog, every column that an audit wants."""
    catalog = Catalog(url)
    print(median_seconds(lambda: catalog.copies.due("a", NOW + timedelta(days=1), limit=DUE), REPEAT))
    catalog.close()


def raw(url: str) -> None:
    """Ids alone from the covering index, by a bare driver."""
    connection = _bare(url)
    query = RAW.format(now=MICROSECONDS + DAY, due=DUE)
    print(median_seconds(lambda: connection.execute(query).fetchall(), REPEAT))
    connection.close()


if __name__ == "__main__":
    WORK: dict[str, Callable[..., None]] = {"fill": fill, "kho": kho, "raw": raw}
    WORK[sys.argv[1]](sys.argv[2], *map(int, sys.argv[3:]))
