"""What a stranger tried on the command line: places, versions and pipes that cannot be meant, and what is said of them."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from formats.malware import ScannerVersion
from formats.package.archives import looks_like_archive
from formats.package.reception import spool_path
from formats.package.spool import Spool
from policies.findings import Findings
from repository.cli.run import run
from repository.errors import SourceMissing
from repository.examine import scanner_words
from repository.progress import Silent
from repository.verify import verify_path

NOTHING = "urn:uuid:00000000-0000-0000-0000-000000000000"


class Archive:
    """An archive with one AIP, asked through the command line in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder, self.home, self._capsys = folder, folder / "archive", capsys
        self.tier = folder / "second"
        assert self.kho("init", "--tier", f"a={self.home / 'tiers/a'}", "--tier", f"b={self.tier}")[0] == 0
        self.source = folder / "records"
        self.source.mkdir()
        (self.source / "a.txt").write_text("record")
        code, said, _ = self.kho("deposit", "--json", self.source)
        assert code == 0
        self.aip = json.loads(said)["deposits"][0]["aip"]

    def kho(self, *arguments: str | Path) -> tuple[int, str, str]:
        code = run([*map(str, arguments), "--home", str(self.home)])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def document(self, *arguments: str | Path) -> tuple[int, Any]:
        code, out, _ = self.kho(*arguments, "--json")
        return code, json.loads(out)


