"""An XML file that holds signatures: its tree, its ids, and how its elements are called in a report."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from itertools import chain, islice
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from formats.xml import NotWellFormed, exact
from policies.phrases import phrase
from signatures.xmldsig.c14n import Refused, Work
from signatures.xmldsig.names import ds

__all__ = ["BATCH", "ID_ATTRIBUTES", "Document", "has_nodes", "path_of", "reread", "text_of"]

ID_ATTRIBUTES = (
    "Id",
    "ID",
    "id",
    "{http://www.w3.org/XML/1998/namespace}id",
    f"{{{'http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-utility-1.0.xsd'}}}Id",
)
"""Attributes that name an element. No schema is read, so those that the signature formats use are known by name."""

_SAML = "{urn:oasis:names:tc:SAML:1.0:"
TYPED_IDS = {
    f"{_SAML}assertion}}Assertion": "AssertionID",
    f"{_SAML}protocol}}Request": "RequestID",
    f"{_SAML}protocol}}Response": "ResponseID",
}
"""Elements whose schema calls them by an attribute of another name (SAML 1.0 and 1.1, 5.4.2)."""

MOST_COUNTED = 300
"""Elements that are counted, from the last step of a path to its first, to tell their numbers among those of the same name."""

BATCH = 1024
"""Elements of an iteration that are accounted for together, at a quarter of a step each."""

MOST_PATH = 300
"""Characters of an element's path in a report."""


class Document:
    """The tree of one file, or of a part of one; then ``work`` is what may still be done for that whole file.

    Raises:
        NotWellFormed: the bytes are no XML, or none that is looked at (`formats.xml.exact`).
        Refused: they are more than may still be parsed.
    """

    def __init__(self, data: bytes, work: Work | None = None) -> None:
        if work is not None:
            work.parse(data)
        self.root = exact(data)
        self.size = len(data)
        self.marks = data.count(b"<")
        self.work = work or Work.of(len(data))
        self._ids: dict[str, list[Any]] | None = None

    def signatures(self) -> Iterator[Any]:
        """Every ds:Signature, in document order."""
        yield from self.root.iter(ds("Signature"))

    @property
    def passing(self) -> int:
        """Steps that libxml2 takes to pass once over the document and look at each node."""
        return 1 + (self.marks >> 6)

    def taken(self, elements: Iterator[Any]) -> Iterator[Any]:
        """The same elements, each accounted for. Raises `Refused`."""
        for number, each in enumerate(elements):
            if not number % BATCH:
                self.work.visit(BATCH // 4)
            yield each

    @cached_property
    def plain(self) -> bool:
        """Whether it is made of elements and text only, without comments and instructions. Raises `Refused`."""
        self.work.visit(1 + (self.passing >> 3))  # for nothing is looked at but what sort of node it is
        return not has_nodes(self.root, etree.Comment, etree.ProcessingInstruction)

    @cached_property
    def outside(self) -> frozenset[str]:
        """The names of the elements outside every signature. Raises `Refused`."""
        within: set[Any] = set()
        for signature in self.signatures():
            if signature not in within:
                within.update(self.taken(signature.iter(etree.Element)))
        return frozenset(each.tag for each in self.taken(self.root.iter(etree.Element)) if each not in within)

    def by_id(self, name: str) -> Any | None:
        """The one element of that id; None when there is none. Raises `Refused`: several are called so, and any may be meant."""
        if self._ids is None:
            self._ids = self._named()
        called = self._ids.get(name, [])
        if len(called) > 1:
            raise Refused(phrase("dsig-id-twice", count=len(called), id=name[:80]))
        return called[0] if called else None

    def _named(self) -> dict[str, list[Any]]:
        """The elements of each id. One look at all of them takes less than a path for each of the attributes."""
        found: dict[str, list[Any]] = {}
        self.work.visit(2 * self.passing)
        for element in self.root.iter(etree.Element):
            names: list[str] = element.keys()
            for attribute in names:
                if attribute in ID_ATTRIBUTES or attribute == TYPED_IDS.get(element.tag):
                    self.work.visit()
                    same = found.setdefault(element.get(attribute), [])
                    if not (same and same[-1] is element):
                        same.append(element)
        return found


def path_of(element: Any) -> str:
    """An element as people find it: the names from the root, with a number where there are several (``/edXML/Body/Item[2]``)."""
    steps: list[str] = []
    node, left, after = element, MOST_COUNTED, MOST_COUNTED
    while node is not None:
        siblings = [each.tag for each in islice(node.itersiblings(preceding=True), left)]
        before, left = siblings.count(node.tag), left - len(siblings)
        cut = not left and node.getprevious() is not None
        following = [] if before or cut else [each.tag for each in islice(node.itersiblings(), after)]
        after -= len(following)
        several = before or cut or node.tag in following
        number = "…" if cut else f"{before + 1}"
        steps.append(node.tag.rpartition("}")[2] + (f"[{number}]" if several else ""))
        node = node.getparent()
    path = "/" + "/".join(reversed(steps))
    return path if len(path) <= MOST_PATH else path[: MOST_PATH - 1] + "…"


def has_nodes(root: Any, *kinds: Any) -> bool:
    """Whether comments or instructions (``kinds``) stand in the document of ``root``, or around it.

    By iteration, not by a path: libxml2 takes time with the square of the comments that stand in text."""
    around = chain(root.itersiblings(*kinds, preceding=True), root.itersiblings(*kinds))
    return any(True for _ in chain(around, root.iter(*kinds)))


def text_of(element: Any) -> str:
    """The text that stands in an element itself, as its canonical form has it: a comment can be put anywhere into what is signed, and must
    neither end a text nor be part of it. "" where ``element`` is None: there is none."""
    if element is None:
        return ""
    return "".join((element.text or "", *(each.tail or "" for each in element)))


def reread(data: bytes, work: Work) -> Any:
    """The root of what a transform made, or of a file beside. Raises `Refused`."""
    work.parse(data)
    try:
        return exact(data)
    except NotWellFormed as error:
        raise Refused(phrase("dsig-no-xml", why=error.reason)) from error
