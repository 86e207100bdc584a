"""Finding contents again by their digest: the first place of each, in the order in which places were entered."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Any

from sqlalchemy import ColumnElement, Select, Table, bindparam, func, select

from repository.catalog.database import Transaction
from repository.catalog.registration import digest_key

__all__ = ["Earliest"]

ASKED_AT_ONCE = 500
"""Digests in one query: SQLite takes 32,766 variables, but a plan should stay small."""


class Earliest:
    """The first row of each digest in a table of contents (pk, path, sha512, digest_key), each of which belongs to a row of another
    table that gives an AIP's id. Found by the short key, then compared whole: an index of whole digests would be four times as large."""

    def __init__(self, contents: Table, belongs: ColumnElement[int], owners: Table, aip_id: ColumnElement[str]) -> None:
        # Made once: putting the statement together costs more than carrying it out.
        self._queries = {apart: _query(contents, belongs, owners, aip_id, apart=apart) for apart in (False, True)}

    def of(self, transaction: Transaction, digests: Iterable[bytes], *, apart_from: str = "") -> dict[bytes, tuple[str, str]]:
        """Digest → (AIP id, path), of those that are there. ``apart_from`` is an AIP that does not count."""
        found: dict[bytes, tuple[str, str]] = {}
        wanted = iter(dict.fromkeys(digests))
        while batch := list(islice(wanted, ASKED_AT_ONCE)):
            asked = {"keys": [digest_key(digest) for digest in batch], "digests": batch}
            more = {"apart_from": apart_from} if apart_from else {}
            for row in transaction.execute(self._queries[bool(apart_from)], asked | more):
                found[row.sha512] = (row.aip_id, row.path)
        return found


def _query(
    contents: Table, belongs: ColumnElement[int], owners: Table, aip_id: ColumnElement[str], *, apart: bool
) -> Select[Any]:
    firsts = select(func.min(contents.c.pk)).where(
        contents.c.digest_key.in_(bindparam("keys", expanding=True)), contents.c.sha512.in_(bindparam("digests", expanding=True))
    )
    if apart:
        firsts = firsts.where(belongs.not_in(select(owners.c.pk).where(aip_id == bindparam("apart_from"))))
    firsts = firsts.group_by(contents.c.sha512)
    query = select(contents.c.sha512, contents.c.path, aip_id.label("aip_id")).join_from(contents, owners, belongs == owners.c.pk)
    return query.where(contents.c.pk.in_(firsts))
