"""What decoders of pictures pass over: data that was cut, codes that are none, errors that a library tells nobody but the console."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from policies.phrases import phrase

__all__ = ["errors_into", "jpegs_are_corrupt", "wrong_in_tiff"]

STRIPS: Final = ((273, 279), (324, 325))
"""Tags of TIFF: where the strips (the tiles) begin, and how many bytes each has."""

COMPRESSION: Final = 259
FAX_4: Final = 4
JPEG: Final = 7
TABLES: Final = 347

NO_CODE: Final = re.compile(rb"\0{4}[^\0]")
"""32 bits of 0 are no code of ITU-T T.6, and no part of several: a decoder takes 11 of them for the end, and leaves the rest white."""

CORRUPT_JPEG: Final = "JPEG data is corrupt"
"""What QPDF says where libjpeg warns: codes that are none, too much data or too little of it."""

MOST_SAID: Final = 1 << 16
"""Bytes of what a decoder says that are looked at: it says a line for every row of pixels."""


@contextmanager
def errors_into(said: list[str]) -> Iterator[None]:
    """What libtiff says at the level of errors comes into ``said``: it writes that to the standard error of the process, and Pillow takes
    the page for decoded all the same (fax codes that are none, for one)."""
    with tempfile.TemporaryFile() as heard:
        kept = os.dup(2)
        os.dup2(heard.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
            heard.seek(0)
            lines = heard.read(MOST_SAID).decode(errors="replace").splitlines()
            said += [line.strip() for line in lines if line.strip() and ": Warning, " not in line]


def jpegs_are_corrupt(pictures: Sequence[bytes]) -> bool:
    """Whether libjpeg has something to say of the coded data of one of them (Pillow passes over it). Asked by way of QPDF, which decodes
    to nothing."""
    import pikepdf

    with pikepdf.new() as document:
        document.add_blank_page()
        document.Root.Pictures = pikepdf.Array([document.make_stream(each, Filter=pikepdf.Name.DCTDecode) for each in pictures])
        return any(CORRUPT_JPEG in each for each in document.check_pdf_syntax())


def wrong_in_tiff(tags: Mapping[int, Any], path: Path) -> str:
    """What is wrong with the strips or tiles of one page; "" when nothing is, or when they do not say where they are."""
    said = [zip(tags[begin], tags[count], strict=False) for begin, count in STRIPS if begin in tags and count in tags]
    places = list(dict.fromkeys(pair for pairs in said for pair in pairs))  # strips that are alike may be kept once
    if any(begin + count > path.stat().st_size for begin, count in places):
        return phrase("picture-cut")
    kind = tags.get(COMPRESSION)
    if kind == FAX_4 and any(NO_CODE.search(strip) for strip in _strips(path, places)):
        return phrase("picture-no-code")
    if kind == JPEG:
        tables = bytes(tags.get(TABLES, b""))[:-2]  # without the end marker, and the strip without its begin
        if jpegs_are_corrupt([tables + strip[2:] if tables else strip for strip in _strips(path, places)]):
            return phrase("picture-corrupt")
    return ""


def _strips(path: Path, places: Sequence[tuple[int, int]]) -> Iterator[bytes]:
    with path.open("rb") as stream:
        for begin, count in places:
            stream.seek(begin)
            yield stream.read(count)
