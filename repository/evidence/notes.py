"""Small documents that evidence keeps in the home, ``HOME/evidence/<name>.json``: what must not lie on a tier, or only this home knows."""

from __future__ import annotations

import json
import os
import uuid
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from policies.phrases import os_phrase, phrase
from repository.archive import Archive
from repository.errors import RepositoryError
from storage import durable

__all__ = ["UnreadableNote", "lately", "read_note", "write_note"]

FORMAT = 1
"""``kho_evidence_note`` of each."""


class UnreadableNote(RepositoryError):
    """A note of evidence in the home is damaged, or of a newer Kho."""

    def __init__(self, path: str, reason: str) -> None:
        super().__init__("EVD-NOTE", path, reason=reason)


def _file(archive: Archive, name: str) -> Path:
    return archive.settings.home / "evidence" / f"{name}.json"


def read_note(archive: Archive, name: str) -> dict[str, Any]:
    """What a note says; nothing when there is none. Raises UnreadableNote."""
    file = _file(archive, name)
    try:
        facts = dict(json.loads(file.read_bytes()))
        if facts.pop("kho_evidence_note") != FORMAT:
            raise ValueError(phrase("note-newer", known=FORMAT))
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise UnreadableNote(str(file), os_phrase(error)) from error
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableNote(str(file), str(error)) from error
    return facts


def lately(noted: str, now: datetime, span: timedelta) -> bool:
    """Whether a time of a note is less than ``span`` ago. One that has not come yet is of a clock that was wrong, and says nothing."""
    return datetime.fromisoformat(noted) <= now < datetime.fromisoformat(noted) + span


def write_note(archive: Archive, name: str, facts: dict[str, Any]) -> None:
    """Write a note in the place of the one before, so that a loss of power leaves one of the two."""
    file = _file(archive, name)
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_name(f"{uuid.uuid4().hex}.note")
    with open(temporary, "wb") as out:
        out.write(json.dumps({"kho_evidence_note": FORMAT, **facts}, indent=1).encode() + b"\n")
        out.flush()
        os.fsync(out.fileno())
    os.rename(temporary, file)
    durable.fsync_folder(os.fspath(file.parent))
