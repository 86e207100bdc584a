"""From what a depositor hands over, a folder or an archive, to a full spool."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

from fixity import CouldNotRead
from formats.errors import NameTaken
from formats.package.archives import expand, looks_like_archive
from formats.package.containers import is_container
from formats.package.defects import Defect, Hostile
from formats.package.directory import FolderSource, SteadyFile
from formats.package.limits import LIMITS, Limits
from formats.package.meter import Meter, Progress
from formats.package.names import check_names, shown_name
from formats.package.source import Item, Kind
from formats.package.spool import Spool
from policies.findings import Findings
from policies.phrases import phrase

__all__ = ["spool_path"]


def spool_path(
    source: Path, spool: Spool, findings: Findings, *, limits: Limits = LIMITS, progress: Progress | None = None
) -> None:
    """Read a folder, .zip, .tar, .tar.gz or .tgz into ``spool``; what is wrong with it, or odd about names, into ``findings``. A
    signature container is received as one file.

    The spool is `complete` afterwards. An archive with one folder at its top and nothing beside it loses that folder from its
    names (BagIt and E-ARK archives are made so); ``spool.meta("top")`` keeps it.

    Raises:
        SpoolFull, SpoolFailed: the spool's disk.
    """
    single = is_container(source)
    if source.is_dir() or single:
        if progress is not None:
            progress.start("spool", None, "bytes")
        meter = Meter(limits, progress=progress)
        if single:
            _spool_file(source, spool, findings, meter)
        else:
            _spool_folder(source, spool, findings, meter)
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
    _spool_items(source, source.items(), spool, findings, meter)


def _spool_file(path: Path, spool: Spool, findings: Findings, meter: Meter) -> None:
    """One file as a package of its own."""
    source = FolderSource(path.parent)
    spool.label = os.fsencode(path.stem).decode("utf-8", "backslashreplace")
    item = source.get(os.fsencode(path.name))
    if item is None:
        findings.add("PKG-LINK", shown_name(os.fsencode(path.name)))
    _spool_items(source, [item] if item is not None else [], spool, findings, meter)


def _spool_items(source: FolderSource, items: Iterable[Item], spool: Spool, findings: Findings, meter: Meter) -> None:
    spool.set_meta("container", b"folder")
    for item in items:
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
