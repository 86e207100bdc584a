"""End to end over a disk, a bucket of a real S3 store and a tape library: many AIPs, each kind of damage on each tier, found, named right,
repaired and reported. In full (200 AIPs) with the proofs."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from test_flow_s3 import url_of
from test_flow_tape import ONE, TWO, TapeArchive, flip

from repository.model import DepositState
from repository.progress import Silent
from repository.reports.fixity import fixity_summary
from storage.tier import ObjectId
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree
from tests.seaweed import Seaweed
from tests.storage.tape.target import Target, needs_target, running

pytestmark = [needs_target, pytest.mark.usefixtures("short_pauses")]

NOISE = 6_000


class ThreeTiers(TapeArchive):
    """Disk "a", bucket "s", tape "t"; every record is promised on all three."""

    def __init__(self, folder: Path, identifier: SharedIdentifier, target: Target, seaweed: Seaweed) -> None:
        self.target = target
        self.seaweed = seaweed
        self.place = seaweed.place()
        self.client: Any = seaweed.client("everyday")
        ArchiveUnderTest.__init__(self, folder, identifier, tiers=("a",), s3={"s": url_of(self.place)})
        section = f'\n[[tiers]]\nname = "t"\nkind = "tape"\nchanger = "{target.changer}"\ndrives = {list(target.drives)}\n'
        with open(self.home / "kho.toml", "a", encoding="utf-8") as file:
            file.write(section.replace("'", '"'))
        self.reopen()
        for volume in (ONE, TWO):
            self.engine.tapes.label(volume, tier="t", capacity=0, made="2026-01-31", years=30)
        self.policy(tiers='["a", "s", "t"]', need="3")

    def key(self, aip: str, path: str) -> str:
        return f"tier/ocfl/{self.engine.archive.tiers['s'].place_of(ObjectId(aip))}/{path}"

    def content(self, aip: str) -> str:
        """The content path of the noise file of a record."""
        (found,) = (each.content_path for each in self.catalog.holdings.files(aip) if each.path.endswith(".bin"))
        return found


def noise(number: int) -> bytes:
    return random.Random(number).randbytes(NOISE)


@pytest.fixture
def tiers(tmp_path: Path, identifier: SharedIdentifier, seaweed: Seaweed) -> Iterator[ThreeTiers]:
    with running({ONE: 256, TWO: 256}) as target:
        opened = ThreeTiers(tmp_path, identifier, target, seaweed)
        yield opened
        opened.close()


@pytest.mark.parametrize(("count", "whole"), [(12, False), pytest.param(200, True, marks=pytest.mark.proof)])
def test_every_kind_of_damage_on_every_tier_is_found_named_repaired_and_reported(
    tiers: ThreeTiers, tmp_path: Path, count: int, whole: bool
) -> None:
    """``whole``: with damage in the store's own files, each reading of which it refuses only after half a minute."""
    paths = [
        write_tree(tmp_path / "in" / f"hồ sơ {n:03d}", {f"{n:03d}.bin": noise(n), "a/văn bản.txt": b"%d" % n * 300})
        for n in range(count)
    ]
    deposits = tiers.engine.deposits.submit(paths, producer="Sở Nội vụ", progress=Silent())
    assert {each.state for each in deposits} == {DepositState.STORED}, [each.error for each in deposits if each.error][:3]
    ids = [each.aip_id for each in deposits]
    assert all(tiers.states(aip) == {"a": "good", "s": "good", "t": "good"} for aip in ids)
    assert dict(tiers.audit().copies) == {"good": 3 * count}

    expected = _damage(tiers, ids, whole=whole)
    report = tiers.audit()
    assert not report.unavailable
    found = {(each.tier, each.aip_id, each.path): each.outcome for each in report.damages}
    assert found.keys() == expected.keys()
    for place, outcomes in expected.items():
        assert found[place] in outcomes, (place, found[place])
    told = {tier.name: tier.damaged + tier.unreadable for tier in fixity_summary(tiers.engine.archive).tiers}
    assert told == {"a": 1, "s": 2 + whole, "t": 1}

    repaired = tiers.repair()
    assert (repaired.repaired, repaired.failed) == (len(expected), [])
    tiers.reopen()
    assert dict(tiers.audit().copies) == {"good": 3 * count}
    assert tiers.damages() == {}
    for number in (0, 1, 2, 3, 4, count - 1):
        assert snapshot(tiers.export(ids[number], f"out{number}")) == snapshot(paths[number])
    kinds = {each.type for each in tiers.engine.holdings.events(ids[1])}
    assert {"ingestion", "replication", "fixity check", "damage", "recovery"} <= kinds


def _damage(tiers: ThreeTiers, ids: list[str], *, whole: bool) -> dict[tuple[str, str, str], tuple[str, ...]]:
    """Four or five records, each hurt in one way on one tier: what may be said of each."""
    paths = [tiers.content(aip) for aip in ids[:5]]
    disk = tiers.object(ids[0], "a") / paths[0]
    disk.chmod(0o644)
    disk.write_bytes(noise(0)[:100] + bytes([noise(0)[100] ^ 1]) + noise(0)[101:])
    tiers.client.put_object(Bucket=tiers.place.bucket, Key=tiers.key(ids[1], paths[1]), Body=b"other bytes")
    tiers.client.delete_object(Bucket=tiers.place.bucket, Key=tiers.key(ids[2], paths[2]))
    if whole:
        _flip_in_store(tiers.seaweed, noise(3)[2_000:2_600])
    tiers.tape.close()
    flip(tiers.target.tapes, noise(4))
    tiers.reopen()
    return {
        ("a", ids[0], paths[0]): ("altered",),
        ("s", ids[1], paths[1]): ("altered",),
        ("s", ids[2], paths[2]): ("missing",),
        ("t", ids[4], paths[4]): ("altered",),
        # Whatever the store answers: an error, or other bytes.
        **({("s", ids[3], paths[3]): ("altered", "unreadable")} if whole else {}),
    }


def _flip_in_store(seaweed: Seaweed, pattern: bytes) -> None:
    """One bit in every volume file of the store that holds ``pattern``, while the store does not run."""
    seaweed.kill()
    hit = 0
    for file in seaweed.data.rglob("*.dat"):
        data = file.read_bytes()
        at = data.find(pattern)
        while at >= 0:
            descriptor = os.open(file, os.O_RDWR)
            os.pwrite(descriptor, bytes([data[at + 50] ^ 1]), at + 50)
            os.close(descriptor)
            hit += 1
            at = data.find(pattern, at + 1)
    seaweed.start()
    assert hit, "the store keeps the bytes in another way"


def test_tiers_that_are_away_hold_up_nothing_and_are_caught_up_with(tiers: ThreeTiers, tmp_path: Path) -> None:
    tiers.policy(need="1")
    tiers.seaweed.kill()
    tiers.target.kill()
    tiers.reopen()
    try:
        deposit = tiers.deposit(write_tree(tmp_path / "in", {"x.bin": noise(9)}))
        assert deposit.state is DepositState.STORED, deposit.error
        assert tiers.states(deposit.aip_id) == {"a": "good", "s": "absent", "t": "absent"}
        report = tiers.audit()
        assert set(report.unavailable) >= {"s", "t"}
        assert report.damages == []
    finally:
        tiers.seaweed.start()
        tiers.target.start()
    tiers.reopen()
    assert tiers.repair().failed == []
    assert tiers.states(deposit.aip_id) == {"a": "good", "s": "good", "t": "good"}
    tiers.policy(need="3")
    assert dict(tiers.audit().copies) == {"good": 3}
