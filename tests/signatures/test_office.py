"""Signatures of office documents: what is whole passes, one changed or added thing does not, and what is not covered is named."""

from __future__ import annotations

import io
import struct
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from signatures.report import Integrity, Kind, SignatureReport
from tests.packed import zipped
from tests.signatures.judging import signature
from tests.signatures.office_signing import (
    DOCX,
    ODT,
    OFFICE,
    RELATIONSHIPS,
    Ref,
    links,
    part_refs,
    sign_docx,
    sign_odt,
    unzipped,
)
from tests.signatures.pki import Pki, day

Parts = dict[str, bytes]


def judged(folder: Path, pki: Pki, parts: Parts | bytes) -> SignatureReport:
    return signature(folder, pki, parts if isinstance(parts, bytes) else zipped(parts), day(2026, 6))


def test_a_signed_package_is_valid_and_its_properties_are_named_as_not_covered(tmp_path: Path, pki: Pki) -> None:
    report = judged(tmp_path, pki, sign_docx(pki))
    assert (report.kind, str(report.verdict), report.level) == (Kind.OOXML, "TOTAL-PASSED", "XAdES-B")
    assert "word/document.xml" in report.coverage.files
    assert report.coverage.left == ("_rels/.rels#rId2 (core-properties)", "docProps/core.xml")


def test_a_package_as_it_was_signed_before_xades(tmp_path: Path, pki: Pki) -> None:
    report = judged(tmp_path, pki, sign_docx(pki, xades=False))
    assert (str(report.verdict), report.level, report.claimed) == ("TOTAL-PASSED", "XML-DSig", day(2026, 2, 28))


def test_a_signed_opendocument_file_is_valid_and_whole(tmp_path: Path, pki: Pki) -> None:
    report = judged(tmp_path, pki, sign_odt(pki))
    assert (report.kind, str(report.verdict)) == (Kind.ODF, "TOTAL-PASSED")
    assert (report.coverage.scope, set(report.coverage.files), report.coverage.left) == ("file", set(ODT), ())


@pytest.mark.parametrize("name", ["word/document.xml", "word/styles.xml", "word/_rels/document.xml.rels"])
def test_one_changed_part_of_a_package(tmp_path: Path, pki: Pki, name: str) -> None:
    parts = sign_docx(pki)
    other = {"word/_rels/document.xml.rels": parts[name].replace(b"styles.xml", b"other.xml")}.get(
        name, parts[name] + b"<!-- -->"
    )
    assert judged(tmp_path, pki, parts | {name: other}).integrity is Integrity.BROKEN


@pytest.mark.parametrize("name", list(ODT))
def test_one_changed_part_of_an_opendocument_file(tmp_path: Path, pki: Pki, name: str) -> None:
    parts = sign_odt(pki)
    other = parts[name].replace(b"xml", b"xnl") if name == "META-INF/manifest.xml" else parts[name] + b" "
    if name.endswith(".xml"):
        other = parts[name].replace("số 1".encode(), "số 2".encode()).replace(b"<manifest/>", b"<manifest x='1'/>")
    assert other != parts[name]
    assert judged(tmp_path, pki, parts | {name: other}).integrity is Integrity.BROKEN


FIXTURES = Path(__file__).with_name("fixtures")


@pytest.mark.parametrize(
    ("name", "left"),
    [
        ("signed-by-libreoffice-7.4.odt", ()),
        (
            "signed-by-libreoffice-7.4.docx",
            (
                "_rels/.rels#rId1 (core-properties)",
                "_rels/.rels#rId2 (extended-properties)",
                "docProps/app.xml",
                "docProps/core.xml",
            ),
        ),
    ],
)
def test_a_document_that_libreoffice_signed_and_the_same_with_each_part_changed(
    tmp_path: Path, pki: Pki, name: str, left: tuple[str, ...]
) -> None:
    """Made with LibreOffice 7.4 and a certificate of these tests' kind, whose key is gone."""
    data = (FIXTURES / name).read_bytes()
    report = judged(tmp_path, pki, data)
    assert (report.integrity, report.level, report.coverage.left) == (Integrity.INTACT, "XAdES-B", left)
    assert report.signer is not None
    assert report.signer.common_name == "Nguyễn Văn A"
    parts = unzipped(data)
    for each in {part.partition("#")[0] for part in report.coverage.files}:
        content = parts[each]
        if each.endswith(".rels"):
            other = content.replace(b'Target="', b'Target="./', 9)
        else:
            other = content.replace(b"</", b" </", 1) if each.endswith((".xml", ".rdf")) else content + b" "
        assert other != content
        changed = judged(tmp_path, pki, parts | {each: other})
        assert changed.integrity is not Integrity.INTACT, each


def test_one_missing_part(tmp_path: Path, pki: Pki) -> None:
    for parts, name in ((sign_docx(pki), "word/styles.xml"), (sign_odt(pki), "content.xml")):
        report = judged(tmp_path, pki, {each: data for each, data in parts.items() if each != name})
        assert str(report.verdict) == "INDETERMINATE/SIGNED_DATA_NOT_FOUND"


