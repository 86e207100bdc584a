"""The properties of files that are made here with known ones."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest
from PIL import Image

from formats.characterise import shown
from formats.inspection import Inspection, InspectionLimits, InspectionReport, Inspectors
from formats.inspection.report import technical
from formats.validate.validation import Defect, defective
from policies.findings import Puid
from tests.formats.sample_files import ODF, OOXML, SAMPLES, film, have, make, picture, sound, zipped

PDF = Puid("fmt/20")


@pytest.fixture(scope="module")
def inspectors() -> Iterator[Inspectors]:
    with Inspectors(InspectionLimits(workers=1)) as running:
        yield running


def properties(inspectors: Inspectors, path: Path, puid: str) -> dict[str, str]:
    [(_, found)] = inspectors.inspect([(path, Puid(puid))], validate=False)
    assert found.validation is None
    return dict(shown(found.properties))


def scan(path: Path, *, dpi: int, text: bytes = b"", mode: str = "RGB", inches: tuple[float, float] = (4, 3)) -> None:
    """A PDF of one page that a picture fills, with a text layer when there is text."""
    width, height = int(inches[0] * dpi), int(inches[1] * dpi)
    data = io.BytesIO()
    picture((width, height)).convert(mode).save(data, "JPEG")
    with pikepdf.new() as pdf:
        page = pdf.add_blank_page(page_size=(inches[0] * 72, inches[1] * 72))
        space = pikepdf.Name.DeviceGray if mode == "L" else pikepdf.Name.DeviceRGB
        image = pdf.make_stream(
            data.getvalue(),
            {
                "/Type": pikepdf.Name.XObject,
                "/Subtype": pikepdf.Name.Image,
                "/Width": width,
                "/Height": height,
                "/BitsPerComponent": 8,
                "/ColorSpace": space,
                "/Filter": pikepdf.Name.DCTDecode,
            },
        )
        font = pikepdf.Dictionary(Type=pikepdf.Name.Font, Subtype=pikepdf.Name.Type1, BaseFont=pikepdf.Name.Helvetica)
        page.obj.Resources = pikepdf.Dictionary(
            XObject=pikepdf.Dictionary(Im0=image), Font=pikepdf.Dictionary(F1=pdf.make_indirect(font))
        )
        drawn = b"q %f 0 0 %f 0 0 cm /Im0 Do Q " % (inches[0] * 72, inches[1] * 72)
        hidden = b"BT 3 Tr /F1 12 Tf 10 10 Td (" + text + b") Tj ET" if text else b""
        page.obj.Contents = pdf.make_stream(drawn + hidden)
        pdf.save(path)


def test_a_scanned_page_with_a_text_layer(inspectors: Inspectors, tmp_path: Path) -> None:
    scan(tmp_path / "a.pdf", dpi=300, text=b"Quyet dinh")
    found = properties(inspectors, tmp_path / "a.pdf", PDF)
    assert found["pages"] == found["pages_scanned"] == found["pages_with_hidden_text"] == found["pages_with_text"] == "1"
    assert found["pages_scanned_without_text"] == "0"
    assert found["picture_dpi_least"] == found["picture_dpi_most"] == "300"
    assert found["picture_bits_least"] == "24"
    assert (found["fonts"], found["fonts_embedded"], found["encrypted"]) == ("1", "0", "no")


def test_a_scanned_page_without_one(inspectors: Inspectors, tmp_path: Path) -> None:
    scan(tmp_path / "a.pdf", dpi=150, mode="L")
    found = properties(inspectors, tmp_path / "a.pdf", PDF)
    assert found["pages_scanned_without_text"] == "1"
    assert (found["picture_dpi_least"], found["picture_bits_least"]) == ("150", "8")


def test_text_that_is_written_is_no_scan(inspectors: Inspectors, tmp_path: Path) -> None:
    path, puid = make("a.pdf", tmp_path)
    found = properties(inspectors, path, puid)
    assert (found["pages_scanned"], found["pages_with_text"], found["pages_with_hidden_text"]) == ("0", "1", "0")
    assert "picture_dpi_least" not in found


def test_what_is_embedded(inspectors: Inspectors, tmp_path: Path) -> None:
    with pikepdf.new() as pdf:
        pdf.add_blank_page()
        pdf.attachments["a.xml"] = b"<a/>"
        pdf.save(tmp_path / "a.pdf")
    assert properties(inspectors, tmp_path / "a.pdf", PDF)["embedded_files"] == "1"


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a.tif", {"width": "320", "height": "200", "bits_per_pixel": "24", "colour": "colour", "dpi_x": "300", "frames": "1"}),
        ("a.jpg", {"width": "320", "bits_per_pixel": "24", "dpi_x": "200", "dpi_y": "200"}),
        ("a.png", {"height": "200", "bits_per_pixel": "24", "dpi_x": "300", "icc_profile": "no"}),
        ("a.jp2", {"width": "320", "height": "200", "bits_per_pixel": "24"}),
        ("a.zip", {"members": "2", "encrypted": "no"}),
        ("a.siard", {"tables": "1", "rows": "2", "siard_version": "2.1"}),
        ("a.xml", {"root": "a"}),
        ("a.eml", {"messages": "1", "attachments": "0"}),
        ("a.mbox", {"messages": "2"}),
    ],
)
def test_properties_by_family(inspectors: Inspectors, name: str, expected: dict[str, str], tmp_path: Path) -> None:
    path, puid = make(name, tmp_path)
    found = properties(inspectors, path, puid)
    assert {key: found.get(key) for key in expected} == expected


def test_grey_and_bilevel_pictures(inspectors: Inspectors, tmp_path: Path) -> None:
    for mode, bits, colour in (("L", "8", "grey"), ("1", "1", "bilevel"), ("CMYK", "32", "colour")):
        picture().convert(mode).save(tmp_path / "a.tif")
        found = properties(inspectors, tmp_path / "a.tif", "fmt/353")
        assert (found["bits_per_pixel"], found["colour"]) == (bits, colour)
    frames = [Image.new("RGB", (9, 9)) for _ in range(3)]
    frames[0].save(tmp_path / "b.tif", save_all=True, append_images=frames[1:])
    assert properties(inspectors, tmp_path / "b.tif", "fmt/353")["frames"] == "3"


def test_tables_and_documents(inspectors: Inspectors, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("mã,tên\n1,Một\n2,Hai\n", encoding="utf-8")
    found = properties(inspectors, tmp_path / "a.csv", "x-fmt/18")
    assert (found["rows"], found["columns"]) == ("3", "2")
    sheet = '<worksheet xmlns="urn:x"><sheetData><row/><row/></sheetData></worksheet>'
    app = '<Properties xmlns="urn:p"><Pages>4</Pages><Words>120</Words></Properties>'
    zipped(tmp_path / "a.xlsx", {**OOXML, "xl/worksheets/sheet1.xml": sheet, "docProps/app.xml": app, "xl/media/image1.png": "x"})
    found = properties(inspectors, tmp_path / "a.xlsx", "fmt/214")
    assert {key: found[key] for key in ("sheets", "rows", "pages", "words", "pictures", "macros")} == {
        **{"sheets": "1", "rows": "2", "pages": "4", "words": "120", "pictures": "1", "macros": "no"}
    }
    meta = (
        '<o:document-meta xmlns:o="urn:oasis:names:tc:opendocument:xmlns:office:1.0" xmlns:meta="urn:oasis:names:tc:opendocument:xmlns:'
        'meta:1.0"><o:meta><meta:document-statistic meta:page-count="7" meta:word-count="99"/></o:meta></o:document-meta>'
    )
    zipped(tmp_path / "a.odt", {**ODF, "meta.xml": meta})
    found = properties(inspectors, tmp_path / "a.odt", "fmt/291")
    assert (found["pages"], found["words"]) == ("7", "99")


def test_a_count_that_is_no_number_costs_no_other(inspectors: Inspectors, tmp_path: Path) -> None:
    """Some digits of Unicode are none."""
    app = '<Properties xmlns="urn:p"><Pages>²</Pages><Words>120</Words></Properties>'
    zipped(tmp_path / "a.docx", {**OOXML, "docProps/app.xml": app})
    found = properties(inspectors, tmp_path / "a.docx", "fmt/412")
    assert "pages" not in found
    assert found["words"] == "120"


@pytest.mark.skipif(not have("ffmpeg", "ffprobe"), reason="ffmpeg is not installed (scripts/install-tools)")
def test_sound_and_moving_pictures(inspectors: Inspectors, tmp_path: Path) -> None:
    sound(tmp_path / "a.wav", 2.0)
    found = properties(inspectors, tmp_path / "a.wav", "fmt/141")
    assert (found["duration_seconds"], found["sample_rate"], found["channels"], found["audio_bit_rate_kbps"]) == (
        "2",
        "8000",
        "1",
        "128",
    )
    film(tmp_path / "a.mp4", "-c:v", "libx264", "-pix_fmt", "yuv420p", "-c:a", "aac")
    found = properties(inspectors, tmp_path / "a.mp4", "fmt/199")
    assert (found["width"], found["height"], found["frames_per_second"]) == ("160", "120", "10")
    assert (found["video_codec"], found["audio_codec"], found["streams"]) == ("h264", "aac", "2")
    assert float(found["bit_rate_kbps"]) > 0


@pytest.mark.parametrize("name", SAMPLES)
def test_noise_has_no_properties_and_harms_nobody(inspectors: Inspectors, name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(bytes((number * 7919 + number // 251) % 256 for number in range(9_000)))
    assert "width" not in properties(inspectors, path, SAMPLES[name][0])


def test_technical_metadata_as_they_are_recorded(tmp_path: Path) -> None:
    import sqlite3

    found = Inspection(defective("qpdf 12", [Defect("r", "w")]), {"pages": 3, "tagged": True, "rate": 29.97, "none": ""})
    rows = technical(found)
    assert rows == [
        ("validation", "invalid"),
        ("validated by", "qpdf 12"),
        ("defect", "r: w"),
        ("pages", "3"),
        ("rate", "29.97"),
        ("tagged", "yes"),
    ]
    report = InspectionReport(sqlite3.connect(":memory:"))
    report.add([("f1", found)])
    assert report.get("f1") == tuple(map(tuple, json.loads(json.dumps(rows))))
    assert report.get("f2") == ()
