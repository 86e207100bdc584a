"""An evidence record in ASN.1 (RFC 4998 §2–§5) as it stands in its bytes: reading it strictly, and writing one.

Reading keeps every part's own bytes, since hashes run over them: a token may be BER inside, and must never be encoded anew.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from policies.phrases import phrase
from signatures import der
from signatures.algorithms import HASH_OIDS, HASHES, SIZES, hash_in
from signatures.der import DerBeyond, DerError, Tlv
from signatures.errors import InvalidRecord
from signatures.evidence.record import (
    MOST_CHAINS,
    MOST_STAMPS,
    ArchiveTimestamp,
    Chain,
    EvidenceRecord,
    Groups,
    Needed,
    Needs,
    place,
)

__all__ = ["Asn1Record", "read_asn1", "write_record", "write_stamp"]


@dataclass(frozen=True, slots=True)
class Asn1Record(EvidenceRecord):
    """A record of RFC 4998. ``encodings`` are its chains as they stand in it."""

    encodings: tuple[bytes, ...]

    def renewed(self, chain: int, stamp: int, hash_name: str) -> bytes:
        return hashlib.new(hash_name, self.chains[chain].stamps[stamp].token).digest()

    def first_list(self, chain: int, hash_name: str) -> Needs:
        """H(H(d) ‖ H(earlier chains)), in this order (§5.2, step 4); figure 4 of the standard, and some producers, sort before."""
        if not chain:
            return lambda digest: (Needed(frozenset((digest,))),)
        earlier = hashlib.new(hash_name, der.sequence(*self.encodings[:chain])).digest()

        def needs(digest: bytes) -> tuple[Needed, ...]:
            one, other = sorted((digest, earlier))
            return tuple(
                Needed(frozenset((hashlib.new(hash_name, values).digest(),)), quirk)
                for values, quirk in ((digest + earlier, ""), (one + other, phrase("evd-habit-sorted")))
            )

        return needs


def read_asn1(data: bytes) -> Asn1Record:
    """Read a record. All but the inside of its tokens must be DER.

    Raises:
        InvalidRecord: with the place and the offset.
    """
    reader = _Reader(data)
    try:
        return reader.record()
    except DerError as error:
        raise InvalidRecord(reader.where, error.reason, error.offset, beyond=isinstance(error, DerBeyond)) from error


class _Reader:
    """``where`` is the place that is being read, for the error."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.where = "record"

    def record(self) -> Asn1Record:
        data = self._data
        parts = der.children(data, der.whole(data))
        if len(parts) < 3:
            raise DerError(phrase("part-missing"), 0)
        version, algorithms, *optional, sequence = parts
        if (found := der.integer(data, version)) != 1:
            raise DerError(phrase("version-unknown", version=found), version.start)
        hashes = _ANNOUNCED.get(data[algorithms.start : algorithms.end]) or self._announced(algorithms)
        encrypted, infos = self._optional(optional) if optional else (False, 0)
        self.where = "archiveTimeStampSequence"
        elements = der.children(data, der.expect(sequence, der.SEQUENCE))
        chains, stamps = [], 0
        for number, each in enumerate(elements):
            chains.append(self._chain(number, each))
            stamps += len(chains[-1].stamps)
            if number >= MOST_CHAINS or stamps > MOST_STAMPS:
                raise DerBeyond(phrase("ers-many", chains=MOST_CHAINS, stamps=MOST_STAMPS), each.start)
        if not chains:
            raise DerError(phrase("it-is-empty"), sequence.start)
        encodings = tuple([data[start:end] for _, start, _, end in elements])
        return Asn1Record(data, hashes, tuple(chains), encrypted, infos, encodings)

    def _announced(self, element: Tlv) -> tuple[str, ...]:
        self.where = "digestAlgorithms"
        hashes = tuple(self._hash(each, der.SEQUENCE) for each in der.children(self._data, der.expect(element, der.SEQUENCE)))
        if not hashes:
            raise DerError(phrase("it-is-empty"), element.start)
        return hashes

    def _optional(self, parts: list[Tlv]) -> tuple[bool, int]:
        """(encryptionInfo is there, how many cryptoInfos)."""
        infos = 0
        if der.tags(parts) not in _OPTIONAL:
            raise DerError(phrase("part-unknown"), parts[0].start)
        for each in parts:
            self.where = "cryptoInfos" if each.tag == 0xA0 else "encryptionInfo"
            members = der.children(self._data, each)
            if not members:
                raise DerError(phrase("it-is-empty"), each.start)
            if each.tag == 0xA0:
                infos = len(self._attributes(members))
            elif len(members) != 2 or not der.oid(self._data, members[0]):
                raise DerError(phrase("ers-type-value"), each.start)
        return any(each.tag == 0xA1 for each in parts), infos

    def _attributes(self, members: list[Tlv]) -> list[str]:
        found = []
        for each in members:
            parts = der.children(self._data, der.expect(each, der.SEQUENCE))
            if len(parts) != 2 or parts[1].tag != der.SET:
                raise DerError(phrase("attribute-none"), each.start)
            der.check(self._data, parts[1])
            found.append(der.oid(self._data, parts[0]))
        return found

    def _chain(self, number: int, element: Tlv) -> Chain:
        stamps: list[ArchiveTimestamp] = []
        self.where = f"chain[{number + 1}]"
        for each in der.children(self._data, der.expect(element, der.SEQUENCE)):
            stamps.append(self._stamp(place(number, len(stamps)), each))
        if not stamps:
            raise DerError(phrase("it-is-empty"), element.start)
        return Chain(tuple(stamps))

    def _stamp(self, where: str, element: Tlv) -> ArchiveTimestamp:
        self.where = where
        *optional, token = self._parts(der.expect(element, der.SEQUENCE)) or [element]
        if der.tags(optional) not in _ORDERS:
            raise DerError(phrase("part-unknown"), element.start)
        declared, groups = "", None
        for each in optional:
            if each.tag == 0xA0:
                self.where = f"{where}/digestAlgorithm"
                declared = _DECLARES.get(self._data[each.start : each.end]) or self._hash(each, 0xA0)
            elif each.tag == 0xA1:
                self.where = f"{where}/attributes"
                if not self._attributes(der.children(self._data, each)):
                    raise DerError(phrase("it-is-empty"), each.start)
            else:
                self.where = f"{where}/reducedHashtree"
                groups = self._tree(each)
        self.where = f"{where}/timeStamp"
        der.expect(token, der.SEQUENCE)
        return ArchiveTimestamp(declared, groups, self._data[token.start : token.end])

    def _parts(self, element: Tlv) -> list[Tlv]:
        """The parts of an ArchiveTimeStamp. The one SEQUENCE among them is the time-stamp, and may be BER."""
        found, at = [], element.body
        while at < element.end:
            found.append(der.read(self._data, at, element.end, lenient=self._data[at] == der.SEQUENCE))
            at = found[-1].end
        return found

    def _tree(self, element: Tlv) -> Groups:
        data, at, end = self._data, element.body, element.end
        lists: list[tuple[bytes, ...]] = []
        while at < end:
            run = _ALONE.get(data[at : at + 4])
            if run is not None and (found := run.match(data, at, end)) is not None:
                step = 2 + data[at + 1]
                lists += [(data[each + 4 : each + step],) for each in range(at, found.end(), step)]
                at = found.end()
            else:
                one = der.read(data, at, end)
                lists.append(self._list(one))
                at = one.end
        if not lists:
            raise DerError(phrase("it-is-empty"), element.start)
        return tuple(lists)

    def _list(self, element: Tlv) -> tuple[bytes, ...]:
        data, at, end, values = self._data, der.expect(element, der.SEQUENCE).body, element.end, []
        while at < end:
            size = data[at + 1] if at + 1 < end else 0x80
            if data[at] != der.OCTET_STRING or size >= 0x80 or at + 2 + size > end:
                der.octets(data, der.read(data, at, end))  # says what is wrong
                raise DerError(phrase("ers-hash-long"), at)
            values.append(data[at + 2 : at + 2 + size])
            at += 2 + size
        if not values:
            raise DerError(phrase("ers-no-hash"), element.start)
        return tuple(values)

    def _hash(self, element: Tlv, tag: int) -> str:
        try:
            return hash_in(self._data, element, tag)
        except DerError:
            raise
        except ValueError as error:
            if der.algorithm(self._data, element, tag)[0] not in HASH_OIDS:
                raise InvalidRecord(self.where, str(error), element.start, unknown=True) from error
            raise DerError(str(error), element.start) from error


