"""Copies that are promised to single collections: where they are made, when they are enough, how they follow a changed policy."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from repository.progress import Silent
from repository.schedule import plans
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, write_tree

CIVIL = "Sở Tư pháp"
OTHER = "UBND"
THREE = '\n[collections."Hộ tịch"]\nproducers = ["Sở Tư pháp"]\ncopies.tiers = ["a", "b", "c"]\ncopies.need = 3\n'
ELSEWHERE = THREE.replace('"a", ', "").replace("need = 3", "need = 2")


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[ArchiveUnderTest]:
    made = ArchiveUnderTest(tmp_path, identifier, tiers=("a", "b", "c"))
    made.policy(tiers='["a", "b"]', need="2")
    yield made
    made.close()


def deposit(archive: ArchiveUnderTest, producer: str, name: str, **more: str) -> str:
    return archive.deposit(write_tree(archive.folder / name, {"x.txt": name.encode() * 100}), producer=producer, **more).aip_id


@contextmanager
def away(archive: ArchiveUnderTest, name: str) -> Iterator[None]:
    folder = archive.home / "tiers" / name
    folder.rename(folder.with_name("away"))
    yield
    folder.with_name("away").rename(folder)


def planned(archive: ArchiveUnderTest) -> dict[str, tuple[int, int]]:
    return {tier.name: (tier.make, tier.release) for tier in archive.engine.copies.plan().tiers}


def short(archive: ArchiveUnderTest) -> int:
    return archive.engine.reports.fixity().short


def test_each_deposit_goes_where_its_collection_is_promised(archive: ArchiveUnderTest) -> None:
    archive.collections(THREE)
    civil, other = deposit(archive, CIVIL, "one"), deposit(archive, OTHER, "two")
    assert archive.states(civil) == {"a": "good", "b": "good", "c": "good"}
    assert archive.states(other) == {"a": "good", "b": "good"}
    assert [each.object_id for each in archive.tier("c").versions()] == [civil]
    assert planned(archive) == {"a": (0, 0), "b": (0, 0), "c": (0, 0)}
    assert short(archive) == 0
    assert deposit(archive, CIVIL, "three", update=civil) == civil
    assert {each.tier: each.version for each in archive.catalog.copies.of(civil)} == {"a": 2, "b": 2, "c": 2}
    archive.whole()


def test_one_waits_for_its_copies_where_another_has_enough(archive: ArchiveUnderTest) -> None:
    archive.collections(THREE)
    with away(archive, "c"):
        waiting = archive.deposit(write_tree(archive.folder / "one", {"x": b"1"}), producer=CIVIL)
        stored = archive.deposit(write_tree(archive.folder / "two", {"x": b"2"}), producer=OTHER)
        assert (waiting.state.value, stored.state.value) == ("accepted", "stored")
        assert "3" in waiting.error
    with away(archive, "b"):
        assert archive.deposit(write_tree(archive.folder / "three", {"x": b"3"}), producer=OTHER).state.value == "accepted"
    archive.repair()  # both in one batch
    states = {each.label: each.state.value for each in archive.engine.deposits.list().items}
    assert states == {"one": "stored", "two": "stored", "three": "stored"}
    assert {each.object_id for each in archive.tier("c").versions()} == {waiting.aip_id}


def test_a_lost_copy_is_short_for_the_collection_alone(archive: ArchiveUnderTest) -> None:
    archive.collections(THREE)
    civil, other = deposit(archive, CIVIL, "one"), deposit(archive, OTHER, "two")
    shutil.rmtree(archive.object(civil, "c"))
    archive.audit()
    assert short(archive) == 1
    with away(archive, "c"):
        assert short(archive) == 1
    archive.repair()
    assert short(archive) == 0
    shutil.rmtree(archive.object(other, "a"))
    archive.audit()
    assert short(archive) == 1


def test_a_changed_promise_moves_the_copies_of_its_collection_alone(archive: ArchiveUnderTest) -> None:
    civil, other = deposit(archive, CIVIL, "one"), deposit(archive, OTHER, "two")
    archive.collections(THREE)
    assert short(archive) == 1, "at once, though no audit has brought the catalog to the policy"
    assert planned(archive) == {"a": (0, 0), "b": (0, 0), "c": (1, 0)}
    made = archive.engine.copies.apply(release=True, progress=Silent())
    assert (made.announced, made.released, made.kept) == (1, 0, 0)
    assert archive.states(civil) == {"a": "good", "b": "good", "c": "good"}
    assert archive.states(other) == {"a": "good", "b": "good"}
    assert short(archive) == 0
    archive.collections(ELSEWHERE)
    assert planned(archive) == {"a": (0, 1), "b": (0, 0), "c": (0, 0)}
    with away(archive, "c"):
        assert archive.engine.copies.apply(release=True, progress=Silent()).kept == 1, "not before all that is promised was read"
    archive.repair()
    assert archive.engine.copies.apply(release=True, progress=Silent()).released == 1
    assert archive.states(civil) == {"b": "good", "c": "good"}
    assert archive.states(other) == {"a": "good", "b": "good"}
    assert short(archive) == 0
    archive.collections("")
    assert planned(archive) == {"a": (1, 0), "b": (0, 0), "c": (0, 1)}
    assert archive.engine.copies.apply(release=True, progress=Silent()).released == 1
    assert archive.states(civil) == {"a": "good", "b": "good"}
    archive.whole()


def test_a_rebuild_wants_each_copy_where_it_is_promised(archive: ArchiveUnderTest) -> None:
    archive.collections(ELSEWHERE)
    civil, lacking, other = deposit(archive, CIVIL, "one"), deposit(archive, CIVIL, "two"), deposit(archive, OTHER, "three")
    shutil.rmtree(archive.object(lacking, "c"))
    archive.lose_catalog()
    report = archive.engine.catalog.rebuild(progress=Silent())
    assert [(each.code, each.path, each.args["tier"]) for each in report.findings] == [("AIP-MISSING-ON", lacking, "c")]
    assert archive.states(civil) == {"b": "unknown", "c": "unknown"}
    assert archive.states(lacking) == {"b": "unknown", "c": "absent"}
    assert archive.states(other) == {"a": "unknown", "b": "unknown"}
    states = {each.label: each.state.value for each in archive.engine.deposits.list().items}
    assert states["two"] == "kept"
    archive.audit()
    assert short(archive) == 1
    archive.repair()
    assert short(archive) == 0
    states = {each.label: each.state.value for each in archive.engine.deposits.list().items}
    assert states["two"] == "stored"


def test_a_process_that_has_been_open_for_long_keeps_the_promise_of_today(archive: ArchiveUnderTest) -> None:
    civil = deposit(archive, CIVIL, "one")
    file = archive.home / "policy.toml"
    before = file.read_text(encoding="utf-8")
    file.write_text(before + THREE, encoding="utf-8")
    assert short(archive) == 1
    assert planned(archive)["c"] == (1, 0)
    assert archive.engine.copies.apply(release=False, progress=Silent()).announced == 1
    assert archive.states(civil) == {"a": "good", "b": "good", "c": "good"}
    assert archive.states(deposit(archive, CIVIL, "two")) == {"a": "good", "b": "good", "c": "good"}
    upkeep = next(plan.argument for plan in plans(archive.engine.archive) if plan.name == "upkeep")
    assert callable(upkeep)
    assert upkeep() == {"tiers": ["a", "b", "c"]}
    file.write_text(before + "no policy", encoding="utf-8")
    assert short(archive) == 0, "what cannot be used changes nothing; the next command says so"
    assert deposit(archive, OTHER, "three")


def test_what_is_promised_elsewhere_is_missed_nowhere_else(archive: ArchiveUnderTest) -> None:
    archive.collections(ELSEWHERE)
    civil, other = deposit(archive, CIVIL, "one"), deposit(archive, OTHER, "two")
    exported = archive.engine.holdings.export(civil, archive.folder / "out", form="folder", progress=Silent())
    assert (exported.files > 0, exported.problems) == (True, [])
    drilled = archive.engine.overview.drill(archive.folder / "drill", progress=Silent())
    assert drilled.ok
    assert [(each.tier, each.aip) for each in drilled.restored if each.tier != "b"] == [("a", other), ("c", civil)]
    assert {each.aip for each in drilled.restored if each.tier == "b"} == {civil, other}
    named = archive.engine.overview.drill(archive.folder / "again", aips=[civil], progress=Silent())
    assert [each.tier for each in named.restored] == ["b", "c"]
    archive.whole()
