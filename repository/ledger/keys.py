"""The keys that sign the ledger's heads: each is vouched for by the one before it; where that was lost, a statement says so for ever.

``HOME/ledger/keys.ndjson`` has the statements, and each closed day has them, too; the private keys lie beside it and nowhere else.
"""

from __future__ import annotations

import base64
import contextlib
import fcntl
import hashlib
import json
import logging
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from policies.phrases import os_phrase, phrase
from repository.archive import Archive
from repository.catalog import LedgerDay
from repository.coming import day_object
from repository.errors import LedgerBehind, LedgerClock
from repository.ledger.days import time_of
from repository.ledger.events import ledger_of
from repository.ledger.segments import places_of, read_file
from repository.ledger.verifier import BROKEN, KEY_LOST, KEY_PREFIX, REPORT_PREFIX, canonical, stated
from repository.ledger.verifier import statements as told_of
from signatures.signing_keys import SigningKey, SigningKeyError, key_id
from storage import durable
from storage.errors import StorageError
from storage.tier import ObjectId

__all__ = [
    "STATEMENTS",
    "KeyRing",
    "LostKey",
    "alone",
    "behind",
    "folder_of",
    "key_in_force",
    "lost_keys",
    "refuse_second",
    "report_lost",
    "ring_of",
    "rotate",
    "sign_document",
    "until",
]

STATEMENTS = "keys.ndjson"

LOOKED_BACK = 30
"""Closed days whose copies on the tiers are asked for the statements of keys when the home has lost them."""

FINISHED = 10
"""The newest reports of a lost key that are looked at: more can hardly come before one of them is in a closed day."""

_log = logging.getLogger("kho.ledger")


@dataclass(frozen=True, slots=True)
class LostKey:
    """A key that began because the one before it was lost: ``key`` (its id) signs from day ``first`` on, since ``time`` (text)."""

    first: int
    key: str
    time: str

    @property
    def minute(self) -> str:
        """The time for people, without its zone (UTC)."""
        return self.time[:16].replace("T", " ")

    def as_json(self) -> dict[str, str | int]:
        """As reports and answers name it."""
        return {"from": self.first, "key": self.key, "time": self.time}


class KeyRing:
    """The keys of a ledger in a folder: ``statements`` are the lines of keys.ndjson; of the private keys one PEM file each.

    Raises:
        ValueError: ``statements`` are none, or not written as they always are.
    """

    def __init__(self, folder: Path, statements: bytes = b"") -> None:
        self._folder = folder
        self.statements = statements
        try:
            self._rows: list[Mapping[str, Any]] = [said for said, _ in told_of(statements)]
            self.ids = [key_id(row["key"]) for row in self._rows]
            self.archive: str = self._rows[0]["archive"] if self._rows else str(uuid.uuid4())
        except BROKEN as error:
            raise ValueError(str(error)) from error
        self._current: SigningKey | None = None

    @property
    def lost(self) -> list[LostKey]:
        """Keys that the one before them did not vouch for."""
        return [LostKey(row["from"], row["key_id"], row["time"]) for row in self._rows if "lost" in row]

    @property
    def current(self) -> SigningKey:
        """The key in force. Raises SigningKeyError: its file is gone, may not be read, is broken or holds another key."""
        if self._current is None:
            wanted = self.ids[-1]
            path = self._file(wanted)
            if not path.exists():
                raise SigningKeyError("LED-KEY-GONE", str(path))
            if not os.access(path, os.R_OK):
                raise SigningKeyError("LED-KEY-DENIED", str(path))
            try:
                found = SigningKey.load(path)
            except SigningKeyError as error:
                raise SigningKeyError("LED-KEY-BROKEN", str(path), reason=str(error.finding.args.get("reason", error))) from error
            if found.id != wanted:
                raise SigningKeyError("LED-KEY-OTHER", str(path), wanted=wanted, found=found.id)
            self._current = found
        return self._current

    def _file(self, identifier: str) -> Path:
        return self._folder / f"{identifier[:16]}.pem"

    def statement(self, key: SigningKey, first: int, now: datetime, lost: Mapping[str, str] | None = None) -> dict[str, str]:
        """What is said of a new key that signs from day ``first`` on, as a line holds it. It is signed by the key before; the first one,
        and one that begins because the key before it was lost, by itself. The private key is saved here.

        Raises SigningKeyError: the key was in force before.
        """
        if key.id in self.ids:
            raise SigningKeyError("LED-KEY-USED", key.id)
        said = {
            "kho_ledger_key": 1 if lost is None else 2,
            "archive": self.archive,
            "number": len(self._rows) + 1,
            "from": first,
            "time": time_of(now),
            "key": key.description,
            "key_id": key.id,
            "previous": self.ids[-1] if self.ids else "",
            **({} if lost is None else {"lost": dict(lost)}),
        }
        signer = self.current if self._rows and lost is None else key
        statement = canonical(said)
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._keep(key)
        signature = base64.b64encode(signer.sign(KEY_PREFIX + statement)).decode("ascii")
        return {"statement": statement.decode("ascii"), "signature": signature}

    def _keep(self, key: SigningKey) -> None:
        """Raises SigningKeyError: its place holds something else, which would sign nothing when it is needed."""
        path = self._file(key.id)
        if not path.exists():
            key.save(path)
        elif (found := SigningKey.load(path).id) != key.id:
            raise SigningKeyError("LED-KEY-OTHER", str(path), wanted=key.id, found=found)

    def continues(self, line: Mapping[str, Any], first: int) -> bool:
        """Whether a line is the next statement here, of a key that signs from day ``first`` on."""
        said = stated(line["statement"])
        follows = self.ids and said["previous"] == self.ids[-1] and said["archive"] == self.archive
        return bool(follows and said["number"] == len(self._rows) + 1 and said["from"] == first)

    def take(self, line: Mapping[str, str]) -> None:
        """Let the key of a statement be in force from now on."""
        grown = KeyRing(self._folder, self.statements + canonical(line) + b"\n")
        write_statements(self._folder, grown.statements)
        self.__dict__.update(grown.__dict__)


