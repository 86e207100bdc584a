"""When signers say to have signed: wherever they write it, and no more exactly than they did."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from lxml import etree

from signatures.etsi_report import NAMESPACE, etsi_report
from signatures.pdf import _time
from signatures.report import Integrity, SignatureReport
from tests.signatures.judging import read, signature
from tests.signatures.pki import Pki, day, make_pdf
from tests.signatures.xml_signing import DS, EXCLUSIVE, Ref, Signing, canonical

INVOICE = '<HDon><DLHDon Id="data"><TTChung><SHDon>1</SHDon></TTChung></DLHDon><DSCKS><NBan/></DSCKS></HDon>'
TIME = "2026-03-01T10:00:00"


def invoice(pki: Pki, time: str, *, space: str = "", target: str = ' Target="#seller"', signed: bool = True) -> bytes:
    """As tax offices want it: the data by its id, and the time in signature properties."""
    held = (
        f'<ds:Object xmlns:ds="{DS}" Id="SigningTime-1"><SignatureProperties xmlns="{space}"><SignatureProperty{target} Id="p">'
        f"<SigningTime>{time}</SigningTime></SignatureProperty></SignatureProperties></ds:Object>"
    )
    root = etree.fromstring(INVOICE)
    references = [Ref("#data", canonical(root[0]), EXCLUSIVE)]
    references += [Ref("#SigningTime-1", canonical(etree.fromstring(held)), EXCLUSIVE)] if signed else []
    made = Signing(pki, xades=False, name="seller", objects=held, references=references).signature()
    return INVOICE.replace("<NBan/>", f"<NBan>{etree.tostring(made).decode()}</NBan>").encode()


def judged(folder: Path, pki: Pki, data: bytes) -> SignatureReport:
    report = signature(folder, pki, data, day(2026, 6))
    assert report.integrity is Integrity.INTACT, report.verdict
    return report


@pytest.mark.parametrize("space", ["", DS])
@pytest.mark.parametrize("target", [' Target="#seller"', ' Target=""', ' Target="#s"', ""])
def test_the_time_of_an_invoice(tmp_path: Path, pki: Pki, space: str, target: str) -> None:
    report = judged(tmp_path, pki, invoice(pki, TIME + "+07:00", space=space, target=target))
    assert report.claimed == datetime(2026, 3, 1, 3, tzinfo=UTC)


def test_a_time_that_nobody_signed(tmp_path: Path, pki: Pki) -> None:
    assert judged(tmp_path, pki, invoice(pki, TIME, signed=False)).claimed is None


def test_a_time_that_is_said_of_another_signature(tmp_path: Path, pki: Pki) -> None:
    data = invoice(pki, TIME, target=' Target="#buyer"')
    other = etree.tostring(Signing(pki, xades=False, name="buyer", references=[Ref("#p", b"")]).signature())
    found = read(tmp_path, data.replace(b"</NBan>", b"</NBan>" + other)).objects
    assert [(each.integrity, each.claimed) for each in found] == [(Integrity.INTACT, None), (Integrity.BROKEN, None)]


def test_a_time_in_another_signature_that_is_signed_along(tmp_path: Path, pki: Pki) -> None:
    inner = invoice(pki, TIME).replace(b"<HDon>", b'<HDon Id="all">')
    covered = Ref("#all", canonical(etree.fromstring(inner)), EXCLUSIVE)
    outer = etree.tostring(Signing(pki, xades=False, name="office", references=[covered]).signature())
    found = read(tmp_path, b"<d>" + inner + outer + b"</d>").objects
    assert [(each.integrity, each.claimed) for each in found] == [
        (Integrity.INTACT, datetime(2026, 3, 1, 10)),
        (Integrity.INTACT, None),
    ]


SAID = {
    TIME: (datetime(2026, 3, 1, 10), "2026-03-01T10:00:00"),
    "2026-03-01T10:00:00.5": (datetime(2026, 3, 1, 10, 0, 0, 500_000), "2026-03-01T10:00:00.500000"),
    "2026-02-28T24:00:00": (datetime(2026, 3, 1), "2026-03-01T00:00:00"),
    "2026-02-28T24:00:00.000Z": (datetime(2026, 3, 1, tzinfo=UTC), "2026-03-01T00:00:00Z"),
    "2026-02-28T24:00:00+07:00": (datetime(2026, 2, 28, 17, tzinfo=UTC), "2026-02-28T17:00:00Z"),
    "2026-02-28T24:00:01": (None, None),
    "9999-12-31T24:00:00Z": (None, None),
    "2026-03-01T10:00:00Z": (datetime(2026, 3, 1, 10, tzinfo=UTC), "2026-03-01T10:00:00Z"),
}


@pytest.mark.parametrize("text", SAID)
def test_a_time_is_told_as_it_was_said(tmp_path: Path, pki: Pki, text: str) -> None:
    report = judged(tmp_path, pki, invoice(pki, text))
    assert (report.claimed, report.as_json()["claimed"]) == SAID[text]
    root = etree.fromstring(etsi_report([report]))
    shown = root.findtext(f".//{{{NAMESPACE}}}SigningTime/{{{NAMESPACE}}}Time")
    assert shown == SAID[text][1]


def test_a_pdf_whose_time_has_no_zone(tmp_path: Path, pki: Pki) -> None:
    """ISO 32000-1, 7.9.4: how it relates to universal time is then unknown."""
    assert _time({"/M": "D:20260301100000"}) == datetime(2026, 3, 1, 10)
    assert _time({"/M": "D:20260301100000+07'00'"}) == datetime(2026, 3, 1, 3, tzinfo=UTC)
    assert judged(tmp_path, pki, pki.sign_pdf(make_pdf(), day(2026, 3))).claimed is not None
