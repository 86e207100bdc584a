"""What stands in the machinery of an OPC package (its relationships, its content types) beside what readers take from it.

The relationship transform drops it (ECMA-376-2, 12.2.4.26), and content types are covered by what references name: so nobody signed it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from signatures.left_words import ATTRIBUTES, COMMENTS, WORDS
from signatures.xmldsig.document import path_of

__all__ = ["aside", "idle_types"]

_EXTENSION = re.compile(r"[\w.+-]{1,20}")
_TYPE = re.compile(r"[\w.+-]{1,80}/[\w.+-]{1,120}(;\s*[\w-]{1,40}=[\w.\"-]{1,40})*")


def aside(root: Any, known: Mapping[str, frozenset[str]]) -> Iterator[str]:
    """What is to be said behind the name of a part whose elements are ``known`` with their attributes, directly in its root."""
    if any(not isinstance(each.tag, str) for each in root.iter()) or root.getprevious() is not None or root.getnext() is not None:
        yield COMMENTS
    if any("".join(filter(None, (each.text, each.tail))).strip() for each in root.iter() if isinstance(each.tag, str)):
        yield WORDS["text"]
    if root.attrib or any(not {*each.keys()} <= known.get(each.tag, frozenset()) for each in root.iterchildren(etree.Element)):
        yield ATTRIBUTES
    yield from (f": {path_of(each)}" for each in root.iterchildren(etree.Element) if each.tag not in known or len(each))


def idle_types(types: Any, named: Callable[[str], str | None]) -> Iterator[str]:
    """Content types that no part has; office programs write some for the endings of files that may come."""
    for each in types.iterchildren(etree.Element):
        declared = each.get("ContentType", "")
        part, ending = each.get("PartName"), each.get("Extension")
        used = named(part) is not None if part is not None else _EXTENSION.fullmatch(ending or "") is not None
        if not used or not _TYPE.fullmatch(declared):
            yield f": {path_of(each)}"
