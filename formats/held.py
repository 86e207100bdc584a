"""Rows of a spool database that are asked for one by one: all are read at once where they are few, each when asked for where not."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Generic, TypeVar

from fixity.tables import Database

__all__ = ["Held"]

T = TypeVar("T")

FEW: Final = 2_000
"""Rows up to which all are read at once (a kilobyte each): every file of a package is asked about several times."""


class Held(Generic[T]):
    """The rows of ``table`` by their first column, each ``made`` of the values after it."""

    def __init__(self, database: Database, table: str, columns: str, made: Callable[..., T]) -> None:
        self._database = database
        self._count = f"SELECT count(*) FROM (SELECT 1 FROM {table} LIMIT {FEW + 1})"
        self._all = f"SELECT {columns} FROM {table}"
        self._one = f"{self._all} WHERE {columns.partition(',')[0]} = ?"
        self._made = made
        self._rows: dict[Any, T] | None = None
        self.forget()

    def forget(self) -> None:
        """Rows were changed."""
        self._asked = False
        self._rows = None

    def get(self, key: Any) -> T | None:
        """The row of ``key``; None when there is none."""
        if not self._asked:
            few = self._database.execute(self._count).fetchone()[0] <= FEW
            self._rows = {row[0]: self._made(*row[1:]) for row in self._database.execute(self._all)} if few else None
            self._asked = True
        if self._rows is not None:
            return self._rows.get(key)
        row = self._database.execute(self._one, (key,)).fetchone()
        return None if row is None else self._made(*row[1:])
