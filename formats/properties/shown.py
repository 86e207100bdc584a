"""Words of a PDF that nobody sees: a reader of text finds them, and they are painted over, or without ink, or beside the page."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from formats.properties.facts import CannotTell, ask
from policies.phrases import phrase

__all__ = ["hidden"]

INKED: Final = Path(__file__).with_name("inked.py")

LEAST: Final = 0.5
"""Share of a page's words that have to be seen: a few may be white on white in the source, too, and most of a page are not."""

AT_ONCE: Final = 32
"""Pages that are drawn at once: half a megabyte each at 72 dpi."""

Places = dict[int, list[list[float]]]


def hidden(path: Path, work: Path) -> str:
    """The first page of which more than half of the words are not to be seen, as a phrase; "" when there is none. Raises CannotTell."""
    places = _places(path, work)
    pages = sorted(places)
    for start in range(0, len(pages), AT_ONCE):
        for page, count in _seen(path, pages[start : start + AT_ONCE], places, work):
            if count < LEAST * len(places[page]):
                return phrase("words-hidden", page=page, count=len(places[page]) - count, words=len(places[page]))
    return ""


def _places(path: Path, work: Path) -> Places:
    """Page → where its words stand, in points from its upper left corner."""
    found: Places = {}
    said = ask(["pdftotext", "-tsv", "-enc", "UTF-8", "-q", str(path), "-"], work).decode("utf-8", "replace")
    for row in said.split("\n")[1:]:
        fields = row.rstrip("\r").split("\t", 11)
        if len(fields) == 12 and fields[0] == "5" and fields[11].strip():
            left, top, width, height = map(float, fields[6:10])
            found.setdefault(int(fields[1]), []).append([left, top, left + width, top + height])
    return found


def _seen(path: Path, pages: list[int], places: Places, work: Path) -> Iterator[tuple[int, int]]:
    first, last = pages[0], pages[-1]
    ask(["pdftoppm", "-gray", "-cropbox", "-r", "72", "-f", str(first), "-l", str(last), str(path), str(work / "shown")], work)
    drawn = {int(each.stem.rpartition("-")[2]): each for each in work.glob("shown-*.pgm")}
    order = work / "shown.json"
    try:
        if not set(pages) <= set(drawn):
            raise CannotTell(phrase("pdf-page-not-drawn", page=min(set(pages) - set(drawn))))
        order.write_text(json.dumps([[str(drawn[page]), places[page]] for page in pages]), "utf-8")
        told: dict[str, Any] = json.loads(ask([sys.executable, "-P", "-W", "ignore", str(INKED), str(order)], work))
        if "error" in told:
            raise CannotTell(str(told["error"]))
        yield from zip(pages, told["seen"], strict=True)
    finally:
        for each in (*drawn.values(), order):
            each.unlink(missing_ok=True)
