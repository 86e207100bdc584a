"""Renewing what is due: one new token for all trees of one hash algorithm; or, where the hash itself ends, trees built anew from content
that is read and hashed again.

A failed authority leaves the old evidence as it was. A batch is renewed when its next version is pending; what a killed process did not
come to is still due, and the next one goes on there.
"""

from __future__ import annotations

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
from repository.evidence.keeping import load, newest_token
from repository.evidence.making import stamp_tree
from repository.evidence.pending import pend, pending
from repository.evidence.planning import HASH_TREE, MISSING, TIME_STAMP, Due, plan, successor
from repository.evidence.rehashing import Lacking, Rehashing, note_lacking, still_lacking, waits
from repository.evidence.roots import keep_roots, roots_of
from repository.progress import Progress
from repository.settings.authorities import under_roots_of
from signatures.errors import NotStamped
from signatures.evidence import Generation, Renewal, Tree, ends_of, renewal_of, renewal_tree, renewal_values
from signatures.timestamps import Answer, Authority, Token, read_token, stamp
from signatures.timestamps.authority import Lasting, Stamped
from signatures.timestamps.collect import news_of, revocations_for

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

    renewed: dict[str, int] = field(default_factory=lambda: {MISSING: 0, TIME_STAMP: 0, HASH_TREE: 0})
    tokens: int = 0
    findings: Findings = field(default_factory=Findings)


def renew_due(archive: Archive, authorities: Authorities, progress: Progress) -> Renewing:
    """Renew every tree that is due now, and leave the new versions pending. Batches that are pending already are passed over."""
    now, done = archive.clock.now(), Renewing()
    algorithms = algorithms_in(archive.settings.home, archive.policy.evidence.algorithms)
    busy = {folder.stem for folder in pending(archive)}
    rows = {row.id: row for row in archive.catalog.evidence.batches() if row.id not in busy}
    planned = plan(archive, list(rows.values()), algorithms, roots_of(archive), now)
    due = [each for each in planned if each.due is not None and each.due <= now]
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
        fit = {name: rank for rank, names in enumerate((due[0].authorities, due[0].later)) for name in names}
        return sorted(self.authorities[tree], key=lambda each: (not each.evidence, fit.get(each.name, 2), together(each)))

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
            first = earliest(ends_of(token, hash_name, self.algorithms, answer))
            if first is None or first.when is None or first.when >= before + _LONGER:
                return ""
            return phrase("tsp-no-longer", until=first.when.date().isoformat(), name=first.name)

        return judged

    def _stamped(self, asked: Sequence[Authority], hash_name: str, root: bytes, due: Sequence[Due]) -> Stamped:
        got = stamp(asked, hash_name, root, now=self.now, lasting=self._lasting(due, hash_name), news=news_of)
        keep_roots(self.archive, {got.authority.name})
        return got

    def _missing(self, batch: Batch, due: Due) -> bool:
        """Begin a tree; or begin again one whose stamps prove nothing: then only real authorities will do."""
        begun = due.tree in batch.trees
        asked = {tree: [each for each in several if each.evidence or not begun] for tree, several in self.authorities.items()}
        try:
            stamp_tree(self.archive, batch, due.tree, asked)
        except NotStamped as error:
            self.done.findings.add("EVD-NOT-RENEWED", f"{due.batch}/{due.tree}", reason=str(error.finding.args["reason"]))
            return False
        if due.fallen:
            self.done.findings.add("EVD-BEGUN-AGAIN", f"{due.batch}/{due.tree}", reason=due.fallen)
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
            got = self._stamped(asked, hash_name, over.root, readable)
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
        until = self._waits_until(due)
        if until is not None and (still := still_lacking(self.archive, row.id, due.tree, hash_name)):
            return self._waits(due, still, until)
        again = Rehashing(self.archive, batch, due.tree, hash_name, progress)
        tree = Tree(hash_name, again.leaves())
        if until is not None and again.lacking:
            return self._waits(due, again.lacking, until)
        try:
            asked = self._authorities(due.tree, [due])
            got = self._stamped(asked, hash_name, tree.root, [due])
        except NotStamped as error:
            self.done.findings.add("EVD-NOT-RENEWED", f"{row.id}/{due.tree}", reason=str(error.finding.args["reason"]))
            return False
        self.done.tokens += 1
        mark = Mark(got.authority.name, got.authority.evidence)
        batch.rebuilt(due.tree, Generation(tree, got.token.encoded), again.digests, mark, again.lists)
        for each in again.lacking:
            self.done.findings.add("EVD-NOT-READ-AGAIN", each.name, tree=due.tree, reason=each.why)
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
