"""How the parts of an OOXML document hang together: what refers to what, and which heads and feet are set."""

from __future__ import annotations

import posixpath
from typing import Final

from formats.properties.parts import Parts
from formats.xml import Element, local_name

__all__ = ["heads", "masters", "relations", "slides"]

_WORD: Final = "{http://schemas.openxmlformats.org/wordprocessingml/2006/main}"
_RELATIONS: Final = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}"
_OFF: Final = ("0", "false", "off")


def relations(parts: Parts, name: str) -> dict[str, tuple[str, str]]:
    """Id → (kind, part) of what a part refers to inside the document (Open Packaging Conventions, 9.3)."""
    folder, _, file = name.rpartition("/")
    listed = f"{folder}/_rels/{file}.rels"
    if listed not in parts:
        return {}
    found: dict[str, tuple[str, str]] = {}
    for event, element in parts.events(listed):
        if event == "start" and local_name(element) == "Relationship" and element.get("TargetMode") != "External":
            target = element.get("Target") or ""
            target = target.lstrip("/") if target.startswith("/") else posixpath.normpath(f"{folder}/{target}")
            found[element.get("Id") or ""] = (element.get("Type") or "").rpartition("/")[2], target
    return found


def slides(parts: Parts) -> list[str]:
    """The slides of a presentation in their order; none of another document."""
    if "ppt/presentation.xml" not in parts:
        return []
    of = relations(parts, "ppt/presentation.xml")
    ids = [e.get(f"{_RELATIONS}id") or "" for event, e in parts.events("ppt/presentation.xml") if _begins(event, e, "sldId")]
    return [of[each][1] for each in ids if each in of]


def masters(parts: Parts) -> list[str]:
    """The layouts and masters that slides show behind what they say themselves."""
    found: dict[str, None] = {}
    for slide in slides(parts):
        layouts = [target for kind, target in relations(parts, slide).values() if kind == "slideLayout"]
        above = [t for each in layouts for kind, t in relations(parts, each).values() if kind == "slideMaster"]
        if _shows_master(parts, slide):
            found.update(dict.fromkeys(layouts))
            found.update(dict.fromkeys(above if all(_shows_master(parts, each) for each in layouts) else ()))
    return list(found)


def _shows_master(parts: Parts, name: str) -> bool:
    return not any(
        event == "start" and local_name(e) in ("sld", "sldLayout") and e.get("showMasterSp") in _OFF
        for event, e in parts.events(name)
    )


def _begins(event: str, element: Element, tag: str) -> bool:
    return event == "start" and local_name(element) == tag


def heads(parts: Parts) -> dict[str, bool]:
    """The heads and feet of a Word document that may be set → whether one of their kind is set for certain (ECMA-376, 17.10).

    One for even pages is set where the settings say so, and one for first pages where the section does; then the usual one may stand
    on no page at all, for nobody knows how many pages a section has before it is set.
    """
    known = relations(parts, "word/document.xml")
    even = "word/settings.xml" in parts and any(_on(each, "evenAndOddHeaders") for each in parts.events("word/settings.xml"))
    found: dict[str, bool] = {}
    section: list[tuple[str, str]] = []
    first = False
    for event, element in parts.events("word/document.xml"):
        tag = local_name(element)
        if event == "start" and tag == "sectPr":
            section, first = [], False
        elif event == "start" and tag in ("headerReference", "footerReference"):
            section.append((element.get(f"{_WORD}type") or "default", element.get(f"{_RELATIONS}id") or ""))
        elif _on((event, element), "titlePg"):
            first = True
        elif event == "end" and tag == "sectPr":
            for kind, reference in section:
                target = known.get(reference, ("", ""))[1]
                if target in parts and (kind == "default" or (kind == "first" and first) or (kind == "even" and even)):
                    found[target] = found.get(target, False) or kind == ("first" if first else "default")
    return found


def _on(each: tuple[str, Element], name: str) -> bool:
    event, element = each
    return event == "start" and local_name(element) == name and element.get(f"{_WORD}val") not in _OFF
