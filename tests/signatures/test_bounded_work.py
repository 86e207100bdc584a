"""Files that ask for more work than they are worth: each is refused with its reason after a bounded number of steps, and large honest ones
are judged.

Steps are counted, not seconds (`signatures.xmldsig.c14n.Work`): a step is some 4 µs on two slow cores.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from lxml import etree

from signatures.report import Integrity, SubIndication
from signatures.signed import SignedObject
from signatures.xmldsig.c14n import MOST_VISITS
from tests import packed
from tests.signatures import office_signing, xml_signing
from tests.signatures.pki import Pki
from tests.signatures.test_xml_attacks import path_filter, xpath
from tests.signatures.work_account import read
from tests.signatures.xml_signing import DS, ENVELOPED, EXC, EXCLUSIVE, XADES, Ref, Signing

C14N = '<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>'
LISTED = f'<ds:Transform Algorithm="{EXC}"><e:InclusiveNamespaces xmlns:e="{EXC}" PrefixList="a"/></ds:Transform>'
"""A form that libxml2 is not asked for: our own walk does it."""


def refused(folder: Path, data: bytes, name: str = "file", beside: dict[str, bytes] | None = None) -> SignedObject:
    """The first signature, which is neither called intact nor broken, with the reason that is in its report."""
    each = read(folder, data, name, beside).objects[0]
    assert (each.integrity, each.failure) in (
        (Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE),
        (Integrity.UNKNOWN, SubIndication.GENERIC),
    )
    assert each.why is not None
    assert any(word in each.why.text("en") for word in ("steps", "many", "more than")), each.why.text("en")
    return each


def rows(count: int, extra: str = "") -> etree._Element:
    return etree.fromstring('<d xmlns:a="urn:a"><body Id="body">' + f"<r{extra}><c>1</c></r>" * count + "</body></d>")


def signed(pki: Pki, root: etree._Element, *references: Ref) -> bytes:
    """References with wrong digests: whether they are looked at is the question, and what it costs."""
    root.append(Signing(pki, xades=False, references=list(references)).signature())
    return etree.tostring(root)


# -- XML -----------------------------------------------------------------------------------------------------------------------


def four_walks(pki: Pki) -> bytes:
    """1.5 MB, four filters that the walk of our own must look at; it took ten seconds."""
    filters = path_filter("//r")
    return signed(pki, rows(70_000), *(Ref("", b"x", ENVELOPED + filters + EXCLUSIVE) for _ in range(4)))


def many_filters(pki: Pki) -> bytes:
    filters = path_filter("//r|//c|/d/body/r|//body", "union") * 8
    return signed(pki, rows(30_000), *(Ref("", b"x", filters) for _ in range(20)))


def many_paths_with_tests(pki: Pki) -> bytes:
    test = "[starts-with(local-name(),'x') or starts-with(local-name(),'y') or @q='1']"
    return signed(pki, rows(60_000), *(Ref("", b"x", path_filter(f"//*{test}|//*{test}")) for _ in range(50)))


def many_names_in_xpath(pki: Pki) -> bytes:
    names = " and ".join(f"not(ancestor-or-self::n{number})" for number in range(12))
    return signed(pki, rows(60_000), *(Ref("", b"x", xpath(names)) for _ in range(500)))


def forms_of_forms(pki: Pki) -> bytes:
    return signed(pki, rows(30_000), *(Ref("", b"x", (C14N + EXCLUSIVE) * 4) for _ in range(10)))


def ten_thousand_references(pki: Pki) -> bytes:
    return signed(pki, rows(20), *(Ref("#body", b"x", C14N) for _ in range(9_000)))


def prefixes_and_walks(pki: Pki) -> bytes:
    return signed(pki, rows(60_000), *(Ref("", b"x", LISTED) for _ in range(10)))


def ids_at_every_element(pki: Pki) -> bytes:
    body = "".join(f'<r Id="n{number}"/>' for number in range(450_000))
    return signed(pki, etree.fromstring(f"<d>{body}</d>"), Ref("#n1", b"x", C14N))


def ten_thousand_names_that_are_signed(pki: Pki) -> bytes:
    root = etree.fromstring(
        "<d>" + "".join(f'<n{number} Id="i{number}"/>' for number in range(9_000)) + "<x/>" * 300_000 + "</d>"
    )
    return signed(
        pki, root, *(Ref(f"#i{number}", f'<n{number} Id="i{number}"></n{number}>'.encode(), EXCLUSIVE) for number in range(9_000))
    )


def certificates_that_did_not_sign(pki: Pki) -> bytes:
    """Two thousand values are tried where none fits."""
    data = etree.fromstring(xml_signing.enveloped(pki, level="B"))
    signature = data.find(f"{{{DS}}}Signature")
    value = signature.find(f"{{{DS}}}SignatureValue")
    value.text = "A" * 86 + "=="
    der = xml_signing.b64(bytes(pki.asn1("root").dump()))
    one = f"<x:EncapsulatedX509Certificate>{der}</x:EncapsulatedX509Certificate>"
    for _ in range(20):
        xml_signing.add_unsigned(signature, f'<x:CertificateValues xmlns:x="{XADES}">{one * 1_900}</x:CertificateValues>')
    return etree.tostring(data)


def thousands_of_stamps(pki: Pki) -> bytes:
    data = etree.fromstring(xml_signing.enveloped(pki, level="T"))
    holder = data.find(f".//{{{XADES}}}EncapsulatedTimeStamp")
    for _ in range(3_000):
        copied = etree.SubElement(holder.getparent(), holder.tag)
        copied.text = holder.text
    return etree.tostring(data)


def thousands_of_properties(pki: Pki) -> bytes:
    data = etree.fromstring(xml_signing.enveloped(pki, level="T"))
    holder = data.find(f".//{{{XADES}}}UnsignedSignatureProperties")
    for _ in range(1_001):
        etree.SubElement(holder, f"{{{XADES}}}CompleteCertificateRefs")
    return etree.tostring(data)


XML = [
    four_walks,
    many_filters,
    many_paths_with_tests,
    many_names_in_xpath,
    forms_of_forms,
    ten_thousand_references,
    prefixes_and_walks,
    ids_at_every_element,
    ten_thousand_names_that_are_signed,
    certificates_that_did_not_sign,
    thousands_of_stamps,
    thousands_of_properties,
]


@pytest.mark.parametrize("make", XML, ids=lambda each: each.__name__)
def test_a_document_that_asks_for_much(tmp_path: Path, pki: Pki, make: Callable[[Pki], bytes], steps: Callable[[], int]) -> None:
    refused(tmp_path, make(pki))
    assert steps() <= MOST_VISITS


def test_one_file_under_ten_thousand_names(tmp_path: Path, pki: Pki, steps: Callable[[], int]) -> None:
    """Each name is written in another way, so that each is another file: it was read ten thousand times."""
    references = [Ref("./" * number + "content", b"x") for number in range(1, 600)]
    data = etree.tostring(Signing(pki, xades=False, references=references).signature())
    refused(tmp_path, data, beside={"content": b"x" * (1 << 20)})
    assert steps() <= MOST_VISITS


def test_a_file_is_read_for_nothing_once(tmp_path: Path, pki: Pki, steps: Callable[[], int]) -> None:
    """In a second hash algorithm, and for every archive time-stamp, it is read again: that is on the account, as long as it is."""
    content = b"x" * (64 << 20)

    def cost(*digests: str) -> int:
        before = steps()
        listed = "".join(Ref("content", content).xml(each) for each in digests)
        holder = f'<ds:Object xmlns:ds="{DS}" Id="o"><ds:Manifest>{listed}</ds:Manifest></ds:Object>'
        over = Ref("#o", etree.tostring(etree.fromstring(holder), method="c14n"), "", f"{DS}Object")
        made = Signing(pki, references=[over], objects=holder, xades=False).signature()
        (found,) = read(tmp_path, etree.tostring(made), beside={"content": content}).objects
        assert found.integrity is Integrity.INTACT
        return steps() - before

    once = cost("sha256")
    assert once < len(content) >> 14
    assert cost("sha256", "sha1", "sha512") - once > 2 * (len(content) >> 12)


# -- what is honest and large ----------------------------------------------------------------------------------------------------


NOTE = "Khoản thu theo công văn số {}, đã được đối chiếu với sổ cái của đơn vị và xác nhận của kho bạc nhà nước"
LINE = "<row n='{}'><name>Nguyễn Văn {}</name><amount currency='VND'>1250000</amount><note>" + NOTE + "</note></row>"


def large_letter(megabytes: int) -> str:
    count = (megabytes << 20) // (len(LINE.encode()) + 9)
    lines = "".join(LINE.format(number, number, number) for number in range(count))
    return f'<edoc xmlns="urn:test:letter"><body Id="body">{lines}</body></edoc>'


@pytest.mark.parametrize("prefix", ["", "l:"])
def test_a_message_of_twenty_megabytes_is_judged(tmp_path: Path, pki: Pki, steps: Callable[[], int], prefix: str) -> None:
    """Enveloped, over the whole, with time-stamps over everything: three times through the document. Where prefixes are declared, they
    are looked for in what it says, too."""
    text = large_letter(20)
    if prefix:
        text = text.replace("<edoc xmlns=", "<l:edoc xmlns:l=").replace("</edoc>", "</l:edoc>")
    file = read(tmp_path, xml_signing.enveloped(pki, text, level="LTA"))
    assert [each.integrity for each in file.objects] == [Integrity.INTACT]
    assert [each.token.integrity for each in file.stamps] == [Integrity.INTACT] * len(file.stamps)
    assert steps() < MOST_VISITS


@pytest.mark.parametrize("transforms", [C14N, EXCLUSIVE])
def test_a_part_of_a_large_message_is_judged(tmp_path: Path, pki: Pki, transforms: str) -> None:
    root = etree.fromstring(large_letter(10))
    data = etree.tostring(root[0], method="c14n", exclusive=True)
    root.append(Signing(pki, references=[Ref("#body", data, transforms)]).signature())
    assert read(tmp_path, etree.tostring(root)).objects[0].integrity is Integrity.INTACT


def test_a_sheet_of_fifty_megabytes_is_judged(tmp_path: Path, pki: Pki) -> None:
    cells = "".join(f"<c r='A{number}'><v>{number * 7919 % 100_003}</v></c>" for number in range(1_500_000))
    sheet = f"<worksheet>{cells}</worksheet>".encode()
    assert len(sheet) > 44 << 20
    parts = {**office_signing.DOCX, "word/styles.xml": sheet}
    signed = packed.zipped(office_signing.sign_docx(pki, parts))
    found = read(tmp_path, signed).objects[0]
    assert (found.integrity, found.failure) == (Integrity.INTACT, None)


def test_a_sheet_that_is_signed_as_xml_is_judged(tmp_path: Path, pki: Pki) -> None:
    """As LibreOffice does it: thirty declarations at the root, the inclusive form."""
    spaces = "".join(f' xmlns:n{number}="urn:oasis:names:tc:opendocument:xmlns:n{number}:1.0"' for number in range(30))
    cells = "<n1:cell n1:type='float' n2:value='12.5'><n3:p>12.5</n3:p></n1:cell>" * 60_000
    data = f"<n0:content{spaces}>{cells}</n0:content>".encode()
    refs = [Ref("content.xml", etree.tostring(etree.fromstring(data), method="c14n"), C14N)]
    refs += [Ref(name, part) for name, part in office_signing.ODT.items() if name not in ("content.xml", "Pictures/dàu.png")]
    root = etree.Element("{urn:oasis:names:tc:opendocument:xmlns:digitalsignature:1.0}document-signatures")
    root.append(Signing(pki, references=refs).signature())
    parts = {**office_signing.ODT, "content.xml": data, "META-INF/documentsignatures.xml": etree.tostring(root)}
    del parts["Pictures/dàu.png"]
    found = read(tmp_path, packed.zipped(parts)).objects[0]
    assert (found.integrity, found.failure) == (Integrity.INTACT, None)


def test_memory_is_bounded_whatever_a_document_is_full_of(tmp_path: Path, pki: Pki) -> None:
    """A process of its own, so that the figure is of this document alone."""
    worst = "<d>" + "<a b='' c=''/>x" * 399_000 + "</d>"
    path = tmp_path / "worst.xml"
    path.write_bytes(signed(pki, etree.fromstring(worst), Ref("", b"x", ENVELOPED + C14N), Ref("", b"x", path_filter("//a"))))
    script = (
        "import resource, sys\nfrom pathlib import Path\nfrom signatures.reading import read_signatures\n"
        "from signatures.signed import Source\n"
        "before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "found = read_signatures(Source(Path(sys.argv[1]), 'worst.xml'))\n"
        "print(found.objects[0].integrity.value, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before >> 10)"
    )
    out = subprocess.run([sys.executable, "-c", script, path], capture_output=True, text=True, check=True).stdout.split()
    assert out[0] != "intact"
    assert int(out[1]) < 500, "MiB"
