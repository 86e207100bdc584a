"""Certificates that are not written as DER has it, and are out there: they are read as common programs read them, what was signed is
checked over the very bytes, no check of a path is left out, and it is told."""

from __future__ import annotations

import base64
import subprocess
import sys
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given
from hypothesis import strategies as st

from signatures import der
from signatures.algorithms import load_certificate
from signatures.anchors import Anchors
from signatures.ber import Malformed
from signatures.certificate_files import parse_certificates
from signatures.certificates import Certificate, certificates_of
from signatures.errors import InvalidToken
from signatures.mended import MOST_MENDED, Signed, mended, read_as
from signatures.odd_account import MOST_ODD, OddAccount
from signatures.report import Integrity
from signatures.revocation import load_crl, loaded
from signatures.timestamps.token import read_token
from signatures.timestamps.trust import Believed, Trust
from tests.signatures.odd_house import (
    AT,
    BASIC,
    CA,
    CONSTRAINTS,
    SIGN,
    SIGNER,
    USAGE,
    YES,
    House,
    attribute,
    cms_by,
    extension,
    judged,
    key,
    named,
    spki,
    stamp_by,
    strings,
    times,
)
from tests.signatures.pki import Pki
from tests.signatures.test_odd_certificates import all_asked, changed

HOUSE = House()
NEVER = extension("1.3.6.1.5.5.7.48.1.5", b"\x05\x00")
STAMPS = der.sequence(der.write_oid("1.3.6.1.5.5.7.3.8"))
NAME = named(strings(0x0C, b"A"))
LETTERS = {
    "teletex": strings(0x14, "Nguyễn é".encode("latin-1", "replace")),
    "latin-1 in teletex": strings(0x14, b"\xe9\xe8ab"),
    "printable": strings(0x13, b"a@_b & *"),
    "ia5": strings(0x16, b"a\xe9bc"),
    "latin-1 in utf-8": strings(0x0C, b"\xe9abc"),
}


def unsigned_modulus() -> bytes:
    """An RSA key whose modulus is written without the zero that says that it is positive."""
    numbers = key("rsa").public_key().public_numbers()
    modulus = der.encode(der.INTEGER, numbers.n.to_bytes(256, "big"))
    inner = der.sequence(modulus, der.write_integer(numbers.e))
    algorithm = der.sequence(der.write_oid("1.2.840.113549.1.1.1"), b"\x05\x00")
    return der.sequence(algorithm, der.encode(der.BIT_STRING, b"\0", inner))


def odd() -> dict[str, bytes]:
    made = {name: HOUSE.issued(named(value)) for name, value in LETTERS.items()}
    serial = attribute("2.5.4.5", strings(0x13, b"zzz"))
    begin = {
        "no seconds": b"\x17\x0b2501010000Z",
        "an offset": b"\x17\x11250101000000+0700",
        "a fraction": b"\x18\x1120250101000000.5Z",
    }
    return {
        **made,
        **{name: HOUSE.issued(NAME, validity=times(value)) for name, value in begin.items()},
        "a set out of order": HOUSE.issued(der.sequence(der.encode(0x31, serial, attribute("2.5.4.3", strings(0x0C, b"a"))))),
        "critical false": HOUSE.issued(NAME, extensions=[extension(BASIC, b"\x30\x00", b"\x01\x01\x00"), *SIGNER]),
        "critical as 01": HOUSE.issued(NAME, extensions=[extension(USAGE, SIGN, b"\x01\x01\x01")]),
        "a number with a zero": HOUSE.issued(NAME, serial=b"\x02\x02\x00\x05"),
        "version 1 written out": HOUSE.issued(NAME, version=b"\xa0\x03\x02\x01\x00", extensions=()),
        "a long length": HOUSE.issued(b"\x30\x81" + NAME[1:]),
        "truth as 01 in an extension": HOUSE.issued(
            NAME, extensions=[*SIGNER, extension(BASIC, b"\x30\x06\x01\x01\x01\x02\x01\x00", YES)]
        ),
    }


ODD = odd()