def folder_of(archive: Archive) -> Path:
    """Where the ledger's keys are, and days until they are sealed."""
    return archive.settings.home / "ledger"


@contextlib.contextmanager
def alone(archive: Archive) -> Iterator[None]:
    """One at a time closes a day or changes the key: which key signs a day is decided by the day that was closed last."""
    folder = folder_of(archive)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def write_statements(folder: Path, statements: bytes) -> None:
    """Write keys.ndjson, whole and durably."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    temporary = folder / f"keys.{uuid.uuid4().hex}"
    try:
        with open(temporary, "wb") as stream:
            stream.write(statements)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, folder / STATEMENTS)
    except OSError:
        temporary.unlink(missing_ok=True)
        raise
    durable.fsync_folder(str(folder))  # the names of the private key and of the statements, before anything is signed


def ring_of(archive: Archive) -> KeyRing:
    """The ledger's keys; the first one is made when there is none and no day was ever closed. Raises SigningKeyError."""
    ring = _ring(archive)
    if not ring.ids:
        ring.take(ring.statement(SigningKey.generate(), 1, archive.clock.now()))
    _finish(archive, ring, _next(archive))
    return ring


def _next(archive: Archive) -> int:
    """The number of the day that is closed next, from which on a new key signs."""
    last = archive.catalog.days.last()
    return 1 if last is None else last.number + 1


def sign_document(archive: Archive, place: Path) -> None:
    """Sign a document that is handed out: its signature lies beside it (``….sig``), and the statements of keys, since days that come with
    it tell nothing of a key that has closed none yet. Raises SigningKeyError, OSError."""
    ring = ring_of(archive)
    signature = ring.current.sign(REPORT_PREFIX + place.read_bytes())
    place.with_name(place.name + ".sig").write_bytes(base64.b64encode(signature) + b"\n")
    (place.parent / STATEMENTS).write_bytes(ring.statements)


def _unusable(place: Path, error: OSError) -> SigningKeyError:
    if isinstance(error, PermissionError):
        return SigningKeyError("LED-KEYS-DENIED", str(place))
    return SigningKeyError("LED-KEYS-GONE", str(place), reason=os_phrase(error))


def _ring(archive: Archive) -> KeyRing:
    """The keys as the home tells them, or, where it has lost that, as the closed days on the tiers do."""
    folder, last = folder_of(archive), archive.catalog.days.last()
    place, known, reason = folder / STATEMENTS, b"", phrase("no-such-file")
    wanted = json.loads(last.head)["keys"] if last else ""
    try:
        known = place.read_bytes()
        ring = KeyRing(folder, known)
        if not wanted or until(known, wanted) is not None:
            return ring
        reason = phrase("led-other-keys")
    except FileNotFoundError:
        if last is None:
            return KeyRing(folder)
    except OSError as error:
        raise _unusable(place, error) from error
    except (ValueError, KeyError, TypeError) as error:
        reason = str(error)
    brought = None if last is None else _brought(archive, last, wanted)
    if brought is None:
        raise SigningKeyError("LED-KEYS-GONE", str(place), reason=reason)
    try:
        if place.exists():
            os.rename(place, folder / f"{STATEMENTS}.{uuid.uuid4().hex[:8]}.other")
        write_statements(folder, brought)
    except OSError as error:  # whoever only asks may have no right to write
        raise _unusable(place, error) from error
    _log.warning("the statements of the ledger's keys came back from a closed day (%s: %s)", place, reason)
    return KeyRing(folder, brought)


