"""Sealing objects of a few files, of which the caller has the bytes: days of the ledger, canaries, batches of evidence. AIPs are sealed
from a spool."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path

from fixity.digests import hash_file
from storage.ocfl.inventory import Inventory
from storage.ocfl.inventory_writer import VersionBlock, write_inventory
from storage.tier import ContentPath, ObjectId, SealedFile, SealedVersion

__all__ = ["seal_files", "seal_next"]


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
    return _seal(object_id, files, version, inventory, token, None, None)


def seal_next(
    previous: Inventory, builds_on: bytes, files: Mapping[str, Path], version: VersionBlock, inventory: Path, *, token: str = "k"
) -> SealedVersion:
    """The next version of an object: the state of ``previous`` (whose digest is ``builds_on``) with ``files`` added or in the place of
    those of the same name. Otherwise as `seal_files`. Raises ValueError when ``version`` is not the next one."""
    if version.number != previous.head + 1:
        raise ValueError(f"version {version.number} does not follow {previous.head}")
    return _seal(previous.object_id, files, version, inventory, token, previous, builds_on)


def _seal(
    object_id: str,
    files: Mapping[str, Path],
    version: VersionBlock,
    inventory: Path,
    token: str,
    previous: Inventory | None,
    builds_on: bytes | None,
) -> SealedVersion:
    new: dict[bytes, SealedFile] = {}
    state = {str(path): digest for path, digest in previous.state(previous.head)} if previous else {}
    for path in sorted(files):
        size, digests = hash_file(files[path], ["sha256", "sha512"])
        sha512 = digests["sha512"].value
        state[path] = sha512
        if previous is None or sha512 not in previous.manifest:
            content = ContentPath(f"v{version.number}/content/{token}/{path}")
            new.setdefault(sha512, SealedFile(content, files[path], size, digests["sha256"].value, sha512))
    manifest = [(sha512, str(file.content_path)) for sha512, file in new.items()]
    fixity = [(file.sha256, str(file.content_path)) for file in new.values()]
    if previous is not None:
        manifest += [(digest, str(path)) for path, digest in previous.content_paths()]
        fixity += [(digest, str(path)) for path, digest in previous.fixity("sha256").items()]
    with open(inventory, "wb") as out:
        write_inventory(
            out,
            object_id=object_id,
            previous=previous,
            version=version,
            manifest=sorted(manifest),
            state=sorted((digest, path) for path, digest in state.items()),
            fixity_sha256=sorted(fixity),
        )
    digest = hashlib.sha512(inventory.read_bytes(), usedforsecurity=False).digest()

    def stream() -> Iterator[SealedFile]:
        return iter(new.values())

    total = sum(file.size for file in new.values())
    return SealedVersion(ObjectId(object_id), version.number, inventory, digest, builds_on, stream, total)
