"""Identification, as a process: ``kho FOLDER`` through `formats.identify`, ``pygfried FOLDER`` bare, ``fido FOLDER COUNT``."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path


def _files(folder: str) -> list[Path]:
    return sorted(Path(top, name) for top, _, names in os.walk(folder) for name in names)


def kho(folder: str) -> None:
    """Every file, through the worker process."""
    from formats.identify import SiegfriedIdentifier

    with SiegfriedIdentifier() as identifier:
        known = sum(bool(found.puid) for _, found in identifier.identify(_files(folder)))
    print(known)


def pygfried(folder: str) -> None:
    """The same with the library itself, in batches as large as Kho's, with as many workers."""
    import pygfried

    scanner = pygfried.Scanner()
    paths = [str(path) for path in _files(folder)]
    known = 0
    for start in range(0, len(paths), 512):
        found = scanner.identify_many(paths[start : start + 512], workers=len(os.sched_getaffinity(0)))["files"]
        known += sum(bool(file["matches"]) for file in found)
    print(known)


def fido(folder: str, count: str) -> None:
    """The first ``count`` files with fido, as a command."""
    paths = [str(path) for path in _files(folder)[: int(count)]]
    subprocess.run([Path(sys.executable).parent / "fido", "-q", *paths], check=True, stdout=subprocess.DEVNULL)


if __name__ == "__main__":
    WORK: dict[str, Callable[..., None]] = {"kho": kho, "pygfried": pygfried, "fido": fido}
    WORK[sys.argv[1]](*sys.argv[2:])
