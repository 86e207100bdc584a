"""Recovery: the register's rows of one volume, made from the cartridge alone."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

from policies.findings import reason_of, said
from policies.phrases import phrase
from storage.errors import Refused
from storage.ocfl.expectations import Expectations, HashedStream, read_expectations
from storage.ocfl.inventory_writer import sidecar_text
from storage.ocfl.layout import object_path
from storage.ocfl.objects import DECLARATION, DECLARATION_BYTES, INVENTORY, SIDECAR
from storage.tape.bundles import Comment, padding
from storage.tape.cartridge import Cartridge, DataFile
from storage.tape.drive import BLOCK
from storage.tape.errors import MediumError, WrongVolume
from storage.tape.labels import BadLabel, FileLabel, file_of, volume_id, volume_of
from storage.tape.rows import BundleRow, FileRow, Volume, VolumeState
from storage.tape.shelf import Shelf
from storage.tape.volumes import void_row

__all__ = ["Recovered", "recover", "tier_of"]

LARGEST_INVENTORY = 512 << 20
"""Bytes of an inventory that are held in memory while it is looked at: some million files."""


@dataclass(slots=True)
class Recovered:
    """What was found on a volume: bundles that count and those that do not, objects, files, bytes, and what could not be believed."""

    bundles: int = 0
    void: int = 0
    files: int = 0
    bytes: int = 0
    objects: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)


def _first_labels(shelf: Shelf, barcode: str) -> tuple[Cartridge, FileLabel]:
    """The cartridge, and what the labels of its first tape file say. Raises WrongVolume."""
    drive, _ = shelf.library.mount(barcode)
    unknown = Volume(barcode, "", VolumeState.OPEN, 0, 0, 0, "")
    cartridge = Cartridge(drive, unknown, "")
    cartridge.go_to(0)
    labels = cartridge.labels()
    try:
        if not labels or volume_of(labels[0]) != volume_id(barcode):
            raise WrongVolume(barcode, phrase("tape-vol1"))
        return cartridge, file_of(labels[1:])
    except (BadLabel, ValueError) as error:
        raise WrongVolume(barcode, str(error)) from None


def tier_of(shelf: Shelf, barcode: str) -> str:
    """The UUID of the tier to which a cartridge belongs, as its labels have it. Raises WrongVolume."""
    try:
        return _first_labels(shelf, barcode)[1].tier_uuid
    finally:
        shelf.library.forget(barcode)


def recover(shelf: Shelf, barcode: str, progress: Callable[[int], None]) -> Recovered:
    """Read a volume whole and enter what is on it, instead of what the register had of it. Made, rated life and capacity come from the
    volume's first tape file; location and mounts stay if they are known.

    Raises:
        Refused: the cartridge belongs to another tier. WrongVolume: it is no volume of ours. Unavailable.
    """
    cartridge, first = _first_labels(shelf, barcode)
    if first.tier_uuid != shelf.tier_uuid:
        shelf.library.forget(barcode)
        raise Refused(barcode, phrase("tape-other-tier", found=first.tier_uuid, expected=shelf.tier_uuid))
    report = Recovered()
    cartridge = Cartridge(cartridge.drive, Volume(barcode, first.volume_uuid, VolumeState.OPEN, 0, 0, 0, ""), first.tier_uuid)
    with shelf.register.transaction():
        known = {each.barcode: each for each in shelf.register.volumes()}.get(barcode)
        shelf.register.drop_content(barcode)
        shelf.register.put_volume(cartridge.volume)
        about = _Reader(shelf, cartridge, report, progress).run()
        rows = shelf.register.bundles(barcode)
        shelf.register.change_volume(
            barcode,
            sequence=len(rows),
            used=sum(row.size for row in rows),
            labelled=str(about.get("labelled", "")),
            made=str(about.get("made", "")),
            rated_years=int(about.get("rated_years", 0)),
            capacity=int(about.get("capacity", 0)),
            state=_state_of(known),
            location=known.location if known is not None else "",
            mounts=known.mounts if known is not None else 0,
        )
        shelf.register.dispose_again(barcode)
        shelf.register.settle_all(barcode)
    shelf.library.forget(barcode)
    return report


def _state_of(known: Volume | None) -> VolumeState:
    """What a volume that was just read is: as it was; one that had been given up was found, and is not written any more."""
    if known is None:
        return VolumeState.OPEN
    return VolumeState.SUSPECT if known.state is VolumeState.LOST else known.state


class _Reader:
    """One reading of a volume, forwards, file by file."""

    def __init__(self, shelf: Shelf, cartridge: Cartridge, report: Recovered, progress: Callable[[int], None]) -> None:
        self._shelf = shelf
        self._cartridge = cartridge
        self._report = report
        self._progress = progress

    def run(self) -> dict[str, Any]:
        """Returns what the first tape file says of the volume."""
        about: dict[str, Any] = {}
        sequence = 1
        while True:
            self._cartridge.go_to(3 * (sequence - 1))
            try:
                labels = self._cartridge.labels()
            except MediumError as error:
                self._void(sequence, _unread(sequence, error))
                sequence += 1
                continue
            if not labels and self._cartridge.file == 3 * (sequence - 1):
                return about  # the end of the data
            try:
                label = file_of(labels[1:] if sequence == 1 else labels)
            except BadLabel as error:
                self._void(sequence, phrase("tape-recover-file", file=sequence, why=reason_of(error)))
                sequence += 1
                continue
            found = self._file(sequence, label)
            about = found if sequence == 1 else about
            sequence += 1

    def _void(self, sequence: int, problem: str = "") -> None:
        """A tape file that holds nothing. One that no third file mark ends is what a killed writer left: it is not entered, so that
        the next writer closes it."""
        self._report.void += 1
        if problem:
            self._report.problems.append(problem)
        if sequence == 1 or self._is_ended(sequence):
            self._shelf.register.add_bundle(void_row(self._cartridge.volume.barcode, sequence))

    def _is_ended(self, sequence: int) -> bool:
        if self._cartridge.file != 3 * sequence:
            try:
                self._cartridge.go_to(3 * sequence - 1)
                self._cartridge.labels()
            except (WrongVolume, MediumError):
                return True  # something is there
        return self._cartridge.file == 3 * sequence

    def _file(self, sequence: int, label: FileLabel) -> dict[str, Any]:
        """Read one tape file, enter it; what a "V" file says."""
        barcode = self._cartridge.volume.barcode
        row = BundleRow(
            barcode,
            sequence,
            label.number,
            label.uuid,
            label.kind,
            True,
            0,
            0,
            b"",
            label.created.isoformat(),
            label.block or BLOCK,
        )
        data = DataFile(self._cartridge, row, hashing=True)
        parts: list[_Part] = []
        about: dict[str, Any] = {}
        try:
            digest = self._read(data, parts, about)
            trailer = self._cartridge.trailer(sequence)
        except (BadLabel, WrongVolume, tarfile.TarError, ValueError) as error:
            self._void(sequence, phrase("tape-recover-file", file=sequence, why=reason_of(error)))
            return {}
        except MediumError as error:
            self._void(sequence, _unread(sequence, error))
            return {}
        self._progress(data.at)
        if not trailer.complete or trailer.uuid != label.uuid or self._cartridge.file != 3 * sequence:
            self._void(sequence)
            return {}
        sound = digest == trailer.sha256
        if digest and not sound:
            self._report.problems.append(phrase("tape-recover-bytes", file=sequence))
        done = BundleRow(
            barcode,
            sequence,
            label.number,
            label.uuid,
            label.kind,
            True,
            trailer.size,
            trailer.blocks,
            trailer.sha256,
            row.created,
            row.block,
        )
        self._shelf.register.add_bundle(done)
        self._report.bundles += label.kind != "V"  # the first tape file tells of the cartridge
        self._report.bytes += trailer.size
        for part in parts:
            self._enter(done, part, sound=sound)
        return about

    def _read(self, data: DataFile, parts: list[_Part], about: dict[str, Any]) -> bytes:
        """Read the data: the parts that are there whole, and the digest of it all; b"" where a block could not be read, and what lies
        behind it in this tape file is not known. Raises tarfile.TarError, ValueError."""
        sequence = data.bundle.sequence
        try:
            _parse(data, parts, about)
            digest = data.finish()
            self._cartridge.is_in(3 * (sequence - 1) + 2)
        except MediumError as error:
            self._report.problems.append(_unread(sequence, error))
            del parts[-1:]
            digest = b""
        parts[:] = [part for part in parts if part.members]
        return digest

    def _enter(self, bundle: BundleRow, part: _Part, *, sound: bool) -> None:
        """Enter a part with the digests that its inventory has. A part that is as it was written, and is not what its inventory says, was
        never a copy."""
        rows = list(part.expected())
        wrong = [path for _, path, _, found, digest in rows if digest != found]
        if (wrong and sound) or (not sound and part.comment.kind != "version"):
            names = ", ".join(wrong[:3]) or phrase("tape-recover-inventory")
            aip = part.comment.object_id
            self._report.problems.append(phrase("tape-recover-unsealed", file=bundle.sequence, aip=aip, names=names))
            return
        entered = part.comment.row(bundle, rows[0][0], part.end - rows[0][0])
        number = self._shelf.register.add_part(entered)
        self._shelf.register.add_files(FileRow(number, offset, path, size, digest) for offset, path, size, _, digest in rows)
        for data in part.inventories:
            self._shelf.folder.keep_inventory(io.BytesIO(data))
        self._report.objects.add(part.comment.object_id)
        self._report.files += len(rows)


@dataclass(slots=True)
class _Part:
    """One part as it was read: members (offset, path, size, SHA-512 as found), the inventories among them."""

    comment: Comment
    members: list[tuple[int, str, int, bytes]] = field(default_factory=list)
    inventories: list[bytes] = field(default_factory=list)
    end: int = 0

    def expected(self) -> Iterator[tuple[int, str, int, bytes, bytes]]:
        """Members with the digest that they must have, as far as the part itself tells it; else the one that was found."""
        digest = bytes.fromhex(self.comment.inventory)
        fixed = {}
        if self.comment.kind == "version":
            sidecar = hashlib.sha512(sidecar_text(digest)).digest()
            folder = f"v{self.comment.version}/"
            fixed = {folder + INVENTORY: digest, INVENTORY: digest, folder + SIDECAR: sidecar, SIDECAR: sidecar}
            fixed[DECLARATION] = hashlib.sha512(DECLARATION_BYTES).digest()
        content = self._content(digest)
        for offset, path, size, found in self.members:
            known = fixed.get(path) or (content.take(path) if content is not None else None)
            yield offset, path, size, found, known or found

    def _content(self, digest: bytes) -> Expectations | None:
        for data in self.inventories:
            if hashlib.sha512(data).digest() == digest:
                stream = HashedStream(io.BytesIO(data))
                return read_expectations(stream, algorithm="sha512", since=1)
        return None


class _Stream(io.RawIOBase):
    """The data of a tape file, as tarfile reads it."""

    def __init__(self, data: DataFile) -> None:
        self._data = data

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        return b"".join(self._data.pieces(size if size >= 0 else 1 << 62))


def _unread(sequence: int, error: MediumError) -> str:
    return phrase("tape-recover-unread", file=sequence, why=said(error.finding))


def _parse(data: DataFile, parts: list[_Part], about: dict[str, Any]) -> None:
    """Find the parts of a bundle; and what volume.json says, if it is there. Raises tarfile.TarError, MediumError, ValueError."""
    with tarfile.open(fileobj=_Stream(data), mode="r|", bufsize=BLOCK) as archive:
        for member in archive:
            comment = Comment.read(member.pax_headers.get("comment", ""))
            if comment is not None:
                parts.append(_Part(comment))
            content = archive.extractfile(member)
            if content is None:
                continue
            hasher, kept = hashlib.sha512(usedforsecurity=False), []
            wanted = member.name == "volume.json" or member.name.endswith("/" + INVENTORY)
            while piece := content.read(BLOCK):
                hasher.update(piece)
                if wanted and member.size <= LARGEST_INVENTORY:
                    kept.append(piece)
            if member.name == "volume.json":
                about.update(json.loads(b"".join(kept)))
            if parts and member.name.startswith(object_path(parts[-1].comment.object_id) + "/"):
                path = member.name.removeprefix(object_path(parts[-1].comment.object_id) + "/")
                parts[-1].members.append((member.offset, path, member.size, hasher.digest()))
                parts[-1].end = member.offset_data + member.size + padding(member.size)
                if kept:
                    parts[-1].inventories.append(b"".join(kept))
