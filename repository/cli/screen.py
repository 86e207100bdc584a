"""Tables and figures for people, on stdout. Ids and names are never cut; without a terminal, lines are as long as needed."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Literal, TextIO

from policies.findings import Finding, Findings, Weight
from repository.cli.printable import printable
from repository.texts import language, words

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

__all__ = ["Screen", "decimal", "number", "size", "span", "when"]

UNCUT = 1_000_000
"""Columns of a "terminal" that is a file or a pipe: as good as endless, so that nothing is folded."""

NARROWEST = 24
"""Columns that a text needs to be readable; with less, a table becomes paragraphs."""

GAP = 3
"""Columns between two columns of a table on a terminal."""

Cell = str | tuple[str, str]
"""A text, or a text with a style."""

WEIGHT_STYLES = {Weight.INFO: "dim", Weight.WARNING: "yellow", Weight.HOLD: "magenta", Weight.ERROR: "bold red"}

_UNITS = ("B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB")


def number(value: int) -> str:
    """A count with its thousands apart, as the reader's language writes it: 1.234.567 or 1,234,567."""
    text = f"{value:,}"
    return text.replace(",", ".") if language() == "vi" else text


def decimal(value: float, digits: int = 1) -> str:
    """A number with so many digits behind its sign, as the reader's language writes it: 1,234.5, or 1.234,5 in Vietnamese."""
    text = f"{value:,.{digits}f}"
    return text.translate(str.maketrans(",.", ".,")) if language() == "vi" else text


def size(value: int) -> str:
    """Bytes in the unit that people read: 734 B, 12.4 KiB (12,4 KiB in Vietnamese)."""
    amount, unit = float(value), 0
    while amount >= 1024 and unit + 1 < len(_UNITS):
        amount, unit = amount / 1024, unit + 1
    return f"{value if unit == 0 else decimal(amount)} {_UNITS[unit]}"


def span(seconds: int) -> str:
    """A length of time in hours and minutes (12:34 h), in seconds when it is short."""
    return f"{seconds // 3600}:{seconds % 3600 // 60:02} h" if seconds >= 60 else f"{seconds} s"


def when(moment: datetime | None, never: str = "–") -> str:
    """A moment in the reader's own time zone, to the minute, with the offset: what is stored is UTC. What somebody said without a zone
    stays as it was said."""
    if moment is None:
        return never
    return moment.astimezone().strftime("%Y-%m-%d %H:%M %z") if moment.tzinfo else f"{moment:%Y-%m-%d %H:%M}"


class Screen:
    """Writes to one stream; colours and borders only where it is a terminal."""

    def __init__(self, stream: TextIO) -> None:
        self.stream = stream
        self._console: Console | None = None

    @property
    def console(self) -> Console:
        if self._console is None:
            from rich.console import Console

            width = None if self.stream.isatty() else UNCUT
            self._console = Console(file=self.stream, width=width, highlight=False, markup=False, emoji=False)
        return self._console

    def line(self, text: str = "", style: str = "") -> None:
        self.console.print(printable(text), style=style or None, soft_wrap=True)

    def heading(self, text: str) -> None:
        self.line()
        self.line(text, "bold")

    def facts(self, rows: Iterable[tuple[str, str]]) -> None:
        """Labels and values, one pair a line. Pairs without a value are left out."""
        from rich.table import Table
        from rich.text import Text

        table = Table(box=None, show_header=False, pad_edge=False, padding=(0, 2, 0, 0))
        table.add_column(style="dim", no_wrap=True)
        table.add_column(overflow="fold")
        for label, value in rows:
            if value:
                table.add_row(label, Text(printable(value)))
        self._draw(table)

    def table(self, columns: Sequence[tuple[str, str]], rows: Iterable[Sequence[Cell]]) -> None:
        """``columns`` are (heading, kind): "id" never folds, "number" stands right, "text" folds. A cell may be (text, style).

        Where the terminal is too narrow, each row becomes a paragraph: nothing is cut to fit.
        """
        cells = [[_cell(cell) for cell in row] for row in rows]
        if self._room_for(columns, cells):
            self._draw(_table(columns, cells, lines=self.stream.isatty()))
        else:
            self._paragraphs(columns, cells)

    def _room_for(self, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Text]]) -> bool:
        need = 2
        for number, (heading, kind) in enumerate(columns):
            widest = max([len(heading), *(row[number].cell_len for row in rows)])
            need += GAP + (min(widest, NARROWEST) if kind == "text" else widest)
        return need <= self.console.width

    def _paragraphs(self, columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Text]]) -> None:
        from rich.padding import Padding
        from rich.text import Text

        for first, *rest in rows:
            first.stylize("bold")
            self.console.print(first, soft_wrap=True)
            said = [
                Text.assemble((f"{heading}: ", "dim"), cell)
                for (heading, _), cell in zip(columns[1:], rest, strict=True)
                if cell.plain
            ]
            self.console.print(Padding(Text(" · ").join(said), (0, 0, 0, 2)))

    def _draw(self, table: Table) -> None:
        """Draw without the blanks that fill lines up: what is copied from a screen or piped should not carry them."""
        with self.console.capture() as drawn:
            self.console.print(table)
        for line in drawn.get().splitlines():
            print(line.rstrip(), file=self.stream)

    def findings(self, findings: Findings | Sequence[Finding], most: int = 0) -> None:
        """Findings by code, gravest first: a line each, and how many more there are than were kept."""
        speech = language()
        ordered = sorted(findings, key=lambda each: (-each.weight, each.code))
        for finding in ordered[: most or None]:
            label = words(f"weight.{finding.weight.name.lower()}")
            said = printable(f"{label:<9} {finding.code}  {_with_path(finding, speech)}")
            self.console.print(said, style=WEIGHT_STYLES[finding.weight], overflow="fold")
        total = len(findings)
        if total > len(ordered[: most or None]):
            self.line(words("finding.more", count=number(total - len(ordered[: most or None]))), "dim")

    @property
    def width(self) -> int:
        """Columns of the terminal; endless where there is none."""
        return os.get_terminal_size(self.stream.fileno()).columns if self.stream.isatty() else UNCUT


def _cell(cell: Cell) -> Text:
    from rich.text import Text

    text, style = cell if isinstance(cell, tuple) else (cell, "")
    return Text(printable(text), style=style)


def _table(columns: Sequence[tuple[str, str]], rows: Sequence[Sequence[Text]], *, lines: bool) -> Table:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD if lines else None, pad_edge=False, header_style="bold")
    for heading, kind in columns:
        justify: Literal["left", "right"] = "right" if kind == "number" else "left"
        table.add_column(heading, no_wrap=kind != "text", overflow="fold", justify=justify)
    for row in rows:
        table.add_row(*row)
    return table


def _with_path(finding: Finding, speech: str) -> str:
    text = finding.text(speech)
    return text if not finding.path or finding.path in text else f"{finding.path}: {text}"
