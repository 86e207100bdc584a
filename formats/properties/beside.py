"""What an office document holds beside its text: comments, notes for the speaker, tracked changes, formulas, what is hidden.

Not every format can hold these. What a path may lose is said in its policy, and then told file by file; anything else must be there still.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection
from typing import Final

from formats.properties.facts import CannotTell, Compared, Kind, Said
from formats.properties.parts import Parts, opened
from formats.xml import Element, local_name
from policies.formats import PARTS

__all__ = ["compare_parts"]

_SOME: Final = frozenset({"changes"})
"""What every program counts in another way (a change of two paragraphs is one, or two): there must be some where there were."""

_CHANGES: Final = frozenset({"ins", "del", "moveFrom", "moveTo"})
_OOXML: Final = re.compile(
    r"word/(document|comments|header\d+|footer\d+|footnotes)\.xml|ppt/(presentation|comments/[^/]+|slides/slide\d+|notesSlides/notesSlide\d+)\.xml"
    r"|xl/(workbook|comments[^/]*|comments/[^/]+|worksheets/sheet\d+)\.xml"
)


def compare_parts(source: Said, result: Said, loses: Collection[str]) -> Compared:
    """Whether all of it is there still, but for what the path ``loses``; what is lost stands in the facts ("lost-comments")."""
    was = _counted(source)
    now = Counter[str]() if result.kind is Kind.PDF else _counted(result)
    lost = {
        name: was[name] - now[name]
        for name in PARTS
        if (now[name] < was[name] and (name not in _SOME or not now[name])) or (name == "hidden" and now[name] != was[name])
    }
    if wrong := [name for name in lost if name not in loses]:
        said = ", ".join(f"{name}: {was[name]} are {now[name]}" for name in wrong)
        return Compared("parts", False, detail=said, facts={name: was[name] for name in wrong})
    return Compared("parts", True, facts={f"lost-{name}": count for name, count in lost.items()})


def _counted(said: Said) -> Counter[str]:
    found = Counter[str]()
    with opened(said.path) as parts:
        if said.kind is Kind.OOXML:
            for name in filter(_OOXML.fullmatch, parts.names):
                found.update(_ooxml(parts, name))
        elif said.kind is Kind.ODF:
            found.update(_odf(parts))
        else:
            raise CannotTell(f"what a {said.kind.value} holds beside its text is not read")
    return found


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
