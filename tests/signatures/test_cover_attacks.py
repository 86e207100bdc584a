"""What would look covered and is not: filters out of reach, parts disguised as the package's own, seals over nothing, second names in a
zip; and documents that make it dear to tell what is covered. Every digest and every value below is right."""

from __future__ import annotations

import copy
import io
import re
import struct
import time
import zipfile
import zlib
from pathlib import Path

import pytest
from asn1crypto import cms
from lxml import etree

from signatures.report import Integrity, SignatureReport, SubIndication
from tests.packed import zipped
from tests.signatures.asic_builder import EXTENDED, FILES, SIMPLE, WHEN, manifest, parts, with_xades
from tests.signatures.asic_builder import zipped as container
from tests.signatures.judging import read, signature
from tests.signatures.office_signing import BARE, ODT, OFFICE, PACKAGE, WORD, links, relationship_ref, sign_docx, sign_odt
from tests.signatures.pki import Pki, day
from tests.signatures.xml_signing import DS, ENVELOPED, EXCLUSIVE, Ref, Signing, b64, canonical, enveloped

FILTER = "http://www.w3.org/2002/06/xmldsig-filter2"
LETTER = '<l:edoc xmlns:l="urn:test:letter"><l:note>1</l:note><l:body Id="body">x</l:body></l:edoc>'
WITHOUT_NOTE = (
    f'<ds:Transform Algorithm="{FILTER}"><XPath xmlns="{FILTER}" xmlns:l="urn:test:letter" Filter="subtract">'
    "/l:edoc/l:note</XPath></ds:Transform>"
)
BASE64 = f'<ds:Transform Algorithm="{DS}base64"/>'


def judged(folder: Path, pki: Pki, data: bytes | etree._Element, beside: dict[str, bytes] | None = None) -> SignatureReport:
    encoded = data if isinstance(data, bytes) else etree.tostring(data)
    return signature(folder, pki, encoded, day(2026, 6), beside=beside)


def without_note() -> bytes:
    root = etree.fromstring(LETTER)
    root.remove(root[0])
    return canonical(root)


# -- filters, and text without its element ----------------------------------------------------------------------------------------------


def test_a_filter_over_a_form_that_was_read_again_is_refused(tmp_path: Path, pki: Pki) -> None:
    """What it takes out is no element of the document any more, so the report could not name it."""
    root = etree.fromstring(LETTER)
    root.append(Signing(pki, references=[Ref("", without_note(), ENVELOPED + EXCLUSIVE + WITHOUT_NOTE + EXCLUSIVE)]).signature())
    root[0].text = "1.000.000"
    report = judged(tmp_path, pki, root)
    assert (report.integrity, str(report.verdict)) == (Integrity.UNKNOWN, "INDETERMINATE/SIG_CONSTRAINTS_FAILURE")


def test_a_filter_over_a_file_beside_covers_part_of_it(tmp_path: Path, pki: Pki) -> None:
    made = Signing(pki, references=[Ref("a.xml", without_note(), WITHOUT_NOTE + EXCLUSIVE)]).signature()
    report = judged(tmp_path, pki, made, {"a.xml": LETTER.replace("1", "9").encode()})
    assert (report.integrity, report.coverage.files, report.coverage.left) == (Integrity.INTACT, ("a.xml (part)",), ("a.xml",))
    assert "SIG-PART-ONLY" in {each.code for each in report.notes}


def test_a_filter_over_a_member_of_a_container_covers_part_of_it(tmp_path: Path, pki: Pki) -> None:
    made = Signing(pki, references=[Ref("a.xml", without_note(), WITHOUT_NOTE + EXCLUSIVE)]).signature()
    members = {"a.xml": LETTER.replace("1", "9").encode(), "META-INF/signatures001.xml": etree.tostring(made)}
    report = judged(tmp_path, pki, container(members))
    assert (report.coverage.scope, report.coverage.left) == ("part", ("a.xml",))


