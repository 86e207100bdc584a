"""Revocation data of one place, read: what could be, and what could not. A certificate of which what could not be read may
say that it was revoked is not known to be good, whatever other data says.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property

from signatures.alike import texts
from signatures.ber import Malformed, element
from signatures.certificates import Certificate
from signatures.odd_account import MOST_ODD_NEWS, OddAccount
from signatures.poe import digest_of
from signatures.revocation import Crl, Ocsp, load_crl, load_ocsp, loaded

__all__ = ["Heard", "Unheard", "may_speak"]

MOST_SEARCHED = 1 << 28
"""Bytes that are searched for names and numbers of certificates, each of which asks for six or seven searches: a second or so."""

HASHED = ("sha1", "sha256", "sha384", "sha512")
"""By what answers name an issuer (RFC 6960, 4.1.1)."""


@dataclass(frozen=True)
class Heard:
    """``unheard`` is what is neither a list nor an answer that can be read, nor a certificate, and of what is read that of which a part is
    not understood. Of ``nameless`` it is not known whom it speaks of, whatever names stand in it."""

    crls: tuple[Crl, ...] = ()
    ocsps: tuple[Ocsp, ...] = ()
    unheard: tuple[bytes, ...] = ()
    nameless: tuple[bytes, ...] = ()

    @classmethod
    def of(cls, lists: Iterable[bytes], answers: Iterable[bytes] = (), account: OddAccount | None = None) -> Heard:
        """With an account of its own, where none is given. An answer among the lists is an answer."""
        account = account or OddAccount(MOST_ODD_NEWS)
        crls, others = loaded(load_crl, dict.fromkeys(lists), account)
        ocsps, others = loaded(load_ocsp, dict.fromkeys((*answers, *others)), account)
        unread = [each for each in others if not _is_certificate(each)]
        unread += [each.given for each in crls if not each.whole]
        unread += [each.given for each in ocsps if not each.whole]
        return cls(tuple(crls), tuple(ocsps), tuple(unread), tuple(each.given for each in ocsps if not each.names_all))

    @cached_property
    def names(self) -> frozenset[bytes]:
        """The SHA-256 of each piece of it."""
        return frozenset((*(each.sha256 for each in (*self.crls, *self.ocsps)), *map(digest_of, self.unheard)))

    @cached_property
    def unread(self) -> Unheard:
        return Unheard(self.unheard, self.nameless)

    def __add__(self, other: Heard) -> Heard:
        lost = self.unheard + other.unheard, self.nameless + other.nameless
        return Heard(self.crls + other.crls, self.ocsps + other.ocsps, *lost)


class Unheard:
    """What could not be read, and of which certificates it may speak. Answers are remembered; of one certificate after another no more is
    searched than `MOST_SEARCHED`, and then it may speak of each."""

    def __init__(self, pieces: Iterable[bytes], nameless: Iterable[bytes] = ()) -> None:
        nameless = tuple(nameless)
        self._pieces = {digest_of(each): each for each in (*pieces, *nameless)}
        self._nameless = frozenset(map(digest_of, nameless))
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
            speaks = self._left < 0 or sha256 in self._nameless or may_speak(data, certificate)
            self._known[key] = speaks, speaks and (self._left < 0 or _lost(data) or _has_number(data, certificate))
        return self._known[key]


def may_speak(data: bytes, certificate: Certificate) -> bool:
    """Whether ``data``, which cannot be read, may be of those who tell of ``certificate``: they are named in it, or their name's digest."""
    named = (hashlib.new(each, certificate.issuer, usedforsecurity=False).digest() for each in HASHED)
    if any(each in data for each in (certificate.issuer, *certificate.list_issuers, *named)):
        return True
    small = data.lower()  # in other letters, or other kinds of strings, it is the same name (RFC 5280, 7.1)
    return any(
        found and all(each in small for each in found) for found in map(texts, (certificate.issuer, *certificate.list_issuers))
    )


def _has_number(data: bytes, certificate: Certificate) -> bool:
    """Whether the number of ``certificate`` stands in it, in whatever form that is written."""
    length = max(1, (certificate.serial.bit_length() + (8 if certificate.serial < 0 else 7)) // 8)
    return certificate.serial.to_bytes(length, "big", signed=certificate.serial < 0) in data


def _lost(data: bytes) -> bool:
    """Whether it is cut off where a number may have stood: whatever is signed, the first part of it holds all that is said."""
    with suppress(Malformed):
        element(data)
        return False
    long = data[1] & 0x7F if data[1:2] > b"\x80" else 0
    with suppress(Malformed):
        return data[2 + long : 3 + long] != b"\x30" or not element(data, 2 + long)
    return True


def _is_certificate(data: bytes) -> bool:
    with suppress(ValueError):
        return bool(Certificate(data, mend=False))
    return False
