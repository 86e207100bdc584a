"""A batch as it lies in its OCFL object (docs/on-disk.md): leaves, tokens, renewals; reading it back, and writing the next version.

Everything needed to prove any of its leaves is in the object and in the proved versions themselves: no catalog is needed.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from typing import TYPE_CHECKING, Any, BinaryIO

from repository.coming import BATCHES
from repository.evidence.leaves import LISTS, DataObject, Leaf, list_text
from repository.settings.authorities import TREES
from signatures.evidence import Generation, Lineage, Renewal, Tree, group_hash

if TYPE_CHECKING:
    from signatures.evidence.lineage import Group

__all__ = ["Batch", "Mark", "next_tree", "read_batch", "slot_of"]

FORMAT = 2
"""The newest ``kho_evidence`` of batch.json: some tree was begun anew, under a name or in a hash of its own. 1: none was."""

TIME = "%Y-%m-%dT%H:%M:%SZ"


def slot_of(tree: str) -> str:
    """Which of the two trees a lineage is of: "sha256.2" was begun when "sha256" proved nothing any more."""
    return tree.partition(".")[0]


def next_tree(slot: str, names: Iterable[str]) -> str:
    """The name of the lineage that is begun beside or after those of ``names`` that are of a tree: "sha256.2"."""
    return f"{slot}.{sum(slot_of(each) == slot for each in names) + 1}"


@dataclass(frozen=True, slots=True)
class Mark:
    """What is told of a token beside itself: the authority's name in kho.toml, whether it is evidence, and the names of revocation data
    that were collected and are proved with it."""

    authority: str
    evidence: bool
    beside: tuple[str, ...] = ()


@dataclass
class Batch:
    """One batch. ``trees`` has a lineage for each tree that was stamped, and one more, "sha256.2", each time that one was begun anew: what
    proves nothing any more stays as it is, to be judged by its own merits as of any day. ``marks`` has one mark a token, generation by
    generation; ``digests`` the digests of each leaf's objects in generations that read them (None: could not be read); ``lists`` the
    lists of leaves, by number, ``later`` those that came with such generations, by name; ``revocations`` what was collected beside the
    tokens, by file name."""

    id: str
    created: datetime
    leaves: list[Leaf]
    trees: dict[str, Lineage] = field(default_factory=dict)
    marks: dict[str, list[list[Mark]]] = field(default_factory=dict)
    digests: dict[str, dict[str, list[list[bytes | None]]]] = field(default_factory=dict)
    lists: dict[int, bytes] = field(default_factory=dict)
    later: dict[str, bytes] = field(default_factory=dict)
    revocations: dict[str, bytes] = field(default_factory=dict)
    version: int = 0

    @property
    def object_id(self) -> str:
        return BATCHES + self.id

    def add(
        self, object_id: str, version: int, objects: Sequence[DataObject], *, inventory_sha512: bytes, largest_group: int
    ) -> None:
        """One more leaf, before any tree is begun: a version with its data objects, the inventory first. A list of digests stands for
        the files of a group that is larger than ``largest_group``."""
        listed = len(objects) > largest_group
        if listed:
            one, self.lists[len(self.leaves)] = listed_object(objects, len(self.leaves))
            objects = [objects[0], one]
        # A data object has a digest for each tree, under the tree's name; asked for by `digest`, 50,000 take as long again as hashing them.
        values = {tree: group_hash(tree, list(map(attrgetter(tree), objects))) for tree in TREES}
        self.leaves.append(Leaf(object_id, version, inventory_sha512, listed, values))

    def next_name(self, slot: str) -> str:
        """What a lineage that is begun in a slot is called: "sha256", then "sha256.2"."""
        number = sum(slot_of(each) == slot for each in self.trees)
        return f"{slot}.{number + 1}" if number else slot

    def begin(
        self,
        tree: str,
        generation: Generation,
        mark: Mark,
        digests: list[list[bytes | None]] | None = None,
        lists: Mapping[int, bytes] | None = None,
    ) -> None:
        """Begin a lineage; one of this name, which the demo authority had stamped, is let go. ``digests`` and ``lists`` where the content
        was read for it, in a hash that the leaves have no value in."""
        self.digests.pop(tree, None)
        self.trees[tree], self.marks[tree] = Lineage([generation]), [[mark]]
        self._read_again(tree, generation, digests, lists or {})

    def renewed(self, tree: str, renewal: Renewal, mark: Mark) -> None:
        self.trees[tree].newest.renewals.append(renewal)
        self.marks[tree][-1].append(mark)

    def rebuilt(
        self, tree: str, generation: Generation, digests: list[list[bytes | None]], mark: Mark, lists: Mapping[int, bytes]
    ) -> None:
        """A new generation, with the ``lists`` that it adds to leaves that have one."""
        self.trees[tree].generations.append(generation)
        self.marks[tree].append([mark])
        self._read_again(tree, generation, digests, lists)

    def back_to(self, tree: str, generations: int) -> None:
        """Let go of what came after the first ``generations``: a new one, which reads more of the content, takes its place."""
        for each in self.trees[tree].generations[generations:]:
            self.digests[tree].pop(each.hash)
            for index in range(len(self.leaves)):
                self.later.pop(_later(index, tree, each.hash, self.later), None)
        del self.trees[tree].generations[generations:], self.marks[tree][generations:]

    def _read_again(
        self, tree: str, generation: Generation, digests: list[list[bytes | None]] | None, lists: Mapping[int, bytes]
    ) -> None:
        self.later |= {_later(index, tree, generation.hash, ()): text for index, text in lists.items()}
        if digests is not None:
            self.digests.setdefault(tree, {})[generation.hash] = digests

    def proving(self, tree: str, index: int, position: int | None = None) -> int:
        """How many generations of a tree prove a leaf, or its object at ``position``: those before the first that could not read it."""
        generations = self.trees[tree].generations
        for number, generation in enumerate(generations):
            row = self._row(tree, generation, index)
            if row is not None and (not any(row) if position is None else position >= len(row) or row[position] is None):
                return number
        return len(generations)

    def _row(self, tree: str, generation: Generation, index: int) -> list[bytes | None] | None:
        """The digests of a leaf in a generation for which it was read; None: it was not, its digests stand in its inventory."""
        rows = self.digests.get(tree, {}).get(generation.hash)
        return None if rows is None else rows[index]

    def later_lists(self, tree: str, index: int) -> list[tuple[int, str, bytes]]:
        """(generation from 0, name, text) of the lists that came with the generations of a tree for which a leaf was read."""
        found = []
        for number, generation in enumerate(self.trees[tree].generations):
            name = _later(index, tree, generation.hash, self.later)
            if self.leaves[index].listed and name in self.later:
                found.append((number, name, self.later[name]))
        return found

    def lacks(self, tree: str, generation: Generation, index: int) -> int:
        """How many objects of a leaf, and files behind its list, a generation could not read; a version whose inventory could not be read
        counts as one."""
        row = self._row(tree, generation, index)
        if row is None:
            return 0
        name = _later(index, tree, generation.hash, self.later)
        behind = self.lists[index].count(b"\n") - self.later[name].count(b"\n") if name in self.later else 0
        return behind + sum(each is None for each in row or [None])

    def lost(self, tree: str) -> list[int]:
        """`lacks`, of all leaves together, for each generation of a tree."""
        every = range(len(self.leaves))
        return [sum(self.lacks(tree, each, index) for index in every) for each in self.trees[tree].generations]

    def group(self, tree: str, index: int, objects: Sequence[DataObject]) -> Group:
        """The digests of a leaf's objects, by algorithm: those of its inventory, or those of a later hash-tree renewal."""

        def digests(hash_name: str) -> list[bytes]:
            later = self.digests.get(tree, {}).get(hash_name)
            if later is None:
                return [each.digest(hash_name) for each in objects]
            return [each for each in later[index] if each is not None]

        return digests

    def record(self, tree: str, index: int, objects: Sequence[DataObject], position: int | None = None) -> bytes:
        """The evidence record of a leaf in one tree. ``objects`` as `repository.evidence.leaves.objects_of` (or its list) gives them.

        It ends with the last generation that could read the leaf again (with ``position``: this one of its objects): what proved it
        before proves it as long as it did."""
        last = self.proving(tree, index, position)
        return self.trees[tree].record(index, self.group(tree, index, objects), last)

    # -- the files of the object ----------------------------------------------------------------------------------------

    def files(self) -> Iterator[tuple[str, bytes]]:
        """(logical path, bytes) of every file of the newest state. Those that an earlier version has are the same bytes."""
        yield "batch.json", self._facts()
        yield "leaves.ndjson", b"".join(_leaf_line(each) for each in self.leaves)
        for number, text in sorted(self.lists.items()):
            yield f"{LISTS}{number}.txt", text
        yield from sorted(self.later.items())
        for tree, lineage in self.trees.items():
            for place, generation in enumerate(lineage.generations, 1):
                for number, token in enumerate((generation.token, *(each.token for each in generation.renewals)), 1):
                    yield f"{tree}/{place}/{number}.tst", token
                rows = self.digests.get(tree, {}).get(generation.hash)
                if rows is not None:
                    yield f"{tree}/{place}/leaves.txt", b"".join(f"{each.hex()}\n".encode() for each in generation.tree.levels[0])
                    yield f"{tree}/{place}/digests.ndjson", b"".join(_digest_line(each) for each in rows)

    def _facts(self) -> bytes:
        trees = []
        for tree, lineage in self.trees.items():
            generations = []
            for generation, marks in zip(lineage.generations, self.marks[tree], strict=True):
                stamps = [_mark(marks[0])]
                for renewal, mark in zip(generation.renewals, marks[1:], strict=True):
                    groups = None if renewal.groups is None else [[each.hex() for each in group] for group in renewal.groups]
                    stamps.append({**_mark(mark), "reducedHashtree": groups})
                generations.append({"hash": generation.hash, "root": generation.tree.root.hex(), "stamps": stamps})
            trees.append({"tree": tree, "generations": generations})
        anew = any(tree != lineage.generations[0].hash for tree, lineage in self.trees.items())
        facts = {
            "kho_evidence": FORMAT if anew else 1,
            "batch": self.id,
            "created": self.created.astimezone(UTC).strftime(TIME),
            "leaves": len(self.leaves),
            "trees": trees,
        }
        return json.dumps(facts, indent=1).encode() + b"\n"


