"""``kho formats identify``, ``update`` and ``reidentify`` as a person types them; their JSON as docs/cli.md promises."""

from __future__ import annotations

import json
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from repository.cli.run import run
from tests.builders_archive import ArchiveUnderTest, write_tree
from tests.formats.sample_files import make

CORPORA = Path(os.environ.get("KHO_CORPORA") or Path(__file__).resolve().parents[2].parent / "shared" / "corpora")
OLDER = CORPORA / "pronom-signatures" / "siegfried-default-V118.sig"

old_release = pytest.mark.skipif(not OLDER.is_file(), reason=f"no older signatures at {OLDER} (set KHO_CORPORA)")

KEYS = {
    "path",
    "puid",
    "format",
    "version",
    "mime",
    "basis",
    "alternatives",
    "hints",
    "extension_mismatch",
    "reason",
    "second_opinion",
}


def kho(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any, str]:
    code = run([*map(str, arguments), "--json"])
    said = capsys.readouterr()
    return code, json.loads(said.out), said.err


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    place = write_tree(tmp_path / "lẫn lộn", {"trong/rỗng.pdf": b"", "trong/nhiễu": bytes(range(256)) * 9, "a.txt": b"mot"})
    make("a.png", place)
    make("a.docx", place)
    (place / "link.png").symlink_to(place / "a.png")
    return place


def test_any_folder_without_an_archive(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("KHO_HOME", raising=False)
    code, said, _ = kho(capsys, "formats", "identify", folder)
    assert (code, said["kind"], said["ok"]) == (0, "formats_identify", True)
    assert said["signatures"].startswith("PRONOM V")
    files = {Path(row["path"]).name: row for row in said["files"]}
    assert set(files) == {"rỗng.pdf", "nhiễu", "a.txt", "a.png", "a.docx"}
    assert all(set(row) == KEYS for row in files.values())
    assert (files["a.png"]["basis"], files["a.png"]["second_opinion"]) == ("signature", None)
    assert files["a.png"]["puid"] in ("fmt/11", "fmt/12", "fmt/13")
    assert (files["a.docx"]["puid"], files["a.docx"]["basis"]) == ("fmt/412", "container")
    assert (files["rỗng.pdf"]["puid"], files["rỗng.pdf"]["basis"]) == ("", "empty")
    assert (files["nhiễu"]["puid"], files["nhiễu"]["basis"]) == ("", "unknown")


def test_a_second_opinion_on_all_or_none(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, said, _ = kho(capsys, "formats", "identify", "--second-opinion", "all", folder / "a.png", folder / "a.docx")
    second = {Path(row["path"]).name: row["second_opinion"] for row in said["files"]}
    assert second["a.png"]["standing"] == "agrees"
    assert second["a.png"]["tool"].startswith("fido ")
    assert second["a.docx"]["standing"] in ("agrees", "no opinion", "conflicts")
    _, said, _ = kho(capsys, "formats", "identify", "--second-opinion", "none", folder / "a.txt")
    assert said["files"][0]["second_opinion"] is None
    code, said, _ = kho(capsys, "formats", "identify", "--second-opinion", "perhaps", folder)
    assert (code, said["findings"][0]["code"]) == (2, "USE-CHOICE")


def test_what_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = kho(capsys, "formats", "identify", tmp_path / "gone")
    assert (code, said["findings"][0]["code"]) == (2, "USE-NO-PATH")


def test_in_words(folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KHO_LANG", "vi")
    assert run(["formats", "identify", str(folder)]) == 0
    said = capsys.readouterr().out
    assert "a.docx" in said
    assert "Đã nhận dạng 5 tệp" in said


def test_no_signature_file_and_what_is_in_use_stays(
    archive: ArchiveUnderTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "pronom.xml").write_text("<FFSignatureFile/>")
    code, said, _ = kho(capsys, "formats", "update", tmp_path / "pronom.xml", "--home", archive.home)
    assert (code, said["findings"][0]["code"]) == (1, "IDENT-SIGNATURES")
    assert not archive.engine.archive.settings.format_signatures.exists()
    assert not list(archive.home.glob("formats/*.sig"))


@old_release
def test_another_release_and_what_it_says_of_what_is_held(
    archive: ArchiveUnderTest, folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "link.png").unlink()
    new = write_tree(tmp_path / "mới", {"a.txt": b"mot"})
    with zipfile.ZipFile(new / "a.pdf", "w"):
        pass
    (new / "a.pdf").write_bytes(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n" + pdf_ua() + b"\n%%EOF\n")
    aips = [archive.deposit(each).aip_id for each in (folder, new)]
    code, said, _ = kho(capsys, "formats", "reidentify", "--dry-run", "--home", archive.home)
    assert (code, said["differences"]) == (0, [])
    code, said, _ = kho(capsys, "formats", "update", OLDER, "--home", archive.home)
    assert (code, said["findings"][0]["code"]) == (1, "IDENT-SIGNATURES")
    code, said, _ = kho(capsys, "formats", "update", OLDER, "--older", "--home", archive.home)
    assert code == 0
    assert said["before"].startswith("PRONOM V")
    assert said["now"].startswith("PRONOM V118")
    noted = json.loads((archive.home / "formats" / "pronom.json").read_text())
    assert (noted["version"], noted["sha256"]) == (said["now"], said["sha256"])
    code, said, _ = kho(capsys, "formats", "reidentify", "--dry-run", "--home", archive.home)
    assert code == 0
    assert said["signatures"].startswith("PRONOM V118")
    differences = {(row["aip"], row["path"].rpartition("/")[2]): (row["before"], row["now"]) for row in said["differences"]}
    assert differences == {(aips[1], "a.pdf"): ("fmt/2050", differences[aips[1], "a.pdf"][1])}
    assert differences[aips[1], "a.pdf"][1] != "fmt/2050"
    code, said, _ = kho(capsys, "formats", "reidentify", "--dry-run", "--aip", aips[0], "--home", archive.home)
    assert (code, said["differences"]) == (0, [])


def pdf_ua() -> bytes:
    """What PRONOM V122 and later take for PDF/UA-1, and older releases for PDF 1.7."""
    return b'<rdf:Description xmlns:pdfuaid="http://www.aiim.org/pdfua/ns/id/"><pdfuaid:part>1</pdfuaid:part></rdf:Description>'


def test_identifying_again_is_only_a_dry_run(archive: ArchiveUnderTest, capsys: pytest.CaptureFixture[str]) -> None:
    code, said, _ = kho(capsys, "formats", "reidentify", "--home", archive.home)
    assert (code, said["findings"][0]["code"]) == (2, "USE-DRY-RUN")


def test_what_cannot_be_read_is_said(archive: ArchiveUnderTest, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "link.png").unlink()
    aip = archive.deposit(folder).aip_id
    for tier in ("a", "b"):
        for copy in archive.object(aip, tier).rglob("a.png"):
            copy.chmod(0o644)
            copy.write_bytes(copy.read_bytes()[:-1] + b"x")
    code, said, _ = kho(capsys, "formats", "reidentify", "--dry-run", "--home", archive.home)
    assert code == 1
    assert [(row["path"].rpartition("/")[2], row["now"]) for row in said["differences"]] == [("a.png", "")]
    assert said["differences"][0]["reason"]
