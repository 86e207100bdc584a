"""Moving things out of an object without losing them: ``<tier>/quarantine/<date>-<uuid>/{note.json,found/<name>}``."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import uuid

from storage import durable
from storage.beneath import check_path, folder_beneath
from storage.errors import NotFound, from_os
from storage.ocfl.folder import TierFolder

__all__ = ["move_out"]

NOTE = "note.json"
FOUND = "found"


def move_out(tier: TierFolder, object_id: str, path: str, reason: str, *, top: str | None = None) -> str:
    """Move ``path`` (file, folder, link, anything) out of the object; durable. Returns where it lies now. ``top`` is given where it
    is no object that ``path`` lies in, but the storage root itself (``object_id`` is "" then).

    Raises:
        NotFound: nothing is there. Unavailable, Refused: it could not be moved and is where it was.
    """
    top = top or tier.object_root(object_id)
    parent, _, name = check_path(path).rpartition("/")
    # The clock only names the folder; when things happened is the ledger's to say.
    now = datetime.datetime.now(datetime.UTC)
    folder = os.path.join(tier.quarantine, f"{now:%Y-%m-%d}-{uuid.uuid4()}")
    try:
        with folder_beneath(top, parent) as descriptor:
            os.stat(name, dir_fd=descriptor, follow_symlinks=False)
        durable.mkdir(folder)
        durable.mkdir(os.path.join(folder, FOUND))
        _note(
            folder,
            {"kho_note": 1, "tier": tier.name, "object": object_id, "path": path, "reason": reason, "moved": now.isoformat()},
        )
        for changed in (folder, tier.quarantine):
            durable.fsync_folder(changed)  # the way to its new place must stay before it goes there
        target = os.path.join(folder, FOUND, name)
        durable.rename(os.path.join(top, path), target)
        for changed in (os.path.join(folder, FOUND), os.path.join(top, parent)):
            durable.fsync_folder(changed)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotFound(path) from error
    except OSError as error:
        raise from_os(error, path) from error
    _prune(top, parent)
    return target


def _note(folder: str, note: dict[str, str | int]) -> None:
    descriptor = durable.create(os.path.join(folder, NOTE))
    try:
        durable.write(descriptor, json.dumps(note, ensure_ascii=True, indent=1).encode("ascii") + b"\n")
        durable.fsync(descriptor)
    finally:
        durable.close(descriptor)


def _prune(top: str, folder: str) -> None:
    """Folders that the move left empty are extra themselves (OCFL E024); a file that is restored makes its folder again."""
    with contextlib.suppress(OSError):
        while folder:
            durable.rmdir(os.path.join(top, folder))
            folder = folder.rpartition("/")[0]
