"""Validation from the caller's side: fake tools that do harm, files that ask for passwords, and what findings say."""

from __future__ import annotations

import json
import os
import stat
import sys
import textwrap
import time
import zlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pikepdf
import pytest

from formats.families import family_of
from formats.inspection import Inspection, InspectionLimits, Inspectors
from formats.inspection.report import technical
from formats.sandbox import MIB
from formats.validate import Validation, ValidationFacts, Validity, Why
from formats.validate.choice import Choice
from formats.validate.markup import WellFormed
from formats.validate.pdf import PdfStructure
from formats.validate.preflight import LONE_CR
from formats.validate.validation import Defect, could_not, defective, merged, sound
from policies.codes import register
from policies.findings import Puid, spoken
from policies.phrases import OPEN, phrase
from tests.formats import documents
from tests.formats.ole2 import ole2
from tests.formats.sample_files import SAMPLES, have, locked_pdf, make, pdf, zipped
from tests.formats.sample_files import sound as wav

WAVE = Puid("fmt/141")


@pytest.fixture
def tools(tmp_path: Path) -> Path:
    """A folder that comes first in the PATH of the workers."""
    folder = tmp_path / "tools"
    folder.mkdir()
    return folder


def fake(tools: Path, name: str, text: str) -> None:
    """A program that gives a version when asked, and does ``text`` otherwise."""
    program = tools / name
    version = "ffmpeg version 99 fake"
    head = f"#!{sys.executable} -IS\nimport os, sys, time\nif '-version' in sys.argv: print('{version}'); sys.exit()\n"
    program.write_text(head + textwrap.dedent(text))
    program.chmod(program.stat().st_mode | stat.S_IXUSR)


def validators(tools: Path, **limits: float | int) -> Inspectors:
    given = InspectionLimits(workers=1, **{"seconds": 30.0, **limits})  # type: ignore[arg-type]
    return Inspectors(given, environment={"PATH": f"{tools}:{os.environ['PATH']}"})


@pytest.fixture
def wave_file(tmp_path: Path) -> Path:
    wav(tmp_path / "a.wav")
    return tmp_path / "a.wav"


def outcome(tools: Path, path: Path, **limits: float | int) -> Validation:
    with validators(tools, **limits) as running:
        first = dict(running.validate([(path, WAVE)]))[path]
        xml = path.with_suffix(".xml")
        xml.write_text("<a/>")
        assert dict(running.validate([(xml, Puid("fmt/101"))]))[xml].validity is Validity.VALID, (
            "the next file is looked at all the same"
        )
    return first


def test_a_tool_that_finds_nothing_wrong(tools: Path, wave_file: Path) -> None:
    fake(tools, "ffmpeg", "sys.exit(0)")
    assert outcome(tools, wave_file) == Validation(Validity.VALID, ("ffmpeg 99", "kho containers 1"))


def test_a_tool_that_hangs(tools: Path, wave_file: Path) -> None:
    fake(tools, "ffmpeg", "mark = 'hanging-tool'\ntime.sleep(600)")
    found = outcome(tools, wave_file, seconds=1.0)
    assert (found.validity, found.why) == (Validity.NOT_VALIDATED, Why.TIME_OUT)
    assert not running("ffmpeg", tools)


def test_a_tool_that_eats_memory(tools: Path, wave_file: Path) -> None:
    fake(tools, "ffmpeg", "import mmap\nx = mmap.mmap(-1, 1 << 31)\nfor i in range(0, 1 << 31, 4096): x[i] = 1")
    found = outcome(tools, wave_file, memory=400 * MIB)
    assert (found.validity, found.why) == (Validity.NOT_VALIDATED, Why.TOOL_DIED)
    assert "memory" in spoken(found.reason)


def test_a_tool_that_writes_outside_its_folder(tools: Path, wave_file: Path, tmp_path: Path) -> None:
    before = wave_file.read_bytes()
    fake(tools, "ffmpeg", f"open({str(wave_file)!r}, 'w')")
    assert outcome(tools, wave_file).validity is not Validity.VALID
    fake(tools, "ffmpeg", f"open({str(tmp_path / 'planted')!r}, 'w')")
    assert outcome(tools, wave_file).validity is not Validity.VALID
    assert wave_file.read_bytes() == before
    assert not (tmp_path / "planted").exists()


def test_a_tool_that_forks_without_end(tools: Path, wave_file: Path) -> None:
    fake(tools, "ffmpeg", "for _ in range(200):\n  if os.fork() == 0: time.sleep(600)\ntime.sleep(600)")
    found = outcome(tools, wave_file)
    assert (found.validity, found.why) == (Validity.NOT_VALIDATED, Why.TOOL_DIED)
    assert not running("ffmpeg", tools)


