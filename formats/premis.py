"""PREMIS 3: events and agents. Event is defined here, beside the writer that puts it into an AIP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

__all__ = ["Event"]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to an AIP, a deposit or a right: append-only, never changed.

    ``type`` is from the PREMIS event type vocabulary where it has a word ("ingestion", "fixity check", "message digest
    calculation", "format identification", "virus check", "replication", "recovery" …); ``outcome`` is "success", "warning" or
    "fail"; ``agent`` who did it ("kho 0.1.0", "user:name"), ``detail`` codes and counts, no names or reasons of people.
    """

    id: str
    type: str
    time: datetime
    agent: str
    outcome: str
    aip_id: str = ""
    aip_version: int = 0
    deposit_id: str = ""
    tier: str = ""
    detail: Mapping[str, str | int] = field(default_factory=dict)
