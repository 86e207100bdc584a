"""Renewing what is due: one new token for all trees of one hash algorithm; or, where the hash itself ends, trees built anew from content
that is read and hashed again.

A failed authority leaves the old evidence as it was. A batch is renewed when its next version is pending; what a killed process did not
come to is still due, and the next one goes on there.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from policies.findings import Findings, KhoError
from policies.phrases import phrase
from policies.trust import Algorithms, earliest
from repository.archive import Archive
from repository.catalog.evidence import BatchRow
from repository.evidence.batch import Batch, Mark
from repository.evidence.judge import algorithms_in
from repository.evidence.keeping import load, newest_token, pend, pending
from repository.evidence.leaves import DataObject, Unprovable, hashed_again, objects_of
from repository.evidence.making import stamp_trees
from repository.evidence.planning import HASH_TREE, MISSING, TIME_STAMP, Due, plan, successor
from repository.progress import Progress
from repository.settings.authorities import under_roots_of
from signatures.errors import NotStamped
from signatures.evidence import Generation, Renewal, Tree, ends_of, renewal_of, renewal_tree, renewal_values
from signatures.timestamps import Answer, Authority, Token, read_token, stamp
from signatures.timestamps.authority import Lasting
from signatures.timestamps.collect import revocations_for

__all__ = ["Renewing", "renew_due"]

_log = logging.getLogger("kho.evidence")

Authorities = Mapping[str, Sequence[Authority]]

_LONGER = timedelta(days=1)
"""By how much a renewal must outlast what it renews, to be worth a request."""


@dataclass
class Renewing:
    """What was done: trees renewed by kind, requests to authorities, and what went wrong (findings)."""

    renewed: dict[str, int] = field(default_factory=lambda: {MISSING: 0, TIME_STAMP: 0, HASH_TREE: 0})
    tokens: int = 0
    findings: Findings = field(default_factory=Findings)


def renew_due(archive: Archive, authorities: Authorities, progress: Progress) -> Renewing:
    """Renew every tree that is due now, and leave the new versions pending. Batches that are pending already are passed over."""
    now, done = archive.clock.now(), Renewing()
    algorithms = algorithms_in(archive.settings.home, archive.policy.evidence.algorithms)
    busy = {folder.stem for folder in pending(archive)}
    rows = {row.id: row for row in archive.catalog.evidence.batches() if row.id not in busy}
    due = [
        each
        for each in plan(list(rows.values()), archive.settings.authorities, algorithms, archive.policy.evidence, now)
        if each.due is not None and each.due <= now
    ]
    work = _Work(archive, authorities, algorithms, done, now, rows)
    work.restamp([each for each in due if each.kind == TIME_STAMP])
    together: dict[str, list[Due]] = defaultdict(list)
    for each in due:
        together[each.batch].append(each)
    for batch_id, several in together.items():
        with work.not_renewed(several[0]):
            work.apply(batch_id, several, progress)
    return done


@dataclass
class _Work:
    """One round. Batches are held one at a time: a token is shared by all, the leaves of a million records need not be in memory."""

    archive: Archive
    authorities: Authorities
    algorithms: Algorithms
    done: Renewing
    now: datetime
    rows: Mapping[str, BatchRow]
    stamped: dict[tuple[str, str], tuple[Renewal, Mark]] = field(default_factory=dict)
    beside: dict[str, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))
    _collected_of: dict[bytes, list[tuple[str, bytes]]] = field(default_factory=dict)

    def apply(self, batch_id: str, due: Sequence[Due], progress: Progress) -> None:
        """Do everything that is due of one batch, and leave its next version pending."""
        wanted = [each for each in due if each.kind != TIME_STAMP or (batch_id, each.tree) in self.stamped]
        if not wanted:
            return
        batch, changed = load(self.archive, self.rows[batch_id]), []
        for each in wanted:
            if each.kind == MISSING:
                did = self._missing(batch, each)
            elif each.kind == TIME_STAMP:
                batch.renewed(each.tree, *self.stamped[batch_id, each.tree])
                did = True
            else:
                did = self._rebuild(batch, each, progress)
            if did:
                self.done.renewed[each.kind] += 1
                changed.append(f"{each.kind} of {each.tree}")
        if changed:
            pend(self.archive, batch, ", ".join(changed), beside=self.beside[batch_id])

    def _authorities(self, tree: str, due: Sequence[Due]) -> list[Authority]:
        """Those that the plan calls fit first, and of these those under other roots than the other trees; the rest is better than none."""
        used = {name for each in due for name in self._beside(each)}
        together = under_roots_of(used, (each for several in self.authorities.values() for each in several))
        fit = due[0].authorities
        return sorted(self.authorities[tree], key=lambda each: (not each.evidence, each.name not in fit, together(each)))

    def _beside(self, due: Due) -> Iterator[str]:
        """The authorities that the other trees of a batch stand on, as this round has left them."""
        for facts in self.rows[due.batch].trees:
            if facts["tree"] != due.tree:
                stamped = self.stamped.get((due.batch, facts["tree"]))
                yield stamped[1].authority if stamped else str(facts["authority"])

    def _lasting(self, due: Sequence[Due], hash_name: str) -> Lasting:
        """A new token must last longer than what it renews; else it would be due again at once, and again."""
        before = max(each.because.when for each in due if each.because is not None and each.because.when is not None)

        def judged(token: Token, answer: Answer) -> str:
            first = earliest(ends_of(token, hash_name, self.algorithms, answer.ends))
            if first is None or first.when is None or first.when >= before + _LONGER:
                return ""
            return f"its time stamp would end on {first.when.date().isoformat()} ({first.name}), no later than the one it renews"

        return judged

    def _missing(self, batch: Batch, due: Due) -> bool:
        for reason in stamp_trees(self.archive, batch, self.authorities):
            self.done.findings.add("EVD-NOT-RENEWED", f"{due.batch}/{due.tree}", reason=reason)
        if due.tree not in batch.trees:
            return False
        self.done.tokens += 1
        return True

    def restamp(self, due: Sequence[Due]) -> None:
        """One token for all trees of a name that stand on the same hash."""
        together: dict[tuple[str, str], list[Due]] = defaultdict(list)
        for each in due:
            together[each.tree, each.hash].append(each)
        for (tree, hash_name), several in together.items():
            self._restamp(tree, hash_name, several)

    def _restamp(self, tree: str, hash_name: str, due: Sequence[Due]) -> None:
        values, names, readable = [], [], []
        for each in due:
            with self.not_renewed(each):
                token, authority, place = newest_token(self.archive, self.rows[each.batch], tree)
                found = self._collected(tree, token, authority, place)
                self.beside[each.batch].update(found)
                names.append(tuple(found))
                values.append(renewal_values(hash_name, token, found.values()))
                readable.append(each)
        if not readable:
            return
        over = renewal_tree(hash_name, values)
        try:
            asked = self._authorities(tree, readable)
            got = stamp(asked, hash_name, over.root, now=self.now, lasting=self._lasting(readable, hash_name))
        except NotStamped as error:
            self.done.findings.add("EVD-NOT-RENEWED", tree, reason=str(error.finding.args["reason"]))
            _log.warning("%d trees of %s are not renewed: %s", len(readable), tree, error)
            return
        self.done.tokens += 1
        for index, each in enumerate(readable):
            renewal = renewal_of(over, index, values[index], got.token.encoded)
            self.stamped[each.batch, tree] = renewal, Mark(got.authority.name, got.authority.evidence, names[index])

    def _collected(self, tree: str, token: bytes, name: str, place: str) -> dict[str, bytes]:
        """Revocation data of a token's authority: file name → bytes. They are stamped together with the token."""
        authority = next((each for each in self.authorities[tree] if each.name == name), None)
        sound = read_token(token)
        if sound.certificate_der not in self._collected_of:
            self._collected_of[sound.certificate_der] = revocations_for(sound, authority)
        return {
            f"{place}.{number}.{kind}": data for number, (kind, data) in enumerate(self._collected_of[sound.certificate_der], 1)
        }

    @contextmanager
    def not_renewed(self, due: Due) -> Iterator[None]:
        """A batch that cannot be read is a finding, and holds up no other."""
        try:
            yield
        except (KhoError, OSError, ValueError, KeyError) as error:
            self.done.findings.add("EVD-NOT-RENEWED", f"{due.batch}/{due.tree}", reason=str(error))

    def _rebuild(self, batch: Batch, due: Due, progress: Progress) -> bool:
        """A new generation of one tree, from content that is read and hashed again."""
        row = self.rows[batch.id]
        facts = next(each for each in row.trees if each["tree"] == due.tree)
        other = next((each["hash"] for each in row.trees if each["tree"] != due.tree), "")
        hash_name = successor(facts, other, self.algorithms, self.now + self.archive.policy.evidence.lead)
        if not hash_name:
            self.done.findings.add("EVD-NOT-RENEWED", f"{row.id}/{due.tree}", reason=phrase("no-hash-left"))
            return False
        again = _Again(self.archive, batch, due.tree, hash_name, self.done.findings, progress)
        tree = Tree(hash_name, again.leaves())
        try:
            asked = self._authorities(due.tree, [due])
            got = stamp(asked, hash_name, tree.root, now=self.now, lasting=self._lasting([due], hash_name))
        except NotStamped as error:
            self.done.findings.add("EVD-NOT-RENEWED", f"{row.id}/{due.tree}", reason=str(error.finding.args["reason"]))
            return False
        self.done.tokens += 1
        mark = Mark(got.authority.name, got.authority.evidence)
        batch.rebuilt(due.tree, Generation(tree, got.token.encoded), again.digests, mark)
        self.beside[batch.id].update(again.lists)
        return True


