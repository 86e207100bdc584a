"""Text of files that hold little else: plain text, HTML, and the Excel and PowerPoint files of before 2007, Word files of before 1997 and
RTF (by catdoc)."""

from __future__ import annotations

from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Final

from formats.properties import doc, doc_file
from formats.properties.facts import CannotTell, ask
from formats.properties.pieces import Piece
from policies.phrases import phrase

__all__ = ["html_text", "ole_text", "plain_text"]

MOST_BYTES: Final = 256 << 20
"""A text that is longer is not compared; novels have one megabyte."""

_ENCODINGS: Final = ("utf-8-sig", "utf-16", "cp1258")
"""Tried in this order; UTF-16 only where there is its mark. Windows-1258 is the Vietnamese one."""

_OLE_READERS: Final = {"doc": "catdoc", "rtf": "catdoc", "xls": "xls2csv", "ppt": "catppt"}

_SILENT: Final = frozenset({"script", "style", "head", "template", "noscript"})
_INLINE: Final = frozenset(
    {"a", "abbr", "b", "bdi", "cite", "code", "em", "font", "i", "mark", "small", "span", "strong", "sub", "sup", "u"}
)


def plain_text(path: Path) -> Iterator[str]:
    """Lines. Raises CannotTell for bytes that are no text."""
    yield from _decoded(path).splitlines()


def _decoded(path: Path) -> str:
    if path.stat().st_size > MOST_BYTES:
        raise CannotTell(phrase("text-too-long", most=MOST_BYTES >> 20))
    data = path.read_bytes()
    for encoding in _ENCODINGS:
        if encoding == "utf-16" and data[:2] not in (b"\xff\xfe", b"\xfe\xff"):
            continue
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise CannotTell(phrase("text-encoding-unknown"))


class _Html(HTMLParser):
    """Gathers what a browser would show."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = [""]
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in _SILENT
        self._cut(tag)

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in _SILENT and self._silent > 0
        self._cut(tag)

    def _cut(self, tag: str) -> None:
        if tag not in _INLINE:
            self.pieces.append("")

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces[-1] += data


def html_text(path: Path) -> Iterator[str]:
    """What a browser would show, block by block. Raises CannotTell."""
    parser = _Html()
    parser.feed(_decoded(path))
    parser.close()
    yield from (piece for piece in parser.pieces if piece.strip())


def ole_text(path: Path, work: Path, *, any_font: bool = True) -> Iterator[str | Piece]:
    """Lines; of Word documents of 1997 to 2003 paragraphs, as `formats.properties.doc.pieces`. Raises CannotTell."""
    if (document := doc_file.opened(path)) is not None:
        yield from doc.pieces(document, any_font=any_font)
        return
    reader = _OLE_READERS.get(path.suffix.lower().lstrip("."))
    if reader is None:
        raise CannotTell(phrase("kind-not-read", kind=path.suffix or "-"))
    yield from ask([reader, "-d", "utf-8", str(path)], work).decode("utf-8", "replace").splitlines()
