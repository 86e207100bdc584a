"""What a credential that may delete versions takes away from a bucket, and what it leaves whatever the bucket says."""

from __future__ import annotations

import contextlib
import datetime
import json
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from test_s3 import Stops, Store, two_versions, write

from fixity.verify import Outcome
from storage.errors import Refused, Unavailable
from storage.retrying import Again
from storage.s3.bucket import BLOCK
from storage.s3.calls import BotoCalls
from storage.s3.sweeping import Unsure, Waste
from storage.s3.tier import S3Tier
from tests.seaweed import Seaweed
from tests.storage.sealed import SealedObject

LATER = datetime.datetime.now(datetime.UTC) + datetime.timedelta(days=2)


@pytest.fixture
def store(seaweed: Seaweed) -> Iterator[Store]:
    made = Store(seaweed)
    yield made
    made.tier.close()


@pytest.fixture
def sealed(tmp_path: Path) -> SealedObject:
    return two_versions(tmp_path / "spool")


def deleting(store: Store) -> S3Tier:
    """The tier for somebody with the other credential."""
    return S3Tier(replace(store.place, profile="deleter"), "a", again=Again(pause=0.01))


def found(store: Store, *, let_go: bool = False, expected: int = 0, before: datetime.datetime = LATER) -> list[Waste | Unsure]:
    return list(store.tier.sweep(before, vouched=lambda _: let_go, expected=lambda _: expected))


def swept(store: Store, **asked: Any) -> Counter[str]:
    """What was found and taken away, by kind."""
    tier = deleting(store)
    waste = [each for each in found(store, **asked) if isinstance(each, Waste)]
    for each in waste:
        tier.remove(each)
    tier.close()
    return Counter(each.kind.value for each in waste)


def everything(store: Store, sealed: SealedObject) -> set[str]:
    """Paths of the object with any version or delete marker at all."""
    start = f"ocfl/{store.tier.place_of(sealed.object_id)}/"
    return {each.key.removeprefix(start) for each in store.bucket.versions(start)}


def test_losers_keys_are_gone_for_good(store: Store, tmp_path: Path) -> None:
    sealed = SealedObject(tmp_path / "spool")
    sealed.version({"a": b"a"})
    write(store, sealed)
    rivals = [sealed.branch(tmp_path / f"rival{n}").version({"x": b"rival %d" % n}, token=f"r{n}") for n in range(6)]
    tiers = [store.opened(concurrency=2) for _ in rivals]
    with ThreadPoolExecutor(len(rivals)) as pool:
        errors = list(pool.map(lambda n: tiers[n].write([rivals[n]])[0].error, range(len(rivals))))
    (winner,) = [n for n, error in enumerate(errors) if error is None]
    sealed.versions.append(rivals[winner])
    young = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=1)
    assert found(store, before=young) == [], "whoever is on the way is left alone"
    hidden = {path for path in everything(store, sealed) if "/content/r" in path and f"/r{winner}/" not in path}
    assert hidden, "losers hide what they brought, and that is all they can do"
    with pytest.raises(Refused):
        store.tier.remove(next(each for each in found(store) if isinstance(each, Waste)))
    assert swept(store) == {"leftover": len(hidden)}
    assert everything(store, sealed) & hidden == set()
    assert found(store) == []
    assert store.problems(sealed) == {}


def test_uploads_that_were_broken_off_are_ended(store: Store, sealed: SealedObject) -> None:
    write(store, sealed)
    key = store.key(sealed, "v3/content/large")
    begun = store.client.create_multipart_upload(Bucket=store.place.bucket, Key=key)
    part = {"UploadId": begun["UploadId"], "PartNumber": 1, "Body": bytes(BLOCK)}
    store.client.upload_part(Bucket=store.place.bucket, Key=key, **part)
    assert swept(store) == {"upload": 1}
    assert store.client.list_multipart_uploads(Bucket=store.place.bucket).get("Uploads", []) == []


def test_what_was_let_go_of_goes_when_somebody_vouches_for_it(store: Store, sealed: SealedObject, tmp_path: Path) -> None:
    kept = SealedObject(tmp_path / "kept", "urn:uuid:0b3c0d5e-7a44-4c57-9d36-000000000002")
    kept.version({"b": b"b"})
    for each in (sealed, kept):
        write(store, each)
    store.tier.forget(sealed.object_id)
    assert found(store) == [], "the bucket alone is not believed"
    told = found(store, let_go=True)
    assert {each.object_id for each in told if isinstance(each, Waste)} == {sealed.object_id}
    assert swept(store, let_go=True).keys() == {"let go"}
    assert everything(store, sealed) == set()
    assert store.problems(kept) == {}
    write(store, sealed)  # it may come again
    assert found(store) == []


