"""Objects re-read one behind the other: the same reports as one by one, in order, with nothing left open."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from fixity.verify import FixityReport, Outcome
from storage.errors import Unavailable
from storage.ocfl import expectations
from storage.ocfl.tier import LocalTier
from storage.ocfl.visits import STRIDES, Visit, in_strides
from storage.tier import Ask
from storage.tiers import keep_on
from tests.storage.sealed import SealedObject, two_versions

OBJECTS = 7


@pytest.fixture
def kept(tmp_path: Path) -> tuple[LocalTier, list[SealedObject]]:
    sealed = [two_versions(tmp_path / f"spool{number}", f"urn:test:{number}") for number in range(OBJECTS)]
    tier = LocalTier.create(tmp_path / "tier", "a")
    assert all(each.counts for each in keep_on(tier, [version for one in sealed for version in one.versions]))
    return tier, sealed


def asks(sealed: list[SealedObject]) -> list[Ask]:
    return [Ask(one.object_id, one.expected) for one in sealed]


def open_descriptors() -> int:
    return len(os.listdir("/proc/self/fd"))


@pytest.mark.parametrize("packed_from", [0, expectations.PACKED_FROM])
@pytest.mark.parametrize("algorithm", ["sha512", "sha256"])
def test_the_reports_are_those_of_one_visit_each(
    kept: tuple[LocalTier, list[SealedObject]], monkeypatch: pytest.MonkeyPatch, packed_from: int, algorithm: str
) -> None:
    """However inventories are kept in memory; for what is good, altered, missing, extra, unjudged, and not there at all."""
    tier, sealed = kept
    top = [Path(tier._folder.object_root(one.object_id)) for one in sealed]
    content = [next(path for path in sorted(folder.rglob("*")) if path.is_file() and "content" in path.parts) for folder in top]
    content[1].chmod(0o644)
    content[1].write_bytes(b"other")
    content[2].unlink()
    (top[3] / "v1" / "content" / "stranger").write_bytes(b"x")
    for inventory in (*top[4].rglob("inventory.json"),):
        inventory.chmod(0o644)
        inventory.write_bytes(b"{}")
    shutil.rmtree(top[5])
    one_by_one = [tier.verify(one.object_id, one.expected, algorithm=algorithm) for one in sealed]
    monkeypatch.setattr(expectations, "PACKED_FROM", packed_from)
    read: list[int] = []
    asked = [Ask(one.object_id, one.expected, algorithm) for one in sealed]
    found = list(tier.verify_each(asked, read.append))
    assert found == one_by_one
    assert [set(report.counts) - {Outcome.GOOD} for report in one_by_one] == [
        set(),
        {Outcome.ALTERED},
        {Outcome.MISSING},
        {Outcome.EXTRA},
        {Outcome.ALTERED},
        {Outcome.MISSING},
        set(),
    ]
    assert one_by_one[4].unjudged
    assert one_by_one[5].absent
    assert sum(read) == sum(report.bytes_read for report in one_by_one)


def test_a_large_object_is_read_by_itself_with_the_same_report(
    kept: tuple[LocalTier, list[SealedObject]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tier, sealed = kept
    before = list(tier.verify_each(asks(sealed), None))
    monkeypatch.setattr("storage.ocfl.reread.LARGE", 0)
    assert list(tier.verify_each(asks(sealed), None)) == before


def test_nothing_stays_open_when_nobody_wants_the_rest_or_progress_ends_the_work(
    kept: tuple[LocalTier, list[SealedObject]],
) -> None:
    tier, sealed = kept
    before = open_descriptors()
    found = tier.verify_each(asks(sealed), None)
    assert isinstance(next(found), FixityReport)
    assert open_descriptors() > before, "nothing was asked for ahead"
    assert isinstance(found, Iterator)
    del found
    assert open_descriptors() == before

    def stop(count: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(tier.verify_each(asks(sealed), stop))
    assert open_descriptors() == before


def test_a_tier_that_goes_away_under_way_is_unavailable_and_no_damage(kept: tuple[LocalTier, list[SealedObject]]) -> None:
    tier, sealed = kept
    found = tier.verify_each(asks(sealed), None)
    first = next(found)
    assert isinstance(first, FixityReport)
    assert first.ok
    os.rename(tier.path, tier.path.with_name("elsewhere"))
    rest = list(found)
    assert len(rest) == OBJECTS - 1
    assert all(isinstance(each, Unavailable) or each.ok for each in rest)
    assert isinstance(rest[-1], Unavailable)
    assert all(isinstance(each, Unavailable) for each in tier.verify_each(asks(sealed), None))


def test_each_is_asked_for_before_the_one_before_it_is_read() -> None:
    told: list[str] = []

    def visit(name: str) -> Visit:
        for stride in range(1, STRIDES):
            told.append(f"{name}{stride}")
            yield
        told.append(f"{name}{STRIDES}")
        return FixityReport(name)

    found = [each.algorithm for each in in_strides(map(visit, "abc")) if isinstance(each, FixityReport)]
    assert found == ["a", "b", "c"]
    assert told == ["a1", "b1", "a2", "c1", "b2", "a3", "c2", "b3", "c3"]


def test_what_is_over_early_waits_for_its_turn() -> None:
    def visit(name: str, strides: int) -> Visit:
        for _ in range(strides):
            yield
        if name == "b":
            raise Unavailable(name, "away")
        return FixityReport(name)

    found = list(in_strides([visit("a", 2), visit("b", 0), visit("c", 1)]))
    assert [each.algorithm if isinstance(each, FixityReport) else "away" for each in found] == ["a", "away", "c"]