def test_a_filter_over_a_part_of_a_document_does_not_cover_the_part(tmp_path: Path, pki: Pki) -> None:
    inside = f'<XPath xmlns="{FILTER}" xmlns:w="urn:w" Filter="subtract">/w:document/w:t</XPath>'
    step = f'<ds:Transform Algorithm="{FILTER}">{inside}</ds:Transform>'
    root = etree.fromstring(BARE["word/document.xml"])
    root.remove(root[0])
    ref = Ref(f"/word/document.xml?ContentType={WORD}document.main+xml", canonical(root), step + EXCLUSIVE)
    report = judged(tmp_path, pki, zipped(sign_docx(pki, BARE, refs=[*_links(BARE), ref])))
    assert not report.verdict.passed
    assert "word/document.xml" in report.coverage.left


@pytest.mark.parametrize(("attributes", "left"), [("", "name"), (' status="approved"', "name and attributes")])
def test_base64_covers_neither_name_nor_attributes(tmp_path: Path, pki: Pki, attributes: str, left: str) -> None:
    root = etree.fromstring(f'<all><doc Id="d"{attributes}>{b64(b"cong van")}</doc></all>')
    root.append(Signing(pki, references=[Ref("#d", b"cong van", BASE64)]).signature())
    assert judged(tmp_path, pki, root).coverage.left == ("/all (name)", f"/all/doc ({left})")


@pytest.mark.parametrize(
    "place", [f"{{{DS}}}Object", f"{{{DS}}}KeyInfo", "{http://uri.etsi.org/01903/v1.3.2#}UnsignedSignatureProperties"]
)
def test_a_double_inside_the_signature_that_is_left_out_of_what_it_signs(tmp_path: Path, pki: Pki, place: str) -> None:
    root = etree.fromstring(LETTER)
    root.append(Signing(pki, references=[Ref("", canonical(root), ENVELOPED + EXCLUSIVE)]).signature())
    assert judged(tmp_path, pki, root).coverage.whole
    holder = root.find(f".//{place}")
    if place.endswith("}Object"):
        holder = etree.SubElement(root.find(f"{{{DS}}}Signature"), place)
    etree.SubElement(holder, "{urn:test:letter}body").text = "false"
    report = judged(tmp_path, pki, root)
    assert (report.integrity, report.verdict.passed) == (Integrity.UNKNOWN, False)
    assert report.verdict.why is not None
    assert report.verdict.why.code == "SIG-WRAPPED"


def _two(pki: Pki, other: Pki, *, over: str) -> etree._Element:
    """A list of equal elements, of which one has a signature of its own, and ``over`` ("" is all there is) one by somebody of ``other``."""
    root = etree.fromstring('<list><item Id="a">1</item><item Id="b">2</item></list>')
    root.append(Signing(pki, references=[Ref("#a", canonical(root[0]), EXCLUSIVE)]).signature())
    data, steps = (canonical(root[1]), EXCLUSIVE) if over else (canonical(root), ENVELOPED + EXCLUSIVE)
    root.append(Signing(other, references=[Ref(over, data, steps)], name="sig-2").signature())
    return root


@pytest.mark.parametrize("over", ["#b", ""])
def test_a_double_that_somebody_signed_whom_nobody_trusts(tmp_path: Path, pki: Pki, over: str) -> None:
    """Anybody can make a key and sign what he added: that says nothing for the signature of another."""
    report = judged(tmp_path, pki, _two(pki, Pki(), over=over))
    assert (report.integrity, str(report.verdict)) == (Integrity.UNKNOWN, "INDETERMINATE/SIG_CONSTRAINTS_FAILURE")
    assert report.verdict.why is not None
    assert (report.verdict.why.code, report.verdict.why.args["element"]) == ("SIG-WRAPPED", "/list/item[2]")


@pytest.mark.parametrize("over", ["#b", ""])
def test_equal_elements_each_signed_by_somebody_who_is_trusted(tmp_path: Path, pki: Pki, over: str) -> None:
    assert judged(tmp_path, pki, _two(pki, pki, over=over)).verdict.passed


# -- office documents -------------------------------------------------------------------------------------------------------------------

PLAIN = {name: data for name, data in BARE.items() if name != "word/styles.xml"} | {
    "word/_rels/document.xml.rels": links(("rId2", OFFICE + "hyperlink", "https://example.org/a"))
}


