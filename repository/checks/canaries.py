"""Canaries: objects with known damage, planted on every tier in a storage root of their own, that every audit must find.

They go through the same queue, job and backend as the archive's copies. Whoever checks gets place, id and expected digests only; what was
done to which file stands in the catalog, and only the reconciler here compares it with what was reported: outcome, path, number of
files and bytes read, exactly. A checker that passes over a file, swallows an error, trusts sizes or calls everything good is seen at
once, and so is one that calls everything bad: one canary is sound.
"""

from __future__ import annotations

import contextlib
import os
import random
import secrets
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from fixity.verify import FixityReport, Outcome
from repository.archive import Archive
from repository.catalog import Canary, Transaction
from repository.ledger.events import ledger_of
from repository.rooms import room
from storage.errors import StorageError
from storage.ocfl.inventory_writer import VersionBlock
from storage.ocfl.objects import DECLARATION, INVENTORY, SIDECAR
from storage.ocfl.sealing import seal_files
from storage.ocfl.tier import LocalTier
from storage.tier import ObjectId, SealedVersion
from storage.verifiers import Check, Found

__all__ = [
    "CYCLE",
    "EVENT",
    "KINDS",
    "CanaryCount",
    "checks_of",
    "plant",
    "proven",
    "reconcile",
    "record",
    "right",
    "tampered",
    "unproven",
]

KINDS = ("sound", "altered", "truncated", "missing", "extra", "unreadable")
"""What is planted: one object a kind."""

CYCLE = timedelta(days=1)
"""After this time all canaries are planted anew, with another random choice."""

EVENT = "canary check"
"""The type of the event that tells of one reconciliation (the PREMIS vocabulary has no word for it)."""

LARGE = 1 << 20
"""One file of the altered canary is larger than any buffer, and every second time it is the one that is altered: a checker that reads
only beginnings must be seen."""

_CHOICE = random.SystemRandom()

_OUTCOMES = {
    "altered": Outcome.ALTERED,
    "truncated": Outcome.ALTERED,
    "missing": Outcome.MISSING,
    "extra": Outcome.EXTRA,
    "unreadable": Outcome.UNREADABLE,
}


@dataclass(slots=True)
class CanaryCount:
    """What one tier's canaries showed: ``planted`` were checked, ``found`` reported exactly right, ``missed`` are the kinds of those that
    were not, ``left_out`` kinds that cannot be planted here."""

    planted: int = 0
    found: int = 0
    missed: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def add(self, step: Mapping[str, Any]) -> None:
        """Add what another step showed (JSON, as `as_json` made it)."""
        self.planted += step["planted"]
        self.found += step["found"]
        self.missed += tuple(step["missed"])
        self.left_out = tuple(sorted({*self.left_out, *step["left_out"]}))

    def as_json(self) -> dict[str, Any]:
        return {"planted": self.planted, "found": self.found, "missed": list(self.missed), "left_out": list(self.left_out)}


def plant(archive: Archive, tier: LocalTier) -> list[Canary]:
    """Take the old canaries of a tier away and plant new ones; returns them. Raises StorageError."""
    cage, now = tier.canaries(), archive.clock.now()
    for old in archive.catalog.canaries.on(tier.name):
        _remove(cage, old.object_id)
    with room(archive.settings.home, "canaries") as folder:
        sealed = {kind: _sealed(folder / kind, now) for kind in KINDS}
        for written in cage.write(list(sealed.values())):
            if written.error is not None:
                raise written.error
        planted = [_damage(cage, kind, version, now) for kind, version in sealed.items()]
    archive.catalog.canaries.replace(tier.name, [each for each in planted if each is not None])
    return archive.catalog.canaries.on(tier.name)


