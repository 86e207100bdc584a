"""An evidence record in XML (RFC 6283), read strictly: every element in its place, every number in its order, nothing besides.

What is hashed at a renewal are canonical forms of elements of the record itself, so the parsed document is kept.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from formats.xml import NotLookedAt, NotWellFormed, TooLarge, exact
from policies.phrases import phrase
from signatures.canonical import canonical_element
from signatures.errors import InvalidRecord
from signatures.evidence.record import MOST_CHAINS, MOST_STAMPS, ArchiveTimestamp, Chain, EvidenceRecord, Needed, Needs, place
from signatures.xmldsig.c14n import METHODS, Work
from signatures.xmldsig.names import DIGESTS

__all__ = ["NAMESPACE", "XmlRecord", "read_xml"]

NAMESPACE = "urn:ietf:params:xml:ns:ers"
MOST_BYTES = 8 << 20
"""Bytes of a record in XML: each chain is hashed in its canonical form with all before it."""

_NS = f"{{{NAMESPACE}}}"
_XSI = "{http://www.w3.org/2001/XMLSchema-instance}"


@dataclass(frozen=True, slots=True)
class XmlRecord(EvidenceRecord):
    """A record of RFC 6283. ``methods`` are the canonicalisations of its chains, ``elements`` the chains and their TimeStamps, in order."""

    methods: tuple[str, ...]
    elements: tuple[tuple[Any, tuple[Any, ...]], ...] = field(repr=False, compare=False)

    def canonical(self, chain: int) -> str:
        return self.methods[chain]

    def renewed(self, chain: int, stamp: int, hash_name: str) -> bytes:
        """The hash of the whole TimeStamp element, with what it brings along for validation (§4.2.1)."""
        encoded = canonical_element(self.elements[chain][1][stamp], self.methods[chain])
        return hashlib.new(hash_name, encoded).digest()

    def first_list(self, chain: int, hash_name: str) -> Needs:
        """H(d) and H(earlier chains), side by side (§4.2.2)."""
        if not chain:
            return lambda digest: (Needed(frozenset((digest,))),)
        earlier = [hashlib.new(hash_name, each).digest() for each in self._before(chain)]
        return lambda digest: tuple(Needed(frozenset((digest, each))) for each in earlier)

    def tried(self, work: Work) -> None:
        """Make every canonical form once, so that what cannot be made is said when a record is read, and not when it is verified. Raises
        TooLarge."""
        for number, method in enumerate(self.methods):
            for element in self.elements[number][1]:
                canonical_element(element, method, work=work)
            if number:
                for _ in self._before(number, work):
                    pass

    def _before(self, chain: int, work: Work | None = None) -> Iterator[bytes]:
        """The ArchiveTimeStampSequence as it was before ``chain`` was added. What white space stood before its end tag then is not
        known: that of the end now, that before the chain, and both are tried, for no content can hide in it."""
        sequence = self.elements[0][0].getparent()
        gone = frozenset(element for element, _ in self.elements[chain:])
        last = [each for each in sequence if each not in gone][-1]
        tails = {each: each.tail for each in (last, *gone)}
        spaces = [last.tail or "", *(each.tail or "" for each in sequence if each in gone)]
        try:
            for each in gone:
                each.tail = None
            for space in dict.fromkeys((spaces[-1], spaces[0], "".join(spaces))):
                last.tail = space
                yield canonical_element(sequence, self.methods[chain], without=gone, work=work)
        finally:
            for each, tail in tails.items():
                each.tail = tail


def read_xml(data: bytes) -> XmlRecord:
    """Read a record.

    Raises:
        InvalidRecord: with the place and the line.
    """
    if len(data) > MOST_BYTES:
        raise InvalidRecord("record", phrase("too-large"), 0, beyond=True)
    try:
        root: Any = exact(data)
    except NotWellFormed as error:
        raise InvalidRecord("record", error.reason, error.line, beyond=isinstance(error, NotLookedAt)) from error
    return read_element(data, root)


def read_element(data: bytes, root: Any) -> XmlRecord:
    """A record from an EvidenceRecord element that is the root of its document. Raises InvalidRecord."""
    reader = _Reader()
    try:
        record = reader.record(data, root)
        record.tried(Work(Work.of(len(data)).left // 2))
        return record
    except NotWellFormed as error:
        beyond = isinstance(error, NotLookedAt)
        raise InvalidRecord(reader.where, error.reason, error.line or reader.line, beyond=beyond) from error


class _Reader:
    """``where`` and ``line`` say what is being read, for the error."""

    def __init__(self) -> None:
        self.where = "record"
        self.line = 1

    def _fail(self, reason: str) -> NotWellFormed:
        return NotWellFormed(reason, self.line)

    def _children(self, parent: Any, *names: str, text: bool = False) -> list[list[Any]]:
        """The element children of ``parent``, sorted by ``names``, in whose order they must stand. A name may end with "?" (at most one),
        "+" (at least one) or "*"; without, there is exactly one. Nothing else may stand there but comments and white space."""
        self.line = parent.sourceline or self.line
        groups: list[list[Any]] = [[] for _ in names]
        plain = [name.rstrip("?+*") for name in names]
        at = 0
        if not text and (parent.text or "").strip():
            raise self._fail(phrase("xer-text"))
        for each in parent:
            if (each.tail or "").strip():
                raise self._fail(phrase("xer-text"))
            if not isinstance(each.tag, str):
                continue
            self.line = each.sourceline or self.line
            while at < len(names) and each.tag != _NS + plain[at]:
                at += 1
            if at == len(names):
                raise self._fail(phrase("xer-not-here", name=each.tag.rpartition("}")[2]))
            groups[at].append(each)
        for name, found in zip(names, groups, strict=True):
            least, most = {"?": (0, 1), "+": (1, None), "*": (0, None)}.get(name[-1], (1, 1))
            if len(found) < least or (most is not None and len(found) > most):
                raise self._fail(phrase("xer-times", name=name.rstrip("?+*"), count=len(found)))
        return groups

    def _only(self, element: Any, *names: str) -> None:
        """The attributes that an element may have, besides those that tell where its schema is (which is never read)."""
        if {each for each in element.attrib if not each.startswith(_XSI)} - set(names):
            raise self._fail(phrase("xer-attribute"))

    def _ordered(self, elements: list[Any], *names: str) -> list[Any]:
        """Elements by their Order, which counts from 1 without a gap (§3.1, §4.1)."""
        numbers: dict[int, Any] = {}
        for each in elements:
            self._only(each, "Order", *names)
            order = each.get("Order", "")
            self.line = each.sourceline or self.line
            if not (order.isascii() and order.isdecimal()) or len(order) > 6 or order[0] == "0" or int(order) in numbers:
                raise self._fail(phrase("xer-order"))
            numbers[int(order)] = each
        if sorted(numbers) != list(range(1, len(numbers) + 1)):
            raise self._fail(phrase("xer-gap"))
        return [numbers[each] for each in sorted(numbers)]

    def record(self, data: bytes, root: Any) -> XmlRecord:
        if root.tag != _NS + "EvidenceRecord":
            raise self._fail(phrase("xer-none"))
        self._only(root, "Version")
        if root.get("Version") != "1.0":
            raise self._fail(phrase("version-unknown", version=root.get("Version")))
        encryption, _, (sequence,) = self._children(
            root, "EncryptionInformation?", "SupportingInformationList?", "ArchiveTimeStampSequence"
        )
        self._only(sequence)
        chains, methods, elements, hashes = [], [], [], []
        for number, each in enumerate(self._ordered(self._children(sequence, "ArchiveTimeStampChain+")[0])):
            self.where = f"chain[{number + 1}]"
            (digest,), (canonicalisation,), stamps = self._children(
                each, "DigestMethod", "CanonicalizationMethod", "ArchiveTimeStamp+"
            )
            hash_name = self._algorithm(digest, DIGESTS, "hash algorithm")
            self._algorithm(canonicalisation, {each: each for each in METHODS}, "canonicalisation")
            methods.append(canonicalisation.get("Algorithm"))
            hashes.append(hash_name)
            read = [self._stamp(place(number, index), hash_name, one) for index, one in enumerate(self._ordered(stamps))]
            chains.append(Chain(tuple(stamp for stamp, _ in read)))
            elements.append((each, tuple(element for _, element in read)))
            if number >= MOST_CHAINS or sum(len(one.stamps) for one in chains) > MOST_STAMPS:
                raise TooLarge(phrase("ers-many", chains=MOST_CHAINS, stamps=MOST_STAMPS), self.line)
        infos = sum(1 for _ in root.iter(_NS + "CryptographicInformation"))
        unique = tuple(dict.fromkeys(hashes))
        return XmlRecord(data, unique, tuple(chains), bool(encryption), infos, tuple(methods), tuple(elements))

    def _algorithm(self, element: Any, known: Any, what: str) -> str:
        self._only(element, "Algorithm")
        self._children(element)
        found = element.get("Algorithm", "")
        if found not in known:
            reason = phrase("xer-not-understood", what=what, found=found[:100])
            raise InvalidRecord(self.where, reason, element.sourceline or self.line, unknown=True)
        return str(known[found])

    def _stamp(self, where: str, hash_name: str, element: Any) -> tuple[ArchiveTimestamp, Any]:
        self.where = where
        trees, (stamp,), _ = self._children(element, "HashTree?", "TimeStamp", "Attributes?")
        groups = None
        if trees:
            self.where = f"{where}/reducedHashtree"
            self._only(trees[0])
            sequences = self._ordered(self._children(trees[0], "Sequence+")[0])
            groups = tuple(tuple(self._base64(value) for value in self._children(each, "DigestValue+")[0]) for each in sequences)
        self.where = f"{where}/timeStamp"
        self._only(stamp)
        (token,), _ = self._children(stamp, "TimeStampToken", "CryptographicInformationList?")
        if token.get("Type") != "RFC3161":
            raise self._fail(phrase("xer-stamp"))
        encoded = self._base64(token, "Type")
        # Each stamp of a chain has the chain's hash algorithm; there is no place for another one.
        return ArchiveTimestamp(hash_name, groups, encoded), stamp

    def _base64(self, element: Any, *names: str) -> bytes:
        """Base64 in which nothing can be changed without changing what it stands for, but white space."""
        self._only(element, *names)
        self._children(element, text=True)
        if any(True for _ in element):
            raise self._fail(phrase("xer-comment"))
        text = "".join((element.text or "").split())
        try:
            value = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError) as error:
            raise self._fail(phrase("xer-base64", why=str(error))) from error
        if not value or base64.b64encode(value).decode() != text:
            raise self._fail(phrase("xer-base64-form"))
        return value
