"""Evidence records inside a CMS, as unsigned attributes (RFC 4998, appendix A; ETSI TS 119 122-3).

A record covers the CMS as it was before the record was put in: without that attribute, and without those that came after it. The bytes
are those that stand there, cut and joined, for a CMS is never encoded anew; producers of TS 119 122-3 V1.1.1 hashed its DER instead,
which is tried, and named.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

from asn1crypto import cms as asn1  # type: ignore[import-untyped]

from policies.phrases import phrase
from signatures.attributes import EVIDENCE_EXTERNAL, EVIDENCE_INTERNAL
from signatures.ber import Again, Buffer, Malformed, Part, distinguished, element, parts
from signatures.cms import MOST_BYTES, CmsFile, Content
from signatures.embedded import read_embedded
from signatures.evidence import DataObject
from signatures.held import pieces
from signatures.poe import digest_of
from signatures.signed import EmbeddedRecord

__all__ = ["records_in"]

_UNSIGNED = 0xA1

MOST_RECORDS = 30
"""Records of one CMS that are looked at: each is held against all the others in three ways. One that is renewed for a century has few."""

Segment = bytes | tuple[int, int]
"""Octets that are new, or a range of the file."""


@dataclass(frozen=True)
class _Found:
    """One record: where its attribute lies in which signer's unsigned attributes."""

    signer: int
    attribute: int
    external: bool
    encoded: bytes


def records_in(cms: CmsFile, content: Content, covers: Callable[[], Iterator[bytes]]) -> list[EmbeddedRecord]:
    """The records of every signer, each over the CMS as it was before. ``content`` is what is signed; ``covers`` gives the digests of
    all that the file holds."""
    try:
        tree = _Tree(cms.data)
        found = list(tree.records())
    except (ValueError, IndexError):
        return []  # what the reader of CMS understood otherwise holds no attributes that could be cut out
    if not found:
        return []
    records, digests, whole = [], [digest_of(each.encoded) for each in found], frozenset(covers())
    every = tuple(range(len(found)))
    for number, each in enumerate(found[:MOST_RECORDS]):
        name = f"evidence {number + 1}" if len(found) > 1 else "evidence"
        later = tuple(at for at in every if (found[at].signer, found[at].attribute) >= (each.signer, each.attribute))
        tried = []
        # One after another, each over those before; beside each other, over none; or the order in the SET tells nothing.
        for gone in dict.fromkeys((later, every, (number,))):
            kept = {digests[at] for at in set(every).difference(gone)}
            objects = _objects(tree, [found[at] for at in gone], each, content)
            tried.append(read_embedded(each.encoded, objects, name=name, covers=(whole | kept) - (set(digests) - kept)))
        records.append(next((one for one in tried if one.object.failure is None), tried[0]))
    if len(found) > MOST_RECORDS:
        why = phrase("evd-many-records", count=len(found), most=MOST_RECORDS)
        records.append(read_embedded(found[MOST_RECORDS].encoded, (), name=f"evidence {MOST_RECORDS + 1}", beyond=why))
    return records


def _objects(tree: _Tree, gone: Sequence[_Found], record: _Found, content: Content) -> list[DataObject]:
    others = {phrase("evd-habit-der"): _Der(tree, gone)}
    objects = [DataObject("CMS", _Digests(tree.without(gone), tree.data), others=others)]
    if record.external:
        objects.append(DataObject("content", _ContentDigests(content)))
    return objects


