"""The contract of every migrator and recipe: a good file becomes another that says the same; a bad one is a fact, never an exception."""

from __future__ import annotations

import ast
import dataclasses
import shutil
import subprocess
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pikepdf
import pytest
from PIL import Image, ImageChops

from formats.migrate import MIGRATORS, Failed, Made
from formats.properties import Compared, Demand, Kind, Said, compare
from formats.sandbox import SandboxLimits, workspace
from policies.findings import spoken
from tests.formats import documents
from tests.formats.documents import PARAGRAPHS

Maker = Callable[[Path], Path]


def one_page(path: Path) -> Path:
    return documents.scan(path, 1, dpi=100)


def two_pages(path: Path) -> Path:
    return documents.pdf(path, PARAGRAPHS[2:4])


def wide_table(path: Path, rows: Sequence[Sequence[str | float]] = documents.ROWS) -> Path:
    return documents.xlsx(path, rows, width=24)


CASES: dict[str, tuple[str, str, str, Maker, tuple[Kind, Kind], tuple[str, ...]]] = {
    "docx to PDF/A": ("libreoffice", "pdfa-2b", "a.docx", documents.docx, (Kind.OOXML, Kind.PDF), ("text", "properties")),
    "xlsx to ODS": ("libreoffice", "ods", "a.xlsx", documents.xlsx, (Kind.OOXML, Kind.ODF), ("cells",)),
    "pptx to ODP": ("libreoffice", "odp", "a.pptx", documents.pptx, (Kind.OOXML, Kind.ODF), ("text", "pages")),
    "docx to ODT": ("libreoffice", "odt", "a.docx", documents.docx, (Kind.OOXML, Kind.ODF), ("text", "properties")),
    "pptx to PDF/A": ("libreoffice", "pdfa-2b", "a.pptx", documents.pptx, (Kind.OOXML, Kind.PDF), ("text", "pages")),
    "odt to PDF/A": ("libreoffice", "pdfa-2b", "a.odt", documents.odt, (Kind.ODF, Kind.PDF), ("text", "properties")),
    "html to PDF/A": ("libreoffice", "pdfa-2b", "a.html", documents.html, (Kind.HTML, Kind.PDF), ("text",)),
    "pdf to PDF/A": (
        "ghostscript",
        "pdfa-2b",
        "a.pdf",
        two_pages,
        (Kind.PDF, Kind.PDF),
        ("text", "pages", "look", "properties"),
    ),
    "xlsx to PDF/A": ("libreoffice", "pdfa-2b", "a.xlsx", wide_table, (Kind.OOXML, Kind.PDF), ("text",)),
    "scan to PDF/A": ("ocrmypdf", "pdfa-2b-ocr", "a.tif", one_page, (Kind.PICTURE, Kind.PDF), ("pages", "pixels")),
    "tiff to JP2": ("openjpeg", "jp2", "a.tif", documents.picture, (Kind.PICTURE, Kind.PICTURE), ("pages", "pixels")),
    "bmp to TIFF": ("pillow", "tiff", "a.bmp", documents.picture, (Kind.PICTURE, Kind.PICTURE), ("pixels", "resolution")),
    "jpeg to TIFF": ("pillow", "tiff", "a.jpg", documents.picture, (Kind.PICTURE, Kind.PICTURE), ("pixels", "resolution")),
    "tiff to PNG": ("pillow", "png", "a.tif", documents.picture, (Kind.PICTURE, Kind.PICTURE), ("pixels", "resolution")),
    "wav to FLAC": ("ffmpeg", "flac", "a.wav", documents.sound, (Kind.MEDIA, Kind.MEDIA), ("samples", "duration")),
    "wav to MP3": ("ffmpeg", "mp3", "a.wav", documents.sound, (Kind.MEDIA, Kind.MEDIA), ("sound", "duration")),
    "avi to FFV1": ("ffmpeg", "ffv1", "a.avi", documents.film, (Kind.MEDIA, Kind.MEDIA), ("frames", "samples", "duration")),
    "mp4 to FFV1": ("ffmpeg", "ffv1", "a.mp4", documents.film, (Kind.MEDIA, Kind.MEDIA), ("frames", "samples", "duration")),
    "avi to MP4": (
        "ffmpeg",
        "mp4",
        "a.avi",
        documents.film,
        (Kind.MEDIA, Kind.MEDIA),
        ("quality", "timing", "sound", "duration"),
    ),
}

LEAST = {("xlsx to PDF/A", "text"): 0.3}
"""As the policy has it: poppler reads a table by columns or by rows, as its columns are wide."""

