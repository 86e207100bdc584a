"""What an ODF document (ISO/IEC 26300: odt, ods, odp) says, read from its XML without any office program."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Final

from formats.properties.cells import Cell, number_text
from formats.properties.legacy import fonts, readable
from formats.properties.odf_text import before, paragraphs
from formats.properties.parts import opened
from formats.properties.pieces import Piece
from formats.xml import Element, local_name

__all__ = ["cells", "pages", "properties", "text"]

_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"

_PARAGRAPHS: Final = frozenset({f"{_TEXT}p", f"{_TEXT}h"})
MOST_REPEATED: Final = 1_000
"""A cell with a value that is repeated more often than this is read so often only: a fill to the end of a sheet of a million rows."""


def text(path: Path, *, any_font: bool = True) -> Iterator[Piece]:
    """The words on the page, a paragraph a piece: heads and feet are those of the master pages that are used.

    Not ``any_font``: CannotTell where they are written for a font of before Unicode (`formats.properties.legacy`).
    """
    with opened(path) as parts:
        yield from readable(paragraphs(parts), "" if any_font else fonts(parts))


def pages(path: Path) -> int:
    """Pages of a presentation or drawing."""
    with opened(path) as parts:
        return sum(event == "end" and local_name(element) == "page" for event, element in parts.events("content.xml"))


def properties(path: Path) -> dict[str, str]:
    """Title, author and subject."""
    names = {"title": "title", "initial-creator": "author", "creator": "creator", "subject": "subject"}
    with opened(path) as parts:
        found = ((local_name(e), e.text or "") for event, e in parts.events("meta.xml") if event == "end")
        said = {names[tag]: value.strip() for tag, value in found if tag in names and value.strip()}
    last = said.pop("creator", "")
    return said if "author" in said or not last else {**said, "author": last}


def cells(path: Path) -> Iterator[tuple[str, list[Cell]]]:
    """(sheet, cells of one row that hold something), row by row."""
    with opened(path) as parts:
        reader = _Table()
        for event, element in parts.events("content.xml"):
            yield from reader.take(event, element)


class _Table:
    """Follows rows and cells, with their repetitions."""

    def __init__(self) -> None:
        self._sheet = ""
        self._row = self._column = 1
        self._cells: list[Cell] = []
        self._said: list[str] = []
        self._paragraphs = self._notes = 0
        self._first_day = "1899-12-30"

    def take(self, event: str, element: Element) -> Iterator[tuple[str, list[Cell]]]:
        tag = element.tag
        if self._paragraphs and not self._notes:
            self._said.append(before(event, element))
        if tag == f"{_OFFICE}annotation":
            self._notes += 1 if event == "start" else -1
        elif tag in _PARAGRAPHS and not self._notes:
            if event == "start" and self._said:
                self._said.append("\n")
            self._paragraphs += 1 if event == "start" else -1
        elif event == "start":
            yield from self._begin(tag, element)
        elif tag in (f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell"):
            self._cell(element)
        elif tag == f"{_TABLE}table-row":
            yield from self._end_row(element)

    def _begin(self, tag: str, element: Element) -> Iterator[tuple[str, list[Cell]]]:
        if tag == f"{_TABLE}table":
            self._sheet, self._row = element.get(f"{_TABLE}name") or "", 1
            yield self._sheet, []
        elif tag == f"{_TABLE}null-date":
            self._first_day = element.get(f"{_TABLE}date-value") or self._first_day
        elif tag == f"{_TABLE}table-row":
            self._column, self._cells = 1, []
        elif tag.endswith("table-cell"):
            self._said = []

    def _cell(self, element: Element) -> None:
        times = int(element.get(f"{_TABLE}number-columns-repeated") or 1)
        value = self._value(element)
        if value:
            self._cells += [Cell(self._row, self._column + n, value) for n in range(min(times, MOST_REPEATED))]
        self._column += times
        self._said = []

    def _value(self, element: Element) -> str:
        kind = element.get(f"{_OFFICE}value-type") or ""
        if kind in ("float", "percentage", "currency"):
            return number_text(element.get(f"{_OFFICE}value") or "")
        if kind == "boolean":
            value = element.get(f"{_OFFICE}boolean-value") or ""
            return {"true": "1", "false": "0"}.get(value, value)
        if kind == "date":
            return _serial(element.get(f"{_OFFICE}date-value") or "", self._first_day)
        return "".join(self._said)

    def _end_row(self, element: Element) -> Iterator[tuple[str, list[Cell]]]:
        times = int(element.get(f"{_TABLE}number-rows-repeated") or 1)
        for n in range(min(times, MOST_REPEATED) if self._cells else 0):
            yield self._sheet, [Cell(cell.row + n, cell.column, cell.text) for cell in self._cells]
        self._row += times


def _serial(value: str, first_day: str) -> str:
    """A date as the number that a table of the other family keeps: days since the first day of the table (1899-12-30, or 1904-01-01)."""
    try:
        moment, begin = datetime.fromisoformat(value), datetime.fromisoformat(first_day)
    except ValueError:
        return value
    return number_text(str((moment - begin).total_seconds() / 86_400))
