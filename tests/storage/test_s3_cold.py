"""Cold storage classes, with moto, which proves nothing else: so the store's self-test is left out here."""

from __future__ import annotations

import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest

from storage.errors import Cold, Unavailable
from storage.retrying import Again
from storage.s3.calls import BotoCalls
from storage.s3.errors import error_of
from storage.s3.place import S3Place
from storage.s3.tier import S3Tier
from tests.moto import running_moto
from tests.storage.sealed import two_versions


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_moto(tmp_path_factory.mktemp("moto")) as address:
        yield address


@pytest.fixture
def place(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> S3Place:
    """A new tier whose content is cold."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setattr("storage.s3.tier.check_store", lambda *arguments, **more: None)
    admin, bucket = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1"), f"cold-{uuid.uuid4().hex[:12]}"
    admin.create_bucket(Bucket=bucket)
    admin.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    made = S3Place(bucket, "tier", endpoint, storage_class="GLACIER", worm=False)
    S3Tier.create(made, "a").close()
    return made


def test_what_is_cold_is_asked_for_and_read_when_it_has_come(place: S3Place, tmp_path: Path) -> None:
    tier = S3Tier(place, "a", again=Again(1))
    sealed = two_versions(tmp_path / "spool")
    assert [each.error for each in tier.write(sealed.versions)] == [None, None]
    assert [each.problem for each in tier.versions()] == [None]  # inventories are not cold
    with pytest.raises(Cold, match="6 files were asked for"):
        tier.verify(sealed.object_id, sealed.expected)
    for _ in range(100):
        if not tier.recall(sealed.object_id):
            break
        time.sleep(0.1)
    assert tier.verify(sealed.object_id, sealed.expected).ok
    assert issubclass(Cold, Unavailable)  # to whoever does not know: not now, and no fact of the bytes
    tier.close()


class Slow:
    """Calls to a store that brings nothing yet, and says so of what it was asked for already; all of whom look see it as it was before."""

    def __init__(self, place: S3Place, asked: Counter[str], refused: Counter[str]) -> None:
        self._inner, self._asked, self._refused = BotoCalls(place), asked, refused

    def call(self, operation: str, key: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        if operation == "restore_object":
            if self._asked[key]:
                self._refused[key] += 1
                answer = {"Error": {"Code": "RestoreAlreadyInProgress"}, "ResponseMetadata": {"HTTPStatusCode": 409}}
                raise error_of(answer, operation, key)
            self._asked[key] += 1
            return {}
        return self._inner.call(operation, key, parameters)


def test_two_processes_that_want_the_same_cold_object_ask_the_store_once(place: S3Place, tmp_path: Path) -> None:
    asked, refused = Counter[str](), Counter[str]()
    tiers = [S3Tier(place, "a", calls=Slow(place, asked, refused), again=Again(4, pause=30.0)) for _ in range(2)]
    sealed = two_versions(tmp_path / "spool")
    assert [each.error for each in tiers[0].write(sealed.versions)] == [None, None]
    began = time.monotonic()
    assert [tier.recall(sealed.object_id) for tier in tiers] == [6, 6]
    assert time.monotonic() - began < 30, "that it is under way already is an answer, and nothing to try again"
    assert set(asked.values()) == {1}
    assert refused == asked
    for tier in tiers:
        tier.close()
