"""Tables compared by sheets, rows and cells: the same names, and in the same places the same values."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest

from formats.properties.facts import Compared
from policies.phrases import phrase

__all__ = ["Cell", "Rows", "column_number", "compare_cells", "number_text"]

SIGNIFICANT = 12
"""Digits by which numbers are the same: programs write the 15 to 17 digits of a binary number differently at the end."""


@dataclass(frozen=True, slots=True)
class Cell:
    """A cell that holds something: row and column from 1, and its value as text (numbers as `number_text`)."""

    row: int
    column: int
    text: str


Rows = Iterable[tuple[str, list[Cell]]]
"""(sheet, cells of one row); each sheet begins with an empty row, so that an empty sheet is there too."""


def column_number(letters: str) -> int:
    """A is 1, AA is 27."""
    number = 0
    for letter in letters:
        number = number * 26 + ord(letter) - 64
    return number


def number_text(value: str) -> str:
    """A number as it is compared: 1, 1.0 and 1.00000000000000004 are the same."""
    try:
        return f"{float(value):.{SIGNIFICANT}g}"
    except ValueError:
        return value


def _flat(rows: Rows) -> Iterator[tuple[str, Cell | None]]:
    for sheet, row in rows:
        if not row:
            yield sheet, None
        for cell in row:
            yield sheet, Cell(cell.row, cell.column, " ".join(unicodedata.normalize("NFC", cell.text).split()))


def compare_cells(source: Rows, result: Rows) -> Compared:
    """Both are read side by side: the first difference is named, and nothing is held in memory."""
    count = 0
    for was, now in zip_longest(_flat(source), _flat(result)):
        if was != now:
            return Compared("cells", False, detail=phrase("cell-is", was=_place(was), now=_place(now)), facts={"cells": count})
        count += was is not None and was[1] is not None
    return Compared("cells", True, detail="", facts={"cells": count})


def _place(one: tuple[str, Cell | None] | None) -> str:
    if one is None:
        return phrase("cell-nothing")
    sheet, cell = one
    if cell is None:
        return phrase("cell-sheet", name=sheet)
    return phrase("cell-place", text=cell.text[:60], sheet=sheet, row=cell.row, column=cell.column)
