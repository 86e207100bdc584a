"""The predefined XMP schemas, property by property: known, and of the kind that the specification gives it (mappings/xmp.toml)."""

from __future__ import annotations

import functools
import re
import tomllib
from collections.abc import Mapping
from importlib import resources

from lxml import etree  # type: ignore[import-untyped]

from formats.validate.pdfa.subject import RDF

__all__ = ["misfit", "predefined"]

XML_LANG = "{http://www.w3.org/XML/1998/namespace}lang"
CONTAINERS = {"bag": "Bag", "seq": "Seq", "alt": "Alt", "lang": "Alt"}
DATE = r"\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d)?)?)?)?"
KINDS = {
    "date": re.compile(DATE),
    "integer": re.compile(r"[+-]?\d+"),
    "real": re.compile(r"[+-]?(\d+\.?\d*|\.\d+)"),
    "boolean": re.compile(r"True|False"),
    "rational": re.compile(r"[+-]?\d+/\d+"),
}
"""How a simple value of a kind is written; text may be anything."""


@functools.cache
def predefined() -> Mapping[str, Mapping[str, str]]:
    """Namespace → property → kind."""
    rows = tomllib.loads(resources.files("formats").joinpath("mappings/xmp.toml").read_text(encoding="utf-8"))
    return {space: {name: kind for kind, names in kinds.items() for name in names} for space, kinds in rows.items()}


def misfit(kind: str, value: etree._Element | str) -> bool:
    """Whether a property's value (an element, or the text of an attribute) is not of ``kind``."""
    if kind == "any":
        return False
    shape, _, inner = kind.partition(" ")
    if isinstance(value, str):
        return shape in CONTAINERS or shape == "struct" or _wrong(kind, value)
    if shape == "struct":
        return not _structured(value)
    if shape not in CONTAINERS:
        return _simple(value) is None or _wrong(kind, _simple(value) or "")
    children = [child for child in value if isinstance(child.tag, str)]
    if len(children) != 1 or children[0].tag != f"{{{RDF}}}{CONTAINERS[shape]}":
        return True
    items = list(children[0].iterfind(f"{{{RDF}}}li"))
    if shape == "lang":
        return any(item.get(XML_LANG) is None for item in items)
    return any(misfit(inner, item) for item in items)


def _simple(element: etree._Element) -> str | None:
    """The text of an element without children; None when it has some."""
    if any(isinstance(child.tag, str) for child in element):
        return None
    return (element.get(f"{{{RDF}}}resource") or element.text or "").strip()


def _structured(element: etree._Element) -> bool:
    if element.get(f"{{{RDF}}}parseType") == "Resource" or element.find(f"{{{RDF}}}Description") is not None:
        return True
    return any(not key.startswith(f"{{{RDF}}}") and key != XML_LANG for key in element.attrib)


def _wrong(kind: str, text: str) -> bool:
    pattern = KINDS.get(kind)
    return pattern is not None and pattern.fullmatch(text.strip()) is None
