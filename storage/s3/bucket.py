"""A bucket, or a folder in it, in typed verbs: every write has a condition, every answer a version id.

Keys are relative to the place's prefix. What is *current* is what a plain GET gives; every older version stays under its id.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, BinaryIO

from policies.phrases import phrase
from storage.errors import AlreadyExists, NotFound, Refused, Unavailable
from storage.s3.calls import Calls
from storage.s3.errors import Faulty
from storage.s3.place import S3Place

__all__ = ["BLOCK", "Block", "Bucket", "Entries", "Seen", "sha256_text", "version_of"]

BLOCK = 8 << 20
"""Bytes that are asked for, or sent, in one call."""

PAGE = 1_000
"""Keys of one page of a listing (the most that S3 gives)."""


@dataclass(frozen=True, slots=True)
class Block:
    """A piece of one version. ``size`` is that of the whole, ``until`` the end of its lock (None: it is not locked)."""

    data: bytes
    version: str
    etag: str
    size: int
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Seen:
    """One version, or delete marker, of a key as a listing tells it."""

    version: str
    size: int
    latest: bool
    marker: bool
    modified: datetime


@dataclass(frozen=True, slots=True)
class Entries:
    """All that a listing told of one key, newest first."""

    key: str
    seen: tuple[Seen, ...]

    @property
    def latest(self) -> Seen | None:
        """The current version or delete marker; None when the listing left it out (then ask for the key itself)."""
        return next((each for each in self.seen if each.latest), None)

    @property
    def oldest(self) -> Seen | None:
        """The version that was there first: of a key that was created and never replaced, the true one."""
        return next((each for each in reversed(self.seen) if not each.marker), None)


class _Answer(dict[str, Any]):
    """What a store said of ``key``. What is not in it and has to be: then it said nothing."""

    def __init__(self, said: Mapping[str, Any], key: str) -> None:
        super().__init__(said)
        self._key = key

    def __missing__(self, name: str) -> Any:
        raise Unavailable(self._key, phrase("s3-answer-lacks", name=name))


def sha256_text(data: bytes) -> str:
    """A SHA-256 as S3 wants it."""
    return base64.b64encode(hashlib.sha256(data, usedforsecurity=False).digest()).decode("ascii")


class Bucket:
    """The verbs. All raise `storage.errors` as `storage.s3.errors` maps them."""

    def __init__(self, place: S3Place, calls: Calls) -> None:
        self.place = place
        self._calls = calls
        self._start = f"{place.prefix}/" if place.prefix else ""

    def ask(self, operation: str, key: str, **parameters: Any) -> dict[str, Any]:
        """Any operation on a key."""
        return _Answer(self._calls.call(operation, key, {"Key": self._start + key, **parameters}), key)

    def ask_bucket(self, operation: str, **parameters: Any) -> dict[str, Any]:
        """Any operation on the bucket itself."""
        return _Answer(self._calls.call(operation, self.place.url, parameters), self.place.url)

    # --- reading ----------------------------------------------------------------------------------------------------------

    def block(self, key: str, version: str = "", offset: int = 0, length: int = BLOCK) -> Block:
        """Bytes of a version (the current one when none is named): fewer than ``length`` only at its end."""
        which = {"VersionId": version} if version else {}
        try:
            answer = self.ask("get_object", key, Range=f"bytes={offset}-{offset + length - 1}", **which)
        except Refused as error:
            if "InvalidRange" not in str(error.finding.args.get("reason", "")):
                raise
            answer = self.ask("head_object", key, **which)  # nothing at that offset: it has no bytes there
            if int(answer["ContentLength"]) > offset:
                raise Faulty(key, phrase("s3-no-range")) from error
            answer["Body"] = b""
        found, size, data = version_of(answer, key), _size_of(answer, offset), answer["Body"]
        if version and found != version:
            raise Unavailable(key, phrase("s3-other-version"))
        if len(data) != min(length, max(size - offset, 0)):
            raise Faulty(key, phrase("s3-other-length"))
        return Block(data, found, str(answer.get("ETag", "")), size, answer.get("ObjectLockRetainUntilDate"))

    def read(self, key: str, version: str = "", *, limit: int) -> Block:
        """A small document whole. Raises Unavailable when it is longer than ``limit``."""
        block = self.block(key, version, length=limit)
        if block.size > limit:
            raise Unavailable(key, phrase("s3-no-document", bytes=block.size))
        return block

    # --- writing ----------------------------------------------------------------------------------------------------------

    def create(self, key: str, data: bytes, extra: Mapping[str, Any] | None = None) -> str:
        """Create a key; its version id. Raises AlreadyExists when there is a current version."""
        parameters = {"Body": data, "ChecksumSHA256": sha256_text(data), "IfNoneMatch": "*", **(extra or {})}
        return version_of(self.ask("put_object", key, **parameters), key)

    def swap(self, key: str, body: bytes | BinaryIO, etag: str | None) -> str:
        """Replace the current version that has this ETag, or create (None); the new version id.

        Raises AlreadyExists when the current version is another one.
        """
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        checksum = {"ChecksumSHA256": sha256_text(body)} if isinstance(body, bytes) else {}
        return version_of(self.ask("put_object", key, Body=body, **checksum, **condition), key)

    def hide(self, key: str) -> None:
        """Put a delete marker over a key. Nothing is deleted: every version stays under its id."""
        self.ask("delete_object", key)

    def lock(self, key: str, version: str, until: datetime) -> None:
        """Lock one version in COMPLIANCE mode. Raises Refused when that would shorten a lock."""
        retention = {"Mode": "COMPLIANCE", "RetainUntilDate": until}
        self.ask("put_object_retention", key, VersionId=version, Retention=retention)

    # --- listing ----------------------------------------------------------------------------------------------------------

    def current(self, prefix: str) -> Iterator[tuple[str, int, datetime]]:
        """(key, size, time) of every current version below ``prefix``, in pages."""
        token: dict[str, Any] = {}
        while True:
            answer = self._page("list_objects_v2", prefix, **token)
            for each in answer.get("Contents", []):
                yield each["Key"][len(self._start) :], int(each["Size"]), each["LastModified"]
            if not answer.get("IsTruncated"):
                return
            token = self._further(token, {"ContinuationToken": answer["NextContinuationToken"]})

    def versions(self, prefix: str) -> Iterator[Entries]:
        """Every key below ``prefix`` with its versions and delete markers, in pages.

        A store may lose some between its pages (SeaweedFS 4.48 does): that a key, or its latest entry, is not told of proves
        nothing until `versions_of` was asked.
        """
        marker: dict[str, Any] = {}
        carried: list[Seen] = []
        last = ""
        while True:
            answer = self._page("list_object_versions", prefix, **marker)
            groups: dict[str, list[Seen]] = {last: carried} if carried else {}
            for kind in ("Versions", "DeleteMarkers"):
                for each in answer.get(kind, []):
                    groups.setdefault(each["Key"][len(self._start) :], []).append(_seen(each, kind == "DeleteMarkers"))
            more = bool(answer.get("IsTruncated"))
            last = max(groups, key=str.encode, default="") if more else ""  # the next page may have more of it
            carried = groups.pop(last, [])
            for key in sorted(groups, key=str.encode):  # versions and markers are told apart, each in order
                yield Entries(key, tuple(groups[key]))
            if not more:
                return
            following = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer.get("NextVersionIdMarker", "")}
            marker = self._further(marker, {name: value for name, value in following.items() if value})

    def versions_of(self, key: str) -> Entries:
        """What there is of this very key. Raises NotFound when there is nothing at all."""
        for entries in self.versions(key):
            if entries.key == key:
                return entries
        raise NotFound(key)

    def uploads(self, prefix: str) -> Iterator[tuple[str, str, datetime]]:
        """(key, upload id, when it was begun) of every upload in parts below ``prefix`` that was not completed, in pages."""
        marker: dict[str, Any] = {}
        while True:
            parameters = {"Prefix": self._start + prefix, "MaxUploads": PAGE, **marker}
            answer = self.ask_bucket("list_multipart_uploads", **parameters)
            for each in (_Answer(each, self.place.url) for each in answer.get("Uploads", [])):
                yield each["Key"][len(self._start) :], str(each["UploadId"]), each["Initiated"]
            if not answer.get("IsTruncated"):
                return
            marker = self._further(marker, {"KeyMarker": answer["NextKeyMarker"], "UploadIdMarker": answer["NextUploadIdMarker"]})

    def _page(self, operation: str, prefix: str, **parameters: Any) -> dict[str, Any]:
        key = prefix or self.place.url
        try:
            said = self._calls.call(operation, key, {"Prefix": self._start + prefix, "MaxKeys": PAGE, **parameters})
        except (NotFound, AlreadyExists) as error:  # answers about one key
            raise Unavailable(key, phrase("s3-no-listing")) from error
        answer = _Answer(said, key)
        if answer.get("Name") != self.place.bucket:  # any other document would read as an empty listing
            raise Unavailable(key, phrase("s3-no-listing"))
        for kind in {"Contents", "Versions", "DeleteMarkers"} & answer.keys():
            answer[kind] = [_Answer(each, key) for each in answer[kind]]
            if not all(each["Key"].startswith(self._start + prefix) for each in answer[kind]):
                raise Unavailable(key, phrase("s3-no-listing"))
        return answer

    def _further(self, before: dict[str, Any], following: dict[str, Any]) -> dict[str, Any]:
        """Where the next page begins. Raises Unavailable: where this one did, so that it would be asked for for ever."""
        if following == before:
            raise Unavailable(self.place.url, phrase("s3-no-listing"))
        return following


def version_of(answer: Mapping[str, Any], key: str) -> str:
    """The version id in an answer. Raises Refused when the store keeps no versions."""
    version = answer.get("VersionId")
    if not version or version == "null":
        raise Refused(key, phrase("s3-no-version-ids"))
    return str(version)


def _size_of(answer: Mapping[str, Any], offset: int) -> int:
    total = str(answer.get("ContentRange", "")).rpartition("/")[2]
    return int(total) if total.isdecimal() else offset + int(answer["ContentLength"])


def _seen(each: Mapping[str, Any], marker: bool) -> Seen:
    return Seen(each["VersionId"], int(each.get("Size", 0)), bool(each["IsLatest"]), marker, each["LastModified"])
