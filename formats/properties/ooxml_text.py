"""The paragraphs of a part of an OOXML document (ECMA-376), as they are set: fields, changes, symbols, and the numbers of lists."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Final

from formats.properties.parts import Parts
from formats.properties.pieces import BULLET, COUNTED, COUNTING, NOTED, Piece
from formats.properties.symbols import private
from formats.xml import Element, local_name

__all__ = ["Labels", "paragraphs"]

_WORD: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_SET: Final = {"tab": "\t", "ptab": "\t", "br": "\n", "cr": "\n", "noBreakHyphen": "-"}
_NOT_SET: Final = frozenset({"del", "moveFrom", "fallback", "Fallback"})
"""What stands in the file and not on the page: deleted and moved words, and second renderings for old programs."""

_APART: Final = frozenset({"tc", "txbxContent", "footnote", "endnote", "txBody", "pt"})
"""What is inside of these is set beside other text."""

_HOLDERS: Final = frozenset({"ftr", "sldNum", "dt", "hdr"})
"""Place holders of slides (19.7.10) whose text stands on many of them, as a head or foot does."""


@dataclass(slots=True)
class _Paragraph:
    said: list[str] = field(default_factory=list)
    style: str = ""
    list_: str = ""
    level: str = ""
    apart: bool = False
    noted: bool = False


@dataclass(slots=True)
class _Field:
    """A field while it is read: its instruction, and whether its value is counted anew on every page."""

    instruction: str = ""
    counting: bool = False


class Labels:
    """What is set before the paragraphs of lists (17.9): list and level, or the style that names them, → the label's text."""

    def __init__(self, parts: Parts) -> None:
        self._abstract: dict[str, str] = {}
        self._texts: dict[tuple[str, str], str] = {}
        self._styles: dict[str, tuple[str, str, str]] = {}
        if "word/numbering.xml" in parts:
            self._read_numbering(parts)
            if "word/styles.xml" in parts:
                self._read_styles(parts)

    def of(self, paragraph: _Paragraph) -> str:
        """The label of a paragraph, with `COUNTED` for its number; "" when it has none."""
        list_, level = paragraph.list_, paragraph.level
        style, seen = paragraph.style, 0
        while not list_ and style in self._styles and seen < 20:
            above, list_, of_style = self._styles[style]
            level = level or of_style
            style, seen = above, seen + 1
        return self._texts.get((self._abstract.get(list_, ""), level or "0"), "") if list_ not in ("", "0") else ""

    def _read_numbering(self, parts: Parts) -> None:
        abstract = level = kind = ""
        number = ""
        for event, element in parts.events("word/numbering.xml"):
            tag, value = local_name(element), element.get(f"{_WORD}val") or ""
            if event == "start":
                if tag == "abstractNum":
                    abstract = element.get(f"{_WORD}abstractNumId") or ""
                elif tag == "lvl":
                    level, kind = element.get(f"{_WORD}ilvl") or "", ""
                elif tag == "num":
                    number = element.get(f"{_WORD}numId") or ""
            elif tag == "numFmt":
                kind = value
            elif tag == "lvlText":
                counted = BULLET if kind == "bullet" else re.sub(r"%\d", COUNTED, value)
                self._texts[(abstract, level)] = "" if kind == "none" else counted
            elif tag == "abstractNumId":
                self._abstract[number] = value

    def _read_styles(self, parts: Parts) -> None:
        style, above, list_, level = "", "", "", ""
        for event, element in parts.events("word/styles.xml"):
            tag, value = local_name(element), element.get(f"{_WORD}val") or ""
            if tag == "style" and event == "start":
                style, above, list_, level = element.get(f"{_WORD}styleId") or "", "", "", ""
            elif tag == "style":
                self._styles[style] = (above, list_, level)
            elif event == "end" and tag == "basedOn":
                above = value
            elif event == "end" and tag == "numId":
                list_ = value
            elif event == "end" and tag == "ilvl":
                level = value


