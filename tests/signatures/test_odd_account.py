"""What it costs to read odd certificates is bounded for the whole file, counted by the bytes that are written anew; what is beyond is told,
and is neither passed nor broken."""

from __future__ import annotations

import base64
import io
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from asn1crypto import cms, x509
from asn1crypto import pem as asn1_pem

from policies.trust import default_algorithms
from signatures import der, mended
from signatures.anchors import Anchors, load_anchors
from signatures.certificates import Certificate, certificates_of
from signatures.judgement import Context, ValidationData, judge
from signatures.odd_account import MOST_ODD, one_account
from signatures.report import Indication, Integrity, Role, SignatureReport
from signatures.validation_data import read_any
from signatures.xmldsig.c14n import MOST_VISITS, Refused, Work
from signatures.xmldsig.key_info import charged
from tests.signatures.cms_attributes import INTERNAL, record_over, token, with_attribute
from tests.signatures.judging import read
from tests.signatures.odd_house import AT, SIGNER, House, cms_by, extension, named, strings
from tests.signatures.pki import Pki, day
from tests.signatures.test_odd_certificates import ASKED

HOUSE = House()
CERTIFICATE_VALUES = "1.2.840.113549.1.9.16.2.23"
ODD_TRUTH = extension("2.5.29.15", bytes.fromhex("030206c0"), b"\x01\x01\x01")
SPOILED = extension("2.5.29.17", der.sequence(der.encode(0x87, b"\1\2\3")))
"""An alternative name that the library does not read."""
FAT = 60_000


def fat(number: int, *extensions: bytes) -> bytes:
    """A certificate with a long key of a kind of its own, which could be the issuer's by its name, so that it is asked."""
    algorithm = der.sequence(der.write_oid(f"1.2.3.4.{number}"), der.sequence(der.encode(der.OCTET_STRING, bytes(FAT))))
    public = der.sequence(algorithm, der.encode(der.BIT_STRING, b"\0\1"))
    return HOUSE.issued(HOUSE.root, serial=der.write_integer(100 + number), public=public, extensions=extensions)


def plain() -> bytes:
    return HOUSE.issued(named(strings(0x0C, b"A")))


def pem(*along: bytes) -> bytes:
    made = (base64.encodebytes(cms_by(plain(), along=[each])) for each in along)
    return b"".join(b"-----BEGIN PKCS7-----\n" + each + b"-----END PKCS7-----\n" for each in made)


def zipped(*along: bytes) -> bytes:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        for number, each in enumerate(along):
            archive.writestr(f"{number}.p7m", cms_by(plain(), along=[each]))
    return made.getvalue()


def attributes(*along: bytes) -> bytes:
    data = cms_by(plain())
    for each in along:
        data = with_attribute(data, CERTIFICATE_VALUES, der.sequence(each))
    return data