def test_what_is_wanted_stays_whatever_is_put_into_the_bucket(store: Store, sealed: SealedObject) -> None:
    """Somebody with the everyday credential covers, hides and forges what they can; what is recorded or named is never waste."""
    write(store, sealed)
    place = store.tier.place_of(sealed.object_id)
    content = next(path for path in everything(store, sealed) if path.startswith("v1/content/"))
    store.put_over(sealed, content, b"other bytes")
    for path in ("inventory.json", "v1/inventory.json", "v2/inventory.json"):
        store.put_over(sealed, path, json.dumps({"manifest": {}}).encode())
    store.put_over(sealed, "v1/inventory.json.sha512", b"?")
    store.delete(sealed, "v2/inventory.json")
    record = f"tier/versions/{place}/00000001.ndjson"
    forget = b'{"kho_versions":1,"kind":"forget","object":"%s","version":0}\n' % sealed.object_id.encode()
    store.client.put_object(Bucket=store.place.bucket, Key=record, Body=b'{"kho_versions":1,"kind":"commit"}\n')
    assert found(store) == []
    store.client.put_object(Bucket=store.place.bucket, Key=f"tier/versions/{place}/00000009.ndjson", Body=forget)
    assert found(store) == [], "a forged record: the catalog still has the object, and does not vouch"
    store.client.delete_object(Bucket=store.place.bucket, Key=record)
    assert found(store) == []


def test_quarantine_is_no_waste(store: Store, sealed: SealedObject) -> None:
    write(store, sealed)
    store.put_over(sealed, "v2/content/stray", b"?")
    store.tier.quarantine(sealed.object_id, "v2/content/stray")
    assert found(store) == []


def test_content_without_its_inventory_is_not_decided_here(store: Store, sealed: SealedObject) -> None:
    """A version folder of which the catalog knows, and whose inventory and record the store has lost."""
    write(store, sealed)
    tier = deleting(store)
    start = f"ocfl/{store.tier.place_of(sealed.object_id)}/v2/inventory.json"
    for entries in [*store.bucket.versions(start), *store.bucket.versions(f"versions/{store.tier.place_of(sealed.object_id)}/")]:
        for seen in entries.seen:
            tier._root.bucket.ask("delete_object", entries.key, VersionId=seen.version)
    tier.close()
    told = found(store, expected=2)
    assert [type(each) for each in told] == [Unsure]
    assert "v2/inventory.json" in str(told[0].error)  # type: ignore[union-attr]
    assert [each.kind.value for each in found(store, expected=1) if isinstance(each, Waste)] == ["leftover"] * 2


@pytest.mark.parametrize("step", [pytest.param(1, marks=pytest.mark.proof), 7], ids=["every", "some"])
def test_after_a_writer_was_stopped_anywhere_a_sweep_takes_nothing_that_is_needed(
    store: Store, tmp_path: Path, step: int
) -> None:
    """Each call of two commits is the last in turn, of another object each time."""
    number, leftovers, stopped = step, 0, True
    store.tier.write([])
    while stopped:
        sealed = two_versions(tmp_path / str(number), f"urn:x:{number}")
        calls = Stops(BotoCalls(store.place), number)
        with contextlib.suppress(Unavailable):
            S3Tier(store.place, "a", calls=calls, again=Again(1), settled_after=0, concurrency=1).write(sealed.versions)
        stopped = calls.hit
        before = list(store.tier.versions()), _problems(store, sealed)
        leftovers += swept(store)["leftover"]
        assert (list(store.tier.versions()), _problems(store, sealed)) == before, number
        assert [each.error for each in store.tier.write(sealed.versions)] == [None, None], number
        assert store.problems(sealed) == {}, number
        assert found(store) == [], number
        number += step
    assert leftovers > 0
    assert number > 40


def _problems(store: Store, sealed: SealedObject) -> dict[str, Outcome]:
    """What an audit says of the versions that are in force (of none, nothing), but for what is in no version: that is swept."""
    (number,) = [each.number for each in store.tier.versions() if each.object_id == sealed.object_id] or [0]
    expected = {each: digest for each, digest in sealed.expected.items() if each <= number}
    report = store.tier.verify(sealed.object_id, expected) if expected else None
    return (
        {problem.path: problem.outcome for problem in report.problems if problem.outcome is not Outcome.EXTRA} if report else {}
    )
