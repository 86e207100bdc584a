"""Which files of a submission describe it, going by their names; what they say is read elsewhere."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

from formats.errors import NameTaken
from formats.package.names import stored_name
from formats.package.source import Role
from formats.package.spool import Spool
from policies.findings import Findings

__all__ = ["FOLDER", "alias_descriptive", "descriptive_kind"]

FOLDER: Final = "metadata/descriptive/"
"""Where descriptive metadata stands in an AIP (CSIP 2.2 §4, CSIPSTR6)."""

MOST: Final = 1_000
"""Descriptive files given a second place. A CSV of a million rows is one file; a million XML files beside records are content."""

_KNOWN: Final = (
    (re.compile(rb"(?:.*[._-])?(?:dc|dublin[._-]?core)\.xml", re.IGNORECASE), "dc"),
    (re.compile(rb"(?:.*[._-])?ead[23]?(?:[._-].*)?\.xml", re.IGNORECASE), "ead"),
    (re.compile(rb"metadata(?:[._-].*)?\.csv", re.IGNORECASE), "csv"),
    (re.compile(rb"(?:mods|marc|marcxml|eac|eac-cpf|isad|metadata)\.xml", re.IGNORECASE), "other"),
)
_METADATA_FOLDER = re.compile(rb"metadata/(?:descriptive/)?[^/]+", re.IGNORECASE)


def descriptive_kind(name: bytes) -> str:
    """ "dc", "ead", "csv" or "other" for a file that describes the package it lies in, "" for any other.

    Looked at are files at the top with a well-known name, and XML and CSV files in ``metadata/`` and ``metadata/descriptive/``.
    """
    last = name.rpartition(b"/")[2]
    inside = _METADATA_FOLDER.fullmatch(name) is not None
    if not inside and b"/" in name:
        return ""
    for pattern, kind in _KNOWN:
        if pattern.fullmatch(last):
            return kind
    if not inside:
        return ""
    lower = last.lower()
    return "csv" if lower.endswith(b".csv") else "other" if lower.endswith(b".xml") else ""


def alias_descriptive(spool: Spool, found: Iterable[tuple[bytes, str]], findings: Findings) -> tuple[tuple[str, str], ...]:
    """Give each (name, kind) a second place below `FOLDER`; returns (logical path, kind) for `Package.descriptive`."""
    aliased: list[tuple[str, str]] = []
    for name, kind in found:
        if len(aliased) == MOST:
            findings.add("PKG-DESCRIPTIVE-MANY", limit=MOST)
            break
        aliased.append((_alias(spool, name), kind))
    spool.end()
    return tuple(aliased)


def _alias(spool: Spool, name: bytes) -> str:
    """The place is the file's own name; a second file of that name gets "-2" before its extension, and so on."""
    stem, dot, extension = stored_name(name.rpartition(b"/")[2]).rpartition(".")
    for number in range(1, MOST + 2):
        suffix = "" if number == 1 else f"-{number}"
        path = f"{FOLDER}{stem}{suffix}{dot}{extension}" if dot else f"{FOLDER}{extension}{suffix}"
        if not spool.is_stored(path):
            spool.alias(name, path, Role.DESCRIPTIVE)
            return path
    raise NameTaken("PKG-STORED-TWICE", path)
