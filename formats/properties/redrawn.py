"""Pictures of a document looked for in what was made of it: each must be there, as often, on its slide and in its order.

Where both keep files, the same pixels must be there. A PDF keeps no files: its pictures are taken out by poppler, and held against those of
the source in light and in colours, for programs may compress them again, or turn them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Final

from formats.properties import pictures
from formats.properties.drawn import Drawn, odf_drawn, ooxml_drawn
from formats.properties.facts import CannotTell, Compared, Kind, Said, ask
from formats.properties.parts import Parts, opened
from policies.phrases import phrase

__all__ = ["LIKE", "compare_pictures"]

LIKE: Final = 0.85
"""Least likeness (SSIM) of a picture, mean and worst region, as of a page; other pictures have less than 0.6, those that were compressed
as JPEG again (quality 75) more than 0.93."""

MOST: Final = 20_000
"""Drawings of pictures in one file; a page that is tiled with a small one has hundreds."""

_VECTORS: Final = frozenset({".emf", ".wmf", ".emz", ".wmz", ".svg", ".svm", ".eps", ".pdf"})


@dataclass(frozen=True, slots=True)
class _Shown:
    """One drawing of a picture in a result: the page, and what tells the picture from others."""

    page: int
    key: str


def compare_pictures(source: Said, result: Said, work: Path) -> Compared:
    """Raises CannotTell."""
    with opened(source.path) as parts:
        drawn = _drawn_in(parts, source.kind)
        wanted = {each.part: each for each in drawn}
        room = work / "pictures"
        room.mkdir()
        try:
            files = {name: _taken(parts, name, room) for name in wanted}
            shown, known = _shown_in(result, room)
            same = _same(wanted, files, known, room, exact=result.kind is not Kind.PDF)
        finally:
            shutil.rmtree(room, ignore_errors=True)
    facts = {"pictures": len(drawn), "found": len(shown)}
    detail = _missing(drawn, shown, same, flows=result.kind is Kind.PDF)
    return Compared("pictures", not detail, detail=detail, facts=facts)


def _drawn_in(parts: Parts, kind: Kind) -> list[Drawn]:
    of = {Kind.OOXML: ooxml_drawn, Kind.ODF: odf_drawn}
    if kind not in of:
        raise CannotTell(phrase("pictures-not-read", kind=kind.value))
    drawn = [each for each in of[kind](parts) if each.part in parts]
    if len(drawn) > MOST:
        raise CannotTell(phrase("pictures-too-many", most=MOST))
    return drawn


def _taken(parts: Parts, name: str, room: Path) -> Path:
    """A picture of a document as a file of its own."""
    target = room / f"part-{len(list(room.iterdir()))}{PurePosixPath(name).suffix.lower()}"
    with parts.stream(name) as stream, target.open("wb") as out:
        shutil.copyfileobj(stream, out)
    return target


# -- what a result shows ----------------------------------------------------------------------------------------------------------


def _shown_in(result: Said, room: Path) -> tuple[list[_Shown], dict[str, tuple[Path, Path | None]]]:
    """(drawings in their order, picture → its file and that of its mask)."""
    if result.kind is Kind.PDF:
        return _shown_in_pdf(result.path, room)
    with opened(result.path) as parts:
        drawn = _drawn_in(parts, result.kind)
        return [_Shown(each.page, each.part) for each in drawn], {
            name: (_taken(parts, name, room), None) for name in dict.fromkeys(each.part for each in drawn)
        }


def _shown_in_pdf(path: Path, room: Path) -> tuple[list[_Shown], dict[str, tuple[Path, Path | None]]]:
    listed = ask(["pdfimages", "-list", str(path)], room).decode("utf-8", "replace").splitlines()[2:]
    if len(listed) > MOST:
        raise CannotTell(phrase("pictures-too-many", most=MOST))
    ask(["pdfimages", "-png", str(path), str(room / "shown")], room)
    shown: list[_Shown] = []
    known: dict[str, tuple[Path, Path | None]] = {}
    for row in listed:
        fields = row.split()
        if len(fields) < 12:
            continue
        page, number, kind, key = int(fields[0]), int(fields[1]), fields[2], " ".join(fields[10:12])
        file = room / f"shown-{number:03d}.png"
        if kind in ("image", "stencil"):
            key = f"{key} {number}" if key.startswith("[inline]") else key
            known.setdefault(key, (file, None))
            shown.append(_Shown(page, key))
        elif kind in ("smask", "mask") and shown and known[shown[-1].key][0] == room / f"shown-{number - 1:03d}.png":
            known[shown[-1].key] = (known[shown[-1].key][0], file)
    return shown, known


# -- which are the same -----------------------------------------------------------------------------------------------------------


def _same(
    wanted: Mapping[str, Drawn],
    files: Mapping[str, Path],
    known: Mapping[str, tuple[Path, Path | None]],
    room: Path,
    *,
    exact: bool,
) -> dict[str, set[str]]:
    """Picture of the source → those of the result that are the same. Raises CannotTell for one that nothing here can decode."""
    names, keys = list(wanted), list(known)
    found = {name: {key for key in keys if exact and _equal(files[name], known[key][0])} for name in names}
    names = [name for name in names if not found[name]]
    for name in names:
        if PurePosixPath(name).suffix.lower() in _VECTORS:
            raise CannotTell(phrase("picture-is-drawing", name=PurePosixPath(name).name))
    if not names:
        return found
    order: dict[str, Any] = {
        "least": LIKE,
        "wanted": [_order(files[name], wanted[name], exact) for name in names],
        "shown": [[str(file), str(mask or "")] for file, mask in known.values()],
    }
    listed = room / "order.json"
    listed.write_text(json.dumps(order), encoding="utf-8")
    for name, alike in zip(names, pictures.matches(listed, room), strict=True):
        found[name] = {keys[number] for number in alike}
    return found


def _order(file: Path, drawn: Drawn, exact: bool) -> dict[str, Any]:
    """What is to be looked for. A program may keep a picture in the colours in which it is drawn: then those of the other file are none."""
    exactly = exact and not drawn.recoloured
    return {"file": str(file), "turned": drawn.turned, "flipped": drawn.flipped, "grey": drawn.recoloured, "exact": exactly}


def _equal(one: Path, two: Path) -> bool:
    return one.stat().st_size == two.stat().st_size and one.read_bytes() == two.read_bytes()


def _missing(drawn: Sequence[Drawn], shown: Sequence[_Shown], same: Mapping[str, set[str]], *, flows: bool) -> str:
    """What is wrong, in words; "" when each drawing was found. One of the result stands for one of the source, but for those of heads and
    masters, of which the result has as many as pages."""
    free = list(shown)
    page = 0
    for each in sorted(drawn, key=lambda one: one.everywhere):
        name = PurePosixPath(each.part).name
        alike = [one for one in (shown if each.everywhere else free) if one.key in same[each.part]]
        fits = [one for one in alike if one.page == each.page] if each.page else alike
        fits = [one for one in fits if one.page >= page] if each.ordered and flows else fits
        if not fits:
            if not alike:
                return phrase("picture-lost", name=name, count=len(drawn))
            return phrase("picture-elsewhere", name=name, page=alike[0].page)
        if not each.everywhere:
            free.remove(fits[0])
        page = fits[0].page if each.ordered and flows else page
    return ""
