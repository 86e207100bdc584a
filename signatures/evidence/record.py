"""An evidence record, whichever its syntax: chains of archive time-stamps, each with a reduced hash tree.

The two standards differ in what is hashed at a renewal, and in nothing else that verifying has to know: a syntax
(`signatures.evidence.asn1`, `signatures.evidence.xmlers`) answers two questions, and one verifier asks them.
"""

from __future__ import annotations

import functools
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

__all__ = [
    "LARGEST",
    "MOST_CHAINS",
    "MOST_STAMPS",
    "ArchiveTimestamp",
    "Chain",
    "EvidenceRecord",
    "Groups",
    "Needed",
    "Needs",
    "place",
]

LARGEST = 16 << 20
"""Bytes of a record that is read: a group of 10,000 files and a dozen renewals stay below a megabyte."""

MOST_CHAINS = 50
"""Chains of a record: one for each hash algorithm that ended since it was begun, and each is hashed with all before it."""

MOST_STAMPS = 500
"""Time-stamps of a record: one for every year of five centuries. Each costs some milliseconds."""

Groups = tuple[tuple[bytes, ...], ...]
"""A reduced hash tree: lists of hash values, from the data object's own upwards."""


class ArchiveTimestamp(NamedTuple):
    """One ArchiveTimeStamp. ``declared`` is its own hash algorithm ("" when left out), ``groups`` its reduced hash tree (None when
    left out), ``token`` the encoded time-stamp."""

    declared: str
    groups: Groups | None
    token: bytes


class Chain(NamedTuple):
    """One ArchiveTimeStampChain: stamps that renew one another."""

    stamps: tuple[ArchiveTimestamp, ...]


class Needed(NamedTuple):
    """Values that must all stand in the first list of a chain for an object to be covered; ``quirk`` names the habit of producers that
    this is, "" what the standard says."""

    values: frozenset[bytes]
    quirk: str = ""


Needs = Callable[[bytes], Sequence[Needed]]
"""What must stand in a list for the object with a digest to be covered; the standard's own way comes first."""


@dataclass(frozen=True, slots=True)
class EvidenceRecord(ABC):
    """One record. ``hashes`` are the algorithms it announces, ``encrypted`` whether it says that the data object was encrypted."""

    encoded: bytes
    hashes: tuple[str, ...]
    chains: tuple[Chain, ...]
    encrypted: bool
    crypto_infos: int

    @abstractmethod
    def renewed(self, chain: int, stamp: int, hash_name: str) -> bytes:
        """What a time-stamp renewal must hash of the stamp it renews."""

    @abstractmethod
    def first_list(self, chain: int, hash_name: str) -> Needs:
        """What the first list of ``chain`` must hold."""

    def canonical(self, chain: int) -> str:
        """By which method XML objects are canonicalised before a chain hashes them; "" when bytes are hashed as they are."""
        return ""


@functools.lru_cache(maxsize=1024)
def place(chain: int, stamp: int, part: str = "") -> str:
    """How a place in a record is named, in the words of the standard; counted from 0 here and from 1 in the name:
    "chain[1]/archiveTimeStamp[2]/reducedHashtree"."""
    return f"chain[{chain + 1}]/archiveTimeStamp[{stamp + 1}]" + (f"/{part}" if part else "")
