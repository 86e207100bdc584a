"""From what a depositor hands over, a folder or an archive, to a full spool."""

from __future__ import annotations

import os
from pathlib import Path

from fixity import CouldNotRead
from formats.errors import NameTaken
from formats.package.archives import expand, looks_like_archive
from formats.package.defects import Defect, Hostile
from formats.package.directory import FolderSource, SteadyFile
from formats.package.limits import LIMITS, Limits
from formats.package.meter import Meter, Progress
from formats.package.names import check_names
from formats.package.source import Item, Kind
from formats.package.spool import Spool
from policies.findings import Findings
from policies.phrases import phrase

__all__ = ["spool_path"]


def spool_path(
    source: Path, spool: Spool, findings: Findings, *, limits: Limits = LIMITS, progress: Progress | None = None
) -> None:
    """Read a folder, .zip, .tar, .tar.gz or .tgz into ``spool``; what is wrong with it, or odd about names, into ``findings``.

    The spool is `complete` afterwards. An archive with one folder at its top and nothing beside it loses that folder from its
    names (BagIt and E-ARK archives are made so); ``spool.meta("top")`` keeps it.

    Raises:
        SpoolFull, SpoolFailed: the spool's disk.
    """
    if source.is_dir():
        if progress is not None:
            progress.start("spool", None, "bytes")
        _spool_folder(source, spool, findings, Meter(limits, progress=progress))
        check_names((item.name for item in spool.items()), findings)
        spool.finish()
        if progress is not None:
            progress.finish()
    elif looks_like_archive(source):
        expand(source, spool, findings, limits=limits, progress=progress)
    else:
        label = os.fsencode(source.name).decode("utf-8", "backslashreplace")
        if source.exists():
            findings.add("PKG-NOT-A-PACKAGE", label)
        else:
            findings.add("FIX-UNREADABLE", label, reason=phrase("nothing-there"))


def _spool_folder(path: Path, spool: Spool, findings: Findings, meter: Meter) -> None:
    source = FolderSource(path, findings)
    spool.label = source.label
    spool.set_meta("container", b"folder")
    for item in source.items():
        try:
            meter.entry(item.name, item.size)
            _spool_item(source, item, spool)
            meter.count(item.size)
        except Hostile as end:
            findings.append(end.finding)
            return
        except (Defect, NameTaken, CouldNotRead) as bad:
            findings.append(bad.finding)


def _spool_item(source: FolderSource, item: Item, spool: Spool) -> None:
    if item.kind is Kind.FOLDER:
        spool.add_folder(item.name, item.modified)
        return
    with SteadyFile(source.joined(item.name), item.name) as file:
        spool.add_file(item.name, file, item.modified, size=item.size)  # type: ignore[arg-type]
