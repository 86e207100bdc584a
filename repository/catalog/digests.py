"""Finding contents again by their digest: the first place of each, in the order in which places were entered."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, NamedTuple

from sqlalchemy import (
    ARRAY,
    BigInteger,
    ColumnElement,
    FromClause,
    LargeBinary,
    Select,
    Table,
    bindparam,
    case,
    column,
    func,
    select,
    true,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.sql.compiler import SQLCompiler

from repository.catalog.columns import as_json, escaped, unescaped
from repository.catalog.database import Transaction, ask_sqlite
from repository.catalog.registration import digest_key

__all__ = ["Earliest"]

ASKED_AT_ONCE = 500
"""Digests in one query."""


class Earliest:
    """The first row of each digest in a table of contents (pk, path, sha512, digest_key), each of which belongs to a row of another
    table that gives an AIP's id. Found by the short key, then compared whole: an index of whole digests would be four times as large.

    Of AIPs that are registered side by side it is chance which comes first, and so which one is named. To name the one that was accepted
    first, its place in that order would have to stand in the index of digests: the index gives the first row at once, any other order
    means to look at every row of a digest, and a schema that comes with every package has as many rows as there are AIPs.
    """

    def __init__(self, contents: Table, belongs: ColumnElement[int], owners: Table, aip_id: ColumnElement[str]) -> None:
        # Made once: putting the statement together costs more than carrying it out.
        self._sqlite = {apart: _sqlite(contents, belongs, owners, aip_id, apart=apart) for apart in (False, True)}
        self._postgresql = {apart: _postgresql(contents, belongs, owners, aip_id, apart=apart) for apart in (False, True)}
        self._texts: dict[bool, _Text] = {}

    def of(self, transaction: Transaction, digests: Iterable[bytes], *, apart_from: str = "") -> dict[bytes, tuple[str, str]]:
        """Digest → (AIP id, path), of those that are there. ``apart_from`` is an AIP that does not count."""
        found: dict[bytes, tuple[str, str]] = {}
        postgresql = transaction.dialect.name == "postgresql"
        apart = bool(apart_from)
        wanted = iter(dict.fromkeys(digests))
        while batch := list(islice(wanted, ASKED_AT_ONCE)):
            if postgresql:
                more = {"apart_from": apart_from} if apart else {}
                for row in transaction.execute(self._postgresql[apart], _listed(batch) | more):
                    found[row.sha512] = (row.aip_id, row.path)
            else:
                values = {"asked": _as_json(batch), "apart_from": escaped(apart_from)}
                text = self._texts[apart] = self._texts.get(apart) or _Text.of(self._sqlite[apart])
                for sha512, path, aip_id in ask_sqlite(transaction, text.statement, text.values(values)):
                    found[sha512] = (unescaped(aip_id), unescaped(path))
        return found


class _Text(NamedTuple):
    """A statement as SQLite is told it."""

    statement: str
    given: Sequence[tuple[str, Any]]
    """The names of its values in their order, each with what it is unless another is named."""

    @classmethod
    def of(cls, query: Select[Any]) -> _Text:
        compiled = query.compile(dialect=sqlite.dialect())
        assert isinstance(compiled, SQLCompiler)
        return cls(str(compiled), [(name, compiled.params[name]) for name in compiled.positiontup or ()])

    def values(self, named: Mapping[str, Any]) -> tuple[Any, ...]:
        return tuple(named.get(name, value) for name, value in self.given)


def _as_json(digests: Sequence[bytes]) -> str:
    return as_json({digest.hex().upper(): digest_key(digest) for digest in digests})


def _listed(digests: Sequence[bytes]) -> dict[str, Any]:
    return {"keys": [digest_key(digest) for digest in digests], "digests": digests}


def _sqlite(
    contents: Table, belongs: ColumnElement[int], owners: Table, aip_id: ColumnElement[str], *, apart: bool
) -> Select[Any]:
    """One look into the index for each digest: the index of keys has the rows of a key in their order."""
    asked = func.json_each(bindparam("asked")).table_valued("key", "value", name="asked")
    inner = contents.alias("other")
    first = _counted(inner, belongs, owners, aip_id, apart=apart).order_by(inner.c.pk).limit(1)
    first = first.where(inner.c.digest_key == asked.c.value, func.hex(inner.c.sha512) == asked.c.key)
    found = contents.c.pk == first.correlate(asked).scalar_subquery()
    query = select(contents.c.sha512, contents.c.path, aip_id.label("aip_id"))
    return query.select_from(asked.join(contents, found).join(owners, belongs == owners.c.pk))


def _postgresql(
    contents: Table, belongs: ColumnElement[int], owners: Table, aip_id: ColumnElement[str], *, apart: bool
) -> Select[Any]:
    """The same, said so that every planner takes that way, whatever its statistics tell of these tables. Of equal keys (not: of keys
    between two) it would drop the order by key, and find the first row by its number, through the whole table if need be; and it has
    to believe that almost every row of a key is of the digest, else it fetches and sorts them all. LATERAL: before it joins."""
    listed = func.unnest(bindparam("keys", type_=ARRAY(BigInteger)), bindparam("digests", type_=ARRAY(LargeBinary)))
    asked = listed.table_valued(column("key", BigInteger), column("digest", LargeBinary), name="asked").render_derived()
    inner = contents.alias("other")
    first = _counted(inner, belongs, owners, aip_id, apart=apart).order_by(inner.c.digest_key, inner.c.pk).limit(1)
    of_digest = case((inner.c.sha512 == asked.c.digest, 1), else_=0) != 0
    found = first.where(inner.c.digest_key.between(asked.c.key, asked.c.key), of_digest).correlate(asked).lateral("first")
    query = select(contents.c.sha512, contents.c.path, aip_id.label("aip_id"))
    return query.select_from(
        asked.join(found, true()).join(contents, contents.c.pk == found.c.pk).join(owners, belongs == owners.c.pk)
    )


def _counted(
    inner: FromClause, belongs: ColumnElement[int], owners: Table, aip_id: ColumnElement[str], *, apart: bool
) -> Select[tuple[int]]:
    """The rows that count."""
    rows = select(inner.c.pk)
    return (
        rows.where(inner.c[belongs.name].not_in(select(owners.c.pk).where(aip_id == bindparam("apart_from")))) if apart else rows
    )
