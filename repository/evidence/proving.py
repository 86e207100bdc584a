"""The archive's own evidence as proof of existence: since when a stored file is proven, as the validation of signatures asks.

What proves is what was verified here and now: the record of the leaf, against the roots of the authorities that kho.toml names or named,
those of the folder of anchors, and what was collected of revocation. Stamps of a demo authority prove nothing, nor do those that
are known to be worth nothing any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.findings import KhoError
from repository.archive import Archive
from repository.evidence.batch import Batch, listed_object
from repository.evidence.keeping import load
from repository.evidence.leaves import LISTS, DataObject, hashed_again, objects_of
from repository.evidence.news import fallen
from repository.evidence.roots import roots_of
from repository.model import AipFile
from storage.errors import Unavailable

if TYPE_CHECKING:
    from signatures.judgement import Context
    from signatures.poe import Proof
    from signatures.timestamps import Trust

__all__ = ["Proving"]


@dataclass(frozen=True)
class _Tree:
    """What one tree proves of a version: ``records`` of its first generation, its first two, … ; ``later`` the lists that its hash-tree
    renewals added, (generation from 0, hash, text); ``last``: how many generations prove an object."""

    name: str
    records: tuple[bytes, ...]
    later: tuple[tuple[int, str, bytes], ...]
    last: Mapping[str, int]


@dataclass(frozen=True)
class _Version:
    """The evidence of one version: its trees, and what they prove directly; ``listed`` is the text of the list that stands for files,
    ``revocations`` what was collected of the authorities."""

    trees: tuple[_Tree, ...]
    objects: dict[str, DataObject]
    listed: bytes = b""
    revocations: tuple[bytes, ...] = ()


class _Hashes(dict[str, bytes]):
    """Digests of bytes at hand, in whichever algorithm is asked for."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    def __missing__(self, name: str) -> bytes:
        self[name] = hashlib.new(name, self._data).digest()
        return self[name]


class _Digests(dict[str, bytes]):
    """Digests of one object. Its inventory has two; after a hash-tree renewal another is asked for, and is made of the bytes as they are
    stored now."""

    def __init__(self, archive: Archive, aip_id: str, each: DataObject) -> None:
        super().__init__(sha256=each.sha256, sha512=each.sha512)
        self._archive, self._aip_id, self._object = archive, aip_id, each

    def __missing__(self, name: str) -> bytes:
        try:
            found = hashed_again(list(self._archive.tiers.values()), self._aip_id, self._object, name, lambda _: None)
        except Unavailable as error:
            raise KeyError(name) from error
        if found is None:
            raise KeyError(name)
        self[name] = found
        return found


