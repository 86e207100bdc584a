"""The archive's own evidence as proof of existence: since when a stored file is proven, as the validation of signatures asks.

What proves is what was verified here and now: the record of the leaf, against the roots of the authorities that kho.toml names or named,
those of the folder of anchors, and what was collected of revocation. A demo authority's stamps prove nothing.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from policies.findings import KhoError
from repository.archive import Archive
from repository.evidence.batch import Batch, listed_object
from repository.evidence.keeping import load
from repository.evidence.leaves import LISTS, DataObject, hashed_again, objects_of
from repository.evidence.roots import roots_of
from repository.model import AipFile
from storage.errors import Unavailable

if TYPE_CHECKING:
    from signatures.judgement import Context
    from signatures.poe import Proof
    from signatures.timestamps import Trust

__all__ = ["Proving"]


@dataclass(frozen=True)
class _Version:
    """The evidence of one version: its records, and what they prove directly; ``listed`` is the text of the list that stands for files,
    ``revocations`` what was collected of the authorities."""

    records: tuple[bytes, ...]
    objects: dict[str, DataObject]
    listed: bytes = b""
    revocations: tuple[bytes, ...] = ()


class _Digests(dict[str, bytes]):
    """Digests of one object. Its inventory has two; after a hash-tree renewal another is asked for, and is made of the bytes as they are
    stored now."""

    def __init__(self, archive: Archive, aip_id: str, each: DataObject, listed: bytes) -> None:
        super().__init__(sha256=each.sha256, sha512=each.sha512)
        self._archive, self._aip_id, self._object, self._listed = archive, aip_id, each, listed

    def __missing__(self, name: str) -> bytes:
        try:
            if self._object.path.startswith(LISTS):  # it lies in the batch, which was read
                found: bytes | None = hashlib.new(name, self._listed).digest()
            else:
                found = hashed_again(list(self._archive.tiers.values()), self._aip_id, self._object, name, lambda _: None)
        except (Unavailable, ValueError) as error:
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
        self._proofs: dict[str, Proof | None] = {}
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
        if path not in self._proofs:
            self._proofs[path] = self._proved(version, path)
        return self._proofs[path]

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
        records = tuple(_records(batch, place.number, objects))
        listed = batch.lists[place.number] if leaf.listed else b""
        return _Version(records, {each.path: each for each in objects}, listed, tuple(batch.revocations.values()))

    def _proved(self, version: _Version, path: str) -> Proof | None:
        from signatures.evidence import DataObject as Proved
        from signatures.evidence_proof import proof_from

        digests = _Digests(self._archive, self._aip_id, version.objects[path], version.listed)
        trust, found = self._trust(version.revocations), []
        for record in version.records:
            proven = proof_from(
                record, [Proved(path, digests)], trust=trust, algorithms=self._context.algorithms, at=self._context.at
            )
            found += [proven.proof] if proven.proof is not None else []
        return min(found, key=lambda proof: proof.time, default=None)

    def _trust(self, revocations: tuple[bytes, ...]) -> Trust:
        if revocations not in self._trust_of:
            from signatures.evidence_proof import stamp_trust
            from signatures.timestamps import Trust

            trusted = stamp_trust(self._context.anchors).anchors
            for anchors in roots_of(self._archive).values():
                trusted = trusted + anchors
            self._trust_of[revocations] = Trust(trusted.with_revocations(revocations))
        return self._trust_of[revocations]


def _records(batch: Batch, number: int, objects: Sequence[DataObject]) -> list[bytes]:
    """The record in each tree whose stamps are evidence."""
    real = [tree for tree, marks in batch.marks.items() if all(mark.evidence for generation in marks for mark in generation)]
    return [batch.record(tree, number, objects) for tree in real]


def _version_of(content_path: str) -> int:
    top = content_path.partition("/")[0]
    return int(top[1:]) if top[:1] == "v" and top[1:].isdecimal() else 0
