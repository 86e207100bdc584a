"""What a PDF says, asked of poppler (in the sandbox): another reader than those that write the PDFs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from formats.properties.facts import CannotTell, ask
from formats.properties.pieces import Piece
from formats.sandbox import left
from policies.phrases import phrase

__all__ = ["attachments", "facts", "longest_sides", "pages", "picture_of", "properties", "render", "text"]

EDGE: Final = 6
"""Lines at the top and at the bottom of a page among which its head and foot are looked for, in the order of reading or by their height:
the right part of a head may be read behind a column of a table."""

ROW: Final = 4.0
"""Points within which lines stand at one height."""

BLANK: Final = 0.12
"""From which gap on, in heights of a line, a word ends: blanks have a quarter, letters of two fonts stand up to a tenth apart."""

COLUMN: Final = 0.4
"""From which gap on two words belong to two columns or cells: the least that programs leave between cells is a bit more (LibreOffice 0.42
at 12 points). Justified lines may be cut by it, too, which does no harm: all lines end somewhere."""

_NAMES: Final = {"Title": "title", "Author": "author", "Subject": "subject"}


def text(path: Path, work: Path) -> Iterator[Piece]:
    """Lines in reading order, cut where a column or cell ends; of each page it is known which ones are its first and last."""
    said = ask(["pdftotext", "-tsv", "-enc", "UTF-8", "-q", str(path), "-"], work).decode("utf-8", "replace")
    page: list[tuple[str, float]] = []
    number = 0
    last: _Word | None = None
    for row in said.split("\n")[1:]:
        fields = row.rstrip("\r").split("\t", 11)
        if len(fields) < 12:
            continue
        if fields[0] == "1":
            yield from _edged(page, number)
            page.clear()
            number += 1
        if fields[0] != "5":
            last = None
            continue
        word = _Word(*map(float, fields[6:10]))
        space = None if last is None else last.space(word)
        if space is None:
            page.append((fields[11], word.top))
        else:
            page[-1] = page[-1][0] + space + fields[11], page[-1][1]
        last = word
    yield from _edged(page, number)


@dataclass(frozen=True, slots=True)
class _Word:
    """Where a run of letters stands on its page, in points: a word has several where its font changes."""

    left: float
    top: float
    width: float
    height: float

    def space(self, after: _Word) -> str | None:
        """What stands between this and the run after it in the line: nothing, a blank, or (None) the gap between two columns."""
        if after.top >= self.top + self.height or self.top >= after.top + after.height:
            return " "  # set upright or across
        gap = (after.left - self.left - self.width) / max(self.height, after.height, 1.0)
        return None if gap > COLUMN else " " if gap > BLANK else ""


def _edged(lines: list[tuple[str, float]], page: int) -> Iterator[Piece]:
    rows = sorted({round(top / ROW) for _, top in lines})
    outside = {*rows[:EDGE], *rows[-EDGE:]}
    for number, (line, top) in enumerate(lines):
        edge = number < EDGE or number >= len(lines) - EDGE or round(top / ROW) in outside
        yield Piece(line, edge=edge, page=page)


def facts(path: Path, work: Path) -> dict[str, str]:
    """What pdfinfo prints, name by name. Raises CannotTell."""
    said = ask(["pdfinfo", "-enc", "UTF-8", "-isodates", str(path)], work).decode("utf-8", "replace")
    return {name.strip(): value.strip() for name, found, value in (line.partition(":") for line in said.splitlines()) if found}


def pages(path: Path, work: Path) -> int:
    """Raises CannotTell."""
    try:
        return int(facts(path, work)["Pages"])
    except (KeyError, ValueError) as error:
        raise CannotTell(phrase("pdf-pages-not-said")) from error


def properties(path: Path, work: Path) -> dict[str, str]:
    """Title, author and subject."""
    return {_NAMES[name]: value for name, value in facts(path, work).items() if name in _NAMES and value}


def attachments(path: Path, work: Path) -> dict[str, str]:
    """Embedded files: "name (n)", the n-th of that name → SHA-256 of its content. Raises CannotTell."""
    said = ask(["pdfdetach", "-list", str(path)], work).decode("utf-8", "replace")
    found: dict[str, str] = {}
    for number, name in re.findall(r"^\s*(\d+): (.+)$", said, re.MULTILINE):
        target = work / "attached"
        ask(["pdfdetach", "-save", number, "-o", str(target), str(path)], work)
        if not left(target, work):
            raise CannotTell(phrase("pdf-file-not-taken", name=name))
        with target.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        target.unlink()
        same = sum(known.rpartition(" (")[0] == name for known in found)
        found[f"{name} ({same + 1})"] = digest
    return found


def longest_sides(path: Path, work: Path, count: int) -> list[float]:
    """The longer side of each page, in points (1/72 inch). Raises CannotTell."""
    said = ask(["pdfinfo", "-f", "1", "-l", str(count), str(path)], work).decode("utf-8", "replace")
    sizes = re.findall(r"^Page +\d+ size: +([\d.]+) x ([\d.]+) pts", said, re.MULTILINE)
    if len(sizes) != count:
        raise CannotTell(phrase("pdf-pages-not-said"))
    return [max(float(width), float(height)) for width, height in sizes]


def render(path: Path, page: int, target: Path, *, side: int = 0, dpi: float = 72.0) -> Path:
    """One page as a PNG, as much of it as people are shown: its longer ``side`` in pixels where that is given, else at ``dpi``. The folder
    of ``target`` is written. Raises CannotTell."""
    scale = ["-scale-to", str(side)] if side else ["-r", f"{dpi:g}"]
    one = ["-cropbox", "-f", str(page), "-l", str(page), "-singlefile"]
    ask(["pdftoppm", "-png", *scale, *one, str(path), str(target.with_suffix(""))], target.parent)
    if not left(target, target.parent):
        raise CannotTell(phrase("pdf-page-not-drawn", page=page))
    return target


def picture_of(path: Path, page: int, target: Path) -> Path:
    """The one picture that a scanned page consists of, its own pixels, as a PNG. Raises CannotTell when there is not exactly one."""
    stem = target.with_suffix("")
    ask(["pdfimages", "-png", "-f", str(page), "-l", str(page), str(path), str(stem)], target.parent)
    found = sorted(target.parent.glob(f"{stem.name}-*.png"))
    if len(found) != 1:
        for each in found:
            each.unlink()
        raise CannotTell(phrase("pdf-page-pictures", page=page, count=len(found)))
    return found[0].rename(target)