SAMPLE = (
    "docx to PDF/A",
    "xlsx to ODS",
    "pdf to PDF/A",
    "scan to PDF/A",
    "tiff to JP2",
    "bmp to TIFF",
    "wav to FLAC",
    "avi to FFV1",
)
"""One a tool in the usual run; all of them are the proof."""

QUICK = ("tiff to JP2", "bmp to TIFF", "wav to FLAC", "avi to FFV1")
"""These are damaged in every way in the usual run."""


def cases() -> list[object]:
    return [pytest.param(name, marks=[] if name in SAMPLE else [pytest.mark.proof]) for name in CASES]


@pytest.fixture
def work() -> Iterator[Path]:
    """A folder as deep as those of deposits: sockets and old programs know paths of 100 characters."""
    with workspace() as folder:
        deep = folder / ("x" * 60) / ("y" * 60)
        deep.mkdir(parents=True)
        yield deep


def of(case: str, folder: Path) -> tuple[str, str, Path]:
    tool, recipe, name, maker, *_ = CASES[case]
    if MIGRATORS[tool].version() is None:
        pytest.skip(f"{tool} is not installed (scripts/install-tools)")
    if maker in (documents.film, two_pages):
        documents.needs("ffmpeg" if maker is documents.film else "soffice")
    return tool, recipe, maker(folder / name)


@pytest.mark.parametrize("case", cases())
def test_a_good_file_is_made_into_one_that_says_the_same(case: str, tmp_path: Path, work: Path) -> None:
    tool, recipe, source = of(case, tmp_path)
    before = source.read_bytes()
    made = MIGRATORS[tool].migrate(source, recipe, work)
    assert isinstance(made, Made), made
    assert made.result.is_relative_to(work)
    assert made.result.suffix == MIGRATORS[tool].recipes[recipe]
    assert (made.tool, made.version) == (tool, MIGRATORS[tool].version())
    assert "{source}" in made.command
    assert str(work) not in made.command
    assert str(tmp_path) not in made.command
    assert source.read_bytes() == before
    for each in compared(case, source, made.result, work):
        assert each.accepted, each
    for what, other, result in planted(case, source, made.result, tmp_path):
        refused = [each.name for each in compared(case, other, result, work) if not each.accepted]
        assert refused, f"{what} is accepted"


def compared(case: str, source: Path, result: Path, work: Path) -> tuple[Compared, ...]:
    kinds, demands = CASES[case][4:]
    beside = work / f"compare-{uuid.uuid4().hex}"
    beside.mkdir()
    wanted = [Demand(name, LEAST.get((case, name))) for name in demands]
    return compare(Said(source, kinds[0]), Said(result, kinds[1]), wanted, beside)


def planted(case: str, source: Path, result: Path, folder: Path) -> Iterator[tuple[str, Path, Path]]:
    """(what is wrong, source, result): the wrong results of this case, each of which the comparison must refuse."""
    kinds = CASES[case][4]
    wrong = folder / f"wrong{result.suffix}"
    if kinds[0] in (Kind.OOXML, Kind.ODF, Kind.HTML):
        maker, other = CASES[case][3], folder / f"other{source.suffix}"
        changed = {documents.xlsx: documents.ROWS, wide_table: documents.ROWS, documents.pptx: PARAGRAPHS[:3]}.get(
            maker, PARAGRAPHS
        )
        maker(other, one_letter(changed))  # type: ignore[call-arg]
        yield "a diacritic changed", other, result
    if kinds[1] is Kind.PDF:
        yield "the last page emptied", source, without_page(result, wrong, drop=False)
        if documents.pages_of(result) > 1:
            yield "a page dropped", source, without_page(result, wrong, drop=True)
    elif kinds[1] is Kind.PICTURE:
        with Image.open(result) as image:
            ImageChops.offset(image.convert("RGB"), 1, 0).save(wrong, dpi=image.info.get("dpi", (300, 300)))
        yield "a picture shifted by a pixel", source, wrong
    elif kinds[1] is Kind.MEDIA:
        cut = ["-vf", r"select=not(eq(n\,5))"] if result.suffix in (".mkv", ".mp4") else ["-t", "0.3"]
        codecs = {".mkv": ["-c:v", "ffv1", "-c:a", "copy"], ".mp4": ["-c:a", "copy"]}.get(result.suffix, [])
        command = ["ffmpeg", "-v", "error", "-y", "-i", str(result), *cut, "-vsync", "passthrough", *codecs, str(wrong)]
        subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
        yield "a frame lost, or the end of a sound", source, wrong


