"""Certification paths: which chains lead from a certificate to an anchor, and whether one is valid at a given moment (RFC 5280, 6).

pyHanko's validator does the arithmetic of a path, always for a moment that is passed to it, never with revocation and never with the
network: revocation is judged by `signatures.revocation`, in the order that EN 319 102-1 asks for.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.types import PublicKeyTypes
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    AcceptAllAlgorithms,
    CertRevTrustPolicy,
)
from pyhanko_certvalidator.sig_validate import DefaultSignatureValidator
from pyhanko_certvalidator.validate import async_validate_path

from policies.phrases import phrase
from signatures.algorithms import effort
from signatures.alike import alike
from signatures.anchors import Anchor, Anchors, Purpose
from signatures.certificates import LATEST, Certificate
from signatures.path_words import told

__all__ = ["Chain", "Chains"]

LONGEST = 8
"""Certificates of one path; national hierarchies have three or four."""

MOST = 16
"""Paths that are tried for one certificate. Cross-certified hierarchies have a handful; hostile ones as many as one likes."""

MOST_CHECKS = 2_500
"""Signatures of certificates that are checked to find the paths of one file, counted once each and by how long its key takes: a second
or so. Honest files need one or two for each signer; each of two thousand certificates that issued one another asks for two thousand."""


MOST_NEWS = 5_000
"""Signatures of lists and answers that are checked for one file, counted likewise: half a second. An honest answer is held against its CA's
key and its responder's, once each."""


@dataclass(frozen=True)
class Chain:
    """From the certificate up to, and without, the anchor. Empty when the certificate itself is the anchor."""

    certificates: tuple[Certificate, ...]
    anchor: Anchor

    @property
    def head(self) -> Certificate:
        """The certificate whose path this is."""
        return self.certificates[0] if self.certificates else self.anchor.certificate

    @property
    def end(self) -> datetime:
        """When the first certificate of it ends: what its head signed later has no valid path. Of an anchor it is the end of its
        certificate or of the trust in it, whichever is later: for how long signatures under it count is asked elsewhere."""
        own = max(self.anchor.until, self.anchor.certificate.not_after)
        return min((each.not_after for each in self.certificates), default=own)

    def links(self) -> Iterator[tuple[Certificate, Chain]]:
        """(certificate, path of its issuer), from the anchor down: the order in which EN 319 102-1 slides."""
        for number in range(len(self.certificates) - 1, -1, -1):
            yield self.certificates[number], Chain(self.certificates[number + 1 :], self.anchor)

    def under(self, certificate: Certificate) -> Chain:
        """The path of ``certificate``, which the head issued."""
        return Chain((certificate, *self.certificates), self.anchor)

    @property
    def whole(self) -> tuple[Certificate, ...]:
        """From the certificate to the anchor, both included."""
        return tuple(dict.fromkeys((*self.certificates, self.anchor.certificate)))


