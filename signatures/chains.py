"""Certification paths: which chains lead from a certificate to an anchor, and whether one is valid at a given moment (RFC 5280, 6).

pyHanko's validator does the arithmetic of a path, always for a moment that is passed to it, never with revocation and never with the
network: revocation is judged by `signatures.revocation`, in the order that EN 319 102-1 asks for.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise

from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.authority import CertTrustAnchor
from pyhanko_certvalidator.errors import PathError, ValidationError
from pyhanko_certvalidator.path import ValidationPath
from pyhanko_certvalidator.policy_decl import (
    NO_REVOCATION,
    AcceptAllAlgorithms,
    CertRevTrustPolicy,
)
from pyhanko_certvalidator.validate import async_validate_path

from signatures.anchors import Anchor, Anchors, Purpose
from signatures.certificates import Certificate

__all__ = ["Chain", "Chains"]

LONGEST = 8
"""Certificates of one path; national hierarchies have three or four."""

MOST = 16
"""Paths that are tried for one certificate. Cross-certified hierarchies have a handful; hostile ones as many as one likes."""


@dataclass(frozen=True)
class Chain:
    """From the certificate up to, and without, the anchor. Empty when the certificate itself is the anchor."""

    certificates: tuple[Certificate, ...]
    anchor: Anchor

    def issuer_of(self, number: int) -> Certificate:
        return self.certificates[number + 1] if number + 1 < len(self.certificates) else self.anchor.certificate

    @property
    def whole(self) -> tuple[Certificate, ...]:
        """From the certificate to the anchor, both included."""
        return tuple(dict.fromkeys((*self.certificates, self.anchor.certificate)))


class Chains:
    """Builds and validates paths among the certificates that are known; answers are remembered."""

    def __init__(self, anchors: Anchors, known: Iterable[Certificate]) -> None:
        self._anchors = anchors
        self._by_subject: dict[bytes, list[Certificate]] = {}
        self._anchor_by_subject: dict[bytes, list[Anchor]] = {}
        self._checked: dict[tuple[bytes, datetime], str] = {}
        for certificate in dict.fromkeys((*known, *anchors.known)):
            self._by_subject.setdefault(certificate.subject, []).append(certificate)
        for anchor in anchors.anchors:
            self._anchor_by_subject.setdefault(anchor.certificate.subject, []).append(anchor)

    def named(self, subject: bytes) -> list[Certificate]:
        """Certificates with this subject, anchors too."""
        anchors = [each.certificate for each in self._anchor_by_subject.get(subject, ())]
        return list(dict.fromkeys((*anchors, *self._by_subject.get(subject, ()))))

    def of(self, certificate: Certificate, purpose: Purpose) -> list[Chain]:
        """Chains from ``certificate`` to anchors for ``purpose``, shortest first, at most `MOST`."""
        found: list[Chain] = [Chain((), each) for each in self._anchors.of_certificate(certificate) if purpose in each.purposes]
        edges: list[tuple[Certificate, ...]] = [(certificate,)]
        while edges and len(found) < MOST:
            further: list[tuple[Certificate, ...]] = []
            for path in edges:
                found += [Chain(path, each) for each in self._anchors_of(path[-1], purpose)]
                further += self._longer(path)
            edges = further[: MOST * MOST]
        return found[:MOST]

    def missing_issuer(self, certificate: Certificate) -> Certificate:
        """The highest certificate above ``certificate`` that is known: the one whose issuer is not."""
        seen = {certificate}
        while above := [each for each in self._issuers(certificate) if each not in seen]:
            certificate = above[0]
            seen.add(certificate)
        return certificate

    def _anchors_of(self, certificate: Certificate, purpose: Purpose) -> Iterator[Anchor]:
        for anchor in self._anchor_by_subject.get(certificate.issuer, ()):
            if purpose in anchor.purposes and anchor.certificate != certificate and certificate.signed_by(anchor.certificate):
                yield anchor

    def _issuers(self, certificate: Certificate) -> Iterator[Certificate]:
        for issuer in self._by_subject.get(certificate.issuer, ()):
            if issuer != certificate and certificate.signed_by(issuer):
                yield issuer

    def _longer(self, path: tuple[Certificate, ...]) -> Iterator[tuple[Certificate, ...]]:
        if len(path) >= LONGEST or path[-1].self_issued:
            return
        for issuer in self._issuers(path[-1]):
            if issuer not in path:
                yield (*path, issuer)

    def problem(self, chain: Chain, at: datetime) -> str:
        """Why path validation says no to ``chain`` at ``at``; "" when it is valid. Revocation is not looked at."""
        if not chain.certificates:
            return ""
        key = (hashlib.sha256(b"".join(each.sha256 for each in chain.whole)).digest(), at)
        if key not in self._checked:
            self._checked[key] = _problem(chain, at)
        return self._checked[key]


def _problem(chain: Chain, at: datetime) -> str:
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
        )
        path = ValidationPath(anchor, list(between), chain.certificates[0].asn1)
        asyncio.run(async_validate_path(context, path))
    except (PathError, ValidationError, ValueError, TypeError, KeyError, OverflowError) as error:
        return " ".join(str(error).split())[:300]
    return ""


def intersection(chain: Chain) -> tuple[datetime, datetime] | None:
    """The time in which every certificate below the anchor was valid (the shell model, EN 319 102-1, 5.6.2.1); None when never."""
    start = max(each.not_before for each in chain.certificates)
    end = min(each.not_after for each in chain.certificates)
    return (start, end) if start < end else None


def links(chain: Chain) -> Iterator[tuple[Certificate, Certificate]]:
    """(certificate, its issuer), from the anchor down: the order in which EN 319 102-1 slides."""
    for issuer, certificate in pairwise((chain.anchor.certificate, *reversed(chain.certificates))):
        yield certificate, issuer
