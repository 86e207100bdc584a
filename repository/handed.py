"""Folders in which something is handed out: a new one, whole or gone."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path

from policies.phrases import os_phrase
from repository.errors import ExportFailed

__all__ = ["new_folder"]


@contextlib.contextmanager
def new_folder(target: Path) -> Iterator[None]:
    """Make a folder that may not be there yet; it is gone again when what it is for fails or is interrupted: what is not finished may not
    be taken for whole, nor stand in the way of the next try. Raises ExportFailed: it is there, or it or what is in it cannot be written."""
    try:
        target.mkdir(parents=True)
        try:
            yield
        except BaseException:
            shutil.rmtree(target, ignore_errors=True)
            raise
    except OSError as error:
        raise ExportFailed(str(target), os_phrase(error)) from error