def _links(of: dict[str, bytes]) -> list[Ref]:
    holder = "word/_rels/document.xml.rels"
    ids = {"rId1", "rId2"} if "word/styles.xml" in of else {"rId2"}
    return [relationship_ref("_rels/.rels", of["_rels/.rels"], {"rId1"}), relationship_ref(holder, of[holder], ids)]


def _signed(pki: Pki) -> dict[str, bytes]:
    name, types = "word/document.xml", "[Content_Types].xml"
    styles = f'<Override PartName="/word/styles.xml" ContentType="{WORD}styles+xml"/>'
    plain = PLAIN | {types: PLAIN[types].replace(styles.encode(), b"")}
    return sign_docx(pki, plain, refs=[*_links(PLAIN), Ref(f"/{name}?ContentType={WORD}document.main+xml", PLAIN[name])])


def _added(holder: bytes, *each: tuple[str, str, str], around: str = "{}") -> bytes:
    more = links(*each).partition(b'relationships">')[2].removesuffix(b"</Relationships>").decode()
    return holder.replace(b"</Relationships>", around.format(more).encode() + b"</Relationships>")


@pytest.mark.parametrize("holder", ["_xmlsignatures/_rels/origin.sigs.rels", "_xmlsignatures/_rels/sig1.xml.rels", "_rels/.rels"])
def test_parts_that_are_called_certificates_of_the_signature(tmp_path: Path, pki: Pki, holder: str) -> None:
    """Styles that hide text, added since; and both they and the document are said to be the signatures' own machinery."""
    parts = _signed(pki)
    assert judged(tmp_path, pki, zipped(parts)).coverage.whole
    own = "word/_rels/document.xml.rels"
    parts[own] = _added(parts[own], ("rId7", OFFICE + "styles", "styles.xml"))
    parts["word/styles.xml"] = b"<w:styles xmlns:w='urn:w'>hide</w:styles>"
    kind = PACKAGE + "relationships/digital-signature/certificate"
    false = [("rId21", kind, "/word/document.xml"), ("rId22", kind, "/word/styles.xml")]
    parts[holder] = _added(parts.get(holder, links()), *false)
    report = judged(tmp_path, pki, zipped(parts))
    assert (report.integrity, report.verdict.passed) == (Integrity.INTACT, False)
    left = tuple(each for each in report.coverage.left if each not in (f"{holder}#{name} (certificate)" for name, _, _ in false))
    assert left == (f"{own}#rId7 (styles)", "word/styles.xml")
    assert len(report.coverage.left) == len(left) + (0 if "sig1" in holder else len(false))


def test_a_relationship_inside_an_alternative(tmp_path: Path, pki: Pki) -> None:
    """Office programs look into alternatives; who looks at the top only would not see the template."""
    parts = _signed(pki)
    mc = "http://schemas.openxmlformats.org/markup-compatibility/2006"
    around = f'<mc:AlternateContent xmlns:mc="{mc}"><mc:Fallback>{{}}</mc:Fallback></mc:AlternateContent>'
    own = "word/_rels/document.xml.rels"
    parts[own] = _added(parts[own], ("rId7", OFFICE + "attachedTemplate", "https://example.org/x.dotm"), around=around)
    assert judged(tmp_path, pki, zipped(parts)).integrity is Integrity.UNKNOWN


def test_data_that_a_document_in_another_encoding_shows(tmp_path: Path, pki: Pki) -> None:
    text = '<?xml version="1.0" encoding="UTF-16"?><w:document xmlns:w="urn:w"><w:dataBinding w:xpath="/d"/></w:document>'
    name, own = "word/document.xml", "word/_rels/document.xml.rels"
    parts = PLAIN | {name: text.encode("utf-16"), "customXml/item1.xml": b"<d>1</d>"}
    parts[own] = _added(parts[own], ("rId5", OFFICE + "customXml", "../customXml/item1.xml"))
    refs = [*_links(parts), Ref(f"/{name}?ContentType={WORD}document.main+xml", parts[name])]
    assert not judged(tmp_path, pki, zipped(sign_docx(pki, parts, refs=refs))).verdict.passed


