"""Collecting validation data while it can still be had: certificates of issuers, OCSP answers, revocation lists, for every path.

Addresses come out of certificates, that is, out of what a depositor sent: `signatures.fetch` bounds what may be asked. Nothing that
comes back is believed here; it is kept beside the original, and judged like everything else.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

from policies.findings import Finding
from signatures.anchors import Anchors, Purpose, anchor_of
from signatures.certificate_files import parse_certificates
from signatures.certificates import Certificate
from signatures.chains import LONGEST as LONGEST_PATH
from signatures.chains import Chain, Chains
from signatures.errors import FetchFailed
from signatures.heard import Heard, may_speak
from signatures.judgement import ValidationData
from signatures.mended import cut
from signatures.odd import ODD, not_understood
from signatures.odd_account import ELEMENT, one_account
from signatures.poe import digest_of
from signatures.revocation import (
    Crl,
    Ocsp,
    load_crl,
    load_ocsp,
    ocsp_request,
    statuses,
    unarmoured,
    undisputed,
)
from signatures.revocation_files import structures
from signatures.signed import SignedFile

__all__ = ["Collector", "Fetching", "Kept", "kept_name", "read_any", "read_kept"]

ODD_DATA = "SIG-COLLECT-NOT-UNDERSTOOD"
"""What is told of a path over which a library has stumbled."""

MOST_REQUESTS = 60
"""Requests for one signed file: three paths of four certificates, with two addresses each, twice over."""

LONGEST = 120.0
"""Seconds that collecting for one file may take; what is missing then is tried again later."""

REMEMBERED = 512
"""Answers remembered, so that the letters of one deposit do not ask for the same list each."""

OLDEST = 3600.0
"""Seconds for which an answer is remembered: lists change by the hour."""


_REFUSAL = re.compile(rb"\x30\x03\x0a\x01.", re.DOTALL)
"""An OCSP answer that answers nothing (RFC 6960, 2.3)."""

SUFFIXES = {"certificate": ".cer", "crl": ".crl", "ocsp": ".ocsp"}


class Fetching(Protocol):
    """What the collector needs of `signatures.fetch.Fetcher`."""

    def get(self, url: str) -> bytes:
        """Raises FetchFailed."""
        ...

    def post(self, url: str, body: bytes, media_type: str) -> bytes:
        """Raises FetchFailed."""
        ...


def kept_name(kind: str, der: bytes) -> str:
    """The file name of a piece of validation data beside an original: its digest, so that equal ones are one file."""
    return digest_of(der).hex() + SUFFIXES[kind]


def read_kept(files: Iterable[tuple[str, bytes]]) -> ValidationData:
    """`ValidationData` from (file name, bytes), as `kept_name` named them; others are passed over."""
    found = Kept()
    for name, der in files:
        if name.endswith(SUFFIXES["certificate"]):
            try:
                found.certificates.setdefault(Certificate(der))
            except ValueError:
                continue
        elif name.endswith(SUFFIXES["crl"]):
            found.crls.setdefault(der)
        elif name.endswith(SUFFIXES["ocsp"]):
            found.ocsps.setdefault(der)
    return found.data()


def read_any(data: bytes) -> ValidationData:
    """`ValidationData` from a file that somebody gave: OCSP answers, lists, certificates; in DER, PEM or base64, several of each."""
    found, lists, answers, lost = list[Certificate](), list[bytes](), list[bytes](), list[bytes]()
    with one_account(ELEMENT * len(data)):
        for each in dict.fromkeys(structures(data)):
            if load_crl(each):
                lists.append(cut(each))
            elif load_ocsp(each):
                answers.append(each)
            elif certificates := list(parse_certificates(each)):
                found += certificates
            else:
                lost.append(each)
        found += parse_certificates(data)
    return ValidationData(tuple(dict.fromkeys(found)), tuple(lists), tuple(answers), unread=tuple(lost))


@dataclass
class Kept:
    """What was collected for one file, each piece once, and what could not be had."""

    certificates: dict[Certificate, None] = field(default_factory=dict)
    crls: dict[bytes, None] = field(default_factory=dict)
    ocsps: dict[bytes, None] = field(default_factory=dict)
    failures: list[Finding] = field(default_factory=list)

    def data(self) -> ValidationData:
        return ValidationData(tuple(self.certificates), tuple(self.crls), tuple(self.ocsps))

    def files(self) -> Iterator[tuple[str, bytes]]:
        """(file name, DER) of every piece."""
        for certificate in self.certificates:
            yield kept_name("certificate", certificate.der), certificate.der
        yield from ((kept_name("crl", der), der) for der in self.crls)
        yield from ((kept_name("ocsp", der), der) for der in self.ocsps)


class Collector:
    """Asks for what a signed file lacks. One for many files: answers are remembered for a while.

    ``clock`` is monotonic seconds, for the bounds of time only; the date at which data must be usable is passed to `collect`.
    """

    def __init__(self, fetching: Fetching, anchors: Anchors, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetching = fetching
        self._anchors = anchors
        self._clock = clock
        self._answers: dict[tuple[str, bytes], tuple[float, bytes | FetchFailed]] = {}

    def collect(self, file: SignedFile, now: datetime) -> Kept:
        """Everything that can be had for the paths of ``file``'s signers and time-stamp authorities, usable at ``now``. What a library
        stumbles over takes nothing from the other paths."""
        try:
            work = _Work(self, file, now, self._clock() + LONGEST)
        except ODD as error:
            return Kept(failures=[not_understood(error, ODD_DATA)])
        signers = [each.certificate for each in file.objects] + [each.token.certificate for each in file.stamps]
        for certificate in dict.fromkeys(each for each in signers if each is not None):
            try:
                work.path_of(certificate)
            except ODD as error:
                work.kept.failures.append(not_understood(error, ODD_DATA))
        return work.kept

    def ask(self, url: str, body: bytes = b"") -> bytes:
        """One answer, remembered; so is a failure. Raises FetchFailed."""
        known = self._answers.get((url, body))
        if known is None or self._clock() - known[0] > OLDEST:
            known = (self._clock(), self._fetched(url, body))
            if len(self._answers) >= REMEMBERED:
                self._answers.pop(next(iter(self._answers)))
            self._answers[url, body] = known
        if isinstance(known[1], FetchFailed):
            raise known[1]
        return known[1]

    def _fetched(self, url: str, body: bytes) -> bytes | FetchFailed:
        try:
            return self._fetching.post(url, body, "application/ocsp-request") if body else self._fetching.get(url)
        except FetchFailed as error:
            return error


class _Work:
    """Collecting for one file."""

    def __init__(self, collector: Collector, file: SignedFile, now: datetime, ends: float) -> None:
        self._collector = collector
        self._now = now
        self._ends = ends
        self._left = MOST_REQUESTS
        self.kept = Kept()
        known = [*file.certificates, *collector._anchors.known, *(each.certificate for each in collector._anchors.anchors)]
        known += [c for each in file.objects for c in each.certificates] + [c for s in file.stamps for c in s.token.certificates]
        self._known = dict.fromkeys(known)
        heard = Heard.of((*collector._anchors.revocations, *file.crls), file.ocsps)
        self._unread = heard.unread
        self._crls, self._ocsps = list(heard.crls), list(heard.ocsps)
        self._done: set[Certificate] = set()
        self._chains: tuple[int, Chains] | None = None
        self._below: dict[Certificate, Chains] = {}

    def path_of(self, certificate: Certificate) -> None:
        """Everything from ``certificate`` up to a certificate that issued itself, or an anchor."""
        for _ in range(LONGEST_PATH):
            if certificate in self._done:
                return
            self._done.add(certificate)
            if certificate.self_issued or any(True for _ in self._collector._anchors.of_certificate(certificate)):
                return
            issuer = self._issuer(certificate)
            if issuer is None:
                self._missed("SIG-MISSING-ISSUER", certificate, issuer=certificate.facts.issuer)
                return
            if not certificate.never_revoked and not self._is_told(certificate, issuer):
                self._ask_status(certificate, issuer)
            certificate = issuer

    def _missed(self, code: str, certificate: Certificate, **args: str) -> None:
        self.kept.failures.append(Finding(code, "", {"certificate": certificate.name, **args}))

    def _issuer(self, certificate: Certificate) -> Certificate | None:
        if (known := next(self._all().issuers(certificate), None)) is not None:
            return known
        for kind, url in certificate.addresses():
            if kind != "ca":
                continue
            for each in parse_certificates(self._asked(url)):
                if certificate.signed_by(each):
                    self._known.setdefault(each)
                    self.kept.certificates.setdefault(each)
                    return each
        return None

    def _asked(self, url: str, body: bytes = b"") -> bytes:
        """An answer; b"" when there is none, or the bounds of this file are reached."""
        if self._left <= 0 or self._collector._clock() > self._ends:
            return b""
        self._left -= 1
        try:
            return self._collector.ask(url, body)
        except FetchFailed as error:
            self.kept.failures.append(error.finding)
            return b""

    def _is_told(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Whether data at hand tells the state of ``certificate`` at this moment, for good if it was revoked. Whoever told it in the
        issuer's place has a path of his own, of which everything is needed, too."""
        path, chains = self._path_to(issuer)
        found = list(undisputed(certificate, path, self._crls, self._ocsps, chains))
        for each in found:
            if each.signer != path:
                self.path_of(each.signer.head)
        unread = self._unread.about(certificate, lambda _: True)[1]  # newer news may be had by now, and ends the doubt
        return any(each.revoked is not None or (not unread and each.made <= self._now <= each.until) for each in found)

    def _path_to(self, issuer: Certificate) -> tuple[Chain, Chains]:
        """A path of ``issuer`` to whom the operator trusts, or else to the top of what is known: data is collected before anybody decides
        whom to trust. With it, who else is known below that top."""
        chains = self._all()
        if found := [path for purpose in Purpose for path in chains.of(issuer, purpose)]:
            return found[0], chains
        top = chains.missing_issuer(issuer)
        if top not in self._below:
            self._below[top] = Chains(Anchors.of([top]), self._known)
        found = self._below[top].of(issuer, Purpose.SIGNATURE)
        return found[0] if found else Chain((), anchor_of(issuer)), self._below[top]

    def _all(self) -> Chains:
        """The paths among all that is known by now."""
        if self._chains is None or self._chains[0] != len(self._known):
            self._chains, self._below = (len(self._known), Chains(self._collector._anchors, self._known)), {}
        return self._chains[1]

    def _ask_status(self, certificate: Certificate, issuer: Certificate) -> None:
        if self._now > certificate.not_after:  # what a CA says now is no news of an expired certificate
            self._missed("SIG-MISSING-REVOCATION", certificate)
            return
        addresses = list(certificate.addresses())
        for url in (url for kind, url in addresses if kind == "ocsp"):
            data = next(structures(self._asked(url, ocsp_request(certificate, issuer))))
            answer = load_ocsp(data)
            self._tell_unread(certificate, data, self.kept.ocsps)
            if answer is not None and self._useful(certificate, issuer, [], [answer]):
                self._ocsps.append(answer)
                self.kept.ocsps.setdefault(answer.der)
                self._responder(answer)
                return
        for url in (url for kind, url in addresses if kind == "crl"):
            data = self._asked(url)
            found = load_crl(unarmoured(data)) if data else None
            self._tell_unread(certificate, data, self.kept.crls)
            if found is not None and self._useful(certificate, issuer, [found], []):
                self._crls.append(found)
                self.kept.crls.setdefault(found.der)
                return
        self._missed("SIG-MISSING-REVOCATION", certificate)

    def _tell_unread(self, certificate: Certificate, data: bytes, kept: dict[bytes, None]) -> None:
        """What came and cannot be read is told, and where it may speak of ``certificate`` it is kept, for it may say that this was
        revoked. A page, or an answer, that says that the service is out of order is no such thing."""
        for each in structures(data):
            if each[:1] != b"\x30" or _REFUSAL.fullmatch(each):
                continue
            heard = Heard.of((), (each,)) if not load_crl(each) else Heard.of((each,))
            if heard.unheard or heard.nameless:
                self._missed("SIG-REVOCATION-UNREAD", certificate)
                if heard.nameless or may_speak(each, certificate):
                    kept.setdefault(each)

    def _useful(self, certificate: Certificate, issuer: Certificate, crls: list[Crl], ocsps: list[Ocsp]) -> bool:
        path, chains = self._path_to(issuer)
        return any(True for _ in statuses(certificate, path, crls, ocsps, chains))

    def _responder(self, answer: Ocsp) -> None:
        """A responder's own certificate is part of the proof; one that may be revoked needs an answer of its own."""
        for certificate in answer.certificates:
            self._known.setdefault(certificate)
            if not certificate.never_revoked:
                self.path_of(certificate)
