"""A CMS whose identifier names another certificate than the one that signed: nobody signed the identifier, so the signed reference counts,
or whose key made the value; and it is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from asn1crypto import cms  # type: ignore[import-untyped]
from asn1crypto import x509 as asn1_x509

from signatures.certificates import Certificate
from signatures.report import Integrity, SignatureReport
from tests.signatures.odd_house import House, cms_by, judged, named, strings

HOUSE = House()
LEAF = HOUSE.issued(named(strings(0x0C, b"A")))
OTHER = HOUSE.issued(named(strings(0x0C, b"B")), own="other", serial=b"\x02\x01\x06")
TWIN = HOUSE.issued(named(strings(0x0C, b"C")), serial=b"\x02\x01\x07")
"""Of the same key."""


def numbered(serial: int) -> dict[str, Any]:
    return {"issuer_and_serial_number": {"issuer": asn1_x509.Certificate.load(LEAF).issuer, "serial_number": serial}}


def by_key_id(value: bytes) -> Any:
    return cms.SignerIdentifier({"subject_key_identifier": value})


def judge(folder: Path, **changes: Any) -> SignatureReport:
    return judged(folder, cms_by(LEAF, **changes), HOUSE.anchor(), crls=[HOUSE.list()])


@pytest.mark.parametrize("sid", [numbered(12345), by_key_id(b"x" * 20)], ids=["number", "key id"])
@pytest.mark.parametrize("changes", [{}, {"reference": None}], ids=["reference", "key"])
def test_a_signer_that_is_misnamed_is_found_and_it_is_told(tmp_path: Path, sid: Any, changes: dict[str, Any]) -> None:
    report = judge(tmp_path, sid=sid, along=[OTHER], **changes)
    assert report.integrity is Integrity.INTACT
    assert str(report.verdict) == "TOTAL-PASSED"
    assert report.signer is not None
    assert report.signer.common_name == "A"
    assert [each.code for each in report.notes] == ["SIG-SIGNER-MISNAMED"]
    assert "⟦" not in report.notes[0].text("vi")


def test_a_certificate_without_a_key_id_is_named_by_the_hash_of_its_key(tmp_path: Path) -> None:
    report = judge(tmp_path, sid=by_key_id(Certificate(LEAF).key_sha1), reference=None)
    assert report.verdict.passed
    assert not report.notes


def test_the_signed_reference_counts_and_not_who_is_named(tmp_path: Path) -> None:
    """Also where the other is there, and has the same key."""
    report = judge(tmp_path, sid=numbered(7), along=[TWIN])
    assert report.signer is not None
    assert report.signer.common_name == "A"
    assert [each.code for each in report.notes] == ["SIG-SIGNER-MISNAMED"]


def test_a_reference_to_a_certificate_that_is_not_there_names_nobody(tmp_path: Path) -> None:
    for sid in (numbered(5), numbered(12345)):
        report = judge(tmp_path, sid=sid, reference=TWIN)
        assert str(report.verdict) == "INDETERMINATE/NO_SIGNING_CERTIFICATE_FOUND"
        assert report.integrity is Integrity.UNKNOWN


def test_a_value_that_nobody_at_hand_made_is_not_broken(tmp_path: Path) -> None:
    report = judged(tmp_path, cms_by(OTHER, "signer", sid=numbered(9), reference=None), HOUSE.anchor())
    assert str(report.verdict) == "INDETERMINATE/NO_SIGNING_CERTIFICATE_FOUND"
    assert report.integrity is Integrity.UNKNOWN


def test_one_that_is_named_and_did_not_make_it_is_wrong(tmp_path: Path) -> None:
    report = judged(tmp_path, cms_by(OTHER, "signer", reference=None, along=[LEAF]), HOUSE.anchor())
    assert report.integrity is Integrity.BROKEN
