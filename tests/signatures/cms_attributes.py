"""Unsigned attributes put into a CMS by tests: evidence records, and archive time-stamps with their index of hashes."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable
from datetime import datetime

from asn1crypto import cms, core

from signatures import der
from signatures.ber import element, row
from tests.signatures import fuzz_elements
from tests.signatures.pki import Pki

__all__ = ["EXTERNAL", "INTERNAL", "archived", "record_over", "token", "with_attribute"]

INTERNAL = "1.2.840.113549.1.9.16.2.49"
EXTERNAL = "1.2.840.113549.1.9.16.2.50"
ARCHIVE = "0.4.0.1733.2.4"
INDEX = "0.4.0.19122.1.5"
UNSIGNED = 0xA1


def token(pki: Pki, authority: str, at: datetime, imprint: bytes) -> bytes:
    return bytes(asyncio.run(pki.stamps(authority, at).async_timestamp(imprint, "sha256")).dump())


def with_attribute(data: bytes, oid: str, *values: bytes) -> bytes:
    """The CMS with one more unsigned attribute of its first signer; nothing else is encoded anew."""
    fields = list(row(cms.ContentInfo.load(data)["content"]["signer_infos"][0].contents))
    there = fields.pop() if fields[-1][0] == UNSIGNED else der.encode(UNSIGNED)
    added = der.sequence(der.write_oid(oid), der.set_of(values))
    made = der.sequence(*fields, der.encode(UNSIGNED, there[element(there).body :], added))
    return fuzz_elements.with_element(data, (1, 0, -1, 0), made)


def record_over(stamped: Callable[[bytes], bytes], *objects: bytes) -> bytes:
    """A record of RFC 4998 with one time-stamp over a group; ``stamped`` gives the token over an imprint."""
    values = [hashlib.sha256(each).digest() for each in objects]
    from signatures.evidence import group_hash, write_record, write_stamp

    beside = hashlib.sha256(b"beside").digest()
    groups = [values, [beside]] if len(values) > 1 else [[*values, beside]]
    root = group_hash("sha256", [group_hash("sha256", values), beside])
    return write_record(["sha256"], [[write_stamp("sha256", groups, stamped(root))]])


def archived(pki: Pki, data: bytes, content: bytes, authority: str, at: datetime, *, index_hash: str = "sha256") -> bytes:
    """The CMS with an archive-time-stamp-v3 (EN 319 122-1, 5.5.3) over its signer and all that is kept in it now."""
    info = cms.ContentInfo.load(data)
    signed = info["content"]
    signer = signed["signer_infos"][0]

    def hashed(values: list[bytes]) -> bytes:
        return der.sequence(*(der.encode(der.OCTET_STRING, hashlib.new(index_hash, each).digest()) for each in values))

    unsigned = []
    for attribute in () if isinstance(signer["unsigned_attrs"], core.Void) else signer["unsigned_attrs"]:
        unsigned += [attribute["type"].dump() + value.dump() for value in attribute["values"]]
    algorithm = der.sequence(der.write_oid({"sha256": "2.16.840.1.101.3.4.2.1", "sha1": "1.3.14.3.2.26"}[index_hash]))
    certificates = [each.dump() for each in signed["certificates"]]
    lists = [] if isinstance(signed["crls"], core.Void) else [each.dump() for each in signed["crls"]]
    index = der.sequence(algorithm, hashed(certificates), hashed(lists), hashed(unsigned))
    names = ("version", "sid", "digest_algorithm", "signed_attrs", "signature_algorithm", "signature")
    parts = [
        signed["encap_content_info"]["content_type"].dump(),
        hashlib.sha256(content).digest(),
        *(signer[each].dump() for each in names),
        index,
    ]
    stamped = token(pki, authority, at, hashlib.sha256(b"".join(parts)).digest())
    return with_attribute(data, ARCHIVE, with_attribute(stamped, INDEX, index))
