"""What of a document a signature leaves: elements, names and attributes around what is signed, comments and instructions, and what others
put into the signature itself. Where nothing is left, the whole file is covered, and nowhere else."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, islice
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from signatures.report import Coverage
from signatures.xades.coverage import PART, Covered
from signatures.xades.properties import local
from signatures.xades.sealing import SPACE
from signatures.xmldsig.document import ID_ATTRIBUTES, Document, path_of
from signatures.xmldsig.names import DS, DSIG11, MORE, ds
from signatures.xmldsig.references import EXCLUSIVE

__all__ = ["COMMENTS", "MOST_NAMED", "coverage_of", "inside", "named"]

MOST_NAMED = 20
"""Elements or files that a report names of each sort; beyond it "…" stands."""

COMMENTS = " (comments)"
"""Behind the name of a file whose comments the canonical form leaves out."""

MOST_TARGET = 40
"""Characters of the target of a processing instruction in a report."""

MACHINERY = frozenset({DS, DSIG11, MORE, EXCLUSIVE, SPACE, "urn:ietf:params:xml:ns:ers"})
"""Namespaces of what a signature is made of, besides those of XAdES: nothing in them is content."""


def coverage_of(document: Document, covered: Covered) -> Coverage:
    """The coverage of one signature, for its report. Raises `Refused`."""
    elements = named(path_of(each) for each in islice(covered.tops, MOST_NAMED + 1))
    files = named(iter(covered.files))
    parts = [each.removesuffix(PART) for each in covered.files if each.endswith(PART)]
    beside = named(chain(parts, (each + COMMENTS for each in covered.bare)))
    if not covered.tops:
        alone = covered.files[0] if len(covered.files) == 1 else ""
        left = named(chain(_left(document, covered), beside)) if files else ()
        return (
            Coverage("part" if left else "beside", name="" if left else alone, files=files, left=left)
            if files
            else Coverage("part")
        )
    left = named(chain(_left(document, covered), beside))
    scope = "part" if left else "enclosed" if document.root is covered.signature else "file"
    size = document.size if not left else 0
    return Coverage(scope, size, document.size, elements=elements, files=files, left=left)


def named(names: Iterator[str]) -> tuple[str, ...]:
    """The first of ``names``, and no more of them than a report has room for."""
    found = list(islice(dict.fromkeys(islice(names, MOST_NAMED * 2)), MOST_NAMED + 1))
    return tuple(found[:MOST_NAMED]) + (("…",) if len(found) > MOST_NAMED else ())


def inside(document: Document, covered: Covered) -> Iterator[str]:
    """What of the signature itself nobody signed, though it is no part of a signature. Raises `Refused`."""
    yield from _Left(document, covered).inside(covered.signature)


def _left(document: Document, covered: Covered) -> Iterator[str]:
    yield from _Left(document, covered).every()


class _Left:
    """One look at a document. ``told`` are the elements that are named, with all that is in them."""

    def __init__(self, document: Document, covered: Covered) -> None:
        self._document, self._covered = document, covered
        self._told: set[Any] = set()
        self._met: dict[Any, None] = {covered.signature: None}
        self._above = {each for top in covered.tops for each in top.iterancestors()}

    def every(self) -> Iterator[str]:
        yield from self._around()
        for signature in (*self._met, *self._covered.holes):
            yield from self.inside(signature)
        yield from self._unseen(etree.ProcessingInstruction, self._covered.full)
        yield from self._unseen(etree.Comment, self._covered.commented)

    def _tell(self, element: Any) -> str:
        self._told.add(element)
        return path_of(element)

    def _around(self) -> Iterator[str]:
        """The topmost elements that are not covered, and what stands around those that are; signatures aside."""
        root = self._document.root
        holder = not self._covered.tops and not _has_text(root) and all(each.tag == ds("Signature") for each in root)
        open_: list[Iterator[Any]] = [iter(root if holder else (root,))]
        while open_:
            element = next(open_[-1], None)
            if element is None:
                open_.pop()
                continue
            self._document.work.visit()
            if element in self._covered.tops:
                yield from self._within(element)
            elif element.tag == ds("Signature"):
                self._met[element] = None
            elif element in self._above:
                self._document.work.visit(len(element) >> 3)
                yield f"{path_of(element)} ({'name, attributes and text' if _has_own(element) else 'name'})"
                open_.append(element.iterchildren(etree.Element))
            else:
                yield self._tell(element)

    def _within(self, top: Any) -> Iterator[str]:
        """What is left of a covered element: what filters took out of it, and of text that is signed as base64 its element."""
        taken_out = islice(self._covered.taken_out, MOST_NAMED + 1)
        yield from (self._tell(each) for each in taken_out if any(one is top for one in each.iterancestors()))
        if top in self._covered.texts:
            words = [] if top.tag == ds("Object") else ["name"]
            words += [] if {*top.keys()} <= {*ID_ATTRIBUTES} else ["attributes"]
            if words:
                yield f"{path_of(top)} ({' and '.join(words)})"

    def inside(self, signature: Any) -> Iterator[str]:
        """What of a signature is covered by nothing, and is none of what a signature is made of."""
        open_: list[Iterator[Any]] = [iter((signature,))]
        while open_:
            element = next(open_[-1], None)
            if element is None:
                open_.pop()
                continue
            self._document.work.visit()
            if element in self._covered.tops:
                yield from self._within(element)
            elif element in self._covered.own or element.tag == ds("SignedInfo"):
                continue
            elif not _is_machinery(element) or (element.tag == ds("Object") and (element.text or "").strip()):
                yield self._tell(element)
            else:
                if _has_text(element) and next(element.iterchildren(etree.Element), None) is not None:
                    yield f"{path_of(element)} (text)"
                if element.tag == ds("Object") and element in self._above and not {*element.keys()} <= {*ID_ATTRIBUTES}:
                    yield f"{path_of(element)} (attributes)"
                open_.append(element.iterchildren(etree.Element))

    def _unseen(self, kind: Any, holding: frozenset[Any]) -> Iterator[str]:
        """Comments or instructions that are covered by nothing: not in what holds them, or taken out of it."""
        if self._document.plain:
            return
        self._document.work.visit(self._document.passing)
        root = self._document.root
        around = chain(root.itersiblings(preceding=True), root.itersiblings())
        for each in self._document.taken(chain((one for one in around if one.tag is kind), root.iter(kind))):
            parent = each.getparent()
            if parent is None and self._covered.whole and root in holding:
                continue
            if parent is not None and self._is_held(each, holding):
                continue
            what = "comment()" if kind is etree.Comment else f"processing-instruction({each.target[:MOST_TARGET]})"
            yield f"{'' if parent is None else path_of(parent)}/{what}"

    def _is_held(self, node: Any, holding: frozenset[Any]) -> bool:
        """Whether a node is covered, or in what is named anyway: the nearest element that says so counts."""
        for step, each in enumerate(node.iterancestors()):
            if not step % 16:
                self._document.work.visit()
            if each in holding or each in self._told:
                return True
            if each in self._covered.taken_out or each in self._covered.holes:
                return False
        return False


def _is_machinery(element: Any) -> bool:
    return bool(local(element)) or element.tag[1:].partition("}")[0] in MACHINERY


def _has_own(element: Any) -> bool:
    """Whether an element has attributes, or text between its children."""
    return bool(element.attrib) or _has_text(element)


def _has_text(element: Any) -> bool:
    return bool((element.text or "").strip()) or any((each.tail or "").strip() for each in element)
