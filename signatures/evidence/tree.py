"""Hash trees of RFC 4998 §4.2: building one over many leaves, and the reduced tree that proves a single one of them.

A node is the hash of its two children concatenated in binary ascending order; an odd node at the end of a level moves up as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from signatures.algorithms import digest, hasher

__all__ = ["Tree", "climb", "group_hash"]


def group_hash(hash_name: str, values: Sequence[bytes]) -> bytes:
    """The one value that stands for a list of hash values: their own hash, sorted and concatenated; a single one stands for itself."""
    if len(values) == 1:
        return values[0]
    return digest(hash_name, b"".join(sorted(values)))


class Tree:
    """A tree over ``leaves`` (hash values of the tree's algorithm). About 70 bytes a leaf and level are held, so 140 a leaf."""

    def __init__(self, hash_name: str, leaves: Iterable[bytes]) -> None:
        self.hash = hash_name
        level = list(leaves)
        if not level:
            raise ValueError("a tree has at least one leaf")
        self.levels = [level]
        make = hasher(hash_name)
        while len(level) > 1:
            pairs = zip(level[::2], level[1::2], strict=False)
            above = [make(one + other if one <= other else other + one).digest() for one, other in pairs]
            if len(level) % 2:
                above.append(level[-1])
            self.levels.append(above)
            level = above

    @property
    def root(self) -> bytes:
        return self.levels[-1][0]

    def __len__(self) -> int:
        return len(self.levels[0])

    def path(self, index: int) -> list[bytes]:
        """The siblings on the way from a leaf to the root; a level at which its node moved up alone has none. Raises IndexError."""
        if not 0 <= index < len(self):
            raise IndexError(index)
        siblings = []
        for level in self.levels[:-1]:
            beside = index ^ 1
            if beside < len(level):
                siblings.append(level[beside])
            index >>= 1
        return siblings

    def reduced(self, index: int, group: Sequence[bytes] | None = None) -> list[list[bytes]] | None:
        """The reduced hash tree of a leaf: ``group`` are the hash values it was made of (None: it is one object's own hash).

        A single object lies in one list with its first sibling, so that no list has to be read as "one value, not hashed again".
        None when the root *is* the object's hash: RFC 4998 leaves the tree out then.
        """
        own = list(group) if group is not None else [self.levels[0][index]]
        siblings = self.path(index)
        if len(own) > 1:
            return [own, *([each] for each in siblings)]
        if not siblings:
            return None
        return [[own[0], siblings[0]], *([each] for each in siblings[1:])]


def climb(hash_name: str, groups: Sequence[Sequence[bytes]], *, twice: bool = False, listed: bool = False) -> bytes:
    """The root that a reduced tree leads to (RFC 4998 §4.3, step 3): each list is hashed and its hash joins the next list.

    Two habits of other producers can be followed: ``twice`` hashes a list of one value all the same; with ``listed`` a hash that the
    next list has already does not join it again.
    """
    make = hasher(hash_name)
    carried: bytes | None = None
    for group in groups:
        if len(group) == 1 and carried is not None and not listed:  # every list but the first of most records: a sibling
            one = group[0]
            carried = make(one + carried if one <= carried else carried + one).digest()
            continue
        values = [*group] if carried is None or (listed and carried in group) else [*group, carried]
        if len(values) > 1:
            values.sort()
            carried = make(b"".join(values)).digest()
        else:
            carried = make(values[0]).digest() if twice else values[0]
    assert carried is not None
    return carried
