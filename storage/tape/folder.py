"""The folder of a tape tier on a local file system: marker, register, a copy of every inventory, and repairs that wait for the tape.

``kho-tier.json`` the marker, written last · ``register.db`` · ``inventories/ab/<sha512>`` · ``mending/<uuid>.{json,bytes}`` ·
``recalled/<sha512>`` files read from tape a while ago · ``labelling/<barcode>.json`` labels that were begun.
Nothing here is a copy of a record that counts: all but the marker can be made again from the cartridges.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from fixity.digests import LARGE_BUFFER
from policies.phrases import os_phrase, phrase
from storage import durable
from storage.errors import AlreadyExists, Refused, Unavailable, from_os
from storage.ocfl.folder import MARKER, MARKER_VERSION
from storage.tape.register import Register
from storage.tape.rows import Volume, VolumeState

__all__ = ["Label", "Mend", "TapeFolder", "create_tape_folder"]

REGISTER, INVENTORIES, MENDING, RECALLED, LABELLING = "register.db", "inventories", "mending", "recalled", "labelling"


@dataclass(frozen=True, slots=True)
class Mend:
    """One file that waits to be written again."""

    object_id: str
    path: str
    size: int
    sha512: bytes
    file: Path
    note: Path


@dataclass(frozen=True, slots=True)
class Label:
    """What a cartridge is to be: its volume, and the UUID of the tape file that tells about it. All else on it follows from this."""

    volume: Volume
    uuid: str


class TapeFolder:
    """Paths of one tape tier; ``identifier`` is the UUID its marker must have (None: whatever is there)."""

    def __init__(self, path: Path, name: str, identifier: str | None = None) -> None:
        self.path = path
        self.name = name
        self._identifier = identifier

    @property
    def identifier(self) -> str:
        """The tier's UUID. Raises Unavailable unless this very tier's marker is there."""
        marker = self.path / MARKER
        try:
            found = json.loads(marker.read_bytes())
            version, name, identifier = int(found["kho_tier"]), str(found["name"]), str(found["uuid"])
            kind = str(found.get("kind", ""))
        except OSError as error:
            raise Unavailable(str(self.path), phrase("tape-no-tier", why=os_phrase(error))) from error
        except (ValueError, KeyError, TypeError) as error:
            raise Unavailable(str(marker), phrase("marker-damaged")) from error
        if version != MARKER_VERSION or kind != "tape":
            raise Unavailable(str(marker), phrase("tape-tier-format", version=MARKER_VERSION))
        if name != self.name or (self._identifier or identifier) != identifier:
            raise Unavailable(str(marker), phrase("tier-other-here", found=f"{name!r}", identifier=identifier))
        self._identifier = identifier
        return identifier

    def register(self) -> Register:
        """The register. Raises Unavailable."""
        return Register(self.path / REGISTER)

    @property
    def recalled(self) -> Path:
        """The folder of files that were read from tape a while ago. Raises Unavailable."""
        folder = self.path / RECALLED
        try:
            folder.mkdir(exist_ok=True)
        except OSError as error:
            raise Unavailable(str(folder), os_phrase(error)) from error
        return folder

    # --- inventories ------------------------------------------------------------------------------------------------------

    def _inventory(self, digest: bytes) -> Path:
        return self.path / INVENTORIES / digest.hex()[:2] / digest.hex()

    def has_inventory(self, digest: bytes) -> bool:
        return self._inventory(digest).is_file()

    def open_inventory(self, digest: bytes) -> BinaryIO | None:
        """A copy of the inventory with this SHA-512, held against it; None when there is no good one."""
        try:
            with open(self._inventory(digest), "rb") as stream:
                if hashlib.file_digest(stream, "sha512").digest() != digest:
                    return None
            return open(self._inventory(digest), "rb")
        except OSError:
            return None

    def keep_inventory(self, source: BinaryIO) -> bytes:
        """Keep a copy of an inventory; returns its SHA-512. Raises Unavailable: it could not be read, or not be written here."""
        temporary = self.path / INVENTORIES / f".{uuid.uuid4().hex}"
        try:
            digest = _copied(source, temporary)
            place = self._inventory(digest)
            place.parent.mkdir(exist_ok=True)
            os.rename(temporary, place)
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise Unavailable(str(temporary.parent), os_phrase(error)) from error
        return digest

    # --- labels that were begun -------------------------------------------------------------------------------------------

    def begin_label(self, label: Label) -> None:
        """Note, durably, what is about to be written at the beginning of a cartridge, instead of what was noted before. Raises
        StorageError."""
        volume = label.volume
        note = {
            "volume": volume.uuid,
            "file": label.uuid,
            "labelled": volume.labelled,
            "capacity": volume.capacity,
            "made": volume.made,
            "rated_years": volume.rated_years,
        }
        folder = self.path / LABELLING
        temporary = folder / f".{uuid.uuid4().hex}"
        try:
            folder.mkdir(exist_ok=True)
            _write(temporary, json.dumps(note).encode())
            durable.rename(str(temporary), str(folder / f"{volume.barcode}.json"))
            durable.fsync_folder(str(folder))
            durable.fsync_folder(str(self.path))
        except OSError as error:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise from_os(error, str(folder)) from error

    def label_begun(self, barcode: str) -> Label | None:
        """What was noted of a cartridge whose labelling has not ended; None when nothing was, or the note cannot be read."""
        try:
            note = json.loads((self.path / LABELLING / f"{barcode}.json").read_bytes())
            given = (note["capacity"], note["labelled"], note["made"], note["rated_years"])
            return Label(Volume(barcode, note["volume"], VolumeState.OPEN, 0, 0, *given), note["file"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def end_label(self, barcode: str) -> None:
        """The cartridge is entered, or was none that may be written. A note that stays does no harm."""
        with contextlib.suppress(OSError):
            (self.path / LABELLING / f"{barcode}.json").unlink()

    # --- repairs that wait ------------------------------------------------------------------------------------------------

    def stage_mend(self, object_id: str, path: str, source: BinaryIO, sha512: bytes) -> None:
        """Put good bytes aside, durably, until they are written to a tape.

        Raises:
            Refused: they do not hash to ``sha512``; nothing is kept. Unavailable: they could not be written here.
        """
        stem = self.path / MENDING / uuid.uuid4().hex
        hasher, size = hashlib.sha512(usedforsecurity=False), 0
        try:
            descriptor = durable.create(str(stem.with_suffix(".bytes")))
            try:
                while chunk := source.read(LARGE_BUFFER):
                    hasher.update(chunk)
                    size += len(chunk)
                    durable.write(descriptor, chunk)
                durable.fsync(descriptor)
            finally:
                durable.close(descriptor)
            if hasher.digest() != sha512:
                os.unlink(stem.with_suffix(".bytes"))
                raise Refused(f"{object_id}/{path}", phrase("not-those-bytes"))
            note = {"object": object_id, "path": path, "size": size, "sha512": sha512.hex()}
            _write(stem.with_suffix(".json"), json.dumps(note).encode())
            durable.fsync_folder(str(stem.parent))
        except OSError as error:
            raise from_os(error, str(stem.parent)) from error

    def mends(self) -> Iterator[Mend]:
        """What waits, whole ones only."""
        for note in sorted((self.path / MENDING).glob("*.json")):
            with contextlib.suppress(OSError, ValueError, KeyError):
                each = json.loads(note.read_bytes())
                file = note.with_suffix(".bytes")
                yield Mend(each["object"], each["path"], each["size"], bytes.fromhex(each["sha512"]), file, note)

    def drop_mend(self, mend: Mend) -> None:
        """It is on a tape now, or nobody wants it any more."""
        for file in (mend.note, mend.file):
            file.unlink(missing_ok=True)


def _copied(source: BinaryIO, target: Path) -> bytes:
    """Copy into a new file; the SHA-512."""
    hasher = hashlib.sha512(usedforsecurity=False)
    with open(target, "xb") as file:
        while chunk := source.read(LARGE_BUFFER):
            hasher.update(chunk)
            file.write(chunk)
    return hasher.digest()


def _write(target: Path, data: bytes) -> None:
    """A new file, durably; its name is not."""
    descriptor = durable.create(str(target))
    try:
        durable.write(descriptor, data)
        durable.fsync(descriptor)
    finally:
        durable.close(descriptor)


def create_tape_folder(path: Path, name: str, identifier: str | None = None) -> str:
    """Make an empty tape tier in a folder (made when it is not there), marker last; returns its UUID: ``identifier`` where the folder of
    a tier that has cartridges was lost.

    Raises:
        AlreadyExists: a tier is there. Unavailable: could not write.
    """
    identifier = identifier or str(uuid.uuid4())
    try:
        path.mkdir(parents=True, exist_ok=True)
        if (path / MARKER).exists():
            raise AlreadyExists(str(path))
        for inner in (INVENTORIES, MENDING, RECALLED):
            (path / inner).mkdir(exist_ok=True)
        if not (path / REGISTER).exists():
            Register.create(path / REGISTER).close()
        marker = {"kho_tier": MARKER_VERSION, "name": name, "uuid": identifier, "kind": "tape"}
        _write(path / MARKER, json.dumps(marker, ensure_ascii=True).encode() + b"\n")
        durable.fsync_folder(str(path))
    except OSError as error:
        raise from_os(error, str(path)) from error
    return identifier
