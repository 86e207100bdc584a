"""Tiers as the flows see them: which volume is a tier's, what lies on one that the catalog does not know, and one that is away."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from policies.findings import Finding
from repository.settings import Settings, SettingsError
from storage.errors import Unavailable
from storage.ocfl.tier import LocalTier
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree


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
    assert "another tier" in report.unavailable["b"]
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
