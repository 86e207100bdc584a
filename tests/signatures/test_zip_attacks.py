"""What a zip can say beside its members, and members that are not what they seem, in containers and documents."""

from __future__ import annotations

import io
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from formats.package.zip_extra import says_more
from signatures.report import Integrity, SignatureReport, SubIndication
from tests.packed import zipped as package
from tests.signatures.asic_builder import FILES, parts, with_xades, zipped
from tests.signatures.judging import signature
from tests.signatures.office_signing import BARE, ODT, sign_docx, sign_odt
from tests.signatures.pki import Pki, day


def judged(folder: Path, pki: Pki, data: bytes) -> SignatureReport:
    return signature(folder, pki, data, day(2026, 6))


def again(data: bytes, *, extra: bytes = b"", mode: int = 0, attributes: int = 0, folders: tuple[str, ...] = ()) -> bytes:
    """The same zip, with extra fields and a mode of its second member, and entries of folders."""
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as held, zipfile.ZipFile(out, "w") as archive:
        for number, each in enumerate(held.infolist()):
            if number == 1:
                each.extra = extra
                each.external_attr = mode << 16 | attributes
            archive.writestr(each, held.read(each.filename))
        for name in folders:
            archive.writestr(zipfile.ZipInfo(name), b"")
    return out.getvalue()


def made(pki: Pki) -> list[bytes]:
    return [zipped(parts(pki)), zipped(with_xades(pki)), package(sign_odt(pki))]


def test_a_folder_whose_name_says_something(tmp_path: Path, pki: Pki) -> None:
    for data in made(pki):
        assert judged(tmp_path, pki, again(data)).coverage.whole
        report = judged(tmp_path, pki, again(data, folders=("META-INF/", "paid in full/", "a/b/")))
        assert (report.integrity, report.coverage.left) == (Integrity.INTACT, ("paid in full/", "a/b/"))


TIMES = struct.pack("<HHBL", 0x5455, 5, 1, 0)


@pytest.mark.parametrize(
    "extra", [struct.pack("<HH", 0x4141, 4) + b"evil", TIMES + b"evil", struct.pack("<HH", 0x5455, 9) + b"paid full", b"abc"]
)
def test_an_extra_field_that_says_something(tmp_path: Path, pki: Pki, extra: bytes) -> None:
    for data in made(pki):
        report = judged(tmp_path, pki, again(data, extra=extra))
        if report.coverage.left:
            assert (report.integrity, report.coverage.left) == (Integrity.INTACT, ("(extra field)",))
        else:
            assert not says_more(extra)


@pytest.mark.parametrize(
    "extra",
    [
        b"",
        TIMES,
        struct.pack("<HHHHLL", 0x7875, 11, 0x0401, 1000, 0x04000000, 0)[:15],
        struct.pack("<HH", 0xCAFE, 0),
        struct.pack("<HHHH", 0xA220, 40, 0xA028, 36) + b"\0" * 36,
        b"\0\0\0\0\0",
        struct.pack("<HHL", 0x0A, 32, 0) + b"\1" * 28,
    ],
)
def test_extra_fields_of_honest_programs_say_nothing(extra: bytes) -> None:
    assert not says_more(extra)
    assert says_more(extra + struct.pack("<HH", 0x4141, 1) + b"e")


@pytest.mark.parametrize("mode", [0o120777, 0o010644, 0o060644, 0o040755])
def test_a_member_that_is_unpacked_as_something_else(tmp_path: Path, pki: Pki, mode: int) -> None:
    """As a link it would show what another file holds."""
    for data in made(pki):
        report = judged(tmp_path, pki, again(data, mode=mode))
        assert (report.integrity, report.verdict.sub) == (Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE)
        assert judged(tmp_path, pki, again(data, mode=0o100644)).integrity is Integrity.INTACT
    assert judged(tmp_path, pki, again(made(pki)[0], attributes=0x10)).integrity is Integrity.UNKNOWN


@pytest.mark.parametrize(("blanks", "left"), [("\n", ()), ("\r\n", ()), (" \t" * 8, ("mimetype",)), ("\n\n", ("mimetype",))])
def test_blanks_behind_a_media_type(tmp_path: Path, pki: Pki, blanks: str, left: tuple[str, ...]) -> None:
    report = judged(tmp_path, pki, zipped(parts(pki), kind=f"application/vnd.etsi.asic-e+zip{blanks}"))
    assert (report.integrity, report.coverage.left) == (Integrity.INTACT, left)


NAME = "cong van.txt"
TWINS = {
    "a blank behind": NAME + " ",
    "a dot behind": NAME + ".",
    "a letter of Cyrillic": "c\u043eng van.txt",
    "capitals of Cyrillic": "C\u041eNG VAN.TXT",
    "a letter of Greek": "c\u03bfng van.txt",
    "both": "\u0441\u03bfng v\u0430n.txt.",
}


@pytest.mark.parametrize("twin", TWINS.values(), ids=TWINS)
def test_names_that_some_take_for_one(tmp_path: Path, pki: Pki, twin: str) -> None:
    def refused(data: bytes) -> bool:
        report = judged(tmp_path, pki, data)
        return report.integrity is Integrity.UNKNOWN and report.verdict.sub is SubIndication.SIG_CONSTRAINTS_FAILURE

    cases: list[Mapping[str, bytes]] = [parts(pki) | {twin: b"other"}, with_xades(pki) | {twin: b"other"}]
    assert all(refused(zipped(each)) for each in cases)
    assert refused(package(sign_odt(pki, {**ODT, NAME: b"1"}) | {twin: b"2"}))
    assert refused(package(sign_docx(pki, BARE) | {f"word/{NAME}": b"1", f"word/{twin}": b"2"}))
    assert refused(zipped(parts(pki) | {f"phu-luc{twin[len(NAME) :]}/\u0430": b"", "phu-luc/a": b""}))


@pytest.mark.parametrize(
    "others",
    [("Phụ lục I.txt", "Phụ lục 1.txt", "Phụ lục l.txt"), ("а.txt", "б.txt", "в.txt"), ("Đơn.txt", "Don.txt", "Dơn.txt")],
)
def test_names_that_only_resemble_each_other(tmp_path: Path, pki: Pki, others: tuple[str, ...]) -> None:
    files = FILES | dict.fromkeys(others, b"x")
    assert judged(tmp_path, pki, zipped(parts(pki, files=files))).verdict.passed
