"""Rights as an ordinary user has them, for tests that run as root (who may read everything), and what such a user does to damage a file."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

_READING = 0b110
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""

_VERSION = 0x20080522


def writable(path: Path) -> Path:
    """The same file, which may be written now: stored files may only be read, and nobody but root writes them all the same."""
    path.chmod(path.stat().st_mode | 0o200)
    return path


@contextmanager
def ordinary_rights() -> Iterator[None]:
    """In this block this thread, and those that it starts, may read and write only what the rights of files allow. Skips the test where
    that cannot be had."""
    if os.geteuid() != 0:
        yield
        return
    libc = ctypes.CDLL(None, use_errno=True)
    header, had = (ctypes.c_uint32 * 2)(_VERSION, 0), (ctypes.c_uint32 * 6)()
    if libc.capget(header, had):
        pytest.skip("the kernel tells no capabilities")
    fewer = (ctypes.c_uint32 * 6)(*had)
    fewer[0] &= ~_READING  # what is in force; what may be taken up again stays
    assert libc.capset(header, fewer) == 0, os.strerror(ctypes.get_errno())
    try:
        yield
    finally:
        assert libc.capset(header, had) == 0, os.strerror(ctypes.get_errno())
