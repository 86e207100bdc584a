"""The nouns of the flows: what a deposit, an AIP, a copy and an event are, as frozen facts. No behaviour, no database."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Generic, TypeVar

from formats.premis import Event
from policies.findings import Finding, Verdict

__all__ = [
    "NOT_SOUND",
    "Aip",
    "AipFile",
    "AipVersion",
    "CheckRecord",
    "Copy",
    "CopyState",
    "Damage",
    "Deposit",
    "DepositState",
    "Event",
    "Page",
]


T = TypeVar("T")


class DepositState(enum.Enum):
    """Where a deposit stands. The order is the life of a deposit; HELD, REFUSED and QUARANTINED wait or end."""

    RECEIVED = "received"  # known by its key; bytes on their way to the spool
    SPOOLED = "spooled"  # all bytes hashed and in the spool
    HELD = "held"  # waits for an officer
    ACCEPTED = "accepted"  # verdict given, AIP sealed
    KEPT = "kept"  # after a rebuild: its AIP is there, on too few tiers to say that it was ever stored
    STORED = "stored"  # registered in the catalog; the receipt may be given
    REFUSED = "refused"
    REPEATED = "repeated"  # the same bytes under the same key as an earlier deposit, whose id is the reason
    QUARANTINED = "quarantined"  # malware was found
    FAILED = "failed"  # Kho could not do its work; it can be tried again


class CopyState(enum.Enum):
    """What is known of one copy of one AIP on one tier."""

    ABSENT = "absent"  # promised, and not there yet (its tier could not be written)
    WRITTEN = "written"  # durable, not yet re-read: does not count
    GOOD = "good"  # re-read whole, and matched
    DAMAGED = "damaged"  # re-read, and something is altered, missing or extra
    UNREADABLE = "unreadable"  # could not be looked at: neither good nor damaged
    UNKNOWN = "unknown"  # after a rebuild of the catalog: nothing is believed until re-read


NOT_SOUND = frozenset({CopyState.DAMAGED, CopyState.UNREADABLE, CopyState.UNKNOWN})
"""States of a copy that is there and not known to be good. A version that is added to it does not change that, and does not count."""


@dataclass(frozen=True, slots=True)
class Deposit:
    """One deposit. ``key`` is the depositor's idempotency key, ``fingerprint`` the SHA-256 (hex) over its sorted manifest, by
    which the same bytes are known again. ``findings`` holds the first of each code; ``finding_counts`` all of them."""

    id: str
    key: str
    producer: str
    label: str
    source: str
    state: DepositState
    created: datetime
    updated: datetime
    actor: str
    fingerprint: str = ""
    update_of: str = ""
    verdict: Verdict | None = None
    findings: tuple[Finding, ...] = ()
    finding_counts: Mapping[str, int] = field(default_factory=dict)
    reason: str = ""  # an officer's words on release or refusal
    decided_by: str = ""
    error: str = ""  # FAILED: code and sentence
    aip_id: str = ""
    aip_version: int = 0
    files: int = 0
    bytes: int = 0
    scanned: str = ""  # malware scanner and signature date; "" = not scanned
    expires: datetime | None = None  # refused and held: kept until
    wanted_key: str = ""  # the key the depositor asked for; "" = producer and manifest decide


@dataclass(frozen=True, slots=True)
class AipVersion:
    """One version of an AIP. Digests are of the stored inventory.json."""

    number: int
    inventory_sha512: str
    created: datetime
    deposit_id: str
    message: str
    files: int
    bytes: int


@dataclass(frozen=True, slots=True)
class AipFile:
    """One file of an AIP version's state. ``content_path`` is where its bytes are stored in the OCFL object."""

    path: str
    content_path: str
    size: int
    sha256: str
    sha512: str
    puid: str = ""
    format_name: str = ""
    original_name: str = ""  # as deposited, when it differs; non-UTF-8 bytes as surrogate escapes
    inside: str = ""  # what lies in it, where it is an archive that was looked into: the text of a formats.enclosed.Enclosed


@dataclass(frozen=True, slots=True)
class Damage:
    """One file of one copy that the last check found not good. Outcome: altered, missing, extra or unreadable."""

    aip_id: str
    tier: str
    path: str
    outcome: str
    expected: str = ""
    found: str = ""
    detected: datetime | None = None


@dataclass(frozen=True, slots=True)
class Copy:
    """One copy: an AIP, all its versions, on one tier."""

    aip_id: str
    tier: str
    version: int
    state: CopyState
    stored: datetime | None
    last_check: datetime | None
    check_next: datetime | None
    bytes: int
    files: int
    damages: tuple[Damage, ...] = ()
    last_full: datetime | None = None  # last found good by SHA-512
    last_look: datetime | None = None  # last seen with all files in their size, without being read
    look_next: datetime | None = None  # when that is to be seen again; None: never
    collection: str = ""  # of the AIP, as it was found with the copy


@dataclass(frozen=True, slots=True)
class Aip:
    """One AIP with its newest version. ``fields`` are descriptive values by name, flattened by a mapping."""

    id: str
    producer: str
    title: str
    package: str
    version: int
    created: datetime
    updated: datetime
    files: int
    bytes: int
    versions: tuple[AipVersion, ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    copies: tuple[Copy, ...] = ()
    identifier: str = ""  # the depositor's own id of the package
    collection: str = ""  # after the policy; "" is none


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page of a list; ``cursor`` asks for the next one, None at the end."""

    items: tuple[T, ...]
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class CheckRecord:
    """The outcome of one check of one copy, as it is recorded: one row a copy, one a damaged file."""

    aip_id: str
    tier: str
    time: datetime
    state: CopyState
    algorithm: str
    files: int
    bytes: int
    inventory_sha512: str
    check_next: datetime | None
    damages: tuple[Damage, ...] = ()
    version: int = 0  # that was checked; 0 = not said. A copy that has another by now keeps its state
    last_check: datetime | None = None  # the one before this, which found it good: what is damaged now was damaged since then
    look_next: datetime | None = None
    problems: Mapping[str, int] = field(default_factory=dict)  # in the history: outcome → how many files
