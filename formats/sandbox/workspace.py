"""The one folder that a tool may write in."""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["left", "workspace"]


def left(path: Path, folder: Path) -> bool:
    """Whether a tool that had ``folder`` left a file at ``path``: a plain one, that lies where it says. Links are not followed, for they
    may lead to whatever Kho may read, and pipes and devices not opened, for that may never end. To be asked when the tool is gone."""
    try:
        plain = stat.S_ISREG(os.lstat(path).st_mode)
    except OSError:
        return False
    inside = os.path.relpath(os.path.abspath(path), os.path.abspath(folder))
    return plain and os.path.realpath(path) == os.path.join(os.path.realpath(folder), inside) and not inside.startswith("..")


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
