"""Holdings: the AIPs, their versions and their files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import islice
from typing import Any

from sqlalchemy import Row, Select, and_, case, func, or_, select

from repository.catalog.copies import copies_of
from repository.catalog.cursors import LARGEST_PAGE, before, cursor_at, page_of, place_of
from repository.catalog.database import Database, Transaction, insert_into
from repository.catalog.digests import Earliest
from repository.catalog.folding import words
from repository.catalog.registration import content_path
from repository.catalog.tables import aip, aip_version, file, kept_object, kept_version, search
from repository.errors import UnknownAip
from repository.model import Aip, AipFile, AipVersion, Copy, Page

__all__ = ["Holdings", "file_of"]

ASKED_AT_ONCE = 500
"""Values of one IN list: SQLite takes 32,766 variables, and a plan should stay small."""

ASKED = 500
"""Digests looked up in one query."""

STREAMED = 5_000
"""Files fetched at a time while streaming: between two fetches no transaction is open, so a slow reader holds up nobody."""


class Holdings:
    """What the catalog knows of AIPs. Methods open a transaction of their own unless ``within`` gives one."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, aip_id: str, *, within: Transaction | None = None) -> Aip:
        """One AIP with its versions, and its copies with their open damages. Raises UnknownAip."""
        found = self.find(aip_id, within=within)
        if found is None:
            raise UnknownAip(aip_id)
        return found

    def find(self, aip_id: str, *, within: Transaction | None = None) -> Aip | None:
        """As `get`, None when there is no such AIP."""
        with self._database.read(within) as transaction:
            row = transaction.execute(select(aip).where(aip.c.id == aip_id)).one_or_none()
            if row is None:
                return None
            query = select(aip_version).where(aip_version.c.aip_pk == row.pk).order_by(aip_version.c.number)
            versions = tuple(_version(each) for each in transaction.execute(query))
            copies = copies_of(transaction, [aip_id], damages=True)
        return replace(_aip(row, copies.get(aip_id, ())), versions=versions)

    def by_identifier(self, producer: str, identifier: str, *, within: Transaction | None = None) -> str | None:
        """The id of the (first) AIP that ``producer`` deposited under its own id ``identifier``."""
        if not identifier:
            return None
        query = select(aip.c.id).where(aip.c.producer == producer, aip.c.identifier == identifier)
        with self._database.read(within) as transaction:
            return transaction.execute(query.order_by(aip.c.created, aip.c.id).limit(1)).scalar()

    def list(
        self,
        *,
        query: str | None = None,
        cursor: str | None = None,
        limit: int = 100,
        within: Transaction | None = None,
    ) -> Page[Aip]:
        """AIPs with their copies (without versions and damages), newest first. Every word of ``query`` must stand in title, id,
        producer or a descriptive field; case and diacritics do not matter. Raises BadCursor."""
        limit = max(1, min(limit, LARGEST_PAGE))
        statement = _searched(query or "").order_by(aip.c.created.desc(), aip.c.id.desc()).limit(limit + 1)
        if cursor is not None:
            statement = statement.where(before(aip.c.created, aip.c.id, cursor))
        with self._database.read(within) as transaction:
            rows = transaction.execute(statement).all()
            copies = copies_of(transaction, [row.id for row in rows])
        return page_of(
            rows,
            limit,
            item=lambda row: _aip(row, copies.get(row.id, ())),
            cursor=lambda row: cursor_at(row.created.isoformat(), row.id),
        )

    def count(self, *, query: str | None = None, within: Transaction | None = None) -> int:
        """How many AIPs there are (that match)."""
        with self._database.read(within) as transaction:
            return int(transaction.execute(select(func.count()).select_from(_searched(query or "").subquery())).scalar_one())

    def known(self, aip_ids: Collection[str]) -> set[str]:
        """Those of these ids that are ids of AIPs, or of other objects that are kept (`keep`)."""
        asked, found = iter(aip_ids), set[str]()
        with self._database.read() as transaction:
            while some := list(islice(asked, ASKED_AT_ONCE)):
                for column in (aip.c.id, kept_object.c.id):
                    found.update(transaction.execute(select(column).where(column.in_(some))).scalars())
        return found

    def keep(self, object_id: str, inventory_sha512: bytes, number: int = 1, *, within: Transaction | None = None) -> None:
        """A version of an object that is no AIP (a day of the ledger, a batch of evidence) is kept on the tiers: its copies, which
        the caller enters, are audited and repaired like those of AIPs."""
        with self._database.write(within) as transaction:
            row: dict[str, str | int | bytes] = {"id": object_id, "inventory_sha512": inventory_sha512}
            if number == 1:
                statement = insert_into(transaction, kept_object).on_conflict_do_nothing(index_elements=["id"])
            else:
                statement = insert_into(transaction, kept_version).on_conflict_do_nothing(index_elements=["id", "number"])
                row["number"] = number
            transaction.execute(statement, [row])

    def more_than(self, count: int) -> bool:
        """Whether there are more AIPs than that, without counting all."""
        with self._database.read() as transaction:
            return transaction.execute(select(aip.c.pk).offset(count).limit(1)).first() is not None

    def ids(self) -> Iterator[str]:
        """All AIP ids in their order as text, streamed."""
        last = ""
        while True:
            with self._database.read() as transaction:
                query = select(aip.c.id).where(aip.c.id > last).order_by(aip.c.id).limit(STREAMED)
                rows = transaction.execute(query).scalars().all()
            yield from rows
            if len(rows) < STREAMED:
                return
            last = rows[-1]

    def files(
        self, aip_id: str, *, version: int | None = None, below: str = "", within: Transaction | None = None
    ) -> Iterator[AipFile]:
        """The files of a version's state (None: the newest) in order of their paths, streamed; with ``below`` (a path that ends in "/")
        those in that folder. Raises UnknownAip."""
        pk, number = self._at(aip_id, version, within)
        query = _files(pk, number)
        if below:
            query = query.where(file.c.path < f"{below[:-1]}0")  # "0" is the character after "/"
        last = below
        while True:
            with self._database.read(within) as transaction:
                rows = transaction.execute(query.where(file.c.path > last).limit(STREAMED)).all()
            yield from map(file_of, rows)
            if len(rows) < STREAMED:
                return
            last = rows[-1].path

    def contents(self, aip_id: str, through: int) -> Iterator[tuple[str, bytes]]:
        """(Content path, SHA-512) of all that the versions up to ``through`` store, each once, streamed; nothing for an object that is
        no AIP."""
        name = case((file.c.content_rest == "", file.c.path), else_=file.c.content_rest).label("name")
        query = select(file.c.content_version, name, file.c.sha512).distinct().join(aip, aip.c.pk == file.c.aip_pk)
        query = query.where(aip.c.id == aip_id, file.c.first_version <= through)
        query = query.order_by(file.c.content_version, name).limit(STREAMED)
        version, last = -1, ""
        while True:
            after = or_(file.c.content_version > version, and_(file.c.content_version == version, name > last))
            with self._database.read() as transaction:
                rows = transaction.execute(query.where(after)).all()
            for row in rows:
                yield content_path(row.content_version, row.name, row.name), row.sha512
            if len(rows) < STREAMED:
                return
            version, last = rows[-1].content_version, rows[-1].name

    def files_page(
        self, aip_id: str, *, version: int | None = None, cursor: str | None = None, limit: int = 100
    ) -> Page[AipFile]:
        """One page of `files`. Raises UnknownAip, BadCursor."""
        limit = max(1, min(limit, LARGEST_PAGE))
        pk, number = self._at(aip_id, version, None)
        query = _files(pk, number).limit(limit + 1)
        if cursor is not None:
            query = query.where(file.c.path > str(place_of(cursor, str)[0]))
        with self._database.read() as transaction:
            rows = transaction.execute(query).all()
        return page_of(rows, limit, item=file_of, cursor=lambda row: cursor_at(row.path))

    def file(self, aip_id: str, path: str, *, version: int | None = None) -> AipFile | None:
        """One file by its path. Raises UnknownAip."""
        pk, number = self._at(aip_id, version, None)
        with self._database.read() as transaction:
            row = transaction.execute(_files(pk, number).where(file.c.path == path)).one_or_none()
        return None if row is None else file_of(row)

    def holding(self, aip_id: str, algorithm: str, digests: Collection[bytes]) -> Iterator[AipFile]:
        """The files of the newest version's state that have one of ``digests``, of SHA-256 or SHA-512. Raises UnknownAip."""
        if algorithm not in ("sha256", "sha512"):
            return
        pk, number = self._at(aip_id, None, None)
        wanted = iter(digests)
        while page := list(islice(wanted, ASKED)):
            with self._database.read() as transaction:
                rows = transaction.execute(_files(pk, number).where(file.c[algorithm].in_(page))).all()
            yield from map(file_of, rows)

    def _at(self, aip_id: str, version: int | None, within: Transaction | None) -> tuple[int, int]:
        with self._database.read(within) as transaction:
            row = transaction.execute(select(aip.c.pk, aip.c.version).where(aip.c.id == aip_id)).one_or_none()
        if row is None or not 1 <= (version or 1) <= row.version:
            raise UnknownAip(aip_id if row is None else f"{aip_id} v{version}")
        return row.pk, version or row.version

    def inventories(self, aip_ids: Collection[str], *, within: Transaction | None = None) -> Mapping[str, dict[int, bytes]]:
        """AIP id → version → SHA-512 of its inventory: what a copy must agree with. Raises UnknownAip for an unknown id."""
        found: dict[str, dict[int, bytes]] = {aip_id: {} for aip_id in aip_ids}
        ids = iter(found)
        with self._database.read(within) as transaction:
            while batch := list(islice(ids, ASKED_AT_ONCE)):
                query = select(aip.c.id, aip_version.c.number, aip_version.c.inventory_sha512).join_from(
                    aip, aip_version, aip_version.c.aip_pk == aip.c.pk
                )
                for row in transaction.execute(query.where(aip.c.id.in_(batch)).order_by(aip_version.c.number)):
                    found[row.id][row.number] = row.inventory_sha512
                others = [each for each in batch if not found[each]]  # no AIPs
                if not others:
                    continue
                for row in transaction.execute(select(kept_object).where(kept_object.c.id.in_(others))):
                    found[row.id][1] = row.inventory_sha512
                for row in transaction.execute(select(kept_version).where(kept_version.c.id.in_(others))):
                    found[row.id][row.number] = row.inventory_sha512
        for aip_id, versions in found.items():
            if not versions:
                raise UnknownAip(aip_id)
        return found

    def known_digests(
        self, digests: Iterable[bytes], *, apart_from: str = "", within: Transaction | None = None
    ) -> dict[bytes, tuple[str, str]]:
        """Which of these SHA-512 digests the holdings have, in any version, with one place each: digest → (AIP id, path).
        ``apart_from`` is an AIP that does not count (the one being updated)."""
        with self._database.read(within) as transaction:
            return _EARLIEST.of(transaction, digests, apart_from=apart_from)


