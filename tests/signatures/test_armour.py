"""A file of a signature holds its structure and nothing else: several structures are each read, and what stands around is never covered."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest

from signatures.armour import MOST_BLOCKS
from signatures.detect import detected
from signatures.reading import read_signatures
from signatures.report import Integrity, Kind
from signatures.signed import SignedFile, Source
from tests.packed import zipped
from tests.signatures.office_signing import DOCX, sign_docx
from tests.signatures.pki import Pki, day, make_pdf

BESIDE = "left-beside"


def read(folder: Path, data: bytes, name: str = "x.p7m") -> SignedFile:
    path = folder / name
    path.write_bytes(data)
    file = read_signatures(Source(path, name))
    assert file is not None
    return file


def enclosing(pki: Pki) -> bytes:
    return pki.sign_cms(b"hello", detached=False)


def pem(data: bytes, label: str = "CMS") -> bytes:
    return b"-----BEGIN %s-----\n%s-----END %s-----\n" % (label.encode(), base64.encodebytes(data), label.encode())


def damaged(data: bytes) -> bytes:
    return data.replace(b"hello", b"hullo")


def test_a_structure_alone_is_whole(tmp_path: Path, pki: Pki) -> None:
    for data in (enclosing(pki), pem(enclosing(pki)), base64.encodebytes(enclosing(pki))):
        (only,) = read(tmp_path, data).objects
        assert only.coverage.whole
        assert not only.coverage.left


@pytest.mark.parametrize("behind", [b"\nAnd pay 1000000 to me\n", b"\0", b"%PDF-1.4 of no signature", b"\x30\x00"])
def test_what_stands_behind_a_structure_is_named(tmp_path: Path, pki: Pki, behind: bytes) -> None:
    (only,) = read(tmp_path, enclosing(pki) + behind).objects
    assert only.integrity is Integrity.INTACT
    assert not only.coverage.whole
    assert BESIDE in only.coverage.left[0]
    assert [each.code for each in only.notes] == ["SIG-PART-ONLY"]


def test_a_file_behind_a_structure_is_read_too(tmp_path: Path, pki: Pki) -> None:
    package = sign_docx(pki)
    package["word/document.xml"] = package["word/document.xml"].replace(b"</", b" </", 1)
    pdf = pki.sign_pdf(make_pdf(), day(2026, 3), level="B")
    for behind, kind in ((zipped(package), Kind.OOXML), (pdf, Kind.PADES)):
        data = enclosing(pki) + behind
        assert [each.kind for each in detected(io.BytesIO(data))] == [Kind.CADES, kind]
        found = read(tmp_path, data).objects
        assert {each.kind for each in found} == {Kind.CADES, kind}
        assert not any(each.coverage.whole for each in found if each.kind is Kind.CADES)
    unsigned = enclosing(pki) + zipped(DOCX)
    assert [each.kind for each in detected(io.BytesIO(unsigned))] == [Kind.CADES]


def test_a_package_inside_a_structure_is_its_content(pki: Pki) -> None:
    data = pki.sign_cms(zipped(sign_docx(pki)), detached=False)
    assert [each.kind for each in detected(io.BytesIO(data))] == [Kind.CADES]


def test_every_block_of_a_text_is_read(tmp_path: Path, pki: Pki) -> None:
    good, bad = pem(enclosing(pki)), pem(damaged(enclosing(pki)))
    found = read(tmp_path, good + bad).objects
    assert [(each.name, each.integrity) for each in found] == [("1", Integrity.INTACT), ("2", Integrity.BROKEN)]
    assert not any(each.coverage.whole for each in found)
    found = read(tmp_path, good + b"-----BEGIN PKCS7-----\n????\n-----END PKCS7-----").objects
    assert [each.integrity for each in found] == [Integrity.INTACT, Integrity.BROKEN]
    found = read(tmp_path, good.replace(b"-----END CMS-----", b"") + bad).objects
    assert [each.integrity for each in found] == [Integrity.INTACT, Integrity.BROKEN]


def test_a_block_of_ours_behind_others_is_found(tmp_path: Path, pki: Pki) -> None:
    data = pem(b"\x30\x00") * 3 + b"words" * 300_000 + pem(damaged(enclosing(pki)), "PKCS7")
    found = read(tmp_path, data, "x.txt").objects
    assert [each.integrity for each in found] == [Integrity.BROKEN] * 4


def test_words_around_a_block_are_named(tmp_path: Path, pki: Pki) -> None:
    for data in (b"I agree:\n" + pem(enclosing(pki)), pem(enclosing(pki)) + b"or not"):
        (only,) = read(tmp_path, data).objects
        assert only.integrity is Integrity.INTACT
        assert not only.coverage.whole


def test_more_blocks_than_are_looked_at_are_told(tmp_path: Path, pki: Pki) -> None:
    found = read(tmp_path, pem(b"\x30\x00") * MOST_BLOCKS + pem(damaged(enclosing(pki)))).objects
    assert found[-1].integrity is Integrity.UNKNOWN
