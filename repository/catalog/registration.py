"""Registration: entering versions of AIPs in bulk, after keeping them or when the catalog is rebuilt.

Files are entered once with the range of versions that hold them: a version that changes ten of 50,000 files adds ten rows. The
state of a later version is laid into a temporary table and compared there, so that memory does not grow with the AIP.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    Table,
    and_,
    bindparam,
    delete,
    exists,
    func,
    insert,
    literal,
    select,
    update,
)
from sqlalchemy.schema import CreateTable

from policies.phrases import phrase
from repository.catalog.bulk import load
from repository.catalog.columns import Words, escaped
from repository.catalog.database import BATCH, Transaction, insert_into
from repository.catalog.errors import CatalogConflict
from repository.catalog.folding import searchable
from repository.catalog.tables import OPEN, aip, aip_version, copy, damage, file, search
from repository.model import NOT_SOUND, Aip, AipFile, AipVersion, Copy, CopyState

__all__ = ["FileRow", "Registration", "content_path", "digest_key", "file_row", "register", "row_of", "size_in"]

CHUNK = 500
"""AIPs entered together. Their numbers are looked up in one query, and the memory for them stays small."""

_CONTENT = re.compile(r"v([1-9][0-9]{0,8})/content/(.+)", re.DOTALL)

_FACTS = ("content_version", "content_rest", "size", "sha256", "sha512", "puid", "format_name", "original_name", "inside")
"""Columns by which a file of one version is the same as a file of the next (with its path)."""

_staging = Table(
    "kho_staging",
    MetaData(),
    Column("path", Words, primary_key=True),
    Column("content_version", Integer, nullable=False),
    Column("content_rest", Words, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("sha512", LargeBinary, nullable=False),
    Column("digest_key", BigInteger, nullable=False),
    Column("puid", Words, nullable=False),
    Column("format_name", Words, nullable=False),
    Column("original_name", Words, nullable=False),
    Column("inside", Words, nullable=False),
    prefixes=["TEMPORARY"],
)

_COLUMNS = [column.name for column in _staging.columns]

_SIZE = _COLUMNS.index("size")

FileRow = tuple[str | int | bytes, ...]
"""Values in the order of `_COLUMNS`, as the database keeps them."""


@dataclass(frozen=True, slots=True)
class Registration:
    """One version of one AIP to be entered.

    ``aip`` gives the facts of the AIP as of this version (its ``versions`` and ``copies`` are not looked at); ``files`` streams
    the whole state of the version (`file_row` of a file will do, too), each path once, ``version.files`` in number; ``copies``
    are all copies that are known, and one without ``check_next`` is due at once.
    """

    aip: Aip
    version: AipVersion
    files: Iterable[AipFile | FileRow]
    copies: tuple[Copy, ...] = ()


def register(transaction: Transaction, registrations: Iterable[Registration]) -> int:
    """Enter versions; returns how many files were read. A version that is there already with the same inventory is skipped.

    Raises:
        CatalogConflict: (CAT-VERSION) a version is not the next one, is there with another inventory, or has not as many files as
            it says. Undo the transaction then.
    """
    count = 0
    for chunk in _chunks(registrations):
        known = _known(transaction, chunk)
        wanted = [each for each in chunk if _is_new(transaction, each, known)]
        _enter_aips(transaction, wanted, known)
        count += _enter_files(transaction, wanted, known)
        _enter_versions(transaction, wanted, known)
        before = _copies_before(transaction, [each.aip.id for each in wanted if each.version.number > 1])
        enter_copies(transaction, (each for one in wanted for each in _copies(one, before)))
    return count


def _chunks(registrations: Iterable[Registration]) -> Iterator[list[Registration]]:
    """Chunks in which no AIP stands twice: the versions of an AIP are entered one after another."""
    chunk: list[Registration] = []
    ids: set[str] = set()
    for each in registrations:
        if each.aip.id in ids or len(chunk) == CHUNK:
            yield chunk
            chunk, ids = [], set()
        chunk.append(each)
        ids.add(each.aip.id)
    if chunk:
        yield chunk


def _known(transaction: Transaction, chunk: list[Registration]) -> dict[str, tuple[int, int]]:
    """AIP id → (its number, its newest version)."""
    query = select(aip.c.id, aip.c.pk, aip.c.version).where(aip.c.id.in_([each.aip.id for each in chunk]))
    return {row.id: (row.pk, row.version) for row in transaction.execute(query)}


def _is_new(transaction: Transaction, each: Registration, known: dict[str, tuple[int, int]]) -> bool:
    pk, newest = known.get(each.aip.id, (0, 0))
    number = each.version.number
    if number == newest + 1:
        return True
    if number > newest:
        raise _conflict(each, phrase("cat-newest-is", number=newest))
    query = select(aip_version.c.inventory_sha512).where(aip_version.c.aip_pk == pk, aip_version.c.number == number)
    if transaction.execute(query).scalar() != bytes.fromhex(each.version.inventory_sha512):
        raise _conflict(each, phrase("cat-other-inventory"))
    return False


def _conflict(each: Registration, reason: str) -> CatalogConflict:
    return CatalogConflict("CAT-VERSION", each.aip.id, number=each.version.number, reason=reason)


def _enter_aips(transaction: Transaction, wanted: list[Registration], known: dict[str, tuple[int, int]]) -> None:
    new = [_aip_row(each) for each in wanted if each.aip.id not in known]
    if new:
        transaction.execute(insert(aip), new)
        known.update(_known(transaction, [each for each in wanted if each.aip.id not in known]))
    # created stays what version 1 said: a parameter by that name would be set too, whatever .values() says
    kept = ("id", "created")
    old = [
        {**{name: value for name, value in _aip_row(each).items() if name not in kept}, "pk_": known[each.aip.id][0]}
        for each in wanted
        if each.version.number > 1
    ]
    if old:
        values: dict[str, Any] = {name: bindparam(name) for name in old[0] if name != "pk_"}
        transaction.execute(update(aip).where(aip.c.pk == bindparam("pk_")).values(values), old)
    if wanted:
        upsert = insert_into(transaction, search)
        upsert = upsert.on_conflict_do_update(index_elements=["aip_pk"], set_={"folded": upsert.excluded.folded})
        transaction.execute(upsert, [{"aip_pk": known[each.aip.id][0], "folded": _folded(each.aip)} for each in wanted])


def _aip_row(each: Registration) -> dict[str, Any]:
    facts = each.aip
    return {
        "id": facts.id,
        "producer": facts.producer,
        "title": facts.title,
        "package": facts.package,
        "identifier": facts.identifier,
        "version": each.version.number,
        "created": facts.created,
        "updated": facts.updated,
        "files": each.version.files,
        "bytes": each.version.bytes,
        "fields": {name: list(values) for name, values in sorted(facts.fields.items())},
        "collection": facts.collection,
    }


def _folded(facts: Aip) -> str:
    return searchable((facts.title, facts.id, facts.identifier, facts.producer), facts.fields)


def digest_key(sha512: bytes) -> int:
    """The first 8 bytes of a digest as a signed number, which both databases can keep."""
    return int.from_bytes(sha512[:8], "big", signed=True)


def _split(content: str, path: str) -> tuple[int, str]:
    """(3, "") for v3/content/<the path itself>, (3, "x/y") for v3/content/x/y, (0, all) for anything else."""
    match = _CONTENT.fullmatch(content)
    if match is None:
        return 0, content
    return int(match[1]), "" if match[2] == path else match[2]


def content_path(version: int, rest: str, path: str) -> str:
    """The content path that `_split` took apart."""
    return f"v{version}/content/{rest or path}" if version else rest


def file_row(each: AipFile) -> FileRow:
    """A file as its row keeps it, for what is prepared in one process and entered by another."""
    facts = each.puid, each.format_name, each.original_name, each.inside
    return row_of(each.path, each.content_path, each.size, bytes.fromhex(each.sha256), bytes.fromhex(each.sha512), facts)


def row_of(path: str, content_path: str, size: int, sha256: bytes, sha512: bytes, facts: tuple[str, str, str, str]) -> FileRow:
    """The same from the values themselves, for who has them at hand; ``facts``: PUID, name of the format, original name, inside."""
    version, rest = _split(content_path, path)
    return (escaped(path), version, escaped(rest), size, sha256, sha512, digest_key(sha512), *map(escaped, facts))


def size_in(row: FileRow) -> int:
    """The size that a row has."""
    size = row[_SIZE]
    assert isinstance(size, int)
    return size


def _rows(files: Iterable[AipFile | FileRow]) -> Iterator[FileRow]:
    return (each if isinstance(each, tuple) else file_row(each) for each in files)


def _enter_files(transaction: Transaction, wanted: list[Registration], known: dict[str, tuple[int, int]]) -> int:
    first = [each for each in wanted if each.version.number == 1]
    counts: dict[str, int] = {}
    load(transaction, file, ["aip_pk", "first_version", "last_version", *_COLUMNS], _first_rows(first, known, counts))
    for each in wanted:
        if each.version.number > 1:
            counts[each.aip.id] = _enter_changes(transaction, each, known[each.aip.id][0])
    for each in wanted:
        if counts[each.aip.id] != each.version.files:
            raise _conflict(each, phrase("cat-file-count", found=counts[each.aip.id], expected=each.version.files))
    return sum(counts.values())


def _first_rows(first: list[Registration], known: dict[str, tuple[int, int]], counts: dict[str, int]) -> Iterator[FileRow]:
    for each in first:
        pk = known[each.aip.id][0]
        counts[each.aip.id] = 0
        for row in _rows(each.files):
            counts[each.aip.id] += 1
            yield (pk, 1, OPEN, *row)


def _enter_changes(transaction: Transaction, each: Registration, pk: int) -> int:
    """Enter a later version: end the rows it no longer holds, add those it holds anew."""
    count = _stage(transaction, each.files)
    number = each.version.number
    open_row = and_(file.c.aip_pk == pk, file.c.last_version == OPEN)
    same = and_(_staging.c.path == file.c.path, *(_staging.c[name] == file.c[name] for name in _FACTS))
    ended = update(file).where(open_row, ~exists(select(literal(1)).select_from(_staging).where(same)))
    transaction.execute(ended.values(last_version=number - 1))
    still_there = exists(select(literal(1)).select_from(file).where(open_row, file.c.path == _staging.c.path))
    new = select(literal(pk), literal(number), literal(OPEN), *_staging.columns).where(~still_there)
    transaction.execute(insert(file).from_select(["aip_pk", "first_version", "last_version", *_COLUMNS], new))
    transaction.execute(delete(_staging))
    return count


def _stage(transaction: Transaction, files: Iterable[AipFile | FileRow]) -> int:
    transaction.execute(CreateTable(_staging, if_not_exists=True))
    transaction.execute(delete(_staging))
    load(transaction, _staging, _COLUMNS, _rows(files))
    return int(transaction.execute(select(func.count()).select_from(_staging)).scalar_one())


def _enter_versions(transaction: Transaction, wanted: list[Registration], known: dict[str, tuple[int, int]]) -> None:
    rows = [
        {
            "aip_pk": known[each.aip.id][0],
            "number": each.version.number,
            "inventory_sha512": bytes.fromhex(each.version.inventory_sha512),
            "created": each.version.created,
            "deposit_id": each.version.deposit_id,
            "message": each.version.message,
            "files": each.version.files,
            "bytes": each.version.bytes,
        }
        for each in wanted
    ]
    if rows:
        transaction.execute(insert(aip_version), rows)


def _copies(each: Registration, before: Mapping[tuple[str, str], Row[Any]]) -> Iterator[dict[str, Any]]:
    for one in each.copies:
        if one.aip_id != each.aip.id:
            raise ValueError(f"a copy of {one.aip_id} was given for {each.aip.id}")
        row = copy_row(one) | {"check_next": one.check_next or each.aip.updated}
        yield row | _still(row, before.get((one.aip_id, one.tier)))


def _copies_before(transaction: Transaction, aip_ids: Sequence[str]) -> dict[tuple[str, str], Row[Any]]:
    """What is known of the copies to which a version is added, by AIP and tier."""
    if not aip_ids:
        return {}
    rows = transaction.execute(select(copy).where(copy.c.aip_id.in_(aip_ids)))
    return {(row.aip_id, row.tier): row for row in rows}


def _still(row: Mapping[str, Any], before: Row[Any] | None) -> dict[str, Any]:
    """What stays as it was of a copy to which a good version was added. Only what is new was read: damage that is known is still there,
    and what came with the versions before is due when it was."""
    if before is None or row["state"] != CopyState.GOOD.value:
        return {}
    state = CopyState(before.state)
    if state not in {CopyState.GOOD, *NOT_SOUND}:
        return {}
    names = ("last_check", "last_full", "check_next", "last_look", "look_next")
    same = {name: getattr(before, name) for name in names}
    return same | {"state": state.value}


def copy_row(one: Copy) -> dict[str, Any]:
    """Column values of a copy."""
    return {
        "aip_id": one.aip_id,
        "tier": one.tier,
        "version": one.version,
        "state": one.state.value,
        "stored": one.stored,
        "last_check": one.last_check,
        "last_full": one.last_full,
        "check_next": one.check_next,
        "bytes": one.bytes,
        "files": one.files,
        "last_look": one.last_look,
        "look_next": one.look_next,
    }


def enter_copies(transaction: Transaction, rows: Iterable[dict[str, Any]]) -> None:
    """Enter copies, or bring those that are there to this state. What is good now has no damages any more."""
    upsert = insert_into(transaction, copy)
    changes = {column.name: upsert.excluded[column.name] for column in copy.columns if column.name not in ("aip_id", "tier")}
    upsert = upsert.on_conflict_do_update(index_elements=["aip_id", "tier"], set_=changes)
    mended = delete(damage).where(damage.c.aip_id == bindparam("aip"), damage.c.tier == bindparam("on"))
    rows = iter(rows)
    while batch := list(islice(rows, BATCH)):
        transaction.execute(upsert, batch)
        good = [{"aip": row["aip_id"], "on": row["tier"]} for row in batch if row["state"] == CopyState.GOOD.value]
        if good:
            transaction.execute(mended, good)
