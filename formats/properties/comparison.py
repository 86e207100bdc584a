"""The comparison: what must survive a migration, read from source and result by other means than the migration's own tool."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

from formats.properties import media, odf, ooxml, pdf, pictures, plain
from formats.properties.beside import compare_parts
from formats.properties.cells import Rows, compare_cells
from formats.properties.facts import CannotTell, Compared, Demand, Kind, Said
from formats.properties.pieces import Text
from formats.properties.words import NEIGHBOURS, compare_words

__all__ = ["COMPARISONS", "compare"]

LOOK_DPI: Final = 72.0
"""Resolution at which pages are drawn to be held side by side: letters of 8 points are legible, a page costs a tenth of a second."""

LOOK: Final = 0.9
"""Least structural likeness (SSIM) of a page, mean and worst region, where the policy names none."""

QUALITY: Final = 30.0
"""Least PSNR in dB of an access copy, on average, where the policy names none; below, people see the loss."""

WORST_FRAME: Final = 10.0
"""How many dB below the average's least a single frame may be: another picture in a frame's place is far below."""

ALIKE: Final = 1_000.0
"""What equal pictures are given, whose PSNR is infinite: JSON knows no infinity."""

SECONDS: Final = 0.5
"""How far two durations may be apart: encoders of MP3 pad up to a tenth of a second at both ends."""


def compare(source: Said, result: Said, demands: Iterable[Demand], work: Path) -> tuple[Compared, ...]:
    """What came of every demand, in their order. ``work`` is a folder for what has to be written meanwhile.

    A property that cannot be read is a fact of its own (``same`` None), and is never accepted.
    """
    return tuple(_one(source, result, demand, work) for demand in demands)


def _one(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    comparison = COMPARISONS.get(demand.name)
    if comparison is None:
        return Compared(demand.name, None, detail="there is no such comparison")
    try:
        return replace(comparison(source, result, demand, work), limit=_limit(demand))
    except CannotTell as reason:
        return Compared(demand.name, None, detail=str(reason))


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
            return plain.ole_text(said.path, work)
    raise CannotTell(f"the text of a {said.kind.value} is not read")


def _text(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    return compare_words(_words_of(source, work, any_font=result.kind is not Kind.PDF), _words_of(result, work), demand.least)


def _rows(said: Said) -> Rows:
    if said.kind is Kind.OOXML:
        return ooxml.cells(said.path)
    if said.kind is Kind.ODF:
        return odf.cells(said.path)
    raise CannotTell(f"the cells of a {said.kind.value} are not read")


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
    raise CannotTell(f"the pages of a {said.kind.value} are not counted")


def _pages(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    was, now = _pages_of(source, work), _pages_of(result, work)
    return Compared(
        "pages", was == now, detail="" if was == now else f"{was} pages are {now}", facts={"pages": was, "found": now}
    )


def _look(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    """Page by page, in mean and in the worst region: a picture that moved, a page that is another."""
    least = LOOK if demand.least is None else demand.least
    was, now = _pages_of(source, work), _pages_of(result, work)
    if was != now:
        return Compared("look", False, 0.0, f"{was} pages are {now}")
    worst = 1.0
    for page, score in _page_scores(source, result, was, work):
        worst = min(worst, score)
        if score < least:
            return Compared("look", False, score, f"page {page} looks different (likeness {score:.3f}, at least {least:g})")
    return Compared("look", True, worst, facts={"pages": was})


def _page_scores(source: Said, result: Said, count: int, work: Path) -> Iterator[tuple[int, float]]:
    if source.kind is Kind.PICTURE and result.kind is Kind.PICTURE:
        yield from ((page, min(score)) for page, score in enumerate(pictures.scores(source.path, result.path, work), 1))
        return
    for page in range(1, count + 1):
        left, right = work / f"look-a-{page}.png", work / f"look-b-{page}.png"
        try:
            _draw(source, page, left, work, None)
            told = pictures.describe(left, work)
            _draw(result, page, right, work, (told["width"], told["height"]))
            yield page, min(pictures.scores(left, right, work)[0])
        finally:
            left.unlink(missing_ok=True)
            right.unlink(missing_ok=True)


def _draw(said: Said, page: int, target: Path, work: Path, size: tuple[int, int] | None) -> None:
    """One page as a picture file of its own; a PDF is drawn as large as the other side is."""
    if said.kind is Kind.PDF:
        pdf.render(said.path, page, target, size=size, dpi=LOOK_DPI)
    elif said.kind is Kind.PICTURE:
        pictures.frame(said.path, page, target, work)
    else:
        raise CannotTell(f"the pages of a {said.kind.value} are not drawn")


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
        detail = "" if worst >= demand.least else f"likeness {worst:.3f}, at least {demand.least:g}"
        return Compared("pixels", worst >= demand.least, worst, detail, {"frames": len(told)})
    equal = pictures.compare(source, result, work)
    return Compared("pixels", bool(equal["same"]), detail=equal["detail"], facts={"frames": equal["frames"]})


def _scanned(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    was, now = _pages_of(source, work), _pages_of(result, work)
    if was != now:
        return Compared("pixels", False, detail=f"{was} pages are {now}")
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
            return Compared("pixels", found.same, found.measure, f"page {page}: {found.detail}", {"frames": was})
        least = min(least, 1.0 if found.measure is None else found.measure)
    return Compared("pixels", True, least, facts={"frames": was})


def _beside(
    name: str, words: Callable[[dict[str, Any]], str], same: Callable[[dict[str, Any], dict[str, Any]], bool]
) -> Comparison:
    """A property that stands beside the pixels."""

    def comparison(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
        was, now = pictures.describe(source.path, work), pictures.describe(result.path, work)
        alike = same(was, now)
        return Compared(name, alike, detail="" if alike else f"{words(was)} is {words(now)}")

    return comparison


def _same_dpi(was: dict[str, Any], now: dict[str, Any]) -> bool:
    return not any(was["dpi"]) or all(abs(a - b) <= 0.5 for a, b in zip(was["dpi"], now["dpi"], strict=True))


def _kept_pictures(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    """Pictures in a document: the same files where both keep files; in a PDF, at least as many."""
    of: dict[Kind, Callable[[Path], list[str]]] = {Kind.OOXML: ooxml.pictures, Kind.ODF: odf.pictures}
    if source.kind not in of:
        raise CannotTell(f"the pictures of a {source.kind.value} are not read")
    was = of[source.kind](source.path)
    if result.kind is Kind.PDF:
        now = pdf.pictures(result.path, work)
        return Compared("pictures", now >= len(was), detail="" if now >= len(was) else f"{len(was)} pictures are {now}")
    if result.kind not in of:
        raise CannotTell(f"the pictures of a {result.kind.value} are not read")
    lost = set(was) - set(of[result.kind](result.path))
    return Compared("pictures", not lost, detail=f"{len(lost)} of {len(was)} pictures are lost" if lost else "")


# -- sound and films --------------------------------------------------------------------------------------------------------------


def _frames(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    return _hashed("frames", "v", source, result, work)


def _samples(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    return _hashed("samples", "a", source, result, work)


def _hashed(name: str, kind: str, source: Said, result: Said, work: Path) -> Compared:
    bits = 24 if kind == "a" and media.fractional(source.path, work) else 32
    was, now = (media.frame_hashes(said.path, kind, work, bits=bits) for said in (source, result))
    facts = {"hashes": len(was)}
    if was == now:
        return Compared(name, True, facts=facts)
    if len(was) != len(now):
        return Compared(name, False, detail=f"{len(was)} {name} are {len(now)}", facts=facts)
    first = next(number for number, (a, b) in enumerate(zip(was, now, strict=True)) if a != b)
    return Compared(name, False, detail=f"they differ, first at {first}", facts=facts)


def _quality(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    least = QUALITY if demand.least is None else demand.least
    counts = [len(media.frame_hashes(said.path, "v", work)) for said in (source, result)]
    if counts[0] != counts[1]:
        return Compared("quality", False, detail=f"{counts[0]} frames are {counts[1]}")
    mean, worst, frames = media.psnr(source.path, result.path, work)
    good = mean >= least and worst >= least - WORST_FRAME
    detail = "" if good else f"{mean:.1f} dB (worst frame {worst:.1f} dB), at least {least:g}"
    return Compared("quality", good, mean if math.isfinite(mean) else ALIKE, detail, {"frames": frames})


def _duration(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    was, now = (media.duration(said.path, work) for said in (source, result))
    far = abs(was - now)
    most = SECONDS if demand.least is None else demand.least
    return Compared("duration", far <= most, far, "" if far <= most else f"{was:.2f} s are {now:.2f} s")


# -- what is said of the whole ----------------------------------------------------------------------------------------------------


def _properties(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    """Title, author and subject: what the source says, the result says too."""
    was, now = (_properties_of(said, work) for said in (source, result))
    lost = {name: value for name, value in was.items() if _folded(now.get(name, "")) != _folded(value)}
    detail = "; ".join(f"{name} “{value}” is “{now.get(name, '')}”" for name, value in lost.items())
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
    raise CannotTell(f"the properties of a {said.kind.value} are not read")


def _parts(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    return compare_parts(source, result, demand.loses)


def _attachments(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    was, now = (pdf.attachments(said.path, work) for said in (source, result))
    lost = sorted(name for name, digest in set(was.items()) - set(now.items()))
    return Compared("attachments", not lost, detail=f"lost: {', '.join(lost)}" if lost else "", facts={"attachments": len(was)})


COMPARISONS: Mapping[str, Comparison] = {
    "text": _text,
    "cells": _cells,
    "pages": _pages,
    "look": _look,
    "pixels": _pixels,
    "resolution": _beside("resolution", lambda each: f"{each['dpi'][0]:g} dpi", _same_dpi),
    "profile": _beside(
        "profile", lambda each: f"a colour profile of {each['profile']} bytes", lambda a, b: a["profile"] == b["profile"]
    ),
    "pictures": _kept_pictures,
    "frames": _frames,
    "samples": _samples,
    "quality": _quality,
    "duration": _duration,
    "properties": _properties,
    "attachments": _attachments,
    "parts": _parts,
}
"""Property → comparison. A policy may name these and no others."""

LIMITS: Mapping[str, tuple[str, float | None]] = {
    "text": (">=", NEIGHBOURS),
    "look": (">=", LOOK),
    "pixels": (">=", None),
    "quality": (">=", QUALITY),
    "duration": ("<=", SECONDS),
}
"""Property whose likeness has degrees → how its measure is held against the limit, and the limit where the policy names none."""
