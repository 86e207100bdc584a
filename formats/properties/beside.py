"""What a file holds beside its text, pages, sound and pictures: comments, notes for the speaker, tracked changes, formulas, what is hidden;
of PDF bookmarks, links and fields; of films and sound subtitles, chapters, covers, tags and other streams.

Not every format can hold these. What a path may lose is said in its policy, and then told file by file; anything else must be there still.
"""

from __future__ import annotations

import json
import re
import struct
import sys
from collections import Counter
from collections.abc import Collection
from pathlib import Path
from typing import Any, Final

from formats.ole2 import first_sector
from formats.properties import media
from formats.properties.facts import CannotTell, Compared, Kind, Said, ask
from formats.properties.names import named
from formats.properties.parts import Parts, opened
from formats.xml import Element, local_name
from policies.formats import PARTS
from policies.phrases import brief, phrase

__all__ = ["compare_parts"]

_SOME: Final = frozenset({"changes"})
"""What every program counts in another way (a change of two paragraphs is one, or two): there must be some where there were."""

ANNOTATED: Final = Path(__file__).with_name("annotated.py")
_PLACES: Final = 0xBA
"""Where the head of a Word document says where its table of comments is, and how long (fcPlcfandRef, lcbPlcfandRef)."""

_CHANGES: Final = frozenset({"ins", "del", "moveFrom", "moveTo"})
_OOXML: Final = re.compile(
    r"word/(document|comments|header\d+|footer\d+|footnotes)\.xml|ppt/(presentation|comments/[^/]+|slides/slide\d+|notesSlides/notesSlide\d+)\.xml"
    r"|xl/(workbook|comments[^/]*|comments/[^/]+|worksheets/sheet\d+)\.xml"
)


def compare_parts(source: Said, result: Said, loses: Collection[str], work: Path) -> Compared:
    """Whether all of it is there still, but for what the path ``loses``; what is lost stands in the facts ("lost-comments")."""
    if source.kind is Kind.MEDIA:
        was, now = _of_media(source.path, result.path, work)
    else:
        was = _counted(source, work)
        now = Counter[str]() if result.kind is Kind.PDF and source.kind is not Kind.PDF else _counted(result, work)
    lost = {
        name: was[name] - now[name]
        for name in PARTS
        if (now[name] < was[name] and (name not in _SOME or not now[name])) or (name == "hidden" and now[name] != was[name])
    }
    if wrong := [name for name in lost if name not in loses]:
        said = ", ".join(phrase("part-fewer", name=named(name), was=was[name], now=now[name]) for name in wrong)
        return Compared("parts", False, detail=said, facts={name: was[name] for name in wrong})
    return Compared("parts", True, facts={f"lost-{name}": count for name, count in lost.items()})


def _counted(said: Said, work: Path) -> Counter[str]:
    if said.kind is Kind.PDF:
        return _of_pdf(said.path, work)
    if said.kind is Kind.OLE:
        return _of_old(said.path)
    found = Counter[str]()
    with opened(said.path) as parts:
        if said.kind is Kind.OOXML:
            for name in filter(_OOXML.fullmatch, parts.names):
                found.update(_ooxml(parts, name))
        elif said.kind is Kind.ODF:
            found.update(_odf(parts))
        else:
            raise CannotTell(phrase("parts-not-read", kind=said.kind.value))
    return found


def _of_pdf(path: Path, work: Path) -> Counter[str]:
    answer = ask([sys.executable, "-P", "-W", "ignore", str(ANNOTATED), str(path)], work)
    told: dict[str, Any] = json.loads(answer)
    if "error" in told:
        raise CannotTell(phrase("library-says", words=brief(str(told["error"]))))
    return Counter({name: int(count) for name, count in told.items()})


