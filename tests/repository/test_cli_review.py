"""What a stranger tried on the command line: places, versions and pipes that cannot be meant, and what is said of them."""

from __future__ import annotations

import io
import json
import os
import re
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, redirect_stdout
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from formats.malware import ScannerVersion
from formats.package.archives import looks_like_archive
from formats.package.reception import spool_path
from formats.package.spool import Spool
from policies.findings import Findings
from repository.catalog.schema import REVISIONS
from repository.cli.ahead import begun
from repository.cli.deposits import MANY, _closing, _exit, _standings
from repository.cli.door import Door
from repository.cli.run import run
from repository.cli.waiting import say_waiting
from repository.deposits.examine import scanner_words
from repository.engine import Engine
from repository.errors import SourceMissing
from repository.jobs.lock import LauncherLock
from repository.model import DepositState
from repository.progress import Silent
from repository.verify import verify_path
from repository.workforce import POOL_FROM
from storage.processes import Helper, Helpers
from tests.builders_archive import verified, write_tree
from tests.builders_ocfl import two_versions

NOTHING = "urn:uuid:00000000-0000-0000-0000-000000000000"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """The folder in which an archive with one AIP was made, by commands, and the AIP's id."""
    folder = tmp_path_factory.mktemp("made")
    home, source = folder / "archive", folder / "records"
    source.mkdir()
    (source / "a.txt").write_text("record")
    with redirect_stdout(io.StringIO()):
        assert run(["init", "--tier", f"a={home / 'tiers/a'}", "--tier", f"b={folder / 'second'}", "--home", str(home)]) == 0
    with redirect_stdout(io.StringIO()) as said:
        assert run(["deposit", "--json", str(source), "--home", str(home)]) == 0
    return folder, json.loads(said.getvalue())["deposits"][0]["aip"]


