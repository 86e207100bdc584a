"""Campaigns that are gone on with, by their id or after a death in a step: what stands, what is done again, and what is refused."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from formats.migrate.pillow import Pillow
from policies.findings import Finding
from repository.cli.run import run as kho
from repository.deposits.upkeep import waiting
from repository.errors import CampaignEnded, NoCampaign, NotASource, OtherCampaign
from repository.jobs.flow import Step
from repository.progress import Silent
from repository.settings.formats import OWN_POLICY
from repository.versions import batches
from repository.versions.batches import Order, run_batch
from repository.versions.migration import Converted, Converter
from tests.builders_archive import ArchiveUnderTest
from tests.formats import documents

BMP = ("fmt/116", "fmt/117", "fmt/118", "fmt/119")
DOCX = "fmt/412"


def pictures(folder: Path, count: int) -> Path:
    folder.mkdir()
    for n in range(count):
        documents.picture(folder / f"{n}.bmp", (64, 48), shift=n)
    return folder


def batch(archive: ArchiveUnderTest, *aips: str, most: int = 100) -> dict[str, Any]:
    step = Step("job", "migrate", lambda progress: None, threading.Event())
    return run_batch(archive.engine.archive, Order("c1", "picture-tiff", BMP, 120.0), aips, most, step)


def run(archive: ArchiveUnderTest, path: str = "picture-tiff", **more: Any) -> Any:
    return archive.engine.campaigns.run(path, seconds=120, progress=Silent(), **more)


@pytest.fixture
def died(archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[str, list[str]]:
    """An AIP of six pictures whose campaign died at the fifth, and which were converted since, again and for the first time."""
    aip = archive.deposit(pictures(tmp_path / "a", 6)).aip_id
    honest, converted, dead = Converter.convert, list[str](), list[str]()

    def dying(self: Converter, aip_id: str, file: Any, work: Path) -> Any:
        if file.path.endswith("4.bmp") and not dead:
            dead.append(file.path)
            raise OSError("the disk is gone")
        converted.append(file.path[-5:])
        return honest(self, aip_id, file, work)

    monkeypatch.setattr(Converter, "convert", dying)
    with pytest.raises(OSError, match="the disk is gone"):
        batch(archive, aip)
    converted.clear()
    return aip, converted


def test_a_format_that_the_path_does_not_lead_from_is_refused(archive: ArchiveUnderTest) -> None:
    with pytest.raises(NotASource, match=DOCX):
        run(archive, puids=[BMP[0], DOCX])
    with pytest.raises(NotASource):
        archive.engine.formats.plan("picture-tiff", [DOCX])
    with pytest.raises(NotASource):
        archive.engine.formats.sample("picture-tiff", puids=[DOCX], count=1, seed=1, seconds=120, progress=Silent())
    assert archive.engine.jobs.list() == []


def test_no_campaign_begins_by_the_id_of_one_to_be_gone_on_with(archive: ArchiveUnderTest) -> None:
    for name in ("khong-co", "../../x"):
        with pytest.raises(NoCampaign):
            run(archive, campaign=name)
        with pytest.raises(NoCampaign):
            archive.engine.campaigns.reidentify(campaign=name, progress=Silent())
    assert archive.engine.jobs.list() == []


def test_a_campaign_that_ended_is_not_told_as_if_it_were_done_again(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(pictures(tmp_path / "a", 1))
    name = run(archive)["campaign"]
    with pytest.raises(CampaignEnded, match=name):
        run(archive, campaign=name)
    with pytest.raises(OtherCampaign, match="picture-tiff"):
        run(archive, "film-ffv1", campaign=name)
    with pytest.raises(OtherCampaign, match="picture-tiff"):
        archive.engine.campaigns.reidentify(campaign=name, progress=Silent())


def test_what_an_older_policy_accepted_is_judged_again(archive: ArchiveUnderTest, died: tuple[str, list[str]]) -> None:
    aip, _ = died
    stricter = (
        '[paths.picture-tiff]\ntool = "pillow"\nrecipe = "tiff"\nkind = "picture"\ntargets = ["fmt/10"]\ncompare = ["pixels"]\n'
    )
    (archive.engine.archive.settings.home / OWN_POLICY).write_text(stricter)
    done = batch(archive, aip)
    assert done["deposits"] == []
    assert (done["report"]["counts"].get("migrated", 0), done["report"]["codes"]) == (0, {"MIG-WRONG-FORMAT": 6})


def test_what_another_version_of_the_tool_made_is_made_again(
    archive: ArchiveUnderTest, died: tuple[str, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    aip, converted = died
    monkeypatch.setattr(Pillow, "version", lambda self: "99.1")
    done = batch(archive, aip)
    assert sorted(converted) == [f"{n}.bmp" for n in range(6)]
    assert (done["report"]["counts"]["migrated"], len(done["deposits"])) == (6, 1)


def test_a_limit_counts_what_was_made_before_the_death(archive: ArchiveUnderTest, died: tuple[str, list[str]]) -> None:
    aip, converted = died
    done = batch(archive, aip, most=5)
    assert len(converted) < 5, "some were made before"
    assert (done["report"]["counts"]["files"], done["report"]["counts"]["migrated"]) == (5, 5)


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1})


@pytest.mark.usefixtures("two_cores")
def test_a_file_that_takes_long_holds_up_no_other(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All other files are done while one core works on it; no version is known before, so that updates are taken meanwhile."""
    first = archive.deposit(pictures(tmp_path / "a", 1)).aip_id
    others = [archive.deposit(pictures(tmp_path / f"b{n}", 3 + n)).aip_id for n in range(2)]
    honest, taken, known = Converter.convert, batches._taken, list[list[str]]()
    done_beside: list[str] = []
    all_others = threading.Event()

    def slow(self: Converter, aip_id: str, file: Any, work: Path) -> Any:
        if aip_id == first:
            assert all_others.wait(60), f"only {done_beside} were done beside it"
        return honest(self, aip_id, file, work)

    def noted(version: Any, file: Any, done: Any) -> None:
        taken(version, file, done)
        done_beside.append(file.path)
        if len(done_beside) == 7:
            known.append(waiting(archive.engine.archive))
            all_others.set()

    monkeypatch.setattr(Converter, "convert", slow)
    monkeypatch.setattr(batches, "_taken", noted)
    done = batch(archive, first, *others)
    assert known == [[]]
    assert (done["report"]["counts"]["migrated"], done["report"]["counts"]["versions"], len(done["deposits"])) == (8, 3, 3)


