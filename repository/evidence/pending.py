"""Versions of batches that are written and not yet kept: folders of ``HOME/evidence/pending``.

A folder gets its name last, when every byte and name in it is on the medium; so a killed process or a loss of power takes at most a token.
What a folder holds is held against its own list before it is kept: one that cannot be read as it was written is put aside into
``HOME/evidence/unreadable``, told of until somebody removes it, and holds up nothing. What it was to prove is batched or renewed anew.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from policies.findings import Finding, KhoError, reason_of
from policies.phrases import phrase
from repository.archive import Archive
from repository.coming import PENDING, named, pending_batches
from repository.evidence.batch import TIME, Batch, read_batch
from signatures.timestamps import read_token
from storage import durable

__all__ = ["Pending", "Unreadable", "pend", "pending", "pending_findings", "put_aside", "read_pending"]

FACTS = "pending.json"

PATIENCE = timedelta(days=1)
"""How long a version may wait for tiers before somebody is told."""


class Unreadable(Exception):
    """A pending version is not what was written; the text says why."""


@dataclass(frozen=True)
class Pending:
    """A version that is whole: ``files`` are those of the batch's newest state, by their paths in the object; ``told`` is for
    the ledger."""

    folder: Path
    batch: Batch
    number: int
    message: str
    time: datetime
    files: Mapping[str, Path]
    told: Mapping[str, str]


def _folder(archive: Archive, beside: str = "") -> Path:
    pending = archive.settings.home / PENDING
    return pending.with_name(beside) if beside else pending


def pend(
    archive: Archive,
    batch: Batch,
    message: str,
    *,
    beside: Mapping[str, bytes] | None = None,
    told: Mapping[str, str] | None = None,
) -> None:
    """Write the next version of a batch into the home, to be kept later; ``told`` goes into the ledger with it.

    Returns when a loss of power does not take it any more."""
    place, number = _folder(archive), batch.version + 1
    temporary = place / f"{uuid.uuid4().hex}.new"
    temporary.mkdir(parents=True)
    writing = _Writing(temporary)
    try:
        digests = {path: writing.file(f"files/{path}", data) for path, data in (*batch.files(), *(beside or {}).items())}
        facts = {"batch": batch.id, "number": number, "message": message, "files": digests, "told": dict(told or {})}
        time = archive.clock.now().astimezone(UTC).strftime(TIME)
        writing.file(FACTS, json.dumps({**facts, "time": time}).encode())
        writing.wait()
    finally:
        writing.close()
    durable.rename(os.fspath(temporary), os.fspath(place / f"{batch.id}.{number}"))
    for folder in (place, place.parent, place.parent.parent):  # the first time, these are new names too
        durable.fsync_folder(os.fspath(folder))


class _Writing:
    """Files below a folder, made durable together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._barrier = durable.barrier_for(os.fspath(folder))(os.fspath(folder))

    def file(self, path: str, data: bytes) -> str:
        """The SHA-256 of what was written (hexadecimal)."""
        target = self._folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor = durable.create(os.fspath(target), 0o644)
        try:
            durable.write(descriptor, data)
            self._barrier.file(descriptor)
        finally:
            durable.close(descriptor)
        for folder in target.parents:
            self._barrier.folder(os.fspath(folder))
            if folder == self._folder:
                break
        return hashlib.sha256(data).hexdigest()

    def wait(self) -> None:
        self._barrier.wait()

    def close(self) -> None:
        self._barrier.close()


def pending(archive: Archive) -> list[Path]:
    """Folders of versions that are written and not yet kept, in the order of their versions."""
    place = _folder(archive)
    if not place.exists():
        return []
    for left in place.glob("*.new"):
        shutil.rmtree(left, ignore_errors=True)
    found = sorted(pending_batches(archive), key=lambda each: each[1])
    return [folder for _, _, folder in found]


def read_pending(folder: Path) -> Pending:
    """What is to be kept.

    Raises:
        Unreadable: it is not what was written. OSError (but for files that are gone) comes through: nobody could look.
    """
    try:
        facts = json.loads((folder / FACTS).read_bytes())
        number, time = int(facts["number"]), datetime.strptime(facts["time"], TIME).replace(tzinfo=UTC)
        if folder.name != f"{facts['batch']}.{number}":
            raise Unreadable(phrase("pending-name"))
        within = folder / "files"
        files = {str(each.relative_to(within)): each for each in sorted(within.rglob("*")) if each.is_file()}
        _check(files, facts)
        batch = read_batch(_opening(files), number)
        for lineage in batch.trees.values():
            for generation in lineage.generations:
                read_token(generation.last)
        return Pending(folder, batch, number, str(facts["message"]), time, files, dict(facts.get("told", {})))
    except FileNotFoundError as error:
        raise Unreadable(phrase("pending-lacks", name=Path(str(error.filename)).name)) from error
    except (ValueError, KeyError, TypeError, KhoError) as error:
        raise Unreadable(reason_of(error)) from error


def _opening(files: Mapping[str, Path]) -> Callable[[str], BinaryIO]:
    def opened(path: str) -> BinaryIO:
        return open(files[path], "rb")

    return opened


def _check(files: Mapping[str, Path], facts: Mapping[str, Any]) -> None:
    """Every file that was written is there as it was, and no other. (An older Kho wrote no list.)"""
    digests = facts.get("files")
    if digests is None:
        return
    for path in sorted({*files, *digests}):
        if path not in files:
            raise Unreadable(phrase("pending-lacks", name=path))
        with open(files[path], "rb") as stream:
            if hashlib.file_digest(stream, "sha256").hexdigest() != digests.get(path):
                raise Unreadable(phrase("pending-changed", name=path))


def put_aside(archive: Archive, folder: Path, reason: str) -> None:
    """Take an unreadable version out of the way: it may be looked at, and holds up nothing."""
    place = _folder(archive, "unreadable")
    place.mkdir(exist_ok=True)
    target = place / f"{folder.name}.{uuid.uuid4().hex[:8]}"
    durable.rename(os.fspath(folder), os.fspath(target))
    (target / "reason.txt").write_text(reason, encoding="utf-8")
    for each in (folder.parent, place):
        durable.fsync_folder(os.fspath(each))


def pending_findings(archive: Archive, now: datetime) -> Iterator[Finding]:
    """What was put aside, what does not belong here, and what waits for too long. Nothing is changed by looking."""
    place, aside = _folder(archive), _folder(archive, "unreadable")
    for each in sorted(aside.iterdir()) if aside.is_dir() else ():
        yield Finding("EVD-PENDING-UNREADABLE", str(each), {"reason": _reason(each)})
    late = 0
    for each in sorted(place.iterdir()) if place.is_dir() else ():
        if each.suffix == ".new":
            continue  # being written, or left by a killed process and removed by the next
        if named(each) is None:
            yield Finding("EVD-PENDING-UNREADABLE", str(each), {"reason": phrase("pending-name")})
            continue
        try:
            time = datetime.strptime(json.loads((each / FACTS).read_bytes())["time"], TIME).replace(tzinfo=UTC)
        except (OSError, ValueError, KeyError, TypeError) as error:
            yield Finding("EVD-PENDING-UNREADABLE", str(each), {"reason": f"{FACTS}: {error}"})
            continue
        late += now - time > PATIENCE
    if late:
        yield Finding("EVD-PENDING", args={"count": late})


def _reason(folder: Path) -> str:
    try:
        return (folder / "reason.txt").read_text(encoding="utf-8")
    except (OSError, ValueError):
        return phrase("pending-name")
