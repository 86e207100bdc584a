"""`TapeTier`: a tier on the cartridges of one pool.

The pool *is* the tier: a cartridge carries its tier's UUID in every header label, so two pools never share a volume, whichever
library they stand in.
"""

from __future__ import annotations

import contextlib
import math
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from fixity.verify import FixityReport
from policies.phrases import os_phrase, phrase
from storage.beneath import check_path
from storage.errors import NotFound, Refused, SpoolDamaged, StorageError, Unavailable
from storage.ocfl.layout import object_path
from storage.ocfl.objects import INVENTORY, digest_at
from storage.tape.bundles import Comment, plan
from storage.tape.changer import Element
from storage.tape.errors import LibraryBusy
from storage.tape.folder import TapeFolder, create_tape_folder
from storage.tape.gathering import Gathering
from storage.tape.index import Index
from storage.tape.library import Library
from storage.tape.mending import write_mends
from storage.tape.planning import conflict, fitting, in_sequence, inventories
from storage.tape.recall import Recall
from storage.tape.rows import FileRow, PartRow, Volume, VolumeState
from storage.tape.shelf import Shelf
from storage.tape.verifying import Pass, Verified
from storage.tape.writing import Outgoing, Plan, bundled
from storage.tier import Ask, ObjectId, ObjectVersion, Passing, SealedVersion, Straying, Written, nowhere

__all__ = ["BUNDLE", "TapeTier"]

BUNDLE = 2 << 30
"""Bytes from which on a bundle is closed, and to which parts of large versions are cut. Some seconds of streaming: less makes labels and
file marks count, more makes a single file dear to reach on drives without LOCATE."""


FRESH_FOR = 600.0
"""Seconds for which a read-back stands for the check that counts a copy. What is asked later is read again."""

LOOK_EVERY = 0.05
"""Seconds between looks whether a request was served by another thread."""