@pytest.mark.parametrize("sealed", [0, 1])
def test_what_a_batch_did_before_it_died_is_reported_once_and_whole(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sealed: int
) -> None:
    """Also what failed; whether it died before the first version was sealed, or after."""
    ids = [archive.deposit(pictures(tmp_path / name, count)).aip_id for name, count in (("a", 3), ("b", 4))]
    honest, seal, seals = Converter.convert, batches.sealed_deposit, list[str]()

    def failing(self: Converter, aip_id: str, file: Any, work: Path) -> Any:
        if file.path.endswith("1.bmp") and aip_id == ids[0]:
            return Finding("MIG-WRONG-FORMAT", file.path, {"puid": "fmt/0", "targets": "fmt/353"})
        return honest(self, aip_id, file, work)

    def dying(*args: Any, **more: Any) -> Any:
        seals.append(args[1].id)
        if len(seals) == sealed + 1:
            raise OSError("the disk is gone")
        return seal(*args, **more)

    monkeypatch.setattr(Converter, "convert", failing)
    monkeypatch.setattr(batches, "sealed_deposit", dying)
    with pytest.raises(OSError, match="the disk is gone"):
        batch(archive, *ids)
    assert len(waiting(archive.engine.archive)) == sealed
    report = batch(archive, *ids)["report"]
    counts = report["counts"]
    assert [counts[each] for each in ("aips", "files", "migrated", "failed", "versions")] == [2, 7, 6, 1, 2]
    assert report["codes"] == {"MIG-WRONG-FORMAT": 1}