class Proving:
    """Proofs for the files of one AIP, judged as of the date of ``context``. What was verified is remembered."""

    def __init__(self, archive: Archive, aip_id: str, context: Context) -> None:
        self._archive = archive
        self._aip_id = aip_id
        self._context = context
        self._versions: dict[int, _Version | None] = {}
        self._proofs: dict[tuple[str, str, int], Proof | None] = {}
        self._trust_of: dict[tuple[bytes, ...], Trust] = {}

    def __call__(self, file: AipFile) -> Proof | None:
        """Since when ``file`` is proven to exist; None: no evidence that can be believed says so."""
        number = _version_of(file.content_path)
        if number not in self._versions:
            self._versions[number] = self._evidence(number)
        version = self._versions[number]
        if version is None:
            return None
        path = file.content_path
        if version.listed:
            line = f"{file.sha256} {file.sha512} {path}\n".encode()
            if line not in version.listed:
                return None
            path = next(name for name in version.objects if not name.endswith("inventory.json"))
        elif path not in version.objects or version.objects[path].sha512.hex() != file.sha512:
            return None
        found = (self._proved(version, tree, path, self._generations(tree, file, path)) for tree in version.trees)
        return min((each for each in found if each is not None), key=lambda proof: proof.time, default=None)

    def _generations(self, tree: _Tree, file: AipFile, path: str) -> int:
        """How many generations of a tree prove a file: each that goes on proving its object; and behind a list, whose renewal had read the
        file again and found it to be what it is now."""
        last = tree.last[path]
        one = DataObject(file.content_path, bytes.fromhex(file.sha256), bytes.fromhex(file.sha512))
        digests = _Digests(self._archive, self._aip_id, one)
        for number, hash_name, text in tree.later:
            if number >= last:
                break
            if f"{_digest(digests, hash_name)} {file.content_path}\n".encode() not in text:
                return number
        return last

    def _evidence(self, number: int) -> _Version | None:
        """The records of a version; None while no batch holds it, or its batch or inventory is not to be had."""
        place = self._archive.catalog.evidence.leaf(self._aip_id, number)
        row = self._archive.catalog.evidence.find(place.batch) if place else None
        if place is None or row is None:
            return None
        try:
            batch = load(self._archive, row)
            leaf = batch.leaves[place.number]
            stored = objects_of(list(self._archive.tiers.values()), self._aip_id, number, leaf.inventory_sha512)
        except (KhoError, OSError):
            return None
        objects = [stored[0], listed_object(stored, place.number)[0]] if leaf.listed else stored
        fell = {tree for _, tree in fallen(self._archive, [row])}
        trees = tuple(each for each in _trees(batch, place.number, objects) if each.name not in fell)
        listed = batch.lists[place.number] if leaf.listed else b""
        return _Version(trees, {each.path: each for each in objects}, listed, tuple(batch.revocations.values()))

    def _proved(self, version: _Version, tree: _Tree, path: str, generations: int) -> Proof | None:
        """What the first ``generations`` of a tree prove of an object; of a list, only with those that followed it."""
        if generations < 1:
            return None  # it was begun when this could not be read
        key = tree.name, path, generations
        if key not in self._proofs:
            from signatures.evidence import DataObject as Proved
            from signatures.evidence_proof import proof_from

            if not path.startswith(LISTS):
                objects = [Proved(path, _Digests(self._archive, self._aip_id, version.objects[path]))]
            else:
                objects = [Proved(path, _Hashes(version.listed))]
                later = (each for each in tree.later if each[0] < generations)
                objects += [Proved(f"{name} {at}", _Hashes(text), since=at) for at, name, text in later]
            proven = proof_from(
                tree.records[generations - 1],
                objects,
                trust=self._trust(version.revocations),
                algorithms=self._context.algorithms,
                at=self._context.at,
            )
            self._proofs[key] = proven.proof
        return self._proofs[key]

    def _trust(self, revocations: tuple[bytes, ...]) -> Trust:
        if revocations not in self._trust_of:
            from signatures.evidence_proof import stamp_trust
            from signatures.timestamps import Trust

            trusted = stamp_trust(self._context.anchors).anchors
            for anchors in roots_of(self._archive).values():
                trusted = trusted + anchors
            self._trust_of[revocations] = Trust(trusted.with_revocations(revocations))
        return self._trust_of[revocations]


def _trees(batch: Batch, number: int, objects: Sequence[DataObject]) -> Iterator[_Tree]:
    """Each tree whose stamps are evidence."""
    for tree, marks in batch.marks.items():
        if all(mark.evidence for generation in marks for mark in generation):
            generations = batch.trees[tree].generations
            group = batch.group(tree, number, objects)
            records = tuple(batch.trees[tree].record(number, group, most) for most in range(1, len(generations) + 1))
            later = tuple((at, generations[at].hash, text) for at, _, text in batch.later_lists(tree, number))
            last = {each.path: batch.proving(tree, number, position) for position, each in enumerate(objects)}
            yield _Tree(tree, records, later, last)


def _digest(digests: Mapping[str, bytes], name: str) -> str:
    """ "" when none can be had."""
    try:
        return digests[name].hex()
    except KeyError:
        return ""


def _version_of(content_path: str) -> int:
    top = content_path.partition("/")[0]
    return int(top[1:]) if top[:1] == "v" and top[1:].isdecimal() else 0
