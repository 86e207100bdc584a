"""Where the bytes of an upload lie, and what becomes of them: the little that the flows know of arrivals.

An upload is kept until the receipt; with a refused or infected deposit it goes where that one's files go, and with one that is held
or failed it waits.
"""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

from repository.model import Deposit, DepositState

__all__ = ["SCHEME", "clear_upload", "incoming_folder", "source_of"]

SCHEME: Final = "upload:"
"""How the source of a deposit begins that was sent to us: ``upload:sha256:<hex>``. A path on this machine begins with "/"."""

_DONE: Final = (DepositState.STORED, DepositState.REPEATED)
_ASIDE: Final = {DepositState.REFUSED: "refused", DepositState.QUARANTINED: "quarantine"}


def incoming_folder(home: Path, deposit_id: str) -> Path:
    """The folder of one upload (of all of them for "")."""
    return home / "spool" / "incoming" / deposit_id


def source_of(home: Path, deposit: Deposit) -> Path:
    """The file or folder that a deposit is read from; it need not exist (any more)."""
    if not deposit.source.startswith(SCHEME):
        return Path(deposit.source)
    return incoming_folder(home, deposit.id) / deposit.label


def clear_upload(home: Path, deposit: Deposit) -> None:
    """Do with the upload what the deposit's state asks for. Done already, or no upload, is fine."""
    folder = incoming_folder(home, deposit.id)
    if not deposit.source.startswith(SCHEME) or not folder.exists():
        return
    if deposit.state in _DONE:
        shutil.rmtree(folder, ignore_errors=True)
    elif deposit.state in _ASIDE:
        target = home / _ASIDE[deposit.state] / deposit.id / "upload"
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.exists():
            shutil.rmtree(target)
        folder.rename(target)