def test_a_version_in_a_comment_does_not_make_a_document_old(tmp_path: Path, pki: Pki) -> None:
    """A comment is signed by nobody; documents before ODF 1.2 may have unsigned parts."""
    parts = sign_odt(pki) | {"Configurations2/evil.xml": b"<e/>"}
    for comment in (b'<!-- office:version="1.1" -->', b"<!-- <a office:version='1.1'> -->", b"<!--" + b" " * 9000 + b"-->"):
        report = judged(tmp_path, pki, zipped(parts | {"content.xml": comment + parts["content.xml"]}))
        assert (report.integrity, report.verdict.passed) == (Integrity.INTACT, False)


def test_a_signature_of_macros_says_that_it_leaves_the_document(tmp_path: Path, pki: Pki) -> None:
    made = sign_odt(pki, {"Basic/m.xml": b"<m/>"})["META-INF/documentsignatures.xml"]
    report = judged(tmp_path, pki, zipped(ODT | {"Basic/m.xml": b"<m/>", "META-INF/macrosignatures.xml": made}))
    assert (report.integrity, report.coverage.scope, report.coverage.whole) == (Integrity.INTACT, "part", False)
    assert set(report.coverage.left) == set(ODT)


# -- containers -------------------------------------------------------------------------------------------------------------------------


def test_seals_that_cover_nothing(tmp_path: Path, pki: Pki) -> None:
    empty = manifest("META-INF/signature001.p7s", {})
    cades = {"META-INF/ASiCManifest001.xml": empty, "META-INF/signature001.p7s": pki.sign_cms(empty, WHEN)}
    holder = f'<ds:Object Id="own">{b64(b"x")}</ds:Object>'
    own = etree.tostring(Signing(pki, references=[Ref("#own", b"x", BASE64)], objects=holder).signature())
    for members, kind in (
        (FILES | cades, EXTENDED),
        (FILES | {"META-INF/signatures001.xml": own}, EXTENDED),
        ({"a.txt": b"a", "META-INF/signatures.xml": own}, SIMPLE),
    ):
        report = judged(tmp_path, pki, container(members, kind=kind))
        assert (report.integrity, str(report.verdict)) == (Integrity.UNKNOWN, "INDETERMINATE/SIG_CONSTRAINTS_FAILURE")


def test_a_signature_over_signatures_alone_signs_no_document(tmp_path: Path, pki: Pki) -> None:
    """A seal that names only what lies in META-INF is right, and says nothing of the documents; so it does not pass for the container."""
    other = {"META-INF/signature009.p7s": pki.sign_cms(b"x", WHEN)}
    own = manifest("META-INF/signature001.p7s", other)
    cades = {**other, "META-INF/ASiCManifest001.xml": own, "META-INF/signature001.p7s": pki.sign_cms(own, WHEN)}
    ref = Ref("META-INF/signature009.p7s", other["META-INF/signature009.p7s"])
    xades = {**other, "META-INF/signatures001.xml": etree.tostring(Signing(pki, references=[ref]).signature())}
    for members, name in ((cades, "META-INF/signature001.p7s"), (xades, "META-INF/signatures001.xml sig-1")):
        found = {each.name: each for each in read(tmp_path, container(FILES | members)).objects}
        assert found[name].failure is SubIndication.SIG_CONSTRAINTS_FAILURE
        assert "no document" in found[name].why.text("en")  # type: ignore[union-attr]


def test_files_that_a_manifest_names_inside_its_sig_reference_are_held_against_it(tmp_path: Path, pki: Pki) -> None:
    """As some program wrote them; not seen, they would be told as left and never be checked."""
    own = re.sub(
        rb"/>(<a:DataObjectReference.*)</a:ASiC", rb">\1</a:SigReference></a:ASiC", manifest("META-INF/signature001.p7s", FILES)
    )
    members = FILES | {"META-INF/ASiCManifest001.xml": own, "META-INF/signature001.p7s": pki.sign_cms(own, WHEN)}
    assert judged(tmp_path, pki, container(members)).coverage.whole
    assert judged(tmp_path, pki, container(members | {"cong van.txt": b"other"})).integrity is Integrity.BROKEN


