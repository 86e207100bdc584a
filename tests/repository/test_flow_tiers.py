"""Tiers as the flows see them: which volume is a tier's, what lies on one that the catalog does not know, and one that is away."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.findings import Finding, spoken
from repository.cli.run import run
from repository.schedule import plans
from repository.settings.home import Settings, SettingsError
from repository.views import copies as views_copies
from storage.errors import Unavailable
from storage.ocfl.layout import LAYOUT_FILES
from storage.ocfl.tier import LocalTier
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree
from tests.rights import ordinary_rights
from tests.storage.sealed import two_versions


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[ArchiveUnderTest]:
    opened = ArchiveUnderTest(tmp_path, identifier)
    yield opened
    opened.close()


def marker(tier: Path) -> str:
    return str(json.loads((tier / "kho-tier.json").read_text())["uuid"])


def test_another_volume_of_the_same_name_is_not_the_tier(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})).aip_id
    b = archive.home / "tiers" / "b"
    assert {tier.name: tier.uuid for tier in Settings.load(archive.home).tiers} == {
        name: marker(archive.home / "tiers" / name) for name in "ab"
    }
    b.rename(tmp_path / "b.away")
    LocalTier.create(b, "b")
    archive.reopen()
    before = snapshot(b)
    report = archive.audit()
    assert list(report.unavailable) == ["b"]
    assert "another tier" in spoken(report.unavailable["b"])
    assert report.damages == []
    archive.repair()
    with pytest.raises(Unavailable):
        archive.tier("b").write([])
    assert snapshot(b) == before
    shutil.rmtree(b)
    (tmp_path / "b.away").rename(b)
    assert archive.states(aip) == {"a": "good", "b": "good"}
    archive.whole()


def test_a_tier_whose_uuid_is_not_written_down_still_works(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    file = archive.home / "kho.toml"
    lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
    file.write_text("".join(line for line in lines if not line.startswith("uuid")), encoding="utf-8")
    archive.reopen()
    assert [tier.uuid for tier in Settings.load(archive.home).tiers] == ["", ""]
    archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"}))
    archive.whole()
    file.write_text(file.read_text(encoding="utf-8") + 'uuid = "no such thing"\n', encoding="utf-8")
    with pytest.raises(SettingsError, match="SET-"):
        Settings.load(archive.home)


def test_good_copies_that_are_too_close_together_are_not_stored(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    settings, policy = archive.home / "kho.toml", archive.home / "policy.toml"
    text = settings.read_text(encoding="utf-8")
    settings.write_text(
        text.replace('name = "b"', 'name = "b"\nsite = "Đà Nẵng"').replace('name = "a"', 'name = "a"\nsite = "Huế"'), "utf-8"
    )
    policy.write_text(policy.read_text(encoding="utf-8").replace("need = 2", "need = 1\nsites = 2"), encoding="utf-8")
    archive.reopen()
    (archive.home / "tiers" / "b").rename(tmp_path / "b.away")
    waiting = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"}))
    assert waiting.state.value == "accepted"
    assert "1 site(s)" in spoken(waiting.error, "en")
    assert "1 địa điểm" in spoken(waiting.error, "vi")
    (tmp_path / "b.away").rename(archive.home / "tiers" / "b")
    archive.repair()
    assert archive.engine.deposits.get(waiting.id).state.value == "stored"
    assert archive.engine.reports.fixity().short == 0
    rows = {
        row["name"]: (row["site"], row["medium"])
        for row in views_copies.tiers(archive.engine.archive, archive.engine.reports.fixity())["tiers"]
    }
    assert rows == {"a": ("Huế", "disk"), "b": ("Đà Nẵng", "disk")}


def test_a_reason_that_is_a_sentence_ends_once() -> None:
    inner = str(Unavailable("/mnt/b", "no tier is mounted here"))
    for language in ("en", "vi"):
        said = Finding("OPS-TIER-UNAVAILABLE", "b", {"reason": inner}).text(language)
        assert inner in said
        assert ".." not in said
    assert Finding("STO-NOT-FOUND", "../a..").text().count("../a..") == 1


def told(archive: ArchiveUnderTest, tier: str | None = None) -> set[tuple[str, str, str]]:
    report = archive.audit(tier=tier)
    assert report.stranger_count == len(report.strangers)
    assert sorted(report.compared) == ([tier] if tier else ["a", "b"])
    return {(each.code, str(each.args["tier"]), each.path) for each in report.strangers}


def test_what_a_tier_holds_and_the_catalog_does_not_know_is_told(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})).aip_id
    assert told(archive) == set()
    foreign = two_versions(tmp_path / "sealed")
    archive.tier("a").write(foreign.versions)  # a whole record
    root = archive.home / "tiers" / "a" / "ocfl"
    shutil.copytree(archive.object(aip, "a"), root / "abc" / "def" / "012" / "copy")  # a known one in a wrong place
    (root / "000" / "111" / "222" / "333").mkdir(parents=True)  # as deep as an object, and none
    (root / "stray.txt").write_bytes(b"?")
    (root / "odd").mkdir()
    (root / "extensions" / "x").mkdir()
    own = archive.object(aip, "a")
    (own.parent / "beside").write_bytes(b"?")
    (root / "abc" / "link").symlink_to("/etc")
    before = snapshot(root)
    wanted = {
        ("AIP-NOT-IN-CATALOG", "a", foreign.object_id),
        ("AIP-STRANGE-OBJECT", "a", "abc/def/012/copy"),
        ("AIP-STRANGE-OBJECT", "a", "000/111/222/333"),
        ("AIP-STRAY-FILE", "a", "stray.txt"),
        ("AIP-STRAY-FILE", "a", "odd"),
        ("AIP-STRAY-FILE", "a", "extensions/x"),
        ("AIP-STRAY-FILE", "a", f"{own.parent.relative_to(root)}/beside"),
        ("AIP-STRAY-FILE", "a", "abc/link"),
    }
    assert told(archive) == wanted
    assert told(archive, "a") == wanted
    assert told(archive, "b") == set()
    assert snapshot(root) == before
    event = archive.catalog.events.latest("holdings comparison", "a")
    assert event is not None
    assert (event.outcome, event.detail["strangers"]) == ("fail", 8)
    assert archive.audit(aip=aip).compared == []


def harm_altered(path: Path) -> None:
    path.chmod(0o644)
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def harm_link(path: Path) -> None:
    path.rename(path.with_name("aside"))
    path.symlink_to("aside")


def harm_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


HARMS: dict[str, tuple[Callable[[Path], None], str]] = {
    "altered": (harm_altered, "AIP-ROOT-FILE-ALTERED"),
    "link": (harm_link, "AIP-ROOT-FILE-ALTERED"),
    "folder": (harm_folder, "AIP-ROOT-FILE-ALTERED"),
    "deleted": (Path.unlink, "AIP-ROOT-FILE-MISSING"),
    "above": (lambda path: shutil.rmtree(path.parent), "AIP-ROOT-FILE-MISSING"),
}


@pytest.mark.parametrize("harm", HARMS)
def test_a_file_of_the_storage_root_is_told_of_and_put_right(archive: ArchiveUnderTest, tmp_path: Path, harm: str) -> None:
    archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"}))
    root = archive.home / "tiers" / "a" / "ocfl"
    act, code = HARMS[harm]
    for name, data in LAYOUT_FILES.items():
        if harm == "above" and "/" not in name:
            continue
        before = set((root.parent / "quarantine").iterdir())
        act(root / name)
        aside = {("AIP-STRAY-FILE", "a", str((root / name).with_name("aside").relative_to(root)))} if harm == "link" else set()
        assert told(archive) == {(code, "a", name), *aside}
        assert archive.repair().failed == []
        for _, _, path in aside:
            (root / path).unlink()
        assert (root / name).read_bytes() == data
        assert not (root / name).is_symlink()
        assert len(set((root.parent / "quarantine").iterdir()) - before) == (0 if code.endswith("MISSING") else 1)
        event = archive.catalog.events.latest("recovery", "a")
        assert event is not None
        assert (event.outcome, event.detail["root"], event.detail["source"]) == ("success", name, "rule")
        if not aside:
            assert archive.engine.reports.fixity().tiers[0].strangers == 0
        assert told(archive) == set()
    assert list((root.parent / "tmp").iterdir()) == []


def test_a_file_of_the_storage_root_that_cannot_be_read_is_not_called_altered(
    archive: ArchiveUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(top: str, path: str) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr("storage.ocfl.root_files.open_beneath", broken)
        assert told(archive, "a") == {("AIP-ROOT-FILE-UNREADABLE", "a", name) for name in LAYOUT_FILES}
        assert len(archive.repair().failed) == 2 * len(LAYOUT_FILES)
    assert archive.repair().failed == []
    assert told(archive) == set()


def test_commands_tell_of_a_storage_root_without_its_declaration(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"}))
    (archive.home / "tiers" / "a" / "ocfl" / "0=ocfl_1.1").unlink()
    archive.close()  # its session would run the jobs that the commands wait for
    code, document = command(archive, "audit", "--all")
    assert (code, document["ok"]) == (4, False)
    assert [(each["code"], each["tier"], each["path"]) for each in document["strangers"]] == [
        ("AIP-ROOT-FILE-MISSING", "a", "0=ocfl_1.1")
    ]
    assert [each["code"] for each in document["findings"]] == ["OPS-STRANGERS"]
    assert command(archive, "report", "fixity")[0] == 4
    code, document = command(archive, "repair")
    assert (code, document["repaired"]) == (0, 1)
    assert command(archive, "report", "fixity")[0] == 0
    assert command(archive, "audit", "--all")[0] == 0
    archive.open()


def test_damage_and_what_is_on_its_way_are_no_strangers(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})).aip_id
    shutil.rmtree(archive.object(aip, "a") / "v1")
    for name in ("inventory.json", "inventory.json.sha512"):
        (archive.object(aip, "b") / name).unlink()
    assert told(archive) == set()
    archive.repair()
    (archive.home / "tiers" / "b").rename(tmp_path / "away")
    waiting = archive.deposit(write_tree(tmp_path / "in2", {"b.txt": b"b"}))
    assert waiting.state.value == "accepted"
    assert waiting.aip_id in {each.object_id for each in archive.tier("a").versions()}
    assert told(archive, "a") == set()
    assert archive.audit().compared == ["a"]
    (tmp_path / "away").rename(archive.home / "tiers" / "b")


@pytest.mark.parametrize("closed", ["ocfl", "."])
def test_a_tier_that_may_not_be_read_is_not_asked_and_the_others_are(
    archive: ArchiveUnderTest, tmp_path: Path, closed: str
) -> None:
    aip = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})).aip_id
    folder = archive.home / "tiers" / "b" / closed
    try:
        folder.chmod(0)
        with ordinary_rights():
            report = archive.audit()
            repaired = archive.repair()
    finally:
        folder.chmod(0o755)
    assert report.compared == ["a"]
    assert (report.damages, report.checked) == ([], 1)
    assert list(report.unavailable) == list(repaired.unavailable) == ["b"]
    assert "ermission denied" in spoken(report.unavailable["b"])
    assert str(archive.home / "tiers" / "b") in spoken(report.unavailable["b"])
    assert (repaired.failed, repaired.copies) == ([], 0)
    assert archive.audit().damages == []
    assert archive.states(aip) == {"a": "good", "b": "good"}


def test_a_file_that_may_not_be_read_nor_replaced_is_not_called_damaged(
    archive: ArchiveUnderTest, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    aip = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"})).aip_id
    (file,) = archive.object(aip, "b").rglob("a.txt")
    archive.close()
    try:
        file.parent.chmod(0)
        with ordinary_rights():
            codes = [run(["--home", str(archive.home), "--json", *each]) for each in (["audit", "--all"], ["repair"])]
    finally:
        file.parent.chmod(0o755)
        archive.open()
    told = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert codes == [5, 5]
    for document in told:
        assert {each["code"] for each in document["findings"]} == {"OPS-UNREADABLE", "OPS-FEW-COPIES"}
    assert {each["outcome"] for each in told[1]["failed"]} == {"unreadable"}
    assert archive.audit().damages == []


def test_the_worker_compares_once_a_day(archive: ArchiveUnderTest) -> None:
    (archive.home / "tiers" / "b" / "ocfl" / "stray").write_bytes(b"?")
    plan = next(each for each in plans(archive.engine.archive) if each.name == "compare")
    assert plan.every == timedelta(days=1)
    archive.engine.jobs.run(plan.flow, "compare:test", plan.argument, wait=False)
    archive.serve_until_idle()
    outcomes = {tier: archive.catalog.events.latest("holdings comparison", tier) for tier in "ab"}
    assert {tier: event and event.outcome for tier, event in outcomes.items()} == {"a": "success", "b": "fail"}


def test_a_tier_that_is_away_is_not_reported_good(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"}), write_tree(tmp_path / "in2", {"b.txt": b"b"}))
    summary = archive.engine.reports.fixity()
    assert [(tier.good, tier.unknown, tier.reachable) for tier in summary.tiers] == [(2, 0, True), (2, 0, True)]
    assert summary.short == 0
    b, away = archive.home / "tiers" / "b", tmp_path / "b.away"
    for mounted_over in (False, True):
        b.rename(away)
        if mounted_over:
            b.mkdir()
        summary = archive.engine.reports.fixity()
        assert [(tier.name, tier.good, tier.unknown, tier.reachable) for tier in summary.tiers] == [
            ("a", 2, 0, True),
            ("b", 0, 2, False),
        ]
        assert summary.short == 2
        code, document = command(archive, "report", "fixity")
        assert (code, document["ok"]) == (5, False)
        assert [tier["reachable"] for tier in document["tiers"]] == [True, False]
        assert {each["code"] for each in document["findings"]} == {"OPS-TIER-UNAVAILABLE", "OPS-FEW-COPIES"}
        if mounted_over:
            b.rmdir()
        away.rename(b)
    assert archive.engine.reports.fixity().short == 0
    assert command(archive, "report", "fixity")[0] == 0


def test_an_audit_that_could_not_ask_a_tier_says_so_once(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    for n in range(3):
        archive.deposit(write_tree(tmp_path / f"in{n}", {"a.txt": b"%d" % n}))
    (archive.home / "tiers" / "b").rename(tmp_path / "away")
    for times in (1, 2):
        assert list(archive.audit().unavailable) == ["b"]
        events = archive.catalog.events.list(type="fixity check", limit=1000).items
        missed = [each for each in events if "unavailable" in each.detail]
        assert [(each.tier, each.outcome, each.aip_id) for each in missed] == [("b", "warning", "")] * times
    (tmp_path / "away").rename(archive.home / "tiers" / "b")


def command(archive: ArchiveUnderTest, *words: str) -> tuple[int, dict[str, Any]]:
    """One command of its own, in a process of its own: (exit code, the JSON it printed)."""
    line = [sys.executable, "-m", "repository.cli", "--home", str(archive.home), "--json", *words]
    done = subprocess.run(line, capture_output=True, text=True, check=False, timeout=60)
    return done.returncode, json.loads(done.stdout)
