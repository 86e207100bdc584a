"""Reading and hashing the content of a batch's leaves again, for a hash-tree renewal; and what could not be read as it was."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from policies.findings import Finding, said
from policies.phrases import phrase
from repository.archive import Archive
from repository.evidence.batch import Batch
from repository.evidence.leaves import LISTS, DataObject, Leaf, Unprovable, hashed_again, objects_of
from repository.evidence.notes import UnreadableNote, lately, read_note, write_note
from repository.progress import Progress
from signatures.evidence import Generation, Lineage
from storage.errors import Unavailable

__all__ = [
    "Lacking",
    "Rehashing",
    "in_vain_lately",
    "note_in_vain",
    "note_lacking",
    "note_left",
    "still_lacking",
    "waiting",
    "waits",
    "worth_trying",
]

NOTE = "waiting"

WAITS, LEFT, IN_VAIN = "trees", "left", "in vain"
"""What the note has: of trees whose renewal waits, of trees that were renewed without what could not be read, and of trees for which a
token was given that was of no use in the end."""

TRIED_EVERY = timedelta(days=1)
"""How often all that a tree has left out is tried, beside what is noted of it."""

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
    """One pass over a batch. What cannot be read as it was is left out of its group, and is in ``lacking``; ``read`` counts the others.

    ``upon`` are the generations that the new one follows (none: a lineage is begun). ``known``: a generation in the same hash whose place
    the new one takes; what it read is not read again. ``first`` is called once the first file was read, before all others are: it may
    raise, and nothing more is read then."""

    def __init__(
        self,
        archive: Archive,
        batch: Batch,
        tree: str,
        hash_name: str,
        progress: Progress,
        *,
        upon: Sequence[Generation],
        known: Generation | None = None,
        first: Callable[[], None] = lambda: None,
    ) -> None:
        self._tiers = list(archive.tiers.values())
        self._batch, self._tree, self._hash, self._progress = batch, tree, hash_name, progress
        self._upon, self._known, self._lineage, self._first = len(upon), known, Lineage(list(upon)), first
        self.digests: list[list[bytes | None]] = []
        self.lists: dict[int, bytes] = {}
        self.lacking: list[Lacking] = []
        self.read = 0

    def leaves(self) -> list[bytes]:
        """The values of the new tree. Raises what ``first`` does."""
        self._progress.start("evidence", None, "bytes")
        try:
            return [self._kept(index) or self._leaf(index) for index in range(len(self._batch.leaves))]
        finally:
            self._progress.finish()

    def nothing_back(self) -> bool:
        """Whether nothing of what the known generation lacks can be read; no more is read than what tells it."""
        return not any(not self._kept(index) and self._leaf(index) and self.read for index in range(len(self._batch.leaves)))

    def _kept(self, index: int) -> bytes:
        """The value of a leaf of which the known generation lacks nothing; b"" for one that is to be read."""
        if self._known is None or self._batch.lacks(self._tree, self._known, index):
            return b""
        self.digests.append(self._batch.digests[self._tree][self._hash][index])
        if self._batch.leaves[index].listed:
            self.lists[index] = self._list_known(index)
        return self._known.tree.levels[0][index]

    def _list_known(self, index: int) -> bytes:
        """The list that came with the known generation; one after it, which goes when it is made again, has others."""
        return next(text for at, _, text in self._batch.later_lists(self._tree, index) if at == self._upon)

    def _digests_known(self, index: int, objects: Sequence[DataObject]) -> dict[str, bytes]:
        """By path, what the known generation read of a leaf."""
        row = self._batch.digests[self._tree][self._hash][index] if self._known is not None else []
        if not row:
            return {}
        if not self._batch.leaves[index].listed:
            return {each.path: digest for each, digest in zip(objects, row, strict=True) if digest is not None}
        lines = (line.partition(b" ") for line in self._list_known(index).splitlines())
        behind = {path.decode(): bytes.fromhex(digest.decode("ascii")) for digest, _, path in lines}
        return behind if row[0] is None else {objects[0].path: row[0], **behind}

    def _leaf(self, index: int) -> bytes:
        leaf = self._batch.leaves[index]
        try:
            objects = objects_of(self._tiers, leaf.id, leaf.version, leaf.inventory_sha512)
        except Unprovable as error:
            self.lacking.append(Lacking(leaf.id, leaf.version, "", leaf.inventory_sha512, _why(error)))
            objects = []
        known = self._digests_known(index, objects)
        row = [known.get(each.path) or self._again(leaf, each) for each in objects]
        if leaf.listed and objects:
            objects, row = self._listed(index, objects, row)
        self.digests.append(row)
        there = [each for each in row if each is not None]
        if not there:  # nothing of it is left: something has to stand in its place, so that its neighbours keep theirs
            return hashlib.new(self._hash, leaf.inventory_sha512).digest()
        old = self._batch.group(self._tree, index, objects)
        return self._lineage.carried_leaf(index, self._hash, lambda name: there if name == self._hash else old(name))

    def _again(self, leaf: Leaf, each: DataObject) -> bytes | None:
        try:
            found, why = hashed_again(self._tiers, leaf.id, each, self._hash, self._progress.advance), phrase("no-tier-has-it")
        except Unavailable as error:
            found, why = None, said(error.finding)
        if found is None:
            self.lacking.append(Lacking(leaf.id, leaf.version, each.path, each.sha512, why))
            return None
        self.read += 1
        if self.read == 1:
            self._first()
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
        before = self._batch.later_lists(self._tree, index) if self._upon else ()
        between = [each for at, _, each in before if at < self._upon]
        digests = [hashlib.new(self._hash, each).digest() for each in (old, *between, text)]
        return [objects[0], one], [row[0], *digests]


def _why(error: Unprovable) -> str:
    return str(error.finding.args.get("reason", ""))


def still_lacking(archive: Archive, batch: str, tree: str, hash_name: str) -> list[Lacking]:
    """What was noted of a tree and still cannot be read: so that the whole batch is read again only when that may help."""
    return [each for each in _rows(_noted(archive, WAITS), batch, tree) if not _there(archive, each, hash_name)]


def worth_trying(archive: Archive, batch: str, tree: str, hash_name: str) -> bool:
    """Whether something of what a hash-tree renewal left out may be read now: of what was noted of it, something can; or it was not tried
    for a day, for more may be left out than is noted."""
    facts = _noted(archive, LEFT).get(f"{batch}/{tree}")
    if facts is None or not lately(facts["tried"], archive.clock.now(), TRIED_EVERY):
        return True
    return any(_there(archive, each, hash_name) for each in map(_of_json, facts["lacking"]))


def _rows(noted: Mapping[str, Any], batch: str, tree: str) -> list[Lacking]:
    return list(map(_of_json, noted.get(f"{batch}/{tree}", {}).get("lacking", ())))


def _there(archive: Archive, each: Lacking, hash_name: str) -> bool:
    tiers = list(archive.tiers.values())
    try:
        if not each.path:
            objects_of(tiers, each.id, each.version, each.digest)
            return True
        one = DataObject(each.path, b"", each.digest)
        return hashed_again(tiers, each.id, one, hash_name, lambda _: None) is not None
    except (Unprovable, Unavailable):
        return False


def note_lacking(archive: Archive, batch: str, tree: str, lacking: Sequence[Lacking], until: datetime | None = None) -> None:
    """Remember what the renewal of a tree waits for, and ``until`` when it does; nothing lacking: it waits no more."""
    facts = {"until": until.isoformat(), "count": len(lacking)} if until is not None else {}
    _note(archive, WAITS, f"{batch}/{tree}", facts, lacking)


def note_left(archive: Archive, batch: str, tree: str, lacking: Sequence[Lacking]) -> None:
    """Remember what a tree has left out, and that it was tried now; nothing lacking: it left out nothing."""
    _note(archive, LEFT, f"{batch}/{tree}", {"tried": archive.clock.now().isoformat()}, lacking)


def in_vain_lately(archive: Archive, batch: str, tree: str) -> bool:
    """Whether a token for a tree was paid for in vain less than a day ago."""
    tried = _noted(archive, IN_VAIN).get(f"{batch}/{tree}")
    return tried is not None and lately(tried, archive.clock.now(), TRIED_EVERY)


def note_in_vain(archive: Archive, batch: str, tree: str, *, failed: bool) -> None:
    """Remember that a token was given for a tree in vain; or that all is well."""
    _write(archive, IN_VAIN, f"{batch}/{tree}", archive.clock.now().isoformat() if failed else None)


def _note(archive: Archive, kind: str, name: str, facts: Mapping[str, Any], lacking: Sequence[Lacking]) -> None:
    noted = {**facts, "lacking": [_json(each) for each in lacking[:NOTED]]} if lacking and facts else None
    _write(archive, kind, name, noted)


def _write(archive: Archive, kind: str, name: str, noted: Any) -> None:
    """One entry of the note, or (None) no entry. One that could not be read is written anew."""
    note, damaged = _whole(archive)
    before = dict(note.get(kind, {}))
    after = {key: value for key, value in before.items() if key != name} | ({} if noted is None else {name: noted})
    if after != before or damaged is not None:
        write_note(archive, NOTE, {**note, kind: after})


def waiting(archive: Archive) -> Iterator[Finding]:
    """What renewals wait for: the first file of each tree. A note that cannot be read is told, and holds up nothing: what it said is found
    out again."""
    if (damaged := _whole(archive)[1]) is not None:
        yield damaged
    for name, facts in _noted(archive, WAITS).items():
        first = _of_json(facts["lacking"][0])
        yield waits(first, name.partition("/")[2], facts["count"], datetime.fromisoformat(facts["until"]))


def waits(first: Lacking, tree: str, count: int, until: datetime) -> Finding:
    args: dict[str, str | int] = {"tree": tree, "count": count, "until": until.date().isoformat(), "reason": first.why}
    return Finding("EVD-RENEWAL-WAITS", first.name, args)


def _noted(archive: Archive, kind: str) -> dict[str, Any]:
    return dict(_whole(archive)[0].get(kind, {}))


def _whole(archive: Archive) -> tuple[dict[str, Any], Finding | None]:
    """The note, and what is wrong with it."""
    try:
        return read_note(archive, NOTE), None
    except UnreadableNote as error:
        return {}, error.finding


def _json(each: Lacking) -> dict[str, Any]:
    return {"id": each.id, "version": each.version, "path": each.path, "digest": each.digest.hex(), "why": each.why}


def _of_json(row: dict[str, Any]) -> Lacking:
    return Lacking(row["id"], row["version"], row["path"], bytes.fromhex(row["digest"]), row["why"])