@pytest.fixture
def archive(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setenv("KHO_LANG", "en")
    monkeypatch.delenv("KHO_HOME", raising=False)
    return Archive(tmp_path, capsys)


@pytest.mark.parametrize("form", ["submission", "folder", "bagit", "zip"])
def test_nothing_is_handed_out_into_the_archive(archive: Archive, form: str) -> None:
    (archive.folder / "door").symlink_to(archive.tier)
    for place in (archive.home / "out", archive.home / "spool" / "out", archive.tier / "out", archive.folder / "door" / "out"):
        before = sorted(archive.folder.rglob("*"))
        code, said = archive.document("export", archive.aip, "-o", place, "--as", form)
        (finding,) = said["findings"]
        assert (code, finding["code"]) == (1, "AIP-EXPORT-FAILED")
        assert "outside the archive" in finding["text"]
        changed = [path for path in set(archive.folder.rglob("*")) ^ set(before) if "catalog.db" not in path.name]
        assert not changed
    assert archive.kho("export", archive.aip, "-o", archive.folder / "archive-out", "--as", form)[0] == 0


@pytest.mark.parametrize("command", ["show", "export"])
def test_a_version_that_is_not_there_is_said_before_anything_else(archive: Archive, command: str) -> None:
    target = ["-o", str(archive.folder / "out")] if command == "export" else []
    code, out, err = archive.kho(command, archive.aip, "--version", "9", *target)
    assert (code, out) == (2, "")
    assert "versions 1 to 1" in err
    code, said = archive.document(command, archive.aip, "--version", "9", *target)
    assert (code, said["kind"], said["findings"][0]["code"]) == (2, "error", "AIP-NO-VERSION")
    assert archive.kho(command, archive.aip, "--version", "1", *target)[0] == 0


def _odd(folder: Path, kind: str, name: str) -> Path:
    path = folder / name
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(str(path))
    else:
        path.symlink_to("/dev/zero")
    return path


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
@pytest.mark.parametrize("name", ["odd", "odd.zip", "odd.tar.gz"])
def test_what_has_no_end_is_refused_at_once(archive: Archive, kind: str, name: str) -> None:
    odd = _odd(archive.folder, kind, name)
    _, before = archive.document("deposits")
    for command in ("deposit", "verify"):
        arguments = ["--home", str(archive.home)] if command == "deposit" else []
        assert run([command, str(odd), "--json", *arguments]) == 2
        (finding,) = json.loads(archive._capsys.readouterr().out)["findings"]
        assert finding["code"] == "USE-NEITHER"
    assert archive.kho("deposit", archive.source, "--metadata", odd)[0] == 2
    assert archive.document("deposits")[1]["deposits"] == before["deposits"]


@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
@pytest.mark.parametrize(("name", "code"), [("odd", "PKG-NOT-A-PACKAGE"), ("odd.zip", "FIX-UNREADABLE")])
def test_no_reader_of_packages_waits_for_a_pipe(tmp_path: Path, kind: str, name: str, code: str) -> None:
    odd = _odd(tmp_path, kind, name)
    assert looks_like_archive(odd) == (name == "odd.zip")
    with pytest.raises(SourceMissing):
        verify_path(odd, Findings(), Silent())
    findings = Findings()
    with Spool(tmp_path / "spool") as spool:
        spool_path(odd, spool, findings)
    assert set(findings.counts) == {code}


def test_metadata_must_be_a_file(archive: Archive) -> None:
    code, said = archive.document("deposit", archive.source, "--metadata", archive.folder)
    assert (code, said["findings"][0]["code"]) == (2, "USE-NOT-A-FILE")
    code, said = archive.document("deposit", archive.source, "--metadata", archive.folder / "none")
    assert (code, said["findings"][0]["code"]) == (2, "USE-NO-PATH")
    assert len(archive.document("deposits")[1]["deposits"]) == 1


@pytest.mark.parametrize(
    ("version", "words"),
    [
        (
            ScannerVersion("ClamAV 1.0.0", "27000", datetime(2026, 11, 20, 8, 1, tzinfo=UTC)),
            "ClamAV 1.0.0, signatures 27000 of 2026-11-20",
        ),
        (ScannerVersion("ClamAV 1.0.0", "27000"), "ClamAV 1.0.0, signatures 27000"),
        (ScannerVersion("ClamAV 1.0.0"), "ClamAV 1.0.0"),
    ],
)
def test_a_scanner_is_named_in_words(version: ScannerVersion, words: str) -> None:
    assert scanner_words(version) == words


def _tree(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() if path.is_file() else b"" for path in folder.rglob("*")}


def _init(capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> tuple[int, Any]:
    code = run(["init", *map(str, arguments), "--json"])
    return code, json.loads(capsys.readouterr().out)


def test_a_tier_of_another_archive_is_said_and_nothing_is_left_behind(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    (archive.folder / "here").mkdir()
    before = _tree(archive.folder)
    for home in (archive.folder / "new" / "deep", archive.folder / "here"):
        code, said = _init(capsys, home, "--tier", f"x={archive.folder / 'x' / 'y'}", "--tier", f"b={archive.tier}")
        (finding,) = said["findings"]
        assert (code, finding["code"]) == (2, "SET-TIER-TAKEN")
        assert str(archive.tier) in finding["text"]
        assert _tree(archive.folder) == before
    assert _init(capsys, archive.folder / "new" / "deep", "--tier", f"x={archive.folder / 'x' / 'y'}")[0] == 0


def test_what_stood_in_the_place_of_an_archive_that_could_not_be_made_stays(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    (home / "spool").mkdir(parents=True)
    (home / "spool" / "mine").write_text("mine")
    (home / "policy.toml").write_text("mine too")
    (tmp_path / "file").write_text("no folder")
    before = _tree(tmp_path)
    assert _init(capsys, home, "--tier", f"a={tmp_path / 'file' / 'a'}")[0] != 0
    assert _tree(tmp_path) == before


@pytest.mark.parametrize(
    "step", ["repository.catalog.Catalog.create", "repository.jobs.Jobs.upgrade", "repository.engine.Engine.open"]
)
def test_an_archive_that_could_not_be_made_can_be_made_again(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(step, full)
        code, said = _init(capsys, tmp_path / "new" / "home", "--tier", f"a={tmp_path / 'a'}")
        assert (code, said["findings"][0]["code"]) == (1, "OPS-SYSTEM")
        assert "No space left" in said["findings"][0]["text"]
    assert list(tmp_path.iterdir()) == []
    assert _init(capsys, tmp_path / "new" / "home", "--tier", f"a={tmp_path / 'a'}")[0] == 0


def test_an_archive_that_is_there_is_left_alone(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    before = _tree(archive.folder)
    code, said = _init(capsys, archive.home)
    assert (code, said["findings"][0]["code"]) == (2, "SET-EXISTS")
    assert _tree(archive.folder) == before


@pytest.mark.parametrize("speech", ["vi", "en"])
def test_a_new_archive_speaks_the_language_of_who_makes_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, speech: str
) -> None:
    monkeypatch.setenv("KHO_LANG", speech)
    assert _init(capsys, tmp_path / "home")[0] == 0
    assert f'language = "{speech}"' in (tmp_path / "home" / "kho.toml").read_text()
    assert _init(capsys, tmp_path / "other", "--language", "vi")[0] == 0
    assert 'language = "vi"' in (tmp_path / "other" / "kho.toml").read_text()