def paragraphs(
    parts: Parts, name: str, labels: Labels, *, running: bool = False, certain: bool = True, master: bool = False
) -> Iterator[Piece]:
    """A part's paragraphs, in their order; one that stands inside of another (in a text box) comes before it. Those of a head or foot are
    ``running``, and set for ``certain`` or not; of a ``master`` of slides what stands in place holders is not set."""
    reader = _Reader(labels, running=running, master=master)
    for event, element in parts.events(name):
        piece = reader.take(event, element)
        if piece is not None:
            yield piece if certain else replace(piece, certain=False)


class _Reader:
    """Follows the paragraphs of one part."""

    def __init__(self, labels: Labels, *, running: bool, master: bool = False) -> None:
        self._labels = labels
        self._running = running
        self._master = master
        self._holder = ""  # the kind of place holder of slides that is being read
        self._hidden = self._apart = 0
        self._open: list[_Paragraph] = []
        self._fields: list[_Field] = []

    def take(self, event: str, element: Element) -> Piece | None:
        tag = local_name(element)
        if tag in _NOT_SET:
            self._hidden += 1 if event == "start" else -1
        elif tag in _APART:
            self._apart += 1 if event == "start" else -1
        elif tag == "sp":
            self._holder = ""
        elif event == "start":
            if tag == "p":
                self._open.append(_Paragraph(apart=self._apart > 0))
            elif tag == "ph":
                self._holder = element.get("type") or "body"
            elif tag == "fld" and self._open and (element.get("type") or "") == "slidenum":
                self._fields.append(_Field(counting=True))
                self._open[-1].said.append(COUNTED)
            elif tag == "fld":
                self._fields.append(_Field())
            elif tag == "fldSimple" and self._open and not self._hidden:
                self._begin_field(element.get(f"{_WORD}instr") or "")
                self._separate()
        elif tag == "p":
            return self._end(self._open.pop() if self._open else _Paragraph())
        elif self._open and not self._hidden:
            self._inside(tag, element)
        return None

    def _inside(self, tag: str, element: Element) -> None:
        paragraph = self._open[-1]
        if tag in ("pStyle", "numId", "ilvl"):
            name = {"pStyle": "style", "numId": "list_", "ilvl": "level"}[tag]
            setattr(paragraph, name, element.get(f"{_WORD}val") or "")
        elif tag in ("footnoteReference", "endnoteReference"):
            paragraph.said.append(NOTED)
        elif tag in ("footnoteRef", "endnoteRef"):
            paragraph.noted = True
        elif tag == "instrText":
            if self._fields:
                self._fields[-1].instruction += element.text or ""
        elif tag == "fldChar":
            self._field(element.get(f"{_WORD}fldCharType") or "")
        elif tag == "fldSimple":
            self._field("end")
        elif tag == "fld" and self._fields:
            self._fields.pop()
        elif any(each.counting for each in self._fields):
            return
        elif tag == "t":
            paragraph.said.append(element.text or "")
        elif tag == "sym":
            paragraph.said.append(_symbol(element))
        elif tag in _SET and not (tag == "tab" and (element.get(f"{_WORD}val") or element.get("pos"))):
            paragraph.said.append(_SET[tag])

    def _field(self, kind: str) -> None:
        if kind == "begin":
            self._begin_field("")
        elif kind == "separate":
            self._separate()
        elif kind == "end" and self._fields:
            self._separate()
            self._fields.pop()

    def _begin_field(self, instruction: str) -> None:
        self._fields.append(_Field(instruction))

    def _separate(self) -> None:
        """The value of a field begins: it may be counted when pages are set; else it is what the file says."""
        if not self._fields or self._fields[-1].counting:
            return
        words = self._fields[-1].instruction.split()
        if self._open and words and words[0].upper() in COUNTING:
            self._fields[-1].counting = True
            self._open[-1].said.append(COUNTED)

    def _end(self, paragraph: _Paragraph) -> Piece | None:
        text = "".join(paragraph.said)
        if self._hidden or not text.strip() or (self._master and self._holder):
            return None
        label = COUNTED if paragraph.noted else self._labels.of(paragraph)
        return Piece(text, self._running or self._holder in _HOLDERS, paragraph.apart or self._apart > 0, label)


def _symbol(element: Element) -> str:
    """A sign of a symbol font (17.3.3.30)."""
    return private(int(element.get(f"{_WORD}char") or "0", 16))
