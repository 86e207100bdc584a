"""The texts of policies by their digest, as they were in force: an event names the digest of the one it happened under, and policy.toml has
only the last.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import uuid
from pathlib import Path

from repository.archive import Archive

__all__ = ["POLICIES", "remember", "text_of"]

POLICIES = Path("ledger", "policies")
"""In the home: one file a policy under which something happened, by its digest."""


def remember(archive: Archive) -> None:
    """Keep the text of the policy in force in the home, before something happens under it. A home that cannot be written, and a file that
    is another by now, hold nobody up: then no day will have that text, and says so."""
    _kept(archive.settings.home, archive.settings.policy_file, archive.policy.digest)


@functools.lru_cache(maxsize=256)
def _kept(home: Path, policy_file: Path, digest: str) -> None:
    """Once a process, home and policy: a ledger is asked for with almost every event."""
    place = _place(home, digest)
    if text_of(home, digest) is not None:
        return
    temporary = place.with_name(f"{digest[:16]}.{uuid.uuid4().hex}")
    try:
        text = policy_file.read_bytes()
        if hashlib.sha256(text).hexdigest() != digest:
            return
        for folder in (place.parent.parent, place.parent):
            folder.mkdir(mode=0o700, exist_ok=True)
        with open(temporary, "wb") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.rename(temporary, place)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink()


def text_of(home: Path, digest: str) -> bytes | None:
    """The text of a policy under which something happened here; None when it is not known."""
    with contextlib.suppress(OSError):
        text = _place(home, digest).read_bytes()
        if hashlib.sha256(text).hexdigest() == digest:
            return text
    return None


def _place(home: Path, digest: str) -> Path:
    return home / POLICIES / f"{digest}.toml"
