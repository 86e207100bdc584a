"""Archives as packages: zip, tar and tar.gz are unpacked into the spool, whatever they were named."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO, Final

from fixity import CouldNotRead
from formats.package.defects import Hostile
from formats.package.limits import LIMITS, Limits
from formats.package.meter import Meter, Progress
from formats.package.names import check_names, shown_name
from formats.package.packed import Packed
from formats.package.spool import Spool
from formats.package.tars import read_tar
from formats.package.zips import read_zip
from policies.findings import Findings
from policies.phrases import os_phrase, phrase

__all__ = ["expand", "looks_like_archive"]

SUFFIXES: Final = (".tar.gz", ".tgz", ".tar", ".zip")
"""Names of archives. Formats that are zip archives inside (docx, odt, epub, ASiC) are records, not packages."""

_TAR_MAGIC: Final = slice(257, 262)


def looks_like_archive(path: Path) -> bool:
    """By its name; a name without any extension (an upload) by its first bytes. Raises nothing: what cannot be read is no archive."""
    if path.name.lower().endswith(SUFFIXES):
        return True
    if path.suffix:
        return False
    try:
        with _regular(path) as file:
            return _container(file) != ""
    except OSError:
        return False


def _regular(path: Path) -> BinaryIO:
    """Open a file for reading; never wait for a pipe's writer, and read nothing that has no end. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(errno.EINVAL, phrase("not-a-file"), str(path))
    return os.fdopen(descriptor, "rb", buffering=1 << 16)


def _container(file: BinaryIO) -> str:
    """ "zip", "tar", "tar.gz" or "" by the first bytes; the file stands at its start afterwards."""
    start = file.read(512)
    file.seek(0)
    if start.startswith((b"PK\3\4", b"PK\5\6")):
        return "zip"
    if start.startswith(b"\x1f\x8b"):
        return "tar.gz"
    return "tar" if start[_TAR_MAGIC] == b"ustar" else ""


def _by_name(name: str) -> str:
    """What a name promises, for archives whose first bytes say nothing (pre-POSIX tar, a zip with something before it)."""
    lower = name.lower()
    return "zip" if lower.endswith(".zip") else "tar" if lower.endswith(".tar") else "tar.gz"


def expand(
    source: Path | BinaryIO,
    spool: Spool,
    findings: Findings,
    *,
    name: str = "",
    limits: Limits = LIMITS,
    progress: Progress | None = None,
) -> None:
    """Unpack an archive into ``spool``, which is complete afterwards; what is wrong becomes findings.

    ``source`` is a file or something that can be read and sought; ``name`` is what the depositor called it (the path's own when
    there is one). One folder at the top with nothing beside it is taken away from all names; ``spool.meta("top")`` keeps it.

    Raises:
        SpoolFull, SpoolFailed: the spool's disk.
    """
    called = name or (source.name if isinstance(source, Path) else "")
    try:
        with _regular(source) if isinstance(source, Path) else nullcontext(source) as file:
            _unpack(file, spool, findings, called, limits, progress)
    except (OSError, CouldNotRead) as error:
        reason = error.reason if isinstance(error, CouldNotRead) else os_phrase(error)
        findings.add("FIX-UNREADABLE", shown_name(os.fsencode(called)), reason=reason)
    _unwrap(spool)
    check_names((item.name for item in spool.items()), findings)
    spool.finish()


def _unpack(file: BinaryIO, spool: Spool, findings: Findings, name: str, limits: Limits, progress: Progress | None) -> None:
    container = _container(file) or _by_name(name)
    spool.set_meta("container", container.encode())
    spool.label = _label(name)
    before = _state(file)
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    if progress is not None:
        progress.start("spool", None, "bytes")
    meter = Meter(limits, size, progress)
    try:
        if container == "zip":
            read_zip(file, size, spool, findings, meter)
        else:
            read_tar(Packed(file, "gzip", size, limits) if container == "tar.gz" else file, spool, findings, meter)
    except Hostile as end:
        findings.append(end.finding)
    finally:
        if progress is not None:
            progress.finish()
    after = _state(file)
    if before != after:
        findings.add("PKG-CHANGED-WHILE-READ", shown_name(os.fsencode(name)), before=before[0], after=after[0])


def _state(file: BinaryIO) -> tuple[int, int]:
    """(size, modification time) of what lies behind a stream; (0, 0) for one that is in memory."""
    try:
        status = os.fstat(file.fileno())
    except OSError:
        return 0, 0
    return status.st_size, status.st_mtime_ns


def _label(name: str) -> str:
    text = shown_name(os.fsencode(name))
    suffix = next((suffix for suffix in SUFFIXES if text.lower().endswith(suffix)), "")
    return text[: len(text) - len(suffix)]


def _unwrap(spool: Spool) -> None:
    """Where one folder holds everything, it is the package, and its name the label."""
    top = spool.only_top()
    if top is None:
        return
    spool.unwrap(top)
    spool.label = shown_name(top)
