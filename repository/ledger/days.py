"""Days of the ledger: what was appended until a day's end becomes a segment, a tree over it and a signed head that continues the head
before. Only heads are chained, signed and time-stamped; one event is proven in or out of a day by a path of its tree.

docs/on-disk.md describes the files, `repository.ledger.verifier` defines the checks.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any

from repository.ledger.verifier import HEAD_PREFIX, canonical, key_of, leaf_of, node_of, root_of
from repository.model import Event
from signatures.signing_keys import SigningKey

__all__ = [
    "DayTree",
    "HeadFacts",
    "day_end",
    "event_of_line",
    "head_line",
    "line_of",
    "make_head",
    "row_of",
    "time_of",
    "write_segment",
]


def day_end(day: date) -> datetime:
    """The first moment (UTC) after ``day``."""
    return datetime.combine(day + timedelta(days=1), time.min, UTC)


def time_of(moment: datetime) -> str:
    """A moment as the ledger writes it (``ledger_verifier.TIME``); strftime takes twice as long, a million times."""
    return moment.astimezone(UTC).isoformat(timespec="microseconds")[:26] + "Z"


def line_of(number: int, event: Event) -> bytes:
    """An event as the ledger keeps it, without the line's end: canonical JSON."""
    return canonical(row_of(number, event))


def row_of(number: int, event: Event) -> dict[str, Any]:
    """The members of an event's line; empty ones are left out."""
    fields: dict[str, Any] = {
        "n": number,
        "id": event.id,
        "type": event.type,
        "time": time_of(event.time),
        "agent": event.agent,
        "outcome": event.outcome,
        "aip": event.aip_id,
        "version": event.aip_version,
        "deposit": event.deposit_id,
        "tier": event.tier,
        "detail": event.detail if type(event.detail) is dict else dict(event.detail),
    }
    return {name: value for name, value in fields.items() if value or name == "n"}


def event_of_line(row: Mapping[str, Any]) -> Event:
    """The event of a line as JSON read it. Raises ValueError, KeyError, TypeError for what is none."""
    moment = datetime.fromisoformat(row["time"])  # strptime takes five times as long
    if time_of(moment) != row["time"]:
        raise ValueError("no moment as the ledger writes it")
    return Event(
        id=row["id"],
        type=row["type"],
        time=moment,
        agent=row.get("agent", ""),
        outcome=row.get("outcome", ""),
        aip_id=row.get("aip", ""),
        aip_version=row.get("version", 0),
        deposit_id=row.get("deposit", ""),
        tier=row.get("tier", ""),
        detail=row.get("detail", {}),
    )


class DayTree:
    """The tree of one day: leaves by SHA-256 of the event's id. 64 bytes an event are held in memory (97 with Python's own)."""

    def __init__(self, lines: Iterable[tuple[str, bytes]]) -> None:
        """``lines`` are (event id, line without its end)."""
        self._leaves = sorted(key_of(event_id) + hashlib.sha256(line).digest() for event_id, line in lines)

    @property
    def root(self) -> bytes:
        return root_of(leaf_of(leaf[:32], leaf[32:]) for leaf in self._leaves)

    @property
    def count(self) -> int:
        return len(self._leaves)

    def inclusion(self, event_id: str) -> list[dict[str, Any]] | None:
        """The leaf of an event with its path to the root; None when the day does not hold it."""
        index = self._place(key_of(event_id))
        if index == self.count or self._leaves[index][:32] != key_of(event_id):
            return None
        return [self._side(index)]

    def absence(self, event_id: str) -> list[dict[str, Any]] | None:
        """The neighbours between which the event would stand, with their paths; None when the day holds it."""
        index = self._place(key_of(event_id))
        if index < self.count and self._leaves[index][:32] == key_of(event_id):
            return None
        return [self._side(each) for each in (index - 1, index) if 0 <= each < self.count]

    def _place(self, key: bytes) -> int:
        low, high = 0, self.count
        while low < high:
            middle = (low + high) // 2
            if self._leaves[middle][:32] < key:
                low = middle + 1
            else:
                high = middle
        return low

    def _side(self, index: int) -> dict[str, Any]:
        leaf = self._leaves[index]
        path = [each.hex() for each in self._path(index)]
        return {"index": index, "key": leaf[:32].hex(), "line": leaf[32:].hex(), "path": path}

    def _path(self, index: int) -> Iterator[bytes]:
        level = [leaf_of(leaf[:32], leaf[32:]) for leaf in self._leaves]
        while len(level) > 1:
            if index ^ 1 < len(level):
                yield level[index ^ 1]
            above = [node_of(level[i], level[i + 1]) for i in range(0, len(level) - 1, 2)]
            level = above + level[len(above) * 2 :]
            index //= 2


def write_segment(path: Path, lines: Iterable[tuple[str, bytes]]) -> tuple[DayTree, str]:
    """Write the lines of a day, durably; returns their tree and the SHA-256 (hexadecimal) of the file."""
    digest = hashlib.sha256()

    def written() -> Iterator[tuple[str, bytes]]:
        for event_id, line in lines:
            digest.update(line + b"\n")
            stream.write(line + b"\n")
            yield event_id, line

    with open(path, "wb") as stream:
        tree = DayTree(written())
        stream.flush()
        os.fsync(stream.fileno())
    return tree, digest.hexdigest()


@dataclass(frozen=True, slots=True)
class HeadFacts:
    """What a head says of its day. ``previous`` is the SHA-256 of the head before ("" for the first); ``papers`` are the members that tell
    what steered the archive (`repository.ledger.verifier.papers_of`)."""

    archive: str
    number: int
    since: date
    date: date
    closed: datetime
    previous: str
    papers: Mapping[str, str | list[str]] = field(default_factory=dict)


def make_head(facts: HeadFacts, tree: DayTree, segment: str, key: SigningKey, statements: bytes) -> tuple[bytes, bytes]:
    """(head.json, head.sig): the bytes of a head and the text of its signature by the key in force, of which ``statements`` tell."""
    head = {
        "kho_ledger": 1,
        "archive": facts.archive,
        "number": facts.number,
        "since": facts.since.isoformat(),
        "date": facts.date.isoformat(),
        "closed": time_of(facts.closed),
        "previous": facts.previous,
        "events": tree.count,
        "root": tree.root.hex(),
        "segment": segment,
        "key": key.id,
        "keys": hashlib.sha256(statements).hexdigest(),
        **facts.papers,
    }
    data = canonical(head) + b"\n"
    return data, base64.b64encode(key.sign(HEAD_PREFIX + data)) + b"\n"


def head_line(data: bytes) -> str:
    """The line that stands for a head outside the archive: mailed, printed, in receipts and reports."""
    head = json.loads(data)
    return f"kho-ledger-head 1 {head['archive']} {head['number']} {head['date']} {hashlib.sha256(data).hexdigest()}"