# -- relationship games: everything below leaves all digests right ---------------------------------------------------------------------


def a_second_document(parts: Parts) -> Parts:
    """The package leads to another document first; the signed one stays where it was."""
    more = links(("rId0", OFFICE + "officeDocument", "evil.xml")).partition(b'relationships">')[2]
    return {
        "evil.xml": b"<evil/>",
        "_rels/.rels": parts["_rels/.rels"].replace(
            b'relationships">', b'relationships">' + more.removesuffix(b"</Relationships>")
        ),
    }


def a_part_more(parts: Parts) -> Parts:
    return {"word/vbaProject.bin": b"macro"}


def a_link_more(parts: Parts) -> Parts:
    more = links(("rId7", OFFICE + "attachedTemplate", "https://example.org/evil.dotm")).partition(b'relationships">')[2]
    return {"word/_rels/document.xml.rels": parts["word/_rels/document.xml.rels"].replace(b"</Relationships>", more)}


def a_harmless_type_for_a_part_that_is_shown(parts: Parts) -> Parts:
    """Properties may stay unsigned; the same part as a piece of the document may not."""
    more = links(("rId8", OFFICE + "aFChunk", "../docProps/core.xml")).partition(b'relationships">')[2]
    return {"word/_rels/document.xml.rels": parts["word/_rels/document.xml.rels"].replace(b"</Relationships>", more)}


GAMES: list[Callable[[Parts], Parts]] = [a_second_document, a_part_more, a_link_more, a_harmless_type_for_a_part_that_is_shown]


@pytest.mark.parametrize("game", GAMES)
def test_what_was_added_to_a_package_since(tmp_path: Path, pki: Pki, game: Callable[[Parts], Parts]) -> None:
    parts = sign_docx(pki)
    report = judged(tmp_path, pki, parts | game(parts))
    assert (report.integrity, str(report.verdict)) == (Integrity.INTACT, "INDETERMINATE/SIG_CONSTRAINTS_FAILURE")
    assert report.verdict.why is not None
    assert report.verdict.why.code == "SIG-PARTS-UNSIGNED"


def test_a_part_that_was_added_to_an_opendocument_file_since(tmp_path: Path, pki: Pki) -> None:
    report = judged(tmp_path, pki, sign_odt(pki) | {"Basic/Standard/evil.xml": b"<x/>"})
    assert str(report.verdict) == "INDETERMINATE/SIG_CONSTRAINTS_FAILURE"
    assert report.coverage.left == ("Basic/Standard/evil.xml",)


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_before_odf_1_2_the_manifest_was_not_signed(tmp_path: Path, pki: Pki, version: str) -> None:
    content = f"<office:document-content xmlns:office='urn:o' office:version='{version}'/>".encode()
    parts = {
        "content.xml": content,
        "META-INF/manifest.xml": b"<manifest/>",
        "mimetype": b"application/vnd.oasis.opendocument.text",
    }
    signed = parts | sign_odt(pki, {"content.xml": content})
    report = judged(tmp_path, pki, signed)
    assert (report.integrity, report.verdict.passed) == (Integrity.INTACT, version == "1.1")
    assert report.coverage.left == ("META-INF/manifest.xml", "mimetype")


def test_a_part_that_was_never_signed(tmp_path: Path, pki: Pki) -> None:
    refs = [each for each in part_refs(DOCX) if "styles" not in (each.uri or "")]
    report = judged(tmp_path, pki, sign_docx(pki, refs=refs))
    assert report.verdict.why is not None
    assert report.verdict.why.args["parts"] == "word/styles.xml"


DATA_LINK = links(("rId5", OFFICE + "customXml", "../customXml/item1.xml")).partition(b'relationships">')[2]


@pytest.mark.parametrize("bound", [False, True])
def test_data_beside_a_document_is_harmless_only_while_the_document_shows_none_of_it(
    tmp_path: Path, pki: Pki, bound: bool
) -> None:
    """Office programs leave custom data unsigned; bound to a control its text is what people see."""
    holder = "word/_rels/document.xml.rels"
    parts = DOCX | {"customXml/item1.xml": b"<data>1</data>"}
    parts[holder] = parts[holder].replace(b"</Relationships>", DATA_LINK)
    if bound:
        parts["word/document.xml"] = b"<w:document xmlns:w='urn:w'><w:dataBinding w:xpath='/data'/></w:document>"
    report = judged(tmp_path, pki, sign_docx(pki, parts, refs=part_refs(parts)))
    assert "customXml/item1.xml" in report.coverage.left
    assert (report.integrity, report.verdict.passed) == (Integrity.INTACT, not bound)


def another_content_type(parts: Parts) -> Parts:
    """The same bytes, to be read as a document with macros."""
    return {"[Content_Types].xml": parts["[Content_Types].xml"].replace(b"document.main+xml", b"macroEnabled.main+xml")}


