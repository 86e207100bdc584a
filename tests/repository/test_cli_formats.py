"""``kho formats``, as a person types it: each command once, its JSON against docs/cli.md, its words in both languages."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from tests.formats import documents
from tests.repository.kho_inside import ArchiveInside as Archive
from tests.repository.test_cli_corridor import Said, agrees, shapes


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Archive]:
    made = Archive(tmp_path_factory.mktemp("formats"))
    source = made.folder / "hồ sơ"
    source.mkdir()
    for n in range(2):
        documents.picture(source / f"ảnh {n}.bmp", (64, 48), shift=n)
    documents.picture(source / "ảnh.png", (64, 48))
    (source / "hỏng.bmp").write_bytes((source / "ảnh 0.bmp").read_bytes()[:700])
    assert made.kho("init").code == 0
    assert made.kho("deposit", "--producer", "Sở Nội vụ", source).code == 0
    return made


def checked(said: Said, kind: str) -> dict[str, object]:
    document = said.json
    assert document["kind"] == kind
    assert agrees(dict(shapes())[kind], document) == []
    answer: dict[str, object] = document
    return answer


def printed_words(path: Path) -> str:
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    return "".join(subprocess.run([program, path, "-"], capture_output=True, check=True).stdout.decode().split())


def test_a_plan_says_how_to_run_what_it_counted(archive: Archive) -> None:
    """It counts formats at risk; a campaign of the bare path takes up all that the path leads from."""
    said = archive.kho("formats", "plan").out
    assert "kho formats campaign run picture-tiff --puid fmt/116" in " ".join(said.split()), said


@pytest.mark.proof
def test_the_life_of_a_campaign(archive: Archive) -> None:
    held = archive.kho("--json", "formats", "holdings")
    formats = {each["puid"]: each for each in checked(held, "formats_holdings")["formats"]}  # type: ignore[attr-defined]
    assert {each["standing"] for each in formats.values()} == {"at-risk", "preferred"}
    plan = archive.kho("--json", "formats", "plan")
    (line,) = checked(plan, "formats_plan")["paths"]  # type: ignore[misc]
    assert (line["path"], line["files"], line["hours"]) == ("picture-tiff", 3, None)
    sample = archive.kho("--json", "formats", "sample", "picture-tiff", "--files", "3", "-o", archive.folder / "look")
    files = checked(sample, "formats_sample")["files"]
    assert sample.code == 3
    assert sorted(each["accepted"] for each in files) == [False, True, True]  # type: ignore[attr-defined]
    assert len(list((archive.folder / "look").glob("*/original.bmp"))) == 3
    assert len(list((archive.folder / "look").glob("*/result.tif"))) == 2
    (line,) = json.loads(archive.kho("--json", "formats", "plan").out)["paths"]
    assert line["measured"] == 2
    assert line["hours"] > 0
    assert line["storage"] > 0
    run = archive.kho("--json", "formats", "campaign", "run", "picture-tiff")
    document = checked(run, "formats_campaign")
    assert run.code == 3
    assert (document["counts"]["migrated"], document["counts"]["failed"]) == (3, 1)  # type: ignore[index]
    listed = checked(archive.kho("--json", "formats", "campaign", "list"), "formats_campaigns")
    assert [each["campaign"] for each in listed["campaigns"]] == [document["campaign"]]  # type: ignore[attr-defined]
    report = archive.kho("--json", "formats", "campaign", "report", str(document["campaign"]))
    told = checked(report, "formats_campaign_report")
    assert told["counts"] == document["counts"]
    assert (told["planned"]["files"], told["left"], told["file_count"]) == (4, 0, 4)  # type: ignore[index]
    table = archive.kho("formats", "campaign", "report", str(document["campaign"]), "--format", "csv", language="vi")
    rows = list(csv.DictReader(io.StringIO(table.out)))
    assert [each["outcome"] for each in rows] == ["refused", "migrated", "migrated", "migrated"]
    assert "Không chuyển đổi được" in rows[0]["reason"]
    assert {(each["source_puid"], each["target_puid"]) for each in rows[1:]} == {("fmt/116", "fmt/353"), ("fmt/11", "fmt/353")}
    assert {each["compared"] for each in rows[1:]} == {"pages =; pixels =; resolution =; profile =; metadata ="}
    without = archive.kho("formats", "campaign", "report", str(document["campaign"]), "--format", "pdf")
    assert (without.code, "a folder must be named with -o" in without.err) == (2, True)
    back = archive.kho("--json", "formats", "campaign", "rollback", str(document["campaign"]))
    assert checked(back, "formats_rollback")["versions"] == 1
    (listed,) = archive.kho("--json", "formats", "campaign", "list").json["campaigns"]
    assert listed["rolled_back"] == 1
    printed = archive.folder / "report"
    said = archive.kho(
        "formats", "campaign", "report", str(document["campaign"]), "--format", "pdf", "-o", printed, language="vi"
    )
    assert (said.code, "Đã rút lại ở 1 gói AIP" in said.out) == (3, True)
    assert {each.name for each in printed.iterdir()} == {"report.json", "report.pdf", "files.csv"}
    table_of_files = csv.DictReader(io.StringIO((printed / "files.csv").read_text(encoding="utf-8")))
    assert [each["taken_back"] for each in table_of_files] == ["", *["yes"] * 3]
    text = printed_words(printed / "report.pdf")
    for words in ("ĐÃĐƯỢCRÚTLẠIở1góiAIP", "ảnh1.bmp", "MIG-TOOL-FAILED", "fmt/353", "pillow", "hồsơmàu=,môtảnhúng="):
        assert words in text
    again = archive.kho("--json", "formats", "campaign", "report", str(document["campaign"]), language="vi").json
    written = json.loads((printed / "report.json").read_bytes())
    assert {**written, "generated": ""} == {name: again[name] for name in written} | {"generated": ""}
    vietnamese = archive.kho("formats", "campaign", "list", language="vi")
    assert "Cách chuyển đổi" in vietnamese.out
    assert "xong" in vietnamese.out


def test_risks_say_why_in_both_languages(archive: Archive) -> None:
    assert "not among those that the rule names" in archive.kho("formats", "risks").out
    assert "không thuộc danh mục quy định" in archive.kho("formats", "risks", language="vi").out


def test_a_preview_lies_outside_the_aip(archive: Archive) -> None:
    aip = archive.kho("--json", "list").json["aips"][0]["id"]
    said = archive.kho("--json", "formats", "preview", aip, "representations/rep1/data/ảnh.png", "--side", "32")
    place = Path(str(checked(said, "formats_preview")["path"]))
    assert place.is_relative_to(archive.home / "access" / "previews")
    with Image.open(place) as image:
        assert image.size == (32, 24)
    bad = archive.kho("formats", "preview", aip, "representations/rep1/data/hỏng.bmp")
    assert bad.code == 1
    assert "No picture can be made of" in bad.err


@pytest.mark.proof
def test_wrong_names_are_said_in_words(archive: Archive) -> None:
    no_path = archive.kho("formats", "campaign", "run", "gold")
    assert (no_path.code, "There is no migration path gold" in no_path.err) == (2, True)
    access = archive.kho("formats", "campaign", "run", "film-mp4")
    assert (access.code, "makes access copies" in access.err) == (2, True)
    unknown = archive.kho("formats", "campaign", "report", "x")
    assert (unknown.code, "There is no campaign x" in unknown.err) == (2, True)
