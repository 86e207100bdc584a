"""What a package may ask of us before it is refused as hostile. One value a limit, each with its reason."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["HEADER_BYTES", "LIMITS", "Limits"]

ITEMS = 2_000_000
"""Files and folders in one package: twice the largest AIP Kho promises to handle (a million files)."""

FILE_BYTES = 8 << 40
"""Bytes of one file (8 TiB): ext4 ends at 16 TiB, and nothing a state archive holds comes near it."""

TOTAL_BYTES = 64 << 40
"""Bytes of a whole package once unpacked (64 TiB). The free space of the spool's disk usually ends it earlier."""

RATIO = 250
"""Unpacked bytes for each packed byte, over a whole archive. Deflate cannot pass 1,032; scanned pages and text reach 5 to 50,
blank bitonal pages 200."""

RATIO_FLOOR = 256 << 20
"""Unpacked bytes (256 MiB) below which no ratio is judged: so much does no harm, and a few blank TIFFs compress 1,000 to 1."""

DEPTH = 128
"""Folders inside folders. Windows ends at about 130 one-letter folders; people stop at 20."""

HEADER_BYTES = 1 << 20
"""Bytes of one PAX or GNU long-name header in a tar, which must be held in memory; 4 KiB is long."""


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits one deposit is read under."""

    items: int = ITEMS
    file_bytes: int = FILE_BYTES
    total_bytes: int = TOTAL_BYTES
    ratio: int = RATIO
    ratio_floor: int = RATIO_FLOOR
    depth: int = DEPTH


LIMITS = Limits()