def _mark(mark: Mark) -> dict[str, Any]:
    return {"authority": mark.authority, "evidence": mark.evidence, "beside": list(mark.beside)}


def _leaf_line(leaf: Leaf) -> bytes:
    row = {"id": leaf.id, "version": leaf.version, "inventory_sha512": leaf.inventory_sha512.hex(), "listed": leaf.listed}
    return json.dumps({**row, **{tree: value.hex() for tree, value in leaf.values.items()}}).encode() + b"\n"


def _digest_line(row: Sequence[bytes | None]) -> bytes:
    return json.dumps([None if each is None else each.hex() for each in row]).encode() + b"\n"


Open = Callable[[str], BinaryIO]
"""Opens a file of the object's newest state by its logical path, verified. Raises KeyError when there is none."""


def read_batch(opened: Open, version: int) -> Batch:
    """A batch from its object.

    Raises:
        ValueError, KeyError: the files are no batch, or one of a newer Kho. What ``opened`` raises comes through.
    """

    def read(path: str) -> bytes:
        with opened(path) as stream:
            return stream.read()

    facts = json.loads(read("batch.json"))
    if facts["kho_evidence"] not in range(1, FORMAT + 1):
        raise ValueError(f"a batch of format {facts['kho_evidence']}; this Kho knows {FORMAT}")
    leaves = [_leaf(json.loads(line)) for line in read("leaves.ndjson").splitlines()]
    created = datetime.strptime(facts["created"], TIME).replace(tzinfo=UTC)
    batch = Batch(facts["batch"], created, leaves, version=version)
    for number, leaf in enumerate(leaves):
        if leaf.listed:
            batch.lists[number] = read(f"{LISTS}{number}.txt")
    for each in facts["trees"]:
        _read_tree(batch, each, read)
    return batch


