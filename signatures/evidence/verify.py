"""Verifying an evidence record (RFC 4998, RFC 6283): what it proves of which objects since when, and if not, where and why not.

Two questions are answered apart. *Integrity* needs nothing but the record and the objects: hashes, renewals, signatures. *Trust* needs
anchors and dates: each token must be believed, and its algorithms usable, until its successor was made, the last one until ``at``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import NamedTuple

from formats.xml import NotLookedAt
from policies.findings import Findings
from policies.phrases import phrase
from policies.trust import Algorithms, End, earliest
from signatures.algorithms import SIZES
from signatures.errors import InvalidRecord, InvalidToken
from signatures.evidence.reading import read_record
from signatures.evidence.record import ArchiveTimestamp, EvidenceRecord, Needed, Needs, place
from signatures.evidence.tree import climb
from signatures.timestamps.issuing import DEMO_NAME
from signatures.timestamps.token import Token, known_token
from signatures.timestamps.trust import Answer, Believed, Trust, path_ends

__all__ = ["DataObject", "EvidenceReport", "Stamp", "ends_of", "trusted", "verify_record"]

Digests = Mapping[str, bytes]
"""Digests of one object by algorithm; one that cannot be had raises KeyError."""


class Form(NamedTuple):
    """One digest under which an object may stand in a record. ``canonical`` is the method when it is that of its canonical form,
    ``quirk`` the habit when the standard would have another one."""

    digest: bytes
    quirk: str = ""
    canonical: str = ""


@dataclass(frozen=True, slots=True)
class DataObject:
    """One object whose existence is to be proved, by its digests.

    ``canonical`` gives the digests of its canonical form by a method (None: it is no XML); RFC 6283 §3.1.1 hashes that form of XML.
    ``others`` are digests of other encodings of it that producers hash, by the habit's name. ``since`` is the chain (from 0) that it came
    in with: a list of digests that a hash-tree renewal made of the content that it read again.
    """

    name: str
    digests: Digests
    canonical: Callable[[str], Digests | None] | None = None
    others: Mapping[str, Digests] = field(default_factory=dict)
    since: int = 0

    def lacks(self, hash_name: str) -> bool:
        """Whether no digest in this algorithm can be had."""
        return not _one(self.digests, hash_name)

    def unlooked(self, canonical: str) -> str:
        """Why its canonical form could not be had; "" when it could, or there is none."""
        try:
            _ = self.canonical(canonical) if canonical and self.canonical is not None else None
        except NotLookedAt as error:
            return error.reason
        return ""

    def forms(self, hash_name: str, canonical: str) -> Iterator[Form]:
        """What to look for in a list of values in ``hash_name``, the standard's own form first."""
        try:
            found = self.canonical(canonical) if canonical and self.canonical is not None else None
        except NotLookedAt:
            found = None  # `unlooked` says so
        if found is not None:
            yield from (Form(each, canonical=canonical) for each in _one(found, hash_name))
        quirk = phrase("evd-habit-as-is") if found is not None else ""
        yield from (Form(each, quirk) for each in _one(self.digests, hash_name))
        for name, digests in self.others.items():
            yield from (Form(each, name) for each in _one(digests, hash_name))


def _way(forms: Iterable[Form], needs: Needs, first: frozenset[bytes]) -> tuple[Needed, Form] | None:
    """By which form, and which reading of the standard, an object stands in a first list."""
    for form in forms:
        for needed in needs(form.digest):
            if needed.values <= first:
                return needed, form
    return None


def _one(digests: Digests, hash_name: str) -> tuple[bytes, ...]:
    try:
        return (digests[hash_name],)
    except KeyError:
        return ()


class Stamp(NamedTuple):
    """One time-stamp of a record as it was found. ``kind`` is "initial", "time-stamp renewal" or "hash-tree renewal"."""

    chain: int
    number: int
    kind: str
    token: Token
    hash: str
    answer: Answer | None = None
    ends: tuple[End, ...] = ()