class Archive:
    """A copy of the archive that was made (it lies elsewhere, which only kho.toml knows), asked through the command line in this
    process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str], made: tuple[Path, str]) -> None:
        self.folder, self.home, self._capsys = folder, folder / "archive", capsys
        self.tier, self.source = folder / "second", folder / "records"
        template, self.aip = made
        shutil.copytree(template, folder, dirs_exist_ok=True)
        file = self.home / "kho.toml"
        file.write_text(file.read_text(encoding="utf-8").replace(str(template), str(folder)), encoding="utf-8")

    def kho(self, *arguments: str | Path) -> tuple[int, str, str]:
        code = run([*map(str, arguments), "--home", str(self.home)])
        said = self._capsys.readouterr()
        return code, said.out, said.err

    def document(self, *arguments: str | Path) -> tuple[int, Any]:
        code, out, _ = self.kho(*arguments, "--json")
        return code, json.loads(out)


@pytest.fixture
def archive(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, made: tuple[Path, str]
) -> Archive:
    monkeypatch.setenv("KHO_LANG", "en")
    monkeypatch.delenv("KHO_HOME", raising=False)
    return Archive(tmp_path, capsys, made)


def test_the_archive_itself_is_not_deposited(archive: Archive) -> None:
    """Its spool would be read into itself. What lies in its home, such as a refused deposit, may be."""
    (archive.folder / "link").symlink_to(archive.folder)
    for source in (archive.folder, archive.home, archive.home / "spool", archive.tier, archive.folder / "link"):
        code, document = archive.document("deposit", source)
        assert (code, [each["code"] for each in document["findings"]]) == (2, ["DEP-SOURCE-ARCHIVE"]), source
    kept = write_tree(archive.home / "refused" / "x", {"a.txt": b"refused before"})
    assert archive.kho("deposit", kept)[0] == 0


def test_an_export_counts_every_file_it_wrote(archive: Archive) -> None:
    for form in ("submission", "folder"):
        out = archive.folder / form
        code, document = archive.document("export", archive.aip, "-o", out, "--as", form)
        written = [each for each in out.rglob("*") if each.is_file()]
        assert (code, document["files"], document["bytes"]) == (0, len(written), sum(each.stat().st_size for each in written))


def grown_older(database: Path) -> None:
    """Make the catalog what it was before its last migrations."""
    with closing(sqlite3.connect(database)) as connection, connection:
        for table in ("coming", "coming_file", "kept_version", "evidence_leaf", "evidence_batch"):
            connection.execute(f"DROP TABLE {table}")
        for index in ("aip_collection", "copy_look", "aip_version_unproved", "file_enclosing"):
            connection.execute(f"DROP INDEX {index}")
        columns = (
            ("aip", "collection"),
            ("copy", "last_look"),
            ("copy", "look_next"),
            ("aip_version", "proved"),
            ("file", "inside"),
        )
        for table, column in columns:
            connection.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
        connection.execute("UPDATE kho_schema SET version_num = '0003'")


def test_the_catalog_of_an_older_kho_is_brought_up_to_date(archive: Archive) -> None:
    before = archive.kho("show", archive.aip)[1]
    grown_older(archive.home / "catalog.db")
    code, _, said = archive.kho("list")
    assert code == 1
    assert "kho upgrade" in said.splitlines()[-1]
    lock = LauncherLock(archive.home / "lock")
    assert lock.acquire("worker", patience=0)
    try:
        code, document = archive.document("upgrade")
        assert (code, document["findings"][0]["code"]) == (1, "JOB-LAUNCHER-BUSY")
        assert archive.kho("list")[0] == 1
    finally:
        lock.release()
    code, document = archive.document("upgrade")
    assert (code, document["before"], document["now"]) == (0, "0003", REVISIONS[-1])
    assert archive.kho("show", archive.aip) == (0, before, "")
    assert archive.kho("evidence", "plan")[0] == 0
    (archive.source / "a.txt").write_text("another record")
    assert archive.kho("deposit", archive.source)[0] == 0
    code, document = archive.document("upgrade")
    assert (code, document["before"]) == (0, REVISIONS[-1])


def test_an_upgrade_makes_no_empty_catalog(archive: Archive) -> None:
    for file in archive.home.glob("catalog.db*"):
        file.unlink()
    code, document = archive.document("upgrade")
    assert (code, document["findings"][0]["code"]) == (1, "CAT-NO-SCHEMA")
    assert archive.kho("list")[0] == 1


def test_a_lost_catalog_is_told_with_what_works(archive: Archive) -> None:
    for file in archive.home.glob("catalog.db*"):
        file.unlink()
    code, _, said = archive.kho("list")
    assert code == 1
    assert "holds no catalog" in said
    advice = said.splitlines()[-1]
    assert re.findall(r"`kho ([^`]+)`", advice) == ["catalog rebuild"]
    assert archive.kho("catalog", "rebuild")[0] == 0
    assert archive.aip in archive.kho("list")[1]


def test_a_catalog_made_again_takes_questions_and_jobs(archive: Archive) -> None:
    """The tables of jobs are made by the first job: nobody who asks before may need them."""
    for file in archive.home.glob("catalog.db*"):
        file.unlink()
    assert archive.kho("catalog", "rebuild")[0] == 0
    with closing(sqlite3.connect(archive.home / "catalog.db")) as database:
        assert not database.execute("SELECT 1 FROM sqlite_master WHERE name LIKE 'dbos%' OR name = 'workflow_status'").fetchall()
    code, document = archive.document("status")
    assert (code, document["kind"]) == (4, "status"), "no copy was read since"
    assert archive.kho("audit", "--all")[0] == 0


def test_no_catalog_is_made_while_jobs_run(archive: Archive) -> None:
    for file in archive.home.glob("catalog.db*"):
        file.unlink()
    lock = LauncherLock(archive.home / "lock")
    assert lock.acquire("worker")
    try:
        code, document = archive.document("catalog", "rebuild")
    finally:
        lock.release()
    assert (code, document["findings"][0]["code"]) == (1, "JOB-LAUNCHER-BUSY")
    assert archive.document("list")[1]["findings"][0]["code"] == "CAT-NO-SCHEMA"


@pytest.mark.parametrize(("tier", "good"), [("a", True), ("nowhere", False), (None, False)])
def test_processes_that_a_rebuild_starts_early_end_with_it(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, tier: str | None, good: bool
) -> None:
    made: list[Helpers] = []
    started: list[Any] = []

    class Seen(Helpers):
        def __init__(self, entry: str, count: int) -> None:
            super().__init__(entry, count)
            made.append(self)

        def start(self) -> None:
            super().start()
            started.extend(helper._process for helper in self.all)

    monkeypatch.setattr("storage.processes.Helpers", Seen)
    monkeypatch.setattr("repository.cli.catalog.MUCH", 1)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    for file in archive.home.glob("catalog.db*"):
        file.unlink()
    if tier is None:
        (archive.home / "policy.toml").write_text("no = [toml", encoding="utf-8")
    found = archive.kho("catalog", "rebuild", *(("--from", tier) if tier else ()))[0]
    assert (found == 0) is good
    assert len(started) == 2
    assert all(process.poll() is not None for process in started), "a process is left"
    assert all(helper._process is None for helpers in made for helper in helpers.all)


def test_processes_that_a_deposit_of_many_starts_early_are_its_workforce_and_end_with_it(
    archive: Archive, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MANY == POOL_FROM
    made: list[Helpers] = []
    asked: list[Helper] = []

    class Seen(Helpers):
        def __init__(self, entry: str, count: int) -> None:
            super().__init__(entry, count)
            made.append(self)

        @contextmanager
        def one(self) -> Iterator[Helper]:
            with super().one() as helper:
                asked.append(helper)
                yield helper

    monkeypatch.setattr("storage.processes.Helpers", Seen)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    many = [write_tree(archive.folder / f"many{number}", {"a.txt": f"{number}".encode()}) for number in range(MANY)]
    code, said = archive.document("deposit", "--producer", "P", *many)
    assert (code, {each["state"] for each in said["deposits"]}) == (0, {"stored"})
    assert len(made) == 1
    assert asked
    assert all(helper._process is None for helper in made[0].all), "a process is left"


@pytest.mark.parametrize(("more", "code"), [((), 0), (("--no-such-option",), 2), (("another",), 2)])
def test_processes_that_a_check_starts_early_end_with_it(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, more: tuple[str, ...], code: int
) -> None:
    monkeypatch.setattr("storage.ocfl.early.MUCH", 1)
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    arguments = ["--home", "verify", "--json", "verify", str(archive.tier / "ocfl"), *more]
    helpers = begun(arguments)
    assert helpers is not None
    processes = [helper._process for helper in helpers.all]
    assert all(process is not None and process.poll() is None for process in processes)
    assert run(arguments, helpers) == code
    assert all(process is not None and process.poll() is not None for process in processes), "a process is left"


@pytest.mark.parametrize(
    ("more", "code"), [(("--all",), 0), (("--all", "--tier", "a"), 0), (("--tier", "none"), 2), (("--no-such-option",), 2)]
)
def test_processes_that_read_for_an_audit_start_early_and_end_with_it(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: tuple[str, ...], code: int
) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    monkeypatch.setattr("storage.processes.alone", iter((True, False, False)).__next__)  # so that programs stand for the copies
    monkeypatch.setattr("storage.verifiers.POOL_FROM", 0)
    arguments = ["--home", str(archive.home), "audit", "--json", *more]
    helpers = begun(arguments)
    assert helpers is not None
    processes = [helper._process for helper in helpers.all]
    assert all(process is not None and process.poll() is None for process in processes)
    asked: list[Helper] = []
    one = helpers.one

    @contextmanager
    def noted() -> Iterator[Helper]:
        with one() as helper:
            asked.append(helper)
            yield helper

    monkeypatch.setattr(helpers, "one", noted)
    assert run(arguments, helpers) == code
    assert bool(asked) == (code == 0), capsys.readouterr().out
    assert all(process is not None and process.poll() is not None for process in processes), "a process is left"


@pytest.mark.parametrize(
    "arguments",
    [
        *(["list"], ["--home", "verify", "show", "."], ["verify"], ["verify", "{small}"], ["verify", "--json"]),
        *(["audit", "--help"], ["--home", "audit", "list"], ["show", "audit"]),
    ],
)
def test_nothing_begins_early_for_other_commands(archive: Archive, monkeypatch: pytest.MonkeyPatch, arguments: list[str]) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    monkeypatch.setattr("storage.processes.alone", lambda: True)
    assert begun([each.format(small=archive.tier / "ocfl") for each in arguments]) is None


@pytest.mark.parametrize("form", ["submission", "folder", "bagit", "zip"])
def test_nothing_is_handed_out_into_the_archive(archive: Archive, form: str) -> None:
    (archive.folder / "door").symlink_to(archive.tier)
    (archive.home / "spool").rename(archive.folder / "scratch")
    (archive.home / "spool").symlink_to(archive.folder / "scratch")
    for folder in (archive.home, archive.home / "spool", archive.folder / "scratch", archive.tier, archive.folder / "door"):
        place = folder / "out"
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


def test_a_storage_root_of_which_only_the_objects_are_left_is_verified_as_one(tmp_path: Path) -> None:
    two_versions().write(tmp_path / "abc/def/o")
    assert verified(tmp_path) == ("ocfl", ["E069 ", "E076 "])
    (tmp_path / "abc").rename(tmp_path / "data")
    (tmp_path / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n", encoding="utf-8")
    assert verified(tmp_path)[0] == "bagit"


def test_the_folder_of_a_tier_is_verified_by_its_storage_root(archive: Archive) -> None:
    """`kho status` says to look at a tier with `kho verify`, and whoever gave it the path in kho.toml heard that it is nothing known."""
    tier = archive.home / "tiers" / "a"
    assert verified(tier) == ("ocfl", []) == verified(tier / "ocfl")
    damaged = next((tier / "ocfl").rglob("inventory.json"))
    damaged.chmod(0o644)
    damaged.write_bytes(b"{}")
    assert verified(tier)[1] == verified(tier / "ocfl")[1] != []


def test_an_update_that_waits_for_copies_says_what_helps(archive: Archive) -> None:
    for file in archive.home.glob("catalog.db*"):
        file.unlink()
    assert archive.kho("catalog", "rebuild")[0] == 0
    (archive.source / "added.txt").write_text("added", encoding="utf-8")
    code, document = archive.document("deposit", archive.source, "--update", archive.aip)
    assert (code, [each["code"] for each in document["findings"]]) == (5, ["OPS-STUCK"])
    assert archive.document("deposit", archive.source, "--update", archive.aip)[0] == 5, "to run it again does not help"
    assert [each["code"] for each in archive.document("audit", "--all")[1]["findings"]] == ["OPS-STUCK"], "no damage"
    assert archive.kho("repair")[0] == 0
    assert {each["state"] for each in archive.document("deposits")[1]["deposits"]} == {"stored", "repeated"}


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


def test_a_lost_home_begins_again_from_the_tiers_alone(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    first = archive.folder / "first"
    (archive.home / "tiers" / "a").rename(first)
    shutil.rmtree(archive.home)
    before = _tree(first), _tree(archive.tier)
    tiers = ("--tier", f"a={first}", "--tier", f"b={archive.tier}")
    code, said = _init(capsys, archive.home, *tiers, "--adopt")
    assert (code, [each["name"] for each in said["tiers"]]) == (0, ["a", "b"])
    assert (_tree(first), _tree(archive.tier)) == before
    marker = json.loads((archive.tier / "kho-tier.json").read_bytes())
    assert marker["uuid"] in (archive.home / "kho.toml").read_text(encoding="utf-8")
    # An empty catalog would look like no holdings: nothing answers before it is made again.
    assert archive.document("audit", "--all")[1]["findings"][0]["code"] == "CAT-NO-SCHEMA"
    assert archive.kho("catalog", "rebuild")[0] == 0
    assert archive.kho("audit", "--all")[0] == 0
    code, document = archive.document("list")
    assert (code, [each["id"] for each in document["aips"]]) == (0, [archive.aip])


def test_a_lost_kho_toml_is_made_again_and_the_rest_of_the_home_stays(
    archive: Archive, capsys: pytest.CaptureFixture[str]
) -> None:
    (archive.home / "kho.toml").unlink()
    policy = (archive.home / "policy.toml").read_text(encoding="utf-8") + "# ours\n"
    (archive.home / "policy.toml").write_text(policy, encoding="utf-8")
    tiers = ("--tier", f"a={archive.home / 'tiers' / 'a'}", "--tier", f"b={archive.tier}")
    assert _init(capsys, archive.home, *tiers, "--adopt")[0] == 0
    assert (archive.home / "policy.toml").read_text(encoding="utf-8") == policy
    code, document = archive.document("show", archive.aip)
    assert (code, {each["state"] for each in document["aip"]["copies"]}) == (0, {"good"})


def test_only_a_tier_that_is_there_and_called_so_is_taken_up(archive: Archive, capsys: pytest.CaptureFixture[str]) -> None:
    before = _tree(archive.folder)
    for tier, word in ((f"c={archive.tier}", "c"), (f"b={archive.folder / 'nothing'}", "nothing")):
        code, said = _init(capsys, archive.folder / "again", "--tier", tier, "--tier", f"a={archive.home}/tiers/a", "--adopt")
        (finding,) = said["findings"]
        assert (code, finding["code"]) == (1, "STO-UNAVAILABLE")
        assert word in finding["text"]
        assert _tree(archive.folder) == before


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


def _set_state(archive: Archive, deposit_id: str, state: DepositState, *, minutes_ago: int = 0) -> None:
    with Engine.open(archive.home, actor="user:test") as engine:
        moment = engine.archive.clock.now() - timedelta(minutes=minutes_ago)
        engine.archive.catalog.deposits.update(deposit_id, state=state, updated=moment)


@pytest.mark.parametrize(
    ("state", "code"),
    [("stored", 0), ("held", 3), ("refused", 3), ("quarantined", 3), ("accepted", 5), ("kept", 5), ("failed", 1), ("spooled", 1)],
)
def test_a_repeated_deposit_is_told_as_the_earlier_one_stands(archive: Archive, state: str, code: int) -> None:
    _, said = archive.document("deposit", archive.source)
    (repeated,) = said["deposits"]
    assert (repeated["state"], repeated["earlier_state"]) == ("repeated", "stored")
    _set_state(archive, repeated["reason"], DepositState(state))
    with Engine.open(archive.home, actor="user:test") as engine:
        standings = _standings(engine, [engine.deposits.get(repeated["id"])])
    assert standings == {repeated["id"]: state}
    assert _exit(standings.values()) == code
    assert bool(_closing(standings.values())) == (code != 0)
    rows = archive.document("deposits")[1]["deposits"]
    assert [row["earlier_state"] for row in rows] == [state, ""]


@pytest.mark.parametrize(("speech", "words"), [("en", "the same as deposit"), ("vi", "trùng với lần nộp")])
def test_a_repeated_deposit_of_a_held_one_is_held(
    archive: Archive, monkeypatch: pytest.MonkeyPatch, speech: str, words: str
) -> None:
    policy = archive.home / "policy.toml"
    policy.write_text(policy.read_text().replace("required_fields = []", 'required_fields = ["nothing-has-this"]'))
    (archive.source / "b.txt").write_text("another")
    assert archive.document("deposit", archive.source)[1]["deposits"][0]["state"] in ("held", "refused")
    monkeypatch.setenv("KHO_LANG", speech)
    code, said = archive.document("deposit", archive.source)
    (repeated,) = said["deposits"]
    assert (code, said["ok"]) == (3, False)
    if repeated["state"] == "repeated":
        _, out, err = archive.kho("deposit", archive.source)
        assert f"{words} {repeated['reason']}" in out
        assert err.strip()


def test_a_list_of_aips_has_no_versions_and_show_has(archive: Archive) -> None:
    assert archive.document("list")[1]["aips"][0]["versions"] == []
    assert len(archive.document("show", archive.aip)[1]["aip"]["versions"]) == 1


@pytest.mark.parametrize(
    ("command", "state"), [("audit", "received"), ("audit", "spooled"), ("audit", "accepted"), ("deposit", "accepted")]
)
def test_deposits_that_wait_for_a_worker_are_said(archive: Archive, command: str, state: str) -> None:
    other = archive.folder / "other"
    other.mkdir()
    (other / "c.txt").write_text("third")
    waiting = archive.document("deposits")[1]["deposits"][0]["id"]
    arguments = [str(other)] if command == "deposit" else ["--all"]
    _set_state(archive, waiting, DepositState(state), minutes_ago=9)
    assert "kho worker" not in archive.kho(command, *arguments)[2]
    _set_state(archive, waiting, DepositState(state), minutes_ago=11)
    worker = LauncherLock(archive.home / "lock")
    assert worker.free()
    code, out, err = archive.kho(command, *arguments)
    assert "1 deposit(s) wait" in err
    assert "kho worker" in err
    assert "kho worker" not in out
    assert code == 0
    with Engine.open(archive.home, actor="user:test") as engine:
        assert worker.acquire("worker")
        try:
            door = Door(err=io.StringIO())
            say_waiting(door, engine)
            assert isinstance(door.err, io.StringIO)
            assert door.err.getvalue() == ""
        finally:
            worker.release()


@pytest.mark.parametrize(("since", "until"), [("9999-12-31", "9999-12-31"), (None, "0001-01-01"), ("0999-01-01", None)])
def test_a_period_beyond_what_can_be_told_is_asked_for_anew(archive: Archive, since: str | None, until: str | None) -> None:
    said = [*(("--from", since) if since else ()), *(("--to", until) if until else ())]
    code, document = archive.document("report", "fixity", *said)
    assert (code, [each["code"] for each in document["findings"]]) == (2, ["USE-VALUE"])
    assert archive.document("report", "fixity", "--from", "1970-01-01", "--to", "9998-12-31")[0] == 0
