"""A lost catalog gets its ledger back: closed days are read from the tiers, held against their heads and one another, and entered again, so
that the chain goes on where it stopped instead of beginning a second time.
"""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterator
from datetime import UTC, date, datetime

from policies.findings import KhoError
from repository.archive import Archive
from repository.catalog import LedgerDay
from repository.ledger_keeper import PREFIX, folder_of
from repository.ledger_verifier import TIME
from repository.model import Copy, CopyState, Event
from storage.tier import ObjectId, Tier

__all__ = ["adopt_days"]

CONTENT = "v1/content/k/"
"""Where a day's files lie in its object."""

_log = logging.getLogger("kho.ledger")


def adopt_days(archive: Archive, only: str | None = None) -> int:
    """Enter the days that the tiers (or ``only`` one) hold, when the catalog knows none; how many. It ends at the first day that is not
    whole on any tier or does not continue the one before: what comes after stays on the tiers, and a comparison tells of it.

    Their events must not be in the catalog yet (run it before a rebuild registers AIPs). Copies are unknown until they are re-read.
    Raises Unavailable when a tier cannot be asked.
    """
    if archive.catalog.days.last() is not None:
        return 0
    held: dict[int, dict[str, tuple[str, bytes]]] = {}
    tiers = archive.tiers if only is None else {only: archive.tier(only)}
    for name, tier in tiers.items():
        for found in tier.versions():
            digits = found.object_id.rpartition(":")[2]
            if found.problem is None and found.object_id.startswith(PREFIX) and digits.isdecimal():
                held.setdefault(int(digits), {})[name] = (found.object_id, found.inventory_sha512)
    before, last = 0, b""
    for number in sorted(held):
        if number != before + 1 or (head := _adopt(archive, number, held[number], last)) is None:
            _log.error("day %d of the ledger cannot be adopted after day %d", number, before)
            break
        before, last = number, head
    return before


def _adopt(archive: Archive, number: int, places: dict[str, tuple[str, bytes]], before: bytes) -> bytes | None:
    """Enter one day from the first tier that holds it whole; the bytes of its head."""
    for name, (object_id, inventory) in places.items():
        tier = archive.tiers[name]
        try:
            data = _read(tier, object_id, "head.json")
            head = json.loads(data)
            lines = _read(tier, object_id, "events.ndjson")
            previous = hashlib.sha256(before).hexdigest() if before else ""
            if head["number"] != number or head["previous"] != previous or hashlib.sha256(lines).hexdigest() != head["segment"]:
                continue
            signature, token = _read(tier, object_id, "head.sig"), _optional(tier, object_id, "head.tst")
            keys = _read(tier, object_id, "keys.ndjson")
            events = list(_events(lines))
        except (KhoError, OSError, ValueError, KeyError, TypeError) as error:
            _log.warning("day %d on tier %s: %s", number, name, error)
            continue
        now = archive.clock.now()
        with archive.catalog.begin() as transaction:
            first = archive.catalog.days.next_number(within=transaction)
            archive.catalog.events.append(events, within=transaction)
            end = archive.catalog.days.next_number(within=transaction) - 1
            since, day = date.fromisoformat(head["since"]), date.fromisoformat(head["date"])
            entered = LedgerDay(number, since, day, first, end, head["events"], data, signature, token, now)
            archive.catalog.days.add(entered, within=transaction)
            archive.catalog.holdings.keep(object_id, inventory, within=transaction)
            archive.catalog.copies.put(
                [Copy(object_id, each, 1, CopyState.UNKNOWN, None, None, now, len(lines), 0) for each in places],
                within=transaction,
            )
        _keys(archive, keys)
        return data
    return None


def _read(tier: Tier, object_id: str, name: str) -> bytes:
    with tier.open(ObjectId(object_id), CONTENT + name) as stream:
        return stream.read()


def _optional(tier: Tier, object_id: str, name: str) -> bytes:
    from storage.errors import NotFound

    try:
        return _read(tier, object_id, name)
    except NotFound:
        return b""


def _events(lines: bytes) -> Iterator[Event]:
    for line in lines.splitlines():
        row = json.loads(line)
        yield Event(
            id=row["id"],
            type=row["type"],
            time=datetime.strptime(row["time"], TIME).replace(tzinfo=UTC),
            agent=row.get("agent", ""),
            outcome=row.get("outcome", ""),
            aip_id=row.get("aip", ""),
            aip_version=row.get("version", 0),
            deposit_id=row.get("deposit", ""),
            tier=row.get("tier", ""),
            detail=row.get("detail", {}),
        )


def _keys(archive: Archive, statements: bytes) -> None:
    """The statements of keys, where the home lost them, too; the private key itself comes from its backup only."""
    folder = folder_of(archive)
    known = (folder / "keys.ndjson").read_bytes() if (folder / "keys.ndjson").exists() else b""
    if statements.startswith(known) and len(statements) > len(known):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        (folder / "keys.ndjson").write_bytes(statements)
