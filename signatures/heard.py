"""Revocation data of one place, read: what could be, and what could not. A certificate of which what could not be read may
say that it was revoked is not known to be good, whatever other data says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from signatures.certificates import Certificate
from signatures.revocation import Crl, Ocsp, load_crl, load_ocsp, loaded

__all__ = ["Heard", "may_revoke", "may_speak"]

HASHED = ("sha1", "sha256", "sha384", "sha512")
"""By what answers name an issuer (RFC 6960, 4.1.1)."""


@dataclass(frozen=True)
class Heard:
    """``unheard`` is what is neither a list nor an answer that can be read, nor a certificate."""

    crls: tuple[Crl, ...] = ()
    ocsps: tuple[Ocsp, ...] = ()
    unheard: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, lists: Iterable[bytes], answers: Iterable[bytes]) -> Heard:
        """With an account of its own (`loaded`). An answer among the lists is an answer."""
        crls, others = loaded(load_crl, dict.fromkeys(lists))
        ocsps, others = loaded(load_ocsp, dict.fromkeys((*answers, *others)))
        return cls(tuple(crls), tuple(ocsps), tuple(each for each in others if not _is_certificate(each)))

    def __add__(self, other: Heard) -> Heard:
        return Heard(self.crls + other.crls, self.ocsps + other.ocsps, self.unheard + other.unheard)


def may_speak(data: bytes, certificate: Certificate) -> bool:
    """Whether ``data``, which cannot be read, may be of those who tell of ``certificate``: they are named in it, or their name's digest."""
    named = (hashlib.new(each, certificate.issuer, usedforsecurity=False).digest() for each in HASHED)
    return any(each in data for each in (certificate.issuer, *certificate.list_issuers, *named))


def may_revoke(data: bytes, certificate: Certificate) -> bool:
    """Whether it may also say that ``certificate`` was revoked: then its number stands in it, in whatever form that is written."""
    length = max(1, (certificate.serial.bit_length() + (8 if certificate.serial < 0 else 7)) // 8)
    return certificate.serial.to_bytes(length, "big", signed=certificate.serial < 0) in data and may_speak(data, certificate)


def _is_certificate(data: bytes) -> bool:
    with suppress(ValueError):
        return bool(Certificate(data, mend=False))
    return False
