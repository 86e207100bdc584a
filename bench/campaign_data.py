"""What campaigns migrate in the bench: office documents, scanned pages and films, no two alike (the same deposit twice is none)."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kho import ROOT

__all__ = ["CAMPAIGNS", "Campaign"]

sys.path.insert(0, str(ROOT))

from tests.formats import documents


@dataclass(frozen=True)
class Campaign:
    """``objects`` of ``files`` each, made by ``make(path, number)``, to be migrated along ``path``."""

    path: str
    ending: str
    objects: int
    files: int
    make: Callable[[Path, int], object]

    def fill(self, folders: list[Path]) -> None:
        for number in range(len(folders) * self.files):
            self.make(folders[number // self.files] / f"hồ sơ {number:04d}{self.ending}", number)


def _document(path: Path, number: int) -> object:
    """Three pages with a picture."""
    return documents.docx(path, [f"Số {number}/QĐ-UBND", *documents.PARAGRAPHS * 12], picture=documents.png(number % 200))


def _scan(path: Path, number: int) -> object:
    """A page of A4 at 300 dpi, in colour."""
    page = documents.page([f"Số {number}/QĐ-UBND", *documents.PARAGRAPHS * 2], dpi=300)
    page.save(path, compression="tiff_lzw", dpi=(300, 300))
    return path


def _film(path: Path, number: int) -> object:
    """Of 3 to 10 seconds, short ones among long ones as a fonds has them."""
    return documents.film(path, seconds=3.0 + number * 7 % 15 / 2 + number / 100, size="640x480")


CAMPAIGNS = {
    "documents": Campaign("text-pdfa", ".docx", 16, 4, _document),
    "scans": Campaign("picture-jp2", ".tif", 8, 4, _scan),
    "films": Campaign("film-ffv1", ".avi", 12, 4, _film),
}
