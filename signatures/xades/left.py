"""What of a document a signature leaves: elements, names and attributes around what is signed, comments and instructions, the meaning of
prefixes, and what others put into the signature itself. Where nothing is left, the whole file is covered, and nowhere else."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from signatures.left_words import ATTRIBUTES, EVERYTHING, NAME, NAME_AND_ATTRIBUTES, NAMESPACES, PART, WORDS, told
from signatures.report import Coverage
from signatures.xades.coverage import Covered
from signatures.xades.machinery import Machinery
from signatures.xades.properties import has_policy, local
from signatures.xmldsig.c14n import BYTES
from signatures.xmldsig.document import ID_ATTRIBUTES, Document, path_of, text_of
from signatures.xmldsig.names import ds
from signatures.xmldsig.prefixes import unsigned_declarations
from signatures.xmldsig.references import pointed

__all__ = ["MOST_NAMED", "coverage_of", "inside", "named"]

MOST_NAMED = 20
"""Elements or files that a report names of each sort; beyond it "…" stands."""

MOST_TARGET = 40
"""Characters of the target of a processing instruction in a report."""


def coverage_of(document: Document, covered: Covered) -> Coverage:
    """The coverage of one signature, for its report. Raises `Refused`."""
    elements = named(path_of(each) for each in islice(covered.tops, MOST_NAMED + 1))
    files = named(iter(covered.files))
    parts = [each.removesuffix(PART) for each in covered.files if each.endswith(PART)]
    beside = named(map(told, chain(parts, covered.bare)))
    if not covered.tops:
        alone = covered.files[0] if len(covered.files) == 1 else ""
        left = named(chain(_left(document, covered), beside)) if files else ()
        return (
            Coverage("part" if left or covered.lost else "beside", name="" if left else alone, files=files, left=left)
            if files
            else Coverage("part")
        )
    left = named(chain(_left(document, covered), beside))
    scope = "part" if left or covered.lost else "enclosed" if document.root is covered.signature else "file"
    size = document.size if not left else 0
    return Coverage(scope, size, document.size, elements=elements, files=files, left=left)


def named(names: Iterator[str]) -> tuple[str, ...]:
    """The first of ``names``, and no more of them than a report has room for."""
    found = list(islice(dict.fromkeys(islice(names, MOST_NAMED * 2)), MOST_NAMED + 1))
    return tuple(found[:MOST_NAMED]) + (("…",) if len(found) > MOST_NAMED else ())


def inside(document: Document, covered: Covered) -> Iterator[str]:
    """What of the signature itself nobody signed, though it is no part of a signature. Raises `Refused`."""
    yield from _Left(document, covered).inside()


def _left(document: Document, covered: Covered) -> Iterator[str]:
    yield from _Left(document, covered).every()


class _Left:
    """One look at a document. ``told`` are the elements that are named, with all that is in them."""

    def __init__(self, document: Document, covered: Covered) -> None:
        self._document, self._covered = document, covered
        self._machinery = Machinery(covered.certificates, document.work, policy=any(map(has_policy, covered.own)))
        self._told: set[Any] = set()
        self._met: dict[Any, None] = {covered.signature: None}
        self._out = covered.taken_out.keys() | covered.holes.keys()
        outside = (each for each in covered.own if next(each.iterancestors(ds("Signature")), None) is None)
        self._above = {each for top in chain(covered.tops, outside) for each in top.iterancestors()}
        self._named_by: dict[Any, frozenset[str]] = {}

    def every(self) -> Iterator[str]:
        root = self._document.root
        holder = not self._covered.tops and not _has_text(root) and all(each.tag == ds("Signature") for each in root)
        yield from self._walk(iter(root if holder else (root,)), self._around)
        for signature in (*self._met, *self._covered.holes):
            yield from self._within_signature(signature)
        yield from self._unseen(root)

    def inside(self) -> Iterator[str]:
        """What of the signature is covered by nothing, and is none of what a signature is made of."""
        yield from self._within_signature(self._covered.signature)
        yield from self._unseen(self._covered.signature)

    def _walk(self, elements: Iterator[Any], look: Callable[[Any], tuple[Iterable[str], bool]]) -> Iterator[str]:
        """What ``look`` names of each element; it says, too, whether the elements in it are looked at."""
        open_ = [elements]
        while open_:
            element = next(open_[-1], None)
            if element is None:
                open_.pop()
                continue
            self._document.work.visit()
            names, deeper = look(element)
            yield from names
            if deeper:
                open_.append(element.iterchildren(etree.Element))

    def _tell(self, element: Any) -> str:
        self._told.add(element)
        return path_of(element)

    def _around(self, element: Any) -> tuple[Iterable[str], bool]:
        """The topmost elements that are not covered, and what stands around those that are; signatures aside."""
        if element in self._covered.tops:
            return self._within(element), False
        if element.tag == ds("Signature"):
            self._met[element] = None
            return (), False
        if element in self._covered.own:
            return (), False
        if self._is_properties(element):
            words = (path_of(element) + WORDS[each] for each in self._strange(element))
            others = (each for each in element.iterchildren(etree.Element) if local(each) != "SignedProperties")
            return chain(words, self._walk(others, self._part)), False
        if element not in self._above:
            return (self._tell(element),), False
        self._document.work.visit(len(element) >> 3)
        return (path_of(element) + (EVERYTHING if _has_own(element) else NAME),), True

    def _is_properties(self, element: Any) -> bool:
        """Whether an element outside signatures holds the properties of one (EN 319 132-1, 4.3), and that one signs them."""
        if local(element) != "QualifyingProperties":
            return False
        name = pointed(element.get("Target"))
        signature = self._document.by_id(name) if name else None
        if signature is None or signature.tag != ds("Signature"):
            return False
        signed = [each for each in element.iterchildren(etree.Element) if local(each) == "SignedProperties"]
        if signature is self._covered.signature:
            return bool(signed) and all(each in self._covered.own for each in signed)
        return bool(signed) and all(self._is_named_by(signature, each) for each in signed)

    def _within(self, top: Any) -> Iterator[str]:
        """What is left of a covered element: what filters took out of it, and of text that is signed as base64 its element."""
        taken_out = islice(self._covered.taken_out, MOST_NAMED + 1)
        yield from (self._tell(each) for each in taken_out if any(one is top for one in each.iterancestors()))
        if top in self._covered.texts:
            more = not {*top.keys()} <= {*ID_ATTRIBUTES}
            if top.tag != ds("Object"):
                yield path_of(top) + (NAME_AND_ATTRIBUTES if more else NAME)
            elif more:
                yield path_of(top) + ATTRIBUTES
            yield from (path_of(top) + WORDS[each] for each in sorted(self._covered.texts[top]))
        elif self._stands_alone(top):
            yield from (path_of(each) + NAMESPACES for each in self._unsigned(top))

    def _stands_alone(self, top: Any) -> bool:
        """Whether no canonical form of another element has a covered one in it."""
        for each in chain((top,), top.iterancestors()):
            self._document.work.visit()
            if each in self._out:
                return True
            if each is not top and each in self._covered.listed:
                return False
        return True

    def _unsigned(self, top: Any) -> Iterator[Any]:
        listed = self._covered.listed.get(top)
        if listed is None:
            return iter(())
        work = self._document.work
        return unsigned_declarations(top, listed, work, out=self._out, nested=self._covered.listed)

    def _within_signature(self, signature: Any) -> Iterator[str]:
        yield from (path_of(signature) + WORDS[each] for each in self._strange(signature))
        yield from self._walk(signature.iterchildren(etree.Element), self._part)

    def _part(self, element: Any) -> tuple[Iterable[str], bool]:
        """What of a part of a signature is covered by nothing, and is none of what a signature is made of."""
        if element in self._covered.tops or self._is_signed(element):
            around = () if Machinery.is_placed(element) else (path_of(element.getparent()) + NAME,)
            return chain(around, self._within(element) if element in self._covered.tops else ()), False
        if not Machinery.belongs(element):
            return (self._tell(element),), False
        words = self._strange(element)
        if "text" in words and (element.tag == ds("Object") or next(element.iterchildren(etree.Element), None) is None):
            return (self._tell(element),), False
        return [path_of(element) + WORDS[each] for each in words], True

    def _strange(self, element: Any) -> list[str]:
        text = text_of(element) if len(element) else element.text or ""
        self._document.work.visit(1 + (len(element) >> 5) + (len(text) >> BYTES))
        words = list(self._machinery.strange(element, text))
        shows = element.tag == ds("Object") and element in self._above  # where its attributes say what the content in it is
        return words if "attributes" in words or not shows or {*element.keys()} <= {*ID_ATTRIBUTES} else [*words, "attributes"]

    def _is_signed(self, element: Any) -> bool:
        """Whether it is a part of signatures that is signed: by this one, or by the one in which it stands, which has a
        report of its own."""
        if element in self._covered.own or (element.tag == ds("SignedInfo") and element.getparent().tag == ds("Signature")):
            return True
        if not Machinery.only_signed(element):
            return False
        holder = next(element.iterancestors(ds("Signature")))
        return holder is not self._covered.signature and self._is_named_by(holder, element)

    def _is_named_by(self, signature: Any, element: Any) -> bool:
        """Whether a reference of a signature names an element by its id."""
        if signature not in self._named_by:
            references = self._document.taken(signature.iterfind(f"{ds('SignedInfo')}/{ds('Reference')}"))
            self._named_by[signature] = frozenset(filter(None, (pointed(each.get("URI")) for each in references)))
        return any(element.get(each) in self._named_by[signature] for each in ID_ATTRIBUTES)

    def _unseen(self, top: Any) -> Iterator[str]:
        """Instructions and comments in ``top`` (around it, too, where it is the root) that are covered by nothing: not in what holds
        them, or taken out of it."""
        for kind, holding in ((etree.ProcessingInstruction, self._covered.full), (etree.Comment, self._covered.commented)):
            if self._document.plain:
                return
            self._document.work.visit(self._document.passing)
            around = chain(top.itersiblings(preceding=True), top.itersiblings()) if top is self._document.root else ()
            for each in self._document.taken(chain((one for one in around if one.tag is kind), top.iter(kind))):
                if not self._is_held(each, holding):
                    what = "comment()" if kind is etree.Comment else f"processing-instruction({each.target[:MOST_TARGET]})"
                    parent = each.getparent()
                    yield f"{'' if parent is None else path_of(parent)}/{what}"

    def _is_held(self, node: Any, holding: frozenset[Any]) -> bool:
        """Whether a node is covered, or in what is named anyway: the nearest element that says so counts."""
        if node.getparent() is None:
            return self._covered.whole and self._document.root in holding
        for step, each in enumerate(node.iterancestors()):
            if not step % 16:
                self._document.work.visit()
            if each in holding or each in self._told:
                return True
            if each in self._covered.taken_out or each in self._covered.holes:
                return False
        return False


def _has_own(element: Any) -> bool:
    """Whether an element has attributes, or text between its children."""
    return bool(element.attrib) or _has_text(element)


def _has_text(element: Any) -> bool:
    return bool((element.text or "").strip()) or any((each.tail or "").strip() for each in element)
