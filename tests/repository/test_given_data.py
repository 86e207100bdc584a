"""Validation data that somebody gives in a folder: in the forms and with the endings that such files have."""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from policies.findings import Finding
from repository.signed.files import data_from
from signatures.judgement import ValidationData
from signatures.report import Coverage, Integrity, Kind, Role, SignatureReport, SubIndication, Verdict
from tests.signatures.pki import Pki, day

AT = day(2026, 3)


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki("ec")


def pem(kind: str, *ders: bytes) -> bytes:
    blocks = (f"-----BEGIN {kind}-----\n{base64.encodebytes(der).decode()}-----END {kind}-----\n" for der in ders)
    return "".join(blocks).encode()


def given(folder: Path, name: str, data: bytes) -> tuple[ValidationData, list[Finding]]:
    (folder / name).write_bytes(data)
    unread: list[Finding] = []
    (found,) = data_from(folder, unread=unread)
    return found, unread


@pytest.mark.parametrize("ending", ["crt", "cer", "pem", "der", "CRT", "crl"])
@pytest.mark.parametrize("form", [bytes, partial(pem, "CERTIFICATE")], ids=["DER", "PEM"])
def test_certificates(tmp_path: Path, pki: Pki, ending: str, form: Callable[[bytes], bytes]) -> None:
    found, unread = given(tmp_path, f"a.{ending}", form(pki.certificate("interm").der))
    assert (found.certificates, unread) == ((pki.certificate("interm"),), [])


@pytest.mark.parametrize("ending", ["crl", "pem", "der", "CRL"])
@pytest.mark.parametrize("form", [bytes, partial(pem, "X509 CRL")], ids=["DER", "PEM"])
def test_revocation_lists(tmp_path: Path, pki: Pki, ending: str, form: Callable[[bytes], bytes]) -> None:
    found, unread = given(tmp_path, f"a.{ending}", form(pki.crl("root", AT)))
    assert (found.crls, unread) == ((pki.crl("root", AT),), [])


def test_answers_and_several_in_one_file(tmp_path: Path, pki: Pki) -> None:
    answer = pki.ocsp("signer1", AT)
    assert given(tmp_path, "a.ocsp", answer)[0].ocsps == (answer,)
    (tmp_path / "a.ocsp").unlink()
    lists = pki.crl("root", AT), pki.crl("interm", AT)
    certificate = pki.certificate("interm")
    both = b"Lists\n" + pem("X509 CRL", *lists) + pem("CERTIFICATE", certificate.der)
    assert given(tmp_path, "a.pem", both)[0] == ValidationData((certificate,), lists)


@pytest.mark.parametrize("data", [b"", b"no list", pem("X509 CRL", b"\x30\x03\x02\x01\x01"), b"\x30\x82\x01\x01"])
def test_what_cannot_be_read_is_said(tmp_path: Path, data: bytes) -> None:
    found, unread = given(tmp_path, "a.crl", data)
    assert found == ValidationData(unread=found.unread)
    assert [(each.code, each.path) for each in unread] == [("SIG-DATA-UNREAD", str(tmp_path / "a.crl"))]
    assert str(tmp_path) in unread[0].text("vi")


def test_other_files_are_none_of_it(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_bytes(b"text")
    unread: list[Finding] = []
    assert data_from(tmp_path, unread=unread) == unread == []


def test_what_is_missing_is_said_once() -> None:
    lacking = Finding("SIG-MISSING-REVOCATION", "", {"certificate": "A"})
    verdict = Verdict(SubIndication.TRY_LATER, lacking)
    other = Finding("SIG-MISSING-REVOCATION", "", {"certificate": "B"})
    report = SignatureReport(
        Kind.XADES, Role.SIGNATURE, "", "", verdict, Integrity.INTACT, AT, Coverage("file"), missing=(lacking, other)
    )
    assert list(report.findings()) == [lacking, other]
