"""Many small objects on the tiers of an archive, entered as `holdings.keep` enters them: audited like AIPs, without deposits."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path

from repository.archive import Archive
from repository.model import Copy, CopyState
from storage.ocfl.inventory_writer import VersionBlock
from storage.ocfl.sealing import seal_files


def keep_objects(archive: Archive, work: Path, count: int, files: int, now: datetime, *, over: timedelta) -> Sequence[str]:
    """``count`` objects of ``files`` files on every tier; their next checks are spread over the time ``over``."""
    ids = [f"urn:uuid:00000000-0000-4000-8000-{number:012d}" for number in range(count)]
    work.mkdir(parents=True, exist_ok=True)
    sealed = []
    for number, object_id in enumerate(ids):
        paths = {}
        for each in range(files):
            path = work / f"{number}-{each}"
            path.write_bytes(hashlib.sha256(f"{number}.{each}".encode()).digest() * (1 + (number + each) % 40))
            paths[f"data/{each % 3}/{each}"] = path
        sealed.append(seal_files(object_id, paths, VersionBlock(1, now), work / f"{number}.json"))
    for tier in archive.tiers.values():
        assert all(written.error is None for written in tier.write(sealed))
    with archive.catalog.begin() as transaction:
        for number, version in enumerate(sealed):
            archive.catalog.holdings.keep(version.object_id, version.inventory_sha512, within=transaction)
            due = now + over * ((number * 7919 % count + 1) / count)
            archive.catalog.copies.put(
                (
                    Copy(version.object_id, tier, 1, CopyState.GOOD, now, now, due, version.bytes, files + 5)
                    for tier in archive.tiers
                ),
                within=transaction,
            )
    return ids
