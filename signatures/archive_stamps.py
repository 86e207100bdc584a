"""archive-time-stamp-v3 of CAdES (ETSI EN 319 122-1, 5.5.3): a time-stamp over a signature and over an index of hashes of all that was
kept with it.

The index (ats-hash-index, -v2, -v3) stands unsigned in the token and is protected by being hashed into the imprint. A value that is in the
structure and not in the index came later; a value in the index and not in the structure was taken away, and then nothing is proved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from asn1crypto import core  # type: ignore[import-untyped]

from policies.phrases import phrase
from signatures import der
from signatures.algorithms import hash_in
from signatures.attributes import (
    ATS_HASH_INDEXES,
    CERTIFICATE_VALUES,
    REVOCATION_VALUES,
    Attributes,
    certificates_in,
    revocations_in,
)
from signatures.ber import Malformed, element, parts, row
from signatures.cms import CmsFile, Content, choices_in, open_cms
from signatures.der import DerError
from signatures.poe import digest_of
from signatures.signer import ReadSigner

__all__ = ["Archived", "archived"]


@dataclass(frozen=True)
class Archived:
    """What one token was made over: ``stamped`` gives the digest it must hold (b"": the index names what is not there), ``listed`` the
    digests (`signatures.poe`) of what its index names, in the algorithm ``hash``."""

    stamped: Content
    hash: str
    listed: frozenset[bytes]


@dataclass(frozen=True)
class _Index:
    hash: str
    certificates: frozenset[bytes]
    revocations: frozenset[bytes]
    unsigned: frozenset[bytes]
    encoded: bytes


def archived(token: bytes, cms: CmsFile, signer: ReadSigner, content: Content) -> Archived:
    """Read what the archive time-stamp ``token`` of ``signer`` covers. Raises `Malformed`: there is no index to be read in it."""
    index = _index(token)
    covers: set[bytes] = set()
    left = set(index.certificates | index.revocations | index.unsigned)
    for name, wanted in (("certificates", index.certificates), ("crls", index.revocations)):
        for encoded in _choices(cms, name):
            digest = hashlib.new(index.hash, encoded).digest()
            if digest in wanted:
                left.discard(digest)
                covers.add(digest_of(encoded))
                # A revocation answer of another format stands in the choice behind the name of its format (RFC 5652, 10.2.1).
                covers.update(digest_of(encoded[each.start : each.end]) for each in parts(encoded, element(encoded)))
    for oid, digests, value in _unsigned(signer, index.hash):
        if digests & index.unsigned:
            left -= digests
            covers.add(digest_of(value))
            if oid == CERTIFICATE_VALUES:
                covers.update(each.sha256 for each in certificates_in(value))  # and no other value, which may have come later
            if oid == REVOCATION_VALUES:
                covers.update(digest_of(each) for _, each in revocations_in(value))
    fields = _fields(signer, cms)

    def stamped(algorithm: str) -> bytes | None:
        of_content = content(algorithm)
        if of_content is None:
            return None
        if left:
            return b""
        kind, *rest = fields
        return hashlib.new(algorithm, b"".join((kind, of_content, *rest, index.encoded))).digest()

    return Archived(stamped, index.hash, frozenset(covers))


def _choices(cms: CmsFile, name: str) -> Iterator[bytes]:
    """The members of ``certificates`` or ``crls`` as they are encoded."""
    try:
        yield from choices_in(cms.signed_data, name)
    except (ValueError, TypeError, KeyError):
        return


def _fields(signer: ReadSigner, cms: CmsFile) -> list[bytes]:
    """The content type, and the fields of the signer info but its unsigned attributes, as they are encoded. Raises `Malformed`."""
    kind = cms.signed_data["encap_content_info"]["content_type"].dump()
    return [kind, *(each for each in row(signer.info.contents) if each[0] != 0xA1)]


def _index(token: bytes) -> _Index:
    inner = open_cms(token)
    infos = list(inner.signers)
    if len(infos) != 1:
        raise Malformed(phrase("ats-one-signer"))
    try:
        unsigned = Attributes(infos[0]["unsigned_attrs"])
    except (ValueError, TypeError, KeyError) as error:  # an attribute is looked into when it is asked for, and may be none
        raise Malformed(phrase("ats-index", why=str(error))) from error
    for oid in ATS_HASH_INDEXES:
        if (raw := unsigned.first(oid)) is not None:
            try:
                return _read_index(raw)
            except (DerError, ValueError) as error:
                raise Malformed(phrase("ats-index", why=str(error))) from error
    raise Malformed(phrase("ats-no-index"))


def _read_index(raw: bytes) -> _Index:
    found = der.children(raw, der.whole(raw))
    name = "sha256"
    if len(found) == 4:
        name = hash_in(raw, found[0])
        found = found[1:]
    if len(found) != 3:
        raise ValueError(phrase("ats-lists"))
    certificates, revocations, unsigned = (
        frozenset(der.octets(raw, each) for each in der.children(raw, der.expect(one, der.SEQUENCE))) for one in found
    )
    return _Index(name, certificates, revocations, unsigned, raw)


def _unsigned(signer: ReadSigner, hash_name: str) -> Iterator[tuple[str, set[bytes], bytes]]:
    """(type, the digests under which it may stand in an index, value) of every value of an unsigned attribute: -v3 hashes type and
    value, the first index the whole attribute."""
    attributes = signer.info["unsigned_attrs"]
    for whole in row(attributes.contents or b""):
        try:
            kind, values = (whole[each.start : each.end] for each in parts(whole, element(whole)))
            found = [values[each.start : each.end] for each in parts(values, element(values))]
            dotted = core.ObjectIdentifier.load(kind).dotted
        except (ValueError, TypeError):  # it is no attribute that an index names
            continue
        for value in found:
            yield (
                dotted,
                {hashlib.new(hash_name, one).digest() for one in (kind + value, kind + values, whole)},
                value,
            )