def test_a_tool_that_dies_half_way(tools: Path, wave_file: Path) -> None:
    fake(tools, "ffmpeg", "print('half', file=sys.stderr, flush=True); os.kill(os.getpid(), 11)")
    found = outcome(tools, wave_file)
    assert (found.validity, found.why) == (Validity.NOT_VALIDATED, Why.TOOL_DIED)
    assert "signal 11" in spoken(found.reason)


def test_a_tool_that_ends_its_worker(tools: Path, wave_file: Path) -> None:
    fake(tools, "ffmpeg", "os.kill(os.getppid(), 9); time.sleep(1)")
    found = outcome(tools, wave_file)
    assert (found.validity, found.why) == (Validity.NOT_VALIDATED, Why.TOOL_DIED)


def test_a_tool_that_is_missing(tools: Path, wave_file: Path) -> None:
    with Inspectors(InspectionLimits(workers=1), environment={"PATH": str(tools)}) as running_:
        found = dict(running_.validate([(wave_file, WAVE)]))[wave_file]
    assert (found.validity, found.why, found.missing) == (Validity.NOT_VALIDATED, Why.TOOL_MISSING, "ffmpeg")


def running(word: str, tools: Path) -> list[int]:
    """Processes of a fake tool that still run (they may take a moment to be gone)."""
    found: list[int] = []
    for _ in range(40):
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    if str(tools / word) in (process / "cmdline").read_bytes().decode(errors="replace"):
                        found.append(int(process.name))
                except OSError:
                    continue
        if not found:
            break
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def real() -> Iterator[Inspectors]:
    with Inspectors(InspectionLimits(workers=2)) as running_:
        yield running_


def test_many_files_in_their_order(real: Inspectors, tmp_path: Path) -> None:
    names = [name for name in SAMPLES if have(*SAMPLES[name][1])]
    made = [make(name, tmp_path) for name in names]
    found = list(real.validate(made * 3))
    assert [path for path, _ in found] == [path for path, _ in made * 3]
    assert {outcome.validity for _, outcome in found} == {Validity.VALID}


