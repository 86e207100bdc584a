"""Rights as an ordinary user has them, for tests that run as root (who may read everything)."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

_READING = 0b110
"""CAP_DAC_OVERRIDE and CAP_DAC_READ_SEARCH."""

_VERSION = 0x20080522


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
