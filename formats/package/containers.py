"""Zips that are one record and no package of records: signature containers (ETSI EN 319 162-1), whose signature is over how they are.

Unpacked, a container would lose what makes it one: the signature covers members by their names in it, and only the container can be
handed to whoever validates it. So it is received as the one file that it is, whatever it is called.
"""

from __future__ import annotations

import re
import stat
from pathlib import Path
from typing import Final

from formats.package.zip_members import zip_names

__all__ = ["SEAL", "is_container"]

SEAL: Final = re.compile(
    r"META-INF/(.*/)?[^/]*"
    r"(signature[^/]*\.(p7s|p7m)|signatures[^/]*\.xml|timestamp[^/]*\.tst|evidencerecord[^/]*\.(ers|xml))\Z",
    re.IGNORECASE,
)
"""Members that seal a container: signatures, time-stamps, evidence records (EN 319 162-1, 4.3.3 and 4.4.3)."""


def is_container(path: Path) -> bool:
    """Whether the file at ``path`` is a signature container. Raises nothing: what cannot be read is none, and is told of elsewhere."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            if file.read(4) != b"PK\3\4":
                return False
            return any(SEAL.match(name) for name in zip_names(file, path.stat().st_size) or ())
    except OSError:
        return False
