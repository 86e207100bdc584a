"""Checking any OCFL object or storage root, in any state, that Kho may never have seen before (OCFL 1.0 and 1.1).

Everything wrong becomes a finding under the official code; what could not be read becomes FIX-UNREADABLE and never "altered".
Nothing is ever written, no link is followed, and no path of an inventory is opened: files are found by walking, then looked up.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Literal, Protocol

from fixity.errors import CouldNotRead
from policies.findings import Findings
from policies.phrases import os_phrase
from storage.backend import Backend
from storage.ocfl.check_declaration import OBJECT, ROOT
from storage.ocfl.check_object import ObjectCheck, Verdict, reporter
from storage.ocfl.check_parallel import LocalRoot, check_in_turn, check_local
from storage.ocfl.check_root import RootCheck, is_object
from storage.ocfl.layout import LAYOUT_FILE
from storage.ocfl.readonly import FILE, FOLDER, BackendPlace, LocalPlace
from storage.processes import Helpers

__all__ = ["Progress", "Verdict", "check_object", "check_path", "check_root", "is_ocfl", "is_root_by_objects"]

_LOOKED_INTO = 16
"""Folders of a root that are looked into when nothing but its objects tells what it is."""

_DEEPEST = 32
"""Folders on the way from there to an object; layouts have up to five."""


class Progress(Protocol):
    """One phase at a time; never raises."""

    def start(self, phase: str, total: int | None, unit: Literal["bytes", "files", "objects"]) -> None: ...

    def advance(self, amount: int) -> None: ...

    def finish(self) -> None: ...


def check_object(
    backend: Backend,
    prefix: str,
    findings: Findings,
    *,
    spec: str | None = None,
    content: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Verdict:
    """Judge the object under the key ``prefix`` of a backend.

    ``spec`` ("1.0", "1.1") judges by that version whatever the object declares; without ``content`` no content file is read, only
    names are compared. ``progress`` is called with bytes of content as they were read. Raises nothing.
    """
    place = BackendPlace(backend, prefix)
    return ObjectCheck(place, reporter(findings, prefix), spec=spec, content=content, progress=progress).check()


def check_root(
    backend: Backend, findings: Findings, *, prefix: str = "", content: bool = True, progress: Progress | None = None
) -> None:
    """Judge the storage root under the key ``prefix`` of a backend, with all its objects, one after the other.

    On a store without folders, empty ones (E024, E073) cannot exist. Raises nothing.
    """
    place = BackendPlace(backend, prefix)
    check_in_turn(
        RootCheck(place, reporter(findings, prefix)), place, findings, prefix=prefix, content=content, progress=progress
    )


def is_ocfl(path: Path) -> bool:
    """Whether a local folder claims, or did before it was damaged, to be an OCFL storage root or object."""
    try:
        names = os.listdir(path)
    except OSError:
        return False
    return _is_root(names) or _is_object(path)


def _is_root(names: list[str]) -> bool:
    """Its declaration says so; where that is gone, the file that describes its layout still does."""
    return LAYOUT_FILE in names or any(
        name.startswith(f"0={ROOT.value}") and not name.startswith(f"0={OBJECT.value}") for name in names
    )


def is_root_by_objects(path: Path) -> bool:
    """Whether a local folder that says nothing of itself is an OCFL storage root all the same: its folders (the first of them are
    looked into) lead to objects, through nothing but folders. So does the ``data`` of a bag that holds an object: ask first whether it is
    a package."""
    place = LocalPlace(os.fspath(path))
    try:
        entries = place.scan("")
        if is_object(entries) or any(kind not in (FILE, FOLDER) for _name, kind in entries):
            return False
        folders = [name for name, kind in entries if kind == FOLDER and name != "extensions"][:_LOOKED_INTO]
        return bool(folders) and all(_leads_to_object(place, folder) for folder in folders)
    except CouldNotRead:
        return False


def _leads_to_object(place: LocalPlace, folder: str) -> bool:
    for _ in range(_DEEPEST):
        entries = place.scan(folder)
        if is_object(entries):
            return True
        if not entries or any(kind != FOLDER for _name, kind in entries):
            return False
        folder = f"{folder}/{entries[0][0]}"
    return False


def _is_object(path: Path) -> bool:
    place = LocalPlace(os.fspath(path))
    return is_object(place.scan(""))


def check_path(
    path: Path,
    findings: Findings,
    *,
    progress: Progress | None = None,
    workers: int | None = None,
    helpers: Helpers | None = None,
) -> None:
    """Judge the storage root or object in a local folder; paths in findings are relative to it.

    A folder that is neither is judged as an object (E003, E063). ``workers`` is the number of processes for a storage root
    (None: one a processor), ``helpers`` are those that `storage.ocfl.early.early_helpers` started (whoever asked for them closes them).
    Raises nothing.
    """
    place = LocalPlace(os.fspath(path))
    report = reporter(findings, "")
    try:
        names = os.listdir(path)
    except OSError as error:
        report("FIX-UNREADABLE", "", reason=os_phrase(error))
        return
    if (_is_root(names) and not is_object(place.scan(""))) or is_root_by_objects(path):
        check_local(LocalRoot(place.root, workers, helpers), RootCheck(place, report), findings, progress=progress)
        return
    if progress is not None:
        progress.start("check", None, "bytes")
    ObjectCheck(place, report, progress=progress.advance if progress else None).check()
    if progress is not None:
        progress.finish()
