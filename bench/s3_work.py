"""One file into an S3 store and back, as a process: ``plain`` with boto3's own multipart transfer, ``kho`` through a tier: written by the
commit protocol, re-read whole and compared. Prints the seconds of that; sealing, the client's start and
the trial of the store are preparation."""

from __future__ import annotations

import os
import sys
import tempfile
import time
import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

CONCURRENCY, PART = 8, 8 << 20
"""As Kho's own: both contenders get the same."""


def kho(endpoint: str, bucket: str, file: str) -> float:
    from storage.ocfl.inventory_writer import VersionBlock
    from storage.ocfl.sealing import seal_files
    from storage.s3.place import S3Place
    from storage.s3.tier import S3Tier

    with tempfile.TemporaryDirectory() as folder:
        block, small = VersionBlock(1, datetime.now(UTC)), Path(folder) / "small"
        small.write_bytes(b"x")
        first, sealed = (
            seal_files(uuid.uuid4().urn, {"data": path}, block, Path(folder) / f"{number}.json")
            for number, path in enumerate((small, Path(file)))
        )
        tier = S3Tier(S3Place(bucket, "tier", endpoint, profile="everyday"), "a", concurrency=CONCURRENCY)
        tier.write([first])  # before the first write of a process the store is tried (`check_store`)
        started = time.monotonic()
        (written,) = tier.write([sealed])
        assert written.error is None, written.error
        report = tier.verify(sealed.object_id, {1: sealed.inventory_sha512}, algorithm="sha256")
        assert report.ok, report.problems
        return time.monotonic() - started


def plain(endpoint: str, bucket: str, file: str) -> float:
    import boto3  # type: ignore[import-untyped]
    from boto3.s3.transfer import TransferConfig  # type: ignore[import-untyped]

    client = boto3.Session(profile_name="everyday").client("s3", endpoint_url=endpoint, region_name="us-east-1")
    settings = TransferConfig(multipart_chunksize=PART, multipart_threshold=PART, max_concurrency=CONCURRENCY)
    key = f"plain/{uuid.uuid4()}"
    client.list_objects_v2(Bucket=bucket, MaxKeys=1)
    with tempfile.TemporaryDirectory() as folder:
        started = time.monotonic()
        client.upload_file(file, bucket, key, Config=settings)
        client.download_file(bucket, key, os.path.join(folder, "back"), Config=settings)
        return time.monotonic() - started


if __name__ == "__main__":
    WORK: dict[str, Callable[[str, str, str], float]] = {"kho": kho, "plain": plain}
    print(WORK[sys.argv[1]](*sys.argv[2:]))
