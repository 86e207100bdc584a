"""An evidence record that is damaged, has something in front, or lies in a file of another kind is never none; a request for one is."""

from __future__ import annotations

import hashlib
import random
from functools import cache
from pathlib import Path

import pytest

from signatures.report import Integrity, Kind, Role
from signatures.signed import SignedObject
from signatures.timestamps.request import Request
from tests.signatures.authorities import authority
from tests.signatures.test_called_signatures import objects
from tests.signatures.test_detect_damaged import FRONTS
from tests.signatures.test_xaip import package
from tests.signatures.xmlers_builder import NS, XmlErs


@cache
def record() -> bytes:
    made = XmlErs()
    made.begin(authority(), "sha256", [hashlib.sha256(b"Cong van so 1").digest()])
    return made.record()


def unsure(folder: Path, data: bytes, name: str = "x.xml") -> tuple[SignedObject, ...]:
    """What is found, which is evidence of which nothing is known."""
    found = objects(folder, name, data)
    assert found
    assert (found[0].kind, found[0].role) == (Kind.EVIDENCE, Role.EVIDENCE)
    assert {each.integrity for each in found} == {Integrity.UNKNOWN}
    return found


def test_a_record_is_read(tmp_path: Path) -> None:
    (found,) = objects(tmp_path, "content.ers", record())
    assert found.integrity is Integrity.INTACT


@pytest.mark.parametrize("front", FRONTS)
def test_what_stands_in_front_of_a_record_hides_nothing(tmp_path: Path, front: str) -> None:
    unsure(tmp_path, FRONTS[front] + record())


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"EvidenceRecord", b"EvidenceRecorx"),
        (b"EvidenceRecord", b"videnceRecord"),
        (NS.encode(), NS.encode() + b"x"),
        (NS.encode(), b""),
    ],
)
def test_a_damaged_root_hides_no_record(tmp_path: Path, old: bytes, new: bytes) -> None:
    unsure(tmp_path, record().replace(old, new))


def test_a_record_in_another_file_is_told(tmp_path: Path) -> None:
    inner = record().partition(b"?>")[2]
    unsure(tmp_path, b"<mets>" + inner + b"</mets>")


@pytest.mark.parametrize("every", [False, pytest.param(True, marks=pytest.mark.proof)])
def test_no_flipped_byte_makes_a_record_none(tmp_path: Path, every: bool) -> None:
    data, draw = record(), random.Random(6283)
    places = range(len(data)) if every else [*range(140), *draw.sample(range(140, len(data)), 40)]
    for at in places:
        for mask in (0x01, 0x20, 0x80) if every else (draw.choice((0x01, 0x20, 0x80)),):
            assert objects(tmp_path, "a.xml", data[:at] + bytes((data[at] ^ mask,)) + data[at + 1 :], beside=False), (at, mask)


@pytest.mark.parametrize("front", ["", "a letter", "words"])
def test_a_damaged_package_hides_no_record(tmp_path: Path, front: str) -> None:
    data = package() if front else package().replace(b"XAIP", b"XAIQ")
    found = objects(tmp_path, "x.xml", FRONTS.get(front, b"") + data)
    assert found
    assert Kind.EVIDENCE in {each.kind for each in found}


def test_a_request_for_a_time_stamp_is_none(tmp_path: Path) -> None:
    for hash_name in ("sha256", "sha512"):
        data = Request(hash_name, hashlib.new(hash_name, b"x").digest(), 1).encoded
        assert objects(tmp_path, "x.tsq", data) == ()
        assert objects(tmp_path, "x", data) == ()


@pytest.mark.parametrize(
    "data",
    [
        b"<a>text </TimeStampToken> of words</a>",
        b"<p>The element <code>&lt;TimeStampToken></code> of RFC 6283</p>",
        b"<xs:schema><xs:element name='TimeStampToken'/><xs:element name='EvidenceRecord'/></xs:schema>",
        b"int main() { /* asn1EvidenceRecord <TimeStampToken></TimeStampToken> */ }",
    ],
)
def test_a_text_that_speaks_of_records_is_none(tmp_path: Path, data: bytes) -> None:
    assert objects(tmp_path, "a.xml", data) == ()