def _sealed(folder: Path, now: datetime) -> SealedVersion:
    """A new object of random files."""
    files: dict[str, Path] = {}
    folder.mkdir()
    for number in range(_CHOICE.randint(3, 7)):
        path = folder / f"{number}"
        large = LARGE if number == 0 and folder.name == "altered" else 0
        path.write_bytes(secrets.token_bytes(_CHOICE.randint(1, 20_000) + large))
        files[f"{_CHOICE.choice(['data', 'metadata', 'data/x'])}/{secrets.token_hex(4)}"] = path
    return seal_files(uuid.uuid4().urn, files, VersionBlock(1, now), folder / "inventory.json")


def _remove(cage: LocalTier, object_id: str) -> None:
    with contextlib.suppress(StorageError, OSError):
        top = _top(cage, object_id)
        for path in top.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o700 if path.is_dir() else 0o600)
        cage.forget(ObjectId(object_id))


def _top(cage: LocalTier, object_id: str) -> Path:
    return cage.root / cage.place_of(ObjectId(object_id))


def _damage(cage: LocalTier, kind: str, sealed: SealedVersion, now: datetime) -> Canary | None:
    """Do to a random file of the object what ``kind`` says; None when it cannot be done here."""
    top = _top(cage, sealed.object_id)
    content = [str(file.content_path) for file in sealed.files()]
    path = _CHOICE.choice([*content, *content, f"v1/{SIDECAR}", SIDECAR, DECLARATION])
    if kind == "extra":
        path = str(Path(_CHOICE.choice(content)).with_name(secrets.token_hex(6)))
    if kind == "unreadable":
        path = _CHOICE.choice(content)
    if kind == "altered" and _CHOICE.randrange(2):
        path = max(content, key=lambda each: (top / each).stat().st_size)
    if not _done(top / path, kind):
        _remove(cage, sealed.object_id)
        return None
    files = {str(each.relative_to(top)): each.stat().st_size for each in top.rglob("*") if each.is_file()}
    unread = {path} if kind in ("extra", "unreadable") else set()
    return Canary(
        tier=cage.name,
        object_id=str(sealed.object_id),
        kind=kind,
        path="" if kind == "sound" else path,
        inventory_sha512=sealed.inventory_sha512,
        good=len(files.keys() - ({path} if kind != "sound" else set())),
        bytes=sum(size for name, size in files.items() if name not in unread),
        planted=now,
    )


def _done(path: Path, kind: str) -> bool:
    if kind == "altered":
        data = bytearray(path.read_bytes())
        data[_CHOICE.randrange(len(data))] ^= 1 << _CHOICE.randrange(8)
        _write(path, bytes(data))
    elif kind == "truncated":
        _write(path, path.read_bytes()[: -_CHOICE.randint(1, 16)])
    elif kind == "missing":
        path.unlink()
    elif kind == "extra":
        path.write_bytes(secrets.token_bytes(_CHOICE.randint(1, 1_000)))
    elif kind == "unreadable":
        path.chmod(0)
        with contextlib.suppress(OSError):
            os.close(os.open(path, os.O_RDONLY))
            return False  # we are root, or the file system has no rights: nothing is unreadable here
    return True


