"""The shelf: the volumes of one tier, mounted when they are needed, and bundles brought onto the one that has room."""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import BinaryIO, TypeVar

from policies.findings import said, spoken
from policies.phrases import phrase
from storage.errors import NotFound, Refused, StorageError, Unavailable
from storage.ocfl.objects import INVENTORY
from storage.tape.bundles import closing, header, padding
from storage.tape.cartridge import Cartridge
from storage.tape.changer import loadable
from storage.tape.drive import BLOCK, Drive
from storage.tape.errors import NoCartridge, NoRoom, ScsiError, WriteProtected, WrongVolume
from storage.tape.folder import Label, TapeFolder
from storage.tape.labels import volume_id
from storage.tape.library import Library
from storage.tape.recall import Recall
from storage.tape.register import Register
from storage.tape.rows import BundleRow, FileRow, PartRow, Volume, VolumeState
from storage.tape.sense import Key
from storage.tape.streaming import Stream
from storage.tape.volumes import Group, NewFile, Outgoing, TapeFull, begin_volume, is_blank, write_group
from storage.tier import ObjectId

__all__ = ["Shelf"]

ALERTS = {
    1: phrase("alert-reading"),
    2: phrase("alert-writing"),
    3: phrase("alert-hard-error"),
    4: phrase("alert-at-risk"),
    5: phrase("alert-read-failed"),
    6: phrase("alert-write-failed"),
    7: phrase("alert-worn"),
    20: phrase("alert-clean-now"),
    21: phrase("alert-clean"),
    30: phrase("alert-hardware"),
    31: phrase("alert-hardware"),
}
"""TapeAlert flags that somebody has to act on (SSC-4 annex A); the others are logged by their numbers."""

CARTRIDGE_ENDS = frozenset({4, 7})
"""Flags after which a volume is not written any more."""

Bundle = TypeVar("Bundle", bound=Outgoing)

_log = logging.getLogger("kho.tape")