def a_content_type_twice(parts: Parts) -> Parts:
    more = b'<Override PartName="/WORD/document.xml" ContentType="x/y"/></Types>'
    return {"[Content_Types].xml": parts["[Content_Types].xml"].replace(b"</Types>", more)}


def a_relationship_twice(parts: Parts) -> Parts:
    more = links(("rId1", OFFICE + "officeDocument", "evil.xml")).partition(b'relationships">')[2]
    return {"_rels/.rels": parts["_rels/.rels"].replace(b"</Relationships>", more), "evil.xml": b"<evil/>"}


def no_way_to_the_signature(parts: Parts) -> Parts:
    return {"_rels/.rels": parts["_rels/.rels"].replace(b"digital-signature/origin", b"digital-signature/other")}


def an_entity_in_the_content_types(parts: Parts) -> Parts:
    return {"[Content_Types].xml": b"<!DOCTYPE x [<!ENTITY e SYSTEM 'file:///etc/passwd'>]>" + parts["[Content_Types].xml"]}


@pytest.mark.parametrize(
    "game",
    [another_content_type, a_content_type_twice, a_relationship_twice, no_way_to_the_signature, an_entity_in_the_content_types],
)
def test_a_package_that_says_two_things(tmp_path: Path, pki: Pki, game: Callable[[Parts], Parts]) -> None:
    parts = sign_docx(pki)
    changed = parts | game(parts)
    assert changed != parts
    report = judged(tmp_path, pki, changed)
    assert (report.integrity, str(report.verdict)) == (Integrity.UNKNOWN, "INDETERMINATE/SIG_CONSTRAINTS_FAILURE")


def test_references_that_lead_out_of_the_package(tmp_path: Path, pki: Pki) -> None:
    for uri in ("/../../etc/passwd", "file:///etc/passwd", "word/document.xml", "/word/document.xml"):
        refs = [*part_refs(DOCX), Ref(f"{uri}?ContentType={RELATIONSHIPS}", DOCX["word/document.xml"])]
        assert judged(tmp_path, pki, sign_docx(pki, refs=refs)).integrity is not Integrity.INTACT


# -- zip tricks ------------------------------------------------------------------------------------------------------------------------


def first(data: bytes) -> str:
    return "word/document.xml" if b"word/document.xml" in data else "content.xml"


def a_name_twice(data: bytes) -> bytes:
    out = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(out, "w") as archive:
        warnings.simplefilter("ignore")
        for name, content in [*unzipped(data).items(), (first(data), b"<evil/>")]:
            archive.writestr(name, content)
    return out.getvalue()


def a_name_in_another_case(data: bytes) -> bytes:
    return zipped(unzipped(data) | {first(data).upper(): b"<evil/>"})


def bytes_before(data: bytes) -> bytes:
    return b"PK\3\4" + b"\0" * 60 + data


def bytes_behind(data: bytes) -> bytes:
    return data + b"behind"


def a_local_name_that_differs(data: bytes) -> bytes:
    name = first(data).encode()
    return data.replace(name, name.replace(b"t", b"x"), 1)


def a_size_that_differs(data: bytes) -> bytes:
    at = data.index(b"PK\1\2")
    return data[: at + 24] + struct.pack("<L", 7) + data[at + 28 :]


def a_path_that_leads_out(data: bytes) -> bytes:
    return zipped(unzipped(data) | {"../evil.xml": b"<evil/>"})


def an_encrypted_member(data: bytes) -> bytes:
    at = data.index(b"PK\1\2")
    return data[: at + 8] + b"\x01\x00" + data[at + 10 :]


ZIPS: list[Callable[[bytes], bytes]] = [
    a_name_twice,
    a_name_in_another_case,
    bytes_before,
    bytes_behind,
    a_local_name_that_differs,
    a_size_that_differs,
    a_path_that_leads_out,
    an_encrypted_member,
]


@pytest.mark.parametrize("trick", ZIPS)
@pytest.mark.parametrize("kind", ["docx", "odt"])
def test_zips_that_two_readers_take_differently(tmp_path: Path, pki: Pki, kind: str, trick: Callable[[bytes], bytes]) -> None:
    report = judged(tmp_path, pki, trick(zipped(sign_docx(pki) if kind == "docx" else sign_odt(pki))))
    assert not report.verdict.passed
    assert report.integrity is not Integrity.INTACT
    assert report.verdict.why is not None


def test_a_bomb_beside_the_signature(tmp_path: Path, pki: Pki) -> None:
    """300 MB of zeros that compress a thousand to one are not unpacked."""
    report = judged(tmp_path, pki, sign_docx(pki) | {"word/media.bin": bytes(300 << 20)})
    assert report.integrity is Integrity.UNKNOWN
    assert report.verdict.why is not None
    assert report.verdict.why.code == "SIG-XML-REFUSED"
