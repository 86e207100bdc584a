"""Until when the trust in a certification path stands: the control time of EN 319 102-1, 5.6.2.2, slid from the anchor down.

What moves it is news of each certificate: a revocation, the age of the news, the end of an algorithm. News counts only while whoever signed
it could be believed himself, which is the same question about his own path.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from policies.findings import Finding
from policies.trust import Algorithms
from signatures.alike import alike
from signatures.certificates import Certificate
from signatures.chains import Chain, Chains
from signatures.heard import Heard
from signatures.poe import Proofs, skewed
from signatures.report import SubIndication, Verdict
from signatures.revocation import Crl, Status, statuses

__all__ = ["ALWAYS_ENDED", "ControlTime", "Slide"]

ALWAYS_ENDED = datetime(1970, 1, 2, tzinfo=UTC)
"""An end before this is no end but a no: the algorithm is not in the list of those that may be relied on."""

NEVER = datetime.min.replace(tzinfo=UTC)

_NOT_KNOWN = frozenset(
    f"SIG-{each}" for each in ("REVOCATION-UNREAD", "REVOCATION-DOUBTED", "REVOCATION-OLD", "MISSING-REVOCATION")
)
"""Of whoever has one of these nobody knows whether he was revoked."""


@dataclass
class Slide:
    """The control time, and what last moved it."""

    control: datetime
    because: SubIndication | None = None
    why: Finding | None = None
    missing: list[Finding] = field(default_factory=list)
    stop: Verdict | None = None
    notes: list[Finding] = field(default_factory=list)

    def to(self, when: datetime, because: SubIndication, why: Finding) -> None:
        if when < self.control:
            self.control, self.because, self.why = when, because, why


class ControlTime:
    """Slides over paths, for one file as of one date. ``proofs`` may grow in between."""

    def __init__(self, chains: Chains, heard: Heard, proofs: Proofs, algorithms: Algorithms) -> None:
        self._chains = chains
        self._crls = _by_issuer(heard.crls)
        self._ocsps = heard.ocsps
        self._unheard = heard.unread
        self._proofs = proofs
        self._algorithms = algorithms
        self._carriers: dict[bytes, list[bytes]] = {}
        for response in heard.ocsps:
            for each in response.certificates:
                self._carriers.setdefault(each.sha256, []).append(response.sha256)
        self._statuses: dict[tuple[Certificate, Chain], list[Status]] = {}
        self._trusted: dict[tuple[Chain, int], datetime] = {}
        self._asked: set[Chain] = set()
        self._unknown: set[Chain] = set()

    def over(self, chain: Chain, *, unasked: Certificate | None = None, signer: bool = False) -> Slide:
        """The control time of ``chain``. ``unasked``: a certificate of it that needs no news. ``signer``: it is that of somebody who might
        disown what he signed: since when others knew his key is often his own word, so it is told, and the revocation counts."""
        slide = Slide(self._proofs.now)
        for certificate, issuer in chain.links():
            asked = not certificate.never_revoked and certificate != unasked
            status = self._over(certificate, issuer, slide, asked=asked)
            if slide.stop is None and status is not None and status.revoked is not None:
                _to_revocation(slide, status, certificate, leaf=certificate == chain.head, signer=signer)
            if slide.stop is not None:
                break
        return slide

    def _over(self, certificate: Certificate, issuer: Chain, slide: Slide, *, asked: bool) -> Status | None:
        """What is known of ``certificate``, once everything but a revocation has moved the slide."""
        name = certificate.name
        if self._proven(certificate) > slide.control:
            slide.stop = Verdict(slide.because or SubIndication.NO_POE, slide.why or Finding("SIG-NO-PROOF", "", {"of": name}))
            return None
        self._to_ends(certificate.signed_with, issuer.head, slide, name)
        if slide.stop is not None:
            return None
        status = self._newest(certificate, issuer, slide, asked=asked)
        if status is None or not (asked or status.revoked):
            return None
        self._to_ends((status.scheme.name, status.scheme.hash) if status.scheme else ("", ""), status.signer.head, slide, name)
        if status.revoked is None and slide.control > status.until:
            old = Finding("SIG-REVOCATION-OLD", "", {"certificate": name, "until": status.until.date().isoformat()})
            slide.to(status.until, SubIndication.NO_POE, old)
        return status

    def _proven(self, certificate: Certificate) -> datetime:
        """Since when it is proven: a responder's certificate since the answer that carries it is."""
        carriers = self._carriers.get(certificate.sha256, ())
        return min(self._proofs.of(each).time for each in (certificate.sha256, *carriers))

    def _newest(self, certificate: Certificate, issuer: Chain, slide: Slide, *, asked: bool) -> Status | None:
        """The newest news of ``certificate`` that was there at the control time; what cannot be read and is proven before that was made is
        over. When there is none and it is ``asked`` for, or there is some besides that may say that it was revoked, and cannot be read or
        is told by somebody of whom nothing is known, the slide ends here."""
        said = self._said_of(certificate, issuer)
        every = [each for each in said if self._believed(each, issuer)]
        doubted = [each for each in said if each.revoked is not None and each not in every and self._is_doubted(each.signer)]
        usable, doubted = self._there(every, slide), self._there(doubted, slide)
        newest = max((*usable, *doubted), key=lambda each: (each.made, each.revoked is not None), default=None)
        since = newest.made if newest is not None else NEVER
        speaks, revokes = self._unheard.about(
            certificate, lambda each: since <= skewed(self._proofs.of(each).time) and self._was(each, slide)
        )
        unread = Finding("SIG-REVOCATION-UNREAD", "", {"certificate": certificate.name})
        lost = revokes and (newest.revoked is None if newest is not None else not asked)
        if lost or newest in doubted:
            why = Finding("SIG-REVOCATION-DOUBTED", "", {"certificate": certificate.name}) if newest in doubted else unread
            slide.missing.append(why)
            slide.stop = Verdict(SubIndication.CERTIFICATE_CHAIN_GENERAL_FAILURE, why)
            return None
        if newest is not None or not asked:
            return newest
        code = "SIG-NO-PROOF" if every else "SIG-MISSING-REVOCATION"
        why = Finding(code, "", {"of" if every else "certificate": certificate.name})
        slide.missing.append(why)
        slide.missing += [unread] if speaks else []
        late = bool(every) or self._proofs.now > certificate.not_after
        slide.stop = Verdict(SubIndication.NO_POE if late else SubIndication.TRY_LATER, why)
        return None

    def _there(self, statuses: Iterable[Status], slide: Slide) -> list[Status]:
        """Those that were there at the control time."""
        return [each for each in statuses if each.made <= skewed(slide.control) and self._was(each.object, slide)]

    def _was(self, sha256: bytes, slide: Slide) -> bool:
        return self._proofs.of(sha256).time <= slide.control

    def _said_of(self, certificate: Certificate, issuer: Chain) -> list[Status]:
        key = certificate, issuer
        if key not in self._statuses:
            names = dict.fromkeys(map(alike, (certificate.issuer, *certificate.list_issuers)))
            lists = [each for name in names for each in self._crls.get(name, ())]
            self._statuses[key] = list(statuses(certificate, issuer, lists, self._ocsps, self._chains))
        return self._statuses[key]

    # -- who says so ----------------------------------------------------------------------------------------------------------

    def _believed(self, status: Status, issuer: Chain) -> bool:
        """Whether who signed the news was to be trusted when it is proven to exist: of the issuer himself this slide has seen to it."""
        return status.signer == issuer or self._proofs.of(status.object).time <= self._trusted_until(status.signer)

    def _trusted_until(self, signer: Chain) -> datetime:
        """The control time of who signed news of others (RFC 5280, 6.3.3 (f); RFC 6960, 4.2.2.2.1). Whoever can only be believed on his own
        word, or on that of those who are believed on his, is not."""
        key = signer, self._proofs.changes
        if key in self._trusted:
            return self._trusted[key]
        if signer in self._asked:
            return NEVER
        self._asked.add(signer)
        try:
            own, path = signer.head, Chain(signer.certificates[1:], signer.anchor)
            # A responder whose CA names no way to ask about it is left to policy (RFC 6960, 4.2.2.2.1): silence is no objection.
            free = own.may_answer_ocsp and not any(kind != "ca" for kind, _ in own.addresses()) and not self._said_of(own, path)
            slide = self.over(signer, unasked=own if free else None)
        finally:
            self._asked.discard(signer)
        self._trusted[key] = NEVER if slide.stop is not None else slide.control
        told = slide.stop.why if slide.stop is not None else slide.why
        revoked = slide.because in (SubIndication.REVOKED_NO_POE, SubIndication.REVOKED_CA_NO_POE)
        if told is not None and told.code in _NOT_KNOWN and not revoked:
            self._unknown.add(signer)
        return self._trusted[key]

    def _is_doubted(self, signer: Chain) -> bool:
        """Whether it is for want of news that ``signer``, of whom it was asked, is not believed: then he may be right."""
        return signer in self._unknown

    # -- algorithms -----------------------------------------------------------------------------------------------------------

    def _to_ends(self, scheme: tuple[str, str], signer: Certificate, slide: Slide, name: str) -> None:
        for end in (self._algorithms.signature_end(scheme[0], signer.key_bits), self._algorithms.hash_end(scheme[1])):
            if end.when is None:
                continue
            why = Finding("SIG-ALGORITHM-ENDED", "", {"algorithm": end.name, "until": end.when.date().isoformat()})
            if end.when < ALWAYS_ENDED:
                refused = Finding("SIG-ALGORITHM-REFUSED", "", {"algorithm": end.name, "certificate": name})
                slide.stop = Verdict(SubIndication.CRYPTO_CONSTRAINTS_FAILURE, refused)
                return
            slide.to(end.when, SubIndication.CRYPTO_CONSTRAINTS_FAILURE_NO_POE, why)


def _to_revocation(slide: Slide, status: Status, certificate: Certificate, *, leaf: bool, signer: bool) -> None:
    """Moved by what says that ``certificate`` was revoked: by its date, or since when its key was known to others."""
    revoked, begins = status.revoked, status.begins
    assert revoked is not None
    assert begins is not None
    if leaf and signer and begins < revoked:
        slide.notes.append(Finding("SIG-KEY-KNOWN", "", {"certificate": certificate.name, "since": begins.date().isoformat()}))
        begins = revoked
    because = SubIndication.REVOKED_NO_POE if leaf else SubIndication.REVOKED_CA_NO_POE
    told = {"certificate": certificate.name, "since": begins.isoformat(), "reason": status.reason or "unspecified"}
    told["sha256"] = certificate.sha256.hex()  # two certificates may have one name
    slide.to(begins, because, Finding("SIG-REVOKED", "", told))


def _by_issuer(crls: Iterable[Crl]) -> dict[Hashable, list[Crl]]:
    found: dict[Hashable, list[Crl]] = {}
    for each in crls:
        found.setdefault(alike(each.issuer), []).append(each)
    return found
