"""Judging what a verifier read, as EN 319 102-1 says: time-stamps from the latest inwards, then the signatures, with past validation.

One algorithm for every format, every time passed in. Two things that pyHanko's own past validation cannot do work here: a CA that has
expired since is no obstacle (what counts is the moment that is proven), and revocation data made after a certificate's end is not
taken for news of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import islice

from policies.findings import Finding
from policies.trust import Algorithms, End
from signatures.anchors import Anchors, Purpose
from signatures.certificates import LATEST, Certificate
from signatures.chains import Chain, Chains, intersection
from signatures.control_time import ALWAYS_ENDED, ControlTime, Slide
from signatures.embedded import judge_embedded, stamps_of
from signatures.evidence import EvidenceReport
from signatures.evidence_proof import stamp_trust
from signatures.heard import Heard
from signatures.mutual import depending
from signatures.odd import ODD, not_understood
from signatures.odd_account import one_account
from signatures.poe import Proof, Proofs, digest_of, skewed
from signatures.report import (
    Indication,
    Integrity,
    Role,
    SignatureReport,
    StampFacts,
    SubIndication,
    Verdict,
)
from signatures.signed import EmbeddedRecord, SignedFile, SignedObject, Stamp

__all__ = ["Context", "ValidationData", "heard_beside", "judge"]

MOST_KNOWN = 2000
"""Certificates of one file among which paths are built; real ones bring a few dozen."""


@dataclass(frozen=True)
class ValidationData:
    """Certificates and revocation data (DER) from beside the file, and since when they are proven to exist (None: they are here)."""

    certificates: tuple[Certificate, ...] = ()
    crls: tuple[bytes, ...] = ()
    ocsps: tuple[bytes, ...] = ()
    existed: Proof | None = None
    unread: tuple[bytes, ...] = ()
    """What was given for such, and is none that can be read."""

    def digests(self) -> Iterator[bytes]:
        yield from (each.sha256 for each in self.certificates)
        yield from (digest_of(each) for each in (*self.crls, *self.ocsps))


@dataclass(frozen=True)
class Context:
    """By what is judged: whom the operator trusts, until when algorithms hold, and the date as of which (aware)."""

    anchors: Anchors
    algorithms: Algorithms
    at: datetime


def heard_beside(anchors: Anchors, beside: Iterable[ValidationData]) -> Heard:
    """The revocation data that was put beside the anchors or collected beside a file, for signatures and evidence alike."""
    given = list(beside)
    lists = (*anchors.revocations, *(der for each in given for der in (*each.crls, *each.unread)))
    return Heard.of(lists, (der for each in given for der in each.ocsps))


def judge(
    file: SignedFile, context: Context, *, existed: Proof | None = None, beside: Sequence[ValidationData] = ()
) -> tuple[SignatureReport, ...]:
    """The report of every signature in ``file``, in its order. ``existed`` is a proof over the whole file (an evidence record's)."""
    try:
        with one_account():
            return depending(file.objects, _Judging(file, context, existed, beside).reports())
    except ODD as error:  # over what they share: what came along, or lies beside
        why = not_understood(error)
        return _Judging(SignedFile(tuple(_lost(each, why) for each in file.objects)), context, None, ()).reports()


def _lost(read: SignedObject, why: Finding) -> SignedObject:
    """One of which nothing is known, for nothing that it says of its signer is looked at."""
    unknown, lost = Integrity.UNKNOWN, SubIndication.GENERIC
    return replace(read, integrity=unknown, failure=lost, why=why, certificate=None, certificates=(), unless=lambda _: None)


@dataclass
class _Outcome:
    """How one signed object fared along one chain."""

    verdict: Verdict
    chain: Chain | None = None
    missing: list[Finding] = field(default_factory=list)
    notes: list[Finding] = field(default_factory=list)


class _Judging:
    def __init__(self, file: SignedFile, context: Context, existed: Proof | None, beside: Sequence[ValidationData]) -> None:
        self._file = file
        self._context = context
        self._at = context.at
        self._proofs = Proofs(context.at)
        if existed is not None:
            self._proofs.add(file.digests(), existed)
        for each in beside:
            if each.existed is not None:
                self._proofs.add(each.digests(), each.existed)
        # What lies beside comes first: a file that brings more than is looked at takes nothing away from what was collected.
        known = [*(c for each in beside for c in each.certificates), *file.certificates]
        known += [c for each in file.objects for c in each.certificates]
        known += [c for each in file.stamps for c in each.token.certificates]
        with one_account() as account:
            given = heard_beside(context.anchors, beside)
            lists, answers = ([der for der in row if digest_of(der) not in given.names] for row in (file.crls, file.ocsps))
            heard = given + Heard.of(lists, answers)
        crls = [each for each in heard.crls if each.made <= skewed(self._at)]
        ocsps = [each for each in heard.ocsps if each.made <= skewed(self._at)]
        known += [c for each in ocsps for c in each.certificates]
        self._beyond = (*file.beyond, *account.findings)
        self._chains = Chains(context.anchors, islice(dict.fromkeys(known), MOST_KNOWN))
        self._control = ControlTime(
            self._chains, replace(heard, crls=tuple(crls), ocsps=tuple(ocsps)), self._proofs, context.algorithms
        )
        self._stamps: dict[bytes, _Outcome] = {}
        self._evidence_trust = stamp_trust(context.anchors, heard, known=(c for each in beside for c in each.certificates))
        self._evidence: dict[bytes, tuple[_Outcome, EvidenceReport]] = {}

    def reports(self) -> tuple[SignatureReport, ...]:
        for stamp in self._latest_first():
            if isinstance(stamp, EmbeddedRecord):
                self._judge_evidence(stamp)
                continue
            outcome = self._judged(stamp.token, Purpose.TIMESTAMP)
            self._stamps[stamp.sha256] = outcome
            if outcome.verdict.passed and stamp.kind != "content":
                proof = Proof(stamp.time, "time-stamp")
                self._proofs.add(stamp.covers, proof)
                for name, digests in stamp.listed:
                    self._proofs.add_listed(digests, proof, self._context.algorithms.hash_end(name).when)
        return tuple(map(self._told, self._file.objects))

    def _told(self, read: SignedObject) -> SignatureReport:
        try:
            return self._report(read)
        except ODD as error:  # over what its certificate says
            return self._report(_lost(read, not_understood(error)))

    def _latest_first(self) -> list[Stamp | EmbeddedRecord]:
        """Stamps and records known at the date, from the outermost inwards: an outer one proves the inner ones (5.6.3.4)."""
        known: list[tuple[datetime, int, Stamp | EmbeddedRecord]] = []
        known += [(each.time, number, each) for number, each in enumerate(self._file.stamps) if each.time <= skewed(self._at)]
        known += [(each.newest or self._at, len(known) + number, each) for number, each in enumerate(self._file.records)]
        return [each for _, _, each in sorted(known, key=lambda each: each[:2], reverse=True)]

    def _judge_evidence(self, record: EmbeddedRecord) -> None:
        proven = self._proofs.of(digest_of(record.encoded)).time
        verdict, report = judge_embedded(
            record, at=self._at, proven=proven, trust=self._evidence_trust, algorithms=self._context.algorithms
        )
        self._evidence[digest_of(record.encoded)] = _Outcome(verdict), report
        if verdict.passed and report.proved is not None:
            self._proofs.add(record.covers, Proof(report.proved, "evidence"))

    # -- one signed object ------------------------------------------------------------------------------------------------

    def _judged(self, read: SignedObject, purpose: Purpose) -> _Outcome:
        try:
            outcome = self._looked(read, purpose)
        except ODD as error:  # one odd certificate or list takes nothing from the other signatures
            return _Outcome(Verdict(SubIndication.GENERIC, not_understood(error)))
        beyond = (*self._beyond, *((Finding("SIG-PATHS-MANY"),) if self._chains.exhausted else ()))
        if beyond and outcome.verdict.indication is not Indication.TOTAL_FAILED:
            return _Outcome(Verdict(SubIndication.GENERIC, beyond[0]), outcome.chain, outcome.missing, outcome.notes)
        return outcome

    def _looked(self, read: SignedObject, purpose: Purpose) -> _Outcome:
        chains = self._chains.of(read.certificate, purpose) if read.certificate else []
        if read.failure is not None:
            return _Outcome(Verdict(read.failure, read.why), chains[0] if chains else None)
        certificate = read.certificate
        assert certificate is not None, "an intact object has a signer"
        if purpose is Purpose.TIMESTAMP and not certificate.may_stamp:
            return _said(SubIndication.CHAIN_CONSTRAINTS_FAILURE, "SIG-NOT-A-STAMPER", certificate)
        if purpose is Purpose.SIGNATURE and not certificate.may_sign:
            return _said(SubIndication.CHAIN_CONSTRAINTS_FAILURE, "SIG-NOT-A-SIGNER", certificate)
        if not chains:
            top = self._chains.missing_issuer(certificate)
            outcome = _said(SubIndication.NO_CERTIFICATE_CHAIN_FOUND, "SIG-NO-CHAIN", certificate)
            code = "SIG-ROOT-UNTRUSTED" if top.self_issued else "SIG-MISSING-ISSUER"
            outcome.missing.append(Finding(code, "", {"certificate": top.name, "issuer": top.facts.issuer}))
            return outcome
        outcomes: list[_Outcome] = []
        for chain in chains:
            outcome = self._along(chain, read, purpose)
            if outcome.verdict.passed:
                return outcome
            outcomes.append(outcome)
        return outcomes[0]

    def _along(self, chain: Chain, read: SignedObject, purpose: Purpose) -> _Outcome:
        proven = self._proofs.of(digest_of(read.value)).time
        verdict = self._reliable(read, proven) or self._anchored(chain, read, purpose, proven)
        if verdict is not None:
            return _Outcome(verdict, chain)
        if not chain.certificates:
            return _Outcome(Verdict(), chain)
        leaf = chain.certificates[0]
        window = intersection(chain)
        if window is None:
            return _said(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, "SIG-CHAIN-NEVER", leaf, chain)
        if problem := self._chains.problem(chain, min(window[1], LATEST)):
            return _said(SubIndication.CHAIN_CONSTRAINTS_FAILURE, "SIG-CHAIN-INVALID", leaf, chain, reason=problem)
        slide = self._control.over(chain, signer=purpose is Purpose.SIGNATURE)
        verdict = self._placed(slide, proven, window, leaf, read)
        return _Outcome(verdict, chain, slide.missing, slide.notes)

    def _reliable(self, read: SignedObject, proven: datetime) -> Verdict | None:
        """The algorithms of the object itself, at the time that is proven (5.2.8). All of them are looked at, and the first to have
        ended is told."""
        algorithms = self._context.algorithms
        bits = read.certificate.key_bits if read.certificate else 0
        ends = [algorithms.signature_end(read.scheme, bits), algorithms.hash_end(read.signature_algorithm.rpartition("-")[2])]
        ends += [algorithms.hash_end(read.digest_algorithm)] if read.digest_algorithm else []
        return _ended(ends, proven)

    def _anchored(self, chain: Chain, read: SignedObject, purpose: Purpose, proven: datetime) -> Verdict | None:
        anchor = chain.anchor
        said = read.claimed if purpose is Purpose.TIMESTAMP else None
        if self._context.anchors.vouches(anchor, purpose, proven, said=said):
            return None
        late = proven >= anchor.until and not anchor.never
        sub = SubIndication.NO_CERTIFICATE_CHAIN_FOUND_NO_POE if late else SubIndication.NO_CERTIFICATE_CHAIN_FOUND
        period = {"since": anchor.since.date().isoformat(), "until": anchor.until.date().isoformat()}
        code = "SIG-ANCHOR-NEVER" if anchor.never else "SIG-ANCHOR-PERIOD"
        return Verdict(sub, Finding(code, "", {"anchor": anchor.certificate.name, **period}))

    def _placed(
        self, slide: Slide, proven: datetime, window: tuple[datetime, datetime], leaf: Certificate, read: SignedObject
    ) -> Verdict:
        """Where the proven time lies: before what ended the trust in the chain, and inside its validity (5.6.2.4)."""
        if proven < window[0]:
            return Verdict(SubIndication.NOT_YET_VALID, _outside("SIG-NOT-YET-VALID", leaf, window[0]))
        late = proven > slide.control
        if late and slide.because is SubIndication.REVOKED_NO_POE and self._made_after(read, slide.control):
            return Verdict(SubIndication.REVOKED, slide.why)
        if late and slide.because not in (SubIndication.NO_POE, None):
            return Verdict(slide.because, slide.why)
        if slide.stop is not None and slide.stop.sub not in (SubIndication.NO_POE, SubIndication.TRY_LATER):
            return slide.stop
        if proven > window[1]:
            return Verdict(SubIndication.OUT_OF_BOUNDS_NO_POE, _outside("SIG-OUT-OF-BOUNDS", leaf, window[1]))
        if slide.stop is not None:
            stale = slide.stop.sub is SubIndication.NO_POE and slide.because is SubIndication.NO_POE
            # Old news of a certificate that is still valid, and nothing proven earlier: newer news can be had.
            return Verdict(SubIndication.TRY_LATER, slide.why) if stale and proven == self._at else slide.stop
        if late:
            slide.missing += [slide.why] if slide.why else []
            return Verdict(SubIndication.TRY_LATER if proven == self._at else SubIndication.NO_POE, slide.why)
        return Verdict()

    def _made_after(self, read: SignedObject, moment: datetime) -> bool:
        """Whether a content time-stamp proves that the signature was made after ``moment``."""
        for stamp in self._file.stamps:
            outcome = self._stamps.get(stamp.sha256)
            if stamp.kind == "content" and stamp.of == read.value and outcome and outcome.verdict.passed and stamp.time > moment:
                return True
        return False

    # -- reports --------------------------------------------------------------------------------------------------------------

    def _report(self, read: SignedObject) -> SignatureReport:
        told = self._evidence.get(digest_of(read.value)) if read.role is Role.EVIDENCE else None
        purpose = Purpose.TIMESTAMP if read.role is Role.TIMESTAMP else Purpose.SIGNATURE
        outcome = told[0] if told else self._judged(read, purpose)
        proof = self._proofs.of(digest_of(read.value))
        chain = outcome.chain.whole if outcome.chain else (read.certificate,) if read.certificate else ()
        return SignatureReport(
            kind=read.kind,
            role=read.role,
            name=read.name,
            level=read.level,
            verdict=outcome.verdict,
            integrity=read.integrity,
            at=self._at,
            coverage=read.coverage,
            signer=read.certificate.facts if read.certificate else None,
            chain=tuple(each.facts for each in chain if each is not None),
            anchor=outcome.chain.anchor.certificate.facts if outcome.chain else None,
            claimed=read.claimed,
            proven=proof.time if read.integrity is Integrity.INTACT else None,
            proven_by=proof.by,
            reason=read.reason,
            location=read.location,
            digest_algorithm=read.digest_algorithm,
            signature_algorithm=read.signature_algorithm,
            key_bits=read.certificate.key_bits if read.certificate else 0,
            stamps=tuple(stamps_of(told[1]) if told else self._stamp_facts(read)),
            missing=tuple(dict.fromkeys(outcome.missing)),
            notes=tuple(
                dict.fromkeys(
                    (*read.notes, *outcome.notes, *map(_oddity, (each for each in chain if each is not None and each.odd)))
                )
            ),
            algorithms=f"{self._context.algorithms.version} {self._context.algorithms.digest[:12]}",
            value_sha256=digest_of(read.value).hex() if read.value else "",
        )

    def _stamp_facts(self, read: SignedObject) -> Iterator[StampFacts]:
        name = digest_of(read.value)
        for stamp in self._file.stamps:
            if stamp.token is read or not (stamp.of == read.value or name in stamp.covers) or not read.value:
                continue
            outcome = self._stamps.get(stamp.sha256)
            future = Verdict(SubIndication.NO_POE, Finding("SIG-STAMP-LATER", "", {"time": stamp.time.isoformat()}))
            yield StampFacts(
                kind=stamp.kind,
                time=stamp.time,
                verdict=outcome.verdict if outcome else future,
                authority=stamp.token.certificate.facts if stamp.token.certificate else None,
                digest=stamp.token.digest_algorithm,
                sha256=stamp.sha256.hex(),
            )


def _ended(ends: Iterable[End], proven: datetime) -> Verdict | None:
    for end in sorted((e for e in ends if e.when is not None), key=lambda e: e.when or proven):
        if end.when is not None and end.when < ALWAYS_ENDED:
            refused = Finding("SIG-ALGORITHM-REFUSED", "", {"algorithm": end.name, "certificate": ""})
            return Verdict(SubIndication.CRYPTO_CONSTRAINTS_FAILURE, refused)
        if end.when is not None and proven >= end.when:
            why = Finding("SIG-ALGORITHM-ENDED", "", {"algorithm": end.name, "until": end.when.date().isoformat()})
            return Verdict(SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, why)
    return None


def _said(sub: SubIndication, code: str, certificate: Certificate, chain: Chain | None = None, **args: str | int) -> _Outcome:
    return _Outcome(Verdict(sub, Finding(code, "", {"certificate": certificate.name, **args})), chain)


def _oddity(certificate: Certificate) -> Finding:
    """What is noted of a certificate that was read though it is not written as the standard has it."""
    return Finding("SIG-CERTIFICATE-ODD", "", {"certificate": certificate.name, "found": ", ".join(certificate.odd)})


def _outside(code: str, leaf: Certificate, edge: datetime) -> Finding:
    return Finding(code, "", {"certificate": leaf.name, "edge": edge.date().isoformat()})
