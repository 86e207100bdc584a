"""Remains: what a deposit that is in no AIP leaves beside its bytes, so that its row outlives the catalog as long as the home does.

``deposit.json`` in the deposit's folder (``spool/``, ``refused/``, ``quarantine/``) is its row as it was decided; what was accepted
and waits for its copies is told by the AIP that is sealed in its spool. Whether a tier holds that by now, the tiers say. ``rows/`` has
the rows of deposits that have no folder any more, and of those that an officer let in: no AIP tells of the reason.
"""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from fixity.manifest import Manifest
from formats.package.spool import Spool
from policies.findings import Finding, KhoError, Verdict, said
from repository.aip.facts import past_deposit
from repository.aip.sealing import summary_of
from repository.aip.submission import SUBMISSION_PATH, DepositRecord, read_submission
from repository.archive import Archive
from repository.errors import SpoolDamaged
from repository.model import Deposit, DepositState

__all__ = [
    "PLACES",
    "is_of",
    "keep_row",
    "kept_row",
    "kept_rows",
    "remaining",
    "sealed_file",
    "sealed_record",
    "waits",
    "write_row",
]

PLACES: Final = ("spool", "refused", "quarantine")
"""The folders of a home in which deposits lie."""

_FILE: Final = "deposit.json"
_ROWS: Final = "rows"
_FORMAT: Final = 1
_MOMENTS: Final = ("created", "updated", "expires")


def write_row(folder: Path, deposit: Deposit) -> None:
    """Put the row of a deposit beside its bytes; a row that was there before is replaced whole."""
    _write(folder / _FILE, deposit)


def _write(target: Path, deposit: Deposit) -> None:
    row = {field.name: getattr(deposit, field.name) for field in dataclasses.fields(deposit)}
    row |= {name: row[name].isoformat() for name in _MOMENTS if row[name] is not None}
    row |= {"state": deposit.state.value, "verdict": None if deposit.verdict is None else deposit.verdict.value}
    row |= {"findings": [each.as_json() for each in deposit.findings], "finding_counts": dict(deposit.finding_counts)}
    partial = target.with_name(target.name + ".partial")
    partial.write_text(json.dumps({"kho": _FORMAT, **row}), encoding="ascii")
    os.replace(partial, target)


def waits(archive: Archive, deposit: Deposit, reason: KhoError | str) -> None:
    """An accepted deposit says why it is not stored as yet."""
    error = reason if isinstance(reason, str) else said(reason.finding)
    waiting = archive.catalog.deposits.update(deposit.id, error=error, updated=archive.clock.now())
    folder = archive.spools.folder(deposit.id)
    if folder.exists():
        write_row(folder, waiting)


def keep_row(archive: Archive, deposit: Deposit) -> None:
    """Keep the row of a deposit that leaves nothing else in the home."""
    folder = archive.settings.home / _ROWS
    folder.mkdir(exist_ok=True)
    _write(folder / f"{deposit.id}.json", deposit)


def kept_rows(archive: Archive) -> Iterator[str]:
    """The ids of deposits whose rows were kept."""
    folder = archive.settings.home / _ROWS
    for each in folder.iterdir() if folder.exists() else ():
        if each.suffix == ".json":
            yield each.stem


def kept_row(archive: Archive, deposit_id: str) -> Deposit | None:
    """The row that was kept of a deposit; None when there is none that can be read."""
    return _row_in(os.path.join(archive.settings.home, _ROWS, f"{deposit_id}.json"), deposit_id)


def remaining(archive: Archive, place: str, deposit_id: str) -> Deposit | None:
    """The deposit that lies in ``place`` under this id, as its remains tell it; None when they do not."""
    folder = archive.settings.home / place / deposit_id
    row = _row_in(folder / _FILE, deposit_id)
    if place != "spool" or not (folder / "sealed" / "sealed.json").exists():
        return row
    try:
        sealed = _sealed(archive, deposit_id)
    except (OSError, ValueError, KeyError, TypeError, KhoError):
        return None
    return row if row is not None and is_of(row, sealed) and row.state is sealed.state else sealed


def is_of(row: Deposit, other: Deposit) -> bool:
    """Whether both tell of one deposit that became one version."""
    return (row.id, row.aip_id, row.aip_version, row.fingerprint) == (
        other.id,
        other.aip_id,
        other.aip_version,
        other.fingerprint,
    )


def _row_in(file: str | Path, deposit_id: str) -> Deposit | None:
    try:
        with open(file, encoding="ascii") as stream:
            deposit = _row(json.load(stream))
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return deposit if deposit.id == deposit_id else None


def _row(row: dict[str, Any]) -> Deposit:
    if row.pop("kho") != _FORMAT:
        raise ValueError("another format")
    row |= {name: datetime.fromisoformat(row[name]) for name in _MOMENTS if row[name] is not None}
    row |= {"state": DepositState(row["state"]), "verdict": None if row["verdict"] is None else Verdict(row["verdict"])}
    row["findings"] = tuple(map(Finding.of_json, row["findings"]))
    return Deposit(**row)


def sealed_file(spool: Spool, path: str) -> Path:
    """Where a file lies that was made for the sealed version, by its logical path. Raises SpoolDamaged."""
    entry = Manifest(spool.database).get(path)
    if entry is None:
        raise SpoolDamaged(path)
    return spool.folder / "sealed" / entry.file.removeprefix("sealed/")


def sealed_record(spool: Spool) -> DepositRecord:
    """What is sealed says of the deposit. Raises SpoolDamaged, AipUnreadable; OSError as it is."""
    with sealed_file(spool, SUBMISSION_PATH).open("rb") as stream:
        return read_submission(stream)[0]


def _sealed(archive: Archive, deposit_id: str) -> Deposit:
    """An accepted deposit, from what is sealed; it waits for its copies, as it did."""
    spool = archive.spools.get(deposit_id)
    try:
        summary = summary_of(spool.folder)
        record = sealed_record(spool)
    finally:
        archive.spools.close(deposit_id)
    ended = datetime.fromisoformat(summary["created"])
    return past_deposit(record, summary["aip"], summary["version"], state=DepositState.ACCEPTED, ended=ended)
