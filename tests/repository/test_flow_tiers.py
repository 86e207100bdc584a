"""Tiers as the flows see them: which volume is a tier's, what lies on one that the catalog does not know, and one that is away."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.findings import Finding, spoken
from repository.schedule import plans
from repository.settings import Settings, SettingsError
from storage.errors import Unavailable
from storage.ocfl.tier import LocalTier
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree
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
