"""What of a document the signatures in it cover, and whether one of them covers something else than what readers would take for it.

A reference names an element by its id wherever it stands. So a signed element can be moved aside, and another put where readers look
for it (signature wrapping): the signature stays right. Therefore a report names the covered elements by their path, and where an element
of the same name is covered by no signature, which of them was meant cannot be told from the signature: `shadows`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import takewhile
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from signatures.certificates import Certificate
from signatures.left_words import PART, WORDS
from signatures.xades.properties import local
from signatures.xmldsig.attachments import SCHEME
from signatures.xmldsig.c14n import Nodes
from signatures.xmldsig.document import Document, path_of
from signatures.xmldsig.names import DS, ds
from signatures.xmldsig.prefixes import Listed
from signatures.xmldsig.references import BASE64, Reference, State

__all__ = ["Covered", "covered_by", "shadows"]

FEW = 8
"""Names that are looked for at once; where there are more, every element is looked at."""


@dataclass(frozen=True)
class Covered:
    """The sound references of one signature, by what they cover: elements of the document, and files."""

    signature: Any
    tops: dict[Any, None]
    taken_out: dict[Any, None]
    """Elements that filters took out of what is covered, signatures aside."""
    files: tuple[str, ...]
    texts: dict[Any, frozenset[str]] = field(default_factory=dict)
    """Elements of which no more is signed than what their text stands for, and the words for what even of that is not."""
    own: frozenset[Any] = frozenset()
    """Parts of signatures that are covered as they stand there."""
    commented: frozenset[Any] = frozenset()
    """Elements that are covered with the comments in them."""
    listed: dict[Any, Listed] = field(default_factory=dict)
    """For each of ``tops`` the prefixes that its canonical forms list, all together."""
    holes: dict[Any, None] = field(default_factory=dict)
    """Signatures that filters took out of what is covered."""
    bare: tuple[str, ...] = ()
    """Files that are covered without what their canonical form leaves out, and the word for that behind each."""
    whole: bool = False
    """Whether what stands around the root is covered, too."""
    lost: bool = False
    """Whether it names more, which is not there or not right: then nothing is covered whole."""
    certificates: tuple[Certificate, ...] = ()
    """Those that came along: what stands beside a key may say what they say of whom it belongs to."""

    @property
    def full(self) -> frozenset[Any]:
        """Elements that are covered with the instructions in them."""
        info = self.signature.find(ds("SignedInfo"))
        return (self.own | self.tops.keys() | {info}) - self.texts.keys()

    def holds(self, path: Sequence[Any]) -> bool:
        """Whether the element with its ancestors, ``path``, is covered, being (in) one of the covered elements."""
        return any(each in self.tops for each in path) and not any(each in self.taken_out for each in path)


def covered_by(document: Document, signature: Any, references: Sequence[Reference]) -> Covered:
    """What a signature covers, but for its own parts and properties."""
    found = Covered(signature, {}, {}, ())
    files: dict[str, None] = {}
    lacking: dict[str, frozenset[str]] = {}
    texts: dict[Any, frozenset[str]] = {}
    own: set[Any] = set()
    commented: set[Any] = set()
    whole = False
    for each in (one for one in references if one.state is State.GOOD):
        if each.nodes is None:
            files.setdefault(each.name + PART if each.filtered else each.name)
            lacking[each.name] = lacking.get(each.name, each.lacking) & each.lacking
            continue
        formal, text = _is_formal(each.nodes.top), _is_text(each)
        tops = _tops(document, each.nodes) if not formal else [] if each.nodes.filters else [each.nodes.top]
        commented.update(tops if each.comments and not text else ())
        if formal:
            own.update(() if text else tops)
            continue
        found.tops.update(dict.fromkeys(tops))
        whole = whole or (each.nodes.whole and all(step.operation == "subtract" for step in each.nodes.filters))
        if text:
            texts[each.nodes.top] = texts.get(each.nodes.top, each.lacking) & each.lacking
        else:
            _list(found.listed, tops, each.listed)
        for top in (top for step in each.nodes.filters if step.operation == "subtract" for top in step.tops):
            (found.holes if top.tag == ds("Signature") else found.taken_out)[top] = None
    document.work.visit(len(found.tops) + len(found.taken_out))
    return replace(
        found,
        files=tuple(files),
        bare=tuple(name + WORDS[each] for name, words in lacking.items() for each in sorted(words)),
        whole=whole,
        lost=any(each.state is not State.GOOD for each in references),
        texts=texts,
        own=frozenset(own),
        commented=frozenset(commented),
    )


def _is_text(reference: Reference) -> bool:
    """Whether no more of an element is signed than its text, or what that stands for in base64."""
    decoded = any(step.get("Algorithm") == BASE64 for step in reference.element.iter(ds("Transform")))
    return decoded or (reference.uri or "").startswith(SCHEME)


def _list(known: dict[Any, Listed], tops: Sequence[Any], listed: Listed) -> None:
    """Take down which prefixes one more canonical form of ``tops`` lists: what any of them writes is signed."""
    for top in tops:
        before = known.get(top, frozenset())
        known[top] = None if before is None or listed is None else before | listed


def _tops(document: Document, nodes: Nodes) -> list[Any]:
    """The topmost elements of a node set; none where several filters keep a part each, for then more would be said than is so."""
    kept = [step.tops for step in nodes.filters if step.operation == "intersect"]
    if not kept:
        return [nodes.top]
    if len(kept) > 1:
        return []
    above = {nodes.top, *nodes.top.iterancestors()}
    if above & kept[0]:
        return [nodes.top]
    document.work.visit(4 * len(kept[0]))
    return [each for each in kept[0] if any(one is nodes.top for one in each.iterancestors())]


def _is_formal(element: Any) -> bool:
    """Whether it is the signature's own machinery (its properties, key, value, manifest) and nothing that anybody reads."""
    return bool(local(element)) or (element.tag.startswith(f"{{{DS}}}") and element.tag != ds("Object"))


