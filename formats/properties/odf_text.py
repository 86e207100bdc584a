"""The paragraphs of an ODF document (ISO/IEC 26300), as they are set: with the heads and feet of the master pages that are used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Final

from formats.properties.parts import Parts
from formats.properties.pieces import BULLET, COUNTED, NOTED, Piece
from formats.xml import Element

__all__ = ["before", "master_pages", "paragraphs"]

_OFFICE: Final = "{urn:oasis:names:tc:opendocument:xmlns:office:1.0}"
_STYLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:style:1.0}"
_TABLE: Final = "{urn:oasis:names:tc:opendocument:xmlns:table:1.0}"
_TEXT: Final = "{urn:oasis:names:tc:opendocument:xmlns:text:1.0}"
_DRAW: Final = "{urn:oasis:names:tc:opendocument:xmlns:drawing:1.0}"
_SVG: Final = "{urn:oasis:names:tc:opendocument:xmlns:svg-compatible:1.0}"
_PRESENTATION: Final = "{urn:oasis:names:tc:opendocument:xmlns:presentation:1.0}"

_NOT_SET: Final = frozenset(
    {f"{_TEXT}tracked-changes", f"{_OFFICE}annotation", f"{_OFFICE}forms", f"{_PRESENTATION}notes", f"{_SVG}title", f"{_SVG}desc"}
)
"""What stands in the file and not on the page."""

_COUNTING: Final = frozenset({f"{_TEXT}page-number", f"{_TEXT}page-count"})
"""Fields whose value is another on every page; the file has a place holder ("<number>")."""

_CITATION: Final = f"{_TEXT}note-citation"
_SHEET_NAME: Final = f"{_TEXT}sheet-name"
_SHEET: Final = "\ufff8"
"""Stands in a head where the name of the sheet is set; never handed out."""

_DECLARED: Final = frozenset(f"{_PRESENTATION}{name}-decl" for name in ("header", "footer", "date-time"))

_PARAGRAPHS: Final = frozenset({f"{_TEXT}p", f"{_TEXT}h"})
_SPACES: Final = {f"{_TEXT}s": " ", f"{_TEXT}tab": "\t", f"{_TEXT}line-break": "\n"}
_APART: Final = frozenset(
    {f"{_TABLE}table-cell", f"{_TABLE}covered-table-cell", f"{_TEXT}note", f"{_DRAW}text-box", f"{_DRAW}page"}
)
_HEADS: Final = tuple(f"{_STYLE}{end}{side}" for end in ("header", "footer") for side in ("", "-left", "-first"))


def paragraphs(parts: Parts) -> Iterator[Piece]:
    """Those of the content, then those of heads and feet; one that stands inside of another (in a frame) comes before it."""
    lists = _Lists(parts)
    if "content.xml" in parts:
        reader = _Reader(lists)
        for event, element in parts.events("content.xml"):
            yield from reader.take(event, element)
    if "styles.xml" in parts:
        yield from _heads(parts, master_pages(parts), lists)


def before(event: str, element: Element) -> str:
    """The text right before a tag: only then it is known whole (`formats.xml.events`)."""
    if event == "end":
        return (element[len(element) - 1].tail if len(element) else element.text) or ""
    previous = element.getprevious()
    if previous is not None:
        return previous.tail or ""
    parent = element.getparent()
    return "" if parent is None else parent.text or ""


def master_pages(parts: Parts) -> dict[str, bool]:
    """The master pages that may be used → whether a page has it for certain: those that the content names, else the first one; not those
    that styles name, and those that follow upon others, for which there must be a page more."""
    next_of: dict[str, str] = {}
    named: dict[str, bool] = {}
    for part in ("content.xml", "styles.xml"):
        for event, element in parts.events(part) if part in parts else ():
            if event == "start" and element.tag == f"{_STYLE}master-page":
                next_of[element.get(f"{_STYLE}name") or ""] = element.get(f"{_STYLE}next-style-name") or ""
            elif event == "start" and (
                name := element.get(f"{_STYLE}master-page-name") or element.get(f"{_DRAW}master-page-name")
            ):
                named.setdefault(name, part == "content.xml")
    found = {name: certain for name, certain in named.items() if name in next_of}
    default = next((name for name in ("Standard", "Default") if name in next_of), next(iter(next_of), ""))
    found.setdefault(default, not any(found.values()))
    while more := {next_of[name] for name in found} & next_of.keys() - found.keys():
        found.update(dict.fromkeys(more, False))
    return found


def _heads(parts: Parts, used: Mapping[str, bool], lists: _Lists) -> Iterator[Piece]:
    """Heads and feet: those for left pages may stand on no page, and the usual ones of a master page that has others for its first."""
    found: list[tuple[str, str, Piece]] = []
    firsts: set[tuple[str, str]] = set()
    reader = _Reader(lists, running=True)
    master = head = ""
    hidden = 0
    for event, element in parts.events("styles.xml"):
        step = 1 if event == "start" else -1
        if element.tag == f"{_STYLE}master-page":
            master = element.get(f"{_STYLE}name") or ""
        elif element.tag in _HEADS:
            head = element.tag.rpartition("}")[2]
            hidden += step * (element.get(f"{_STYLE}display") == "false")
            if head.endswith("-first") and not hidden:
                firsts.add((master, head.removesuffix("-first")))
        elif master in used and not hidden:
            found += ((master, head, piece) for piece in reader.take(event, element))
    for master, head, piece in found:
        certain = used[master] and not head.endswith("-left") and (master, head) not in firsts
        if _SHEET not in piece.text:
            yield replace(piece, certain=certain)
        else:
            yield from (replace(piece, text=piece.text.replace(_SHEET, name), certain=False) for name in _sheets(parts))


def _sheets(parts: Parts) -> Iterator[str]:
    for event, element in parts.events("content.xml"):
        if event == "start" and element.tag == f"{_TABLE}table":
            yield element.get(f"{_TABLE}name") or ""


class _Lists:
    """What is set before items of lists and headings (19.880 and on): style and level → the label, with `COUNTED` for its number; the
    outline has no name."""

    def __init__(self, parts: Parts) -> None:
        self._labels: dict[tuple[str, int], str] = {}
        for part in ("styles.xml", "content.xml"):
            style = ""
            for event, element in parts.events(part) if part in parts else ():
                if event != "start":
                    continue
                if element.tag == f"{_TEXT}list-style":
                    style = element.get(f"{_STYLE}name") or ""
                elif element.tag == f"{_TEXT}outline-style":
                    style = ""
                elif element.tag in _LEVELS:
                    self._labels[(style, int(element.get(f"{_TEXT}level") or 1))] = _label(element)

    def of(self, style: str, level: int) -> str:
        return self._labels.get((style, level), COUNTED if style else "")


_LEVELS: Final = frozenset(
    f"{_TEXT}{name}" for name in ("list-level-style-number", "list-level-style-bullet", "outline-level-style")
)


def _label(element: Element) -> str:
    if element.tag.endswith("-bullet"):
        return BULLET
    if not element.get(f"{_STYLE}num-format"):
        return ""
    return f"{element.get(f'{_STYLE}num-prefix') or ''}{COUNTED}{element.get(f'{_STYLE}num-suffix') or ''}"


class _Reader:
    """Follows the paragraphs of one part."""

    def __init__(self, lists: _Lists, *, running: bool = False) -> None:
        self._lists = lists
        self._under: list[str] = []  # the styles of the lists that are open
        self._running = running
        self._open: list[list[str]] = []
        self._hidden = self._apart = self._counting = self._page = 0
        self._label = ""

    def take(self, event: str, element: Element) -> Iterator[Piece]:
        tag, step = element.tag, 1 if event == "start" else -1
        said = before(event, element)
        if self._open and said and not self._hidden and not self._counting:
            self._open[-1].append(said)
        if tag in _NOT_SET:
            self._hidden += step
        elif tag in _COUNTING or tag in (_CITATION, _SHEET_NAME):
            self._counting += step
            if event == "start" and self._open and not self._hidden and tag != _CITATION:
                self._open[-1].append(COUNTED if tag in _COUNTING else _SHEET)
        elif tag in _APART:
            self._apart += step
            self._page += tag == f"{_DRAW}page" and event == "start"
            if tag == f"{_TEXT}note" and event == "start" and self._open and not self._hidden:
                self._open[-1].append(NOTED)
        elif tag == f"{_TEXT}list":
            if event == "start":
                self._under.append(element.get(f"{_TEXT}style-name") or (self._under[-1] if self._under else ""))
            elif self._under:
                self._under.pop()
        elif tag in _DECLARED:
            yield from self._declaration(event)
        elif event == "start":
            self._begin(tag, element)
        elif tag in _PARAGRAPHS and self._open:
            text = "".join(self._open.pop())
            if text.strip() and not self._hidden:
                yield Piece(text, self._running, self._apart > 0, self._label, page=self._page)
                self._label = ""

    def _declaration(self, event: str) -> Iterator[Piece]:
        """What slides say at their edges is declared once."""
        if event == "start":
            self._open.append([])
        elif (text := "".join(self._open.pop())).strip():
            yield Piece(text, running=True, certain=False)

    def _begin(self, tag: str, element: Element) -> None:
        if tag in _PARAGRAPHS:
            self._open.append([])
            if tag == f"{_TEXT}h" and not self._under:
                self._label = self._lists.of("", int(element.get(f"{_TEXT}outline-level") or 1))
        elif tag == f"{_TEXT}note-body":
            self._label = COUNTED
        elif tag in _SPACES and self._open and not self._hidden:
            self._open[-1].append(_SPACES[tag])
        elif tag == f"{_TEXT}list-item":
            self._label = self._lists.of(self._under[-1] if self._under else "", len(self._under))
