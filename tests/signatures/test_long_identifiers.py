"""Identifiers of extensions that are written in a longer form than they need (their length in two octets): they name the same extension."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from signatures import der
from signatures.certificates import Certificate
from tests.signatures.odd_house import (
    BASIC,
    CA,
    ISSUE,
    SIGNER,
    USAGE,
    YES,
    House,
    cms_by,
    extension,
    judged,
    named,
    strings,
)

HOUSE = House()
NAME = named(strings(0x0C, b"A"))
MIDDLE = named(strings(0x0C, b"M"))
SPOILED = extension("2.5.29.17", der.sequence(der.encode(0x81, b"\xe9@x.vn")))
"""An alternative name that no library reads, so that none reads the other extensions with it."""


def long_length(row: bytes) -> bytes:
    """The same extension, with the length of its identifier in two octets."""
    return der.sequence(b"\x06\x81" + row[3:])


FORBIDS = extension(USAGE, ISSUE, YES)


@pytest.mark.parametrize("more", [(), (SPOILED,), SIGNER], ids=["alone", "beside a spoiled one", "beside another"])
def test_a_use_in_a_long_form_forbids_what_it_forbids(tmp_path: Path, more: Sequence[bytes]) -> None:
    made = HOUSE.issued(NAME, extensions=[long_length(FORBIDS), *more])
    found = Certificate(made)
    assert not found.may_sign
    assert found.doubled is (more == SIGNER)
    assert not judged(tmp_path, cms_by(made), HOUSE.anchor(), crls=[HOUSE.list()]).verdict.passed


def under(tmp_path: Path, rules: Sequence[bytes]) -> bool:
    """Whether a signature passes whose certificate, and list, were signed by an authority with these extensions."""
    middle = HOUSE.issued(MIDDLE, own="middle", extensions=rules, serial=b"\x02\x01\x02")
    leaf = HOUSE.issued(NAME, by="middle", issuer=MIDDLE)
    lists = [HOUSE.list(), HOUSE.list(issuer=MIDDLE, by="middle")]
    return judged(tmp_path, cms_by(leaf, along=[middle]), HOUSE.anchor(), crls=lists).verdict.passed


def test_an_authority_in_a_long_form_may_no_more(tmp_path: Path) -> None:
    none = extension(BASIC, b"\x30\x00", YES)
    no_lists = extension(USAGE, bytes.fromhex("03020204"), YES)
    assert under(tmp_path, CA)
    assert not under(tmp_path, [none, long_length(CA[0]), CA[1]])
    assert not under(tmp_path, [CA[0], long_length(no_lists), SPOILED])
    assert not under(tmp_path, [*CA, long_length(no_lists)])
