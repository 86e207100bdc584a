"""Revocation data of one place, read: what could be, and what could not. A certificate of which what could not be read may
say that it was revoked is not known to be good, whatever other data says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from signatures.certificates import Certificate
from signatures.odd_account import MOST_ODD_NEWS, OddAccount
from signatures.poe import digest_of
from signatures.revocation import Crl, Ocsp, load_crl, load_ocsp, loaded

__all__ = ["Heard", "Unheard", "may_revoke"]

MOST_SEARCHED = 1 << 28
"""Bytes that are searched for names and numbers of certificates, each of which asks for six or seven searches: a second or so."""

HASHED = ("sha1", "sha256", "sha384", "sha512")
"""By what answers name an issuer (RFC 6960, 4.1.1)."""


@dataclass(frozen=True)
class Heard:
    """``unheard`` is what is neither a list nor an answer that can be read, nor a certificate."""

    crls: tuple[Crl, ...] = ()
    ocsps: tuple[Ocsp, ...] = ()
    unheard: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, lists: Iterable[bytes], answers: Iterable[bytes] = (), account: OddAccount | None = None) -> Heard:
        """With an account of its own, where none is given. An answer among the lists is an answer."""
        account = account or OddAccount(MOST_ODD_NEWS)
        crls, others = loaded(load_crl, dict.fromkeys(lists), account)
        ocsps, others = loaded(load_ocsp, dict.fromkeys((*answers, *others)), account)
        return cls(tuple(crls), tuple(ocsps), tuple(each for each in others if not _is_certificate(each)))

    @cached_property
    def names(self) -> frozenset[bytes]:
        """The SHA-256 of each piece of it."""
        return frozenset((*(each.sha256 for each in (*self.crls, *self.ocsps)), *map(digest_of, self.unheard)))

    @cached_property
    def unread(self) -> Unheard:
        return Unheard(self.unheard)

    def __add__(self, other: Heard) -> Heard:
        return Heard(self.crls + other.crls, self.ocsps + other.ocsps, self.unheard + other.unheard)


class Unheard:
    """What could not be read, and of which certificates it may speak. Answers are remembered; of one certificate after another no more is
    searched than `MOST_SEARCHED`, and then it may speak of each."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = {digest_of(each): each for each in pieces}
        self._left = MOST_SEARCHED
        self._known: dict[tuple[bytes, Certificate], tuple[bool, bool]] = {}

    def about(self, certificate: Certificate, there: Callable[[bytes], bool]) -> tuple[bool, bool]:
        """Whether some of it that was ``there`` (asked by its SHA-256) may be of those who tell of ``certificate``, and whether it may also
        say that this was revoked."""
        found = [self._about(sha256, certificate) for sha256 in self._pieces if there(sha256)]
        return any(speaks for speaks, _ in found), any(revokes for _, revokes in found)

    def _about(self, sha256: bytes, certificate: Certificate) -> tuple[bool, bool]:
        key = sha256, certificate
        if key not in self._known:
            data = self._pieces[sha256]
            self._left -= len(data)
            self._known[key] = (True, True) if self._left < 0 else (may_speak(data, certificate), may_revoke(data, certificate))
        return self._known[key]


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