def _read_tree(batch: Batch, facts: Mapping[str, Any], read: Callable[[str], bytes]) -> None:
    tree, generations, marks = facts["tree"], [], []
    for place, each in enumerate(facts["generations"], 1):
        if place > 1 or each["hash"] not in TREES:
            values = [bytes.fromhex(line.decode("ascii")) for line in read(f"{tree}/{place}/leaves.txt").splitlines()]
            rows = [json.loads(line) for line in read(f"{tree}/{place}/digests.ndjson").splitlines()]
            digests = [[None if one is None else bytes.fromhex(one) for one in row] for row in rows]
            batch.digests.setdefault(tree, {})[each["hash"]] = digests
            for number, row in enumerate(digests):
                if batch.leaves[number].listed and row:
                    _read_later(batch, number, tree, each["hash"], read)
        else:
            values = [leaf.values[each["hash"]] for leaf in batch.leaves]
        generation = Generation(Tree(each["hash"], values), read(f"{tree}/{place}/1.tst"))
        if generation.tree.root.hex() != each["root"]:
            raise ValueError(f"the leaves of {tree} do not lead to their root")
        for number, stamp in enumerate(each["stamps"][1:], 2):
            groups = stamp["reducedHashtree"]
            reduced = None if groups is None else tuple(tuple(bytes.fromhex(one) for one in group) for group in groups)
            generation.renewals.append(Renewal(reduced, read(f"{tree}/{place}/{number}.tst")))
        generations.append(generation)
        for one in each["stamps"]:
            batch.revocations.update({name: read(name) for name in one["beside"]})
        marks.append([Mark(one["authority"], one["evidence"], tuple(one["beside"])) for one in each["stamps"]])
    batch.trees[tree] = Lineage(generations)
    batch.marks[tree] = marks


def _later(index: int, tree: str, hash_name: str, known: Container[str]) -> str:
    """The name of the list that a hash-tree renewal added to a leaf; at first it was called after the hash alone."""
    name = f"{LISTS}{index}.{tree}.{hash_name}.txt"
    before = f"{LISTS}{index}.{hash_name}.txt"
    return before if name not in known and before in known else name


def _read_later(batch: Batch, index: int, tree: str, hash_name: str, read: Callable[[str], bytes]) -> None:
    name = _later(index, tree, hash_name, ())
    try:
        batch.later[name] = read(name)
    except KeyError:
        before = f"{LISTS}{index}.{hash_name}.txt"
        batch.later[before] = read(before)


def _leaf(row: Mapping[str, Any]) -> Leaf:
    values = {tree: bytes.fromhex(row[tree]) for tree in TREES}
    return Leaf(row["id"], row["version"], bytes.fromhex(row["inventory_sha512"]), row["listed"], values)


def listed_object(objects: Sequence[DataObject], number: int) -> tuple[DataObject, bytes]:
    """The list that stands for the files of a leaf (all but the inventory), as a data object, with its bytes."""
    import hashlib

    text = list_text(objects[1:])
    return DataObject(f"{LISTS}{number}.txt", hashlib.sha256(text).digest(), hashlib.sha512(text).digest()), text
