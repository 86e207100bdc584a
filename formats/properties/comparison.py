"""The comparison: what must survive a migration, read from source and result by other means than the migration's own tool."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from formats.properties import films, heard, odf, ooxml, pdf, pictures, plain
from formats.properties.beside import compare_parts
from formats.properties.cells import Rows, compare_cells
from formats.properties.facts import LOST, CannotTell, Compared, Demand, Kind, Said
from formats.properties.names import named
from formats.properties.pieces import Piece, Text
from formats.properties.redrawn import compare_pictures
from formats.properties.shown import hidden
from formats.properties.words import NEIGHBOURS, compare_words
from policies.phrases import phrase

__all__ = ["COMPARISONS", "compare"]

LOOK_DPI: Final = 72.0
"""Resolution at which pages are drawn to be held side by side: letters of 8 points are legible, a page costs a tenth of a second."""

LOOK_SIDE: Final = 600
"""Pixels of the longer side to which the picture of a scan and the page that was made of it are made small to be held side by side: its own
pixels are compared elsewhere, and here every program draws fine lines in a way of its own."""

DRAWN_SIDE: Final = 4_000
"""Pixels of the longer side that such a page is drawn with at most: A4 at 300 dpi."""

FINER: Final = 4
SMALLER: Final = 0.7
"""How much finer a page is drawn, and how small it is made then, before it is said to look otherwise: pictures are set to whole pixels, and
one of 72 dpi here or there is no difference of the page."""

LOOK: Final = 0.85
"""Least structural likeness (SSIM) of a page, mean and worst region, where the policy names none."""

NAMED: Final = 8
"""Statements that a difference names."""


def compare(source: Said, result: Said, demands: Iterable[Demand], work: Path) -> tuple[Compared, ...]:
    """What came of every demand, in their order. ``work`` is a folder for what has to be written meanwhile.

    A property that cannot be read is a fact of its own (``same`` None), and is never accepted.
    """
    return tuple(_one(source, result, demand, work) for demand in demands)


def _one(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    comparison = COMPARISONS.get(demand.name)
    if comparison is None:
        return Compared(demand.name, None, detail=phrase("comparison-unknown"))
    try:
        found = replace(comparison(source, result, demand, work), limit=_limit(demand))
        return _let_go(found) if demand.name in demand.loses else found
    except CannotTell as reason:
        return Compared(demand.name, None, detail=str(reason))


def _let_go(found: Compared) -> Compared:
    """A property that the path may lose: it is told."""
    lost = {f"{LOST}{found.name}": found.facts.get("lost", 1)}
    return replace(found, same=True, facts={**found.facts, **lost}) if found.same is False else found


def _limit(demand: Demand) -> str:
    sign, usual = LIMITS.get(demand.name, ("", None))
    least = usual if demand.least is None else demand.least
    return "" if least is None else f"{sign} {least:g}"


Comparison = Callable[[Said, Said, Demand, Path], Compared]


# -- text, tables ---------------------------------------------------------------------------------------------------------------


def _words_of(said: Said, work: Path, *, any_font: bool = True) -> Text:
    match said.kind:
        case Kind.OOXML:
            return ooxml.text(said.path, any_font=any_font)
        case Kind.ODF:
            return odf.text(said.path, any_font=any_font)
        case Kind.PDF:
            return pdf.text(said.path, work)
        case Kind.HTML:
            return plain.html_text(said.path)
        case Kind.TEXT:
            return plain.plain_text(said.path)
        case Kind.OLE:
            return plain.ole_text(said.path, work, any_font=any_font)
    raise CannotTell(phrase("kind-not-read", kind=said.kind.value))


def _text(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    now = _words_of(result, work)
    if source.kind is Kind.OLE and source.extension == "xls":  # its reader gives cells, and no heads and feet
        now = (piece for piece in now if not (isinstance(piece, Piece) and piece.running))
    was = _words_of(source, work, any_font=result.kind is not Kind.PDF)
    found = compare_words(was, now, demand.least, symbols=source.kind is not Kind.PDF)  # fonts of a PDF name letters as they like
    if found.accepted and result.kind is Kind.PDF and source.kind is not Kind.PDF and (unseen := hidden(result.path, work)):
        return replace(found, same=False, detail=unseen)  # of two PDF the look of the pages is compared
    return found


def _rows(said: Said) -> Rows:
    if said.kind is Kind.OOXML:
        return ooxml.cells(said.path)
    if said.kind is Kind.ODF:
        return odf.cells(said.path)
    raise CannotTell(phrase("kind-not-read", kind=said.kind.value))


def _cells(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    return compare_cells(_rows(source), _rows(result))


# -- pages ----------------------------------------------------------------------------------------------------------------------


def _pages_of(said: Said, work: Path) -> int:
    match said.kind:
        case Kind.PDF:
            return pdf.pages(said.path, work)
        case Kind.PICTURE:
            return int(pictures.describe(said.path, work)["frames"])
        case Kind.OOXML:
            return ooxml.pages(said.path)
        case Kind.ODF:
            return odf.pages(said.path)
    raise CannotTell(phrase("kind-not-read", kind=said.kind.value))


def _pages(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    was, now = _pages_of(source, work), _pages_of(result, work)
    return Compared(
        "pages",
        was == now,
        detail="" if was == now else phrase("pages-are", was=was, now=now),
        facts={"pages": was, "found": now},
    )


def _look(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    """Page by page, in mean and in the worst region: a picture that moved, a page that is another."""
    least = LOOK if demand.least is None else demand.least
    was, now = _pages_of(source, work), _pages_of(result, work)
    if was != now:
        return Compared("look", False, 0.0, phrase("pages-are", was=was, now=now))
    worst = 1.0
    for page, score in _page_scores(source, result, was, work, least):
        worst = min(worst, score)
        if score < least:
            return Compared(
                "look", False, score, phrase("page-looks-different", page=page, score=f"{score:.3f}", least=f"{least:g}")
            )
    return Compared("look", True, worst, facts={"pages": was})


def _page_scores(source: Said, result: Said, count: int, work: Path, least: float) -> Iterator[tuple[int, float]]:
    if source.kind is Kind.PICTURE and result.kind is Kind.PICTURE:
        yield from ((page, min(score)) for page, score in enumerate(pictures.scores(source.path, result.path, work), 1))
        return
    if source.kind is Kind.PICTURE:
        told = pictures.describe(source.path, work)
        side = max(told["width"], told["height"])
        for page in range(1, count + 1):
            score = _page_score(source, result, page, min(side, DRAWN_SIDE), LOOK_SIDE, work)
            if (
                score < least and side < 2 * LOOK_SIDE
            ):  # too small to be made much smaller: each pixel would have to be drawn in its place
                score = _page_score(source, result, page, side * FINER, round(min(side, LOOK_SIDE) * SMALLER), work)
            yield page, score
        return
    for page, points in enumerate(pdf.longest_sides(source.path, work, count), 1):
        side = max(1, round(points * LOOK_DPI / 72))
        score = _page_score(source, result, page, side, side, work)
        if score < least:
            score = _page_score(source, result, page, side * FINER, round(side * SMALLER), work)
        yield page, score


def _page_score(source: Said, result: Said, page: int, side: int, longest: int, work: Path) -> float:
    """The likeness of one page: both drawn at the same scale, ``side`` pixels long, and made small to ``longest``."""
    left, right = work / f"look-a-{page}.png", work / f"look-b-{page}.png"
    try:
        _draw(source, page, left, work, side)
        _draw(result, page, right, work, side)
        return min(pictures.scores(left, right, work, longest=longest)[0])
    finally:
        left.unlink(missing_ok=True)
        right.unlink(missing_ok=True)


def _draw(said: Said, page: int, target: Path, work: Path, side: int) -> None:
    """One page as a picture file of its own."""
    if said.kind is Kind.PDF:
        pdf.render(said.path, page, target, side=side)
    elif said.kind is Kind.PICTURE:
        pictures.frame(said.path, page, target, work)
    else:
        raise CannotTell(phrase("kind-not-read", kind=said.kind.value))


# -- pictures -------------------------------------------------------------------------------------------------------------------


def _pixels(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    """Equal pixels; with a ``least`` below 1, pixels that are so alike. Of a PDF, those of the picture that each page consists of."""
    if result.kind is Kind.PDF:
        return _scanned(source, result, demand, work)
    return _two_pictures(source.path, result.path, demand, work)


def _two_pictures(source: Path, result: Path, demand: Demand, work: Path) -> Compared:
    if demand.least is not None and demand.least < 1:
        told = pictures.scores(source, result, work)
        worst = min((min(each) for each in told), default=0.0)
        detail = "" if worst >= demand.least else phrase("likeness-is", score=f"{worst:.3f}", least=f"{demand.least:g}")
        return Compared("pixels", worst >= demand.least, worst, detail, {"frames": len(told)})
    equal = pictures.compare(source, result, work)
    return Compared("pixels", bool(equal["same"]), detail=equal["detail"], facts={"frames": equal["frames"]})


def _scanned(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    was, now = _pages_of(source, work), _pages_of(result, work)
    if was != now:
        return Compared("pixels", False, detail=phrase("pages-are", was=was, now=now))
    left, right = work / "scanned-a.png", work / "scanned-b.png"
    least = 1.0
    for page in range(1, was + 1):
        try:
            found = _two_pictures(
                pictures.frame(source.path, page, left, work), pdf.picture_of(result.path, page, right), demand, work
            )
        finally:
            left.unlink(missing_ok=True)
            right.unlink(missing_ok=True)
        if not found.accepted:
            return Compared(
                "pixels", found.same, found.measure, phrase("on-page", page=page, detail=found.detail), {"frames": was}
            )
        least = min(least, 1.0 if found.measure is None else found.measure)
    return Compared("pixels", True, least, facts={"frames": was})


def _beside(
    name: str, words: Callable[[dict[str, Any]], str], same: Callable[[dict[str, Any], dict[str, Any]], bool]
) -> Comparison:
    """A property that stands beside the pixels."""

    def comparison(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
        was, now = pictures.describe(source.path, work), pictures.describe(result.path, work)
        alike = same(was, now)
        return Compared(name, alike, detail="" if alike else phrase("shape-is", was=words(was), now=words(now)))

    return comparison


def _same_dpi(was: dict[str, Any], now: dict[str, Any]) -> bool:
    if len(was["dpi"]) != len(now["dpi"]):
        return False
    pairs = zip(was["dpi"], now["dpi"], strict=True)
    return all(not any(one) or all(abs(a - b) <= 0.5 for a, b in zip(one, two, strict=True)) for one, two in pairs)


def _metadata(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    """What the source says of itself beside the pixels, the result says too, wherever it keeps it."""
    was, now = (pictures.describe(said.path, work)["metadata"] for said in (source, result))
    everything = "\n".join(now.values())
    lost = [name for name, value in was.items() if now.get(name) != value and value not in everything]
    detail = phrase("lost-names", names=", ".join(lost[:NAMED]) + (" …" if len(lost) > NAMED else "")) if lost else ""
    return Compared("metadata", not lost, detail=detail, facts={"statements": len(was), "lost": len(lost)})


def _kept_pictures(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    return compare_pictures(source, result, work)


# -- what is said of the whole ----------------------------------------------------------------------------------------------------


def _properties(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    """Title, author and subject: what the source says, the result says too."""
    was, now = (_properties_of(said, work) for said in (source, result))
    lost = {name: value for name, value in was.items() if _folded(now.get(name, "")) != _folded(value)}
    detail = "; ".join(phrase("property-is", name=named(name), was=value, now=now.get(name, "")) for name, value in lost.items())
    return Compared("properties", not lost, detail=detail, facts={"properties": len(was)})


def _folded(value: str) -> str:
    return " ".join(unicodedata.normalize("NFC", value).split())


def _properties_of(said: Said, work: Path) -> dict[str, str]:
    match said.kind:
        case Kind.OOXML:
            return ooxml.properties(said.path)
        case Kind.ODF:
            return odf.properties(said.path)
        case Kind.PDF:
            return pdf.properties(said.path, work)
    raise CannotTell(phrase("kind-not-read", kind=said.kind.value))


def _parts(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    return compare_parts(source, result, demand.loses, work)


def _attachments(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    """Files embedded in a PDF: by name and content."""
    was, now = (pdf.attachments(said.path, work) for said in (source, result))
    lost = sorted(name for name, digest in set(was.items()) - set(now.items()))
    return Compared(
        "attachments",
        not lost,
        detail=phrase("lost-names", names=", ".join(lost)) if lost else "",
        facts={"attachments": len(was)},
    )


COMPARISONS: Mapping[str, Comparison] = {
    "text": _text,
    "cells": _cells,
    "pages": _pages,
    "look": _look,
    "pixels": _pixels,
    "resolution": _beside("resolution", lambda each: f"{each['dpi'][0][0]:g} dpi", _same_dpi),
    "profile": _beside("profile", lambda each: each["profiles"][0][:16] or "-", lambda a, b: a["profiles"] == b["profiles"]),
    "metadata": _metadata,
    "pictures": _kept_pictures,
    "frames": films.frames,
    "samples": films.samples,
    "timing": films.timing,
    "quality": films.quality,
    "sound": heard.sound,
    "duration": films.duration,
    "properties": _properties,
    "attachments": _attachments,
    "parts": _parts,
}
"""Property → comparison. A policy may name these and no others."""

LIMITS: Mapping[str, tuple[str, float | None]] = {
    "text": (">=", NEIGHBOURS),
    "look": (">=", LOOK),
    "pixels": (">=", None),
    "quality": (">=", films.QUALITY),
    "sound": (">=", heard.LIKENESS),
    "duration": ("<=", films.SECONDS),
}
"""Property whose likeness has degrees → how its measure is held against the limit, and the limit where the policy names none."""
