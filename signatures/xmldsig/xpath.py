"""XPath in signatures, as far as it names elements that stay or go with all that is in them (XML-DSig 6.6.3, XPath Filter 2.0).

Anything else is refused: an expression is a program, and what it selects is no longer what people see.
"""

from __future__ import annotations

import re
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from policies.phrases import phrase
from signatures.xmldsig.attributes import in_scope
from signatures.xmldsig.c14n import Nodes, Refused, Work
from signatures.xmldsig.document import Document, text_of
from signatures.xmldsig.names import ds

__all__ = ["FILTER2", "XPATH", "by_filters", "by_xpath"]

XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
FILTER2 = "http://www.w3.org/2002/06/xmldsig-filter2"

_STEP = r"(?:[\w.-]+:)?(?:[\w.-]+|\*)"
_AND = re.compile(r"(?<=\)) ?and ?")
_CALLED = r"(?:\[@([\w.-]+)='([\w.:-]*)'\])?"
_WITHOUT = re.compile(rf"not\(ancestor-or-self::({_STEP}){_CALLED}\)")
_WITHOUT_IN_TWO = re.compile(rf"not\((self|ancestor)::({_STEP}) or (?!\1)(self|ancestor)::\2\)")
"""The same, said of the element itself and of what is around it."""
_WITHIN = re.compile(rf"ancestor-or-self::({_STEP}){_CALLED}")
_THIS_ONE = re.compile(
    rf"count\(ancestor-or-self::({_STEP})\|here\(\)/ancestor::({_STEP})\[1\]\)>count\(ancestor-or-self::({_STEP})\)"
)
_HERE = re.compile(rf"here\(\)/ancestor::({_STEP})(?:\[1\])?")
_ID = re.compile(r"id\('([\w.:-]+)'\)")
_TEXT = r"'[\w.:-]*'"
_NAME_TEST = rf"(?:starts-with\(local-name\(\),{_TEXT}\)|local-name\(\)={_TEXT}|@[\w.-]+={_TEXT})"
_PATH = re.compile(rf"(?:/|//|/descendant::){_STEP}(?:\[{_NAME_TEST}(?: ?(?:or|and) ?{_NAME_TEST})*\])?(?:/{_STEP}){{0,4}}")
"""Paths of names, with tests of names and attributes: each costs one pass over the document. Functions, positions, axes that look back
and a second ``//`` are not in it; nor is what begins without a slash: it is said of the document (XPath Filter 2.0, 3.4), and programs
take it from the root element."""

MOST_XPATH = 500
MOST_PATHS = 8
MOST_FILTERS = 8
"""Characters of an expression, paths of one filter, filters of one transform; real ones have one of each."""


def _expression(element: Any) -> str:
    """The expression of an element, without the spaces that mean nothing."""
    if element is None:
        raise Refused(phrase("dsig-xpath-none"))
    text = " ".join(text_of(element).split())
    if len(text) > MOST_XPATH or next(element.iterchildren(etree.Element), None) is not None:
        raise Refused(phrase("dsig-xpath-long", most=MOST_XPATH))
    text = re.sub(r" ?([()|>=\[\]/,]) ?", r"\1", text)
    return re.sub(r"\"([\w.:-]*)\"", r"'\1'", text)


def by_xpath(document: Document, signature: Any, step: Any, nodes: Nodes) -> Nodes:
    """The XPath transform (XML-DSig 6.6.3), where its expression says which elements stay or go with all that is in them."""
    element = step.find(ds("XPath"))
    text, work = _expression(element), document.work
    this = _THIS_ONE.fullmatch(text)
    if this and len(set(this.groups())) == 1 and _name(element, this[1], work) == ds("Signature"):
        return nodes.filtered("subtract", frozenset((signature,)))
    for part in _AND.split(text):
        if match := _WITHOUT.fullmatch(part):
            nodes = nodes.filtered("subtract", _all(document, nodes, _name(element, match[1], work), match[2], match[3]))
        elif match := _WITHOUT_IN_TWO.fullmatch(part):
            nodes = nodes.filtered("subtract", _all(document, nodes, _name(element, match[2], work), None, ""))
        elif match := _WITHIN.fullmatch(part):
            nodes = nodes.filtered("intersect", _all(document, nodes, _name(element, match[1], work), match[2], match[3]))
        else:
            raise Refused(phrase("dsig-xpath", text=text[:80]))
    return nodes


def _name(element: Any, step: str, work: Work) -> str:
    """The name of a step as lxml writes it. Raises `Refused`: its prefix is not declared."""
    prefix, _, local = step.rpartition(":")
    if not prefix:
        return local
    declared = in_scope(element, work.visit)
    if prefix not in declared:
        raise Refused(phrase("dsig-xpath-prefix", prefix=prefix[:80]))
    return f"{{{declared[prefix]}}}{local}"


def _all(document: Document, nodes: Nodes, name: str, attribute: str | None, value: str) -> frozenset[Any]:
    """Every element of that name, and where an attribute is given only those in which it has that value."""
    document.work.visit(document.passing)
    found = frozenset(document.taken(nodes.top.iter(name)))
    return found if attribute is None else frozenset(each for each in found if each.get(attribute) == value)


def by_filters(document: Document, signature: Any, step: Any, nodes: Nodes) -> Nodes:
    """XPath Filter 2.0, in the order of its filters."""
    filters = list(step.iterchildren(f"{{{FILTER2}}}XPath"))
    if not 0 < len(filters) <= MOST_FILTERS:
        raise Refused(phrase("dsig-filter-none"))
    for element in filters:
        operation = element.get("Filter", "")
        if operation not in ("subtract", "intersect", "union"):
            raise Refused(phrase("dsig-filter", name=operation[:80]))
        paths = _expression(element).split("|")
        if len(paths) > MOST_PATHS:
            raise Refused(phrase("dsig-paths", most=MOST_PATHS))
        if operation == "intersect" and "/" in (path.strip() for path in paths):  # all there is
            continue
        tops: set[Any] = set()
        for path in paths:
            tops |= _selected(document, signature, nodes, element, path.strip())
        nodes = nodes.filtered(operation, frozenset(tops))
    return nodes


def _selected(document: Document, signature: Any, nodes: Nodes, element: Any, path: str) -> set[Any]:
    if match := _HERE.fullmatch(path):
        if _name(element, match[1], document.work) != ds("Signature"):
            raise Refused(phrase("dsig-path", path=path[:80]))
        return {signature}
    if (match := _ID.fullmatch(path)) and nodes.top.getroottree().getroot() is document.root:
        found = document.by_id(match[1])
        return set() if found is None else {found}
    if not _PATH.fullmatch(path):
        raise Refused(phrase("dsig-path", path=path[:80]))
    steps = max(1, path.count("/") - 1)  # each passes over what the one before it found, and orders it
    document.work.visit(document.passing * (4 * steps + 5 * (path.count("@") + path.count("("))))
    namespaces = {prefix: uri for prefix, uri in in_scope(element, document.work.visit).items() if prefix}
    try:
        found = etree.XPath(path, namespaces=namespaces)(nodes.top.getroottree())
    except etree.XPathError as error:
        raise Refused(phrase("dsig-path-wrong", path=path[:80], why=str(error)[:80])) from error
    document.work.visit(len(found) >> 3)
    return {each for each in found if isinstance(each, etree._Element)}