class Chains:
    """Builds and validates paths among the certificates that are known; answers are remembered. ``exhausted``: more would have had to be
    looked at than is, so that a path, or somebody who tells of a revocation, may have been missed."""

    def __init__(self, anchors: Anchors, known: Iterable[Certificate]) -> None:
        self._anchors = anchors
        self._left, self._news_left = MOST_CHECKS, MOST_NEWS
        self.exhausted = False
        self._signed_by: dict[tuple[Certificate, Certificate], bool] = {}
        self._by_subject: dict[bytes, list[Certificate]] = {}
        self._anchor_by_subject: dict[bytes, list[Anchor]] = {}
        self._by_issuer: dict[bytes, list[Certificate]] = {}
        self._alike: dict[Hashable, list[Certificate]] = {}
        self._checked: dict[tuple[bytes, datetime], str] = {}
        self._below: dict[Certificate, frozenset[Certificate]] = {}
        self._list_signers: dict[tuple[bytes, Certificate], list[Chain]] = {}
        self._responders: dict[Certificate, list[Certificate]] = {}
        for certificate in dict.fromkeys((*known, *anchors.known)):
            self._by_subject.setdefault(certificate.subject, []).append(certificate)
            self._by_issuer.setdefault(certificate.issuer, []).append(certificate)
            self._alike.setdefault(alike(certificate.subject), []).append(certificate)
        for anchor in anchors.anchors:
            self._anchor_by_subject.setdefault(anchor.certificate.subject, []).append(anchor)

    def of(self, certificate: Certificate, purpose: Purpose) -> list[Chain]:
        """Chains from ``certificate`` to anchors for ``purpose``, shortest first, at most `MOST`."""
        found = [Chain((), each) for each in self._anchors.of_certificate(certificate) if purpose in each.purposes]
        return _climbed(certificate, found, lambda top: self._anchors_of(top, purpose), self.issuers)

    def list_signers(self, subject: bytes, anchor: Anchor) -> list[Chain]:
        """Valid paths of those who may sign revocation lists in the name of ``subject`` (RFC 5280, 6.3.3 (f)): they lead to ``anchor``
        through certificates of CAs, and their key usage allows it. A certificate that names no usage must be a CA's."""
        key = subject, anchor.certificate
        if key not in self._list_signers:
            below = self._below_of(anchor.certificate)
            named = [each for each in self._alike.get(alike(subject), ()) if each in below]
            allowed = [each for each in named if each.signs_lists or (each.signs_lists is None and each.is_authoritys)]
            found = [Chain((), anchor)] if alike(anchor.certificate.subject) == alike(subject) else []
            self._list_signers[key] = found + [path for each in allowed for path in self._valid_paths(each, anchor)]
        return self._list_signers[key]

    def responders(self, issuer: Certificate) -> list[Certificate]:
        """Whom ``issuer`` itself made OCSP responders (RFC 6960, 4.2.2.2)."""
        if issuer not in self._responders:
            named = self._by_issuer.get(issuer.subject, ())
            self._responders[issuer] = [each for each in named if each.may_answer_ocsp and self.signed(each, issuer)]
        return self._responders[issuer]

    def pays_for(self, key: PublicKeyTypes | None) -> bool:
        """Whether one more list or answer is held against ``key``, and is paid for."""
        cost = effort(key)
        if cost > self._news_left:
            self.exhausted = True
            return False
        self._news_left -= cost
        return True

    def valid(self, chain: Chain) -> bool:
        """Whether path validation says yes to ``chain`` at some moment."""
        window = intersection(chain)
        return window is not None and not self.problem(chain, min(window[1], LATEST))

    def _valid_paths(self, certificate: Certificate, anchor: Anchor) -> Iterator[Chain]:
        below = self._below_of(anchor.certificate)

        def anchored(top: Certificate) -> Iterator[Anchor]:
            return iter((anchor,) if self.signed(top, anchor.certificate) else ())

        def issuers(of: Certificate) -> Iterator[Certificate]:
            return (
                each
                for each in self._by_subject.get(of.issuer, ())
                if each in below and each.is_authoritys and self.signed(of, each)
            )

        return (each for each in _climbed(certificate, [], anchored, issuers) if self.valid(each))

    def _below_of(self, anchor: Certificate) -> frozenset[Certificate]:
        """What leads to ``anchor`` through CAs alone, found from the top down: of what strangers put into a file by the thousand, each
        piece is held against real CAs of the name it gives, and never against each other piece."""
        if anchor not in self._below:
            found: set[Certificate] = set()
            edge = [anchor]
            while edge:
                issuer = edge.pop()
                named = self._by_issuer.get(issuer.subject, ())
                new = [each for each in named if each not in found and each != issuer and self.signed(each, issuer)]
                found.update(new)
                edge += [each for each in new if each.is_authoritys]
            self._below[anchor] = frozenset(found)
        return self._below[anchor]

    def missing_issuer(self, certificate: Certificate) -> Certificate:
        """The highest certificate above ``certificate`` that is known: the one whose issuer is not."""
        seen = {certificate}
        while above := [each for each in self.issuers(certificate) if each not in seen]:
            certificate = above[0]
            seen.add(certificate)
        return certificate

    def _anchors_of(self, certificate: Certificate, purpose: Purpose) -> Iterator[Anchor]:
        for anchor in self._anchor_by_subject.get(certificate.issuer, ()):
            if purpose in anchor.purposes and anchor.certificate != certificate and self.signed(certificate, anchor.certificate):
                yield anchor

    def issuers(self, certificate: Certificate) -> Iterator[Certificate]:
        """Who of those that are known issued ``certificate``."""
        for issuer in self._by_subject.get(certificate.issuer, ()):
            if issuer != certificate and self.signed(certificate, issuer):
                yield issuer

    def signed(self, certificate: Certificate, issuer: Certificate) -> bool:
        """Whether ``issuer`` signed ``certificate``, as far as that is still looked at."""
        if not certificate.issued_by(issuer):
            return False
        key = certificate, issuer
        if key not in self._signed_by:
            cost = effort(issuer.key)
            if cost > self._left:
                self.exhausted = True
                return False
            self._left -= cost
            self._signed_by[key] = certificate.signed_by(issuer)
        return self._signed_by[key]

    def problem(self, chain: Chain, at: datetime) -> str:
        """Why path validation says no to ``chain`` at ``at``; "" when it is valid. Revocation is not looked at."""
        if not chain.certificates:
            return ""
        key = (hashlib.sha256(b"".join(each.sha256 for each in chain.whole)).digest(), at)
        if key not in self._checked:
            self._checked[key] = _problem(chain, at)
        return self._checked[key]


