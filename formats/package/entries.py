"""Names and times of archive entries: which names are taken, and which may lead out of wherever they are unpacked."""

from __future__ import annotations

import re
from typing import Final

from formats.package.defects import Defect
from formats.package.names import shown_name

__all__ = ["entry_name", "whole_seconds"]

_DRIVE: Final = re.compile(rb"[A-Za-z]:")
_HOME: Final = re.compile(rb"~[A-Za-z0-9_.-]*(?:/|\Z)")

LATEST: Final = 1 << 40
"""Seconds since 1970 (the year 36,812): times beyond are nonsense, and some systems cannot set them."""


def entry_name(raw: bytes, *, backslash: bool) -> bytes:
    """The name of an archive entry as a name in the package; b"" for the root itself ("." or "./").

    A leading "./" is dropped, as tar writes it; nothing else is changed. ``backslash``: whether one is allowed inside names (on
    POSIX systems it is a letter like any other; in a zip it is a wrong separator, APPNOTE 6.3.10 §4.4.17).

    Raises:
        Defect: PKG-NAME-EMPTY, or PKG-NAME-UNSAFE with what is wrong as ``reason``.
    """
    if not raw:
        raise Defect("PKG-NAME-EMPTY")
    name = raw
    while name.startswith(b"./"):
        name = name[2:]
    if name in (b"", b"."):
        return b""
    if reason := _unsafe(name, backslash=backslash):
        raise Defect("PKG-NAME-UNSAFE", shown_name(raw), reason=reason)
    return name


def _unsafe(name: bytes, *, backslash: bool) -> str:
    """What makes a name unsafe, as it stands there; "" for a safe one."""
    if b"\0" in name:
        return "NUL"
    if name.startswith((b"/", b"\\")):
        return "/" if name.startswith(b"/") else "\\"
    if _DRIVE.match(name):
        return name[:2].decode()
    if b"/" in name and _HOME.match(name):
        return "~"
    if name == b"~":
        return "~"
    if b"\\" in name and not backslash:
        return "\\"
    segments = name.replace(b"\\", b"/").split(b"/")
    if b".." in segments:
        return ".."
    if b"" in name.split(b"/"):
        return "//"
    return "." if b"." in name.split(b"/") else ""


def whole_seconds(value: float | None) -> int | None:
    """A modification time in whole seconds; None for none and for nonsense."""
    if value is None or not -LATEST < value < LATEST:
        return None
    return int(value // 1)
