"""Versions sealed again from good copies: the very bytes that were sealed once, for a tier that lacks them.

A copy that is missing, or stayed behind while its tier was away, is written as the versions it lacks and not file by file: so it
comes into being by the commit of its tier, in the right order, and on tape as bundles.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from fixity.digests import LARGE_BUFFER, Hasher
from fixity.verify import FixityReport, Outcome
from policies.phrases import phrase
from repository.access.vouched import Wanted
from repository.archive import Archive
from repository.rooms import room
from storage.errors import StorageError, Unavailable
from storage.ocfl.objects import INVENTORY
from storage.tier import ContentPath, SealedFile, SealedVersion

__all__ = ["lacking", "resealed"]

FOLDER = "copying"
"""What names of the temporary folders in the archive's home begin with. They are gone when the versions are written."""


def lacking(found: FixityReport, want: Wanted) -> list[int]:
    """The versions that a copy lacks whole, oldest first: those from some number on whose inventories are not there."""
    missing = {each.path for each in found.problems if each.outcome is Outcome.MISSING}
    numbers = sorted(number for number in want.inventories if f"v{number}/{INVENTORY}" in missing)
    there = [number for number in want.inventories if number not in numbers]
    return [number for number in numbers if number > max(there, default=0)]


@contextmanager
def resealed(
    archive: Archive, want: Wanted, numbers: Sequence[int], *, without: str
) -> Iterator[tuple[list[SealedVersion], str]]:
    """These versions, their bytes read from tiers other than ``without`` and hashed, in a folder that is gone afterwards; and the
    name of the tier that gave the first of them.

    Raises Unavailable when some bytes are good nowhere.
    """
    with room(archive.settings.home, FOLDER) as folder:
        fetch = _Fetch(archive, want, folder, without)
        yield [fetch.version(number) for number in numbers], fetch.source


class _Fetch:
    def __init__(self, archive: Archive, want: Wanted, folder: Path, without: str) -> None:
        self._tiers = {name: tier for name, tier in archive.tiers.items() if name != without}
        self._want = want
        self._folder = folder
        self.source = ""

    def version(self, number: int) -> SealedVersion:
        want, place = self._want, self._folder / f"v{number}"
        place.mkdir()
        paths = [INVENTORY, f"v{number}/{INVENTORY}"] if number == want.head else [f"v{number}/{INVENTORY}"]
        self._file(paths, want.inventories[number], place / INVENTORY)
        files: list[SealedFile] = []
        for path, sha512 in want.contents.items():
            if path.startswith(f"v{number}/"):
                target = place / f"{len(files)}"
                size, sha256 = self._file([path], sha512, target)
                files.append(SealedFile(ContentPath(path), target, size, sha256, sha512))
        return SealedVersion(
            object_id=want.object_id,
            number=number,
            inventory=place / INVENTORY,
            inventory_sha512=want.inventories[number],
            builds_on=want.inventories.get(number - 1),
            files=lambda: iter(files),
            bytes=sum(file.size for file in files),
        )

    def _file(self, paths: Sequence[str], sha512: bytes, target: Path) -> tuple[int, bytes]:
        """Write the good bytes of one file to ``target``; how many, and their SHA-256. Raises Unavailable when no tier gives them."""
        for name, tier in self._tiers.items():
            for path in paths:
                hasher = Hasher(("sha512", "sha256"))
                try:
                    with tier.open(self._want.object_id, path) as stream, open(target, "wb") as out:
                        while data := stream.read(LARGE_BUFFER):
                            hasher.update(data)
                            out.write(data)
                except (StorageError, OSError):
                    continue
                digests = hasher.digests()
                if digests["sha512"].value == sha512:
                    self.source = self.source or name
                    return hasher.size, digests["sha256"].value
        raise Unavailable(paths[-1], phrase("no-good-bytes-now"))