def _of_old(path: Path) -> Counter[str]:
    """Comments of a Word document of before 2007 (MS-DOC, 2.5.6: their table has 34 bytes each, and 4 at its end), or of RTF."""
    if path.suffix.lower() == ".rtf":
        return Counter({"comments": path.read_bytes().count(rb"\*\annotation")})
    head = first_sector(path, "WordDocument")
    if len(head) < _PLACES + 8 or head[:2] != b"\xec\xa5":
        raise CannotTell(phrase("parts-not-read", kind=path.suffix.lstrip(".")))
    (size,) = struct.unpack_from("<I", head, _PLACES + 4)
    return Counter({"comments": max(0, size - 4) // 34})


def _of_media(source: Path, result: Path, work: Path) -> tuple[Counter[str], Counter[str]]:
    """What both files hold beside their sound and pictures. Tags count where the result says the same, wherever it keeps it."""
    told = [media.probed(path, work) for path in (source, result)]
    said = [set(media.tags(path, work).values()) for path in (source, result)]
    was, now = (Counter({"chapters": len(each.get("chapters", ()))}) for each in told)
    for found, each in zip((was, now), told, strict=True):
        for stream in each["streams"]:
            kind = stream.get("codec_type", "")
            covers = bool(stream.get("disposition", {}).get("attached_pic"))
            name = "covers" if covers else {"subtitle": "subtitles", "video": "", "audio": ""}.get(kind, "streams")
            found.update([name] if name else [])
    was["tags"], now["tags"] = len(said[0]), len(said[0] & said[1])
    if len(_seen(told[0])) == len(_seen(told[1])):
        now["covers"] = was["covers"]  # as a picture among others
    return was, now


def _seen(told: dict[str, Any]) -> list[dict[str, Any]]:
    return [each for each in told["streams"] if each.get("codec_type") == "video"]


def _ooxml(parts: Parts, name: str) -> Counter[str]:
    found = Counter[str]()
    speaks = fields = 0
    for event, element in parts.events(name):
        tag = local_name(element)
        step = 1 if event == "start" else -1
        if tag == "fld":
            fields += step
        if event == "start":
            found.update(_of_ooxml(name, tag, element))
        elif tag == "t" and "notesSlide" in name and not fields and (element.text or "").strip():
            speaks = 1
    found["notes"] += speaks
    return found


def _of_ooxml(name: str, tag: str, element: Element) -> list[str]:
    """What an element of a part is, of what is counted."""
    if "comments" in name:
        return ["comments"] * (tag in ("comment", "cm"))
    if name.startswith("word/"):
        parent = element.getparent()
        inside = parent is not None and local_name(parent) in ("rPr", "trPr", "numPr")
        return ["changes"] * (tag in _CHANGES and not inside)
    if tag == "f" and "worksheets" in name:
        return ["formulas"]
    hidden = (tag == "sheet" and element.get("state") in ("hidden", "veryHidden")) or (
        tag == "sld" and element.get("show") in ("0", "false")
    )
    return ["hidden"] * hidden


def _odf(parts: Parts) -> Counter[str]:
    found = Counter[str]()
    hidden: set[str] = set()
    style = ""
    notes = speaks = 0
    for event, element in parts.events("content.xml"):
        tag, start = local_name(element), event == "start"
        if tag == "notes":
            notes += 1 if start else -1
            speaks = 0 if start else speaks
        elif notes and not start and tag in ("p", "span") and (element.text or "").strip() and not speaks:
            speaks = 1
            found["notes"] += 1
        elif not start:
            continue
        elif tag == "style":
            style = _attribute(element, "name")
        elif tag in ("table-properties", "drawing-page-properties"):
            if _attribute(element, "display") == "false" or _attribute(element, "visibility") == "hidden":
                hidden.add(style)
        elif tag in ("table", "page"):
            found["hidden"] += _attribute(element, "style-name") in hidden
        elif tag in ("annotation", "changed-region"):
            found["comments" if tag == "annotation" else "changes"] += 1
        elif tag in ("table-cell", "covered-table-cell") and _attribute(element, "formula"):
            found["formulas"] += int(_attribute(element, "number-columns-repeated") or 1)
    return found


def _attribute(element: Element, name: str) -> str:
    return next((value for key, value in element.items() if key.rpartition("}")[2] == name), "")