def _write(path: Path, data: bytes) -> None:
    path.chmod(0o600)
    with open(path, "wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())  # a check from the medium drops only what was written


def checks_of(archive: Archive, tiers: Iterable[str], algorithm: str) -> list[tuple[Canary, Check]]:
    """A check for every canary of these tiers, planted anew where the cycle is over. A tier that cannot be written keeps its old ones."""
    found: list[tuple[Canary, Check]] = []
    now = archive.clock.now()
    for name in tiers:
        tier = archive.tiers[name]
        if not isinstance(tier, LocalTier):
            continue
        planted = archive.catalog.canaries.on(name)
        if not planted or not now - CYCLE < planted[0].planted <= now:
            with contextlib.suppress(StorageError, OSError):
                planted = plant(archive, tier)
        with contextlib.suppress(StorageError, OSError):  # a tier that is not there says so where its copies are read
            found += _checks(tier.canaries(), planted, algorithm)
    return found


def proven(archive: Archive, tier: str, since: datetime, now: datetime) -> datetime | None:
    """When planted damage put the checker of a tier to the test last, from ``since`` until ``now``; None when it did not. What looks
    between two readings have seen of it says nothing of the checker: those tell of no bytes."""
    tests = archive.catalog.events.about(EVENT, tier, since, now)
    return max((each.time for each in tests if "bytes" in each.detail), default=None)


def unproven(archive: Archive, tiers: Collection[str], now: datetime) -> list[str]:
    """Of these tiers, those on which damage can be planted and none put the checker to the test within a cycle until ``now``. Where nothing
    is due for weeks, this alone shows that a checker is at work and would find what goes bad."""
    local = [name for name in tiers if isinstance(archive.tiers[name], LocalTier)]
    return [name for name in local if proven(archive, name, now - CYCLE, now) is None] if archive.catalog.holdings.count() else []


def _checks(cage: LocalTier, planted: Sequence[Canary], algorithm: str) -> list[tuple[Canary, Check]]:
    return [(one, Check(cage, ObjectId(one.object_id), {1: one.inventory_sha512}, algorithm, one.bytes)) for one in planted]


def tampered(check: Check) -> tuple[Canary, Check]:
    """For a tier on which nothing can be planted (tape, write-once): the check of a sound object with another expected digest."""
    newest = max(check.expected)
    digest = bytes(each ^ 1 for each in check.expected[newest])
    one = Canary(check.tier.name, str(check.object_id), "expected", INVENTORY, digest, 0, 0, datetime.min)
    return one, replace(check, expected={**check.expected, newest: digest})


def right(canary: Canary, found: FixityReport) -> bool:
    """Whether a report says of a canary exactly what was done to it."""
    if canary.kind == "expected":
        # The object may be damaged itself by now: what counts is that the inventory was not taken for the right one.
        return not found.ok and any(each.path == canary.path for each in found.problems)
    said = [(each.path, each.outcome) for each in found.problems]
    wanted = [] if canary.kind == "sound" else [(canary.path, _OUTCOMES[canary.kind])]
    files = found.counts[Outcome.GOOD] == canary.good and found.counts.total() == canary.good + len(wanted)
    return said == wanted and files and found.ok == (not wanted) and not found.unjudged and found.bytes_read == canary.bytes


def reconcile(results: Sequence[tuple[Canary, Found]]) -> dict[str, CanaryCount]:
    """What was reported, held against what was planted: tier → count. A tier that could not be asked says nothing of its checker."""
    counts: dict[str, CanaryCount] = {}
    for canary, found in results:
        if isinstance(found, StorageError):
            continue
        count = counts.setdefault(canary.tier, CanaryCount())
        count.planted += 1
        if right(canary, found):
            count.found += 1
        else:
            count.missed = (*count.missed, canary.kind)
    kinds = {tier: {one.kind for one, _ in results if one.tier == tier} for tier in counts}
    for tier, count in counts.items():
        if "expected" not in kinds[tier]:
            count.left_out = tuple(kind for kind in KINDS if kind not in kinds[tier])
    return counts


def record(
    archive: Archive, counts: Mapping[str, CanaryCount], read: Mapping[str, int], milliseconds: int, *, within: Transaction
) -> None:
    """One event a tier: planted, found, and which kinds were missed; and how many bytes of it the step ``read`` in how long, for the
    forecast."""
    ledger = ledger_of(archive)
    for tier, count in counts.items():
        detail: dict[str, str | int] = {"planted": count.planted, "found": count.found}
        if tier in read:
            detail |= {"bytes": read[tier], "milliseconds": milliseconds}
        detail |= _named("missed", count.missed) | _named("left_out", count.left_out)
        event = ledger.event(EVENT, "success" if count.found == count.planted else "fail", detail=detail)
        ledger.append([replace(event, tier=tier)], within=within)


def _named(key: str, kinds: Collection[str]) -> dict[str, str | int]:
    return {key: ",".join(sorted(set(kinds)))} if kinds else {}
