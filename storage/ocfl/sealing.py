"""Sealing a new object of a few files, of which the caller has the bytes: days of the ledger, canaries. AIPs are sealed from a spool."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from fixity.digests import hash_file
from storage.ocfl.inventory_writer import VersionBlock, write_inventory
from storage.tier import ContentPath, ObjectId, SealedFile, SealedVersion

__all__ = ["seal_files"]


def seal_files(
    object_id: str, files: Mapping[str, Path], version: VersionBlock, inventory: Path, *, token: str = "k"
) -> SealedVersion:
    """Version 1 of an object that holds exactly ``files`` (logical path → where the bytes are until they are kept); its inventory is
    written to ``inventory``. Equal bytes are stored once.

    The same files, version block and token give the same inventory, byte for byte, so that sealing can be repeated.

    Raises:
        ValueError: ``version`` is not the first. OSError comes through as it is.
    """
    if version.number != 1:
        raise ValueError("only new objects are sealed here")
    new: dict[bytes, SealedFile] = {}
    state: list[tuple[bytes, str]] = []
    for path in sorted(files):
        size, digests = hash_file(files[path], ["sha256", "sha512"])
        sha512 = digests["sha512"].value
        state.append((sha512, path))
        content = ContentPath(f"v1/content/{token}/{path}")
        new.setdefault(sha512, SealedFile(content, files[path], size, digests["sha256"].value, sha512))
    manifest = sorted((sha512, str(file.content_path)) for sha512, file in new.items())
    fixity = sorted((file.sha256, str(file.content_path)) for file in new.values())
    with open(inventory, "wb") as out:
        write_inventory(out, object_id=object_id, version=version, manifest=manifest, state=sorted(state), fixity_sha256=fixity)
    digest = hashlib.sha512(inventory.read_bytes(), usedforsecurity=False).digest()

    def stream() -> Iterator[SealedFile]:
        return iter(new.values())

    total = sum(file.size for file in new.values())
    return SealedVersion(ObjectId(object_id), 1, inventory, digest, None, stream, total)
