"""Loops that multiply: what is large in two ways at once (attributes of one element, references over properties, names over names) takes
steps of the account, or time that grows with the file and no faster.

Seconds are only compared with seconds of the same run: of the same bytes in another order.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from lxml import etree

from signatures.certificates import Certificate
from signatures.report import Integrity
from signatures.xades.naming import Names
from signatures.xmldsig.attributes import attributes
from signatures.xmldsig.c14n import METHODS, MOST_VISITS, Nodes, Refused, Work
from signatures.xmldsig.native import joined
from tests.signatures import xml_signing
from tests.signatures.pki import Pki
from tests.signatures.test_bounded_work import refused
from tests.signatures.work_account import read
from tests.signatures.xml_signing import DS, EXCLUSIVE, XADES, Ref, Signing, canonical

MANY = 20_000
MORE = [f"http://www.w3.org/2001/04/xmldsig-more#{each}" for each in ("sha224", "sha384")]
INCLUSIVE = '<e:InclusiveNamespaces xmlns:e="http://www.w3.org/2001/10/xml-exc-c14n#" PrefixList="n1"/>'


def listed(count: int) -> str:
    return " ".join(f'a{number:06}="1"' for number in range(count))


def took(work: Callable[[], object]) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def test_attributes_of_one_element_are_read_like_those_of_many(tmp_path: Path, pki: Pki) -> None:
    """Of an element that nobody signed; one that is signed; one in the signature itself."""

    def document(content: str, key: str = "") -> bytes:
        part = f'<b Id="b">{content}</b>'
        made = etree.tostring(Signing(pki, references=[Ref("#b", part.encode(), EXCLUSIVE)]).signature()).decode()
        return f"<d>{part}{content}{made.replace('<ds:KeyInfo', f'<ds:KeyInfo {key}')}</d>".encode()

    many = document(f"<e {listed(40)}></e>" * (MANY // 40))
    one = document(f"<e {listed(MANY)}></e>")
    assert read(tmp_path, one).objects[0].integrity is Integrity.INTACT
    plain = took(lambda: read(tmp_path, many))
    assert took(lambda: read(tmp_path, one)) < 8 * plain
    assert took(lambda: read(tmp_path, document("<e></e>", listed(MANY)))) < 8 * plain


@pytest.mark.parametrize("count", [3, 65, 1000])
def test_attributes_are_the_same_however_many(count: int) -> None:
    element = etree.fromstring(f'<e xmlns:p="urn:p" xmlns:q="urn:p" p:x="&lt;" xml:lang="vi" {listed(count)} q:y="ê"/>')
    assert attributes(element, lambda _: None) == element.items()


@pytest.mark.parametrize("method", METHODS)
def test_the_canonical_form_of_many_attributes_is_that_of_libxml2(method: str) -> None:
    root = etree.fromstring(f'<d><e xmlns:p="urn:p" p:x="1" {listed(300)}>x</e></d>')
    way = METHODS[method]
    made = etree.tostring(root, method="c14n", exclusive=way.exclusive, with_comments=way.comments)
    assert joined(Nodes(root, whole=True, comments=True), way, Work()) == made


def many_references_over_many_properties(pki: Pki) -> bytes:
    held = f'<ds:Object xmlns:ds="{DS}" Id="o">' + '<ds:SignatureProperty Target="#sig-1"/>' * 3_000 + "</ds:Object>"
    over = canonical(etree.fromstring(held))
    references = [Ref("#o", over, EXCLUSIVE) for _ in range(20)]
    return etree.tostring(Signing(pki, xades=False, references=references, objects=held).signature())


def test_properties_are_gone_through_once(tmp_path: Path, pki: Pki, steps: Callable[[], int]) -> None:
    data = many_references_over_many_properties(pki)
    assert read(tmp_path, data).objects[0].integrity is Integrity.INTACT
    some = steps()
    once = etree.fromstring(data)
    info = once.find(f"{{{DS}}}SignedInfo")
    for each in info.findall(f"{{{DS}}}Reference")[1:]:
        info.remove(each)
    read(tmp_path, etree.tostring(once))
    assert some < 6 * (steps() - some)


def declarations_in_scope(pki: Pki) -> bytes:
    """Each is looked at for each reference."""
    spaces = "".join(f' xmlns:n{number}="urn:n{number}"' for number in range(3_000))
    root = etree.fromstring(f'<d{spaces}><b Id="b">' + "<c/>" * 70 + "</b></d>")
    root.append(Signing(pki, xades=False, references=[Ref("#b", b"x", EXCLUSIVE) for _ in range(400)]).signature())
    return etree.tostring(root)


def prefixes_of_prefixes(pki: Pki) -> bytes:
    """In a signature, where none of it is signed."""
    spaces = "".join(f' xmlns:n{number}="urn:n{number}"' for number in range(3_000))
    root = etree.fromstring(f'<d{spaces}><b Id="b"/></d>')
    root.append(Signing(pki, references=[Ref("#b", b'<b Id="b"></b>', EXCLUSIVE)]).signature())
    form = f'<ds:Transform Algorithm="x">{INCLUSIVE}</ds:Transform>'
    held = f'<ds:RetrievalMethod URI="#b"><ds:Transforms>{form * 1_000}</ds:Transforms></ds:RetrievalMethod>'
    return etree.tostring(root).replace(b"</ds:KeyInfo>", f"{held}</ds:KeyInfo>".encode())


def references_to_what_came_along(pki: Pki) -> bytes:
    """Hundreds of properties, each of which may name any certificate in any of nine hashes."""
    data = etree.fromstring(xml_signing.enveloped(pki, level="B"))
    signature = data.find(f"{{{DS}}}Signature")
    named = "".join(
        f'<x:Cert><x:CertDigest><ds:DigestMethod Algorithm="{uri}"/><ds:DigestValue>AAAA</ds:DigestValue></x:CertDigest></x:Cert>'
        for uri in (f"{DS}sha1", *(f"http://www.w3.org/2001/04/xmlenc#{each}" for each in ("sha256", "sha512")), *MORE)
    )
    xml_signing.add_unsigned(signature, f'<x:CertificateValues xmlns:x="{XADES}">{encapsulated()}</x:CertificateValues>')
    for _ in range(990):
        refs = f'<x:CompleteCertificateRefs xmlns:x="{XADES}" xmlns:ds="{DS}"><x:CertRefs>{named}</x:CertRefs></x:CompleteCertificateRefs>'
        xml_signing.add_unsigned(signature, refs)
    return etree.tostring(data)


def encapsulated() -> str:
    key = ec.generate_private_key(ec.SECP256R1())
    return "".join(
        f"<x:EncapsulatedX509Certificate>{xml_signing.b64(certificate(key, [f'n{number}']).der)}</x:EncapsulatedX509Certificate>"
        for number in range(1_800)
    )


def certificate(key: ec.EllipticCurvePrivateKey, names: list[str], serial: int = 7) -> Certificate:
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, each) for each in names])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(serial)
    made = made.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC)).not_valid_after(datetime(2030, 1, 1, tzinfo=UTC))
    return Certificate(made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.DER))


@pytest.mark.parametrize(
    "make", [declarations_in_scope, prefixes_of_prefixes, references_to_what_came_along], ids=lambda each: each.__name__
)
def test_what_multiplies_is_on_the_account(
    tmp_path: Path, pki: Pki, make: Callable[[Pki], bytes], steps: Callable[[], int]
) -> None:
    refused(tmp_path, make(pki))
    assert steps() <= MOST_VISITS


@pytest.fixture(scope="module")
def crowded() -> Certificate:
    return certificate(ec.generate_private_key(ec.SECP256R1()), [f"v{number:x}" for number in range(480)])


def test_names_over_names_are_on_the_account(crowded: Certificate) -> None:
    text = ",".join(f"cn=v{number:x}" for number in range(480))[:1990].rpartition(",")[0]
    work = Work()
    names = Names([crowded], work)
    assert names.say(text)
    before = work.left
    assert names.say(text)
    assert before - work.left > 200
    with pytest.raises(Refused):
        all(names.say(text) for _ in range(2_000))


@pytest.mark.parametrize(
    "text", ["c=" + "//////dc=" * 200 + "x=!", "cn=" + " l=" * 600 + '"', "c=a/" * 499 + "b=", "byname:" + "cn=x" * 300]
)
def test_a_name_that_can_be_read_in_many_ways(crowded: Certificate, text: str) -> None:
    assert not Names([crowded], Work()).refer(text)


@pytest.mark.parametrize(
    "text",
    [
        "CN=E13 Root",
        'CN=A/B c, O=Công ty "x", C=VN'.replace('"x"', "x"),
        'O="A, B=C" , CN=x',
        "/C=VN/O=A B/CN=x y/z",
        "ByName:CN=KLASS3-SK OCSP RESPONDER,OU=OCSP,O=AS Sertifitseerimiskeskus,C=EE,E=pki@sk.ee",
        "2.5.4.97=#0c0f,CN=a\\,b\\=c+SN=1",
        "CN=",
    ],
)
def test_names_of_others_as_they_are_written(crowded: Certificate, text: str) -> None:
    assert Names([crowded], Work()).refer(text)


def test_a_serial_number_of_thousands_of_digits(crowded: Certificate) -> None:
    long = certificate(ec.generate_private_key(ec.SECP256R1()), ["x"])
    long.__dict__["serial"] = 1 << 16_000
    assert not Names([long], Work()).say("7")
    assert Names([crowded], Work()).say("7")
