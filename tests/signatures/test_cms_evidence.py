"""Evidence records and archive time-stamps inside a CMS: proofs for decades after every certificate has expired, and for nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms as asn1
from asn1crypto import core

from policies.phrases import phrase
from policies.trust import default_algorithms
from signatures import ber, der
from signatures.anchors import Anchors
from signatures.attributes import CERTIFICATE_VALUES, SIGNATURE_STAMP, Attributes
from signatures.ber import Beyond, element, parts
from signatures.cms import certificates_in, open_cms
from signatures.cms_evidence import MOST_RECORDS
from signatures.judgement import Context, ValidationData, judge
from signatures.poe import Proof
from signatures.report import Integrity, Role, SignatureReport
from signatures.stamps import read_stamp
from tests.signatures import fuzz_elements
from tests.signatures.cms_attributes import EXTERNAL, INDEX, INTERNAL, archived, record_over, token, with_attribute
from tests.signatures.judging import read, signature
from tests.signatures.pki import Pki, day

CONTENT = b"Cong van so 1"
WHEN = day(2026, 3)


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki("ec")


@pytest.fixture(scope="module")
def stamped(pki: Pki) -> Callable[[bytes], bytes]:
    """Tokens of 2026 by an authority whose certificate lasts to 2060, so that no renewal is needed to look at one thing alone."""
    return partial(token, pki, "tsa", WHEN)


def data(pki: Pki) -> ValidationData:
    """What was collected in 2026, and is proven by nothing of its own."""
    return ValidationData(
        (pki.certificate("interm"), pki.certificate("tsa")), tuple(pki.crls(WHEN)), (pki.ocsp("signer1", WHEN),)
    )


def reports(folder: Path, pki: Pki, signed: bytes, at: datetime, beside: dict[str, bytes] | None = None) -> list[SignatureReport]:
    context = Context(Anchors.of(pki.anchors()), default_algorithms(), at)
    return list(judge(read(folder, signed, beside=beside), context, beside=[data(pki)]))


def test_an_internal_record_covers_the_cms_as_it_was(tmp_path: Path, pki: Pki, stamped: Callable[[bytes], bytes]) -> None:
    plain = pki.sign_cms(CONTENT, WHEN, detached=False)
    signed = with_attribute(plain, INTERNAL, record_over(stamped, plain))
    first, evidence = reports(tmp_path, pki, signed, day(2026, 6))
    assert (first.level, first.integrity, first.proven) == ("CAdES-ERS", Integrity.INTACT, WHEN)
    assert (evidence.role, evidence.integrity, str(evidence.verdict)) == (Role.EVIDENCE, Integrity.INTACT, "TOTAL-PASSED")
    assert [(each.kind, each.time) for each in evidence.stamps] == [("initial", WHEN)]
    assert not evidence.notes


def test_an_external_record_covers_the_content_too(tmp_path: Path, pki: Pki, stamped: Callable[[bytes], bytes]) -> None:
    plain = pki.sign_cms(CONTENT, WHEN)
    signed = with_attribute(plain, EXTERNAL, record_over(stamped, plain, CONTENT))
    _, evidence = reports(tmp_path, pki, signed, day(2026, 6), {"file": CONTENT})
    assert evidence.verdict.passed, evidence.verdict
    _, changed = reports(tmp_path, pki, signed, day(2026, 6), {"file": CONTENT + b"."})
    assert str(changed.verdict) == "TOTAL-FAILED/HASH_FAILURE"
    _, gone = reports(tmp_path, pki, signed, day(2026, 6))
    assert str(gone.verdict) == "INDETERMINATE/SIGNED_DATA_NOT_FOUND"


def indefinite(data: bytes, way: tuple[int, ...]) -> bytes:
    """The same with the elements on a way (which child of each) in BER's indefinite length, as streaming signers write them."""
    whole = element(data)
    if not way:
        return data
    inner = [data[each.start : each.end] for each in parts(data, whole)]
    inner[way[0]] = indefinite(inner[way[0]], way[1:])
    return bytes((data[0], 0x80)) + b"".join(inner) + b"\0\0"