@dataclass(slots=True)
class EvidenceReport:
    """What was found. ``proved`` is when the objects are shown to have existed (None: not shown); ``trust`` whether the authorities
    were held against anchors."""

    findings: Findings = field(default_factory=Findings)
    stamps: list[Stamp] = field(default_factory=list)
    covered: list[str] = field(default_factory=list)
    missing: list[str] = field(default_factory=list)
    quirks: list[str] = field(default_factory=list)
    trust: Believed = Believed.UNASKED
    record: EvidenceRecord | None = None

    @property
    def valid(self) -> bool:
        return self.findings.ok and bool(self.covered) and bool(self.stamps)

    @property
    def proved(self) -> datetime | None:
        return self.stamps[0].token.time if self.valid else None


Reader = Callable[[bytes], Token]
"""Reads a token: `known_token`, or another that does the same."""


def verify_record(
    data: bytes,
    objects: Sequence[DataObject],
    *,
    at: datetime | None = None,
    trust: Trust | None = None,
    algorithms: Algorithms | None = None,
    whole_group: bool = False,
    read: Reader = known_token,
) -> EvidenceReport:
    """Verify a record over ``objects``.

    ``at`` is the moment as of which trust and algorithms are judged; without it only integrity is looked at. ``whole_group`` asks for
    an additional proof: that the first list holds the given objects and no others (RFC 4998 §4.3, last paragraph).
    """
    report = EvidenceReport()
    try:
        report.record = read_record(data)
    except InvalidRecord as error:
        report.findings.append(error.finding)
        return report
    check = _Check(report, report.record, objects, read)
    if not objects:
        report.findings.add("EVD-NO-DATA")
    if check.read_tokens():
        check.chains()
        if whole_group and objects:
            check.whole_group()
    if at is not None:
        _judge(report, at, trust, algorithms)
    elif report.stamps:
        report.findings.add("EVD-TRUST-NOT-CHECKED")
    if report.record.encrypted:
        report.findings.add("EVD-ENCRYPTED")
    return report


