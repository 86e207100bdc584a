"""Migrations through the whole archive: a new version with a new representation, the original for ever, and everything by the records."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from formats.migrate import Made
from formats.migrate.pillow import Pillow
from formats.premis import PremisFile, read_premis
from policies.findings import Finding
from repository.flow_names import MIGRATE, ROLLBACK
from repository.jobs.flow import Step
from repository.progress import Silent
from repository.versions.account import account
from repository.versions.batches import Order, run_batch
from repository.versions.migration import Converter
from tests.builders_archive import ArchiveUnderTest, snapshot, write_tree
from tests.formats import documents

BMP = ("fmt/116", "fmt/117", "fmt/118", "fmt/119")


def campaign(archive: ArchiveUnderTest, path: str, *puids: str, name: str = "c1", limit: int = 0, **more: bool) -> dict[str, Any]:
    argument = {
        **more,
        "campaign": name,
        "path": path,
        "puids": list(puids),
        "seconds": 120,
        "limit": limit,
        "tiers": ["a", "b"],
        "actor": "user:test",
    }
    result: dict[str, Any] = archive.engine.jobs.run(MIGRATE, f"migrate:{name}", argument)
    return result


def pictures(folder: Path, count: int = 2, shift: int = 0) -> Path:
    folder.mkdir()
    for n in range(count):
        documents.picture(folder / f"ảnh {n}.bmp", (64, 48), shift=n + shift)
    return write_tree(folder, {"ghi chú.txt": "Sổ".encode(), "trống/": b""})


def test_a_migration_adds_a_representation_and_keeps_everything(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(pictures(tmp_path / "hồ sơ")).aip_id
    before = {each.path: each for each in archive.engine.holdings.files(aip)}
    report = campaign(archive, "picture-tiff", *BMP)
    assert (report["counts"]["migrated"], report["counts"].get("failed", 0), report["counts"]["versions"]) == (2, 0, 1), report
    shown = archive.engine.holdings.show(aip)
    assert shown.version == 2
    after = {each.path: each for each in archive.engine.holdings.files(aip)}
    gone = before.keys() - after.keys()
    assert not gone
    written_anew = {"METS.xml", "metadata/preservation/premis.xml", "metadata/other/kho-submission.jsonl"}
    assert {path for path in before if before[path] != after[path]} == written_anew
    made = [after[path] for path in sorted(after.keys() - before.keys()) if "/data/" in path]
    assert [each.path for each in made] == [f"representations/rep1.picture-tiff.v2/data/ảnh {n}.bmp.tif" for n in range(2)]
    assert {each.puid for each in made} == {"fmt/353"}
    archive.whole()


def test_a_rebuild_tells_the_same(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(pictures(tmp_path / "a")).aip_id
    campaign(archive, "picture-tiff", *BMP)
    files, shown = list(archive.engine.holdings.files(aip)), archive.engine.holdings.show(aip)
    deposits = [archive.engine.deposits.get(version.deposit_id) for version in shown.versions]
    archive.lose_catalog()
    report = archive.engine.catalog.rebuild(progress=Silent())
    assert dict(report.findings.counts) == {}
    assert list(archive.engine.holdings.files(aip)) == files
    again = archive.engine.holdings.show(aip)
    assert (again.title, again.fields, again.version) == (shown.title, shown.fields, shown.version)
    assert [each.deposit_id for each in again.versions] == [each.id for each in deposits]


def told_of(archive: ArchiveUnderTest, campaign: str = "c1") -> dict[str, Any]:
    """The account of a campaign, but for when it was made."""
    rows: list[dict[str, Any]] = []
    state = archive.engine.campaigns.report(campaign, rows.append)
    assert sorted(map(str, rows)) == sorted(map(str, state.account["files"]))
    return {**state.account, "planned": state.planned, "generated": ""}


def test_the_account_of_a_campaign_is_made_of_what_stays(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = pictures(tmp_path / "a")
    (source / "hỏng.bmp").write_bytes((source / "ảnh 0.bmp").read_bytes()[:700])
    (source / "ảnh 1.bmp.p7s").write_bytes(b"a detached signature")
    aip = archive.deposit(source).aip_id
    campaign(archive, "picture-tiff", *BMP)
    told = told_of(archive)
    assert told["planned"] == {"files": 3, "aips": 1, "bytes": 19240, "formats": {"fmt/116": 3}}
    bad, one, two = told["files"]
    assert (bad["code"], bad["source"]["path"], bad["target"]) == ("MIG-TOOL-FAILED", "representations/rep1/data/hỏng.bmp", None)
    files = {each.path: each for each in archive.engine.holdings.files(aip)}
    for row, lost in ((one, False), (two, True)):
        target = row["target"]
        assert (target["sha256"], target["puid"]) == (files[target["path"]].sha256, "fmt/353")
        assert row["source"]["path"] == target["path"].replace(".picture-tiff.v2", "").removesuffix(".tif")
        assert row["tool"].startswith("pillow ")
        assert row["checked"].startswith("Pillow ")
        assert row["signature_lost"] is lost
        assert [each["property"] for each in row["compared"]][:2] == ["pages", "pixels"]
        assert row["compared"][0]["counts"] == {"pages": 1, "found": 1}
    assert told["rolled_back"]["aips"] == 0
    argument = {"campaign": "c1", "tiers": ["a", "b"], "actor": "user:test"}
    archive.engine.jobs.run(ROLLBACK, "rollback:c1", argument)
    assert [each.rolled_back for each in archive.engine.campaigns.list()] == [1]
    told = told_of(archive)
    assert [each["taken_back"] for each in told["files"]] == [False, True, True]
    assert (told["rolled_back"]["aips"], told["rolled_back"]["asked_by"]) == (1, ["user:test"])
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=Silent())
    # The day was not closed: what was refused, and that the campaign ended, is on no tier yet. What was made and taken back is.
    after = account(archive.engine.archive, "c1", "picture-tiff", since=None, language="en", each=lambda row: None)
    assert after["files"] == told["files"][1:]
    assert (after["rolled_back"], after["comparisons"]) == (told["rolled_back"], told["comparisons"])


@pytest.mark.proof
def test_a_file_that_was_refused_and_then_done_is_told_once(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aip = archive.deposit(pictures(tmp_path / "a", 3)).aip_id
    honest, refused = Converter.convert, list[str]()

    def failing(self: Converter, aip_id: str, file: Any, work: Path) -> Any:
        if file.path.endswith("0.bmp") and file.path not in refused:
            refused.append(file.path)
            return Finding("MIG-TIME-OUT", file.path, {"aip": aip_id, "seconds": 1, "tool": "x"})
        if file.path.endswith("2.bmp") and "dead" not in refused:
            refused.append("dead")
            raise OSError("the disk is gone")
        return honest(self, aip_id, file, work)

    monkeypatch.setattr(Converter, "convert", failing)
    with pytest.raises(OSError, match="the disk is gone"):
        batch(archive, aip)
    campaign(archive, "picture-tiff", *BMP)
    told = told_of(archive)
    assert [each["outcome"] for each in told["files"]] == ["migrated"] * 3


@pytest.mark.proof
def test_the_submission_comes_back_from_every_version(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = pictures(tmp_path / "a")
    aip = archive.deposit(source).aip_id
    campaign(archive, "picture-tiff", *BMP)
    for version in (1, 2):
        assert snapshot(archive.export(aip, version=version)) == snapshot(source)
    folder = archive.export(aip, "folder", form="folder")
    assert (folder / "representations/rep1.picture-tiff.v2/METS.xml").exists()


def test_a_result_that_differs_is_not_accepted(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A tool that shifts the picture by a pixel, and says that all is well."""
    honest = Pillow.migrate

    def shifting(self: Pillow, source: Path, recipe: str, work: Path, **more: Any) -> Any:
        made = honest(self, source, recipe, work, **more)
        assert isinstance(made, Made)
        documents.picture(made.result, (64, 48), shift=5)
        return made

    monkeypatch.setattr(Pillow, "migrate", shifting)
    aip = archive.deposit(pictures(tmp_path / "a", 1)).aip_id
    report = campaign(archive, "picture-tiff", *BMP)
    assert report["codes"] == {"MIG-DIFFERS": 1}
    assert "pixels" in str(report["findings"][0]["args"])
    assert archive.engine.holdings.show(aip).version == 1
    events = [each for each in archive.engine.holdings.events(aip) if each.type == "migration"]
    assert [each.outcome for each in events] == ["fail"]
    assert "ảnh" not in str(events[0].detail)  # names stand in the erasable note
    assert not list((archive.home / "spool").glob("*-*-*"))
    archive.whole()


