"""The life of one hash tree: stamped once, its stamp renewed, one day built anew with another hash; any leaf's record at any time.

All leaves of a tree share its tokens and renewals, so that renewing a million records is one request to an authority. What differs
from record to record is only the way from the leaf to the root, and is written when a record is asked for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from signatures import der
from signatures.evidence.asn1 import write_record, write_stamp
from signatures.evidence.record import Groups
from signatures.evidence.tree import Tree, group_hash

__all__ = ["Generation", "Group", "Lineage", "Renewal", "carry", "renewal_of", "renewal_tree", "renewal_values"]

Group = Callable[[str], Sequence[bytes]]
"""The digests of a leaf's data objects in a named algorithm, in a fixed order."""


@dataclass(frozen=True, slots=True)
class Renewal:
    """A time-stamp renewal (RFC 4998 §5.2): the way from the hash of the token before to what ``token`` stamps; ``groups`` None when
    it stamps that very hash."""

    groups: Groups | None
    token: bytes


@dataclass
class Generation:
    """One chain: a tree in one hash algorithm, the token over its root, and its renewals."""

    tree: Tree
    token: bytes
    renewals: list[Renewal] = field(default_factory=list)

    @property
    def hash(self) -> str:
        return self.tree.hash

    @property
    def last(self) -> bytes:
        """The newest token: what a renewal renews."""
        return self.renewals[-1].token if self.renewals else self.token


@dataclass
class Lineage:
    """One tree of a batch through its generations."""

    generations: list[Generation]

    def __len__(self) -> int:
        return len(self.generations[0].tree)

    @property
    def newest(self) -> Generation:
        return self.generations[-1]

    def record(self, index: int, group: Group, last: int | None = None) -> bytes:
        """The evidence record of a leaf. ``group`` gives the digests of its objects, which must be those the leaf was made of; ``last``
        is how many generations it has (None: all)."""
        return write_record((each.hash for each in self.generations[:last]), self._chains(index, group, last))

    def _chains(self, index: int, group: Group, last: int | None = None) -> list[list[bytes]]:
        chains: list[list[bytes]] = []
        for each in self.generations[:last]:
            values = carry(each.hash, group(each.hash), chains)
            first = write_stamp(each.hash, each.tree.reduced(index, values if len(values) > 1 else None), each.token)
            chains.append([first, *(write_stamp(each.hash, renewal.groups, renewal.token) for renewal in each.renewals)])
        return chains

    def carried_leaf(self, index: int, hash_name: str, group: Group) -> bytes:
        """The leaf of the *next* generation, in another hash algorithm: a hash-tree renewal of this leaf (RFC 4998 §5.2). ``group``
        must give digests of the objects as they are now, read and hashed again."""
        return group_hash(hash_name, carry(hash_name, group(hash_name), self._chains(index, group)))


def carry(hash_name: str, digests: Sequence[bytes], chains: Iterable[Iterable[bytes]]) -> list[bytes]:
    """The values that stand in the first list of a new chain: H(H(d) ‖ H(earlier chains)), or H(d) itself when there are none."""
    encoded = [der.sequence(*chain) for chain in chains]
    if not encoded:
        return list(digests)
    earlier = hashlib.new(hash_name, der.sequence(*encoded)).digest()
    return [hashlib.new(hash_name, each + earlier).digest() for each in digests]


def renewal_values(hash_name: str, token: bytes, beside: Iterable[bytes] = ()) -> list[bytes]:
    """What a time-stamp renewal hashes: the encoded timeStamp as it was received, and what is to be proved with it (the revocation data
    of its authority, collected before the renewal)."""
    return [hashlib.new(hash_name, each).digest() for each in (token, *beside)]


def renewal_tree(hash_name: str, renewed: Iterable[Sequence[bytes]]) -> Tree:
    """The tree over several tokens that one new token renews, each as its `renewal_values`."""
    return Tree(hash_name, (group_hash(hash_name, each) for each in renewed))


def renewal_of(tree: Tree, index: int, values: Sequence[bytes], token: bytes) -> Renewal:
    """The renewal of the token at ``index`` of a `renewal_tree` whose root ``token`` stamps."""
    reduced = tree.reduced(index, values if len(values) > 1 else None)
    return Renewal(None if reduced is None else tuple(tuple(sorted(each)) for each in reduced), token)