class _Check:
    """Integrity. Problems are findings whose path is the place."""

    def __init__(self, report: EvidenceReport, record: EvidenceRecord, objects: Sequence[DataObject], read: Reader) -> None:
        self._report, self._record, self._objects, self._read = report, record, objects, read
        self._later = [each for each in objects if each.since]
        self._tokens: list[list[Token]] = []

    def _add(self, code: str, where: str, **args: str | int) -> None:
        self._report.findings.add(code, where, **args)

    def _quirk(self, name: str, where: str) -> None:
        told = f"{where}: {name}"
        if told not in self._report.quirks:
            self._add("EVD-QUIRK", where, quirk=name)
            self._report.quirks.append(told)

    def read_tokens(self) -> bool:
        """Every token sound, in the order of time, and of its chain's algorithm. False when nothing further can be said."""
        sound, before = True, None
        hashes = self._record.hashes
        if len(hashes) > 1 and len(set(hashes)) < len(hashes):
            self._quirk(phrase("evd-habit-twice"), "digestAlgorithms")
        for number, chain in enumerate(self._record.chains):
            tokens: list[Token] = []
            for index, stamp in enumerate(chain.stamps):
                where = place(number, index)
                try:
                    token = self._read(stamp.token)
                except InvalidToken as error:
                    if error.beyond:
                        self._add("EVD-BEYOND", where, reason=error.reason, offset=0)
                    else:
                        self._add("EVD-TOKEN", where, reason=error.reason)
                    sound = False
                    continue
                if before is not None and token.time < before:
                    self._add("EVD-TIME-ORDER", where, time=token.time.isoformat(), before=before.isoformat())
                before = token.time
                tokens.append(token)
                if DEMO_NAME in token.authority:
                    self._add("EVD-DEMO", where)
                if not token.strict:
                    self._quirk(phrase("evd-habit-ber"), where)
                kind = "time-stamp renewal" if index else "hash-tree renewal" if number else "initial"
                self._report.stamps.append(Stamp(number, index, kind, token, token.imprint_hash))
            self._tokens.append(tokens)
        return sound

    def chains(self) -> None:
        covered = {each.name: True for each in self._objects}
        for number, chain in enumerate(self._record.chains):
            name = self._algorithm(number)
            for index, stamp in enumerate(chain.stamps):
                where = place(number, index)
                if not self._lengths(stamp, name, where):
                    covered = dict.fromkeys(covered, False)
                    continue
                if index:
                    self._renewed(number, index, stamp, name)
                else:
                    self._hashes_objects(number, stamp, name, covered)
                self._imprint(stamp, self._tokens[number][index], name, where)
        for each in self._later:
            there = each.since < len(self._record.chains)
            self._add("EVD-LATER" if there else "EVD-NOT-COVERED", place(each.since, 0), object=each.name)
            covered[each.name] &= there
        self._report.covered = [name for name, found in covered.items() if found]
        self._report.missing = [name for name, found in covered.items() if not found]

    def _algorithm(self, number: int) -> str:
        """The hash algorithm of a chain: one for all its stamps (RFC 4998 §5.1), which the record must announce."""
        name = self._tokens[number][0].imprint_hash
        for index, stamp in enumerate(self._record.chains[number].stamps):
            imprint = self._tokens[number][index].imprint_hash
            if stamp.declared not in ("", imprint) or imprint != name:
                self._add("EVD-ALGORITHM", place(number, index), declared=stamp.declared or name, token=imprint)
        if name not in self._record.hashes:
            self._add("EVD-ALGORITHM-UNLISTED", place(number, 0), algorithm=name)
        return name

    def _lengths(self, stamp: ArchiveTimestamp, name: str, where: str) -> bool:
        """Values of another length would let one list be read as another."""
        if {len(value) for group in stamp.groups or () for value in group} <= {SIZES[name]}:
            return True
        self._add("EVD-HASH-LENGTH", f"{where}/reducedHashtree", algorithm=name)
        return False

    def _hashes_objects(self, number: int, stamp: ArchiveTimestamp, name: str, covered: dict[str, bool]) -> None:
        """Every object's value must stand in the first list, or be the imprint. Marks those that do not."""
        where = place(number, 0, "reducedHashtree[1]" if stamp.groups else "timeStamp")
        first = frozenset(stamp.groups[0] if stamp.groups else (self._tokens[number][0].imprint,))
        needs, canonical = self._record.first_list(number, name), self._record.canonical(number)
        plain = not number and not canonical  # the digest itself, which most objects of most records stand for
        for each in self._objects if not self._later else [each for each in self._objects if each.since <= number]:
            if plain and each.digests.get(name) in first:
                continue
            if each.lacks(name):
                self._add("EVD-NO-DIGEST", where, object=each.name, algorithm=name)
                covered[each.name] = False
                continue
            found = _way(each.forms(name, canonical), needs, first)
            if found is None:
                if reason := each.unlooked(canonical):
                    self._add("EVD-NOT-LOOKED", where, object=each.name, reason=reason)
                else:
                    self._add("EVD-NOT-COVERED", where, object=each.name)
                covered[each.name] = False
            else:
                self._told(found[0].quirk, found[1], each.name, where)

    def _told(self, quirk: str, form: Form, name: str, where: str) -> None:
        for each in (quirk, form.quirk):
            if each:
                self._quirk(each, where)
        if form.canonical:
            self._add("EVD-CANONICAL", where, object=name, method=form.canonical)

    def _renewed(self, number: int, index: int, stamp: ArchiveTimestamp, name: str) -> None:
        """The time-stamp before must be among what this one stamps (RFC 4998 §5.2, time-stamp renewal)."""
        where = place(number, index, "reducedHashtree[1]" if stamp.groups else "timeStamp")
        first = stamp.groups[0] if stamp.groups else (self._tokens[number][index].imprint,)
        if self._record.renewed(number, index - 1, name) not in first:
            self._add("EVD-RENEWAL", where, stamp=index)

    def _imprint(self, stamp: ArchiveTimestamp, token: Token, name: str, where: str) -> None:
        """The reduced tree must lead to what the token stamps, by the rule or by a habit that is then named."""
        if stamp.groups is None or token.imprint_hash != name:
            return
        for twice, listed in ((False, False), (False, True), (True, False), (True, True)):
            if climb(name, stamp.groups, twice=twice, listed=listed) == token.imprint:
                if twice:
                    self._quirk(phrase("evd-habit-again"), where)
                if listed:
                    self._quirk(phrase("evd-habit-before"), where)
                return
        self._add("EVD-IMPRINT", where)

    def whole_group(self) -> None:
        stamp = self._record.chains[0].stamps[0]
        token = self._tokens[0][0]
        first = set(stamp.groups[0]) if stamp.groups else {token.imprint}
        needs, canonical = self._record.first_list(0, token.imprint_hash), self._record.canonical(0)
        given: set[bytes] = set()
        for each in self._objects:
            for form in () if each.since else each.forms(token.imprint_hash, canonical):
                given.update(*(needed.values for needed in needs(form.digest)))
        if first - given:
            self._add("EVD-GROUP", place(0, 0, "reducedHashtree[1]"), others=len(first - given))


