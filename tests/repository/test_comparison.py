"""What it takes to hold a tier against the catalog: one walk, and no question for each object."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_flow_s3 import url_of

from repository.checks import comparison
from repository.checks.comparison import compare
from repository.progress import Silent
from storage.s3.calls import BotoCalls
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, write_tree
from tests.seaweed import Seaweed
from tests.storage.sealed import two_versions

OBJECTS = 3


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[ArchiveUnderTest]:
    opened = ArchiveUnderTest(tmp_path, identifier)
    yield opened
    opened.close()


@pytest.fixture
def bucketed(tmp_path: Path, identifier: SharedIdentifier, seaweed: Seaweed, short_pauses: None) -> Iterator[ArchiveUnderTest]:
    opened = ArchiveUnderTest(tmp_path, identifier, tiers=("a",), s3={"s": url_of(seaweed.place())})
    yield opened
    opened.close()


def deposit(archive: ArchiveUnderTest, folder: Path) -> None:
    for n in range(OBJECTS):
        archive.deposit(write_tree(folder / f"in{n}", {"a.txt": b"%d" % n}))


def told(archive: ArchiveUnderTest, tier: str) -> list[tuple[str, str]]:
    return [(code, path) for code, path, _ in compare(archive.engine.archive, tier, "now", Silent())["strangers"]]


def test_no_folder_of_a_storage_root_is_listed_twice(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit(archive, tmp_path)
    root = archive.home / "tiers" / "a" / "ocfl"
    (root / "abc").mkdir()
    (root / "abc" / "stray").write_bytes(b"?")
    listed: Counter[int] = Counter()
    scandir = os.scandir

    def counting(folder: Any) -> Any:
        listed[os.stat(folder).st_ino] += 1
        return scandir(folder)

    monkeypatch.setattr(os, "scandir", counting)
    assert told(archive, "a") == [("AIP-STRAY-FILE", "abc/stray")]
    monkeypatch.undo()
    assert listed[root.stat().st_ino] == 1
    assert set(listed.values()) == {1}
    assert len(listed) == 1 + 3 * OBJECTS + 3, (
        "the root, three above each object, one with a stray, two of the layout's extension"
    )


def test_a_bucket_is_listed_once_whatever_it_holds(
    bucketed: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    deposit(bucketed, tmp_path)
    foreign = two_versions(tmp_path / "sealed")
    bucketed.engine.archive.tiers["s"].write(foreign.versions)
    asked: Counter[tuple[str, str]] = Counter()
    call = BotoCalls.call

    def counting(self: BotoCalls, operation: str, key: str, parameters: Any) -> dict[str, Any]:
        if operation.startswith("list_") and key.startswith("ocfl/"):  # the marker's versions are looked at, too
            asked[operation, key] += 1
        return call(self, operation, key, parameters)

    with monkeypatch.context() as patched:
        patched.setattr(BotoCalls, "call", counting)
        assert told(bucketed, "s") == [("AIP-NOT-IN-CATALOG", foreign.object_id)]
    assert asked == {("list_object_versions", "ocfl/"): 1}


def test_strays_come_last_all_are_counted_and_the_first_are_kept(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "KEPT_STRANGERS", 6)
    foreign = two_versions(tmp_path / "sealed")
    archive.tier("a").write(foreign.versions)
    root = archive.home / "tiers" / "a" / "ocfl"
    (root / "000" / "111" / "222" / "333").mkdir(parents=True)  # as deep as an object, and none
    (root / "0=ocfl_1.1").unlink()
    for n in range(9):
        (root / f"{n}.txt").write_bytes(b"?")
    found = compare(archive.engine.archive, "a", "now", Silent())
    assert [(each.code, each.path) for each in map(comparison.stranger_of, found["strangers"])] == [
        ("AIP-ROOT-FILE-MISSING", "0=ocfl_1.1"),
        ("AIP-NOT-IN-CATALOG", foreign.object_id),
        ("AIP-STRANGE-OBJECT", "000/111/222/333"),
        *(("AIP-STRAY-FILE", f"{n}.txt") for n in range(3)),
    ]
    assert (found["count"], found["objects"]) == (12, 2)
