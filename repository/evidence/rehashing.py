"""Reading and hashing the content of a batch's leaves again, for a hash-tree renewal; and what could not be read as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from policies.findings import Finding, said
from policies.phrases import phrase
from repository.archive import Archive
from repository.evidence.batch import Batch
from repository.evidence.leaves import LISTS, DataObject, Leaf, Unprovable, hashed_again, objects_of
from repository.evidence.notes import read_note, write_note
from repository.progress import Progress
from storage.errors import Unavailable

__all__ = ["Lacking", "Rehashing", "note_lacking", "still_lacking", "waiting", "waits"]

NOTE = "waiting"

NOTED = 100
"""Files of one tree that are remembered, of those that its renewal waits for: enough to see whether reading all again is worth it."""


@dataclass(frozen=True, slots=True)
class Lacking:
    """One file that could not be read as it was: ``path`` in its object, "" when not even the inventory of the version could. ``digest``
    is the SHA-512 that the file, or the inventory, must have; ``why`` in the words of `policies.phrases`."""

    id: str
    version: int
    path: str
    digest: bytes
    why: str

    @property
    def name(self) -> str:
        return f"{self.id}/{self.path or f'v{self.version}'}"


class Rehashing:
    """One pass over a batch. What cannot be read as it was is left out of its group, and is in ``lacking``."""

    def __init__(self, archive: Archive, batch: Batch, tree: str, hash_name: str, progress: Progress) -> None:
        self._tiers = list(archive.tiers.values())
        self._batch, self._tree, self._hash, self._progress = batch, tree, hash_name, progress
        self.digests: list[list[bytes | None]] = []
        self.lists: dict[int, bytes] = {}
        self.lacking: list[Lacking] = []

    def leaves(self) -> list[bytes]:
        self._progress.start("evidence", None, "bytes")
        found = [self._leaf(index) for index in range(len(self._batch.leaves))]
        self._progress.finish()
        return found

    def _leaf(self, index: int) -> bytes:
        leaf = self._batch.leaves[index]
        try:
            objects = objects_of(self._tiers, leaf.id, leaf.version, leaf.inventory_sha512)
        except Unprovable as error:
            self.lacking.append(Lacking(leaf.id, leaf.version, "", leaf.inventory_sha512, _why(error)))
            objects = []
        row = [self._again(leaf, each) for each in objects]
        if leaf.listed and objects:
            objects, row = self._listed(index, objects, row)
        self.digests.append(row)
        there = [each for each in row if each is not None]
        if not there:  # nothing of it is left: something has to stand in its place, so that its neighbours keep theirs
            return hashlib.new(self._hash, leaf.values[self._tree]).digest()
        old = self._batch.group(self._tree, index, objects)
        return self._batch.trees[self._tree].carried_leaf(
            index, self._hash, lambda name: there if name == self._hash else old(name)
        )

    def _again(self, leaf: Leaf, each: DataObject) -> bytes | None:
        try:
            found, why = hashed_again(self._tiers, leaf.id, each, self._hash, self._progress.advance), phrase("no-tier-has-it")
        except Unavailable as error:
            found, why = None, said(error.finding)
        if found is None:
            self.lacking.append(Lacking(leaf.id, leaf.version, each.path, each.sha512, why))
        return found

    def _listed(
        self, index: int, objects: Sequence[DataObject], row: Sequence[bytes | None]
    ) -> tuple[list[DataObject], list[bytes | None]]:
        """A list in the new algorithm joins those of before: they are proved further, this one proves the content anew."""
        old = self._batch.lists[index]
        rows = zip(objects[1:], row[1:], strict=True)
        text = b"".join(f"{digest.hex()} {each.path}\n".encode() for each, digest in rows if digest is not None)
        self.lists[index] = text
        one = DataObject(f"{LISTS}{index}.txt", hashlib.sha256(old).digest(), hashlib.sha512(old).digest())
        between = [each for _, _, each in self._batch.later_lists(self._tree, index)]
        digests = [hashlib.new(self._hash, each).digest() for each in (old, *between, text)]
        return [objects[0], one], [row[0], *digests]


def _why(error: Unprovable) -> str:
    return str(error.finding.args.get("reason", ""))


def still_lacking(archive: Archive, batch: str, tree: str, hash_name: str) -> list[Lacking]:
    """What was noted of a tree and still cannot be read: so that the whole batch is read again only when that may help."""
    tiers, found = list(archive.tiers.values()), []
    for each in map(_of_json, _noted(archive).get(f"{batch}/{tree}", {}).get("lacking", ())):
        try:
            if not each.path:
                objects_of(tiers, each.id, each.version, each.digest)
            elif hashed_again(tiers, each.id, DataObject(each.path, b"", each.digest), hash_name, lambda _: None) is None:
                found.append(each)
        except (Unprovable, Unavailable):
            found.append(each)
    return found


def note_lacking(archive: Archive, batch: str, tree: str, lacking: Sequence[Lacking], until: datetime | None = None) -> None:
    """Remember what the renewal of a tree waits for, and ``until`` when it does; nothing lacking: it waits no more."""
    noted = _noted(archive)
    before = dict(noted)
    noted.pop(f"{batch}/{tree}", None)
    if lacking and until is not None:
        rows = [_json(each) for each in lacking[:NOTED]]
        noted[f"{batch}/{tree}"] = {"until": until.isoformat(), "count": len(lacking), "lacking": rows}
    if noted != before:
        write_note(archive, NOTE, {"trees": noted})


def waiting(archive: Archive) -> Iterator[Finding]:
    """What renewals wait for: the first file of each tree."""
    for name, facts in _noted(archive).items():
        first = _of_json(facts["lacking"][0])
        yield waits(first, name.partition("/")[2], facts["count"], datetime.fromisoformat(facts["until"]))


def waits(first: Lacking, tree: str, count: int, until: datetime) -> Finding:
    args: dict[str, str | int] = {"tree": tree, "count": count, "until": until.date().isoformat(), "reason": first.why}
    return Finding("EVD-RENEWAL-WAITS", first.name, args)


def _noted(archive: Archive) -> dict[str, Any]:
    return dict(read_note(archive, NOTE).get("trees", {}))


def _json(each: Lacking) -> dict[str, Any]:
    return {"id": each.id, "version": each.version, "path": each.path, "digest": each.digest.hex(), "why": each.why}


def _of_json(row: dict[str, Any]) -> Lacking:
    return Lacking(row["id"], row["version"], row["path"], bytes.fromhex(row["digest"]), row["why"])
