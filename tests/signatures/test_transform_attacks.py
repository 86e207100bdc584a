"""Attacks by what references say: transforms, canonical forms, pointers, addresses, and how many of them there are."""

from __future__ import annotations

import copy
import time
from pathlib import Path

import pytest
from lxml import etree

from signatures.detect import named_beside
from signatures.xades.reader import MOST_SIGNATURES
from signatures.xmldsig.references import MOST_REFERENCES, MOST_TRANSFORMS
from tests.signatures import xml_signing
from tests.signatures.judging import read, signature
from tests.signatures.pki import Pki, day
from tests.signatures.test_xml_attacks import NS, by_id, judged, path_filter, refused, transform, xpath
from tests.signatures.xml_signing import DS, ENVELOPED, EXC, EXCLUSIVE, LETTER, Ref, Signing, canonical

XSLT = transform(
    "http://www.w3.org/TR/1999/REC-xslt-19991116",
    '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"><xsl:template match="/">'
    "<xsl:copy-of select=\"document('file:///etc/passwd')\"/></xsl:template></xsl:stylesheet>",
)
TRANSFORMS = {
    "xslt": (XSLT, "closed list"),
    "xslt_after_canonical": (EXCLUSIVE + XSLT, "closed list"),
    "unknown": (transform("http://example.org/decrypt"), "closed list"),
    "decryption": (transform("http://www.w3.org/2002/07/decrypt#XML"), "closed list"),
    "none_named": ("<ds:Transform/>", "closed list"),
    "xpath_of_any_kind": (xpath("count(//*//*//*) > 0"), "closed list"),
    "xpath_that_reads_files": (xpath("document('file:///etc/passwd')"), "closed list"),
    "xpath_that_is_long": (xpath(" and ".join(["not(ancestor-or-self::p)"] * 50)), "characters"),
    "path_with_functions": (path_filter("//*[count(//*) &gt; 1]"), "closed list"),
    "path_of_many_passes": (path_filter("//*//*//*//*"), "closed list"),
    "path_alternatives": (path_filter("|".join(["//p"] * 20)), "paths"),
    "many_transforms": (EXCLUSIVE * (MOST_TRANSFORMS + 1), "transforms"),
    "enveloped_twice_removed": (EXCLUSIVE + ENVELOPED, "does not stand in"),
    "base64_of_text": (transform(DS + "base64"), "base64"),
}


@pytest.mark.parametrize("name", TRANSFORMS)
def test_transforms(tmp_path: Path, pki: Pki, name: str) -> None:
    text, reason = TRANSFORMS[name]
    assert reason in refused(judged(tmp_path, pki, by_id(pki, text)))


def test_a_canonical_form_of_the_signature_itself_that_is_not_known(tmp_path: Path, pki: Pki) -> None:
    data = etree.tostring(by_id(pki)).replace(
        b'CanonicalizationMethod Algorithm="http://www.w3.org/2001/10/xml-exc-c14n#"',
        b'CanonicalizationMethod Algorithm="http://example.org/empty"',
    )
    assert "canonical form" in refused(signature(tmp_path, pki, data, day(2026, 6)))


@pytest.mark.parametrize(
    "uri",
    [
        "file:///etc/passwd",
        "http://127.0.0.1:9/x",
        "//host/x",
        "/etc/passwd",
        "../../../../etc/passwd",
        "a/../../x",
        "C:\\x",
        "..%2F..%2Fx",
    ],
)
def test_external_references_are_never_followed(tmp_path: Path, pki: Pki, uri: str) -> None:
    root = etree.fromstring(LETTER.encode())
    root.append(Signing(pki, references=[Ref(uri, b"x")]).signature())
    report = judged(tmp_path, pki, root)
    assert str(report.verdict) == "INDETERMINATE/SIGNED_DATA_NOT_FOUND"
    assert named_beside(b"folder/sig.xml", uri) is None or "%" in uri
    assert named_beside(b"folder/sig.xml", "../../x") is None


@pytest.mark.parametrize("uri", ["#xpointer(//*)", "#xpointer(id('a')/b)", "#xpointer(string-range(//p,'x'))"])
def test_pointers_that_are_no_ids(tmp_path: Path, pki: Pki, uri: str) -> None:
    root = etree.fromstring(LETTER.encode())
    root.append(Signing(pki, references=[Ref(uri.replace("'", "&apos;"), b"x")]).signature())
    assert "closed list" in refused(judged(tmp_path, pki, root))


