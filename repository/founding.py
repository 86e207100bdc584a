"""Founding: what a new archive is made of, taken back when the making fails, so that the next attempt finds the place as it was.

Only what was not there before is taken away, and of a tier only one whose marker is ours (or that has none yet). Tables in a
database server stay: making them again changes nothing.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from policies.phrases import os_phrase, phrase
from repository.settings.home import SettingsError, TierPlace
from repository.tiers import make_tier, unmake_tier
from storage.errors import AlreadyExists, StorageError
from storage.ocfl.folder import MARKER, ROOT
from storage.ocfl.tier import LocalTier

__all__ = ["Founding"]

HOME_ENTRIES: Final = (
    "kho.toml",
    "kho.toml.new",
    "policy.toml",
    "policy.toml.kept",
    "formats.toml",
    "formats.toml.kept",
    "spool",
    "refused",
    "quarantine",
    "log",
    "lock",
)
"""What stands in a new home, beside the catalog (catalog.db and what SQLite puts beside it)."""

TIER_ENTRIES: Final = (MARKER, ROOT, "canaries", "quarantine", "tmp")
"""What stands in a new tier's folder; the marker first, so that what is half taken away is no tier."""


class Founding:
    """The making of one archive: a context that holds its home for itself, and takes everything back on any exception."""

    def __init__(self, home: Path) -> None:
        self._home = Path(os.path.abspath(home))
        self._there: set[str] = set()
        self._made: list[Path] = []
        self._tiers: list[tuple[TierPlace, set[str], str]] = []
        self._descriptor = -1

    def __enter__(self) -> Self:
        """Raises SettingsError: (SET-UNREADABLE) the home cannot be made, or another process is making an archive in it."""
        try:
            self._make(self._home)
            self._descriptor = os.open(self._home, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            _hold(self._descriptor)
            self._there = set(os.listdir(self._home))
        except OSError as problem:
            self._end()
            self._remove_folders()
            busy = isinstance(problem, BlockingIOError)
            reason = phrase("founding-busy") if busy else os_phrase(problem)
            raise SettingsError("SET-UNREADABLE", str(self._home), reason=reason) from problem
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        try:
            if error is not None:
                self._take_back()
        finally:
            self._end()

    def tier(self, place: TierPlace) -> str:
        """Make one tier; returns its UUID. Raises StorageError, and SettingsError (SET-TIER-TAKEN) when a tier is there."""
        try:
            self._make(place.path)
            before = set(os.listdir(place.path)) if place.s3 is None else set()
        except OSError as problem:
            raise SettingsError("SET-UNREADABLE", str(place.path), reason=os_phrase(problem)) from problem
        self._tiers.append((place, before, ""))
        try:
            identifier = make_tier(place)
        except AlreadyExists as error:
            self._tiers.pop()
            raise SettingsError("SET-TIER-TAKEN", place.shown, tier=place.name) from error
        self._tiers[-1] = (place, before, identifier)
        return identifier

    def _make(self, folder: Path) -> None:
        missing = [each for each in (folder, *folder.parents) if not os.path.lexists(each)]
        for each in reversed(missing):
            with contextlib.suppress(FileExistsError):  # another process made it: then it is not ours to remove
                each.mkdir()
                self._made.append(each)

    def _take_back(self) -> None:
        for place, before, identifier in self._tiers:
            if place.s3 is not None:
                with contextlib.suppress(StorageError):
                    if identifier:
                        unmake_tier(place)
            elif _marked(place) == identifier:
                _remove(place.path, [name for name in TIER_ENTRIES if name not in before])
        catalog = [name for name in os.listdir(self._home) if name.startswith("catalog.db")]
        ours = [name for name in (*HOME_ENTRIES, *catalog) if name not in self._there]
        _remove(self._home, ours)
        self._remove_folders()

    def _remove_folders(self) -> None:
        for folder in reversed(self._made):
            with contextlib.suppress(OSError):  # something else came to stand in it
                folder.rmdir()

    def _end(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1


def _hold(descriptor: int) -> None:
    """Lock a folder against a second founder. Raises BlockingIOError; a file system that cannot lock folders (NFS) is let be."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise
    except OSError:
        return


def _marked(place: TierPlace) -> str | None:
    """The UUID of the tier that stands there now; "" for none, None when that cannot be said."""
    if not os.path.lexists(place.path / MARKER):
        return ""
    try:
        return LocalTier(place.path, place.name).identifier
    except (StorageError, OSError):
        return None


def _remove(folder: Path, names: list[str]) -> None:
    for name in names:
        path = folder / name
        with contextlib.suppress(OSError):  # what cannot be removed now must not hide why the making failed
            if path.is_dir() and not path.is_symlink():
                shutil.rmtree(path)
            else:
                path.unlink(missing_ok=True)
