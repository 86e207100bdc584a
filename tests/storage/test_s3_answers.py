"""Answers of a store that lack what they need, or contradict themselves: it could not be looked, and nothing is said of the bytes."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Mapping
from typing import Any

import pytest

from storage.errors import AlreadyExists, NotFound, Unavailable
from storage.s3.bucket import Bucket
from storage.s3.place import S3Place

NOW = datetime.datetime(2026, 11, 28, tzinfo=datetime.UTC)
ONE = {"Key": "tier/ocfl/a", "VersionId": "1", "Size": 3, "IsLatest": True, "LastModified": NOW}
PAGE = {"Name": "bucket", "Versions": [ONE], "Contents": [ONE], "IsTruncated": False}
NEXT = {"NextKeyMarker": "tier/ocfl/a", "NextVersionIdMarker": "1", "NextContinuationToken": "same"}
BODY = {"Body": b"abc", "ContentLength": 3, "ContentRange": "bytes 0-2/3", "VersionId": "1", "ETag": "e"}


class Says:
    """A store that gives one answer to everything, at most a hundred times."""

    def __init__(self, answer: Mapping[str, Any] | Exception) -> None:
        self.answer, self.calls = answer, 0

    def call(self, operation: str, key: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        self.calls += 1
        assert self.calls < 100, "it asks for ever"
        if isinstance(self.answer, Exception):
            raise self.answer
        return dict(self.answer)


def bucket(answer: Mapping[str, Any] | Exception) -> Bucket:
    return Bucket(S3Place("bucket", "tier"), Says(answer))


def current(one: Bucket) -> object:
    return list(one.current("ocfl/"))


def versions(one: Bucket) -> object:
    return list(one.versions("ocfl/"))


def test_whole_answers_are_read() -> None:
    assert current(bucket(PAGE)) == [("ocfl/a", 3, NOW)]
    assert versions(bucket(PAGE))
    assert bucket(BODY).block("ocfl/a").data == b"abc"


@pytest.mark.parametrize("listing", [current, versions])
@pytest.mark.parametrize(
    "answer",
    [
        {**PAGE, "IsTruncated": True},
        {**PAGE, **NEXT, "IsTruncated": True},
        {**PAGE, "Versions": [{**ONE, "Key": "other/b"}], "Contents": [{**ONE, "Key": "other/b"}]},
        {**PAGE, "Versions": [{"Key": "tier/ocfl/a"}], "Contents": [{"Key": "tier/ocfl/a"}]},
        NotFound("ocfl/"),
        AlreadyExists("ocfl/"),
    ],
    ids=["no place to go on", "the same page again", "keys of another folder", "keys without facts", "404", "412"],
)
def test_a_listing_that_cannot_be_one_is_none(listing: Callable[[Bucket], object], answer: Mapping[str, Any] | Exception) -> None:
    with pytest.raises(Unavailable):
        listing(bucket(answer))


def test_an_answer_without_its_length_says_nothing() -> None:
    bare = {name: value for name, value in BODY.items() if name not in ("ContentLength", "ContentRange")}
    with pytest.raises(Unavailable):
        bucket(bare).block("ocfl/a")