def test_what_lies_among_the_seals_and_is_none_is_named(tmp_path: Path, pki: Pki) -> None:
    for members in (parts(pki), with_xades(pki)):
        report = judged(tmp_path, pki, container(members | {"META-INF/evil.pdf": b"evil", "META-INF/manifest.xml": b"<m/>"}))
        assert (report.coverage.scope, report.coverage.left) == ("part", ("META-INF/evil.pdf", "META-INF/manifest.xml"))


# -- second meanings of a zip -----------------------------------------------------------------------------------------------------------


def _entry(name: str, second: str = "") -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    if second:
        info.extra = struct.pack("<HHBI", 0x7075, 5 + len(second.encode()), 1, zlib.crc32(name.encode())) + second.encode()
    return info


def _written(*entries: tuple[zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr(zipfile.ZipInfo("mimetype"), EXTENDED)
        for info, data in entries:
            archive.writestr(info, data)
    return out.getvalue()


def test_a_second_name_that_few_readers_know_of(tmp_path: Path, pki: Pki) -> None:
    """By their second names the members are as they were signed; nearly every program shows the false one."""
    members = parts(pki)
    good = members.pop("cong van.txt")
    rest = [(_entry(name), data) for name, data in members.items()]
    for extra in (True, False):
        false, true = ("g.txt", "cong van.txt") if extra else ("", "")
        swapped = [(_entry("cong van.txt", false), b"false" if extra else good), (_entry("g.txt", true), good)]
        report = judged(tmp_path, pki, _written(*swapped, *rest))
        assert report.integrity is (Integrity.UNKNOWN if extra else Integrity.INTACT)


def test_a_second_name_in_the_local_header_alone(tmp_path: Path, pki: Pki) -> None:
    """Whoever reads the zip as a stream sees local headers only; the directory holds no such field."""
    name = "cong van.txt"
    whole = _written(*[(_entry(each, "other.txt" if each == name else ""), data) for each, data in parts(pki).items()])
    field = _entry(name, "other.txt").extra
    at = whole.rindex(field)  # in the directory
    assert whole.count(field) == 2
    plain = whole[:at] + struct.pack("<HH", 0x9999, len(field) - 4) + field[4:] + whole[at + len(field) :]
    report = judged(tmp_path, pki, plain)
    assert (report.integrity, str(report.verdict)) == (Integrity.UNKNOWN, "INDETERMINATE/SIG_CONSTRAINTS_FAILURE")


@pytest.mark.parametrize("comment", ["<!-- x -->", "<?x y?>"])
def test_a_comment_inside_a_signed_text_changes_nothing(tmp_path: Path, pki: Pki, comment: str) -> None:
    """The canonical form has no comments, so one can be put in afterwards; a text must not end there. An instruction is signed."""
    data = enveloped(pki)
    sound = judged(tmp_path, pki, data)
    at = data.index(b"T12:00:00Z</xades:SigningTime>")
    report = judged(tmp_path, pki, data[:at] + comment.encode() + data[at:])
    if comment.startswith("<!"):
        assert (report.integrity, report.claimed) == (Integrity.INTACT, sound.claimed)
    else:
        assert report.integrity is Integrity.BROKEN


def test_bytes_in_the_entry_of_a_folder(tmp_path: Path, pki: Pki) -> None:
    members = [(_entry(name), data) for name, data in parts(pki).items()]
    for inside, integrity in ((b"evil", Integrity.UNKNOWN), (b"", Integrity.INTACT)):
        assert judged(tmp_path, pki, _written(*members, (_entry("folder/"), inside))).integrity is integrity


# -- work -------------------------------------------------------------------------------------------------------------------------------


def _many_prefixes() -> etree._Element:
    spaces = "".join(f' xmlns:p{number}="urn:{number}"' for number in range(10_000))
    inner = '<p9999:a p9999:x="" p9998:y=""/>' * 20_000
    return etree.fromstring(f'<edoc{spaces}><body Id="body">{inner}</body></edoc>')


def _many_declarations() -> etree._Element:
    spaces = "".join(f' xmlns:p{number}="urn:{number}"' for number in range(10_000))
    inner = "".join(f'<a xmlns:q{number}="u"/>' for number in range(9_000))
    return etree.fromstring(f'<edoc{spaces}><body Id="body">{inner}</body></edoc>')


@pytest.mark.parametrize("make", [_many_prefixes, _many_declarations])
def test_a_document_in_which_every_name_is_looked_for_among_thousands(tmp_path: Path, pki: Pki, make: object) -> None:
    root = make()  # type: ignore[operator]
    steps = ['<ds:Transform Algorithm="http://www.w3.org/TR/2001/REC-xml-c14n-20010315"/>' * number for number in range(1, 6)]
    root.append(Signing(pki, references=[Ref("#body", b"x", each) for each in steps]).signature())
    report = judged(tmp_path, pki, root)
    assert report.verdict.why is not None
    assert "steps" in report.verdict.why.text("en")


def test_deep_doubles_under_many_signatures_are_bounded_work(tmp_path: Path, pki: Pki) -> None:
    """It took minutes: every element was held against every signature, each time by way of all its ancestors."""
    inner = "<a>" * 200 + "<a/>" * 30_000 + "</a>" * 200
    root = etree.fromstring(f'<edoc><x Id="x"/><a Id="body">{inner}</a></edoc>')
    small, large = (Ref(f"#{each.get('Id')}", canonical(each), EXCLUSIVE) for each in root)
    one = Signing(pki, xades=False, references=[small]).signature()
    for number in range(20):
        root.append(copy.deepcopy(one))
        root[-1].set("Id", f"s{number}")
        root[-1].find(f"{{{DS}}}SignatureValue").attrib.clear()
    root.append(Signing(pki, xades=False, name="z", references=[large]).signature())
    start = time.process_time()
    found = read(tmp_path, etree.tostring(root)).objects
    assert time.process_time() - start < 60  # a second; ten with coverage; minutes as it was
    assert found[-1].why is not None
    assert found[-1].why.code == "SIG-XML-REFUSED"


def test_paths_through_long_lists_are_bounded_work(tmp_path: Path, pki: Pki) -> None:
    text = '<a Id="body"/>'
    for _ in range(200):
        text = "<a/>" * 990 + f"<a>{text}</a>"
    root = etree.fromstring(f"<edoc>{text}</edoc>")
    (body,) = root.xpath("//*[@Id='body']")
    one = Signing(pki, xades=False, references=[Ref("#body", canonical(body), EXCLUSIVE)]).signature()
    for number in range(60):
        root.append(copy.deepcopy(one))
        root[-1].set("Id", f"s{number}")
        root[-1].find(f"{{{DS}}}SignatureValue").attrib.clear()
    start = time.process_time()
    found = read(tmp_path, etree.tostring(root)).objects
    assert time.process_time() - start < 8
    assert not any(each.failure is None for each in found)


# -- CMS --------------------------------------------------------------------------------------------------------------------------------


def test_signed_attributes_passed_off_as_a_content(tmp_path: Path, pki: Pki) -> None:
    """Without its signed attributes a signature is right over their bytes, as a file of their own that nobody signed."""
    info = cms.ContentInfo.load(pki.sign_cms(b"cong van", WHEN))
    signer = info["content"]["signer_infos"][0]
    attributes = signer["signed_attrs"].untag().dump()
    signer["signed_attrs"] = None
    bare = info.dump(force=True)
    info["content"]["encap_content_info"]["content"] = attributes
    for data, beside in ((bare, {"file": attributes}), (info.dump(force=True), {})):
        report = judged(tmp_path, pki, data, beside)
        assert (report.integrity, str(report.verdict)) == (Integrity.BROKEN, "TOTAL-FAILED/FORMAT_FAILURE")
    members = {"a.bin": attributes, "META-INF/signature.p7s": bare}
    assert judged(tmp_path, pki, container(members, kind=SIMPLE)).integrity is Integrity.BROKEN
