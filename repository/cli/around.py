"""What ``kho`` needs around it, whoever started it and in whatever locale."""

from __future__ import annotations

import os
import sys

__all__ = ["prepare"]

_STREAMS = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
"""The standard streams, in the order of their descriptors."""


def prepare() -> None:
    """Open the standard streams that are closed, and go over to UTF-8. To be called before anything else is opened or loaded; it may not
    return but start the program again."""
    _open_streams()
    _go_over_to_utf8()


def _open_streams() -> None:
    """A file that is opened next would be given the number of one that is closed, and whoever prints would write into a record."""
    for descriptor, (name, mode) in enumerate(_STREAMS):
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
        if getattr(sys, name) is None:
            setattr(sys, name, open(descriptor, mode, encoding="utf-8", closefd=False))  # noqa: SIM115 - it stays open


def _go_over_to_utf8() -> None:
    """Names are bytes on disks and UTF-8 in packages, catalogs and reports: the encoding of a terminal has no say in that. Python has to
    know it from its first step on."""
    if sys.getfilesystemencoding().lower() != "utf-8" and not sys.flags.utf8_mode and sys.executable:
        os.environ["PYTHONUTF8"] = "1"  # for the processes that this one will start
        os.execv(sys.executable, [sys.executable, "-X", "utf8", *sys.orig_argv[1:]])
