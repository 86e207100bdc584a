"""The seam the flows use: one tier keeps one copy of every AIP version it is given, and says the truth about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple, NewType, Protocol, runtime_checkable

from fixity.verify import FixityReport, Problem
from storage.errors import StorageError

__all__ = [
    "Ask",
    "ContentPath",
    "Glance",
    "GlancingTier",
    "ObjectId",
    "ObjectVersion",
    "Passing",
    "RecallingTier",
    "RootedTier",
    "SealedFile",
    "SealedVersion",
    "SequentialTier",
    "Straying",
    "Tier",
    "WriteOnceTier",
    "Written",
    "nowhere",
]

ObjectId = NewType("ObjectId", str)
"""The id of an OCFL object, a URI (``urn:uuid:…`` for AIPs)."""

ContentPath = NewType("ContentPath", str)
"""A stored file's path inside its object ("v1/content/…"), as in the manifest block of an OCFL inventory."""

Passing = Callable[[str], bool]
"""Whether an object at this place, a path from the storage root, is passed over."""

Straying = Callable[[str], None]
"""Told of a stray by its path from the storage root: a file, link or empty folder that lies among the objects and belongs to none, nor to
the storage root. What lies inside an object is none: `Tier.verify` judges it."""


def nowhere(place: str) -> bool:
    """Nothing is passed over."""
    return False


class SealedFile(NamedTuple):
    """One content file that is new in a sealed version, and where its bytes lie until they are kept (a string where there are many:
    making a Path takes as long as opening the file)."""

    content_path: ContentPath
    source: str | Path
    size: int
    sha256: bytes
    sha512: bytes


@dataclass(frozen=True)
class SealedVersion:
    """One version of one object, sealed: every tier is given exactly these bytes.

    ``inventory`` is the finished inventory.json (its digest is ``inventory_sha512``); ``files`` streams the content that is new
    in this version; ``builds_on`` is the SHA-512 of the root inventory of the version before (None for version 1). ``bytes`` is how
    large it is, roughly: by it work is shared out.
    """

    object_id: ObjectId
    number: int
    inventory: Path
    inventory_sha512: bytes
    builds_on: bytes | None
    files: Callable[[], Iterator[SealedFile]]
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Written:
    """What became of one version in a batch: durable on the medium (``error`` None; not yet counted as a copy), or not."""

    object_id: ObjectId
    number: int
    error: StorageError | None = None


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """The newest version of one object as a tier holds it. ``problem`` is set when it could not be believed or read; ``place`` is
    where it was found (see `Tier.place_of`)."""

    object_id: ObjectId
    number: int
    inventory_sha512: bytes
    problem: StorageError | None = None
    place: str = ""


class Tier(Protocol):
    """A tier of storage. Methods may raise `storage.errors.Unavailable` when the tier as a whole cannot be asked."""

    name: str

    def write(self, versions: Sequence[SealedVersion]) -> list[Written]:
        """Make a batch durable (group commit), in the order content, version inventory, root inventory, sidecar.

        Idempotent: a version whose very inventory is already the root inventory is Written without writing. One version's failure
        (Conflict, no space) does not touch the others; what a failed or killed call left behind is never visible as a version and
        is swept by the next call.
        """
        ...

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
        """Re-read one copy whole: declaration, inventories and sidecars of every version, all content, and what is extra.

        ``expected`` gives the SHA-512 of the inventory of each version, from the catalog; a copy that agrees with itself but not
        with this is altered. ``algorithm`` is "sha512", or "sha256" for the values of the fixity block where it has any. ``cold``
        asks for bytes from the medium rather than from a cache. ``progress`` is called with bytes read since its last call.
        ``since`` leaves out the folders of earlier versions (to re-read a version just written). A missing object is a report
        (everything known is missing), not an error. Where no inventory can be believed, content is counted as unjudged.
        """
        ...

    def check(self) -> None:
        """Raises Unavailable unless the tier is there: cheap, and says nothing of what it holds."""
        ...

    def versions(self, passing: Passing = nowhere, strays: Straying | None = None) -> Iterator[ObjectVersion]:
        """Every object the tier holds, by walking the medium (never an index), but for those at a place for which ``passing`` is true:
        they are not looked at (an audit looks at them). ``strays`` is told, on the same walk, of what lies between the objects, as each is
        met: of all of it only when the walk has come to its end."""
        ...

    def place_of(self, object_id: ObjectId) -> str:
        """Where the tier keeps this object, as a path from its storage root; whether there is one is not asked."""
        ...

    def inventory(self, object_id: ObjectId) -> bytes:
        """The bytes of the root inventory. Raises NotFound."""
        ...

    def open(self, object_id: ObjectId, path: str) -> BinaryIO:
        """A stored file by its path inside the object ("v1/content/…", "inventory.json"). Raises NotFound."""
        ...

    def restore(self, object_id: ObjectId, path: str, source: BinaryIO, sha512: bytes) -> None:
        """Put good bytes in the place of a damaged or missing file, durably; what was there goes to quarantine first.

        Raises:
            Refused: ``source`` did not hash to ``sha512``; nothing was changed.
        """
        ...

    def quarantine(self, object_id: ObjectId, path: str) -> str:
        """Move a file that does not belong out of the object; returns where it lies now. Nothing is ever deleted."""
        ...

    def forget(self, object_id: ObjectId) -> None:
        """Remove an object (disposal, and undoing in tests). Raises NotFound."""
        ...

    def close(self) -> None:
        """Let go what is held between calls (sessions, devices). The tier may be used again: it takes them anew."""
        ...


