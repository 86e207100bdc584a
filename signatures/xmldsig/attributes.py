"""Attributes and declarations of namespaces of one element, read in time that grows with their number, on the account of the file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

__all__ = ["attribute_prefix", "attributes", "in_scope"]

FEW = 64
"""Attributes of an element that lxml is asked for. It looks up each value from the first attribute on, which takes a minute of 100,000."""

Visit = Callable[[int], object]
"""`signatures.xmldsig.c14n.Work.visit`. Raises `Refused`."""

_EVERY = etree.XPath("@*")
_NAME = etree.XPath("name(@*[namespace-uri() = $u and local-name() = $l])")


def attributes(element: Any, visit: Visit) -> list[tuple[str, str]]:
    """The (name, value) of each attribute in its order, declarations aside. Raises `Refused`."""
    found = element.attrib
    if len(found) <= FEW:
        return list(found.items())
    visit(len(found) >> 1)
    return [(each.attrname, str(each)) for each in _EVERY(element)]


def in_scope(element: Any, visit: Visit) -> Mapping[str | None, str]:
    """Prefix → namespace of what is declared at and above an element (None: nothing is). Raises `Refused`."""
    found: Mapping[str | None, str] = element.nsmap if element is not None else {}
    visit(len(found) >> 3)
    return found


def attribute_prefix(element: Any, key: str) -> str:
    """The prefix of an attribute with a namespace (``key``, as lxml has it) as it is written. Two may stand for it: libxml2 knows."""
    uri, _, local = key[1:].partition("}")
    return str(_NAME(element, u=uri, l=local)).partition(":")[0]
