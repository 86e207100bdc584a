"""Signatures of packages are told by what the package says, wherever it has them; PDFs by what their readers find."""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import pytest

from signatures.detect import detect, detected
from signatures.reading import read_signatures
from signatures.report import Integrity, Kind
from signatures.signed import Source
from tests.packed import zipped
from tests.signatures import asic_builder
from tests.signatures.office_signing import BARE, DOCX, ODT, sign_docx
from tests.signatures.pki import Pki, day, make_pdf


def kinds(data: bytes) -> list[Kind]:
    return [each.kind for each in detected(io.BytesIO(data))]


def moved(parts: dict[str, bytes]) -> dict[str, bytes]:
    """The same package with its signatures in a folder of another name."""
    return {
        name.replace("_xmlsignatures", "word/media"): data.replace(b"_xmlsignatures", b"word/media")
        if not name.endswith("sig1.xml")
        else data
        for name, data in parts.items()
    }


def test_a_package_with_its_signatures_in_another_folder(tmp_path: Path, pki: Pki) -> None:
    data = zipped(moved(sign_docx(pki)))
    assert b"_xmlsignatures" not in data
    assert kinds(data) == [Kind.OOXML]
    path = tmp_path / "x.docx"
    path.write_bytes(data)
    file = read_signatures(Source(path, "x.docx"))
    assert file is not None
    assert len(file.objects) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"_rels/.rels": DOCX["_rels/.rels"].replace(b"</R", b'<Relationship Type="x/digital&#45;signature/origin"/></R')},
        {"_RELS/.rels/[0].last.piece": b'<R><Relationship Type="http://x/digital-signature/origin"/></R>'},
        {"word/a.sigs": b""},
        {
            "_xmlsig/a.xml": b"",
            "[Content_Types].xml": DOCX["[Content_Types].xml"].replace(b"_xmlsignatures/sig1", b"_xmlsi%67/a"),
        },
        {"[Content_Types].xml": b"<!DOCTYPE Types><Types/>"},
        {"[Content_Types].xml": b"<Types a=digital-signature>"},
        {"[Content_Types].xml": DOCX["[Content_Types].xml"].decode().replace("Default", "Ð").encode("utf-16")[:-40]},
    ],
    ids=["a reference", "a piece", "an extension", "a part", "a DOCTYPE", "no XML", "cut short"],
)
def test_a_package_that_says_so_or_cannot_be_understood_is_signed(changed: dict[str, bytes]) -> None:
    parts = {**DOCX, **changed}
    assert kinds(zipped(parts)) == [Kind.OOXML]


def test_a_package_whose_types_are_packed_in_a_way_that_is_not_read() -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_LZMA) as archive:
        archive.writestr("[Content_Types].xml", DOCX["[Content_Types].xml"])
    assert kinds(out.getvalue()) == [Kind.OOXML]


@pytest.mark.parametrize(
    "parts",
    [
        DOCX,
        BARE,
        ODT,
        {"a.txt": b"[Content_Types].xml digital-signature"},
        {"_rels/.rels": DOCX["_rels/.rels"]},
        {**DOCX, "[Content_Types].xml": b"<Types>"},
        {**DOCX, "[Content_Types].xml": b"application/xml"},
    ],
)
def test_a_plain_zip_carries_nothing(parts: dict[str, bytes]) -> None:
    for front in (b"", b"\xff\xd8\xff"):
        assert kinds(front + zipped(parts)) == []


def test_a_container_whose_manifest_names_a_seal_of_another_name(pki: Pki) -> None:
    own = asic_builder.manifest("META-INF/s.p7s", asic_builder.FILES)
    parts = {**asic_builder.FILES, "META-INF/ASiCManifest.xml": own, "META-INF/s.p7s": pki.sign_cms(own)}
    assert kinds(asic_builder.zipped(parts)) == [Kind.ASIC]


@pytest.mark.parametrize(
    ("before", "after"),
    [(b"<", b" " * 2_000), (b"<r>", b""), (b" \n<!-- x -->", b"\n" * 70_000), (b"\xef\xbb\xbf<", b" " * 2_000)],
)
def test_a_pdf_behind_what_begins_as_xml(pki: Pki, before: bytes, after: bytes) -> None:
    """Readers of PDF look for its head in the first kB, and find its objects whatever stands at its end."""
    assert Kind.PADES in kinds(before + pki.sign_pdf(make_pdf(), day(2026, 3), level="B") + after)
    assert kinds(before + make_pdf() + after) == []


@pytest.mark.parametrize("name", [b"/Byte#52ange", b"/#42#79#74#65#52#61#6e#67#65", b"/#42yteRan#67e", b"/ByteRang#65"])
def test_the_key_of_a_pdf_signature_written_in_numbers(pki: Pki, name: bytes) -> None:
    signed = pki.sign_pdf(make_pdf(), day(2026, 3), level="B")
    assert kinds(signed.replace(b"/ByteRange", name)) == [Kind.PADES]


@pytest.mark.parametrize("text", [b"<html>%PDF-1.7 has a /ByteRange, startxref and obj</html>", b"<p>%PDF-1.4 1 0 obj</p>"])
def test_a_text_that_speaks_of_pdf_is_none(text: bytes) -> None:
    assert detect(io.BytesIO(text)) is None


def test_a_package_that_is_cut_short_may_have_been_signed(tmp_path: Path) -> None:
    data = zipped(DOCX)
    for cut in (data[:-40], data[: len(data) // 2]):
        assert kinds(cut) == [Kind.OOXML]
        path = tmp_path / "x.docx"
        path.write_bytes(cut)
        file = read_signatures(Source(path, "x.docx"))
        assert file is not None
        assert [each.integrity for each in file.objects] == [Integrity.UNKNOWN]
    assert kinds(zipped(ODT)[:-40]) == []
