"""Which field of an evidence record a byte lies in, by the names of RFC 4998, RFC 5652 and RFC 5280: for what survives a flip."""

from __future__ import annotations

from dataclasses import dataclass, field

from signatures import der
from signatures.der import Tlv

__all__ = ["field_of"]


@dataclass(frozen=True)
class Field:
    """How the children of a field are called: by their tag, by their order, or all alike (``each``). A field without any is whole."""

    name: str
    tags: dict[int, Field] = field(default_factory=dict)
    order: tuple[Field, ...] = ()
    each: Field | None = None

    def child(self, index: int, tag: int) -> Field | None:
        if tag in self.tags:
            return self.tags[tag]
        if self.each is not None:
            return Field(f"{self.each.name}[{index + 1}]", self.each.tags, self.each.order, self.each.each)
        return self.order[index] if index < len(self.order) else None


def _leaf(name: str) -> Field:
    return Field(name)


_SIGNER = Field(
    "signerInfo",
    {0xA0: _leaf("signedAttrs"), 0xA1: _leaf("unsignedAttrs")},
    (
        _leaf("version"),
        _leaf("sid"),
        _leaf("digestAlgorithm"),
        _leaf("signedAttrs"),
        _leaf("signatureAlgorithm"),
        _leaf("signature"),
    ),
)
_SIGNED_DATA = Field(
    "signedData",
    {0xA0: Field("certificates", each=_leaf("certificate")), 0xA1: Field("crls", each=_leaf("crl"))},
    (
        _leaf("version"),
        _leaf("digestAlgorithms"),
        _leaf("encapContentInfo"),
        *[Field("signerInfos", each=_SIGNER)] * 3,  # behind certificates and lists, if there are any
    ),
)
_TOKEN = Field("timeStamp", order=(_leaf("contentType"), Field("content", order=(_SIGNED_DATA,))))
_STAMP = Field(
    "archiveTimeStamp",
    {0xA0: _leaf("digestAlgorithm"), 0xA1: _leaf("attributes"), 0xA2: _leaf("reducedHashtree"), 0x30: _TOKEN},
)
_RECORD = Field(
    "evidenceRecord",
    {0xA0: Field("cryptoInfos", each=_leaf("attribute")), 0xA1: _leaf("encryptionInfo")},
    (
        _leaf("version"),
        _leaf("digestAlgorithms"),
        *[Field("archiveTimeStampSequence", each=Field("chain", each=_STAMP))] * 3,  # behind the optional parts
    ),
)


def field_of(record: bytes, offset: int) -> str:
    """The innermost named field that byte ``offset`` of a sound record lies in, with "/" between the names."""
    element, at, path = der.read(record, 0, len(record), lenient=True), _RECORD, []
    while True:
        inside = der.children(record, element, lenient=True) if element.tag & 0x20 and (at.tags or at.order or at.each) else []
        found: tuple[Tlv, Field] | None = None
        for index, each in enumerate(inside):
            name = at.child(index, each.tag)
            if name is not None and each.start <= offset < each.end:
                found = each, name
        if found is None:
            return "/".join(path) or "evidenceRecord"
        element, at = found
        path.append(at.name)
