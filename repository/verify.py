"""``kho verify``: check any OCFL root or object, bag or E-ARK package, also one that Kho never saw. Looks, and changes nothing."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

from policies.findings import Findings
from repository.errors import SourceMissing
from repository.progress import Progress
from storage.ocfl.check import check_path, is_ocfl, is_root_by_objects
from storage.ocfl.folder import MARKER, ROOT

if TYPE_CHECKING:
    from formats.package.source import Source
    from storage.processes import Helpers

__all__ = ["verify_path"]


def verify_path(path: Path, findings: Findings, progress: Progress, *, helpers: Helpers | None = None) -> str:
    """Check what stands at ``path``, of the folder of a tier its storage root; findings by code. Returns what it was taken for: "ocfl",
    "bagit", "eark" or "unrecognised".
    ``helpers`` are processes that `storage.ocfl.early.early_helpers` started for it.

    Raises:
        SourceMissing: nothing readable is there, or neither a file nor a folder (a pipe would be waited for without end).
    """
    if not (path.is_file() or path.is_dir()):
        raise SourceMissing(str(path))
    if path.is_dir():
        if (path / MARKER).is_file() and (path / ROOT).is_dir():
            path = path / ROOT
            os.scandir(path).close()  # one that may not be read is not known to be none
        if is_ocfl(path) or _lost_root(path):
            check_path(path, findings, progress=progress, helpers=helpers)
            return "ocfl"
        from formats.package.folder import FolderSource

        form = _package(FolderSource(path, findings), path, findings)
        if form == "unrecognised" and _holds_nothing(path):  # an OCFL object of which nothing is left looks like this
            check_path(path, findings, progress=progress)
        return form
    return _packed(path, findings, progress)


def _packed(path: Path, findings: Findings, progress: Progress) -> str:
    import tempfile

    from formats.package.reception import spool_path
    from formats.package.spool import Spool

    with tempfile.TemporaryDirectory(prefix="kho-verify-") as work, Spool(Path(work)) as spool:
        spool_path(path, spool, findings, progress=progress)
        return _package(spool, path, findings)


def _lost_root(path: Path) -> bool:
    """Whether a folder is an OCFL storage root whose declaration and layout file are both gone, and no package that holds objects."""
    from formats.package import recognise
    from formats.package.folder import FolderSource

    return is_root_by_objects(path) and recognise(FolderSource(path)).name == "folder"


def _holds_nothing(path: Path) -> bool:
    """Whether a folder is empty, but for the file by which version control keeps an empty folder. Unreadable is not empty."""
    try:
        return set(os.listdir(path)) <= {".keep"}
    except OSError:
        return False


def _package(source: Source, path: Path, findings: Findings) -> str:
    from formats.package import recognise

    form = recognise(source)
    if form.name == "folder":
        findings.add("VER-UNRECOGNISED", str(path))
        return "unrecognised"
    form.check(source, findings)
    return form.name
