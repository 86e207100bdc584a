"""What it costs to read odd certificates is bounded for the whole file, counted by the bytes that are written anew; what is beyond is told,
and is neither passed nor broken."""

from __future__ import annotations

import tracemalloc

from signatures import der
from signatures.mended import mended


def test_what_is_remembered_of_odd_ones_is_bounded_by_bytes() -> None:
    long = [der.sequence(b"\x01\x01\x01", der.encode(der.OCTET_STRING, bytes((each,)) * 500_000)) for each in range(40)]
    tracemalloc.start()
    try:
        for each in long:
            assert mended(each).odd == ("form",)
        held, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert held < 8 << 20
