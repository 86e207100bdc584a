"""What examiners found that belongs into the AIP: small files, kept in the spool until the version is sealed.

They become files of the AIP like those that Kho makes itself; the received files are never touched.
"""

from __future__ import annotations

from collections.abc import Iterator

from fixity.tables import make_tables
from formats.package.spool import Spool
from formats.package.spool_database import beside

__all__ = ["VERSION", "Enclosures"]

VERSION = "{version}"
"""Stands in a path for the number of the version that is sealed: what was found then never takes the place of what was found before."""

_TABLE = "CREATE TABLE IF NOT EXISTS enclosure (path TEXT PRIMARY KEY, content BLOB NOT NULL) WITHOUT ROWID"
beside(_TABLE)


class Enclosures:
    """The enclosures of one spool. One content is in memory at a time."""

    def __init__(self, spool: Spool) -> None:
        self._database = spool.database
        make_tables(self._database, _TABLE)

    def clear(self) -> None:
        """Before a deposit is looked at anew."""
        self._database.execute("DELETE FROM enclosure")

    def add(self, path: str, content: bytes) -> None:
        """Let ``path`` (logical, from the AIP's root) hold ``content``; the first one given stays."""
        self._database.execute("INSERT OR IGNORE INTO enclosure VALUES (?,?)", (path, content))

    def __iter__(self) -> Iterator[tuple[str, bytes]]:
        """(path, content), by path."""
        paths = self._database.execute("SELECT path FROM enclosure ORDER BY path")
        for (path,) in paths:
            yield path, self._database.execute("SELECT content FROM enclosure WHERE path = ?", (path,)).fetchone()[0]
