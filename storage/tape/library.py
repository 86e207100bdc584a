"""A library: one changer with its drives, shared by tiers and processes, and mounting cartridges in it.

One process at a time works with a library (a lock file says which; its content tells whether anybody else was there in between, for
then nothing is remembered of what the drives hold). Every load is followed by reading VOL1: a barcode is a sticker, a label is written.
"""

from __future__ import annotations

import contextlib
import fcntl
import math
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from policies.phrases import os_phrase, phrase
from storage.errors import StorageError, Unavailable
from storage.tape.changer import Changer, Element, Kind, is_cleaning, loadable
from storage.tape.drive import Drive
from storage.tape.errors import LibraryBusy, NoCartridge, TransportError
from storage.tape.transport import Patient, ScsiTransport, open_transport

__all__ = ["Library", "Place"]

PATIENCE = 60.0
"""Seconds to wait for another process: short work ends by then; what takes hours is told of instead."""

SEEN_FOR = 10.0
"""Seconds for which what was seen in the library is believed by who only asks what is there."""

GLANCE = 2.0
"""Seconds that who only asks what is there waits for others."""

Opener = Callable[[str], ScsiTransport]


@dataclass(frozen=True, slots=True)
class Place:
    """How to reach a library: address of the changer, of the drives (in the order of its drive elements), and the lock file."""

    changer: str
    drives: tuple[str, ...]
    lock: Path


@dataclass(slots=True)
class _Bay:
    """One drive, and what we know to be in it: the barcode that we loaded there, "" for nothing known."""

    address: str
    drive: Drive | None = None
    serial: str = ""
    loaded: str = ""