@dataclass(frozen=True, slots=True)
class Ask:
    """One copy to be re-read; as for `Tier.verify`."""

    object_id: ObjectId
    expected: Mapping[int, bytes]
    algorithm: str = "sha512"
    since: int = 1


@dataclass(frozen=True, slots=True)
class Glance:
    """What was seen of a copy without reading it: so many files, so many bytes together; ``off`` is the first path at which something is
    not as the inventory says ("" when all is)."""

    files: int
    bytes: int
    off: str = ""


@runtime_checkable
class GlancingTier(Tier, Protocol):
    """A tier that can tell cheaply what is there and how large it is."""

    def glance(self, object_id: ObjectId, expected: Mapping[int, bytes]) -> Glance:
        """Look at one copy; ``expected`` as for `verify`. It says nothing of the bytes of content. An object that is not there, or
        cannot be looked at, is off, too. Raises Unavailable when the tier cannot be asked."""
        ...


@runtime_checkable
class SequentialTier(Tier, Protocol):
    """A tier on media that are wound: what is asked together is read in the order in which it lies."""

    def verify_together(
        self, asks: Sequence[Ask], progress: Callable[[int], None] | None = None
    ) -> Iterator[tuple[int, FixityReport | StorageError]]:
        """Re-read many copies, each medium mounted once and read forwards: the number of each ask with what was found, as it becomes
        known. Raises Unavailable when the tier cannot be asked at all."""
        ...

    def mounts_for(self, size: int) -> int | None:
        """How many media have to be mounted to write so many bytes; None when that is not known."""
        ...

    def locality(self, object_id: ObjectId) -> tuple[str, int, int]:
        """Where an object lies: (medium, and two numbers that grow with the position on it); ("", 0, 0) where it is not."""
        ...

    def away(self, object_id: ObjectId) -> Mapping[str, str]:
        """The media that somebody has to bring before all of an object can be read, each with where it was put last ("" where nobody
        wrote that down). Raises Unavailable where that cannot be seen now."""
        ...


@runtime_checkable
class RootedTier(Tier, Protocol):
    """A tier whose storage root has files of its own (its declaration and layout), without which nobody else can read it."""

    def root_problems(self) -> list[Problem]:
        """Re-read the root's own files: those that are altered, missing or unreadable. Raises Unavailable."""
        ...

    def mend_root(self, path: str) -> None:
        """Put such a file right, durably, with the bytes that follow from the rules; what was there goes to quarantine first. Raises
        NotFound (it is none of them), StorageError."""
        ...


@runtime_checkable
class RecallingTier(Tier, Protocol):
    """A tier whose content may have to be brought before it can be read: by the store, hours after it was asked for, or by somebody who
    fetches a cartridge. Reading it sooner raises Cold."""

    @property
    def cold(self) -> bool:
        """Whether this is so of everything that is written now."""
        ...

    def recall(self, object_id: ObjectId) -> int:
        """Ask for everything of an object that was not asked for yet; how many files, or the media on which they lie, cannot be read yet
        (0: all can, for some days). Raises Refused, Unavailable."""
        ...


@runtime_checkable
class WriteOnceTier(Tier, Protocol):
    """A tier that keeps what was written over under an id of its own, and can promise not to give it up before a date."""

    def lock(self, object_id: ObjectId, until: datetime) -> datetime | None:
        """Promise every stored byte of an object until ``until`` (whole seconds); a promise is only ever made longer. Returns the
        earliest end that the store gave when it was asked again, None where something is still not promised. Raises NotFound,
        Refused, Unavailable."""
        ...

    def locked_until(self, object_id: ObjectId) -> datetime | None:
        """The earliest end of what is promised, as the store says now; None when something is not. Raises NotFound, Unavailable."""
        ...
