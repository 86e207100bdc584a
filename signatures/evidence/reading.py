"""Reading an evidence record of either syntax."""

from __future__ import annotations

from formats.xml_prolog import is_xml
from policies.phrases import phrase
from signatures import der
from signatures.errors import InvalidRecord
from signatures.evidence.asn1 import read_asn1
from signatures.evidence.record import LARGEST, EvidenceRecord
from signatures.evidence.xmlers import read_xml

__all__ = ["read_record"]


def read_record(data: bytes) -> EvidenceRecord:
    """A record of RFC 4998 (DER) or RFC 6283 (XML).

    Raises:
        InvalidRecord: with the place and the offset (a line, for XML).
    """
    if len(data) > LARGEST:
        raise InvalidRecord("record", phrase("too-large"), 0, beyond=True)
    if data[:1] == _SEQUENCE:  # no XML begins so, in whatever encoding
        return read_asn1(data)
    return read_xml(data) if is_xml(data) else read_asn1(data)


_SEQUENCE = bytes((der.SEQUENCE,))