@pytest.mark.proof
def test_a_rollback_is_a_version_without_it(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(pictures(tmp_path / "a")).aip_id
    before = {each.path for each in archive.engine.holdings.files(aip)}
    campaign(archive, "picture-tiff", *BMP)
    argument = {"campaign": "c1", "tiers": ["a", "b"], "actor": "user:test"}
    report = archive.engine.jobs.run(ROLLBACK, "rollback:c1", argument)
    assert report["counts"] == {"versions": 1}
    assert archive.engine.holdings.show(aip).version == 3
    after = {each.path for each in archive.engine.holdings.files(aip)}
    assert after - before == {f"metadata/preservation/events-v{n}.xml" for n in (2, 3)}
    assert any("picture-tiff" in each.path for each in archive.engine.holdings.files(aip, version=2))
    archive.whole()
    again = archive.engine.jobs.run(ROLLBACK, "rollback:c1:again", argument)
    assert again["counts"] == {}
    assert campaign(archive, "picture-tiff", *BMP, name="c2")["counts"] == {}, "taken back is a decision"
    assert campaign(archive, "picture-tiff", *BMP, name="c3", again=True)["counts"]["migrated"] == 2
    archive.whole()


def test_what_was_taken_back_is_left_out_until_it_is_asked_for(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    first = archive.deposit(pictures(tmp_path / "a")).aip_id
    campaign(archive, "picture-tiff", *BMP)
    archive.engine.jobs.run(ROLLBACK, "rollback:c1", {"campaign": "c1", "tiers": ["a", "b"], "actor": "user:test"})
    second = archive.deposit(pictures(tmp_path / "b", 1, shift=7)).aip_id
    plan = archive.engine.formats.plan("picture-tiff", BMP)[0]
    assert (plan.files, plan.aips, plan.taken_back) == (1, 1, 2)
    later = archive.engine.campaigns.run("picture-tiff", puids=BMP, seconds=120, progress=Silent())
    assert (later["counts"]["migrated"], later["planned"]["files"]) == (1, 1)
    assert archive.engine.holdings.show(second).version == 2
    other = campaign(archive, "picture-png", *BMP, name="c2")
    assert other["counts"]["migrated"] == 3, "of another path nobody said anything"
    again = archive.engine.campaigns.run("picture-tiff", puids=BMP, seconds=120, again=True, progress=Silent())
    assert again["counts"]["migrated"] == 2
    assert archive.engine.formats.plan("picture-tiff", BMP)[0].taken_back == 0
    assert any(".picture-tiff.v5/" in each.path for each in archive.engine.holdings.files(first))


@pytest.mark.proof
def test_what_is_done_is_not_done_again_and_limits_hold(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(pictures(tmp_path / "a", 3)).aip_id
    first = campaign(archive, "picture-tiff", *BMP, limit=2)
    assert first["counts"]["migrated"] == 2
    second = campaign(archive, "picture-tiff", *BMP, name="c2")
    assert second["counts"]["migrated"] == 1
    third = campaign(archive, "picture-tiff", *BMP, name="c3")
    assert third["counts"] == {}
    assert archive.engine.holdings.show(aip).version == 3
    names = {each.path.split("/")[1] for each in archive.engine.holdings.files(aip) if each.path.startswith("representations/")}
    assert names == {"rep1", "rep1.picture-tiff.v2", "rep1.picture-tiff.v3"}
    archive.whole()


@pytest.mark.proof
def test_premis_tells_which_file_was_made_from_which(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(pictures(tmp_path / "a", 1)).aip_id
    campaign(archive, "picture-tiff", *BMP)
    folder = archive.export(aip, "folder", form="folder")
    with (folder / "representations/rep1.picture-tiff.v2/metadata/preservation/premis-kho.xml").open("rb") as stream:
        told = {each.path: each for each in read_premis(stream) if isinstance(each, PremisFile)}
    made = told["representations/rep1.picture-tiff.v2/data/ảnh 0.bmp.tif"]
    assert made.derived_from == "representations/rep1/data/ảnh 0.bmp"
    assert made.application.startswith("pillow ")
    event = next(each for each in archive.engine.holdings.events(aip) if each.type == "migration")
    assert (event.outcome, event.aip_version, event.asked_by) == ("success", 2, "user:test")
    assert event.detail["compared"] == "pages pixels resolution profile metadata"
    assert str(event.detail["command"]).startswith("python")


@pytest.mark.proof
def test_a_lost_signature_is_said(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = pictures(tmp_path / "a", 2)
    (source / "ảnh 1.bmp.p7s").write_bytes(b"a detached signature")
    aip = archive.deposit(source).aip_id
    report = campaign(archive, "picture-tiff", *BMP)
    assert report["codes"] == {"MIG-SIGNATURE-LOST": 1}
    assert report["findings"][0]["path"] == "representations/rep1/data/ảnh 1.bmp"
    event = next(each for each in archive.engine.holdings.events(aip) if each.type == "migration")
    assert (event.outcome, event.detail["signatures_lost"]) == ("warning", 1)
    paths = {each.path for each in archive.engine.holdings.files(aip)}
    assert {"representations/rep1/data/ảnh 1.bmp", "representations/rep1/data/ảnh 1.bmp.p7s"} <= paths


def batch(archive: ArchiveUnderTest, aip: str) -> dict[str, Any]:
    step = Step("job", "migrate", lambda progress: None, threading.Event())
    return run_batch(archive.engine.archive, Order("c1", "picture-tiff", BMP, 120.0), [aip], 100, step)


@pytest.mark.proof
def test_a_step_that_dies_goes_on_behind_what_it_made(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    aip = archive.deposit(pictures(tmp_path / "a", 5)).aip_id
    honest, converted = Converter.convert, list[str]()

    def dying(self: Converter, aip_id: str, file: Any, work: Path) -> Any:
        if file.path.endswith("4.bmp") and "dead" not in converted:
            converted.append("dead")
            raise OSError("the disk is gone")
        converted.append(file.path)
        return honest(self, aip_id, file, work)

    monkeypatch.setattr(Converter, "convert", dying)
    with pytest.raises(OSError, match="the disk is gone"):
        batch(archive, aip)
    first = len(converted)
    done = batch(archive, aip)
    assert done["report"]["counts"]["migrated"] == 5
    assert first > 1
    assert len(converted) <= 1 + 5 + 2  # what was taken is not made again; what was under way on the other core may be
    again = batch(archive, aip)
    assert (again["deposits"], again["report"]["counts"]["migrated"]) == (done["deposits"], 5)
    assert len(converted) <= 1 + 5 + 2


@pytest.mark.proof
def test_an_update_that_comes_first_wins(archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    aip = archive.deposit(pictures(tmp_path / "a", 1)).aip_id
    honest = Converter.convert

    def slow(self: Converter, aip_id: str, file: Any, work: Path) -> Any:
        archive.deposit(write_tree(tmp_path / "new", {"a.txt": b"new"}), update=aip)
        return honest(self, aip_id, file, work)

    monkeypatch.setattr(Converter, "convert", slow)
    done = batch(archive, aip)
    assert done["deposits"] == []
    assert done["report"]["codes"] == {"MIG-OVERTAKEN": 1}
    shown = archive.engine.holdings.show(aip)
    assert shown.version == 2
    assert not any("picture-tiff" in each.path for each in archive.engine.holdings.files(aip))
    archive.whole()


@pytest.mark.proof
def test_an_update_after_a_migration_is_built_upon_it(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(pictures(tmp_path / "a", 1)).aip_id
    campaign(archive, "picture-tiff", *BMP)
    archive.deposit(write_tree(tmp_path / "new", {"a.txt": b"new"}), update=aip)
    assert archive.engine.holdings.show(aip).version == 3
    assert not any("picture-tiff" in each.path for each in archive.engine.holdings.files(aip))
    assert any("picture-tiff" in each.path for each in archive.engine.holdings.files(aip, version=2))
    archive.whole()