@pytest.mark.parametrize("what", ODD)
def test_what_common_programs_read_is_read(tmp_path: Path, what: str) -> None:
    report = judged(tmp_path, cms_by(ODD[what]), HOUSE.anchor(), crls=[HOUSE.list()])
    assert report.integrity is Integrity.INTACT
    assert str(report.verdict) == "TOTAL-PASSED", report.verdict.why
    assert [each.code for each in report.notes] == ["SIG-CERTIFICATE-ODD"]
    assert "⟦" not in report.notes[0].text("vi")


def test_a_plain_one_is_told_of_nothing(tmp_path: Path) -> None:
    report = judged(tmp_path, cms_by(HOUSE.issued(NAME)), HOUSE.anchor(), crls=[HOUSE.list()])
    assert str(report.verdict) == "TOTAL-PASSED"
    assert not report.notes


def test_a_modulus_is_never_negative(tmp_path: Path) -> None:
    made = HOUSE.issued(NAME, public=unsigned_modulus())
    report = judged(tmp_path, cms_by(made, "rsa"), HOUSE.anchor(), crls=[HOUSE.list()])
    assert str(report.verdict) == "TOTAL-PASSED"
    assert [each.code for each in report.notes] == ["SIG-CERTIFICATE-ODD"]
    assert Certificate(made).key_octets == bytes(unsigned_modulus()[-len(Certificate(made).key_octets) :])


def test_of_a_key_that_is_not_understood_nothing_is_known(tmp_path: Path) -> None:
    algorithm = der.sequence(der.write_oid("1.2.840.10045.2.1"), der.write_oid("1.2.3.4"))
    made = HOUSE.issued(NAME, public=der.sequence(algorithm, der.encode(der.BIT_STRING, b"\0\4", bytes(64))))
    report = judged(tmp_path, cms_by(made), HOUSE.anchor(), crls=[HOUSE.list()])
    assert str(report.verdict) == "INDETERMINATE/CRYPTO_CONSTRAINTS_FAILURE"
    assert report.integrity is Integrity.UNKNOWN


@pytest.mark.parametrize("value", LETTERS.values(), ids=LETTERS)
def test_issuers_are_read_likewise(tmp_path: Path, value: bytes) -> None:
    house = House(named(value))
    middle = house.issued(named(strings(0x14, b"M\xe9")), own="middle", extensions=CA, serial=b"\x02\x01\x02")
    leaf = house.issued(NAME, by="middle", issuer=named(strings(0x14, b"M\xe9")))
    lists = [house.list(), house.list(issuer=named(strings(0x14, b"M\xe9")), by="middle")]
    report = judged(tmp_path, cms_by(leaf, along=[middle]), house.anchor(), crls=lists)
    assert str(report.verdict) == "TOTAL-PASSED", report.verdict.why
    assert len(report.notes) == 3


def test_zeros_and_blanks_behind_are_none_of_it(tmp_path: Path) -> None:
    made = HOUSE.issued(NAME)
    for behind in (b"\0\0", b"\r\n"):
        assert Certificate(made + behind) == Certificate(made)
        assert Certificate(made + behind).odd
        assert list(parse_certificates(made + behind)) == [Certificate(made)]
    with pytest.raises(ValueError, match="follow"):
        Certificate(made + b"x")


# -- what must not be lost ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("what", ODD)
def test_the_signature_is_over_the_very_bytes(tmp_path: Path, what: str) -> None:
    """One that the library would be given in the very same form was not signed."""
    made = ODD[what]
    again = read_as(made)
    assert again != made
    assert Certificate(made).signed_by(Certificate(HOUSE.anchor()))
    assert not Certificate(again).signed_by(Certificate(HOUSE.anchor()))
    assert Certificate(again) != Certificate(made)
    report = judged(tmp_path, cms_by(again), HOUSE.anchor(), crls=[HOUSE.list()])
    assert str(report.verdict).startswith("INDETERMINATE")


ODD_NAME = named(LETTERS["latin-1 in teletex"])


