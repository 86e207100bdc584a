"""Honest documents of many layouts stand the comparison; with a fault in them they do not."""

from __future__ import annotations

from pathlib import Path

import pikepdf
import pytest

from formats.properties import Compared, Demand, Kind, Said, compare
from tests.formats import layouts
from tests.formats.documents import Work, needs, with_part
from tests.formats.office import migrated


def text(source: Path, result: Path, work: Work, least: float | None = None) -> Compared:
    kinds = {".docx": Kind.OOXML, ".xlsx": Kind.OOXML, ".pptx": Kind.OOXML, ".pdf": Kind.PDF}
    said = [Said(path, kinds.get(path.suffix, Kind.ODF)) for path in (source, result)]
    return compare(*said, [Demand("text", least)], work())[0]


def planted(source: Path, part: str, old: str, new: str) -> Path:
    wrong = source.with_name(f"wrong{source.suffix}")
    wrong.write_bytes(source.read_bytes())
    return with_part(wrong, part, old, new)


FAULTS = (
    ("Chú thích số 3", "Chu thích số 3"),  # a diacritic in a foot note
    ("Chú thích số 3", "Chú thích số 8"),
    ("nguồn tư liệu", "nguồn"),  # an end note cut short
    ("Mục con b về", "Mục con b không về"),
    ("Cộng hòa", "Cộng hoà"),
    ("Trong khung chữ", "Trong khung"),
)


@pytest.mark.parametrize(("name", "part"), [("a.odt", "content.xml"), ("a.docx", "word/document.xml")])
def test_text_of_many_layouts(name: str, part: str, tmp_path: Path, work: Work) -> None:
    needs("soffice", "pdftotext")
    source = layouts.made("text", tmp_path / name)
    result = migrated(source, "pdfa-2b", work)
    assert text(source, result, work).accepted, text(source, result, work)
    notes = {"footnotes.xml": FAULTS[:2], "endnotes.xml": FAULTS[2:3]} if name.endswith("docx") else {}
    of = {each: f"word/{file}" for file, faults in notes.items() for each in faults}
    for fault in FAULTS:
        assert text(planted(source, of.get(fault, part), *fault), result, work).same is False, fault
    with pikepdf.open(result) as file:
        del file.pages[1]
        file.save(tmp_path / "dropped.pdf")
    assert text(source, tmp_path / "dropped.pdf", work).same is False


def test_text_of_many_layouts_as_odt(tmp_path: Path, work: Work) -> None:
    needs("soffice")
    source = layouts.made("text", tmp_path / "a.docx")
    result = migrated(source, "odt", work)
    assert text(source, result, work).accepted, text(source, result, work)
    assert text(source, planted(result, "content.xml", "Chú thích số 3", "Chu thích số 3"), work).same is False


@pytest.mark.parametrize(
    ("name", "part", "recipe"),
    [
        ("a.odp", "content.xml", "pdfa-2b"),
        ("a.pptx", "ppt/slides/slide2.xml", "pdfa-2b"),
        ("a.pptx", "ppt/slides/slide2.xml", "odp"),
    ],
)
def test_slides_with_a_master(name: str, part: str, recipe: str, tmp_path: Path, work: Work) -> None:
    needs("soffice", "pdftotext")
    source = layouts.made("slides", tmp_path / name)
    result = migrated(source, recipe, work)
    assert text(source, result, work).accepted, text(source, result, work)
    assert text(planted(source, part, "Kết quả", "Kêt quả"), result, work).same is False
    master = "styles.xml" if name.endswith("odp") else "ppt/slideMasters/slideMaster1.xml"
    assert text(planted(source, master, "lưu hành", "không lưu hành"), result, work).same is False


@pytest.mark.parametrize(("name", "part"), [("a.ods", "content.xml"), ("a.xlsx", "xl/sharedStrings.xml")])
def test_sheets_with_heads_and_feet(name: str, part: str, tmp_path: Path, work: Work) -> None:
    needs("soffice", "pdftotext")
    source = layouts.made("sheets", tmp_path / name)
    result = migrated(source, "pdfa-2b", work)
    assert text(source, result, work, 0.3).accepted, text(source, result, work, 0.3)
    assert text(planted(source, part, "Hồ sơ số 7/2026", "Hồ sơ số 8/2026"), result, work, 0.3).same is False
