"""People of whom events tell: the ledger tells of each by a digest over a salt of his and his name. Erased, it leaves a digest that nobody
can trace."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Iterator, Sequence

from sqlalchemy import select

from repository.catalog.columns import unescaped
from repository.catalog.database import Transaction, insert_into
from repository.catalog.tables import ledger_person

__all__ = ["PEOPLE", "PERSON", "draw_salts", "people_of", "salts_of"]

PEOPLE = ("user:", "token:")
"""Agents that are people."""

PERSON = "person:"
"""Begins what stands in the place of a name that came back from a ledger: nobody knows more."""

SALT_BYTES = 16

_ASKED_BY = re.compile(r'"asked_by":"((?:[^"\\]|\\.)+)"')
"""In the JSON of a detail; in a text of it the quotation marks would be escaped."""


def people_of(agent: str, detail: str) -> Iterator[str]:
    """The names of the people in an event's row: who did it, and who had asked for it."""
    if agent.startswith(PEOPLE):
        yield unescaped(agent)
    if (found := _ASKED_BY.search(detail)) and not found[1].startswith(PERSON):
        yield str(json.loads(f'"{found[1]}"'))


def salts_of(transaction: Transaction, names: Sequence[str]) -> dict[str, bytes]:
    """The salts of those of these names that have one."""
    query = select(ledger_person).where(ledger_person.c.name.in_(names))
    return {row.name: row.salt for row in transaction.execute(query)}


def draw_salts(transaction: Transaction, names: Iterable[str]) -> None:
    """Make the salts of those of these names that have none."""
    wanted = sorted(set(names))
    known = salts_of(transaction, wanted)
    if new := [{"name": name, "salt": os.urandom(SALT_BYTES)} for name in wanted if name not in known]:
        transaction.execute(insert_into(transaction, ledger_person).on_conflict_do_nothing(index_elements=["name"]), new)
