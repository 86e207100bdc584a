"""Zips that are one record and no package of records: signature containers (ETSI EN 319 162-1), whose signature is over how they are.

Unpacked, a container would lose what makes it one: the signature covers members by their names in it, and only the container can be
handed to whoever validates it. So it is received as the one file that it is, whatever it is called.
"""

from __future__ import annotations

import stat
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from formats.package.zip_members import zip_names

__all__ = ["CADES", "EVIDENCE", "SEALS", "STAMP", "XADES", "Named", "is_container"]

METADATA: Final = "META-INF/"


@dataclass(frozen=True, slots=True)
class Named:
    """What the standard calls a kind of member of ``META-INF``, in any letters: its own name has ``words``, in this order, and ends in
    one of ``endings``. Looked for in time that is proportional to the name, which may have 65,535 bytes in each of thousands of members."""

    words: tuple[str, ...]
    endings: tuple[str, ...]

    def match(self, name: str) -> bool:
        if name[: len(METADATA)].upper() != METADATA:
            return False
        own, at = name.rpartition("/")[2].casefold(), 0
        for word in self.words:
            found = own.find(word, at)
            if found < 0:
                return False
            at = found + len(word)
        return own[at:].endswith(self.endings)


CADES: Final = Named(("signature",), (".p7s", ".p7m"))
XADES: Final = Named(("signatures",), (".xml",))
STAMP: Final = Named(("timestamp",), (".tst",))
EVIDENCE: Final = Named(("evidencerecord",), (".ers", ".xml"))
SEALS: Final = (CADES, XADES, STAMP, EVIDENCE)
"""Members that seal a container: signatures, time-stamps, evidence records (EN 319 162-1, 4.3.3 and 4.4.3)."""


def is_container(path: Path) -> bool:
    """Whether the file at ``path`` is a signature container. Raises nothing: what cannot be read is none, and is told of elsewhere."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            return False
        with path.open("rb") as file:
            if file.read(4) != b"PK\3\4":
                return False
            names = zip_names(file, path.stat().st_size) or ()
            return any(seal.match(name) for name in names for seal in SEALS)
    except OSError:
        return False