class _Again:
    """Reads and hashes the content of a batch's leaves again. What cannot be read as it was is left out of its group and named; the
    other files of the group are renewed."""

    def __init__(self, archive: Archive, batch: Batch, tree: str, hash_name: str, findings: Findings, progress: Progress) -> None:
        self._tiers = list(archive.tiers.values())
        self._batch, self._tree, self._hash, self._findings, self._progress = batch, tree, hash_name, findings, progress
        self.digests: list[list[bytes | None]] = []
        self.lists: dict[str, bytes] = {}

    def leaves(self) -> list[bytes]:
        self._progress.start("evidence", None, "bytes")
        found = [self._leaf(index) for index in range(len(self._batch.leaves))]
        self._progress.finish()
        return found

    def _leaf(self, index: int) -> bytes:
        leaf = self._batch.leaves[index]
        try:
            objects = objects_of(self._tiers, leaf.id, leaf.version, leaf.inventory_sha512)
        except Unprovable:
            self._findings.add("EVD-NOT-READ-AGAIN", f"{leaf.id}/v{leaf.version}", tree=self._tree)
            objects = []
        row = [self._again(leaf.id, each) for each in objects]
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

    def _again(self, object_id: str, each: DataObject) -> bytes | None:
        found = hashed_again(self._tiers, object_id, each, self._hash, self._progress.advance)
        if found is None:
            self._findings.add("EVD-NOT-READ-AGAIN", f"{object_id}/{each.path}", tree=self._tree)
        return found

    def _listed(
        self, index: int, objects: Sequence[DataObject], row: Sequence[bytes | None]
    ) -> tuple[list[DataObject], list[bytes | None]]:
        """A list in the new algorithm joins the old one: that one is proved further, this one proves the content anew."""
        old = self._batch.lists[index]
        rows = zip(objects[1:], row[1:], strict=True)
        text = b"".join(f"{digest.hex()} {each.path}\n".encode() for each, digest in rows if digest is not None)
        self.lists[f"lists/{index}.{self._hash}.txt"] = text
        one = DataObject(f"lists/{index}.txt", hashlib.sha256(old).digest(), hashlib.sha512(old).digest())
        digests = [hashlib.new(self._hash, each).digest() for each in (old, text)]
        return [objects[0], one], [row[0], *digests]