def restricted(oid: str, value: bytes, critical: bytes) -> list[bytes]:
    return [*SIGNER, extension(oid, value, critical)]


REFUSED = {
    "an extension that nobody knows": HOUSE.issued(ODD_NAME, extensions=restricted("1.2.3.4", b"\x05\x00", b"\x01\x01\x01")),
    "a use that is no signing": HOUSE.issued(ODD_NAME, extensions=[extension(USAGE, bytes.fromhex("03020520"), b"\x01\x01\x01")]),
    "a use that cannot be read": HOUSE.issued(ODD_NAME, extensions=[extension(USAGE, b"\x04\x01\x00", YES)]),
    "a use that stands there twice": HOUSE.issued(ODD_NAME, extensions=[*SIGNER, *SIGNER]),
    "an end long ago": HOUSE.issued(NAME, validity=times(end=b"\x17\x0b2601010000Z")),
    "a begin to come": HOUSE.issued(NAME, validity=times(b"\x17\x0b2701010000Z")),
    "a time of no zone": HOUSE.issued(NAME, validity=times(b"\x18\x0e20250101000000")),
    "another's signature": HOUSE.issued(ODD_NAME, by="signer"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_no_check_is_left_out(tmp_path: Path, what: str) -> None:
    report = judged(tmp_path, cms_by(REFUSED[what]), HOUSE.anchor(), crls=[HOUSE.list()])
    assert not report.verdict.passed
    assert report.integrity is not Integrity.BROKEN


PERMITTED = extension(CONSTRAINTS, der.sequence(der.encode(0xA0, der.sequence(der.encode(0xA4, ODD_NAME)))), b"\x01\x01\x01")
EXCLUDED = extension(CONSTRAINTS, der.sequence(der.encode(0xA1, der.sequence(der.encode(0xA4, ODD_NAME)))), b"\x01\x01\x01")
MIDDLES = {
    "no authority": ([extension(BASIC, b"\x30\x03\x01\x01\x00", b"\x01\x01\x01"), CA[1]], ODD_NAME, False),
    "no constraints at all": ([CA[1]], ODD_NAME, False),
    "may not issue": ([CA[0], extension(USAGE, SIGN, b"\x01\x01\x01")], ODD_NAME, False),
    "the name that it may give": ([*CA, PERMITTED], ODD_NAME, True),
    "the same letters of another kind": ([*CA, PERMITTED], named(strings(0x0C, "éèab".encode())), True),
    "another name than it may give": ([*CA, PERMITTED], named(strings(0x14, b"\xe9\xe8ax")), False),
    "a name that it may not give": ([*CA, EXCLUDED], ODD_NAME, False),
    "that name in letters of another kind": ([*CA, EXCLUDED], named(strings(0x0C, "éèab".encode())), False),
}


@pytest.mark.parametrize("what", MIDDLES)
def test_an_authority_in_between_is_held_to_what_it_may(tmp_path: Path, what: str) -> None:
    rules, subject, passes = MIDDLES[what]
    name = named(strings(0x13, b"M@"))
    middle = HOUSE.issued(name, own="middle", extensions=rules, serial=b"\x02\x01\x02")
    leaf = HOUSE.issued(subject, by="middle", issuer=name)
    lists = [HOUSE.list(), HOUSE.list(issuer=name, by="middle")]
    report = judged(tmp_path, cms_by(leaf, along=[middle]), HOUSE.anchor(), crls=lists)
    assert report.integrity is Integrity.INTACT
    assert report.verdict.passed is passes, report.verdict.why


def row(serial: bytes, when: bytes = b"\x17\x0d260301000000Z") -> bytes:
    return der.sequence(serial, when)


@pytest.mark.parametrize(
    "listed", [row(b"\x02\x01\x05"), row(b"\x02\x02\x00\x05"), row(b"\x02\x01\x05", b"\x17\x11260301000000+0700")]
)
@pytest.mark.parametrize("name", ["latin-1 in teletex", "printable", ""])
def test_an_odd_list_revokes(tmp_path: Path, listed: bytes, name: str) -> None:
    house = House(named(LETTERS[name])) if name else HOUSE
    made = house.issued(NAME)
    report = judged(tmp_path, cms_by(made), house.anchor(), crls=[house.list(listed)])
    assert str(report.verdict).startswith("INDETERMINATE/REVOKED")
    other = judged(tmp_path, cms_by(made), house.anchor(), crls=[house.list(row(b"\x02\x02\x00\x06"))])
    assert other.verdict.passed


def test_an_odd_list_that_another_signed_says_nothing(tmp_path: Path) -> None:
    house = House(ODD_NAME)
    report = judged(tmp_path, cms_by(house.issued(NAME)), house.anchor(), crls=[house.list(by="signer")])
    assert str(report.verdict).startswith("INDETERMINATE")


RESPONDER = named(LETTERS["printable"])
ANSWERS = extension("2.5.29.37", der.sequence(der.write_oid("1.3.6.1.5.5.7.3.9")))


@pytest.mark.parametrize("produced", [b"\x18\x0f20260501000000Z", b"\x18\x1120260501000000.5Z"])
def test_an_odd_responder_is_heard(tmp_path: Path, produced: bytes) -> None:
    house = House(ODD_NAME)
    made = house.issued(NAME)
    responder = house.issued(RESPONDER, own="responder", serial=b"\x02\x01\x07", extensions=[*SIGNER, ANSWERS, NEVER])
    good, gone = b"\x80\x00", der.encode(0xA1, b"\x18\x0f20260301000000Z")
    for status, expected in ((good, "TOTAL-PASSED"), (gone, "INDETERMINATE/REVOKED")):
        answer = house.answer(made, status, responder=responder, by="responder", produced=produced)
        report = judged(tmp_path, cms_by(made), house.anchor(), ocsps=[answer])
        assert str(report.verdict).startswith(expected), report.verdict.why
    forged = house.answer(made, good, responder=responder, by="signer", produced=produced)
    assert not judged(tmp_path, cms_by(made), house.anchor(), ocsps=[forged]).verdict.passed


def test_an_odd_authority_stamps() -> None:
    house = House(ODD_NAME)
    own = named(LETTERS["ia5"])
    made = house.issued(own, own="tsa", extensions=[*SIGNER, extension("2.5.29.37", STAMPS, b"\x01\x01\x01")])
    token = read_token(stamp_by(made, "tsa"))
    assert token.certificate_der == made
    trust = Trust(Anchors.of([Certificate(house.anchor())]))
    assert trust.of(token, AT).believed is Believed.YES
    forged = house.issued(own, own="tsa", by="tsa", extensions=[*SIGNER, extension("2.5.29.37", STAMPS, YES)])
    assert trust.of(read_token(stamp_by(forged, "tsa")), AT).believed is Believed.NO
    optional = house.issued(own, own="tsa", extensions=[*SIGNER, extension("2.5.29.37", STAMPS, b"\x01\x01\x00")])
    with pytest.raises(InvalidToken):
        read_token(stamp_by(optional, "tsa"))


def test_of_a_token_by_a_key_that_is_not_understood_nothing_is_known() -> None:
    algorithm = der.sequence(der.write_oid("1.2.840.10045.2.1"), der.write_oid("1.2.3.4"))
    public = der.sequence(algorithm, der.encode(der.BIT_STRING, b"\0\4", bytes(64)))
    made = HOUSE.issued(NAME, public=public, extensions=[*SIGNER, extension("2.5.29.37", STAMPS, YES)])
    with pytest.raises(InvalidToken) as raised:
        read_token(stamp_by(made, "tsa"))
    assert raised.value.beyond


def test_of_a_token_in_an_algorithm_that_is_not_understood_nothing_is_known() -> None:
    made = HOUSE.issued(NAME, own="tsa", extensions=[*SIGNER, extension("2.5.29.37", STAMPS, YES)])
    token = stamp_by(made, "tsa")
    known, strange = der.write_oid("1.2.840.10045.4.3.2"), der.write_oid("1.2.840.10045.4.3.9")
    at = token.rindex(known)
    with pytest.raises(InvalidToken) as raised:
        read_token(token[:at] + strange + token[at + len(known) :])
    assert raised.value.beyond


def test_an_authority_that_says_two_things_is_none(tmp_path: Path) -> None:
    """Of an extension that stands there twice readers take the first, the last, or none."""
    no = extension(BASIC, b"\x30\x00", YES)
    for rules in ([no, *CA], [*CA, no], [*CA, CA[1]]):
        middle = HOUSE.issued(ODD_NAME, own="middle", extensions=rules, serial=b"\x02\x01\x02")
        leaf = HOUSE.issued(NAME, by="middle", issuer=ODD_NAME)
        lists = [HOUSE.list(), HOUSE.list(issuer=ODD_NAME, by="middle")]
        report = judged(tmp_path, cms_by(leaf, along=[middle]), HOUSE.anchor(), crls=lists)
        assert report.integrity is Integrity.INTACT
        assert not report.verdict.passed


@pytest.mark.parametrize("truth", [b"\x01\x00", b"\x01\x02\x00\x00", b"\x01\x02\x00\x01"])
def test_a_truth_that_is_none_is_no_truth(truth: bytes) -> None:
    with pytest.raises(ValueError, match="parsing"):
        Certificate(HOUSE.issued(ODD_NAME, extensions=[extension("1.2.3.4", b"\x05\x00", truth)]))


# -- what is mended, and within which bounds ---------------------------------------------------------------------------------------


def test_what_der_has_stays_as_it_is(pki: Pki) -> None:
    for name in ("root", "signer1", "tsa"):
        with pytest.raises(Malformed):
            mended(pki.certificate(name).der)
        assert Signed.of(pki.certificate(name).der).body == pki.certificate(name).x509.tbs_certificate_bytes


@given(st.sampled_from((0x0C, 0x13, 0x14, 0x16, 0x1A, 0x1E, 0x12)), st.text(min_size=1, max_size=8))
def test_a_name_that_the_library_reads_stays_as_it_is(tag: int, text: str) -> None:
    """So that a name says the same in each certificate that has it, be that one read as it stands or not."""
    name = named(der.encode(tag, text.encode("utf-16-be" if tag == 0x1E else "utf-8")))
    try:
        _ = x509.load_der_x509_certificate(HOUSE.issued(name)).subject
    except (ValueError, TypeError):
        return
    assert read_as(name) == name


@pytest.mark.parametrize("body", [b"2025010112.5Z", b"202501011200.5Z", b"202501011200,5+0700"])
def test_of_an_hour_or_a_minute_no_part_is_dropped(body: bytes) -> None:
    part = der.encode(der.GENERALIZED_TIME, body)
    assert read_as(part) == part
    with pytest.raises(Malformed):
        Certificate(HOUSE.issued(NAME, validity=times(part)))


def test_a_key_that_nobody_knows_has_octets(tmp_path: Path) -> None:
    """By which an answer may name who signed it, or the issuer of whom it speaks."""
    public = der.sequence(der.sequence(der.write_oid("1.2.3.4")), der.encode(der.BIT_STRING, b"\0", bytes(range(64))))
    made = HOUSE.issued(NAME, own="middle", public=public, extensions=CA)
    asked = "import sys; from signatures.certificates import Certificate; print(Certificate(bytes.fromhex(sys.argv[1])).key_octets.hex())"
    alone = subprocess.run([sys.executable, "-c", asked, made.hex()], capture_output=True, text=True, check=False)
    assert alone.stdout.strip() == bytes(range(64)).hex(), alone.stderr  # no other library is there yet that knows more keys
    assert Certificate(made).key_octets == bytes(range(64))
    rules = [*SIGNER, ANSWERS, NEVER]
    strange = HOUSE.issued(RESPONDER, own="responder", serial=b"\x02\x01\x07", public=public, extensions=rules)
    signer = HOUSE.issued(NAME)
    answer = HOUSE.answer(signer, b"\x80\x00", responder=strange, by="responder", produced=b"\x18\x0f20260501000000Z", keyed=True)
    report = judged(tmp_path, cms_by(signer), HOUSE.anchor(), ocsps=[answer])
    assert str(report.verdict) == "INDETERMINATE/TRY_LATER"


def test_a_damaged_one_is_read_or_is_none() -> None:
    assert all_asked(changed(ODD["critical as 01"]))


def test_strings_in_one_another_are_opened_a_few_times() -> None:
    value = strings(0x13, b"@")
    for _ in range(2000):
        value = der.sequence(der.write_oid("1.2.3"), der.encode(der.OCTET_STRING, value))
    assert load_crl(value) is None
    assert mended(der.sequence(strings(0x13, b"@"), value)).odd == ("letters",)


def test_no_more_is_written_anew_than_is_looked_at() -> None:
    listed = HOUSE.list(*[row(b"\x02\x02\x00\x05")] * (MOST_MENDED // 3))
    began = time.process_time()
    assert load_crl(listed) is None
    assert time.process_time() - began < 5


def test_the_library_is_given_what_it_reads_as_it_stands() -> None:
    """An authority's certificate, for time-stamps."""
    made = ODD["latin-1 in teletex"]
    assert isinstance(load_certificate(made).public_key(), ec.EllipticCurvePublicKey)
    assert load_certificate(made).subject.rfc4514_string() == "CN=éèab"
    assert Certificate(made).facts.common_name == "éèab"
    assert Certificate(made).subject == ODD_NAME
    assert Anchors.of([Certificate(made)]).of_certificate(Certificate(base64.b64decode(base64.b64encode(made))))
    assert spki("signer") in made


def test_of_odd_ones_in_one_structure_not_all_are_read() -> None:
    """For writing them anew takes longer than reading; what is plain is read however many there are."""
    plain = [HOUSE.issued(named(strings(0x0C, str(each).encode())), serial=der.write_integer(each + 1)) for each in range(3)]
    many = [HOUSE.issued(named(LETTERS["ia5"]), serial=der.write_integer(each + 1)) for each in range(1300)]
    read = list(certificates_of([*many, *plain]))
    assert sum(map(len, many)) > MOST_ODD
    assert 0 < len(read) - 3 <= MOST_ODD // min(map(len, many))
    assert [each.der for each in read[-3:]] == plain
    lists = [HOUSE.list(update=b"\x17\x0b2605010000Z"), HOUSE.list()]
    assert len(loaded(load_crl, lists * 2, OddAccount())[0]) == 4


SPOILED = extension("2.5.29.17", der.sequence(der.encode(0x81, b"\xe9@x.vn")))
"""An alternative name that no library reads."""


def test_an_extension_that_cannot_be_read_hides_no_other(tmp_path: Path) -> None:
    forbids = extension(USAGE, bytes.fromhex("03020520"), YES)
    for rules, signs in ((SIGNER, True), ([forbids], False), ([*SIGNER, *SIGNER], False)):
        made = HOUSE.issued(NAME, extensions=[*rules, SPOILED])
        assert Certificate(made).may_sign is signs
        report = judged(tmp_path, cms_by(made), HOUSE.anchor(), crls=[HOUSE.list()])
        assert report.verdict.passed is signs


def test_an_address_with_letters_that_it_may_not_have(tmp_path: Path) -> None:
    access = der.sequence(der.write_oid("1.3.6.1.5.5.7.48.2"), der.encode(0x86, b"http://a.vn/\xe9"))
    found = Certificate(HOUSE.issued(NAME, extensions=[*SIGNER, extension("1.3.6.1.5.5.7.1.1", der.sequence(access))]))
    assert list(found.addresses()) == [("ca", "http://a.vn/%E9")]
    assert found.may_sign
    made = HOUSE.issued(NAME, extensions=[*SIGNER, extension("2.5.29.17", der.sequence(der.encode(0x86, b"http://a.vn/\xe9")))])
    assert judged(tmp_path, cms_by(made), HOUSE.anchor(), crls=[HOUSE.list()]).verdict.passed
