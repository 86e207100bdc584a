"""A tape tier on a virtual library, and reading its cartridges with nothing of ours but SCSI commands, and plain tar."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from storage.tape.drive import BLOCK, Drive, Mark
from storage.tape.library import Library, Place
from storage.tape.tier import TapeTier
from storage.tape.transport import ScsiTransport, open_transport
from tests.storage.tape.target import Target, running

Opener = Callable[[str], ScsiTransport]


class Tapes:
    """One target with one tier's folder; `tier` opens the tier anew, as another process would."""

    def __init__(self, target: Target, folder: Path, name: str = "a") -> None:
        self.target = target
        self.folder = folder
        self.name = name
        self._opened: list[TapeTier] = []

    def library(self, opener: Opener = open_transport) -> Library:
        place = Place(self.target.changer, tuple(self.target.drives), self.target.folder / "lock")
        return Library(place, opener=opener)

    def create(self, *barcodes: str, capacity: int = 0) -> TapeTier:
        """Make the tier and label these cartridges for it."""
        tier = TapeTier.create(self.folder, self.name, self.library())
        self._opened.append(tier)
        for barcode in barcodes:
            with tier.shelf() as shelf:
                shelf.label(barcode, capacity=capacity, made="2026-01-31", rated_years=30)
        return tier

    def tier(self, opener: Opener = open_transport, **more: int) -> TapeTier:
        tier = TapeTier(self.folder, self.name, self.library(opener), **more)  # type: ignore[arg-type]
        self._opened.append(tier)
        return tier

    def close(self) -> None:
        for tier in self._opened:
            tier.close()


@contextmanager
def tapes(folder: Path, cartridges: Mapping[str, int] | None = None) -> Iterator[Tapes]:
    """A running target and a place for a tier."""
    with running(cartridges) as target:
        made = Tapes(target, folder)
        try:
            yield made
        finally:
            made.close()


def tape_files(library: Library, barcode: str) -> list[list[bytes]]:
    """Everything on a cartridge: the blocks between file marks."""
    with library.held():
        drive, _ = library.mount(barcode)
        drive.rewind()
        return list(_files(drive))


def _files(drive: Drive) -> Iterator[list[bytes]]:
    buffer, blocks = bytearray(BLOCK), []
    while (size := drive.read(buffer)) is not Mark.END:
        if isinstance(size, Mark):
            yield blocks
            blocks = []
        else:
            blocks.append(bytes(buffer[:size]))
    if blocks:
        yield blocks


def unpack(library: Library, barcodes: list[str], target: Path) -> Path:
    """Unpack the bundles of these cartridges with plain tar, in the order of their numbers; what is void is left out."""
    bundles: list[tuple[int, bytes]] = []
    for barcode in barcodes:
        files = tape_files(library, barcode)
        for header, data, trailer in zip(files[3::3], files[4::3], files[5::3], strict=True):
            if trailer[-2][4:5] == b"C":
                bundles.append((int(header[3][68:80]), b"".join(data)))
    target.mkdir(parents=True, exist_ok=True)
    for _, data in sorted(bundles):
        subprocess.run(["tar", "-x", "-f", "-", "-C", str(target)], input=data, check=True)
    return target
