"""Records, and values in PDF, that are more than is looked at: nothing is known of them, and they are not broken."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from signatures import der
from signatures.embedded import read_embedded
from signatures.errors import InvalidRecord
from signatures.evidence import DataObject, read_record
from signatures.evidence.record import LARGEST, MOST_CHAINS, MOST_STAMPS
from signatures.report import Integrity, Role, SubIndication
from tests.signatures.authorities import authority
from tests.signatures.evidence_builder import group_of, grow, made
from tests.signatures.judging import read
from tests.signatures.pki import Pki, day, make_pdf
from tests.signatures.xmlers_builder import XmlErs

Made = Callable[[int, int], bytes]
DIGEST = hashlib.sha256(b"x").digest()


def in_xml(chains: int, stamps: int) -> bytes:
    grown = XmlErs()
    grown.begin(authority(), "sha256", [DIGEST])
    name, (one,) = grown.chains[0]
    grown.chains = [(name, [one] * stamps)] * chains
    return grown.record()


def in_asn1(chains: int, stamps: int) -> bytes:
    lineage = grow(made(1), authority())
    *head, sequence = _inside(lineage.record(0, group_of(made(1)[0])))
    (chain,) = _inside(sequence)
    (stamp,) = _inside(chain)
    return der.sequence(*head, der.sequence(*[der.sequence(*[stamp] * stamps)] * chains))


def _inside(data: bytes) -> list[bytes]:
    return [data[each.start : each.end] for each in der.children(data, der.whole(data))]


@pytest.mark.parametrize("made_in", [in_xml, in_asn1])
@pytest.mark.parametrize(("chains", "stamps"), [(MOST_CHAINS + 1, 1), (1, MOST_STAMPS + 1)])
def test_more_chains_or_stamps_than_are_looked_at(made_in: Made, chains: int, stamps: int) -> None:
    record = made_in(chains, stamps)
    with pytest.raises(InvalidRecord) as raised:
        read_record(record)
    assert raised.value.finding.code == "EVD-BEYOND"
    found = read_embedded(record, [DataObject("x", {"sha256": DIGEST})]).object
    assert found.integrity is Integrity.UNKNOWN
    assert found.failure is SubIndication.GENERIC
    assert read_record(made_in(1, 1)).chains


@pytest.mark.parametrize("data", [b"\x30" + bytes(LARGEST), b"<a/>" + b" " * LARGEST], ids=["asn1", "xml"])
def test_a_longer_record_than_is_looked_at(data: bytes) -> None:
    with pytest.raises(InvalidRecord) as raised:
        read_record(data)
    assert raised.value.finding.code == "EVD-BEYOND"


@pytest.mark.parametrize("made_in", [in_xml, in_asn1])
def test_a_longer_token_than_is_looked_at(monkeypatch: pytest.MonkeyPatch, made_in: Made) -> None:
    record = made_in(1, 1)
    monkeypatch.setattr("signatures.timestamps.token.LARGEST", 100)
    found = read_embedded(record, [DataObject("x", {"sha256": DIGEST})]).object
    assert found.integrity is Integrity.UNKNOWN
    assert getattr(found.why, "code", "") == "EVD-BEYOND"


def test_a_value_in_a_pdf_longer_than_is_looked_at(tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    signed = pki.sign_pdf(make_pdf(), day(2026, 5), level="B")
    monkeypatch.setattr("signatures.pades.LARGEST_VALUE", 1000)
    found = [each for each in read(tmp_path, signed).objects if each.role is Role.SIGNATURE]
    assert {each.integrity for each in found} == {Integrity.UNKNOWN}


def test_a_record_that_is_held_against_nothing_covers_nothing_whole(tmp_path: Path) -> None:
    (found,) = read(tmp_path, in_xml(1, 1), "a.ers").objects
    assert found.integrity is not Integrity.INTACT
    assert not found.coverage.whole
