"""What is cut short while it is read is an answer, and never the end of the process."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import patch

import pytest

from signatures import held as module
from signatures.held import Paged, held, matches, pieces
from signatures.report import Integrity
from tests.signatures.judging import read
from tests.signatures.pki import Pki, day, make_pdf


@pytest.mark.parametrize("size", [0, 1, 10_000])
def test_a_small_file_that_another_cuts_short_is_still_there(tmp_path: Path, size: int) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x" * size)
    with path.open("rb") as stream, held(stream) as data:
        path.write_bytes(b"")
        assert bytes(data[:]) == b"x" * size


def test_a_large_file_is_read_where_it_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "file"
    whole = b"".join(hashlib.sha256(bytes([each])).digest() for each in range(100))
    path.write_bytes(whole)
    with patch.object(module, "MOST_HELD", 99), patch.object(module, "PAGE", 64), path.open("rb") as stream, held(stream) as data:
        assert isinstance(data, Paged)
        assert (len(data), data[:], data[5], data[-1]) == (len(whole), whole, whole[5], whole[-1])
        assert data[60:200] == whole[60:200]
        assert data[7:3] == b""
        assert data[len(whole) :] == b""
        assert b"".join(pieces(data, 3, 777)) == whole[3:777]
        with pytest.raises(IndexError):
            data[len(whole)]
        pattern = re.compile(rb"[a-z]{2}")
        with patch.object(module, "OVERLAP", 8):
            assert {each[0] for each in matches(pattern, data)} >= {each[0] for each in pattern.finditer(whole)}


LATER = """
import os, sys
from signatures import held
held.MOST_HELD = 99
with open(sys.argv[1], "rb") as stream, held.held(stream) as data:
    assert data[1] == 120
    os.truncate(sys.argv[1], 10)
    try:
        data[(1 << 20) * 2]
    except OSError as error:
        print(error.strerror)
"""


def test_a_large_file_that_another_cuts_short_is_an_error_and_no_signal(tmp_path: Path) -> None:
    """A mapped one would end the process by SIGBUS."""
    path = tmp_path / "file"
    path.write_bytes(b"x" * (3 << 20))
    done = subprocess.run([sys.executable, "-c", LATER, path], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.strip()) == (0, "the file was cut short while it was read")


def test_signatures_of_large_files_are_read_as_those_of_small_ones(tmp_path: Path, pki: Pki) -> None:
    with patch.object(module, "MOST_HELD", 99), patch.object(module, "PAGE", 1000):
        for data in (pki.sign_pdf(make_pdf(), day(2026, 3), level="B"), pki.sign_cms(b"x" * 5_000, detached=False)):
            assert [each.integrity for each in read(tmp_path, data).objects] == [Integrity.INTACT]
            altered = data.replace(b"x" * 1_000, b"y" * 1_000) if b"x" * 1_000 in data else data.replace(b"/Page", b"/Pagf", 1)
            assert [each.integrity for each in read(tmp_path, altered).objects] == [Integrity.BROKEN]