class TapeTier:
    """The tier ``name`` with its folder (register, repairs that wait) and its cartridges in ``library``.

    ``largest`` is the size of the largest file that it takes (0: no limit known). ``gather``: seconds for which a group waits for more,
    until a ``bundle`` is together. ``now`` is the clock for labels.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        library: Library,
        *,
        identifier: str | None = None,
        bundle: int = BUNDLE,
        largest: int = 0,
        gather: float = 0.0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.name = name
        self.largest = largest
        self._folder = TapeFolder(path, name, identifier)
        self._library = library
        self._bundle = bundle
        self._now = now
        self._guard = threading.RLock()
        self._recall = Recall(self._folder)
        self._index = Index(self._folder)
        self._opened: Shelf | None = None
        self._fresh: dict[int, float] = {}
        self._gathering = Gathering(name, self._write_all, enough=bundle, seconds=gather)

    @classmethod
    def create(cls, path: Path, name: str, library: Library) -> TapeTier:
        """Make an empty tier in a folder. Raises AlreadyExists, Unavailable."""
        return cls(path, name, library, identifier=create_tape_folder(path, name))

    @property
    def identifier(self) -> str:
        """The UUID in the tier's marker. Raises Unavailable."""
        return self._folder.identifier

    def close(self) -> None:
        """Let the library and the register go."""
        with self._guard:
            self._library.close()
            if self._opened is not None:
                self._opened.register.close()
                self._opened = None
        self._index.close()

    # --- holding the library ----------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def shelf(self, *, library: bool = True, patience: float | None = None) -> Iterator[Shelf]:
        """The shelf, for this thread alone; with ``library`` the devices are held too, for this process alone (others are waited for as
        `Library.held` says). Raises Unavailable."""
        with self._guard, self._library.held(patience=patience) if library else contextlib.nullcontext():
            self._folder.identifier  # noqa: B018 - whether this very tier is there
            if self._opened is None:
                self._opened = Shelf(self._folder, self._folder.register(), self._library, self._recall, self._time)
            try:
                yield self._opened
            except sqlite3.Error as error:
                raise Unavailable(str(self._folder.path), phrase("tape-register", why=str(error))) from error

    def _time(self) -> datetime:
        return self._now().astimezone(UTC).replace(microsecond=0)

    def check(self) -> None:
        with self.shelf() as shelf:
            shelf.library.changer.greet()

    def elements(self) -> list[Element]:
        """What the library holds now, by kind and address. Raises Unavailable."""
        with self._guard, self._library.held():
            return self._library.changer.elements()

    # --- writing ----------------------------------------------------------------------------------------------------------

    def write(self, versions: Sequence[SealedVersion]) -> list[Written]:
        """What several threads bring at once becomes one group."""
        return self._gathering(versions) if versions else self._write_all(versions)

    def _write_all(self, versions: Sequence[SealedVersion]) -> list[Written]:
        self.flush()
        with self.shelf(library=False) as shelf:
            results = self._judged(shelf, versions)
        if all(result is not None for result in results):
            return [result for result in results if result is not None]
        with self.shelf() as shelf:
            results = self._judged(shelf, versions)  # again: another process may have written meanwhile
            waiting = {id(version): version for version, result in zip(versions, results, strict=True) if result is None}
            errors = self._write(shelf, list(waiting.values()))
        done = [
            result or Written(version.object_id, version.number, errors.get(id(version)))
            for version, result in zip(versions, results, strict=True)
        ]
        return in_sequence(done, versions)

    def _judged(self, shelf: Shelf, versions: Sequence[SealedVersion]) -> list[Written | None]:
        """Versions that are there already, or cannot be; None for those to be written."""
        known: dict[ObjectId, dict[int, bytes]] = {}
        results: list[Written | None] = []
        for version in versions:
            have = known.setdefault(version.object_id, inventories(shelf, version.object_id))
            error = conflict(version, have) or (None if version.number in have else self._unfit(version))
            there = version.number in have
            if error is None:
                have[version.number] = version.inventory_sha512
            results.append(Written(version.object_id, version.number, error) if error or there else None)
        return results

    def _unfit(self, version: SealedVersion) -> StorageError | None:
        """Why a version cannot be written, as far as that can be seen before anything is on a tape."""
        try:
            found = digest_at(str(version.inventory.parent), version.inventory.name)
        except OSError as error:
            return SpoolDamaged(str(version.inventory), os_phrase(error))
        if found != version.inventory_sha512:
            return SpoolDamaged(str(version.inventory), phrase("not-sealed-inventory"))
        for file in version.files():
            if self.largest and file.size > self.largest:
                return Refused(file.content_path, phrase("tape-file-large", most=self.largest))
            try:
                size = os.stat(file.source).st_size
            except OSError as error:
                return SpoolDamaged(file.content_path, os_phrase(error))
            if size != file.size:
                return SpoolDamaged(file.content_path, phrase("spool-file-size", found=size, sealed=file.size))
        return None

    def _write(self, shelf: Shelf, versions: Sequence[SealedVersion]) -> dict[int, StorageError]:
        """Write versions; by id() of the version, what went wrong."""
        runs = {uuid.uuid4().hex: version for version in versions}
        plans = [part for run, version in runs.items() for part in plan(version, self._bundle, run)]
        for version in versions:
            with open(version.inventory, "rb") as stream:
                shelf.folder.keep_inventory(stream)
        failed, counted = self._append(shelf, plans)
        errors: dict[int, StorageError] = {}
        for run, version in runs.items():
            parts = [part for part in plans if part.comment.run == run]
            error = failed.get(run)
            if error is None and any((run, part.comment.part) not in counted for part in parts):
                error = failed.get("", Unavailable(self.name, phrase("tape-not-yet")))
            if error is not None:
                errors[id(version)] = error
        return errors

    def _append(self, shelf: Shelf, plans: Sequence[Plan]) -> tuple[dict[str, StorageError], set[tuple[str, int]]]:
        """Bring parts onto tapes. Returns what went wrong by run ("" for all that are not counted), and (run, part) that are counted."""
        plans, failed = fitting(plans, shelf.most(), self.name)
        counted: set[tuple[str, int]] = set()
        first = shelf.register.next_number()
        outgoing = [
            Outgoing(shelf.register, parts, first + number, self._time())
            for number, parts in enumerate(bundled(plans, self._bundle))
        ]

        def on_counted(each: Outgoing) -> None:
            for comment, damage in each.damages():
                failed[comment.run] = damage
            for comment in each.comments():
                if comment.run not in failed:
                    counted.add((comment.run, comment.part))
                    self._remember(shelf, comment)

        try:
            shelf.append(outgoing, on_counted)
        except StorageError as error:
            failed[""] = error
        finally:
            for each in outgoing:
                each.close()
        return failed, counted

    def _remember(self, shelf: Shelf, comment: Comment) -> None:
        """Parts that were read back just now need no second reading to be counted."""
        until = time.monotonic() + FRESH_FOR
        self._fresh.update((part.id, until) for part in shelf.register.parts_of(comment.object_id) if part.run == comment.run)

    # --- re-reading -------------------------------------------------------------------------------------------------------

    def verify(
        self,
        object_id: ObjectId,
        expected: Mapping[int, bytes],
        *,
        algorithm: str = "sha512",
        cold: bool = True,
        progress: Callable[[int], None] | None = None,
        since: int = 1,
    ) -> FixityReport:
        ((_, found),) = self.verify_together([Ask(object_id, expected, algorithm, since)], progress)
        if isinstance(found, StorageError):
            raise found
        return found

    def verify_together(
        self, asks: Sequence[Ask], progress: Callable[[int], None] | None = None
    ) -> Iterator[tuple[int, Verified]]:
        """Re-read many copies in one pass: each cartridge mounted once, read forwards. Gives each one's number with what was found, in the
        order in which that becomes known. Raises Unavailable when the tier cannot be asked at all."""
        unwritten = self.flush()  # of what waits to be mended nothing is said before it is
        yield from ((number, unwritten[ask.object_id]) for number, ask in enumerate(asks) if ask.object_id in unwritten)
        left = [number for number, ask in enumerate(asks) if ask.object_id not in unwritten]
        with self.shelf() as shelf:
            now = time.monotonic()
            fresh = {part for part, until in self._fresh.items() if until > now}
            shelf.library.changer.greet()  # a library that is off vouches for nothing, not even for what is not there
            try:
                reading = Pass(shelf.register, shelf, [asks[number] for number in left], fresh=fresh, progress=progress)
                yield from ((left[index], found) for index, found in reading.run())
            finally:
                self._fresh = {part: until for part, until in self._fresh.items() if part in fresh}

    # --- what is there ----------------------------------------------------------------------------------------------------

    def versions(self, passing: Passing = nowhere, strays: Straying | None = None) -> Iterator[ObjectVersion]:
        """From the register, which was filled by reading the cartridges and can be again (`kho tape recover`): winding through every
        cartridge to list it is what an audit does. There are no strays: what lies on a cartridge and belongs to no object is not among
        objects; `kho tape show` lists it."""
        with self.shelf(library=False) as shelf:
            ids = list(shelf.register.objects())
        for object_id in ids:
            if passing(object_path(object_id)):
                continue
            with self.shelf(library=False) as shelf:
                have = inventories(shelf, ObjectId(object_id))
            if have:
                newest = max(have)
                yield ObjectVersion(ObjectId(object_id), newest, have[newest], place=object_path(object_id))

    def volumes(self) -> list[Volume]:
        """What the register knows of the cartridges, without waiting for whoever works with them. Raises Unavailable."""
        self._folder.identifier  # noqa: B018 - whether this very tier is there
        try:
            with contextlib.closing(self._folder.register()) as register:
                return register.volumes()
        except sqlite3.Error as error:
            raise Unavailable(str(self._folder.path), phrase("tape-register", why=str(error))) from error

    def place_of(self, object_id: ObjectId) -> str:
        return object_path(object_id)

    def mounts_for(self, size: int) -> int | None:
        """The open volumes with the most room first, then new ones as large as the largest that is known."""
        with self.shelf(library=False) as shelf:
            volumes = shelf.register.volumes()
        largest = max((each.capacity for each in volumes), default=0)
        rooms = sorted((each.room for each in volumes if each.state is VolumeState.OPEN and each.capacity), reverse=True)
        mounts = 0
        for room in rooms:
            if size > 0 and room:
                size, mounts = size - room, mounts + 1
        if size <= 0:
            return mounts
        return mounts + math.ceil(size / largest) if largest else None

    def locality(self, object_id: ObjectId) -> tuple[str, int, int]:
        """(volume, sequence, offset) where the newest version of an object begins: the key by which reading is ordered. ("", 0, 0) for
        an object that is not there."""
        with self.shelf(library=False) as shelf:
            parts = [part for part in shelf.register.parts_of(object_id) if part.kind == "version"]
        return (parts[-1].volume, parts[-1].sequence, parts[-1].offset) if parts else ("", 0, 0)

    @property
    def cold(self) -> bool:
        """`storage.tier.RecallingTier.cold`: what is written now lies in the library."""
        return False

    def recall(self, object_id: ObjectId) -> int:
        """`storage.tier.RecallingTier.recall`: how many cartridges somebody has to bring first."""
        return len(self.away(object_id))

    def away(self, object_id: ObjectId) -> Mapping[str, str]:
        """`storage.tier.SequentialTier.away`."""
        volumes = self._index.volumes_of(object_id)
        there = self._library.there() if volumes else frozenset()
        return {barcode: location for barcode, location in volumes.items() if barcode not in there}

    def inventory(self, object_id: ObjectId) -> bytes:
        with self.open(object_id, INVENTORY) as stream:
            return stream.read()

    def open(self, object_id: ObjectId, path: str) -> BinaryIO:
        check_path(path)
        with contextlib.suppress(Unavailable):  # what cannot be written now hides nothing of what is there
            self.flush()
        found = self._index.find(object_id, path)
        if found is None:
            raise NotFound(f"{object_id}/{path}")
        stream = self._folder.open_inventory(found[1].sha512) if path.endswith(INVENTORY) else None
        return stream if stream is not None else self._recalled(*found)

    def _recalled(self, part: PartRow, row: FileRow) -> BinaryIO:
        """Wait until whoever holds the library (an audit on its way through the cartridge, another process, we ourselves) has read it."""
        request = self._recall.ask(part, row)
        ends = time.monotonic() + self._library.patience
        while not request.answer.done() and not self._recall.brought(request):
            if self._guard.acquire(timeout=LOOK_EVERY):
                try:
                    with self.shelf(patience=LOOK_EVERY) as shelf:
                        shelf.serve(part.volume)
                except StorageError as error:
                    if not isinstance(error, LibraryBusy) or time.monotonic() > ends:
                        self._recall.give_up(request)
                        raise
                finally:
                    self._guard.release()
        return request.answer.result()

    # --- changing ---------------------------------------------------------------------------------------------------------

    def restore(self, object_id: ObjectId, path: str, source: BinaryIO, sha512: bytes) -> None:
        """Good bytes are put aside durably, and go to a tape, all those that wait together, before anything else is asked of this tier:
        one file at a time would be one group, with its synchronisation and read-back, a file."""
        check_path(path)
        with self.shelf(library=False) as shelf:
            shelf.folder.stage_mend(object_id, path, source, sha512)

    def flush(self) -> dict[ObjectId, StorageError]:
        """Append the files that wait, as one group: from then on they count instead of the earlier ones. By object, why what was not
        written was not; it goes on waiting. Raises Unavailable when the library cannot be asked."""
        if next(self._folder.mends(), None) is None:
            return {}
        with self.shelf() as shelf:
            return write_mends(shelf, self._append)

    def quarantine(self, object_id: ObjectId, path: str) -> str:
        """Tape keeps the bytes; the object does not have them any more."""
        check_path(path)
        with self.shelf(library=False) as shelf:
            found = shelf.register.find_file(object_id, path)
            if found is None:
                raise NotFound(f"{object_id}/{path}")
            part, row = found
            with shelf.register.transaction():
                shelf.register.set_aside(part.id, row.offset)
            return f"{part.volume}/{part.sequence}/{object_path(object_id)}/{path}"

    def forget(self, object_id: ObjectId) -> None:
        """The object is gone from this tier; its bytes stay on their cartridges until these are refreshed or destroyed (`disposed`)."""
        with self.shelf(library=False) as shelf:
            if not shelf.register.parts_of(object_id):
                raise NotFound(object_id)
            with shelf.register.transaction():
                shelf.register.dispose(object_id, self._time().isoformat())