def spliced(data: bytes, attribute: bytes) -> bytes:
    """An unsigned attribute put into a CMS of indefinite lengths, at the end of its one signer."""
    ends = b"\0\0" * 5  # of the signer, the signers, SignedData, what holds it, ContentInfo
    assert data.endswith(ends)
    return data[: -len(ends)] + b"\xa1\x80" + attribute + b"\0\0" + ends


@pytest.mark.parametrize("external", [False, True])
def test_a_record_in_a_cms_of_indefinite_lengths(
    tmp_path: Path, pki: Pki, stamped: Callable[[bytes], bytes], external: bool
) -> None:
    plain = indefinite(pki.sign_cms(CONTENT, detached=external), (1, 0, -1, 0, -1))
    record = record_over(stamped, plain, *((CONTENT,) if external else ()))
    oid = EXTERNAL if external else INTERNAL
    signed = spliced(plain, der.sequence(der.write_oid(oid), der.set_of([record])))
    file = read(tmp_path, signed, beside={"file": CONTENT} if external else None)
    assert [each.integrity for each in file.objects] == [Integrity.INTACT] * 2
    assert not file.records[0].object.notes


def test_a_record_over_the_der_of_a_cms_is_accepted_by_name(tmp_path: Path, pki: Pki, stamped: Callable[[bytes], bytes]) -> None:
    """Producers of TS 119 122-3 V1.1.1 hashed the DER of what stands there as BER."""
    plain = pki.sign_cms(CONTENT, detached=False)
    record = record_over(stamped, asn1.ContentInfo.load(plain).dump(force=True))
    signed = spliced(indefinite(plain, (1, 0, -1, 0, -1)), der.sequence(der.write_oid(INTERNAL), der.set_of([record])))
    (found,) = read(tmp_path, signed).records
    assert found.object.integrity is Integrity.INTACT
    assert [each.args["quirk"] for each in found.object.notes] == [phrase("evd-habit-der")]


def test_records_one_after_another_and_beside_each_other(tmp_path: Path, pki: Pki, stamped: Callable[[bytes], bytes]) -> None:
    plain = pki.sign_cms(CONTENT, WHEN, detached=False)
    once = with_attribute(plain, INTERNAL, record_over(stamped, plain))
    twice = with_attribute(once, INTERNAL, record_over(stamped, once))
    assert all(each.verdict.passed for each in reports(tmp_path, pki, twice, day(2026, 6))[1:])
    beside = with_attribute(once, INTERNAL, record_over(partial(token, pki, "tsa2", day(2029, 6)), plain))
    assert all(each.integrity is Integrity.INTACT for each in reports(tmp_path, pki, beside, day(2029, 7))[1:])