def _searched(query: str) -> Select[Any]:
    statement = select(aip)
    patterns = words(query)
    if patterns:
        statement = statement.join(search, search.c.aip_pk == aip.c.pk)
        statement = statement.where(and_(*(search.c.folded.like(pattern, escape="\\") for pattern in patterns)))
    return statement


def _files(pk: int, number: int) -> Select[Any]:
    return (
        select(file)
        .where(file.c.aip_pk == pk, file.c.first_version <= number, file.c.last_version >= number)
        .order_by(file.c.path)
    )


_EARLIEST = Earliest(file, file.c.aip_pk, aip, aip.c.id)


def _aip(row: Row[Any], copies: tuple[Copy, ...]) -> Aip:
    return Aip(
        id=row.id,
        producer=row.producer,
        title=row.title,
        package=row.package,
        identifier=row.identifier,
        collection=row.collection,
        version=row.version,
        created=row.created,
        updated=row.updated,
        files=row.files,
        bytes=row.bytes,
        fields={name: tuple(values) for name, values in row.fields.items()},
        copies=copies,
    )


def _version(row: Row[Any]) -> AipVersion:
    return AipVersion(
        number=row.number,
        inventory_sha512=row.inventory_sha512.hex(),
        created=row.created,
        deposit_id=row.deposit_id,
        message=row.message,
        files=row.files,
        bytes=row.bytes,
    )


def file_of(row: Row[Any]) -> AipFile:
    """A row of the table of files."""
    return AipFile(
        path=row.path,
        content_path=content_path(row.content_version, row.content_rest, row.path),
        size=row.size,
        sha256=row.sha256.hex(),
        sha512=row.sha512.hex(),
        puid=row.puid,
        format_name=row.format_name,
        original_name=row.original_name,
        inside=row.inside,
    )
