"""A certificate is read or it is none: one byte that was changed makes no other error, neither when it is read nor when it is asked."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property

import pytest

from signatures.algorithms import load_certificate
from signatures.certificates import Certificate
from tests.signatures.pki import Pki

KINDS_OF_STRINGS = bytes((0x02, 0x03, 0x04, 0x05, 0x0C, 0x13, 0x16, 0x1E, 0x30))
"""Tags that a changed byte may turn the tag of a name's value into, a bit string among them."""

ASKED = [name for name, what in vars(Certificate).items() if isinstance(what, property | cached_property)]


def changed(der: bytes) -> list[bytes]:
    flipped = [der[:at] + bytes((der[at] ^ mask,)) + der[at + 1 :] for mask in (0x01, 0x0F, 0xFF) for at in range(len(der))]
    strings = [at for at, byte in enumerate(der) if byte in (0x0C, 0x13)]
    return flipped + [der[:at] + bytes((tag,)) + der[at + 1 :] for at in strings for tag in KINDS_OF_STRINGS]


@pytest.fixture(scope="module")
def damaged(pki: Pki) -> list[bytes]:
    return changed(pki.certificate("signer1").der)


def all_asked(damaged: Iterable[bytes]) -> int:
    """How many certificates can be read; each is asked everything."""
    read = 0
    for der in damaged:
        try:
            found = Certificate(der)
        except ValueError:
            continue
        read += 1
        for name in ASKED:
            getattr(found, name)
        list(found.addresses())
    return read


def test_a_damaged_certificate_is_read_or_is_none(damaged: list[bytes]) -> None:
    assert 0 < all_asked(damaged) < len(damaged)


def test_a_damaged_certificate_of_an_authority_is_read_or_is_none(damaged: list[bytes]) -> None:
    read = 0
    for der in damaged:
        try:
            load_certificate(der)
        except ValueError:
            continue
        read += 1
    assert 0 < read < len(damaged)