class _Tree:
    """Where the signers and their unsigned attributes lie. Raises ValueError, IndexError: it is no SignedData."""

    def __init__(self, data: Buffer) -> None:
        self.data, self.again = data, Again()
        self._info = element(data)
        self._outer = list(parts(data, self._info))[1]
        (self._signed,) = parts(data, self._outer)
        self._signers = list(parts(data, self._signed))[-1]
        self._each = list(parts(data, self._signers))
        self._unsigned = [self._unsigned_of(each) for each in self._each]

    def _unsigned_of(self, signer: Part) -> tuple[Part, list[Part]] | None:
        last = list(parts(self.data, signer))[-1]
        return (last, list(parts(self.data, last))) if last.tag == _UNSIGNED else None

    def records(self) -> Iterator[_Found]:
        for number, unsigned in enumerate(self._unsigned):
            for index, attribute in enumerate(unsigned[1] if unsigned else ()):
                oid, values = [*parts(self.data, attribute), None, None][:2]
                if oid is None or values is None or oid.tag != 0x06:
                    continue
                dotted = asn1.CMSAttributeType.load(bytes(self.data[oid.start : oid.end])).dotted
                if dotted in (EVIDENCE_INTERNAL, EVIDENCE_EXTERNAL):
                    for value in parts(self.data, values):
                        encoded = bytes(self.data[value.start : value.end])
                        yield _Found(number, index, dotted == EVIDENCE_EXTERNAL, encoded)

    def without(self, gone: Sequence[_Found]) -> list[Segment]:
        """The CMS without some attributes, as segments; lengths of what holds them are written anew, in the form that they have."""
        signers: list[list[Segment]] = []
        for number, signer in enumerate(self._each):
            taken = {each.attribute for each in gone if each.signer == number}
            unsigned = self._unsigned[number]
            if not taken or unsigned is None:
                signers.append([(signer.start, signer.end)])
                continue
            holder, attributes = unsigned
            kept: list[Segment] = [(each.start, each.end) for index, each in enumerate(attributes) if index not in taken]
            rest = self._wrapped(holder, kept) if kept else []
            signers.append(self._wrapped(signer, [(signer.body, holder.start), *rest]))
        infos = self._wrapped(self._signers, [segment for each in signers for segment in each])
        signed = self._wrapped(self._signed, [(self._signed.body, self._signers.start), *infos])
        outer = self._wrapped(self._outer, signed)
        return self._wrapped(self._info, [(self._info.body, self._outer.start), *outer])

    def _wrapped(self, holder: Part, body: list[Segment]) -> list[Segment]:
        if holder.end != holder.body_end:  # of indefinite length
            return [(holder.start, holder.body), *body, b"\0\0"]
        length = sum(len(each) if isinstance(each, bytes) else each[1] - each[0] for each in body)
        size = length.to_bytes((length.bit_length() + 7) // 8, "big")
        head = bytes((holder.tag, length)) if length < 0x80 else bytes((holder.tag, 0x80 | len(size))) + size
        return [head, *body]


class _Digests(Mapping[str, bytes]):
    """Digests of segments of a file that may be of any size."""

    def __init__(self, segments: list[Segment], data: Buffer) -> None:
        self._segments, self._data = segments, data

    def __getitem__(self, name: str) -> bytes:
        try:
            hasher = hashlib.new(name)
        except ValueError as error:
            raise KeyError(name) from error
        for segment in self._segments:
            for piece in (segment,) if isinstance(segment, bytes) else pieces(self._data, *segment):
                hasher.update(piece)
        return hasher.digest()

    def joined(self) -> bytes:
        """All of it, where it is small. KeyError: it is not."""
        length = sum(len(each) if isinstance(each, bytes) else each[1] - each[0] for each in self._segments)
        if length > MOST_BYTES:
            raise KeyError("too large to be encoded anew")
        return b"".join(each if isinstance(each, bytes) else bytes(self._data[each[0] : each[1]]) for each in self._segments)

    def __iter__(self) -> Iterator[str]:
        return iter(())

    def __len__(self) -> int:
        return 0


class _Der(_Digests):
    """The same of the DER of what the segments hold."""

    def __init__(self, tree: _Tree, gone: Sequence[_Found]) -> None:
        super().__init__(tree.without(gone), tree.data)
        self._again = tree.again
        self._der = cache(self._encoded)

    def _encoded(self) -> bytes:
        try:
            return distinguished(self.joined(), self._again)
        except Malformed as error:
            raise KeyError("it has no DER") from error

    def __getitem__(self, name: str) -> bytes:
        return hashlib.new(name, self._der()).digest()


class _ContentDigests(_Digests):
    """Digests of signed content that lies elsewhere. KeyError: it is not there."""

    def __init__(self, content: Content) -> None:
        super().__init__([], b"")
        self._content = content

    def __getitem__(self, name: str) -> bytes:
        try:
            found = self._content(name)
        except ValueError as error:
            raise KeyError(name) from error
        if found is None:
            raise KeyError(name)
        return found
