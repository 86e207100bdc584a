"""The pictures that a document of OOXML or ODF draws: which, how often, in which order, on which slide, and what is done to them.

A picture that lies in the file and is drawn nowhere (on a layout that no slide uses, in a second rendering for old programs) is none.
"""

from __future__ import annotations

import math
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from formats.properties.odf_text import master_pages
from formats.properties.ooxml_parts import heads, masters, relations, slides
from formats.properties.parts import Parts
from formats.xml import Element, local_name

__all__ = ["Drawn", "odf_drawn", "ooxml_drawn"]

_RELATIONS: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_HIDDEN: Final = frozenset({"Fallback", "del", "moveFrom", "buBlip"})
"""What is not drawn, or is drawn as a sign of a text (17.9.23, pictures as bullets)."""

_COLOURS: Final = frozenset(
    {"grayscl", "biLevel", "lum", "duotone", "clrChange", "clrRepl", "hsl", "tint", "fillOverlay", "brightnessContrast"}
)
"""Effects of DrawingML (20.1.8) by which a picture is drawn in other colours than it has."""

_ODF_COLOURS: Final = frozenset({"color-mode", "luminance", "contrast", "gamma", "red", "green", "blue"})
_ODF_HEADS: Final = frozenset(f"{end}{side}" for end in ("header", "footer") for side in ("", "-left", "-first"))
_ROTATE: Final = re.compile(r"rotate ?\(\s*(-?[\d.]+)(deg|rad)?\s*\)")


@dataclass(frozen=True, slots=True)
class Drawn:
    """One drawing of a picture. ``part`` is its file in the document; ``page`` the slide that it must be on (from 1; 0: not known);
    ``ordered``: it stands in the flow of the text, where a later one is never drawn before it; ``everywhere``: it belongs to a head, a foot
    or a master and is drawn once or many times; ``turned`` clockwise, in degrees, after it was ``flipped`` ("h", "v", both or "");
    ``recoloured``: drawn in other colours or brightness than it has."""

    part: str
    page: int = 0
    ordered: bool = False
    everywhere: bool = False
    turned: float = 0.0
    flipped: str = ""
    recoloured: bool = False


# -- OOXML ------------------------------------------------------------------------------------------------------------------------


def ooxml_drawn(parts: Parts) -> Iterator[Drawn]:
    """Raises CannotTell."""
    if "ppt/presentation.xml" in parts:
        for page, slide in enumerate(slides(parts), 1):
            yield from _of_part(parts, slide, page=page)
        for each in masters(parts):
            yield from _of_part(parts, each, everywhere=True)
    elif "word/document.xml" in parts:
        yield from _of_part(parts, "word/document.xml", ordered=True)
        for head, certain in heads(parts).items():
            yield from _of_part(parts, head, everywhere=True) if certain else ()
        for kind, target in relations(parts, "word/document.xml").values():
            if kind in ("footnotes", "endnotes") and target in parts:
                yield from _of_part(parts, target)
    else:
        for name in parts.names:
            if re.fullmatch(r"xl/worksheets/sheet\d+\.xml", name):
                for kind, target in relations(parts, name).values():
                    if kind == "drawing" and target in parts:
                        yield from _of_part(parts, target)


def _of_part(parts: Parts, name: str, *, page: int = 0, ordered: bool = False, everywhere: bool = False) -> Iterator[Drawn]:
    """The pictures that one part draws. The one that is being read is held back until its frame ends: what is done to it, and by which
    other file newer programs draw it, stand behind its name."""
    known = relations(parts, name)
    hidden = 0
    blip = ""
    turned, flipped, recoloured = 0.0, "", False
    pending: list[Drawn] = []
    for event, element in parts.events(name):
        tag, start = local_name(element), event == "start"
        if tag in _HIDDEN:
            hidden += 1 if start else -1
        elif hidden:
            continue
        elif start and tag in ("blip", "imagedata", "svgBlip"):
            blip = element.get(f"{_RELATIONS}embed") or element.get(f"{_RELATIONS}id") or blip
            recoloured = recoloured or any(element.get(each) for each in ("gain", "blacklevel", "grayscale"))
        elif start and tag in _COLOURS and blip:
            recoloured = True
        elif start and tag == "xfrm" and blip:
            turned = int(element.get("rot") or 0) / 60_000 % 360
            flipped = "".join(each[-1].lower() for each in ("flipH", "flipV") if element.get(each) in ("1", "true"))
        elif not start and tag in ("blipFill", "imagedata") and blip:
            if blip in known:
                pending.append(Drawn(known[blip][1], page, ordered, everywhere, recoloured=recoloured))
            blip, recoloured = ("" if tag == "imagedata" else blip), False
        elif not start and tag in ("pic", "sp", "wsp", "bgPr", "pict"):
            yield from (replace(each, turned=turned, flipped=flipped) for each in pending)
            pending, blip, turned, flipped, recoloured = [], "", 0.0, "", False
    yield from pending


