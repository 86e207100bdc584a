"""Whether a store keeps what an S3 tier builds on. What it merely says of itself is not believed: each promise is tried.

Nothing is left behind by a test that goes well but three small keys below ``self-test/``, made once: one that is not locked, one
locked in GOVERNANCE and one in COMPLIANCE mode, which the everyday credential must not be able to delete, shorten or replace.
"""

from __future__ import annotations

import contextlib
import datetime
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

from policies.findings import KhoError
from policies.phrases import phrase
from storage.errors import AlreadyExists, NotFound, ReadOnly, Refused, StorageError, Unavailable
from storage.s3.bucket import Bucket
from storage.s3.lifecycle import lifecycle_problems
from storage.s3.root import SELF_TEST

__all__ = ["Unfit", "check_store"]

CONTENT = b"kho self-test\n"

LOCKED_FOR = datetime.timedelta(days=365)
"""How long the keys of the test are locked when they are made, and again when less than half of it is left."""


class Unfit(StorageError):
    """The store, or the credential, cannot be used for a tier; the reason says which promise it does not keep."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__("STO-S3-UNFIT", place, reason=reason)


@dataclass(frozen=True, slots=True)
class _Probe:
    key: str
    version: str
    etag: str
    made: bool


def check_store(bucket: Bucket, *, worm: bool, now: datetime.datetime) -> None:
    """Try everything. Raises Unfit, saying what is not kept; Unavailable or ReadOnly where that could not be
    tried."""
    for problem in _problems(bucket, worm=worm, now=now):
        raise Unfit(bucket.place.url, problem)


def _problems(bucket: Bucket, *, worm: bool, now: datetime.datetime) -> Iterator[str]:
    yield from _configuration(bucket, worm=worm)
    plain = _probe(bucket, "plain", None, now)
    yield from _conditions(bucket, plain)
    yield from _versions(bucket, plain)
    yield from lifecycle_problems(bucket)
    if worm:
        for mode in ("GOVERNANCE", "COMPLIANCE"):
            yield from _locks(bucket, _probe(bucket, mode.lower(), mode, now), mode, now)


def _configuration(bucket: Bucket, *, worm: bool) -> Iterator[str]:
    status = bucket.ask_bucket("get_bucket_versioning").get("Status")
    if status != "Enabled":
        yield phrase("s3-unversioned", status=status or phrase("s3-never-versioned"))
    try:
        lock = bucket.ask_bucket("get_object_lock_configuration").get("ObjectLockConfiguration", {})
    except Unavailable:
        raise
    except StorageError as error:
        if worm:
            yield phrase("s3-lock-untold", reason=_reason(error))
        return
    if worm and lock.get("ObjectLockEnabled") != "Enabled":
        yield phrase("s3-lock-off")
    if lock.get("Rule", {}).get("DefaultRetention"):
        yield phrase("s3-default-retention")


def _probe(bucket: Bucket, name: str, mode: str | None, now: datetime.datetime) -> _Probe:
    """One key of the test, made when it is not there and locked when it is to be."""
    key = f"{SELF_TEST}/{name}"
    made = False
    try:
        head = bucket.ask("head_object", key)
    except NotFound:
        with contextlib.suppress(AlreadyExists):  # another process is testing just now
            bucket.create(key, CONTENT)
            made = True
        head = bucket.ask("head_object", key)
    version, until = head["VersionId"], head.get("ObjectLockRetainUntilDate")
    if mode and (until is None or until < now + LOCKED_FOR / 2):
        until = (now + LOCKED_FOR).replace(microsecond=0)
        try:
            bucket.ask("put_object_retention", key, VersionId=version, Retention={"Mode": mode, "RetainUntilDate": until})
        except Refused as error:
            raise Unfit(bucket.place.url, phrase("s3-no-lock", mode=mode, reason=_reason(error))) from error
    return _Probe(key, version, str(head["ETag"]), made)


def _conditions(bucket: Bucket, probe: _Probe) -> Iterator[str]:
    """Conditional puts, in one piece and in parts."""
    wrong = '"00000000000000000000000000000000"'
    if not _refused(lambda: bucket.create(probe.key, b"must not be stored\n")):
        yield phrase("s3-none-match")
    if not _refused(lambda: bucket.swap(probe.key, b"must not be stored\n", wrong)):
        yield phrase("s3-match")
    if not _refused(lambda: _in_parts(bucket, probe.key, IfNoneMatch="*")):
        yield phrase("s3-none-match-parts")
    if not _refused(lambda: _in_parts(bucket, probe.key, IfMatch=wrong)):
        yield phrase("s3-match-parts")
    if probe.made and _refused(lambda: bucket.swap(probe.key, CONTENT, probe.etag)):  # leaves a version: once is enough
        yield phrase("s3-match-refused")


def _in_parts(bucket: Bucket, key: str, **condition: str) -> None:
    upload = bucket.ask("create_multipart_upload", key)["UploadId"]
    try:
        part = bucket.ask("upload_part", key, UploadId=upload, PartNumber=1, Body=b"must not be stored\n")
        parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
        bucket.ask("complete_multipart_upload", key, UploadId=upload, MultipartUpload=parts, **condition)
    except StorageError:
        bucket.ask("abort_multipart_upload", key, UploadId=upload)
        raise


def _versions(bucket: Bucket, probe: _Probe) -> Iterator[str]:
    found = bucket.versions_of(probe.key)
    if all(each.version != probe.version for each in found.seen):
        yield phrase("s3-version-unlisted")
    if _allowed(lambda: _delete(bucket, probe)):
        yield phrase("s3-may-delete")


def _locks(bucket: Bucket, probe: _Probe, mode: str, now: datetime.datetime) -> Iterator[str]:
    if bucket.block(probe.key, probe.version).until is None:
        yield phrase("s3-lock-unsaid", mode=mode)
    if _allowed(lambda: _delete(bucket, probe, BypassGovernanceRetention=True)):
        yield phrase("s3-lock-deleted", mode=mode)
    sooner = (now + datetime.timedelta(days=1)).replace(microsecond=0)
    for name in dict.fromkeys((mode, "GOVERNANCE")):
        if _allowed(partial(_retain, bucket, probe, name, sooner)):
            yield phrase("s3-lock-shortened", mode=mode)


def _delete(bucket: Bucket, probe: _Probe, **parameters: Any) -> None:
    bucket.ask("delete_object", probe.key, VersionId=probe.version, **parameters)


def _retain(bucket: Bucket, probe: _Probe, mode: str, until: datetime.datetime) -> None:
    retention = {"Mode": mode, "RetainUntilDate": until}
    bucket.ask("put_object_retention", probe.key, VersionId=probe.version, Retention=retention, BypassGovernanceRetention=True)


def _refused(act: Callable[[], object]) -> bool:
    """Whether a conditional put was not done because its condition did not hold. Raises Unavailable, ReadOnly and what else is said."""
    try:
        act()
    except AlreadyExists:
        return True
    except ReadOnly:
        raise
    except Refused:
        return False  # not understood (501): as bad as not honoured
    return False


def _allowed(act: Callable[[], object]) -> bool:
    """Whether something was done that must not be possible. Raises Unavailable where that was not answered."""
    try:
        act()
    except Unavailable:
        raise
    except StorageError:
        return False
    return True


def _reason(error: KhoError) -> str:
    return str(error.finding.args.get("reason", error.code if hasattr(error, "code") else error))