def one_letter(rows: object) -> object:
    """The same with one tone mark on one letter in the middle another."""
    text = repr(rows)
    assert "đất" in text or "lập" in text
    changed = text.replace("đất", "đắt", 1) if "đất" in text else text.replace("lập", "lấp", 1)
    return ast.literal_eval(changed)


def without_page(result: Path, wrong: Path, *, drop: bool) -> Path:
    with pikepdf.open(result) as file:
        if drop:
            del file.pages[-1]
        else:
            file.pages[-1].Contents = file.make_stream(b"")
            if "/Resources" in file.pages[-1]:
                del file.pages[-1]["/Resources"]
        file.save(wrong)
    return wrong


@pytest.mark.proof
def test_letters_that_a_narrow_column_cuts_off_are_missed(tmp_path: Path, work: Path) -> None:
    """A table as it would be printed lacks what did not fit into its cell: then it is not the same table."""
    tool, recipe, source = of("xlsx to PDF/A", tmp_path)
    made = MIGRATORS[tool].migrate(documents.xlsx(source), recipe, work)
    assert isinstance(made, Made), made
    (text,) = compared("xlsx to PDF/A", source, made.result, work)
    assert text.same is False
    assert "đất" in spoken(text.detail)


def test_fonts_come_along(tmp_path: Path, work: Path) -> None:
    """Vietnamese in the font of the document: embedded, and not another's."""
    tool, recipe, source = of("docx to PDF/A", tmp_path)
    documents.docx(source, PARAGRAPHS, font="DejaVu Serif")
    made = MIGRATORS[tool].migrate(source, recipe, work)
    assert isinstance(made, Made), made
    said = subprocess.run(["pdffonts", str(made.result)], capture_output=True, text=True, check=True, timeout=60).stdout
    rows = [line.split() for line in said.splitlines()[2:]]
    assert rows
    assert all(row[0].partition("+")[2].startswith("DejaVuSerif") and row[-5] == "yes" for row in rows), said


@pytest.mark.parametrize(
    ("case", "damage"),
    [
        pytest.param(name, damage, marks=[] if name in SAMPLE and (damage == "cut" or name in QUICK) else [pytest.mark.proof])
        for name in CASES
        for damage in ("cut", "noise", "empty")
    ],
)
def test_a_corrupted_file_is_a_fact_or_differs(case: str, damage: str, tmp_path: Path, work: Path) -> None:
    """Some tools mend what is cut, and some read noise as text: then the comparison must not accept it, unless nothing was lost."""
    tool, recipe, source = of(case, tmp_path)
    whole = tmp_path / f"whole{source.suffix}"
    shutil.copyfile(source, whole)
    data = source.read_bytes()
    source.write_bytes({"cut": data[: len(data) // 2], "noise": bytes(range(256)) * 40, "empty": b""}[damage])
    made = MIGRATORS[tool].migrate(source, recipe, work, limits=SandboxLimits(seconds=120))
    if isinstance(made, Failed):
        assert made.code in ("MIG-TOOL-FAILED", "MIG-TOOL-LIMIT"), made
        assert made.reason
        return
    assert not all(each.accepted for each in compared(case, whole, made.result, work)), made


@pytest.mark.parametrize("case", ["docx to PDF/A", "xlsx to ODS", "pptx to ODP", "odt to PDF/A", "pdf to PDF/A"])
def test_a_password_is_a_fact_of_its_own(case: str, tmp_path: Path, work: Path) -> None:
    tool, recipe, source = of(case, tmp_path)
    documents.protect(source)
    made = MIGRATORS[tool].migrate(source, recipe, work)
    assert isinstance(made, Failed), made
    assert made.code == "MIG-ENCRYPTED", made


@pytest.mark.parametrize("tool", sorted(MIGRATORS))
def test_a_tool_that_is_not_done_in_time_is_a_fact(tool: str, tmp_path: Path, work: Path) -> None:
    case = next(name for name, each in CASES.items() if each[0] == tool)
    _, recipe, source = of(case, tmp_path)
    made = MIGRATORS[tool].migrate(source, recipe, work, limits=SandboxLimits(seconds=0.0))
    assert isinstance(made, Failed), made
    assert made.code == "MIG-TOOL-LIMIT", made


@pytest.mark.parametrize("tool", sorted(MIGRATORS))
def test_a_recipe_that_is_not_there(tool: str, tmp_path: Path, work: Path) -> None:
    with pytest.raises(KeyError):
        MIGRATORS[tool].migrate(tmp_path / "a.txt", "gold", work)


def test_what_is_recorded_is_frozen() -> None:
    for each in (Made, Failed):
        assert dataclasses.fields(each)
        assert each.__dataclass_params__.frozen  # type: ignore[attr-defined]
