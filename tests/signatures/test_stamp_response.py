"""What an authority answers is kept as it came (.tsr): the token in it is read as one that is a file of its own."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest
from asn1crypto import core, tsp  # type: ignore[import-untyped]

from signatures.detect import detect
from signatures.reading import read_signatures
from signatures.report import Integrity, Kind, Role
from signatures.signed import SignedObject, Source
from tests.signatures.pki import Pki, day
from tests.signatures.xml_signing import token

LETTER = b"Cong van so 1"


def answer(pki: Pki, *, status: str = "granted", text: str = "") -> bytes:
    info = {"status": status} | ({"status_string": [text]} if text else {})
    made = tsp.ContentInfo.load(token(pki, LETTER, day(2026, 3)))
    return bytes(tsp.TimeStampResp({"status": info, "time_stamp_token": made}).dump())


def read(folder: Path, data: bytes, letter: bytes = LETTER) -> SignedObject:
    (folder / "letter.txt").write_bytes(letter)
    path = folder / "letter.txt.tsr"
    path.write_bytes(data)
    file = read_signatures(Source(path, path.name, beside=lambda: [("letter.txt", lambda: io.BytesIO(letter))]))
    assert file is not None
    (only,) = file.objects
    return only


@pytest.mark.parametrize("text", ["", "Operation Okay"])
def test_the_token_of_an_answer_is_read(tmp_path: Path, pki: Pki, text: str) -> None:
    data = answer(pki, text=text)
    for written in (data, base64.encodebytes(data)):
        found = read(tmp_path, written)
        assert (found.role, found.integrity) == (Role.TIMESTAMP, Integrity.INTACT)
        assert (found.coverage.scope, found.coverage.name) == ("beside", "letter.txt")
    assert read(tmp_path, data, b"Cong van so 2").integrity is Integrity.BROKEN


def test_what_stands_behind_an_answer_is_named(tmp_path: Path, pki: Pki) -> None:
    found = read(tmp_path, answer(pki) + b"more")
    assert found.integrity is Integrity.INTACT
    assert not found.coverage.whole


def test_other_structures_with_signed_data_inside_are_none(pki: Pki) -> None:
    made = token(pki, LETTER, day(2026, 3))
    for first in (core.Integer(3).dump(), b"\x30\x00"):
        data = core.Sequence(contents=first + made + b"\x05\x00").dump()
        assert detect(io.BytesIO(data)) is None
    assert detect(io.BytesIO(made)) is not None
    found = detect(io.BytesIO(answer(pki)))
    assert found is not None
    assert found.kind is Kind.TIMESTAMP
