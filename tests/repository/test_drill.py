"""The restore drill: it restores for real, from each tier alone, and says so when it cannot."""

from __future__ import annotations

import base64
import errno
import io
import json
import shutil
from contextlib import redirect_stdout
from pathlib import Path

import pytest
from test_cli_corridor import agrees, shapes

from policies.phrases import OPEN
from repository.attention.entries import DRILL, attention
from repository.cli.run import run
from repository.demo import flip_one_bit, make_records
from repository.errors import ExportFailed, NoGoodCopy, NotReached
from repository.ledger.keys import ring_of
from repository.ledger.verifier import REPORT_PREFIX, signed_by
from repository.progress import Silent
from tests.builders_archive import ArchiveUnderTest


def test_a_drill_restores_from_each_tier_alone(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    overview = archive.engine.overview
    assert not overview.drill(tmp_path / "empty", progress=Silent()).ok
    archive.deposit(make_records(tmp_path / "records")[0])
    report = overview.drill(tmp_path / "out", progress=Silent())
    assert report.ok
    assert [each.tier for each in report.restored] == ["a", "b"]
    assert all(each.files and each.bytes for each in report.restored)
    written = (tmp_path / "out" / "drill.json").read_bytes()
    signature = base64.b64decode((tmp_path / "out" / "drill.json.sig").read_bytes())
    assert signed_by(ring_of(archive.engine.archive).current.description, REPORT_PREFIX + written, signature)
    document = {**json.loads(written), "ok": True, "findings": [], "cursor": None}
    assert agrees(dict(shapes())["drill"], document) == []
    latest = archive.catalog.events.latest(DRILL, "")
    assert latest is not None
    assert (latest.outcome, latest.detail["restored"]) == ("success", 2)
    with pytest.raises(ExportFailed):
        overview.drill(tmp_path / "out", progress=Silent())
    flip_one_bit(archive.home / "tiers" / "b")
    failed = overview.drill(tmp_path / "again", progress=Silent())
    assert [bool(each.problem) for each in failed.restored] == [False, True]
    assert "ATT-DRILL-FAILED" in {each.code for each in attention(archive.engine.archive)}


def test_a_place_that_cannot_be_written_says_nothing_of_the_copies(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    overview = archive.engine.overview
    archive.deposit(make_records(tmp_path / "records")[0])
    for inside in (archive.home / "out", archive.home / "tiers" / "a" / "out"):
        with pytest.raises(ExportFailed):
            overview.drill(inside, progress=Silent())
        assert not inside.exists()

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("repository.access.export.BagWriter", full)
    with pytest.raises(ExportFailed):
        overview.drill(tmp_path / "full", progress=Silent())
    assert archive.catalog.events.latest(DRILL, "") is None


def test_a_tier_that_is_away_is_not_damaged(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(make_records(tmp_path / "records")[0])
    away = archive.home / "tiers" / "b"
    away.rename(tmp_path / "b")
    away.mkdir()
    with redirect_stdout(io.StringIO()) as said:
        code = run(["drill", "restore", "-o", str(tmp_path / "out"), "--json", "--home", str(archive.home)])
    document = json.loads(said.getvalue())
    assert code == 5
    assert [each["code"] for each in document["findings"]] == ["OPS-TIER-UNAVAILABLE"]
    assert list(document["unavailable"]) == ["b"]
    assert ["STO-UNAVAILABLE" in each["problem"] for each in document["restored"]] == [False, True]


@pytest.mark.parametrize("form", [[], ["--json"]])
def test_why_a_tier_was_away_is_said_in_words_wherever_it_stands(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    archive.deposit(make_records(tmp_path / "records")[0])
    (archive.home / "tiers" / "b").rename(tmp_path / "b")
    monkeypatch.setenv("KHO_LANG", "vi")
    period = ["report", "fixity", "--from", "2026-01-01", "--to", "2026-01-02"]
    for command in (["drill", "restore", "-o", str(tmp_path / "out")], [*period, "-o", str(tmp_path / "report")]):
        with redirect_stdout(io.StringIO()) as screen:
            run([*command, *form, "--home", str(archive.home)])
        written = [
            file.read_text(encoding="utf-8") for folder in ("out", "report") for file in (tmp_path / folder).glob("*.json")
        ]
        for text in (screen.getvalue(), *written):
            assert OPEN not in text
            assert "\\u27e6" not in text
    assert "Không truy cập được" in (tmp_path / "out" / "drill.json").read_text(encoding="utf-8")
    assert "Không truy cập được" in (tmp_path / "report" / "report.json").read_text(encoding="utf-8")


def test_inventories_that_nobody_could_be_asked_for_are_not_said_to_be_wrong(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(make_records(tmp_path / "records")[0]).aip_id
    for tier in ("a", "b"):
        (archive.home / "tiers" / tier).rename(tmp_path / tier)
    with pytest.raises(NotReached, match="STO-UNAVAILABLE"):
        archive.export(aip)
    with redirect_stdout(io.StringIO()):
        assert run(["export", aip, "-o", str(tmp_path / "out"), "--home", str(archive.home)]) == 5
    for tier in ("a", "b"):
        (tmp_path / tier).rename(archive.home / "tiers" / tier)
    for tier in ("a", "b"):
        shutil.rmtree(archive.object(aip, tier))
    with pytest.raises(NoGoodCopy) as caught:
        archive.export(aip)
    assert caught.value.code == "AIP-NO-GOOD-COPY"


@pytest.mark.parametrize("broken", [KeyboardInterrupt, OSError(errno.ENOSPC, "full")])
def test_what_was_not_finished_is_gone_and_the_same_command_can_be_run_again(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, broken: BaseException | type[BaseException]
) -> None:
    archive.deposit(make_records(tmp_path / "records")[0])

    def breaks(*_: object, **__: object) -> None:
        raise broken

    with monkeypatch.context() as patched:
        patched.setattr("repository.drill.verify_path", breaks)
        with pytest.raises((KeyboardInterrupt, ExportFailed)):
            archive.engine.overview.drill(tmp_path / "out", progress=Silent())
    assert not (tmp_path / "out").exists()
    assert archive.engine.overview.drill(tmp_path / "out", progress=Silent()).ok
