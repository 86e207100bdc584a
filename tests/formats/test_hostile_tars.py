"""Headers of tars that keep a reader busy, or break it, are told, in time that is in proportion; so is whatever else a header says."""

from __future__ import annotations

import gzip
import random
import time
from pathlib import Path

import pytest

from tests.formats.test_package_archives import build_sparse, make_tar, member, unpack
from tests.hostile_tars import HOSTILE, changed


@pytest.mark.parametrize("form", HOSTILE)
def test_hostile_headers_are_told(tmp_path: Path, form: str) -> None:
    start = time.process_time()
    for data, name in ((HOSTILE[form], "x.tar"), (gzip.compress(HOSTILE[form], 1), "x.tar.gz")):
        _, findings = unpack(tmp_path, data, name)
        assert set(findings.counts) & {"PKG-ARCHIVE-DAMAGED", "PKG-HEADER-LARGE", "PKG-ARCHIVE-TRUNCATED"}
    assert time.process_time() - start < 2


@pytest.mark.parametrize("seed", range(60))
def test_whatever_a_header_says_is_told_or_read(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    start = time.process_time()
    for data in (
        build_sparse(9000, [(100, b"x" * 600), (5000, b"y")]),
        make_tar((member("a" * 150), b"x" * 2000), (member("b"), b"y")),
    ):
        unpack(tmp_path, changed(draw, data), "x.tar")
    assert time.process_time() - start < 2