def trusted(report: EvidenceReport, at: datetime, trust: Trust | None, algorithms: Algorithms | None) -> EvidenceReport:
    """The same report with trust and algorithms judged as of ``at``; what integrity said stays, and nothing is hashed again."""
    judged = replace(report, findings=Findings(), stamps=list(report.stamps))
    for each in report.findings:
        if each.code != "EVD-TRUST-NOT-CHECKED":
            judged.findings.append(each)
    _judge(judged, at, trust, algorithms)
    return judged


def ends_of(token: Token, hash_name: str, algorithms: Algorithms, answer: Answer | None = None) -> tuple[End, ...]:
    """All that ends of what a stamp stands on: its certificate, hash algorithms, signature scheme; and, where the ``answer`` tells the
    path, the earliest end of it and what its certificates are signed with."""
    certificate = (answer.ends if answer else None) or token.certificate.not_valid_after_utc
    return (
        End("certificate", token.authority, certificate),
        algorithms.hash_end(hash_name),
        algorithms.hash_end(token.scheme.hash),
        algorithms.signature_end(token.scheme.name, token.key_bits),
        *(path_ends(answer.path, algorithms) if answer else ()),
    )


def _judge(report: EvidenceReport, at: datetime, trust: Trust | None, algorithms: Algorithms | None) -> None:
    """Each token as of when the next one was made; hash trees as of when the next chain began."""
    stamps = report.stamps
    for index, stamp in enumerate(stamps):
        where = place(stamp.chain, stamp.number)
        until = stamps[index + 1].token.time if index + 1 < len(stamps) else at
        answer = trust.of(stamp.token, until, algorithms) if trust is not None else Answer(Believed.UNASKED)
        if answer.believed is Believed.UNASKED and until > stamp.token.certificate.not_valid_after_utc:
            ended = _day(stamp.token.certificate.not_valid_after_utc)
            answer = Answer(Believed.NO, phrase("trp-own-ended", until=ended))
        if answer.believed is Believed.NO:
            report.findings.add("EVD-NOT-TRUSTED", where, reason=answer.reason, at=_day(until))
        ends: tuple[End, ...] = ()
        if algorithms is not None:
            ends = ends_of(stamp.token, stamp.hash, algorithms, answer)
            next_chain = (each.token.time for each in stamps if each.chain > stamp.chain)
            tree_until = next(next_chain, at)
            _ended(report, where, [ends[1]], tree_until)
            _ended(report, where, ends[2:], until)
        stamps[index] = Stamp(stamp.chain, stamp.number, stamp.kind, stamp.token, stamp.hash, answer, ends)
    if trust is None:
        report.findings.add("EVD-TRUST-NOT-CHECKED")
        return
    good = all(each.answer is not None and each.answer.believed is Believed.YES for each in stamps)
    report.trust = Believed.YES if good and stamps else Believed.NO


def _ended(report: EvidenceReport, where: str, ends: Iterable[End], until: datetime) -> None:
    first = earliest(ends)
    if first is not None and first.when is not None and first.when < until:
        report.findings.add("EVD-ALGORITHM-ENDED", where, algorithm=first.name, ended=_day(first.when), at=_day(until))


def _day(moment: datetime) -> str:
    return moment.date().isoformat()