def test_many_references(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(LETTER.encode())
    body = Ref("#body", canonical(root[0]), EXCLUSIVE)
    root.append(Signing(pki, references=[body] * (MOST_REFERENCES + 1)).signature())
    assert "references" in refused(judged(tmp_path, pki, root))


def test_many_references_to_a_large_document(tmp_path: Path, pki: Pki) -> None:
    """Each would be a walk of its own, with another list of prefixes so that none can be remembered."""
    root = etree.fromstring(b"<r>" + b"<a/>" * 2_000 + b"</r>")
    data = canonical(root)
    walks = [transform(EXC, f'<e:InclusiveNamespaces xmlns:e="{EXC}" PrefixList="p{number}"/>') for number in range(400)]
    root.append(Signing(pki, references=[Ref("", data, ENVELOPED + each) for each in walks]).signature())
    assert "steps" in refused(judged(tmp_path, pki, root))


def test_a_canonical_form_of_terabytes(tmp_path: Path, pki: Pki) -> None:
    inner = f'<w xmlns:p="urn:{"x" * 500_000}">' + "<p:a/>" * 5_000 + "</w>"
    root = etree.fromstring(f'<edoc xmlns="urn:test:letter"><body Id="body">{inner}</body></edoc>')
    root.append(Signing(pki, references=[Ref("#body", b"x", EXCLUSIVE)]).signature())
    assert "steps" in refused(judged(tmp_path, pki, root))


def test_many_signatures(tmp_path: Path, pki: Pki) -> None:
    root = etree.fromstring(LETTER.encode())
    one = Signing(pki, xades=False, references=[Ref("#body", canonical(root[0]), EXCLUSIVE)]).signature()
    for number in range(MOST_SIGNATURES + 5):
        root.append(copy.deepcopy(one))
        root[-1].set("Id", f"s{number}")
        root[-1].find(f"{{{DS}}}SignatureValue").attrib.clear()
    found = read(tmp_path, etree.tostring(root)).objects
    assert len(found) == MOST_SIGNATURES + 1
    assert found[-1].why is not None
    assert found[-1].why.code == "SIG-TOO-MANY"


@pytest.mark.parametrize("uri", ["#sig-1-value", "#body"])
def test_a_time_stamp_that_says_itself_what_it_is_over(tmp_path: Path, pki: Pki, uri: str) -> None:
    """An old token over something else, with the address of that, must not prove an earlier time (HashDataInfo of XAdES 1.1.1)."""
    root = by_id(pki)
    made = root.find(f"{{{DS}}}Signature")
    over = made.find(f"{{{DS}}}SignatureValue") if uri == "#sig-1-value" else root.find(f"{NS}body")
    data = etree.tostring(etree.fromstring(etree.tostring(over, with_tail=False)), method="c14n")
    stamp = xml_signing.b64(xml_signing.token(pki, data, day(2026, 2)))
    xml_signing.add_unsigned(
        made,
        f'<x:SignatureTimeStamp xmlns:x="{xml_signing.XADES}"><x:HashDataInfo uri="{uri}"/>'
        f"<x:EncapsulatedTimeStamp>{stamp}</x:EncapsulatedTimeStamp></x:SignatureTimeStamp>",
    )
    (found,) = judged(tmp_path, pki, root).stamps
    assert found.verdict.passed == (uri == "#sig-1-value"), found.verdict.why


def test_many_signatures_in_a_long_list(tmp_path: Path, pki: Pki) -> None:
    """What each covers and leaves is told by numbered paths, which must not mean counting the list anew for each."""
    root = etree.fromstring(b"<r>" + b"<a/>" * 30_000 + b'<a Id="body"/></r>')
    one = Signing(pki, xades=False, references=[Ref("#body", canonical(root[-1]), EXCLUSIVE)]).signature()
    for number in range(50):
        root.append(copy.deepcopy(one))
        root[-1].set("Id", f"s{number}")
        root[-1].find(f"{{{DS}}}SignatureValue").attrib.clear()
    start = time.process_time()
    found = read(tmp_path, etree.tostring(root)).objects
    assert time.process_time() - start < 20
    assert {each.coverage.elements for each in found if each.coverage.elements} == {("/r/a[…]",)}
    assert not any(each.failure is None for each in found)
