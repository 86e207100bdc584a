"""The rows of the register: volumes, their tape files, and the parts and files of objects on them."""

from __future__ import annotations

import enum
from dataclasses import dataclass

__all__ = ["BundleRow", "FileRow", "FileState", "PartRow", "Volume", "VolumeState"]


class VolumeState(enum.Enum):
    """What may be done with a volume. Only an OPEN one is written."""

    OPEN = "open"
    FULL = "full"
    SUSPECT = "suspect"
    """Something was not as it must be: still read, never written again; to be refreshed."""
    RETIRED = "retired"
    """Its bundles were copied to another volume; it may be destroyed."""
    LOST = "lost"
    """Given up by people: its copies are missing."""


class FileState(enum.IntEnum):
    LIVE = 0
    SUPERSEDED = 1
    """A later copy of the same path counts."""
    ASIDE = 2
    """Taken out of its object (tape keeps the bytes)."""


@dataclass(frozen=True, slots=True)
class Volume:
    """One cartridge. ``sequence`` is that of the last tape file that is accounted for; ``capacity`` 0: not known; ``made`` is a date or
    ""; ``rated_years`` 0: not known; ``location`` is where people put it ("" while it is in the library)."""

    barcode: str
    uuid: str
    state: VolumeState
    sequence: int
    used: int
    capacity: int
    labelled: str
    made: str = ""
    rated_years: int = 0
    location: str = ""
    mounts: int = 0
    note: str = ""

    @property
    def replace_by(self) -> str:
        """The date by which it has to be refreshed; "" when that is not known."""
        return f"{int(self.made[:4]) + self.rated_years}{self.made[4:]}" if self.made and self.rated_years else ""

    @property
    def generation(self) -> str:
        """What kind of cartridge it is, as the last two characters of its barcode say ("L8"); all of a kind take the same."""
        return self.barcode[6:8]

    @property
    def room(self) -> int:
        """Bytes that are likely left; as if endless where the capacity is not known (the drive warns)."""
        return max(self.capacity - self.used, 0) if self.capacity else 1 << 62


@dataclass(frozen=True, slots=True)
class BundleRow:
    """One tape file of a volume. ``counted`` False: given up, or never counted; it is stepped over. ``address`` is the logical block of
    its first label where the drive tells."""

    volume: str
    sequence: int
    number: int
    uuid: str
    kind: str
    counted: bool
    size: int
    blocks: int
    sha256: bytes
    created: str
    block: int
    address: int | None = None


@dataclass(frozen=True, slots=True)
class PartRow:
    """One part: ``offset`` and ``length`` in the bundle's tar. ``whole``: all parts of its run are there. ``kind`` is "version" or "mend"
    (single files put right)."""

    id: int
    volume: str
    sequence: int
    offset: int
    length: int
    object_id: str
    version: int
    part: int
    parts: int
    run: str
    inventory: bytes
    kind: str
    whole: bool


@dataclass(frozen=True, slots=True)
class FileRow:
    """One member: ``offset`` is where its header begins in the bundle."""

    part: int
    offset: int
    path: str
    size: int
    sha512: bytes
    state: FileState = FileState.LIVE