class Shelf:
    """Everything here is done while the library is held."""

    def __init__(
        self, folder: TapeFolder, register: Register, library: Library, recall: Recall, now: Callable[[], datetime]
    ) -> None:
        self.folder = folder
        self.register = register
        self.library = library
        self._now = now
        self.recall = recall
        self._cartridges: dict[str, Cartridge] = {}

    @property
    def tier_uuid(self) -> str:
        """The tier's UUID as labels have it."""
        return uuid.UUID(self.folder.identifier).hex

    # --- mounting ---------------------------------------------------------------------------------------------------------

    def mounted(self, barcode: str) -> Cartridge:
        """The cartridge, in a drive, its VOL1 checked since it was loaded.

        Raises:
            NoCartridge: it is not in the library, or was given up. WrongVolume: another one carries its barcode. Unavailable.
        """
        volume = self.register.volume(barcode)
        if volume.state is VolumeState.LOST:
            raise NoCartridge(barcode, phrase("tape-lost"))
        try:
            drive, anew = self.library.mount(barcode, mail_slot=False)  # somebody is about to take it away
        except NoCartridge as error:
            if volume.location and barcode not in {each.barcode for each in self.library.changer.elements()}:
                raise NoCartridge(barcode, phrase("tape-put-away", location=volume.location)) from error
            raise
        known = self._cartridges.get(barcode)
        if known is not None and known.drive is drive and not anew:
            known.volume = volume
            return known
        cartridge = Cartridge(drive, volume, self.tier_uuid)
        try:
            cartridge.check_label()
        except StorageError:
            self.library.forget(barcode)
            raise
        self._cartridges[barcode] = cartridge
        self.register.change_volume(barcode, mounts=volume.mounts + 1, location="")
        return cartridge

    def most(self) -> int:
        """Bytes of one piece that no open volume takes, as was seen of others of their generations; 0 where that is not known."""
        limits = [self.register.too_large(each.generation) for each in self.register.volumes() if each.state is VolumeState.OPEN]
        return max(limits, default=0) if all(limits) else 0

    def _writable(self, size: int, largest: int, failed: dict[str, ScsiError]) -> Cartridge:
        """A mounted volume that is likely to take ``size`` bytes more, of which the ``largest`` piece has so many: one that was begun
        rather than an empty one, and none that has ``failed`` just now.

        Raises NoRoom, or why the last one could not be used.
        """
        there = loadable(self.library.look()) - failed.keys()
        volumes = [each for each in self.register.volumes() if each.state is VolumeState.OPEN and each.barcode in there]
        reason: StorageError = next(reversed(failed.values()), NoRoom(self.folder.name))
        for volume in sorted(volumes, key=lambda each: -each.used):
            if volume.room < size and volume.sequence > 1:
                continue
            if largest >= (self.register.too_large(volume.generation) or largest + 1):
                continue
            try:
                return self.mounted(volume.barcode)
            except WrongVolume as error:
                self._suspect(volume.barcode, error)
                reason = Unavailable(volume.barcode, said(error.finding, code=False))
            except NoCartridge as error:
                reason = error
            except ScsiError as error:  # this cartridge, or its drive: another may do
                reason = error
                if _of_the_medium(error):
                    failed[volume.barcode] = error
        raise reason

    def _suspect(self, barcode: str, error: StorageError) -> None:
        _log.error("volume %s is not written any more: %s", barcode, error)
        self.register.change_volume(barcode, state=VolumeState.SUSPECT, note=said(error.finding))

    # --- writing ----------------------------------------------------------------------------------------------------------

    def append(self, bundles: Sequence[Bundle], on_counted: Callable[[Bundle], None]) -> None:
        """Bring bundles onto tapes, in order, on as many volumes as it takes; ``on_counted`` hears of each that was read back and entered.

        Raises:
            Refused: one is larger than a cartridge. Unavailable: what was not counted by then is on no tape that counts.
        """
        left = list(bundles)
        failed: dict[str, ScsiError] = {}
        while left:
            cartridge = self._writable(left[0].size, left[0].largest, failed)
            volume = cartridge.volume
            fitting = _fitting(left, volume.room)
            try:
                group = self._group(cartridge, fitting)
            except WriteProtected as error:
                self.register.change_volume(volume.barcode, state=VolumeState.SUSPECT, note=said(error.finding))
                continue
            except TapeFull:
                self.register.change_volume(volume.barcode, state=VolumeState.FULL)
                if volume.sequence == 1 and len(fitting) == 1:
                    raise self._too_large(volume, left[0]) from None
                continue
            except ScsiError as error:
                if not _of_the_medium(error):
                    raise
                failed[volume.barcode] = error
                continue
            if not group.written and volume.sequence == 1:
                raise self._too_large(volume, left[0])
            for outgoing in left[: len(group.written)]:
                on_counted(outgoing)
            left = left[len(group.written) :]
            while failed and group.written:  # another takes what these did not: it is they, and not the drive
                self._suspect(*failed.popitem())

    def _too_large(self, volume: Volume, outgoing: Outgoing) -> Refused:
        """An empty volume did not take it. That is remembered: else whoever tries again uses up one cartridge after another."""
        self.register.was_too_large(volume.generation, outgoing.largest)
        return Refused(self.folder.name, phrase("tape-bundle-large"))

    def _group(self, cartridge: Cartridge, bundles: Sequence[Outgoing]) -> Group:
        volume = cartridge.volume
        last = self.register.bundle(volume.barcode, volume.sequence)
        try:
            group = write_group(cartridge, self.tier_uuid, last, [each.file for each in bundles], self._now())
        except WrongVolume as error:
            self._suspect(volume.barcode, error)
            raise Unavailable(volume.barcode, said(error.finding, code=False)) from error
        rows = sorted((*group.written, *group.void), key=lambda row: row.sequence)
        with self.register.transaction():
            for row in group.void:
                self.register.add_bundle(row)
            for outgoing, row in zip(bundles, group.written, strict=False):
                outgoing.enter(row)
            used = volume.used + sum(row.size for row in rows)
            state = VolumeState.FULL if group.full else volume.state
            sequence = max((row.sequence for row in rows), default=volume.sequence)
            cartridge.volume = self.register.change_volume(volume.barcode, used=used, state=state, sequence=sequence)
        self._heed(cartridge)
        return group

    def _heed(self, cartridge: Cartridge) -> None:
        """What the drive tells of itself and of the cartridge, where it can, is logged; one that nears its end is not written again."""
        try:
            alerts, counters = cartridge.drive.alerts(), cartridge.drive.error_counters()
        except Unavailable as error:
            _log.warning("the drive does not tell how it is: %s", error)
            return
        if counters is not None:
            _log.info("volume %s in %s: %s", cartridge.volume.barcode, cartridge.drive.name, counters)
        if alerts:
            words = "; ".join(ALERTS.get(flag, f"TapeAlert {flag}") for flag in alerts)
            _log.error("volume %s in %s: %s", cartridge.volume.barcode, cartridge.drive.name, spoken(words))
            ended = CARTRIDGE_ENDS.intersection(alerts) and cartridge.volume.state is VolumeState.OPEN
            state = VolumeState.SUSPECT if ended else cartridge.volume.state
            cartridge.volume = self.register.change_volume(cartridge.volume.barcode, note=words, state=state)

    def label(self, barcode: str, *, capacity: int, made: str, rated_years: int) -> Volume:
        """Make a blank cartridge a volume of this tier. What it is to be is noted before anything is written, so that one whose labelling
        broke off is gone on with: then what was said the first time holds.

        Raises:
            Refused: it is not blank, may not be written, has no usable barcode, or is a volume already. Unavailable.
        """
        try:
            name = volume_id(barcode)
        except ValueError as error:
            raise Refused(barcode, str(error)) from error
        if any(volume_id(each.barcode) == name for each in self.register.volumes()):
            raise Refused(barcode, phrase("tape-ours-already"))
        now = self._now()
        volume = Volume(barcode, uuid.uuid4().hex, VolumeState.OPEN, 0, 0, capacity, now.isoformat(), made, rated_years)
        drive, _ = self.library.mount(barcode)
        noted = None if is_blank(Cartridge(drive, volume, self.tier_uuid)) else self.folder.label_begun(barcode)
        begun = noted or Label(volume, uuid.uuid4().hex)
        if noted is None:
            self.folder.begin_label(begun)
        try:
            row = self._begin_volume(drive, begun)
        except Refused:
            if noted is None:
                self.folder.end_label(barcode)
            raise
        with self.register.transaction():
            self.register.put_volume(begun.volume)
            self.register.add_bundle(row)
            volume = self.register.change_volume(barcode, sequence=1, used=row.size)
        self.folder.end_label(barcode)
        self.library.forget(barcode)  # so that it is mounted like any other: VOL1 is read before anything else is done
        return volume

    def _begin_volume(self, drive: Drive, begun: Label) -> BundleRow:
        volume, labelled = begun.volume, datetime.fromisoformat(begun.volume.labelled)
        about = NewFile("V", 0, begun.uuid, labelled, lambda stream: _about(stream, volume, self.folder, self.tier_uuid))
        (row,) = begin_volume(Cartridge(drive, volume, self.tier_uuid), self.tier_uuid, self.folder.name, about).written
        return row

    # --- reading ----------------------------------------------------------------------------------------------------------

    def inventory_stream(self, object_id: ObjectId, number: int, digest: bytes) -> BinaryIO:
        """An inventory of this digest: the copy in the tier's folder, else from the tape. Raises StorageError."""
        stream = self.folder.open_inventory(digest)
        if stream is not None:
            return stream
        for path in (f"v{number}/{INVENTORY}", INVENTORY):
            found = self.register.find_file(object_id, path)
            if found is not None and found[1].sha512 == digest:
                return self.open_file(*found)
        raise NotFound(f"{object_id}/v{number}/{INVENTORY}")

    def open_file(self, part: PartRow, row: FileRow) -> BinaryIO:
        """One member as it stands on the tape, and whatever else is asked for meanwhile. Raises StorageError."""
        request = self.recall.ask(part, row)
        if not request.answer.done():
            with self.library.held():
                self.serve(part.volume)
        return request.answer.result()

    def serve(self, first: str = "") -> None:
        """Read everything that is asked for: of the volume ``first``, then of the others."""
        for volume in dict.fromkeys([*([first] if first else []), *self.recall.volumes()]):
            self.recall.serve(self, volume)

    def passing(self, volume: str) -> None:
        """A pass over a volume is about to read on: what is asked for of it is read now, in the same mount."""
        self.recall.serve(self, volume)


