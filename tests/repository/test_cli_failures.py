"""When things go wrong: words, codes and advice; never a traceback, never a broken document."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from kho_inside import kho as inside

from repository.cli.failures import finding_of
from repository.cli.run import run
from tests.rights import ordinary_rights

ROOT = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    return {**{name: value for name, value in os.environ.items() if not name.startswith("KHO_")}, "KHO_LANG": "en", **more}


def kho(*arguments: str, **more: str) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "repository.cli", *arguments]
    return subprocess.run(command, capture_output=True, env=environment(**more), cwd=ROOT, timeout=60, check=False)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("failures") / "archive"
    assert inside("init", folder).code == 0
    return folder


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        ([], "USE-COMMAND"),
        (["--home", "/nowhere"], "USE-COMMAND"),
        (["nonsense"], "USE-COMMAND"),
        (["list", "--nonsense"], "USE-OPTION"),
        (["show"], "USE-MISSING"),
        (["export", "x"], "USE-MISSING"),
        (["list"], "USE-HOME"),
        (["list", "--home", ""], "USE-MISSING"),
        (["--home", "", "list"], "USE-MISSING"),
        (["deposit", "--producer", "P", ""], "USE-MISSING"),
        (["deposit", "--producer", "P", "/etc", ""], "USE-MISSING"),
        (["deposit", "--producer", "P", "--metadata", "", "/etc"], "USE-MISSING"),
        (["export", "urn:uuid:x", "-o", ""], "USE-MISSING"),
        (["verify", ""], "USE-MISSING"),
        (["init", ""], "USE-MISSING"),
        (["list", "--home", "/nowhere"], "USE-NO-ARCHIVE"),
        (["verify", "/nowhere"], "USE-NO-PATH"),
        (["list", "--limit", "0", "--home", "/"], "USE-COMMAND"),
        (["init", "/tmp/never-made", "--tier", "a"], "USE-VALUE"),
        (["init", "/tmp/never-made", "--tier", "a=/x", "--tier", "a=/y"], "USE-VALUE"),
        (["init", "/tmp/never-made", "--tier", "a=/x", "--tier", "b=/x/y"], "USE-VALUE"),
        (["init", "/tmp/never-made", "--tier", "a=/tmp/never-made"], "USE-VALUE"),
        (["init", "/tmp/never-made", "--tier", "a/b=/x"], "USE-VALUE"),
        (["init", "/tmp/never-made", "--language", "fr"], "USE-VALUE"),
    ],
)
def test_wrong_usage_is_told_in_both_forms(
    arguments: list[str], code: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KHO_HOME", raising=False)
    monkeypatch.setenv("KHO_LANG", "en")
    assert run(arguments) == 2
    words = capsys.readouterr()
    assert words.out == ""
    assert len(words.err.strip().splitlines()) >= 2
    assert run([*arguments, "--json"]) == 2
    (line,) = capsys.readouterr().out.splitlines()
    document = json.loads(line)
    assert (document["kho"], document["kind"], document["ok"], document["cursor"]) == (1, "error", False, None)
    (finding,) = document["findings"]
    assert finding["code"] == code
    assert words.err.strip().splitlines()[-1] == finding["todo"]
    assert not Path("/tmp/never-made").exists()


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "Không hiểu dòng lệnh: thiếu tên lệnh"),
        (["catalog"], "Không hiểu dòng lệnh: thiếu tên lệnh"),
        (["lst"], "Không hiểu dòng lệnh: không có lệnh \"lst\"; gần giống: 'list'"),
        (["list", "--json=3"], "Không hiểu dòng lệnh: --json không nhận giá trị"),
    ],
)
def test_what_the_parser_says_is_said_in_vietnamese(
    arguments: list[str], sentence: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHO_LANG", "vi")
    assert run(arguments) == 2
    assert capsys.readouterr().err.splitlines()[0] == sentence


def test_what_the_user_may_not_read_is_said_in_vietnamese(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHO_LANG", "vi")
    monkeypatch.setattr("os.access", lambda *_, **__: False)
    assert run(["verify", str(tmp_path)]) == 2
    assert f"người dùng đang chạy Kho, không có quyền đọc {tmp_path}." in capsys.readouterr().err.splitlines()[0]


@pytest.mark.parametrize(
    ("speech", "sentence"),
    [
        ("en", "--tier cannot be b=/x/y: it must not share a folder or a name with a."),
        ("vi", "--tier không thể là b=/x/y: không được chung thư mục hay trùng tên với a."),
    ],
)
def test_tiers_that_overlap_are_told_as_they_were_given(
    speech: str, sentence: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHO_LANG", speech)
    assert run(["--home", str(tmp_path / "H"), "init", "--tier", "a=/x", "--tier", "b=/x/y"]) == 2
    said = capsys.readouterr().err
    assert said.splitlines()[0] == sentence
    assert "kho.toml" not in said
    assert not (tmp_path / "H").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "exit_code"),
    [
        (["show", "urn:uuid:00000000-0000-0000-0000-000000000000"], "AIP-UNKNOWN", 2),
        (["export", "urn:uuid:00000000-0000-0000-0000-000000000000", "-o", "/tmp/never-made"], "AIP-UNKNOWN", 2),
        (["export", "x", "-o", "/etc"], "USE-TARGET-EXISTS", 2),
        (["export", "x", "-o", "/tmp/never-made", "--as", "paper"], "USE-VALUE", 2),
        (["deposits", "--state", "lost"], "USE-VALUE", 2),
        (["deposits", "release", "nobody", "--reason", "x"], "DEP-UNKNOWN", 2),
        (["deposits", "refuse", "nobody", "--reason", "x"], "DEP-UNKNOWN", 2),
        (["deposits", "release", "nobody"], "USE-MISSING", 2),
        (["deposit", "/nowhere"], "USE-NO-PATH", 2),
        (["list", "--cursor", "nonsense"], "CAT-CURSOR", 2),
        (["audit", "--tier", "z"], "TIER-UNKNOWN", 2),
        (["audit", "--all", "--due"], "USE-COMMAND", 2),
        (["report", "fixity", "--format", "paper"], "USE-VALUE", 2),
        (["init"], "SET-EXISTS", 2),
    ],
)
def test_wrong_use_of_an_archive(home: Path, arguments: list[str], code: str, exit_code: int) -> None:
    done = inside(*arguments, "--json", home=home)
    assert done.code == exit_code, done.err
    (finding,) = done.json["findings"]
    assert finding["code"] == code


def test_home_and_json_may_stand_before_the_command(home: Path) -> None:
    before = inside("--json", "--home", home, "list")
    after = inside("list", "--home", home, "--json")
    assert (before.code, before.out) == (0, after.out)


def test_what_nobody_foresaw_is_one_sentence_and_a_log(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> object:
        raise ZeroDivisionError("a planted error")

    monkeypatch.setenv("KHO_LANG", "en")
    monkeypatch.setattr("repository.engine.Engine.open", broken)
    assert run(["list", "--home", str(home)]) == 1
    said = capsys.readouterr()
    assert "Traceback" not in said.err
    assert "ZeroDivisionError" in said.err
    log = home / "log" / "kho.log"
    assert str(log) in said.err.strip().splitlines()[-1]
    line = json.loads(log.read_text(encoding="utf-8").splitlines()[-1])
    assert "a planted error" in line["traceback"]
    assert "broken" in line["traceback"]


def test_the_folder_of_somebody_else_is_told_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHO_LANG", "en")
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o000)
    with ordinary_rights():
        assert run(["list", "--home", str(theirs / "archive")]) == 2
        log = finding_of(
            PermissionError(13, "Permission denied", "x"), theirs / "archive"
        )  # where the log is to be may not be looked at either
    theirs.chmod(0o700)
    assert capsys.readouterr().err.startswith(f"{theirs / 'archive'} may not be read by ")
    assert log.code == "OPS-SYSTEM"


@pytest.mark.parametrize(
    "command",
    [
        ["verify"],
        ["ledger", "verify"],
        ["evidence", "verify"],
        ["formats", "identify"],
        ["signatures", "validate"],
    ],
    ids=" ".join,
)
def test_what_one_may_not_look_at_is_not_said_to_be_missing(
    command: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHO_LANG", "en")
    theirs = tmp_path / "theirs"
    theirs.mkdir(mode=0o000)
    with ordinary_rights():
        assert run([*command, str(theirs / "bag")]) == 2
    said = capsys.readouterr().err
    assert said.startswith(f"{theirs / 'bag'} may not be read by ")
    assert "Give that user the right" in said
    assert "--help" not in said


def test_a_signed_file_that_may_not_be_read_is_told_as_that(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHO_LANG", "en")
    theirs = tmp_path / "theirs.pdf"
    theirs.touch(mode=0o000)
    with ordinary_rights():
        assert run(["signatures", "validate", str(theirs)]) == 2
    assert capsys.readouterr().err.startswith(f"{theirs} may not be read by ")


def test_a_storage_root_that_may_not_be_read_is_not_said_to_be_none(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHO_LANG", "en")
    theirs = shutil.copytree(home / "tiers" / "a", tmp_path / "theirs")
    (theirs / "ocfl").chmod(0o000)
    with ordinary_rights():
        assert run(["verify", str(theirs)]) == 1
    assert f"Permission denied ({theirs / 'ocfl'})" in capsys.readouterr().err


def given_away(file: Path) -> None:
    """The file is somebody else's, for which one has to be root."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to somebody else")
    os.chown(file, 65534, -1)