def enclosed(*along: bytes) -> bytes:
    return cms_by(plain(), along=along)


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The lengths of all elements that were written anew, without those that stand in one of them."""
    found: list[int] = []
    real = mended._Pen.written

    def counted(pen: mended._Pen, data: bytes) -> bytes:
        found.append(0 if pen._opened else len(data))
        return real(pen, data)

    monkeypatch.setattr(mended._Pen, "written", counted)
    return found


def reports(folder: Path, data: bytes, **named: list[bytes]) -> tuple[SignatureReport, ...]:
    context = Context(Anchors.of([Certificate(HOUSE.anchor())]), default_algorithms(), AT)
    return judge(read(folder, data), context, beside=[ValidationData(crls=(HOUSE.list(),))])


@pytest.mark.parametrize("rows", [(ODD_TRUTH,), (*SIGNER, SPOILED)], ids=["odd", "an extension is not read"])
@pytest.mark.parametrize("held", [pem, zipped, attributes, enclosed])
def test_one_account_is_for_a_whole_file(
    tmp_path: Path, written: list[int], held: Callable[..., bytes], rows: tuple[bytes, ...]
) -> None:
    made = held(*(fat(each, *rows) for each in range(8)))
    written.clear()
    told = reports(tmp_path, made)
    assert 0 < sum(written) <= 3 * MOST_ODD
    assert {str(each.verdict) for each in told} == {"INDETERMINATE/GENERIC"}
    assert {each.verdict.why.code for each in told if each.verdict.why} == {"SIG-ODD-MANY"}
    assert {each.integrity for each in told} == {Integrity.INTACT}


def test_the_tokens_of_all_records_are_judged_on_one_account(tmp_path: Path, written: list[int]) -> None:
    """What a token brings along is read when it is asked whom to trust, and not before."""
    pki, when = Pki("ec"), day(2026, 3)
    numbers = iter(range(100))

    def stamped(imprint: bytes) -> bytes:
        made = cms.ContentInfo.load(token(pki, "tsa", when, imprint))
        for _ in range(3):
            made["content"]["certificates"].append(x509.Certificate.load(fat(next(numbers), ODD_TRUTH)))
        return bytes(made.dump())

    signed = pki.sign_cms(b"hello", when, detached=False)
    context = Context(Anchors.of(pki.anchors()), default_algorithms(), day(2026, 6))
    file = read(tmp_path, with_attribute(signed, INTERNAL, *(record_over(stamped, signed) for _ in range(8))))
    assert len(file.records) == 8
    written.clear()
    told = [
        each for each in judge(file, context, beside=[ValidationData(crls=tuple(pki.crls(when)))]) if each.role is Role.EVIDENCE
    ]
    assert 0 < sum(written) <= 3 * MOST_ODD
    beyond = [each.verdict for each in told if not each.verdict.passed]
    assert len(beyond) == 7, "of the first all is read"
    assert {each.indication for each in beyond} == {Indication.INDETERMINATE}
    assert all(each.why and "not written as the standard has it" in each.why.text("en") for each in beyond)


@pytest.mark.parametrize("held", [pem, zipped, attributes, enclosed])
def test_what_is_brought_again_is_read_once(tmp_path: Path, held: Callable[..., bytes]) -> None:
    again = fat(1, ODD_TRUTH)
    told = reports(tmp_path, held(*(8 * [again])))
    assert {str(each.verdict) for each in told} == {"TOTAL-PASSED"}


def test_what_the_operator_gives_is_read_to_its_end(tmp_path: Path) -> None:
    bundle = b"".join(asn1_pem.armor("CERTIFICATE", fat(each, ODD_TRUTH)) for each in range(6))
    assert len(bundle) > MOST_ODD
    assert len(read_any(bundle).certificates) == 6
    (tmp_path / "roots.pem").write_bytes(bundle)
    assert len(load_anchors(tmp_path).anchors) == 6


def test_each_file_has_an_account_of_its_own(tmp_path: Path) -> None:
    most = enclosed(*(fat(each, ODD_TRUTH) for each in range(4)))
    assert [str(each.verdict) for each in (*reports(tmp_path, most), *reports(tmp_path, most))] == 2 * ["TOTAL-PASSED"]


def test_elements_count_as_well_as_bytes() -> None:
    """For what takes long is to write each anew. Each twice: what was not read is not looked at again."""
    public = der.sequence(
        der.sequence(der.write_oid("1.2.3.4"), der.sequence(b"\5\0" * 800)), der.encode(der.BIT_STRING, b"\0\1")
    )
    small = [HOUSE.issued(HOUSE.root, serial=der.write_integer(each + 1), public=public) for each in range(60)]
    assert sum(map(len, small)) < MOST_ODD
    with one_account() as account:
        read_ = list(certificates_of(small * 2))
    assert account.beyond
    assert 20 < len(read_) < 2 * 40


def test_a_long_certificate_is_on_the_account_though_the_library_reads_it() -> None:
    """It took seconds for names of thousands of parts."""
    name = der.sequence(*(der.encode(0x31, der.sequence(der.write_oid("2.5.4.3"), der.encode(0x0C, b"x"))) for _ in range(1000)))
    many = [HOUSE.issued(name, serial=der.write_integer(each + 1)) for each in range(60)]
    with one_account() as account:
        assert 0 < len(list(certificates_of(many))) < 30
    assert account.beyond


def test_the_signer_beyond_the_account_is_told_by_the_bound(tmp_path: Path) -> None:
    long = HOUSE.issued(named(strings(0x0C, b"A")), extensions=[ODD_TRUTH, extension("1.2.3", der.encode(4, bytes(270_000)))])
    (told,) = reports(tmp_path, cms_by(long))
    assert str(told.verdict) == "INDETERMINATE/GENERIC"
    assert told.verdict.why is not None
    assert told.verdict.why.code == "SIG-ODD-MANY"
    assert "256 KiB" in told.verdict.why.text("vi")


def test_a_value_is_not_wrong_by_another_than_the_signer_who_was_not_read(tmp_path: Path) -> None:
    """Two certificates of one name and number, of which the signer's is beyond the account: the other's key made no such value."""
    long = HOUSE.issued(named(strings(0x0C, b"A")), extensions=[ODD_TRUTH, extension("1.2.3", der.encode(4, bytes(270_000)))])
    other = HOUSE.issued(named(strings(0x0C, b"A")), own="other")
    (told,) = reports(tmp_path, cms_by(long, along=[other], reference=None))
    assert str(told.verdict) == "INDETERMINATE/GENERIC"
    assert told.integrity is Integrity.UNKNOWN


def test_a_certificate_is_written_anew_twice_whatever_is_asked(written: list[int]) -> None:
    data = fat(1, *SIGNER, SPOILED)
    found = Certificate(data)
    for _ in range(3):
        for name in ASKED:
            getattr(found, name)
    assert found.may_sign
    assert sum(written) <= 2 * len(data)


def test_in_xml_what_is_not_plain_is_on_the_account_of_work() -> None:
    data, work = fat(1, *SIGNER, SPOILED), Work()
    assert charged(data, work).may_sign
    assert MOST_VISITS - work.left >= len(data) >> 2
    with pytest.raises(Refused):
        charged(data, Work(left=len(data) >> 3))


def test_what_is_remembered_of_odd_ones_is_bounded_by_bytes() -> None:
    long = [der.sequence(b"\x01\x01\x01", der.encode(der.OCTET_STRING, bytes((each,)) * 500_000)) for each in range(40)]
    tracemalloc.start()
    try:
        for each in long:
            assert mended.mended(each).odd == ("form",)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 8 << 20
