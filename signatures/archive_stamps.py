"""archive-time-stamp-v3 of CAdES (ETSI EN 319 122-1, 5.5.3): a time-stamp over a signature and over an index of hashes of all that was
kept with it.

The index (ats-hash-index, -v2, -v3) stands unsigned in the token and is protected by being hashed into the imprint. A value that is in the
structure and not in the index came later; a value in the index and not in the structure was taken away, and then nothing is proved.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

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
from signatures.ber import Malformed, element, row
from signatures.cms import CmsFile, Content, choices_in, open_cms
from signatures.der import DerError
from signatures.mended import inside
from signatures.poe import digest_of
from signatures.signer import ReadSigner

__all__ = ["Archived", "Archiving"]


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


class Archiving:
    """What is kept with one signer of ``cms`` over ``content``, hashed once under each algorithm, however many stamps there are."""

    def __init__(self, cms: CmsFile, signer: ReadSigner, content: Content) -> None:
        self._cms, self._signer, self._content = cms, signer, content
        self._hashed: dict[str, _Hashed] = {}

    def read(self, token: bytes) -> Archived:
        """What the archive time-stamp ``token`` covers. Raises `Malformed`: there is no index to be read in it."""
        index = _index(token)
        if index.hash not in self._hashed:
            self._hashed[index.hash] = _Hashed.of(index.hash, self._cms, self._signer)
        covers, left = self._hashed[index.hash].named(index)
        fields = self._fields

        def stamped(algorithm: str) -> bytes | None:
            of_content = self._content(algorithm)
            if of_content is None:
                return None
            if left:
                return b""
            kind, *rest = fields
            return hashlib.new(algorithm, b"".join((kind, of_content, *rest, index.encoded))).digest()

        return Archived(stamped, index.hash, covers)

    @cached_property
    def _fields(self) -> list[bytes]:
        """The content type, and the fields of the signer info but its unsigned attributes, as they are encoded. Raises `Malformed`."""
        kind = self._cms.signed_data["encap_content_info"]["content_type"].dump()
        return [kind, *(each for each in row(self._signer.info.contents) if each[0] != 0xA1)]


@dataclass(frozen=True)
class _Hashed:
    """The digests under which an index may name each member of two lists, and each value of an unsigned attribute; and what each proves
    (`signatures.poe`)."""

    lists: dict[str, list[tuple[bytes, tuple[bytes, ...]]]]
    unsigned: list[tuple[frozenset[bytes], tuple[bytes, ...]]]

    @classmethod
    def of(cls, algorithm: str, cms: CmsFile, signer: ReadSigner) -> _Hashed:
        lists = {name: [_member(algorithm, each) for each in _choices(cms, name)] for name in ("certificates", "crls")}
        return cls(lists, list(_unsigned(signer, algorithm)))

    def named(self, index: _Index) -> tuple[frozenset[bytes], set[bytes]]:
        """What the members and values that ``index`` names prove, and what it names that is not there."""
        covers: set[bytes] = set()
        left = set(index.certificates | index.revocations | index.unsigned)
        for name, wanted in (("certificates", index.certificates), ("crls", index.revocations)):
            for digest, proved in self.lists[name]:
                if digest in wanted:
                    left.discard(digest)
                    covers.update(proved)
        for digests, proved in self.unsigned:
            if digests & index.unsigned:
                left -= digests
                covers.update(proved)
        return frozenset(covers), left


def _member(algorithm: str, encoded: bytes) -> tuple[bytes, tuple[bytes, ...]]:
    # A revocation answer of another format stands in the choice behind the name of its format (RFC 5652, 10.2.1).
    inner = map(digest_of, inside(encoded) if element(encoded).constructed else ())
    return hashlib.new(algorithm, encoded).digest(), (digest_of(encoded), *inner)


def _choices(cms: CmsFile, name: str) -> Iterator[bytes]:
    """The members of ``certificates`` or ``crls`` as they are encoded."""
    try:
        yield from choices_in(cms.signed_data, name)
    except (ValueError, TypeError, KeyError):
        return


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


def _unsigned(signer: ReadSigner, hash_name: str) -> Iterator[tuple[frozenset[bytes], tuple[bytes, ...]]]:
    """(the digests under which it may stand in an index, what it proves) of every value of an unsigned attribute: -v3 hashes type and
    value, the first index the whole attribute."""

    def hashed(data: bytes) -> bytes:
        return hashlib.new(hash_name, data).digest()

    for whole in row(signer.info["unsigned_attrs"].contents or b""):
        try:
            kind, values = inside(whole)
            found = inside(values)
            dotted = core.ObjectIdentifier.load(kind).dotted
        except (ValueError, TypeError):  # it is no attribute that an index names
            continue
        beside = {hashed(kind + values), hashed(whole)} if found else set()
        for value in found:
            yield frozenset(beside | {hashed(kind + value)}), tuple(_proved(dotted, value))


def _proved(oid: str, value: bytes) -> Iterator[bytes]:
    yield digest_of(value)
    if oid == CERTIFICATE_VALUES:
        yield from (each.sha256 for each in certificates_in(value))  # and no other value, which may have come later
    if oid == REVOCATION_VALUES:
        yield from (digest_of(each) for _, each in revocations_in(value))
