"""What is cut short while it is read is an answer, and never the end of the process."""

from __future__ import annotations

import mmap
from pathlib import Path
from unittest.mock import patch

import pytest

from signatures import held as module
from signatures.held import held


@pytest.mark.parametrize("size", [0, 1, 10_000])
def test_a_small_file_that_another_cuts_short_is_still_there(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    with path.open("rb") as stream, held(stream) as data:
        path.write_bytes(b"")
        assert bytes(data[:]) == b"x" * size


def test_a_large_file_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * 100)
    with patch.object(module, "MOST_HELD", 99), path.open("rb") as stream, held(stream) as data:
        assert isinstance(data, mmap.mmap)
        assert data[:] == b"x" * 100
