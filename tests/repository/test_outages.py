"""Deposits while a tier is full, read-only, slow, or answers garbage: they go on while enough other tiers stand, what is missing comes
later by itself, and nothing of it reads as damage.

A bucket over its quota and one that takes no puts are SeaweedFS's own; a store that is slow or answers garbage stands behind a door of
the test's.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from test_flow_s3 import Bucketed, url_of

from policies.findings import spoken
from repository.progress import Silent
from storage.s3 import calls as s3_calls
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree
from tests.s3_door import LOGIN_PAGE, Door
from tests.seaweed import Seaweed, guard, running

pytestmark = pytest.mark.usefixtures("short_pauses")


@pytest.fixture(scope="module")
def own_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Seaweed]:
    """A store that only these tests fill."""
    with running(tmp_path_factory.mktemp("full")) as server:
        yield server


@pytest.fixture
def scene(
    own_server: Seaweed, tmp_path: Path, identifier: SharedIdentifier, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Bucketed]:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(own_server.credentials))
    made = Bucketed(tmp_path, identifier, own_server)
    made.archive.policy(need="1")
    yield made
    made.archive.close()


def full(server: Seaweed, bucket: str) -> None:
    server.client("admin").put_object(Bucket=bucket, Key="ballast", Body=bytes(2 << 20))
    server.shell(f"s3.bucket.quota -name={bucket} -op=set -sizeMB=1")
    ends = time.monotonic() + 60  # the store counts what it holds every few seconds
    while f"changing bucket {bucket} to read only" not in server.shell("lock", "s3.bucket.quota.enforce -apply", "unlock"):
        assert time.monotonic() < ends


def room_again(server: Seaweed, bucket: str) -> None:
    server.shell(f"s3.bucket.quota -name={bucket} -op=remove", "lock", "s3.bucket.quota.enforce -apply", "unlock")


def read_only(server: Seaweed, bucket: str) -> None:
    policy = guard(bucket, "everyday")
    policy["Statement"][0]["Action"] += ["s3:PutObject"]
    server.client("admin").put_bucket_policy(Bucket=bucket, Policy=json.dumps(policy))


def writable_again(server: Seaweed, bucket: str) -> None:
    server.client("admin").put_bucket_policy(Bucket=bucket, Policy=json.dumps(guard(bucket, "everyday")))


Deed = Callable[[Seaweed, str], None]


@pytest.mark.parametrize(
    ("begin", "end", "anew", "said"),
    [
        pytest.param(full, room_again, False, ("whether it is full", "có đầy"), id="full"),
        pytest.param(
            read_only, writable_again, True, ("may not write there", "không được ghi"), id="read-only, opened meanwhile"
        ),
    ],
)
def test_deposits_go_on_while_a_bucket_takes_nothing(
    scene: Bucketed, own_server: Seaweed, tmp_path: Path, begin: Deed, end: Deed, anew: bool, said: tuple[str, str]
) -> None:
    archive, bucket = scene.archive, scene.place.bucket
    before = archive.deposit(write_tree(tmp_path / "trước", {"a.txt": b"before"}))
    begin(own_server, bucket)
    if anew:
        archive.reopen()
    trees = [write_tree(tmp_path / f"trong {n}", {"b.txt": b"during %d" % n}) for n in range(4)]
    during = archive.engine.deposits.submit(trees, producer="Sở Nội vụ", progress=Silent())
    update = archive.deposit(write_tree(tmp_path / "trước", {"c.txt": b"more"}), update=before.aip_id)
    for each in (*during, update):
        assert each.state.value == "stored", each
        assert archive.states(each.aip_id) == {"a": "good", "s": "absent"}
    report = archive.audit()  # what is there can be read; what is not there yet is no damage, nor is what stayed behind
    assert report.copies == {"good": 5, "absent": 5}, report
    assert archive.damages() == {}
    assert not any(count.missed for count in report.canaries.values())
    events = {each.type for each in archive.engine.holdings.events(during[0].aip_id)}
    assert "damage" not in events

    repaired = archive.repair()
    assert (repaired.copies, repaired.repaired, repaired.failed) == (3, 0, [])  # after three in vain it is let be
    assert list(repaired.unavailable) == ["s"]
    for language, words in zip(("en", "vi"), said, strict=True):
        assert words in spoken(repaired.unavailable["s"], language)
    assert archive.damages() == {}
    assert "damage" not in {each.type for each in archive.engine.holdings.events(during[0].aip_id)}

    end(own_server, bucket)
    assert archive.repair().failed == []
    for each in (before, *during):
        assert archive.states(each.aip_id) == {"a": "good", "s": "good"}
    assert archive.audit().copies == {"good": 10}


@pytest.fixture
def behind(
    seaweed: Seaweed, tmp_path: Path, identifier: SharedIdentifier, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[ArchiveUnderTest, Door]]:
    """An archive whose bucket stands behind a door."""
    monkeypatch.setattr(s3_calls, "ANSWER_WITHIN", 1)
    place = seaweed.place()
    door = Door(int(place.endpoint.rpartition(":")[2]))
    url = url_of(replace(place, endpoint=f"http://127.0.0.1:{door.port}"))
    archive = ArchiveUnderTest(tmp_path, identifier, tiers=("a",), s3={"s": url})
    archive.policy(need="1")
    yield archive, door
    archive.close()
    door.close()


@pytest.mark.parametrize("trouble", ["garbage", pytest.param("hangs", marks=pytest.mark.proof)])
def test_deposits_go_on_while_a_store_talks_nonsense_or_hangs(
    behind: tuple[ArchiveUnderTest, Door], tmp_path: Path, trouble: str
) -> None:
    archive, door = behind
    before = archive.deposit(write_tree(tmp_path / "trước", {"a.txt": b"before"}))
    assert archive.states(before.aip_id) == {"a": "good", "s": "good"}
    if trouble == "garbage":
        door.says = LOGIN_PAGE
    else:
        door.pause = 60
    during = archive.deposit(write_tree(tmp_path / "trong", {"b.txt": b"during"}))
    assert during.state.value == "stored", during
    report = archive.audit()
    assert set(report.unavailable) == {"s"}
    assert dict(report.copies) == {"good": 2}
    assert set(archive.repair().unavailable) == {"s"}
    assert archive.damages() == {}
    assert archive.states(before.aip_id) == {"a": "good", "s": "good"}
    assert archive.states(during.aip_id) == {"a": "good", "s": "absent"}
    assert snapshot(archive.export(before.aip_id)) == snapshot(tmp_path / "trước")
    door.says, door.pause = b"", 0
    assert archive.repair().failed == []
    assert archive.audit().copies == {"good": 4}


def test_a_slow_store_is_waited_for(behind: tuple[ArchiveUnderTest, Door], tmp_path: Path) -> None:
    archive, door = behind
    door.pause = 0.02
    deposit = archive.deposit(write_tree(tmp_path / "chậm", {"a.bin": bytes(300_000)}))
    assert archive.states(deposit.aip_id) == {"a": "good", "s": "good"}
    assert archive.audit().copies == {"good": 2}
