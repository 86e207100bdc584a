"""Evidence records inside XAdES: xadesen:SealingEvidenceRecords (ETSI TS 119 132-3).

A record there covers a group of data objects: what every reference gives, the parts of the signature, the unsigned properties before it,
other objects of the signature, and what its signed manifests point at; each in the canonical form of the SignedInfo. The hash of the
group is a leaf of the record's tree.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from lxml import etree  # type: ignore[import-untyped]

from policies.phrases import phrase
from signatures.embedded import read_embedded
from signatures.evidence import DataObject, group_hash
from signatures.signed import EmbeddedRecord
from signatures.xades.properties import Properties
from signatures.xades.stamps import STAMP, Making, archived
from signatures.xmldsig.c14n import Nodes, Refused
from signatures.xmldsig.document import text_of
from signatures.xmldsig.names import ds
from signatures.xmldsig.octets import Octets
from signatures.xmldsig.references import Reading, followed, method_of
from signatures.xmldsig.signature import Failure, XmlSignature, decoded

__all__ = ["SEALING", "SPACE", "sealing_records"]

SPACE = "http://uri.etsi.org/19132/v1.1.1#"
SEALING = f"{{{SPACE}}}SealingEvidenceRecords"

MOST_RECORDS = 20
"""Records in one property; parallel ones are of two or three authorities."""


def sealing_records(
    reading: Reading, signature: XmlSignature, properties: Properties, container: Any, covers: Iterable[bytes]
) -> Iterator[EmbeddedRecord]:
    """The records in one SealingEvidenceRecords, each over the signature as it was before. ``covers`` as for `read_embedded`."""
    making = Making(reading, signature, properties, container, every_object=True)
    group = DataObject("signature", _Group(making))
    proven = frozenset(covers)
    for number, child in enumerate(each for each in container.iterchildren() if isinstance(each.tag, str)):
        if number >= MOST_RECORDS:
            return
        name = "evidence" if len(container) == 1 else f"evidence {number + 1}"
        encoded = _encoded(child)
        reading.document.work.visit(STAMP + (len(encoded) >> 3))
        yield read_embedded(encoded, [group], name=name, covers=proven)


def _encoded(child: Any) -> bytes:
    if child.tag != f"{{{SPACE}}}ASN1EvidenceRecord":
        return bytes(etree.tostring(child, with_tail=False))
    try:
        return decoded(text_of(child), "an evidence record")
    except Failure:
        return b""


class _Group(Mapping[str, bytes]):
    """The hash of the group by algorithm. KeyError: the algorithm is not known, or some of the group is not there."""

    def __init__(self, making: Making) -> None:
        self._making = making
        self._known: dict[str, bytes] = {}

    def __getitem__(self, name: str) -> bytes:
        if name not in self._known:
            try:
                self._known[name] = group_hash(name, [_digest(name, self._making, piece) for piece in _pieces(self._making)])
            except (Refused, ValueError) as error:
                raise KeyError(name) from error
        return self._known[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    def __len__(self) -> int:
        return len(self._known)


def _pieces(making: Making) -> Iterator[Nodes | Octets | None]:
    yield from archived(making)
    for reference in making.signature.references:
        for inner in reference.inner:
            found, _ = followed(making.reading, inner.element)
            yield None if found is None else found.data


def _digest(name: str, making: Making, piece: Nodes | Octets | None) -> bytes:
    if piece is None:
        raise ValueError(phrase("xad-not-there"))
    hasher = hashlib.new(name)
    method = method_of(making.signature.element.find(f"{ds('SignedInfo')}/{ds('CanonicalizationMethod')}"))
    making.reading.into(piece, hasher.update, method)
    return hasher.digest()