def _holds_properties(holder: Any) -> bool:
    """Whether a ds:Object holds qualifying properties, a manifest or signature properties, and so no content."""
    inside = [each for each in holder.iterchildren() if isinstance(each.tag, str)]
    formal = {ds("Manifest"), ds("SignatureProperties"), ds("QualifyingProperties")}  # the last: DigiDoc before 1.3
    return bool(inside) and all(local(each) == "QualifyingProperties" or each.tag in formal for each in inside)


def shadows(document: Document, covered: Covered, every: Sequence[Covered]) -> str:
    """The path of an element that could be taken for one that ``covered`` signs, and that no signature of ``every`` covers; "" if none."""
    everything = any(one.holds((document.root,)) and not one.taken_out for one in every)
    names = set() if everything else {top.tag for top in covered.tops if top.tag != ds("Object")}
    few = names if len(names) <= FEW else (etree.Element,)
    document.work.visit(document.passing)
    for each in document.taken(document.root.iter(*few)) if names else ():
        if each.tag not in names:
            continue
        path = [each, *each.iterancestors()]
        document.work.visit(4 + (len(path) * len(every) >> 4))
        if not any(one.holds(path) for one in every):
            return path_of(each)
    for each in covered.signature.iterchildren(ds("Object")):
        is_content = any(top.tag == ds("Object") for top in covered.tops) and not _holds_properties(each)
        if is_content and len(each) + len(each.text or "") and not any(one.holds((each, *each.iterancestors())) for one in every):
            return path_of(each)
    return _hidden(document, covered)


def _hidden(document: Document, covered: Covered) -> str:
    """The path of an element inside the signature that it does not cover and that is called like one outside; "" if there is none.

    A signature over its whole document leaves out itself, so whatever is put into it later changes nothing."""
    inside = [
        each
        for part in covered.signature.iterchildren(etree.Element)
        for each in document.taken(part.iter(etree.Element))
        if part.tag != ds("SignedInfo") and not (local(each) or each.tag.startswith(f"{{{DS}}}"))
    ]
    for each in (one for one in inside if one.tag in document.outside):
        path = [each, *takewhile(lambda one: one is not covered.signature, each.iterancestors())]
        document.work.visit(len(path))
        if not covered.holds(path):
            return path_of(each)
    return ""