def test_what_nobody_can_validate_is_no_pass(real: Inspectors, tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("một")
    for puid in ("x-fmt/111", ""):
        found = dict(real.validate([(path, Puid(puid))]))[path]
        assert (found.validity, found.why) == (Validity.NOT_VALIDATED, Why.NO_VALIDATOR)


def test_a_file_that_cannot_be_read(real: Inspectors, tmp_path: Path) -> None:
    found = dict(real.validate([(tmp_path / "gone.pdf", Puid("fmt/20"))]))[tmp_path / "gone.pdf"]
    assert (found.validity, found.why) == (Validity.NOT_VALIDATED, Why.TOOL_DIED)


def test_names_of_any_bytes(real: Inspectors, tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/Quy\xe1\xba\xbft \xff\n.pdf"))
    pdf(path)
    assert dict(real.validate([(path, Puid("fmt/20"))]))[path].validity is Validity.VALID


def test_passwords(real: Inspectors, tmp_path: Path) -> None:
    locked_pdf(tmp_path / "a.pdf")
    zipped(tmp_path / "a.zip", {"a": "b"})
    data = bytearray((tmp_path / "a.zip").read_bytes())
    data[6] |= 1  # the flag in the local header
    data[data.index(b"PK\x01\x02") + 8] |= 1  # and in the directory
    (tmp_path / "a.zip").write_bytes(data)
    files = [(tmp_path / "a.pdf", Puid("fmt/20")), (tmp_path / "a.pdf", Puid("fmt/477")), (tmp_path / "a.zip", Puid("x-fmt/263"))]
    for maker in (documents.docx, documents.xlsx, documents.pptx):
        path = documents.protect(maker(tmp_path / f"{maker.__name__}.bin"))  # type: ignore[operator]
        files.append((path, Puid("fmt/494")))
    files.append((documents.protect(documents.odt(tmp_path / "a.odt")), Puid("fmt/291")))
    for _, found in real.validate(files):
        assert (found.validity, found.why) == (Validity.NOT_VALIDATED, Why.LOCKED)


def test_a_document_that_only_seems_to_be_under_a_password(real: Inspectors, tmp_path: Path) -> None:
    half, other = tmp_path / "nửa.docx", tmp_path / "khác.docx"
    half.write_bytes(ole2({"EncryptedPackage": bytes(5000)}))
    other.write_bytes(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"EncryptedPackage".decode().encode("utf-16-le") * 99)
    for _, found in real.validate([(half, Puid("fmt/494")), (other, Puid("fmt/494"))]):
        assert found.validity is Validity.INVALID
        assert "EncryptionInfo is missing" in spoken(found.defects[-1].words)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("a.docx", {"word/document.xml": "<broken>"}, "word/document.xml"),
        ("a.docx", {"word/document.xml": None}, "word/document.xml"),
        ("a.docx", {"stray.bin": "x"}, "stray.bin has no content type"),
        ("a.odt", {"content.xml": None}, "content.xml"),
        ("a.odt", {"mimetype": "text/plain"}, "mimetype says text/plain"),
        ("a.epub", {"mimetype": "application/zip"}, "mimetype"),
        ("a.epub", {"META-INF/container.xml": None}, "container.xml is missing"),
        ("a.epub", {"OPS/book.opf": "<package>"}, "OPS/book.opf"),
        ("a.epub", {"OPS/chặng 1.xhtml": None}, "OPS/chặng 1.xhtml, which is missing"),
        ("a.epub", {"OPS/chặng 1.xhtml": "<p>"}, "OPS/chặng 1.xhtml"),
        ("a.siard", {"content/schema0/table0/table0.xml": "<table><row/></table>"}, "should have 2 rows and has 1"),
        ("a.siard", {"content/schema0/table0/table0.xsd": None}, "is missing"),
        ("a.siard", {"header/metadata.xml": "<other/>"}, "is no siardArchive"),
    ],
)
def test_one_defect_of_a_package(
    name: str, change: dict[str, str | None], words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from tests.formats import sample_files

    monkeypatch.chdir(tmp_path)
    members = {
        "a.docx": sample_files.OOXML,
        "a.odt": sample_files.ODF,
        "a.siard": sample_files.SIARD,
        "a.epub": sample_files.EPUB,
    }[name]
    changed = {member: data for member, data in {**members, **change}.items() if data is not None}
    zipped(tmp_path / name, changed)
    found = Choice().validate(tmp_path / name, SAMPLES[name][0])
    assert found.validity is Validity.INVALID
    assert any(words in spoken(defect.words) for defect in found.defects), found.defects


def test_several_checks_of_one_file_and_the_weakest_counts() -> None:
    missing = could_not(Why.TOOL_MISSING, "not here", missing="x")
    wrong = defective("b 2", [Defect("rule", "words")])
    assert merged([sound("a 1"), sound("b 2")]) == Validation(Validity.VALID, ("a 1", "b 2"))
    assert merged([sound("a 1"), missing]).validity is Validity.NOT_VALIDATED
    assert merged([sound("a 1"), missing]).missing == "x"
    assert merged([missing, wrong]).validity is Validity.INVALID
    many = defective("c", [Defect("r", str(n)) for n in range(50)])
    assert (len(many.defects), many.more) == (20, 30)
    assert (len(merged([many, wrong]).defects), merged([many, wrong]).more) == (20, 31)


@pytest.mark.parametrize("outcome_", [sound("a 1"), defective("b", [Defect("r", "w")]), could_not(Why.LOCKED, "asks", check="c")])
def test_an_outcome_survives_json(outcome_: Validation) -> None:
    assert Validation.of(json.loads(json.dumps(outcome_.document()))) == outcome_


def test_findings_by_file_and_once_a_deposit() -> None:
    facts = ValidationFacts()
    said = [
        *facts.of("a.pdf", Puid("fmt/20"), sound("qpdf 12")),
        *facts.of("b.pdf", Puid("fmt/20"), defective("qpdf 12", [Defect("r1", "w1"), Defect("r2", "w2")])),
        *facts.of("c.txt", Puid("x-fmt/111"), could_not(Why.NO_VALIDATOR, "none")),
        *facts.of("d.txt", Puid("x-fmt/111"), could_not(Why.NO_VALIDATOR, "none")),
        *facts.of("e.wav", WAVE, could_not(Why.TOOL_MISSING, "no ffmpeg", missing="ffmpeg")),
        *facts.of("f.wav", WAVE, could_not(Why.TIME_OUT, "not done")),
        *facts.of("g.wav", WAVE, could_not(Why.TOOL_DIED, "died")),
        *facts.of("h.pdf", Puid("fmt/20"), could_not(Why.LOCKED, "asks")),
        *facts.summary(),
    ]
    assert [(finding.code, finding.path) for finding in said] == [
        ("VAL-INVALID", "b.pdf"),
        ("VAL-TIME-OUT", "f.wav"),
        ("VAL-TOOL-DIED", "g.wav"),
        ("VAL-LOCKED", "h.pdf"),
        ("VAL-NO-VALIDATOR", ""),
        ("VAL-TOOL-MISSING", ""),
    ]
    assert said[0].args["more"] == 1
    assert said[4].args["files"] == 2
    assert facts.counts == Counter({Validity.NOT_VALIDATED: 6, Validity.VALID: 1, Validity.INVALID: 1})
    assert all(finding.code in register() for finding in said)
    assert all("{" not in finding.text(language) + finding.todo(language) for finding in said for language in ("en", "vi"))


def test_a_flipped_bit_of_a_deflated_stream_of_a_pdf(tmp_path: Path) -> None:
    """Its checksum alone tells it (QPDF passes over one that is wrong): stored blocks inflate whatever their bytes are."""
    path = tmp_path / "a.pdf"
    drawing = b"0 0 m 10 10 l S " * 400
    with pikepdf.new() as document:
        page = document.add_blank_page()
        page.obj.Contents = document.make_stream(zlib.compress(drawing, 0), Filter=pikepdf.Name.FlateDecode)
        document.save(path, compress_streams=False, recompress_flate=False)
    assert PdfStructure().validate(path, Puid("fmt/20")).validity is Validity.VALID
    data = path.read_bytes()
    path.write_bytes(data.replace(b"0 0 m 10 10 l S ", b"0 0 m 10 90 l S ", 1))
    found = PdfStructure().validate(path, Puid("fmt/20"))
    assert found.validity is Validity.INVALID
    assert "checksum of stream" in spoken(found.defects[0].words)


@pytest.mark.parametrize("text", ["<?xml version='1.0'?><?a b?><!-- c --><r><x/><x/></r><?d e?>", "<!-- c --><r/>"])
def test_well_formed_xml_with_something_before_its_root(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.xml"
    path.write_text(text)
    found = WellFormed().validate(path, Puid("fmt/101"))
    assert (found.validity, found.defects) == (Validity.VALID, ()), found


def test_families_know_no_format_twice() -> None:
    import tomllib
    from importlib import resources

    rows = tomllib.loads(resources.files("formats").joinpath("mappings/families.toml").read_text())
    puids = [puid for family in rows.values() for puid in family]
    assert len(puids) == len(set(puids))
    assert family_of(Puid("fmt/477")) == "pdf"
    assert family_of(Puid("fmt/0")) == ""


def test_only_a_lone_cr_before_endstream_is_preflight_s_false_alarm() -> None:
    words = "Body Syntax error, Stream length is invalid [cObj=COSObject{5, 0}; defined length=10; buffer2=%s]"
    assert LONE_CR.search(words % "\rendstream\n")
    assert not LONE_CR.search(words % "aendstream\r")
    assert not LONE_CR.search(words % "\r\nendstre")


def test_what_no_worker_knows_starts_none_and_waits_for_none(tmp_path: Path) -> None:
    with Inspectors(InspectionLimits(workers=1), environment={"PATH": "/nothing"}) as running_:
        files = [(tmp_path / str(number), Puid("x-fmt/111")) for number in range(20_000)]
        found = list(running_.validate(files))
        assert [path for path, _ in found] == [path for path, _ in files]
        assert {outcome.why for _, outcome in found} == {Why.NO_VALIDATOR}
        assert not running_._workers._idle


@pytest.mark.parametrize(
    ("name", "module", "limit"), [("a.docx", "archives", "LARGEST_TREE"), ("a.eml", "mail", "LARGEST_MESSAGE")]
)
def test_what_is_too_large_to_be_looked_at_whole_is_not_validated(
    name: str, module: str, limit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, puid = make(name, tmp_path)
    monkeypatch.setattr(f"formats.validate.{module}.{limit}", 50)
    found = Choice().validate(path, puid)
    assert (found.validity, found.why) == (Validity.NOT_VALIDATED, Why.TOOL_DIED)
    assert "50 bytes" in spoken(found.reason)


def test_why_a_file_was_not_validated_stands_in_premis_in_words() -> None:
    found = Inspection(could_not(Why.TOOL_DIED, phrase("worker-ended", how=phrase("tool-memory"))))
    rows = dict(technical(found))
    assert rows["not validated because"].startswith("tool died: the worker ")
    assert OPEN not in rows["not validated because"]
