"""Formats: what the newest versions of all AIPs consist of, format by format, and the files that a migration would take up.

Only content counts (``representations/*/data/``): metadata is Kho's own care. What a migration made (`DERIVED`) is counted apart, and is
never a source of another migration. What lies in archives is counted apart, from the sums that were made of each when it came.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from sqlalchemy import Select, and_, func, select, tuple_

from formats.enclosed import Enclosed
from repository.catalog.database import Database
from repository.catalog.holdings import file_of
from repository.catalog.tables import OPEN, aip, aip_version, file
from repository.model import AipFile

__all__ = ["DERIVED", "EnclosedCounts", "FormatCount", "Formats"]

DERIVED: Final = re.compile(r"representations/[^/]+\.[a-z0-9-]+\.v[1-9][0-9]*/data/")
"""Where the results of migrations stand: ``representations/<source>.<path>.v<version>/data/`` (docs/on-disk.md)."""

_CONTENT: Final = file.c.path.like("representations/%/data/%")

STREAMED: Final = 1_000
"""Files fetched at a time: between two fetches no transaction is open."""


@dataclass(frozen=True, slots=True)
class FormatCount:
    """The files of one format ("" is none that is known) among the originals. ``years`` is year → (files, bytes) that came in it."""

    puid: str
    name: str
    files: int
    bytes: int
    aips: int
    years: dict[int, tuple[int, int]]


@dataclass
class EnclosedCounts:
    """What lies in ``archives`` among the originals that were looked into: ``formats`` as `Formats.counts` gives them, ``more`` files and
    bytes of which only that is known, ``locked`` files that ask for a password, ``left`` how often something was not looked at."""

    archives: int = 0
    formats: list[FormatCount] = field(default_factory=list)
    more: tuple[int, int] = (0, 0)
    locked: int = 0
    left: int = 0


class Formats:
    """Formats of what is held."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def counts(self) -> list[FormatCount]:
        """Every format that is held, most bytes first. One pass over all files."""
        originals = _CONTENT & ~_derived()
        total = (
            select(
                file.c.puid,
                func.max(file.c.format_name).label("name"),
                func.count().label("files"),
                func.sum(file.c.size).label("bytes"),
                func.count(func.distinct(file.c.aip_pk)).label("aips"),
            )
            .where(file.c.last_version == OPEN, originals)
            .group_by(file.c.puid)
        )
        with self._database.read() as transaction:
            rows = transaction.execute(total).all()
            years = self._years(transaction.execute(_by_version(originals)))
        counts = [FormatCount(r.puid, r.name, r.files, int(r.bytes), r.aips, years.get(r.puid, {})) for r in rows]
        return sorted(counts, key=lambda each: (-each.bytes, each.puid))

    def enclosed(self) -> EnclosedCounts:
        """What lies in archives. An index names them; memory grows with the number of formats."""
        counts, found = EnclosedCounts(), dict[str, _Summing]()
        for row in self._enclosing():
            sums = Enclosed.of(row.inside)
            counts.archives += 1
            counts.more = (counts.more[0] + sums.more[1], counts.more[1] + sums.more[2])
            counts.locked, counts.left = counts.locked + sums.locked, counts.left + sums.left
            for each in sums.formats:
                summing = found.setdefault(each.puid, _Summing())
                summing.add(row.aip_pk, row.created.year, each.name, (each.files, each.bytes))
        counts.formats = [each.counted(puid) for puid, each in found.items()]
        counts.formats.sort(key=lambda each: (-each.bytes, each.puid))
        return counts

    def _enclosing(self) -> Iterator[Any]:
        """The archives among the originals, AIP by AIP; between two fetches no transaction is open."""
        last = (0, "")
        while True:
            with self._database.read() as transaction:
                rows = transaction.execute(_enclosing(*last)).all()
            yield from (row for row in rows if not DERIVED.match(row.path))
            if len(rows) < STREAMED:
                return
            last = (rows[-1].aip_pk, rows[-1].path)

    def _years(self, rows: Any) -> dict[str, dict[int, tuple[int, int]]]:
        found: dict[str, dict[int, tuple[int, int]]] = {}
        for row in rows:
            year = row.created.year
            files, size = found.setdefault(row.puid, {}).get(year, (0, 0))
            found[row.puid][year] = (files + row.files, size + int(row.bytes))
        return found

    def aips(self, puids: Collection[str], *, after: int = 0, limit: int = 100) -> list[tuple[int, str]]:
        """(a number to go on from, AIP id) of AIPs whose newest version has originals of these formats, in a fixed order."""
        query = (
            select(aip.c.pk, aip.c.id)
            .join(file, file.c.aip_pk == aip.c.pk)
            .where(aip.c.pk > after, file.c.last_version == OPEN, file.c.puid.in_(sorted(puids)), _CONTENT & ~_derived())
            .group_by(aip.c.pk, aip.c.id)
            .order_by(aip.c.pk)
            .limit(limit)
        )
        with self._database.read() as transaction:
            return [(row.pk, row.id) for row in transaction.execute(query)]

    def originals(self, aip_id: str, puids: Collection[str]) -> Iterator[AipFile]:
        """The originals of these formats in the newest version of an AIP, by path, streamed."""
        last = ""
        while True:
            with self._database.read() as transaction:
                rows = transaction.execute(_originals(aip_id, puids, last)).all()
            yield from (file_of(row) for row in rows if not DERIVED.match(row.path))
            if len(rows) < STREAMED:
                return
            last = rows[-1].path

    def representations(self, aip_id: str, *, version: int = OPEN) -> list[str]:
        """The names of the representations of a version (of the newest), by one look-up each."""
        found: list[str] = []
        with self._database.read() as transaction:
            pk = transaction.execute(select(aip.c.pk).where(aip.c.id == aip_id)).scalar()
            after = "representations/"
            while True:
                query = select(func.min(file.c.path)).where(
                    file.c.aip_pk == pk,
                    file.c.path > after,
                    file.c.path < "representations0",
                    file.c.first_version <= version,
                    file.c.last_version >= version,
                )
                path = transaction.execute(query).scalar()
                if path is None:
                    return found
                found.append(path.split("/", 2)[1])
                after = f"representations/{found[-1]}0"  # "0" is the character after "/"