def test_what_its_own_user_may_not_write_is_not_said_to_be_somebody_elses(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was said to belong to the very user who ran Kho, who was advised to run Kho as its owner."""
    monkeypatch.setenv("KHO_LANG", "en")
    ours = shutil.copytree(home, tmp_path / "ours")
    (ours / "catalog.db").chmod(0o444)
    with ordinary_rights():
        assert run(["list", "--home", str(ours)]) == 1
    said = capsys.readouterr().err
    assert f"may not write {ours / 'catalog.db'}: its rights forbid it, or its disk is mounted read-only" in said


def test_the_archive_of_somebody_else_is_told_as_that(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """SQLite says "attempt to write a readonly database", and the advice was to look at the disk."""
    monkeypatch.setenv("KHO_LANG", "en")
    theirs = shutil.copytree(home, tmp_path / "theirs")
    every = [*theirs.rglob("*"), theirs]
    for each in every:
        each.chmod(each.stat().st_mode & ~0o222)
    given_away(theirs / "catalog.db")
    with ordinary_rights():
        assert run(["list", "--home", str(theirs)]) == 1
    for each in every:
        each.chmod(each.stat().st_mode | 0o200)  # whoever tidies up may be no other than this user
    said = capsys.readouterr().err
    assert f"may not write {theirs / 'catalog.db'}, which belongs to " in said
    assert "sudo -u USER kho" in said.splitlines()[-1]


def test_who_may_only_read_the_catalog_leaves_no_log_of_theirs_beside_it(
    home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder that a group may write, one look by a colleague kept the archive's owner from writing: "attempt to write a readonly
    database"."""
    monkeypatch.setenv("KHO_LANG", "en")
    theirs = shutil.copytree(home, tmp_path / "theirs")
    (theirs / "catalog.db").chmod(0o444)
    given_away(theirs / "catalog.db")
    with ordinary_rights():
        assert run(["list", "--home", str(theirs)]) == 1
    assert f"may not write {theirs / 'catalog.db'}, which belongs to " in capsys.readouterr().err
    assert list(theirs.glob("catalog.db-*")) == []


def test_a_document_that_was_begun_is_closed(
    home: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An error in the middle of a streamed list still leaves one JSON document, which says so."""
    from repository.cli.door import Door
    from repository.cli.failures import finding_of

    def rows() -> object:
        yield {"path": "a"}
        raise OSError(5, "Input/output error")

    door = Door(as_json=True)
    with pytest.raises(OSError, match="Input/output") as error:
        door.answer("show", {"aip": {}, "files": rows()}, lambda: None)
    door.failed(finding_of(error.value, home))
    document = json.loads(capsys.readouterr().out)
    assert document["kind"] == "show"
    assert document["files"] == [{"path": "a"}]
    assert document["ok"] is False
    assert [finding["code"] for finding in document["findings"]] == ["OPS-SYSTEM"]


def test_a_reader_that_went_away_is_no_error(home: Path) -> None:
    command = f"{sys.executable} -m repository.cli --help | head -1"
    done = subprocess.run(["sh", "-c", command], capture_output=True, env=environment(), cwd=ROOT, timeout=60, check=False)
    assert done.stderr == b""


def test_a_full_disk_is_told() -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "repository.cli", "verify", "/nowhere", "--json"],
            stdout=full,
            stderr=subprocess.PIPE,
            env=environment(),
            cwd=ROOT,
            timeout=60,
            check=False,
        )
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr


def test_control_c_ends_with_words(home: Path) -> None:
    command = [sys.executable, "-m", "repository.cli", "serve", "--nonsense"]
    assert subprocess.run(command, capture_output=True, env=environment(), cwd=ROOT, timeout=60, check=False).returncode == 2
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED], stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment(), cwd=ROOT
    )
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 1
    assert json.loads(out)["findings"][0]["code"] == "OPS-INTERRUPTED"
    assert b"Traceback" not in err
    assert err.strip().splitlines()[-1] == b"Run the same command again to go on."


INTERRUPTED = """
import sys, time
import repository.verify
from repository.cli.run import run
from tests.rights import ordinary_rights

def slowly(*arguments, **named):
    print("ready", flush=True)
    for _ in range(600):
        time.sleep(0.1)  # a signal that comes right before one long sleep waits for its end

repository.verify.verify_path = slowly
sys.exit(run(["verify", "/", "--json"]))
"""
"""A command that takes long, so that it can be stopped in the middle."""


def test_help_is_quick_and_light() -> None:
    """Time is not asserted; what makes it slow is: heavy libraries must not be loaded to show help."""
    heavy = ["sqlalchemy", "lxml", "dbos", "fastapi", "boto3", "pyhanko", "pygfried", "alembic", "uvicorn", "fido"]
    script = f"""
import sys
from repository.cli.run import run
from tests.rights import ordinary_rights
assert run(["--help"]) == 0
assert run(["audit", "--help"]) == 0
found = [name for name in {heavy!r} if name in sys.modules]
sys.exit(", ".join(found) or 0)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment(), cwd=ROOT, check=False
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(("language", "word"), [("vi", "Cách dùng"), ("en", "Usage")])
def test_help_speaks_the_readers_language(language: str, word: str) -> None:
    done = kho("audit", "--help", KHO_LANG=language)
    assert done.returncode == 0
    assert word in done.stdout.decode("utf-8")


def test_names_that_are_not_utf8_can_be_named(home: Path, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/caf\xe9"
    done = subprocess.run(
        [sys.executable, "-m", "repository.cli", "verify", name, "--json"],
        capture_output=True,
        env=environment(LC_ALL="C"),
        cwd=ROOT,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert json.loads(done.stdout)["findings"][0]["path"].endswith("caf\\xe9")


@pytest.mark.parametrize("closed", [(1,), (2,), (0, 1, 2)])
def test_streams_that_are_closed(tmp_path: Path, closed: tuple[int, ...]) -> None:
    """Some that start programs close them. What we open next would be given their numbers, and who prints would write into it."""
    folder = tmp_path / "archive"
    (record := tmp_path / "hồ sơ").mkdir()
    (record / "a.txt").write_text("văn bản")
    for arguments in (["init", str(folder)], ["--home", str(folder), "deposit", "--producer", "P", str(record)]):
        ended = subprocess.run(
            [sys.executable, "-m", "repository.cli", *arguments],
            env=environment(),
            cwd=ROOT,
            timeout=60,
            check=False,
            capture_output=True,
            preexec_fn=lambda: [os.close(each) for each in closed],  # type: ignore[func-returns-value]
        )
        assert (ended.returncode, b"Traceback" in ended.stderr) == (0, False), ended.stderr
    assert [each["title"] for each in inside("--json", "--home", folder, "list").json["aips"]] == ["hồ sơ"]
    assert inside("--home", folder, "audit", "--all").code == 0


def test_a_locale_of_another_encoding_changes_nothing(tmp_path: Path) -> None:
    """A path is bytes, and names are kept in UTF-8, whatever the terminal of whoever runs a command was made for."""
    old = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    folder = tmp_path / "kho lưu trữ"
    (record := tmp_path / "hồ sơ").mkdir()
    (record / "văn bản.txt").write_text("văn bản")
    assert kho("init", str(folder), **old).returncode == 0
    ended = kho("--home", str(folder), "deposit", "--producer", "Sở Nội vụ", str(record), **old)
    assert ended.returncode == 0, ended.stderr
    listed = json.loads(kho("--json", "--home", str(folder), "list", **old).stdout)
    assert [each["title"] for each in listed["aips"]] == ["hồ sơ"]


def test_what_no_log_was_configured_for_is_silent_on_the_screen() -> None:
    """Also of libraries: a reader of PKCS#12 said "No handlers could be found" beside the answer."""
    script = "import logging; from repository.cli.run import run; run(['--version']); logging.getLogger('odd').error('x')"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stderr == ""
