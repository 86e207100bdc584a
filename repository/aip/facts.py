"""Facts of an AIP and its deposits for the catalog, made the same way after keeping and after a rebuild, so that both answer alike."""

from __future__ import annotations

import os
from datetime import datetime

from policies.archive import Policy
from policies.collections import collection_of
from policies.findings import Finding, Verdict
from repository.aip.submission import DepositRecord
from repository.model import Aip, Deposit, DepositState

__all__ = ["aip_facts", "original_name", "past_deposit"]


def aip_facts(aip_id: str, record: DepositRecord, policy: Policy, *, created: datetime, updated: datetime) -> Aip:
    """What the catalog shows of an AIP, from the submission record of its newest version: after keeping, and after a rebuild. Its
    collection is the one that the ``policy`` says."""
    return Aip(
        id=aip_id,
        producer=record.producer,
        title=record.title,
        package=record.package,
        identifier=record.identifier,
        version=0,
        created=created,
        updated=updated,
        files=0,
        bytes=0,
        fields=record.fields,
        collection=collection_of(policy.collections, record.producer, record.fields),
    )


def original_name(name: bytes, path: str) -> str:
    """The name as deposited (surrogate escapes for what is no UTF-8); "" when the logical path ends in it."""
    text = os.fsdecode(name)
    return "" if not name or path.endswith("/" + text) else text


def past_deposit(record: DepositRecord, aip_id: str, number: int, *, state: DepositState, ended: datetime) -> Deposit:
    """The deposit that became version ``number`` of an AIP, as its submission record tells it, for the same key to be known again."""
    return Deposit(
        id=record.deposit_id,
        key=record.key,
        producer=record.producer,
        label=record.name,
        source=record.source,
        state=state,
        created=datetime.fromisoformat(record.received),
        updated=ended,
        actor=record.actor,
        fingerprint=record.fingerprint,
        update_of=aip_id if number > 1 else "",
        verdict=Verdict.ACCEPT,
        findings=tuple(map(Finding.of_json, record.findings)),
        finding_counts=record.finding_counts,
        decided_by=record.waived_by,
        aip_id=aip_id,
        aip_version=number,
        files=record.file_count,
        bytes=record.byte_count,
        scanned=record.scanned,
    )