def _brought(archive: Archive, last: LedgerDay, wanted: str) -> bytes | None:
    """The statements that the newest head was made with, from a closed day on a tier."""
    days = list(archive.catalog.days.between(max(1, last.number - LOOKED_BACK)))
    for day in reversed(days):
        head = json.loads(day.head)
        if head["keys"] != wanted:
            return None
        for name in places_of(archive, day):
            with contextlib.suppress(StorageError, OSError):
                data = read_file(archive.tiers[name], day_object(head), STATEMENTS)
                if hashlib.sha256(data).hexdigest() == wanted:
                    return data
    return None


def _finish(archive: Archive, ring: KeyRing, first: int) -> None:
    """A loss that is told in the ledger holds, though whoever reported it was interrupted, or the home came back as it was before."""
    for event in reversed(archive.catalog.events.newest(KEY_LOST, FINISHED)):
        line = {name: str(event.detail.get(name, "")) for name in ("statement", "signature")}
        with contextlib.suppress(*BROKEN):
            if ring.continues(line, first):
                ring.take(line)


def until(statements: bytes, digest: str) -> bytes | None:
    """The first statements, those that have this digest (SHA-256, hexadecimal); None when it is of none of their beginnings."""
    told = b""
    for line in statements.splitlines(keepends=True):
        told += line
        if hashlib.sha256(told).hexdigest() == digest:
            return told
    return None


def refuse_second(archive: Archive, ledger: str, number: int) -> None:
    """Raises LedgerBehind: a tier has a day of this number of the ledger already (of tiers that do not answer nothing is known)."""
    place = ObjectId(day_object({"archive": ledger, "number": number}))
    for name, tier in archive.tiers.items():
        with contextlib.suppress(StorageError):
            tier.inventory(place)
            raise LedgerBehind(number, name)


def behind(archive: Archive) -> LedgerBehind | None:
    """Why no day can be closed, where the tiers have the next one already: this catalog is older than they are."""
    last = archive.catalog.days.last()
    try:
        if last is not None:
            refuse_second(archive, json.loads(last.head).get("archive", ""), last.number + 1)
    except LedgerBehind as error:
        return error
    return None


def rotate(archive: Archive, key: SigningKey | None = None) -> str:
    """Let a new key sign from the next day on; returns its id. The old key signs the new one's statement. Raises SigningKeyError."""
    with alone(archive):
        ring = ring_of(archive)
        ring.take(ring.statement(key or SigningKey.generate(), _next(archive), archive.clock.now()))
        return ring.ids[-1]


def report_lost(archive: Archive, reason: str, key: SigningKey | None = None) -> str:
    """The key in force is lost for good: let a new one sign from the next day on, which nobody vouches for; returns its id.

    An event tells who reported that and why, and holds the statement, which every verifier tells from then on. Nothing takes it back.

    Raises:
        SigningKeyError: the key in force is not lost; or it may not be read, which is no loss; or the new one was in force before.
        LedgerBehind: a tier has days that the catalog does not know, so that the new key would begin where the old one signed already.
        LedgerClock: by the clock the loss would be reported before the last day was closed: every verifier would take that for made up.
    """
    with alone(archive):
        ring, before = ring_of(archive), archive.catalog.days.last()
        _refuse_unless_lost(ring)
        first = _next(archive)
        refuse_second(archive, ring.archive, first)
        ledger = ledger_of(archive)
        event = ledger.event(KEY_LOST, "success", agent=archive.actor)
        if before is not None and time_of(event.time) < (closed := json.loads(before.head)["closed"]):
            raise LedgerClock(time_of(event.time)[:19], closed[:19])
        lost = {"event": event.id, "head": "" if before is None else hashlib.sha256(before.head).hexdigest()}
        line = ring.statement(key or SigningKey.generate(), first, event.time, lost)
        ledger.append_with_note(replace(event, detail={**event.detail, **line}), {"by": archive.actor, "reason": reason})
        ring.take(line)
        return ring.ids[-1]


def _refuse_unless_lost(ring: KeyRing) -> None:
    try:
        there = ring.current.id
    except SigningKeyError as error:
        if error.code == "LED-KEY-DENIED":
            raise
        return
    raise SigningKeyError("LED-KEY-NOT-LOST", there)


def lost_keys(archive: Archive) -> list[LostKey]:
    """Keys that began because the one before them was lost, as the home tells them; none where it tells of no keys at
    all. Raises SigningKeyError."""
    try:
        return KeyRing(folder_of(archive), (folder_of(archive) / STATEMENTS).read_bytes()).lost
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, TypeError):
        return ring_of(archive).lost


def key_in_force(archive: Archive) -> str:
    """The id of the key that signs the open day; "" before the first key is made. Raises SigningKeyError: it cannot sign."""
    if archive.catalog.days.last() is None and not (folder_of(archive) / STATEMENTS).exists():
        return ""
    return ring_of(archive).current.id