_ALONE = {
    head: re.compile(b"(?s:%s.{%d})+" % (re.escape(head), size))
    for head, size in ((bytes((der.SEQUENCE, size + 2, der.OCTET_STRING, size)), size) for size in set(SIZES.values()))
}
"""How a list of one hash value begins, and a run of such: all lists but the first are, a level of the tree each."""

_OPTIONAL = der.subsequences((0xA0, 0xA1))
"""The optional parts of a record that may stand together."""

_ORDERS = der.subsequences((0xA0, 0xA1, 0xA2))
"""The optional parts of an ArchiveTimeStamp that may stand together."""


def write_stamp(hash_name: str, groups: Sequence[Iterable[bytes]] | None, token: bytes) -> bytes:
    """An ArchiveTimeStamp. ``groups`` None leaves the reduced hash tree out. Hash values of a list are written sorted."""
    octet_string = bytes((der.OCTET_STRING, SIZES[hash_name]))
    tree = b""
    if groups is not None:
        tree = der.encode(0xA2, *(der.sequence(*(octet_string + value for value in sorted(group))) for group in groups))
    return der.sequence(_DECLARED[hash_name], tree, token)


def write_record(hashes: Iterable[str], chains: Iterable[Iterable[bytes]], crypto_infos: Iterable[bytes] = ()) -> bytes:
    """An EvidenceRecord from encoded ArchiveTimeStamps, chain by chain. ``crypto_infos`` are encoded Attributes; they are not
    protected by the record (RFC 4998 §3.1)."""
    infos = tuple(crypto_infos)
    return der.sequence(
        _VERSION,
        der.sequence(*(_ALGORITHM[each] for each in dict.fromkeys(hashes))),
        der.encode(0xA0, *infos) if infos else b"",
        der.sequence(*(der.sequence(*chain) for chain in chains)),
    )


_VERSION = der.write_integer(1)
_DECLARED = {name: der.encode(0xA0, der.write_oid(oid)) for name, oid in HASHES.items()}
_ALGORITHM = {name: der.sequence(der.write_oid(oid)) for name, oid in HASHES.items()}
"""Without parameters, as RFC 5754 §2 asks for."""

_DECLARES = {encoded: name for name, encoded in _DECLARED.items()}
_ANNOUNCED = {der.sequence(encoded): (name,) for name, encoded in _ALGORITHM.items()}
"""How most records say them: in one way, and one algorithm."""
