"""The one folder that a tool may write in."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["workspace"]


@contextmanager
def workspace(parent: Path | None = None) -> Iterator[Path]:
    """A new private folder below ``parent`` (by default the machine's temporary folder), removed at the end with all it holds."""
    folder = Path(os.path.realpath(tempfile.mkdtemp(prefix="kho-tool-", dir=parent)))
    try:
        yield folder
    finally:
        _remove(folder)


def _remove(folder: Path) -> None:
    """Remove it whatever the rights are that the tool gave its folders; what resists is left to the machine's own tidying."""
    for path, folders, _ in os.walk(folder):
        for name in folders:
            inner = os.path.join(path, name)
            if not os.path.islink(inner):
                os.chmod(inner, 0o700)
    shutil.rmtree(folder, ignore_errors=True)
