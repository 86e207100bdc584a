"""Facts of an AIP for the catalog, made the same way after keeping and after a rebuild, so that the two give the same answers."""

from __future__ import annotations

import os
from datetime import datetime

from repository.model import Aip
from repository.submission import DepositRecord

__all__ = ["aip_facts", "original_name"]


def aip_facts(aip_id: str, record: DepositRecord, *, created: datetime, updated: datetime) -> Aip:
    """What the catalog shows of an AIP, from the submission record of its newest version: after keeping, and after a rebuild."""
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
    )


def original_name(name: bytes, path: str) -> str:
    """The name as deposited (surrogate escapes for what is no UTF-8); "" when the logical path ends in it."""
    text = os.fsdecode(name)
    return "" if not name or path.endswith("/" + text) else text
