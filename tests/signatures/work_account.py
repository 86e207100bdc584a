"""Counting the steps that reading a file takes, and reading one as these tests want it."""

from __future__ import annotations

import io
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import BinaryIO, ClassVar

from signatures.reading import read_signatures
from signatures.signed import SignedFile, Source
from signatures.xmldsig.c14n import Work

__all__ = ["Counted", "read"]


class Counted(Work):
    """A `Work` that remembers how many steps were taken; those that were refused are not."""

    taken: ClassVar[list[int]] = []

    def visit(self, count: int = 1) -> None:
        super().visit(count)
        type(self).taken.append(count)


def read(folder: Path, data: bytes, name: str = "file", beside: dict[str, bytes] | None = None) -> SignedFile:
    path = folder / name
    path.write_bytes(data)
    opened = beside or {}

    def named(called: str) -> Callable[[], BinaryIO] | None:
        plain = called.removeprefix("./").replace("./", "")
        return partial(io.BytesIO, opened[plain]) if plain in opened else None

    found = read_signatures(Source(path, name, named=named))
    assert found is not None
    return found
