"""Files that some tree of a batch left out, by how much of each tree proves them: what is so of a batch need not be so of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from repository.evidence.batch import Batch

__all__ = ["Apart", "apart"]


@dataclass(frozen=True, slots=True)
class Apart:
    """``count`` files, ``first`` of this version, of which the first ``generations`` of each tree, in the order of the batch, prove
    the existence."""

    count: int
    first: str
    generations: tuple[int, ...]


def apart(batch: Batch) -> list[Apart]:
    """Every file that not all generations of all trees prove; a version of which no inventory could be read counts as one."""
    count, first = Counter[tuple[int, ...]](), dict[tuple[int, ...], str]()
    whole = tuple(len(lineage.generations) for lineage in batch.trees.values())
    for index, leaf in enumerate(batch.leaves):
        if _whole(batch, index):
            continue
        for each in (*_objects(batch, index), *_behind(batch, index)):
            if each != whole:
                count[each] += 1
                first.setdefault(each, f"{leaf.id}@v{leaf.version}")
    return [Apart(number, first[each], each) for each, number in count.items()]


def _whole(batch: Batch, index: int) -> bool:
    return not any(batch.lacks(tree, each, index) for tree, lineage in batch.trees.items() for each in lineage.generations)


def _objects(batch: Batch, index: int) -> Iterator[tuple[int, ...]]:
    """Of each object of a leaf; of a listed one, of the inventory."""
    rows = (rows[index] for by_hash in batch.digests.values() for rows in by_hash.values())
    most = max(1, *map(len, rows))
    for position in range(1 if batch.leaves[index].listed else most):
        yield tuple(batch.proving(tree, index, position) for tree in batch.trees)


def _behind(batch: Batch, index: int) -> Iterator[tuple[int, ...]]:
    """Of each file behind the list of a leaf. No more of a list than a line is held beside it."""
    if not batch.leaves[index].listed:
        return
    trees = [
        (batch.proving(tree, index), [_Later(at, text) for at, _, text in batch.later_lists(tree, index)]) for tree in batch.trees
    ]
    for line in BytesIO(batch.lists[index]):
        path = line.split(b" ", 2)[2]
        yield tuple(min([whole, *[each.generation for each in later if not each.has(path)]]) for whole, later in trees)


class _Later:
    """A list that a hash-tree renewal added, followed beside the list of the leaf: both are in the same order."""

    def __init__(self, generation: int, text: bytes) -> None:
        self.generation = generation
        self._lines = BytesIO(text)
        self._path = self._next()

    def has(self, path: bytes) -> bool:
        """Whether it has the next file of the leaf."""
        if self._path != path:
            return False
        self._path = self._next()
        return True

    def _next(self) -> bytes:
        return self._lines.readline().partition(b" ")[2]
