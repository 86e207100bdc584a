"""Shapes of signatures that are valid, and less common than others."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest
from lxml import etree

from signatures.report import Integrity, SignatureReport
from tests.signatures.judging import signature
from tests.signatures.pki import Pki, day
from tests.signatures.xml_signing import DS, ENVELOPED, EXCLUSIVE, Ref, Signing, b64, canonical

FILTER = "http://www.w3.org/2002/06/xmldsig-filter2"
XPATH = "http://www.w3.org/TR/1999/REC-xpath-19991116"
LETTER = f'<l:edoc xmlns:l="urn:test:letter" xmlns:ds="{DS}"><l:note Id="n"/><l:body Id="b">x</l:body></l:edoc>'


def judged(folder: Path, pki: Pki, root: etree._Element) -> SignatureReport:
    return signature(folder, pki, etree.tostring(root), day(2026, 6))


def test_the_enveloped_signature_beside_what_is_signed(tmp_path: Path, pki: Pki) -> None:
    """As invoices for the tax office have it. XML-DSig 6.6.4 takes out what the signature is around, and there is none of that here."""
    root = etree.fromstring('<hoadon><data Id="data"><tien>1</tien></data></hoadon>')
    root.append(Signing(pki, references=[Ref("#data", canonical(root[0]), ENVELOPED + EXCLUSIVE)]).signature())
    report = judged(tmp_path, pki, root)
    assert report.verdict.passed
    assert (report.coverage.elements, report.coverage.left) == (("/hoadon/data",), ("/hoadon (name)",))
    root[0][0].text = "2"
    assert judged(tmp_path, pki, root).integrity is Integrity.BROKEN


def test_the_enveloped_signature_around_what_is_signed(tmp_path: Path, pki: Pki) -> None:
    """All of that is taken out: a digest of nothing."""
    holder = '<ds:Object Id="o"><a>1</a></ds:Object>'
    root = Signing(pki, references=[Ref("#o", b"", ENVELOPED + EXCLUSIVE)], objects=holder).signature()
    assert str(judged(tmp_path, pki, root).verdict) == "INDETERMINATE/SIG_CONSTRAINTS_FAILURE"


def xpath(text: str) -> str:
    return f'<ds:Transform Algorithm="{XPATH}"><ds:XPath xmlns:l="urn:test:letter">{text}</ds:XPath></ds:Transform>'


def path(text: str, operation: str) -> str:
    inside = f'<f:XPath xmlns:f="{FILTER}" xmlns:l="urn:test:letter" Filter="{operation}">{text}</f:XPath>'
    return f'<ds:Transform Algorithm="{FILTER}">{inside}</ds:Transform>'


FORMS = {
    "quotes": (ENVELOPED + xpath('not(ancestor-or-self::l:note[@Id="n"])'), {"note"}),
    "in two": (ENVELOPED + xpath("not(self::l:note or ancestor::l:note)"), {"note"}),
    "in two, turned": (xpath("not(ancestor::ds:Signature or self::ds:Signature)"), set()),
    "id": (ENVELOPED + path('id("n")', "subtract"), {"note"}),
    "all there is": (ENVELOPED + path("/", "intersect"), set()),
}


@pytest.mark.parametrize("name", FORMS)
def test_expressions_in_other_words(tmp_path: Path, pki: Pki, name: str) -> None:
    steps, gone = FORMS[name]
    root = etree.fromstring(LETTER)
    kept = copy.deepcopy(root)
    for each in [each for each in kept if etree.QName(each).localname in gone]:
        kept.remove(each)
    root.append(Signing(pki, references=[Ref("", canonical(kept), steps + EXCLUSIVE)]).signature())
    report = judged(tmp_path, pki, root)
    assert report.verdict.passed, report.verdict.why
    assert report.coverage.left == tuple(f"/edoc/{each}" for each in gone)


@pytest.mark.parametrize(
    "text",
    ["not(self::l:note)", "not(self::l:note or self::l:note)", "not(self::l:note or ancestor::l:body)", "not(ancestor::l:note)"],
)
def test_expressions_that_take_an_element_and_not_what_is_in_it(tmp_path: Path, pki: Pki, text: str) -> None:
    root = etree.fromstring(LETTER)
    root.append(Signing(pki, references=[Ref("", canonical(root), ENVELOPED + xpath(text) + EXCLUSIVE)]).signature())
    assert str(judged(tmp_path, pki, root).verdict) == "INDETERMINATE/SIG_CONSTRAINTS_FAILURE"


@pytest.mark.parametrize("operation", ["subtract", "union"])
def test_all_there_is_taken_out_or_added(tmp_path: Path, pki: Pki, operation: str) -> None:
    root = etree.fromstring(LETTER)
    root.append(Signing(pki, references=[Ref("", b"", ENVELOPED + path("/", operation) + EXCLUSIVE)]).signature())
    assert str(judged(tmp_path, pki, root).verdict) == "INDETERMINATE/SIG_CONSTRAINTS_FAILURE"


def test_a_large_document_of_few_nodes(tmp_path: Path, pki: Pki) -> None:
    """Scans of a register as text in four elements: what they take is told by their bytes, however few nodes those are in."""
    root = etree.fromstring(f"<all><edoc Id='e'>{f'<page>{b64(bytes(6 << 20))}</page>' * 4}</edoc></all>")
    root.append(Signing(pki, references=[Ref("#e", canonical(root[0]), EXCLUSIVE)]).signature())
    assert judged(tmp_path, pki, root).verdict.passed


@pytest.mark.parametrize(
    ("certificates", "verdict"),
    [
        (("interm", "root"), "INDETERMINATE/NO_SIGNING_CERTIFICATE_FOUND"),
        ((), "INDETERMINATE/NO_SIGNING_CERTIFICATE_FOUND"),
        (("", "interm"), "TOTAL-PASSED"),
        (("signer2", "interm"), "TOTAL-FAILED/SIG_CRYPTO_FAILURE"),
    ],
)
def test_only_certificates_of_authorities_beside_the_key(
    tmp_path: Path, pki: Pki, certificates: tuple[str, ...], verdict: str
) -> None:
    """XML-DSig names no certificate: where none can be the signer's, the value is not known to be wrong (EN 319 102-1, 5.2.3.4)."""
    root = etree.fromstring(LETTER.encode())
    making = Signing(pki, references=[Ref("", canonical(root), ENVELOPED + EXCLUSIVE)], xades=False, certificates=certificates)
    root.append(making.signature())
    assert str(signature(tmp_path, pki, etree.tostring(root), day(2026, 6)).verdict) == verdict
