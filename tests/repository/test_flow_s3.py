"""Whole flows over a disk and a bucket of a real S3 store: deposit, audit, damage, repair, export, rebuild, outage."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from kho_inside import kho as inside

from policies.findings import spoken
from repository.checks.audit import AuditReport
from repository.copies.sweeping import sweep
from repository.ledger.keeper import close_days, keep_day
from repository.model import Deposit
from repository.progress import Silent
from repository.settings.home import Settings, SettingsError
from repository.texts import language as speech
from repository.views import records as views
from storage.errors import Unavailable
from storage.s3.place import S3Place
from storage.tier import ObjectId, WriteOnceTier
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree
from tests.seaweed import Seaweed, running

pytestmark = pytest.mark.usefixtures("short_pauses")

FILES = {"báo cáo.txt": "Nội dung".encode(), "thư mục/ảnh.bin": bytes(range(256)) * 300, "thư mục/rỗng": b"", "trống/": b""}


def kho(*arguments: str) -> tuple[int, Any]:
    """A command: exit code and JSON."""
    said = inside(*arguments)
    return said.code, said.json


def url_of(place: S3Place) -> str:
    worm = "yes" if place.worm else "no"
    return f"s3://{place.bucket}/{place.prefix}?endpoint={place.endpoint}&profile={place.profile}&worm={worm}"


class Bucketed:
    """An archive on a disk "a" and a bucket "s", and what somebody does to the bucket."""

    def __init__(self, folder: Path, identifier: SharedIdentifier, seaweed: Seaweed) -> None:
        self.place = seaweed.place()
        self.archive = ArchiveUnderTest(folder, identifier, tiers=("a",), s3={"s": url_of(self.place)})
        self.client: Any = seaweed.client("everyday")

    def keys(self, aip: str) -> dict[str, str]:
        """path in the object → key."""
        start = f"tier/ocfl/{self.archive.engine.archive.tiers['s'].place_of(aip)}/"  # type: ignore[arg-type]
        found = self.client.list_objects_v2(Bucket=self.place.bucket, Prefix=start)["Contents"]
        return {each["Key"].removeprefix(start): each["Key"] for each in found}


@pytest.fixture
def bucketed(tmp_path: Path, identifier: SharedIdentifier, seaweed: Seaweed) -> Iterator[Bucketed]:
    made = Bucketed(tmp_path, identifier, seaweed)
    yield made
    made.archive.close()


def test_a_deposit_lives_on_disk_and_in_a_bucket(bucketed: Bucketed, tmp_path: Path) -> None:
    archive = bucketed.archive
    source = write_tree(tmp_path / "hồ sơ", FILES)
    deposit = archive.deposit(source)
    assert deposit.state.value == "stored", deposit
    assert archive.states(deposit.aip_id) == {"a": "good", "s": "good"}
    updated = write_tree(tmp_path / "hồ sơ", {"mới.txt": b"new in two"})
    assert archive.deposit(updated, update=deposit.aip_id).state.value == "stored"
    keys = bucketed.keys(deposit.aip_id)
    content = next(path for path in keys if path.endswith("ảnh.bin"))
    bucket = bucketed.place.bucket
    bucketed.client.put_object(Bucket=bucket, Key=keys[content], Body=b"other bytes")
    bucketed.client.delete_object(Bucket=bucket, Key=keys["inventory.json"])
    bucketed.client.put_object(Bucket=bucket, Key=keys["inventory.json"].replace("inventory.json", "stray"), Body=b"?")
    archive.audit()
    assert archive.damages() == {("s", content): "altered", ("s", "inventory.json"): "missing", ("s", "stray"): "extra"}
    report = archive.repair()
    assert (report.repaired, report.quarantined, report.failed) == (2, 1, [])
    recoveries = [each for each in archive.engine.holdings.events(deposit.aip_id) if each.type == "recovery"]
    sources = {each.detail.get("source") for each in recoveries}
    assert sources == {"s"}  # from the recorded version id
    assert archive.damages() == {}
    assert snapshot(archive.export(deposit.aip_id)) == snapshot(updated)
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=_silent())
    archive.audit()
    assert archive.states(deposit.aip_id) == {"a": "good", "s": "good"}
    text = "".join(
        file.read_text(errors="replace") for file in archive.home.rglob("*") if file.is_file() and os.access(file, os.R_OK)
    )
    assert "SKeveryday" not in text
    assert "AKeveryday" not in text


def _silent() -> Any:
    from repository.progress import Silent

    return Silent()


def test_the_only_good_copy_may_be_the_one_below_what_was_put_over_it(bucketed: Bucketed, tmp_path: Path) -> None:
    archive = bucketed.archive
    deposit = archive.deposit(write_tree(tmp_path / "hồ sơ", FILES))
    keys = bucketed.keys(deposit.aip_id)
    content = next(path for path in keys if path.endswith("ảnh.bin"))
    bucketed.client.put_object(Bucket=bucketed.place.bucket, Key=keys[content], Body=b"other bytes")
    file = archive.object(deposit.aip_id, "a") / content
    file.chmod(0o600)
    file.write_bytes(b"damaged too")
    archive.audit()
    assert archive.damages() == {("s", content): "altered", ("a", content): "altered"}
    report = archive.repair()
    assert report.failed == []
    archive.audit()
    assert archive.states(deposit.aip_id) == {"a": "good", "s": "good"}


def test_deposits_go_on_while_the_store_is_down_and_its_copies_come_later(
    tmp_path: Path, identifier: SharedIdentifier, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    with running(tmp_path_factory.mktemp("down")) as server:
        monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(server.credentials))
        made = Bucketed(tmp_path, identifier, server)
        archive = made.archive
        archive.policy(need="1")
        before = archive.deposit(write_tree(tmp_path / "trước", {"a.txt": b"before"}))
        server.kill()
        during = archive.deposit(write_tree(tmp_path / "trong", {"b.txt": b"during"}))
        assert during.state.value == "stored", during
        assert archive.states(during.aip_id) == {"a": "good", "s": "absent"}
        report = archive.audit()
        assert set(report.unavailable) == {"s"}
        assert archive.damages() == {}
        assert archive.states(before.aip_id) == {"a": "good", "s": "good"}
        with pytest.raises(Unavailable):
            archive.engine.archive.tiers["s"].check()
        update = archive.deposit(write_tree(tmp_path / "trước", {"c.txt": b"an update"}), update=before.aip_id)
        assert update.state.value == "stored", update
        server.start()
        archive.repair()
        for aip in (before.aip_id, during.aip_id):
            assert archive.states(aip) == {"a": "good", "s": "good"}
            brought = [each for each in archive.engine.holdings.events(aip) if "source" in each.detail]
            assert [(each.type, each.tier, each.detail["source"]) for each in brought] == [("replication", "s", "a")]
        assert archive.audit().copies == {"good": 4}
        assert list(archive.home.glob("copying-*")) == []
        archive.close()


def test_a_tier_in_a_bucket_is_said_in_one_word(tmp_path: Path, seaweed: Seaweed) -> None:
    place = seaweed.place()
    home = tmp_path / "home"
    code, document = kho("init", str(home), "--tier", f"a={tmp_path / 'a'}", "--tier", f"s={url_of(place)}", "--json")
    assert code == 0, document
    tier = Settings.load(home).tier("s")
    assert tier.s3 == place
    assert tier.uuid
    assert {each["name"]: each["path"] for each in document["tiers"]}["s"] == f"s3://{place.bucket}/tier"
    assert "SK" not in (home / "kho.toml").read_text()
    code, document = kho(
        "init", str(tmp_path / "second"), "--tier", f"a={tmp_path / 'b'}", "--tier", f"s={url_of(place)}", "--json"
    )
    assert (code, document["findings"][0]["code"]) == (2, "SET-TIER-TAKEN")
    assert not (tmp_path / "second").exists()


@pytest.mark.parametrize("url", ["s3://", "s3://UPPER/x", "s3://b/../x", "s3://bucket/x?secret=1", "s3://bucket?worm=maybe"])
def test_a_place_that_cannot_be_understood_is_said_in_words(tmp_path: Path, url: str) -> None:
    code, document = kho("init", str(tmp_path / "home"), "--tier", f"a={tmp_path / 'a'}", "--tier", f"s={url}", "--json")
    assert (code, document["findings"][0]["code"]) == (2, "SET-TIER-URL")
    assert not (tmp_path / "home").exists()


def test_two_tiers_in_one_bucket_folder_are_one_copy(tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    tiers = [{"name": name, "kind": "s3", "bucket": "kho-x", "prefix": prefix} for name, prefix in (("a", "x"), ("b", "x/y"))]
    lines = ["[[tiers]]\n" + "".join(f"{key} = {json.dumps(value)}\n" for key, value in tier.items()) for tier in tiers]
    (home / "kho.toml").write_text("".join(lines))
    with pytest.raises(SettingsError, match="must not share"):
        Settings.load(home)


def test_copies_are_locked_once_they_are_good_and_longer_by_every_audit(bucketed: Bucketed, tmp_path: Path) -> None:
    archive = bucketed.archive
    with open(archive.home / "policy.toml", "a", encoding="utf-8") as policy:
        policy.write('\n[worm.s]\nlock = "400d"\n')
    archive.reopen()
    tier = archive.engine.archive.tiers["s"]
    assert isinstance(tier, WriteOnceTier)
    deposit = archive.deposit(write_tree(tmp_path / "hồ sơ", FILES))
    assert deposit.state.value == "stored", deposit
    first = tier.locked_until(ObjectId(deposit.aip_id))
    assert first is not None
    assert timedelta(days=399) < first - datetime.now(UTC) <= timedelta(days=400)
    keys = bucketed.keys(deposit.aip_id)
    bucketed.client.put_object(Bucket=bucketed.place.bucket, Key=keys["inventory.json"], Body=b"{}")
    time.sleep(1.1)  # locks count whole seconds
    assert archive.repair(deposit.aip_id).failed == []
    later = tier.locked_until(ObjectId(deposit.aip_id))  # the version that mended it is locked too
    assert later is not None
    assert later > first
    assert archive.audit().unlocked == {}
    events = [each for each in archive.engine.holdings.events(deposit.aip_id) if each.type == "write-once lock"]
    assert [each.outcome for each in events] == ["success"] * 3


def test_no_lock_goes_beyond_the_day_of_disposal(bucketed: Bucketed, tmp_path: Path) -> None:
    """A term that ends soon bounds the lock, one that has ended asks for none, one whose end nobody knows makes the copy none."""
    archive = bucketed.archive
    with open(archive.home / "policy.toml", "a", encoding="utf-8") as policy:
        policy.write('\n[worm.s]\nlock = "4000d"\n')
    archive.reopen()
    tier, year = archive.engine.archive.tiers["s"], datetime.now(UTC).year
    assert isinstance(tier, WriteOnceTier)

    def deposit(name: str, term: str, end: str) -> Deposit:
        metadata = tmp_path / f"{name}.xml"
        metadata.write_text(f"<simpledc><title>x</title><maintenance>{term}</maintenance><endDate>{end}</endDate></simpledc>")
        source = write_tree(tmp_path / name, {"a.txt": name.encode()})
        return archive.engine.deposits.submit(
            [source], producer="P", key=None, update=None, metadata=metadata, progress=Silent()
        )[-1]

    soon, over = deposit("soon", "06", f"31/12/{year - 8}"), deposit("over", "06", "2001")
    unknown = deposit("unknown", "07", str(year))
    assert tier.locked_until(ObjectId(soon.aip_id)) == datetime(year + 2, 12, 31, 17, tzinfo=UTC)
    assert over.state.value == "stored"
    assert tier.locked_until(ObjectId(over.aip_id)) is None
    assert unknown.state.value == "accepted"
    assert "nothing tells when it ends" in spoken(unknown.error, "en")
    assert archive.audit().unlocked == {}
    assert tier.locked_until(ObjectId(soon.aip_id)) == datetime(year + 2, 12, 31, 17, tzinfo=UTC), "an audit makes it no longer"


def test_a_promise_that_a_tier_cannot_keep_is_no_copy(bucketed: Bucketed, tmp_path: Path) -> None:
    archive = bucketed.archive
    with open(archive.home / "policy.toml", "a", encoding="utf-8") as policy:
        policy.write('\n[worm.a]\nlock = "400d"\n')
    archive.reopen()
    deposit = archive.deposit(write_tree(tmp_path / "hồ sơ", FILES))
    assert deposit.state.value == "accepted"
    assert "cannot lock" in spoken(deposit.error, "en")
    told = views.audit(AuditReport(unlocked={"a": deposit.error}))["unlocked"]["a"]
    assert told == spoken(deposit.error, speech())  # in words, not as it is kept


class Later:
    """The clock of a month on."""

    def now(self) -> datetime:
        return datetime.now(UTC) + timedelta(days=30)


def test_what_was_let_go_of_is_swept_by_who_may_delete(bucketed: Bucketed, tmp_path: Path) -> None:
    archive = bucketed.archive
    aips = [archive.deposit(write_tree(tmp_path / name, {**FILES, "tên": name.encode()})).aip_id for name in ("một", "hai")]
    keys = bucketed.keys(aips[0])
    archive.engine.archive.tiers["s"].forget(ObjectId(aips[1]))  # as somebody could who has the everyday credential
    late = replace(archive.engine.archive, clock=Later())
    assert sweep(late, "s", profile="deleter", age=timedelta(days=7), apply=False, progress=Silent()).found == {}
    assert archive.repair(aips[1]).failed == []
    archive.policy(tiers='["a"]', need="1")
    assert archive.engine.copies.apply(release=True, progress=Silent()).released == 2
    late = replace(archive.engine.archive.in_force(), clock=Later())
    young = archive.engine.copies.sweep("s", profile="deleter", age=timedelta(0), apply=True, progress=Silent())
    assert (young.found, young.removed) == ({}, 0), "at least a day old, whatever is asked for"
    told = sweep(late, "s", profile="deleter", age=timedelta(days=7), apply=False, progress=Silent())
    assert told.found.keys() == {"let go"}
    assert (told.removed, told.bytes > 0) == (0, True)
    refused = sweep(late, "s", profile="everyday", age=timedelta(days=7), apply=True, progress=Silent())
    assert (refused.removed, refused.kept.total(), refused.disposed) == (0, told.found["let go"], 0)
    swept = sweep(late, "s", profile="deleter", age=timedelta(days=7), apply=True, progress=Silent())
    assert (swept.removed, swept.removed_bytes, swept.disposed, swept.kept) == (told.found["let go"], told.bytes, 2, {})
    versions = bucketed.client.list_object_versions(Bucket=bucketed.place.bucket, Prefix=next(iter(keys.values())))
    assert "Versions" not in versions
    assert "DeleteMarkers" not in versions
    events = [each for each in archive.engine.holdings.events(aips[0]) if each.type == "deletion"]
    assert [each.detail.get("keys", 0) > 0 for each in events] == [False, True]
    code, document = kho("--home", str(archive.home), "copies", "sweep", "s", "--profile", "deleter", "--apply", "--json")
    assert (code, document["removed"], document["ok"]) == (0, 0, True)
    code, document = kho("--home", str(archive.home), "copies", "sweep", "a", "--profile", "deleter", "--json")
    assert (code, document["findings"][0]["code"]) == (2, "TIER-NOT-BUCKET")


def test_what_is_locked_is_kept_and_said(bucketed: Bucketed, tmp_path: Path) -> None:
    archive = bucketed.archive
    with open(archive.home / "policy.toml", "a", encoding="utf-8") as policy:
        policy.write('\n[worm.s]\nlock = "400d"\n')
    archive.reopen()
    archive.deposit(write_tree(tmp_path / "hồ sơ", FILES))
    archive.policy(tiers='["a"]', need="1")
    assert archive.engine.copies.apply(release=True, progress=Silent()).released == 1
    late = replace(archive.engine.archive.in_force(), clock=Later())
    swept = sweep(late, "s", profile="deleter", age=timedelta(days=7), apply=True, progress=Silent())
    assert (swept.removed, swept.disposed) == (0, 0)
    assert swept.kept.total() == swept.found["let go"] > 0


def test_days_of_the_ledger_are_kept_as_is_promised_by_default_locks_too(bucketed: Bucketed, tmp_path: Path) -> None:
    """What is no record, days of the ledger and evidence, is kept by one function."""
    archive = bucketed.archive
    with open(archive.home / "policy.toml", "a", encoding="utf-8") as policy:
        policy.write('\n[worm.s]\nlock = "400d"\n')
    archive.policy(tiers='["a", "s"]', need="2\nworm = 1")
    archive.deposit(write_tree(tmp_path / "hồ sơ", FILES))
    late = replace(archive.engine.archive, clock=Later())
    day = close_days(late)
    assert day is not None
    tier = archive.engine.archive.tiers["s"]
    assert isinstance(tier, WriteOnceTier)
    lock, tier.lock = tier.lock, lambda object_id, until: None  # type: ignore[method-assign]
    assert not keep_day(late, day), "a store that does not lock has no write-once copy"
    tier.lock = lock  # type: ignore[method-assign]
    assert keep_day(late, day)
    (held,) = [each.object_id for each in tier.versions() if each.object_id.startswith("urn:kho:ledger:")]
    until = tier.locked_until(held)
    assert until is not None
    assert until - datetime.now(UTC) > timedelta(days=425)
    assert {each.tier: each.state.value for each in archive.catalog.copies.of(held)} == {"a": "good", "s": "good"}
