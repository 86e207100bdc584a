"""Renewing what is due: one new token for all trees of one hash algorithm; or, where the hash itself ends, trees built anew from content
that is read and hashed again.

A failed authority leaves the old evidence as it was. A batch is renewed when its next version is pending; what a killed process did not
come to is still due, and the next one goes on there.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from policies.findings import Findings, KhoError, reason_of, spoken
from policies.phrases import phrase
from repository.archive import Archive
from repository.catalog.evidence import BatchRow
from repository.evidence.asking import Asking
from repository.evidence.batch import Batch, Mark, next_tree, slot_of
from repository.evidence.judge import algorithms_in
from repository.evidence.keeping import load, newest_token, row_of
from repository.evidence.making import begin_tree
from repository.evidence.news import trust_today
from repository.evidence.pending import pend, pending
from repository.evidence.planning import HASH_TREE, LEFT_OUT, MISSING, TIME_STAMP, Due, plan, successor
from repository.evidence.rehashing import (
    Lacking,
    Rehashing,
    in_vain_lately,
    note_in_vain,
    note_lacking,
    note_left,
    still_lacking,
    waits,
    worth_trying,
)
from repository.evidence.roots import roots_of
from repository.evidence.states import first_end
from repository.progress import Progress
from repository.settings.authorities import under_roots_of
from signatures.errors import NotStamped
from signatures.evidence import Generation, Renewal, Tree, renewal_of, renewal_tree, renewal_values
from signatures.timestamps import Anchors, Authority, read_token
from signatures.timestamps.collect import revocations_for

__all__ = ["Renewing", "renew_due"]

_log = logging.getLogger("kho.evidence")

Authorities = Mapping[str, Sequence[Authority]]

_WITHOUT = 0.25
"""The part of the lead time that is left when a hash-tree renewal goes on without what cannot be read: time enough to be done by then."""

_LONGER = timedelta(days=1)
"""By how much a renewal must outlast what it renews, to be worth a request."""


@dataclass
class Renewing:
    """What was done: trees renewed by kind, requests to authorities, and what went wrong (findings)."""

    renewed: dict[str, int] = field(default_factory=lambda: {MISSING: 0, TIME_STAMP: 0, HASH_TREE: 0, LEFT_OUT: 0})
    tokens: int = 0
    findings: Findings = field(default_factory=Findings)


def renew_due(archive: Archive, authorities: Authorities, progress: Progress, *, patient: bool = False) -> Renewing:
    """Renew every tree that is due now, and leave the new versions pending. Batches that are pending already are passed over; and, when
    ``patient``, trees for which a token was given in vain less than a day ago, for tokens cost money and content takes hours to read."""
    now, done = archive.clock.now(), Renewing()
    algorithms = algorithms_in(archive.settings.home, archive.policy.evidence.algorithms)
    busy = {folder.stem for folder in pending(archive)}
    rows = {row.id: _told_again(archive, row) for row in archive.catalog.evidence.batches() if row.id not in busy}
    planned = plan(archive, list(rows.values()), algorithms, roots_of(archive), now)
    due = [each for each in planned if each.due is not None and each.due <= now]
    asking = Asking(archive, algorithms, now)
    work = _Work(archive, authorities, asking, done, rows, patient)
    work.restamp([each for each in due if each.kind == TIME_STAMP])
    together: dict[str, list[Due]] = defaultdict(list)
    for each in due:
        together[each.batch].append(each)
    for batch_id, several in together.items():
        with work.not_renewed(several[0]):
            work.apply(batch_id, several, progress)
    done.tokens = asking.granted
    return done


def _told_again(archive: Archive, row: BatchRow) -> BatchRow:
    """The row of a batch, with what an older Kho did not note of what was left out."""
    if not any((each.get("left_out") or any(each.get("left", ()))) and "apart" not in each for each in row.trees):
        return row
    try:
        row = row_of(load(archive, row), row.inventory_sha512, roots_of(archive))
    except (KhoError, OSError, ValueError, KeyError):
        return row  # a batch that cannot be read is the audit's to tell
    archive.catalog.evidence.put(row)
    return row


@dataclass
class _Work:
    """One round. Batches are held one at a time: a token is shared by all, the leaves of a million records need not be in memory."""

    archive: Archive
    authorities: Authorities
    asking: Asking
    done: Renewing
    rows: Mapping[str, BatchRow]
    patient: bool
    stamped: dict[tuple[str, str], tuple[Renewal, Mark]] = field(default_factory=dict)
    beside: dict[str, dict[str, bytes]] = field(default_factory=lambda: defaultdict(dict))
    _collected_of: dict[bytes, list[tuple[str, bytes]]] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return self.asking.now

    def apply(self, batch_id: str, due: Sequence[Due], progress: Progress) -> None:
        """Do everything that is due of one batch, and leave its next version pending."""
        wanted = [each for each in due if each.kind != TIME_STAMP or (batch_id, each.tree) in self.stamped]
        if not wanted:
            return
        if not (wanted := [each for each in wanted if self._worth(each)]):
            return
        batch, changed = load(self.archive, self.rows[batch_id]), list[str]()
        wanted = [self._fallen_back_on(batch, each) for each in wanted]
        told: dict[str, str] = {}
        for each in wanted:
            granted = self.asking.granted
            try:
                did = self._did(batch, each, progress)
            except NotStamped as error:
                did = self._failed(each, str(error.finding.args["reason"]))
                note_in_vain(self.archive, each.batch, each.instead or each.tree, failed=self.asking.granted > granted)
            if did:
                note_in_vain(self.archive, each.batch, each.instead or each.tree, failed=False)
                self.done.renewed[each.kind] += 1
                changed.append(f"{each.kind} of {each.tree}")
                if each.instead not in ("", each.tree):
                    told[each.tree] = f"begun anew; {each.instead}: {spoken(self._why(each), 'en')}"
                left = batch.lost(each.tree)
                if each.kind in (HASH_TREE, LEFT_OUT) and any(left):
                    told[each.tree] = f"files left out, by generation: {left}"
        if changed:
            pend(self.archive, batch, ", ".join(changed), beside=self.beside[batch_id], told=told)

    def _did(self, batch: Batch, due: Due, progress: Progress) -> bool:
        """Do one renewal; False when it waits. Raises NotStamped."""
        if due.kind == MISSING:
            return self._missing(batch, due, progress)
        if due.kind == LEFT_OUT:
            return self._left_out(batch, due, progress)
        if due.kind == HASH_TREE:
            return self._rebuild(batch, due, progress)
        batch.renewed(due.tree, *self.stamped[batch.id, due.tree])
        return True

    def _worth(self, due: Due) -> bool:
        """Whether there is any use in reading a batch: for what was left out of it, or once more after a token in vain."""
        if self.patient and due.kind != TIME_STAMP and in_vain_lately(self.archive, due.batch, due.instead or due.tree):
            return False
        return due.kind != LEFT_OUT or worth_trying(self.archive, due.batch, due.instead, due.hash)

    def _authorities(self, tree: str, due: Sequence[Due]) -> list[Authority]:
        """Those that the plan calls fit first, and of these those under other roots than the other trees; the rest is better than none."""
        used = {name for each in due for name in self._beside(each)}
        together = under_roots_of(used, (each for several in self.authorities.values() for each in several))
        fit = {name: rank for rank, names in enumerate((due[0].authorities, due[0].later)) for name in names}
        return sorted(
            self.authorities[slot_of(tree)], key=lambda each: (not each.evidence, fit.get(each.name, 2), together(each))
        )

    def _beside(self, due: Due) -> Iterator[str]:
        """The authorities that the other trees of a batch stand on, as this round has left them."""
        for facts in self.rows[due.batch].trees:
            if slot_of(facts["tree"]) != slot_of(due.tree):
                stamped = self.stamped.get((due.batch, facts["tree"]))
                yield stamped[1].authority if stamped else str(facts["authority"])

    def _outlast(self, due: Sequence[Due]) -> datetime:
        """A new token must last longer than what it renews, else it would be due again at once, and again; and as long as what is let go
        for it."""
        ends = [each.because.when + _LONGER for each in due if each.because is not None and each.because.when is not None]
        ends += [end for each in due if each.kind == LEFT_OUT and (end := self._end(each)) is not None]
        return max(ends)

    def _end(self, due: Due) -> datetime | None:
        """When the first of what a tree stands on now ends, as far as is known."""
        first = first_end(self._facts(due), self.asking.algorithms)
        return None if first is None else first.when

    def _facts(self, due: Due) -> Mapping[str, Any]:
        return next(each for each in self.rows[due.batch].trees if each["tree"] == due.tree)

    def _known(self, slot: str, name: str) -> Authority | None:
        """An authority that kho.toml still names for a tree."""
        return next((each for each in self.authorities[slot] if each.name == name), None)

    def _missing(self, batch: Batch, due: Due, progress: Progress) -> bool:
        """Begin a tree; or begin anew one whose stamps prove nothing any more: then only real authorities will do."""
        begun = due.tree in batch.trees or due.instead
        asked = {slot: [each for each in several if each.evidence or not begun] for slot, several in self.authorities.items()}
        lacking = begin_tree(self.asking, batch, due.tree, asked, progress)
        if due.left is not None and not due.fallen:
            args: dict[str, str | int] = {"count": due.left.count, "first": due.left.first, "reason": self._why(due)}
            self.done.findings.add("EVD-BEGUN-BESIDE", f"{due.batch}/{due.instead}", **args)
        elif due.instead:
            self.done.findings.add("EVD-BEGUN-AGAIN", f"{due.batch}/{due.instead}", reason=self._why(due))
        self._tell_left(batch, due.tree, lacking)
        return True

    def _why(self, due: Due) -> str:
        if due.left is None or due.fallen:
            return due.fallen
        until = due.left.because.when.date().isoformat() if due.left.because.when is not None else "-"
        return phrase("left-behind", count=due.left.count, until=until)

    def _tell_left(self, batch: Batch, tree: str, lacking: Sequence[Lacking]) -> None:
        for each in lacking:
            self.done.findings.add("EVD-NOT-READ-AGAIN", each.name, tree=tree, reason=each.why)
        note_left(self.archive, batch.id, tree, lacking)

    def _left_out(self, batch: Batch, due: Due, progress: Progress) -> bool:
        """Take in what a hash-tree renewal had to leave out: its generation is made again upon the one before, as long as that stands.
        Later a new lineage is begun, once some of it can be read again."""
        left, generations = due.left, batch.trees[due.instead].generations
        assert left is not None, "a renewal of what was left out names it"
        upon, known = generations[: left.generation], generations[left.generation]
        if left.late or due.fallen:
            again = Rehashing(self.archive, batch, due.instead, known.hash, progress, upon=upon, known=known)
            if again.nothing_back():
                note_left(self.archive, batch.id, due.instead, again.lacking)
                return False
            return self._missing(batch, due, progress)
        hash_name = self._hash_for_left([*upon, known])
        first = self._before_reading(due, hash_name)
        again = Rehashing(self.archive, batch, due.instead, known.hash, progress, upon=upon, known=known, first=first)
        tree = Tree(known.hash, again.leaves())
        note_left(self.archive, batch.id, due.instead, again.lacking)
        if not again.read:
            return False
        if hash_name != known.hash:
            again = Rehashing(self.archive, batch, due.tree, hash_name, progress, upon=upon)
            tree = Tree(hash_name, again.leaves())
        self._put(batch, due, tree, again, len(upon))
        return True

    def _fallen_back_on(self, batch: Batch, due: Due) -> Due:
        """The same, or a tree begun anew where the stamp that taking in would stand on is worth nothing any more, as far as can be known.
        It is not the newest of its tree, so that nobody has asked about it since."""
        if due.left is None or due.left.late:
            return due
        last = due.left.generation - 1
        token, slot = read_token(batch.trees[due.instead].generations[last].last), slot_of(due.tree)
        name = batch.marks[due.instead][last][-1].authority
        answer = trust_today(token, self._known(slot, name), roots_of(self.archive).get(name, Anchors())).of(token, self.now)
        if not answer.fallen:
            return due
        return replace(due, tree=next_tree(slot, batch.trees), fallen=answer.reason)

    def _hash_for_left(self, generations: Sequence[Generation]) -> str:
        """The newest generation's hash; or, where that was begun too long ago, one that lasts: all is read for it. Raises NotStamped."""
        own, needed = generations[-1].hash, self.now + self.archive.policy.evidence.lead
        end = self.asking.algorithms.hash_end(own).when
        if end is None or end > needed:
            return own
        return self._successor({"generations": [each.hash for each in generations]}, "", needed)

    def _successor(self, facts: Mapping[str, Any], other: str, needed: datetime) -> str:
        if found := successor(facts, other, self.asking.algorithms, needed):
            return found
        raise NotStamped(phrase("no-hash-left"))

    def _before_reading(self, due: Due, hash_name: str) -> Callable[[], None]:
        return self.asking.before_reading(self._authorities(due.tree, [due]), hash_name, self._outlast([due]))

    def _failed(self, due: Due, reason: str) -> bool:
        self.done.findings.add("EVD-NOT-RENEWED", f"{due.batch}/{due.instead or due.tree}", reason=reason)
        return False

    def _put(self, batch: Batch, due: Due, tree: Tree, again: Rehashing, after: int) -> None:
        """Have ``tree`` stamped as the generation after the first ``after`` of its lineage; what came after these is let go.
        Raises NotStamped."""
        got = self.asking.stamp(self._authorities(due.tree, [due]), tree.hash, tree.root, self._outlast([due]))
        batch.back_to(due.tree, after)
        mark = Mark(got.authority.name, got.authority.evidence)
        batch.rebuilt(due.tree, Generation(tree, got.token.encoded), again.digests, mark, again.lists)
        self._tell_left(batch, due.tree, again.lacking)

    def restamp(self, due: Sequence[Due]) -> None:
        """One token for all lineages of a tree that stand on the same hash."""
        together: dict[tuple[str, str], list[Due]] = defaultdict(list)
        for each in due:
            together[slot_of(each.tree), each.hash].append(each)
        for (slot, hash_name), several in together.items():
            self._restamp(slot, hash_name, several)

    def _restamp(self, slot: str, hash_name: str, due: Sequence[Due]) -> None:
        values, names, readable = [], [], []
        for each in due:
            with self.not_renewed(each):
                token, authority, place = newest_token(self.archive, self.rows[each.batch], each.tree)
                found = self._collected(slot, token, authority, place)
                self.beside[each.batch].update(found)
                names.append(tuple(found))
                values.append(renewal_values(hash_name, token, found.values()))
                readable.append(each)
        if not readable:
            return
        over = renewal_tree(hash_name, values)
        try:
            asked = self._authorities(slot, readable)
            got = self.asking.stamp(asked, hash_name, over.root, self._outlast(readable))
        except NotStamped as error:
            self.done.findings.add("EVD-NOT-RENEWED", slot, reason=str(error.finding.args["reason"]))
            _log.warning("%d trees of %s are not renewed: %s", len(readable), slot, error)
            return
        for index, each in enumerate(readable):
            renewal = renewal_of(over, index, values[index], got.token.encoded)
            self.stamped[each.batch, each.tree] = renewal, Mark(got.authority.name, got.authority.evidence, names[index])

    def _collected(self, slot: str, token: bytes, name: str, place: str) -> dict[str, bytes]:
        """Revocation data of a token's authority: file name → bytes. They are stamped together with the token."""
        authority, sound = self._known(slot, name), read_token(token)
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
            self.done.findings.add("EVD-NOT-RENEWED", f"{due.batch}/{due.tree}", reason=reason_of(error))

    def _rebuild(self, batch: Batch, due: Due, progress: Progress) -> bool:
        """A new generation of one tree, from content that is read and hashed again."""
        row = self.rows[batch.id]
        facts = self._facts(due)
        other = next((each["hash"] for each in reversed(row.trees) if slot_of(each["tree"]) != slot_of(due.tree)), "")
        hash_name = self._successor(facts, other, self.now + self.archive.policy.evidence.lead)
        until = self._waits_until(due)
        if until is not None and (still := still_lacking(self.archive, row.id, due.tree, hash_name)):
            return self._waits(due, still, until)
        upon = batch.trees[due.tree].generations
        first = self._before_reading(due, hash_name)
        again = Rehashing(self.archive, batch, due.tree, hash_name, progress, upon=upon, first=first)
        tree = Tree(hash_name, again.leaves())
        if until is not None and again.lacking:
            return self._waits(due, again.lacking, until)
        self._put(batch, due, tree, again, len(upon))
        note_lacking(self.archive, row.id, due.tree, ())
        return True

    def _waits_until(self, due: Due) -> datetime | None:
        """Until when a tree waits for files that cannot be read as they were: an audit may repair them, a tier come back. None once it must
        go on without them, so that the others' proof does not end, too."""
        end = due.because.when if due.because is not None else None
        until = None if end is None else end - self.archive.policy.evidence.lead * _WITHOUT
        return until if until is not None and self.now < until else None

    def _waits(self, due: Due, lacking: Sequence[Lacking], until: datetime) -> bool:
        """Nothing is stamped: what proves the batch now goes on proving it."""
        note_lacking(self.archive, due.batch, due.tree, lacking, until)
        self.done.findings.append(waits(lacking[0], due.tree, len(lacking), until))
        return False