def _of_the_medium(error: ScsiError) -> bool:
    """Whether blocks could not be read or written: by the cartridge, or by a drive that is dirty or worn."""
    return error.sense.key == Key.MEDIUM


def _fitting(bundles: Sequence[Outgoing], room: int) -> list[Outgoing]:
    """The first bundles that are likely to fit; at least one."""
    fitting, total = [bundles[0]], bundles[0].size
    for each in bundles[1:]:
        total += each.size
        if total > room:
            break
        fitting.append(each)
    return fitting


def _about(stream: Stream, volume: Volume, folder: TapeFolder, tier_uuid: str) -> None:
    """The first tape file: what this cartridge is, for people without this program."""
    facts = {
        "kho_tape": 1,
        "barcode": volume.barcode,
        "volume": volume.uuid,
        "tier": tier_uuid,
        "tier_name": folder.name,
        "made": volume.made,
        "rated_years": volume.rated_years,
        "capacity": volume.capacity,
        "labelled": volume.labelled,
    }
    stamp = int(datetime.fromisoformat(volume.labelled).timestamp())
    for name, data in (("README.txt", README.encode()), ("volume.json", json.dumps(facts, indent=1).encode() + b"\n")):
        stream.put(header(name, len(data), stamp) + data + bytes(padding(len(data))))
    stream.put(closing(stream.offset, BLOCK))


README = """\
This cartridge belongs to an archive of records. It can be read with nothing but mt and tar.

Blocks of data have 262144 bytes (256 KiB), labels 80. Every tape file is: header labels (HDR1 HDR2 UHL1 UHL2), file mark, a tar
archive (POSIX pax), file mark, trailer labels (EOF1 EOF2 UTL1 UTL2), file mark. VOL1 stands before the first header. This text is
in tape file 1. Tape files 2, 3, 4 ... are bundles: unpacked into one empty folder, in their order (and cartridges in the order of the
numbers at the end of each UHL2), they give an OCFL 1.1 storage root (https://ocfl.io/1.1/spec/). A trailer whose UTL1 has a V after
its name ends a tape file that holds nothing: leave that one out.

  mt -f /dev/nst0 setblk 0; mt -f /dev/nst0 rewind
  mt -f /dev/nst0 fsf 4                          # the data of tape file 2; fsf 3 x (n - 1) + 1 for tape file n
  tar -b 512 -x -f /dev/nst0 -C /some/empty/folder

Băng từ này thuộc một kho lưu trữ hồ sơ. Có thể đọc chỉ bằng mt và tar, theo các lệnh trên: giải nén các gói lần lượt từ tệp băng
số 2 vào cùng một thư mục rỗng sẽ được một kho OCFL 1.1.
"""
