"""Compound files that would be followed for ever."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import pytest

from formats import ole2

FAR = 0xFFFFFFF0


def test_a_directory_beyond_the_end_of_the_file_is_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of its sectors would cost a way through a table that points at itself a quarter of a million times."""
    head = bytearray(512)
    head[:8] = ole2.MAGIC
    struct.pack_into("<H", head, 30, 9)
    struct.pack_into("<I", head, 48, FAR)
    struct.pack_into("<I", head, 68, 0)
    table = bytearray(512)
    struct.pack_into("<I", table, 4 * (FAR % 128), FAR)
    (path := tmp_path / "a.doc").write_bytes(bytes(head + table))
    read: list[int] = []
    sector = ole2._sector

    def counted(*arguments: Any) -> bytes:
        read.append(arguments[1])
        assert len(read) < 100
        return sector(*arguments)

    monkeypatch.setattr(ole2, "_sector", counted)
    assert ole2.stream_names(path) == frozenset()