def test_what_was_lost_before_a_campaign_died_is_told_at_its_end(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the findings of the deposit and in the report: signatures, and what the path may lose."""
    source = pictures(tmp_path / "a", 3)
    for number in range(3):
        (source / f"{number}.bmp.p7s").write_bytes(b"a detached signature")
    aip = archive.deposit(source).aip_id
    honest, dead = Converter.convert, list[str]()

    def dying(self: Converter, aip_id: str, file: Any, work: Path) -> Any:
        if file.path.endswith("2.bmp") and not dead:
            dead.append(file.path)
            raise OSError("the disk is gone")
        done = honest(self, aip_id, file, work)
        assert isinstance(done, Converted)
        lossy = tuple(replace(each, facts={**each.facts, "lost-tags": 2}) for each in done.compared[:1])
        return replace(done, compared=(*lossy, *done.compared[1:]))

    monkeypatch.setattr(Converter, "convert", dying)
    with pytest.raises(OSError, match="the disk is gone"):
        batch(archive, aip)
    done = batch(archive, aip)
    told = {"MIG-SIGNATURE-LOST": 3, "MIG-LOST": 3}
    assert done["report"]["codes"] == told
    deposit = archive.engine.archive.catalog.deposits.find(done["deposits"][0])
    assert deposit is not None
    assert dict(deposit.finding_counts) == told
    assert batch(archive, aip)["report"]["codes"] == told, "sealed before, and run again"


def test_what_a_path_loses_is_told_through_a_whole_campaign(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """From the file to the report, and in both languages."""
    documents.needs("ffmpeg")
    folder = tmp_path / "a"
    folder.mkdir()
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "sine=d=1",
        "-metadata",
        "IPRD=Đĩa hát 1962",
        "-metadata",
        "title=Bài ca",
    ]
    subprocess.run([*command, str(folder / "a.wav")], check=True, timeout=120, stdin=subprocess.DEVNULL)
    subtitles = tmp_path / "a.srt"
    subtitles.write_text("1\n00:00:00,000 --> 00:00:01,000\nXin chào\n", "utf-8")
    film = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", "testsrc2=s=64x48:r=10:d=1", "-i", str(subtitles), "-c:v", "mpeg4"]
    subprocess.run([*film, "-c:s", "mov_text", str(folder / "b.mp4")], check=True, timeout=120, stdin=subprocess.DEVNULL)
    archive.deposit(folder)
    ended = run(archive, "film-ffv1")
    assert ended["counts"]["migrated"] == 1, ended
    assert ended["codes"] == {"MIG-LOST": 1}
    row = ended["findings"][0]
    finding = Finding(row["code"], row["path"], row["args"])
    assert "subtitles: 1" in finding.text("en"), finding.text("en")
    assert "phụ đề: 1" in finding.text("vi"), finding.text("vi")
    rows: list[dict[str, Any]] = []
    archive.engine.campaigns.report(ended["campaign"], rows.append)
    assert [each["lost"] for each in rows] == ["subtitles 1"]


def states(archive: ArchiveUnderTest, capfd: pytest.CaptureFixture[str]) -> list[str]:
    capfd.readouterr()
    assert kho(["--home", str(archive.home), "--json", "formats", "campaign", "list"]) == 0
    return [each["state"] for each in json.loads(capfd.readouterr().out)["campaigns"]]


def test_a_campaign_whose_process_was_killed_is_not_said_to_run(
    archive: ArchiveUnderTest, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    archive.deposit(pictures(tmp_path / "a", 8))
    archive.close()
    command = [sys.executable, "-m", "repository.cli", "--home", str(archive.home), "formats", "campaign", "run", "picture-tiff"]
    campaign = subprocess.Popen(command, cwd=Path(__file__).parents[2], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    end = time.monotonic() + 120
    while states(archive, capfd) != ["running"]:
        assert campaign.poll() is None
        assert time.monotonic() < end
        time.sleep(0.1)  # each look opens an archive, and takes from the campaign what it needs to begin
    campaign.kill()
    campaign.wait()
    assert states(archive, capfd) == ["waiting"]
    archive.open()
    (left,) = archive.engine.campaigns.list()
    assert (left.state, archive.engine.campaigns.report(left.campaign).state) == ("waiting", "waiting")
    assert run(archive, campaign=left.campaign)["counts"]["migrated"] == 8


@pytest.mark.parametrize(
    ("command", "again"),
    [
        (["campaign", "run", "picture-tiff", "--limit", "5"], "kho formats campaign run picture-tiff --campaign picture-tiff-"),
        (["reidentify"], "kho formats reidentify --campaign reidentification-"),
    ],
)
def test_a_campaign_that_is_interrupted_says_by_which_command_it_goes_on(
    archive: ArchiveUnderTest, command: list[str], again: str, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The same command again would begin another one, and leave this one waiting."""

    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("repository.services.campaigns.Campaigns._run", interrupted)
    archive.close()
    assert kho(["--home", str(archive.home), "formats", *command]) == 1
    assert f"`{again}" in capfd.readouterr().err.strip().splitlines()[-1]