def test_of_hundreds_of_records_some_are_looked_at_and_no_cms_is_encoded_anew_without_end(
    tmp_path: Path, pki: Pki, stamped: Callable[[bytes], bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    """204 KB with three hundred of them took 15 s: each was held against all others, and against the DER of each rest."""
    signed = pki.sign_cms(CONTENT, WHEN, detached=False)
    record, looked, before = record_over(stamped, b"another"), list[int](), ber.guard

    def counted(data: bytes) -> int:
        looked.append(len(data))
        return before(data)

    signed = with_attribute(signed, INTERNAL, *[record] * (MOST_RECORDS + 270))
    monkeypatch.setattr(ber, "guard", counted)
    found = [each.object for each in read(tmp_path, signed).records]
    assert len(found) == MOST_RECORDS + 1
    assert {each.integrity for each in found[:-1]} == {Integrity.BROKEN}
    assert (found[-1].integrity, found[-1].why.code if found[-1].why else "") == (Integrity.UNKNOWN, "EVD-BEYOND")
    assert len(looked) < 3 * MOST_RECORDS + 5


def test_a_record_proves_the_signature_when_its_certificates_have_expired(tmp_path: Path, pki: Pki) -> None:
    """Without a time-stamp of its own a signature of 2026 is nothing in 2031; a record of 2026 renewed by one of 2029 carries it."""
    plain = pki.sign_cms(CONTENT, detached=False)
    first = with_attribute(plain, INTERNAL, record_over(partial(token, pki, "tsa", WHEN), plain))
    signed = with_attribute(first, INTERNAL, record_over(partial(token, pki, "tsa2", day(2029, 6)), first))
    proof = Proof(day(2026, 3, 2), "evidence")
    kept = ValidationData(data(pki).certificates, data(pki).crls, data(pki).ocsps, proof)
    without = signature(tmp_path, pki, plain, day(2031), kept=[kept])
    assert str(without.verdict) == "INDETERMINATE/OUT_OF_BOUNDS_NO_POE"
    report = signature(tmp_path, pki, signed, day(2031), kept=[kept])
    assert (report.verdict.passed, report.proven, report.proven_by) == (True, WHEN, "evidence"), report.verdict


def test_a_record_that_was_not_renewed_is_carried_by_the_archives_own_evidence(tmp_path: Path, pki: Pki) -> None:
    """An imported record need only hold until the archive's own proof of it: from there that proof carries it."""
    plain = pki.sign_cms(CONTENT, detached=False)
    signed = with_attribute(plain, INTERNAL, record_over(partial(token, pki, "tsa", WHEN), plain))
    kept = ValidationData(data(pki).certificates, data(pki).crls, data(pki).ocsps, Proof(day(2026, 3, 2), "evidence"))
    assert not signature(tmp_path, pki, signed, day(2045), kept=[kept]).verdict.passed
    ours = Proof(day(2026, 9), "evidence")
    report = signature(tmp_path, pki, signed, day(2045), existed=ours, kept=[kept])
    assert (report.verdict.passed, report.proven) == (True, WHEN), report.verdict


def test_one_changed_byte_of_what_a_record_covers_breaks_it(tmp_path: Path, pki: Pki, stamped: Callable[[bytes], bytes]) -> None:
    plain = pki.sign_cms(CONTENT, WHEN, detached=False)
    record = record_over(stamped, plain)
    signed = with_attribute(plain, INTERNAL, record)
    at = signed.index(record)
    for offset in range(40, len(signed), 173):
        damaged = bytearray(signed)
        damaged[offset] ^= 1
        for each in read(tmp_path, bytes(damaged)).records:
            if each.object.integrity is Integrity.INTACT:
                assert at <= offset < at + len(record), offset  # within the record: an unprotected field of its own token
                assert each.encoded != record


def test_an_archive_time_stamp_proves_what_its_index_names(tmp_path: Path, pki: Pki) -> None:
    plain = pki.sign_cms(CONTENT, WHEN, detached=False)
    long = archived(pki, plain, CONTENT, "tsa2", day(2029, 6))
    file = read(tmp_path, long)
    assert [(each.kind, each.token.integrity) for each in file.stamps] == [
        ("signature", Integrity.INTACT),
        ("archive", Integrity.INTACT),
    ]
    assert file.objects[0].level == "CAdES-LTA"
    assert not file.objects[0].notes
    assert file.stamps[0].sha256 in file.stamps[1].every
    first = ValidationData(data(pki).certificates, data(pki).crls, data(pki).ocsps, Proof(day(2026, 3, 2), "evidence"))
    news = ValidationData(
        crls=(pki.crl("tsaca1", day(2029, 6)),), existed=Proof(day(2029, 6), "evidence")
    )  # of the first authority
    assert not signature(tmp_path, pki, plain, day(2031), kept=[first, news]).verdict.passed
    report = signature(tmp_path, pki, long, day(2031), kept=[first, news])
    assert report.verdict.passed, report.verdict
    assert (report.proven, report.proven_by) == (WHEN, "time-stamp")


def test_an_archive_time_stamp_proves_no_value_that_was_added_later(tmp_path: Path, pki: Pki) -> None:
    """A second attribute of a type that the index has is another value (EN 319 122-1, 5.5.2)."""
    early, late = pki.certificate("tsaca1"), pki.certificate("tsaca2")
    signed = with_attribute(pki.sign_cms(CONTENT, WHEN, detached=False), CERTIFICATE_VALUES, der.sequence(early.der))
    long = archived(pki, signed, CONTENT, "tsa2", day(2029, 6))
    later = with_attribute(long, CERTIFICATE_VALUES, der.sequence(late.der))
    for data_, proven in ((long, {early.sha256}), (later, {early.sha256})):
        (archive,) = (each for each in read(tmp_path, data_).stamps if each.kind == "archive")
        assert {each.sha256 for each in (early, late)} & set(archive.every) == proven


@pytest.mark.parametrize("part", ["certificates", "unsigned"])
def test_what_the_index_names_and_is_taken_away_breaks_the_archive_stamp(tmp_path: Path, pki: Pki, part: str) -> None:
    long = archived(pki, pki.sign_cms(CONTENT, WHEN, detached=False), CONTENT, "tsa2", day(2029, 6))
    info = asn1.ContentInfo.load(long)
    if part == "certificates":
        kept = list(info["content"]["certificates"])[:-1]
        info["content"]["certificates"] = asn1.CertificateSet(kept)
    else:
        signer = info["content"]["signer_infos"][0]
        signer["unsigned_attrs"] = asn1.CMSAttributes(list(signer["unsigned_attrs"])[1:])
    file = read(tmp_path, info.dump())
    archive = [each for each in file.stamps if each.kind == "archive"]
    assert [each.token.integrity for each in archive] == [Integrity.BROKEN]


def test_an_attribute_that_comes_later_and_is_none_takes_nothing_from_the_archive_stamp(tmp_path: Path, pki: Pki) -> None:
    """asn1crypto would write anew what has an indefinite length, look into it for that, and raise then."""
    long = archived(pki, pki.sign_cms(CONTENT, WHEN, detached=False), CONTENT, "tsa2", day(2029, 6))
    info = asn1.ContentInfo.load(long)
    signer = info["content"]["signer_infos"][0]
    wrong = der.sequence(der.write_oid(SIGNATURE_STAMP), der.set_of([der.sequence(der.encode(der.INTEGER, b"\1"))]))
    attributes = [*(each.dump() for each in signer["unsigned_attrs"]), indefinite(wrong, (0,))]
    signer["unsigned_attrs"] = asn1.CMSAttributes.load(der.encode(der.SET, *attributes))
    odd = info.dump()
    file = read(tmp_path, odd)
    assert [(each.kind, each.token.integrity) for each in file.stamps][:2] == [
        ("signature", Integrity.INTACT),
        ("archive", Integrity.INTACT),
    ]
    whole = read(tmp_path, indefinite(odd, (1, 0, -1, 0, 0)))  # the signer, too
    assert not [each.code for one in whole.objects for each in one.notes if each.code == "SIG-NOT-UNDERSTOOD"]
    assert [(each.kind, each.token.integrity) for each in whole.stamps] == [
        ("signature", Integrity.INTACT),
        ("archive", Integrity.INTACT),
    ]


def test_values_of_an_attribute_of_indefinite_length_are_the_bytes_that_stand_there(stamped: Callable[[bytes], bytes]) -> None:
    """asn1crypto writes anew what has an indefinite length; the digest of a token is that of its bytes."""
    stood = indefinite(stamped(b"x"), (1, 0))
    attribute = der.sequence(der.write_oid(SIGNATURE_STAMP), indefinite(der.set_of([stood]), (0,)))
    found = Attributes(asn1.CMSAttributes.load(der.encode(der.SET, attribute)))
    assert stood[1] == 0x80
    assert found.all(SIGNATURE_STAMP) == [stood]


def test_values_beside_an_archive_stamp_are_hashed_once_each(tmp_path: Path, pki: Pki, monkeypatch: pytest.MonkeyPatch) -> None:
    """180 tokens of 20 kB in one attribute: all of it was hashed 180 times, and again for each archive time-stamp."""
    long = pki.sign_cms(CONTENT, WHEN, detached=False)
    for year in (2029, 2030):
        long = archived(pki, long, CONTENT, "tsa2", day(year, 6))
    whole = with_attribute(long, "1.2.3.4", *(der.encode(der.OCTET_STRING, bytes((n,)) * 20_000) for n in range(50)))
    hashed: list[int] = []
    real = hashlib.new

    def counted(name: str, data: bytes = b"", **rest: bool) -> Any:
        hashed.append(len(data))
        return real(name, data, **rest)

    monkeypatch.setattr(hashlib, "new", counted)
    file = read(tmp_path, whole)
    assert [each.token.integrity for each in file.stamps if each.kind == "archive"] == [Integrity.INTACT] * 2
    assert sum(hashed) < 4 * len(whole)


def test_an_identifier_of_kilobytes_in_a_time_stamp_is_not_read(stamped: Callable[[bytes], bytes]) -> None:
    """It lies in an octet string, where the look at the whole does not come; a library takes milliseconds for it, again and again."""
    sound = stamped(b"x" * 32)
    information = open_cms(sound).content()
    long = fuzz_elements.with_element(information, (2, 0, 0), der.encode(0x06, b"\x2a" * 20_000))
    odd = fuzz_elements.with_element(sound, (1, 0, 2, 1, 0), der.encode(der.OCTET_STRING, long))
    with pytest.raises(Beyond):
        read_stamp(odd, "signature", lambda name: b"")


def test_what_a_cms_carries_is_the_bytes_that_stand_there_whatever_its_length(pki: Pki) -> None:
    """asn1crypto takes a length that ends in 80 hex for an indefinite one, and writes the element anew: TRUE as FF, here."""
    made = pki.certificate("signer1").der.replace(b"\1\1\xff", b"\1\1\1")
    fields = [made[each.start : each.end] for each in parts(made, element(made))]
    fields[-1] = der.encode(0x03, bytes(0x180 - sum(map(len, fields[:-1])) % 0x100 - 4))
    odd = der.sequence(*fields)
    assert (odd[:2], odd[3]) == (b"\x30\x82", 0x80)
    content = der.sequence(der.write_oid("1.2.840.113549.1.7.1"))
    bag = der.sequence(der.write_integer(1), der.encode(der.SET), content, der.encode(0xA0, odd), der.encode(der.SET))
    assert [each.der for each in certificates_in(asn1.SignedData.load(bag))] == [odd]


def test_an_attribute_of_a_stamp_that_is_none_leaves_the_stamp_without_an_index(tmp_path: Path, pki: Pki) -> None:
    """asn1crypto looks into an attribute only when it is asked for, and raises then."""
    long = bytearray(archived(pki, pki.sign_cms(CONTENT, WHEN, detached=False), CONTENT, "tsa2", day(2029, 6)))
    index = long.index(core.ObjectIdentifier(INDEX).dump())
    at = long.rindex(b"\x30", index - 4, index)
    long[at] = 0xF0  # a private class where the attribute's SEQUENCE was
    for each in read(tmp_path, bytes(long)).objects:
        assert each.failure is not None or each.integrity is Integrity.INTACT


def test_what_came_after_the_archive_stamp_is_not_proved_by_it(tmp_path: Path, pki: Pki) -> None:
    long = archived(pki, pki.sign_cms(CONTENT, WHEN, detached=False), CONTENT, "tsa2", day(2029, 6))
    later = token(pki, "tsa3", day(2039, 6), b"\0" * 32)
    file = read(tmp_path, with_attribute(long, "1.2.840.113549.1.9.16.2.14", later))
    archive = next(each for each in file.stamps if each.kind == "archive")
    added = next(each for each in file.stamps if each.time == day(2039, 6))
    assert archive.token.integrity is Integrity.INTACT
    assert added.sha256 not in archive.every