@dataclass
class _Summing:
    """One format on the way through all archives, AIP by AIP."""

    name: str = ""
    files: int = 0
    bytes: int = 0
    aips: int = 0
    last: int = 0
    years: dict[int, tuple[int, int]] = field(default_factory=dict)

    def add(self, aip_pk: int, year: int, name: str, amount: tuple[int, int]) -> None:
        self.name = max(self.name, name)
        self.files, self.bytes = self.files + amount[0], self.bytes + amount[1]
        self.aips += aip_pk != self.last
        self.last = aip_pk
        files, size = self.years.get(year, (0, 0))
        self.years[year] = (files + amount[0], size + amount[1])

    def counted(self, puid: str) -> FormatCount:
        return FormatCount(puid, self.name, self.files, self.bytes, self.aips, self.years)


def _enclosing(aip_pk: int, path: str) -> Select[Any]:
    """Archives that were looked into, in the order of the index that names them."""
    return (
        select(file.c.aip_pk, file.c.path, file.c.inside, aip_version.c.created)
        .join(aip_version, and_(aip_version.c.aip_pk == file.c.aip_pk, aip_version.c.number == file.c.first_version))
        .where(file.c.inside != "", tuple_(file.c.aip_pk, file.c.path) > (aip_pk, path), file.c.last_version == OPEN, _CONTENT)
        .order_by(file.c.aip_pk, file.c.path)
        .limit(STREAMED)
    )


def _derived() -> Any:
    """As `DERIVED`, as far as SQL can say it; `originals` looks again."""
    return file.c.path.like("representations/%.%.v%/data/%")


def _by_version(content: Any) -> Select[Any]:
    """Files of the newest versions by format and by the version that brought them."""
    return (
        select(file.c.puid, aip_version.c.created, func.count().label("files"), func.sum(file.c.size).label("bytes"))
        .join(aip_version, and_(aip_version.c.aip_pk == file.c.aip_pk, aip_version.c.number == file.c.first_version))
        .where(file.c.last_version == OPEN, content)
        .group_by(file.c.puid, aip_version.c.created)
    )


def _originals(aip_id: str, puids: Collection[str], after: str) -> Select[Any]:
    return (
        select(*file.c)
        .join(aip, aip.c.pk == file.c.aip_pk)
        .where(aip.c.id == aip_id, file.c.last_version == OPEN, file.c.puid.in_(sorted(puids)), _CONTENT, file.c.path > after)
        .order_by(file.c.path)
        .limit(STREAMED)
    )
