"""Damage, on purpose: one flipped bit in one stored file, as a tired disk does it. Size, name and time stay as they were."""

from __future__ import annotations

import os
import stat
from pathlib import Path

__all__ = ["flip_one_bit"]


def flip_one_bit(tier: Path) -> Path:
    """Flip the lowest bit of the middle byte of the largest content file of ``tier``'s storage root (of the folder, where it has none:
    its canaries are damaged already); returns the file.

    Raises:
        FileNotFoundError: nothing is stored there.
    """
    root = tier / "ocfl" if (tier / "ocfl").is_dir() else tier
    stored = [Path(folder) / name for folder, _, names in os.walk(root) for name in names if "/content/" in f"{folder}/"]
    sizes = sorted(((file.stat().st_size, str(file)) for file in stored), reverse=True)
    if not sizes or not sizes[0][0]:
        raise FileNotFoundError(f"nothing is stored below {tier}")
    size, name = sizes[0]
    before = os.stat(name)
    os.chmod(name, before.st_mode | stat.S_IWUSR)  # stored files may not be written; a disk does not ask
    with open(name, "r+b") as file:
        file.seek(size // 2)
        byte = file.read(1)[0]
        file.seek(size // 2)
        file.write(bytes([byte ^ 1]))
    os.chmod(name, stat.S_IMODE(before.st_mode))
    os.utime(name, ns=(before.st_atime_ns, before.st_mtime_ns))
    return Path(name)