def _climbed(
    certificate: Certificate,
    found: list[Chain],
    anchors: Callable[[Certificate], Iterable[Anchor]],
    issuers: Callable[[Certificate], Iterable[Certificate]],
) -> list[Chain]:
    """``found`` and the paths from ``certificate`` upwards, shortest first, at most `MOST`."""
    edges: list[tuple[Certificate, ...]] = [(certificate,)]
    while edges and len(found) < MOST:
        further: list[tuple[Certificate, ...]] = []
        for path in edges:
            found += [Chain(path, each) for each in anchors(path[-1])]
            if len(path) < LONGEST and len(further) < MOST * MOST and not (path[-1].self_issued and path[-1].signed_by(path[-1])):
                further += [(*path, each) for each in issuers(path[-1]) if each not in path]
        edges = further[: MOST * MOST]
    return found[:MOST]


class _OverWhatStands(DefaultSignatureValidator):
    """Checks the signature over a certificate that was written anew for the library (`signatures.mended`) over what stands in it."""

    def __init__(self, certificates: Iterable[Certificate]) -> None:
        self._stands = {each.written: each.stands.body for each in certificates if each.odd}

    def validate_signature(self, signature: bytes, signed_data: bytes, *args: Any, **kwargs: Any) -> None:
        super().validate_signature(signature, self._stands.get(signed_data, signed_data), *args, **kwargs)


def _problem(chain: Chain, at: datetime) -> str:
    if doubled := next((each for each in reversed(chain.certificates) if each.doubled), None):
        return phrase("path-at", certificate=doubled.name, why=phrase("path-twice"))
    if unread := next((each for each in reversed(chain.certificates[1:]) if each.unread_rules), None):
        return phrase("path-at", certificate=unread.name, why=phrase("path-unread"))
    anchor = CertTrustAnchor(chain.anchor.certificate.asn1)
    *between, _ = (each.asn1 for each in reversed(chain.certificates))
    try:
        context = ValidationContext(
            trust_roots=[anchor],
            moment=at,
            best_signature_time=at,
            time_tolerance=timedelta(seconds=1),
            allow_fetching=False,
            revinfo_policy=CertRevTrustPolicy(revocation_checking_policy=NO_REVOCATION),
            algorithm_usage_policy=AcceptAllAlgorithms(),
            signature_validator=_OverWhatStands(chain.whole),
        )
        path = ValidationPath(anchor, list(between), chain.certificates[0].asn1)
        asyncio.run(async_validate_path(context, path))
    except (PathError, ValidationError, ValueError, TypeError, KeyError, OverflowError) as error:
        return told(error, [each.name for each in reversed(chain.certificates)])
    return ""


def intersection(chain: Chain) -> tuple[datetime, datetime] | None:
    """The time in which every certificate below the anchor was valid (the shell model, EN 319 102-1, 5.6.2.1); None when never."""
    start = max(each.not_before for each in chain.certificates)
    end = min(each.not_after for each in chain.certificates)
    return (start, end) if start < end else None