# -- ODF --------------------------------------------------------------------------------------------------------------------------


def odf_drawn(parts: Parts) -> Iterator[Drawn]:
    """Raises CannotTell."""
    looks = _Looks(parts)
    yield from (each for _, each in _of_odf(parts, "content.xml", looks))
    if "styles.xml" in parts:
        used = master_pages(parts)
        yield from (each for master, each in _of_odf(parts, "styles.xml", looks) if used.get(master))


class _Looks:
    """What the styles of a document do with pictures: which draw them in other colours or turned over, and which fill with one."""

    def __init__(self, parts: Parts) -> None:
        self.recolours: set[str] = set()
        self.flips: dict[str, str] = {}
        self.fills: dict[str, str] = {}
        named: dict[str, str] = {}
        style = ""
        for part in ("styles.xml", "content.xml"):
            for event, element in parts.events(part) if part in parts else ():
                tag = local_name(element)
                if event != "start":
                    continue
                if tag == "style":
                    style = _attribute(element, "name")
                elif tag == "fill-image":
                    named[_attribute(element, "name")] = _picture(parts, element)
                elif tag in ("graphic-properties", "drawing-page-properties"):
                    self._read(style, element)
        self.fills = {style: named[name] for style, name in self.fills.items() if named.get(name)}

    def _read(self, style: str, element: Element) -> None:
        if any(_attribute(element, each) not in ("", "standard", "0%", "100%") for each in _ODF_COLOURS):
            self.recolours.add(style)
        mirror = _attribute(element, "mirror")
        self.flips[style] = "".join(each[0] for each in ("horizontal", "vertical") if each in mirror.split())
        if _attribute(element, "fill") == "bitmap":
            self.fills[style] = _attribute(element, "fill-image-name")


def _of_odf(parts: Parts, name: str, looks: _Looks) -> Iterator[tuple[str, Drawn]]:
    """(master page, drawing); "" in the content."""
    master = ""
    page = hidden = 0
    frames: list[Drawn] = []
    for event, element in parts.events(name):
        tag, start = local_name(element), event == "start"
        if tag in ("tracked-changes", "notes") or (tag in _ODF_HEADS and _attribute(element, "display") == "false"):
            hidden += 1 if start else -1
        elif tag == "master-page":
            master = _attribute(element, "name") if start else ""
        elif start and tag == "page":
            page += 1
        elif start and tag == "image" and frames and not frames[-1].part:
            frames[-1] = replace(frames[-1], part=_picture(parts, element))
        here = Drawn("", page, not master and not page, bool(master))
        style = _attribute(element, "style-name") if start else ""
        if start and tag == "frame":
            turned = _degrees(_ROTATE.search(_attribute(element, "transform")))
            frames.append(replace(here, turned=turned, flipped=looks.flips.get(style, ""), recoloured=style in looks.recolours))
        elif tag == "frame" and frames and (frame := frames.pop()).part and not hidden:
            yield master, frame
        if tag not in ("style", "default-style") and style in looks.fills and not hidden:
            yield master, replace(here, part=looks.fills[style], ordered=False)


def _picture(parts: Parts, element: Element) -> str:
    """The file that an element refers to, where it is a picture of the document's own."""
    target = posixpath.normpath(_attribute(element, "href") or "-")
    return target if target in parts and target.startswith("Pictures/") else ""


def _degrees(rotated: re.Match[str] | None) -> float:
    """Clockwise; ODF (19.228) counts the other way round, in radians where no unit is said."""
    if rotated is None:
        return 0.0
    value = float(rotated[1])
    return -(value if rotated[2] == "deg" else math.degrees(value)) % 360


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), "")