class Library:
    """One library. Use it inside `held` only. ``opener`` makes transports (tests wrap them)."""

    def __init__(
        self,
        place: Place,
        *,
        opener: Opener = open_transport,
        patience: float = PATIENCE,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self.place = place
        self.name = place.changer
        self._opener = opener
        self.patience = patience
        self._sleep = sleep
        self._thread = threading.RLock()
        self._depth = 0
        self._token = ""
        self._changer: Changer | None = None
        self._bays = [_Bay(address) for address in place.drives]
        self.mounts = 0
        """Cartridges moved into a drive so far."""
        self.seen: frozenset[str] | None = None
        """The cartridges that could be loaded when the changer was asked last; None before it was, and after something was moved."""
        self._seen_at = -math.inf

    # --- one at a time ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def held(self, *, patience: float | None = None) -> Iterator[None]:
        """Hold the library for this thread; others are waited for so many seconds. May be nested. Raises LibraryBusy, Unavailable."""
        patience = self.patience if patience is None else patience
        if not self._thread.acquire(timeout=patience):
            raise LibraryBusy(self.name, phrase("tape-busy-job"))
        try:
            if self._depth:
                self._depth += 1
                try:
                    yield
                finally:
                    self._depth -= 1
                return
            descriptor = self._lock(patience)
            try:
                self._depth = 1
                self._note(descriptor)
                self._look()
                yield
            except TransportError:
                self.close()
                raise
            finally:
                self._depth = 0
                os.close(descriptor)
        finally:
            self._thread.release()

    def _lock(self, patience: float) -> int:
        try:
            descriptor = os.open(self.place.lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise Unavailable(str(self.place.lock), os_phrase(error)) from error
        waited = 0.0
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return descriptor
            except BlockingIOError:
                if waited >= patience:
                    os.close(descriptor)
                    raise LibraryBusy(self.name, phrase("tape-busy-process")) from None
            self._sleep(0.05)
            waited += 0.05

    def _note(self, descriptor: int) -> None:
        """Forget what the drives hold when another was there since; leave our own mark."""
        if os.pread(descriptor, 64, 0).decode("ascii", "replace") != self._token or not self._token:
            for bay in self._bays:
                bay.loaded = ""
        self._token = uuid.uuid4().hex
        os.pwrite(descriptor, self._token.encode(), 0)

    def _look(self) -> None:
        """Nothing is under way yet: where the sessions of before have ended (the library was off meanwhile), begin new ones."""
        try:
            if self._changer is not None:
                self._changer.greet()
        except TransportError:
            self.close()

    # --- devices ----------------------------------------------------------------------------------------------------------

    @property
    def changer(self) -> Changer:
        """The changer, greeted. Raises Unavailable."""
        if self._changer is None:
            changer = Changer(Patient(self._opener(self.place.changer), sleep=self._sleep))
            try:
                changer.greet()
            except StorageError:
                changer.close()
                raise
            self._changer = changer
        return self._changer

    def _open(self, bay: _Bay) -> Drive:
        if bay.drive is None:
            drive = Drive(Patient(self._opener(bay.address), sleep=self._sleep), sleep=self._sleep)
            try:
                drive.greet()
                bay.serial = drive.identity().serial
            except StorageError:
                drive.close()
                raise
            bay.drive, bay.loaded = drive, ""
        return bay.drive

    def _drop(self, bay: _Bay) -> None:
        """Let a drive go after an error: the next one to use it opens it anew."""
        if bay.drive is not None:
            bay.drive.close()
        bay.drive, bay.loaded = None, ""

    def close(self) -> None:
        """Let all devices go; cartridges stay where they are."""
        for bay in self._bays:
            self._drop(bay)
        if self._changer is not None:
            self._changer.close()
            self._changer = None

    # --- mounting ---------------------------------------------------------------------------------------------------------

    def look(self) -> list[Element]:
        """What is in the library now. Raises Unavailable."""
        elements = self.changer.elements()
        self.seen, self._seen_at = loadable(elements), time.monotonic()
        return elements

    def there(self) -> frozenset[str]:
        """The cartridges that can be loaded, as they were seen some seconds ago; while somebody works with the library for hours, as that
        somebody saw them last. Needs no holding. Raises LibraryBusy where nobody here has seen them, Unavailable."""
        just = time.monotonic() - self._seen_at <= SEEN_FOR
        if self.seen is None and just:  # and it was busy: whoever asks of a thousand objects does not wait for each
            raise LibraryBusy(self.name, phrase("tape-busy-process"))
        if not just:
            try:
                with self.held(patience=GLANCE):
                    self.look()
            except LibraryBusy:
                self._seen_at = time.monotonic()
                if self.seen is None:
                    raise
        return self.seen or frozenset()

    def mount(self, barcode: str, *, mail_slot: bool = True) -> tuple[Drive, bool]:
        """A drive with this cartridge in it, ready; and whether it was put in (or looked at) anew, so that its label has to be read. With
        ``mail_slot`` it may lie in a mail slot.

        Raises:
            NoCartridge: it is not in the library (or only in a mail slot), or is a cleaning cartridge.
            Unavailable: no drive could take it; the last reason.
        """
        if is_cleaning(barcode):
            raise NoCartridge(barcode, phrase("tape-cleaning"))
        for bay in self._bays:
            if bay.loaded == barcode and bay.drive is not None:
                try:
                    bay.drive.ready()  # an attention that waits makes the position unknown, before anything relies on it
                    return bay.drive, False
                except Unavailable:
                    self._drop(bay)
        elements = self.look()
        place = next((each for each in elements if each.full and each.barcode == barcode), None)
        if place is None:
            raise NoCartridge(barcode, phrase("not-in-library"))
        if place.kind is Kind.MAIL_SLOT and not mail_slot:
            raise NoCartridge(barcode, phrase("in-mail-slot"))
        reasons: list[StorageError] = []
        for bay, element in self._ways(elements, place):
            try:
                return self._put(bay, element, place, barcode), True
            except Unavailable as error:
                reasons.append(error)
                self._drop(bay)
                if isinstance(error, TransportError) and error.finding.path == self.name:
                    break
        raise reasons[-1] if reasons else LibraryBusy(self.name, phrase("tape-no-drive"))

    def _ways(self, elements: Sequence[Element], place: Element) -> Iterator[tuple[_Bay, Element]]:
        """Drives to try, the best first: the one that holds the cartridge, empty ones, the others."""
        pairs = list(self._paired([each for each in elements if each.kind is Kind.DRIVE]))
        if place.kind is Kind.DRIVE:
            yield from (pair for pair in pairs if pair[1].address == place.address)
            return
        yield from sorted(pairs, key=lambda pair: (pair[1].full, bool(pair[0].loaded)))

    def _paired(self, elements: Sequence[Element]) -> Iterator[tuple[_Bay, Element]]:
        """Which drive is which element: by serial number where both tell it, else by their order."""
        left, bays = list(elements), list(self._bays)
        for bay in list(bays):
            with contextlib.suppress(Unavailable):
                self._open(bay)
            for element in list(left):
                if bay.serial and element.serial == bay.serial:
                    left.remove(element)
                    bays.remove(bay)
                    yield bay, element
        yield from zip(bays, left, strict=False)

    def _put(self, bay: _Bay, element: Element, place: Element, barcode: str) -> Drive:
        drive = self._open(bay)
        if place.address != element.address:
            if element.full:
                self._empty(bay, element)
            self.changer.move(place.address, element.address)
            self.mounts += 1
        drive.load()
        bay.loaded = barcode
        return drive

    def _empty(self, bay: _Bay, element: Element) -> None:
        """Bring what is in a drive back to where it came from."""
        bay.loaded = ""
        self._open(bay).unload()
        self.changer.move(element.address, self.changer.free(Kind.SLOT, preferred=element.source).address)

    def take_out(self, barcode: str) -> Element:
        """Make sure that a cartridge is in no drive; where it lies now. Raises NoCartridge."""
        self.seen, self._seen_at = None, -math.inf  # whoever takes it out is going to move it
        place = self.changer.find(barcode)
        if place.kind is not Kind.DRIVE:
            return place
        for bay, element in self._paired(self.changer.elements_of(Kind.DRIVE)):
            if element.address == place.address:
                self._empty(bay, element)
        return self.changer.find(barcode)

    def forget(self, barcode: str) -> None:
        """A cartridge turned out to be another one, or its drive failed: load it anew next time."""
        for bay in self._bays:
            if bay.loaded == barcode:
                self._drop(bay)
