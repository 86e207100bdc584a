"""What an OOXML document (ECMA-376: docx, xlsx, pptx) says, read from its XML without any office program."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Final

from formats.properties.cells import Cell, column_number, number_text
from formats.properties.facts import CannotTell
from formats.properties.legacy import fonts, readable
from formats.properties.ooxml_parts import heads, masters, slides
from formats.properties.ooxml_text import Labels, paragraphs
from formats.properties.parts import Parts, opened
from formats.properties.pieces import COUNTED, Piece
from formats.xml import local_name
from policies.phrases import phrase

__all__ = ["cells", "pages", "properties", "text"]

_RELATION: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"


def text(path: Path, *, any_font: bool = True) -> Iterator[Piece]:
    """The words on the page, a paragraph a piece: body, notes, heads and feet; of slides their shapes; of sheets their cells.

    Not ``any_font``: CannotTell where they are written for a font of before Unicode (`formats.properties.legacy`).
    """
    with opened(path) as parts:
        yield from readable(_text(parts), "" if any_font else fonts(parts))


def _text(parts: Parts) -> Iterator[Piece]:
    labels = Labels(parts)
    numbers = {name: number for number, name in enumerate(slides(parts), 1)}
    for name in _texts(parts):
        yield from (replace(piece, page=numbers.get(name, 0)) for piece in paragraphs(parts, name, labels))
    if "word/document.xml" in parts:
        for name, certain in heads(parts).items():
            yield from paragraphs(parts, name, labels, running=True, certain=certain)
    for name in masters(parts):
        yield from paragraphs(parts, name, labels, running=True, master=True)
    if "xl/workbook.xml" in parts:
        for _, row in _cells(parts):
            yield from (Piece(cell.text, apart=True) for cell in row)
        for sheet, part in _sheets(parts):
            yield from _heads_of_sheet(parts, sheet, part)


def _texts(parts: Parts) -> list[str]:
    names = list(slides(parts))
    charts = [name for name in parts.names if re.fullmatch(r"ppt/diagrams/data\d+\.xml", name)]
    if "word/document.xml" in parts:
        names.append("word/document.xml")
        names += [name for name in ("word/footnotes.xml", "word/endnotes.xml") if name in parts]
    return names + charts


def _heads_of_sheet(parts: Parts, sheet: str, part: str) -> Iterator[Piece]:
    """The heads and feet with which a sheet is printed (18.3.1.46): left, centre and right by themselves."""
    for event, element in parts.events(part):
        tag = local_name(element)
        if event == "end" and tag in ("oddHeader", "oddFooter", "firstHeader", "firstFooter", "evenHeader", "evenFooter"):
            for each in re.split(r"&[LCR]", element.text or ""):
                said = _HEAD_CODE.sub(lambda code: _head_code(code[0], sheet), each)
                yield from (Piece(line, running=True, certain=False) for line in said.splitlines() if line.strip())


_HEAD_CODE: Final = re.compile(r'&(?:"[^"]*"|\d+|K[0-9A-Fa-f+-]{6}|.)', re.DOTALL)


def _head_code(code: str, sheet: str) -> str:
    return {"&P": COUNTED, "&N": COUNTED, "&A": sheet, "&&": "&"}.get(code, "")


def pages(path: Path) -> int:
    """Slides of a presentation; other documents do not say how many pages they have."""
    with opened(path) as parts:
        return sum(
            1 for event, element in parts.events("ppt/presentation.xml") if event == "end" and local_name(element) == "sldId"
        )


def properties(path: Path) -> dict[str, str]:
    """Title, author and subject."""
    names = {"title": "title", "creator": "author", "subject": "subject"}
    with opened(path) as parts:
        if "docProps/core.xml" not in parts:
            return {}
        found = ((local_name(e), e.text or "") for event, e in parts.events("docProps/core.xml") if event == "end")
        return {names[tag]: value.strip() for tag, value in found if tag in names and value.strip()}


def cells(path: Path) -> Iterator[tuple[str, list[Cell]]]:
    """(sheet, cells of one row that hold something), row by row."""
    with opened(path) as parts:
        yield from _cells(parts)


def _cells(parts: Parts) -> Iterator[tuple[str, list[Cell]]]:
    shared = list(_shared(parts)) if "xl/sharedStrings.xml" in parts else []
    for sheet, part in _sheets(parts):
        yield sheet, []
        row: list[Cell] = []
        kind, place, value = "", "", ""
        for event, element in parts.events(part):
            tag = local_name(element)
            if event == "start":
                if tag == "c":
                    kind, place, value = element.get("t") or "n", element.get("r") or "", ""
                continue
            if tag == "v" or (tag == "t" and kind == "inlineStr"):
                value += element.text or ""
            elif tag == "c" and value:
                row.append(_cell(kind, place, value, shared))
            elif tag == "row" and row:
                yield sheet, row
                row = []


def _cell(kind: str, place: str, value: str, shared: list[str]) -> Cell:
    at = re.fullmatch(r"([A-Z]+)(\d+)", place)
    if at is None:
        raise CannotTell(phrase("cell-at", place=place))
    if kind == "s":
        value = shared[int(value)] if value.isdigit() and int(value) < len(shared) else ""
    elif kind == "n":
        value = number_text(value)
    elif kind == "b":
        value = {"true": "1", "false": "0"}.get(value, value)  # as ODF programs write it: the number of a formula TRUE()
    return Cell(int(at[2]), column_number(at[1]), value)


def _shared(parts: Parts) -> Iterator[str]:
    said: list[str] = []
    phonetic = 0
    for event, element in parts.events("xl/sharedStrings.xml"):
        tag = local_name(element)
        if tag == "rPh":
            phonetic += 1 if event == "start" else -1
        elif event == "end" and tag == "t" and not phonetic:
            said.append(element.text or "")
        elif event == "end" and tag == "si":
            yield "".join(said)
            said.clear()


def _sheets(parts: Parts) -> Iterator[tuple[str, str]]:
    targets: dict[str, str] = {}
    for event, element in parts.events("xl/_rels/workbook.xml.rels"):
        if event == "end" and local_name(element) == "Relationship":
            target = element.get("Target") or ""
            targets[element.get("Id") or ""] = (
                target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"xl/{target}")
            )
    found = [
        (element.get("name") or "", targets.get(element.get(_RELATION) or "", ""))
        for event, element in parts.events("xl/workbook.xml")
        if event == "end" and local_name(element) == "sheet"
    ]
    yield from ((name, part) for name, part in found if part.startswith("xl/worksheets/"))
