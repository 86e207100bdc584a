"""What every reader of packages is given: named items with bytes, whether they lie in a folder or were unpacked into a spool."""

from __future__ import annotations

import enum
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, NamedTuple, Protocol

from fixity.digests import Digest
from policies.findings import Findings

if TYPE_CHECKING:
    from formats.package.spool import Spool

__all__ = ["Item", "Kind", "Package", "PackageFormat", "Role", "Source", "Spooled"]


class Kind(enum.Enum):
    """What an item is. Links and devices are no items: they are findings."""

    FILE = "file"
    FOLDER = "folder"


class Role(enum.Enum):
    """Where an item belongs in the AIP (CSIP 2.2 §4: the folder structure)."""

    CONTENT = "content"
    DESCRIPTIVE = "descriptive"
    PRESERVATION = "preservation"
    OTHER = "other"
    SCHEMA = "schema"
    DOCUMENTATION = "documentation"
    SUBMISSION = "submission"


class Item(NamedTuple):
    """One file or folder of a package. ``name`` is the name as received: bytes, relative, '/'-separated, no '/' at the ends.

    ``modified`` is the source's modification time in whole seconds since 1970 UTC, None when unknown.
    """

    name: bytes
    kind: Kind
    size: int = 0
    modified: int | None = None


class Spooled(NamedTuple):
    """One item of the spool. ``file`` is where its bytes lie (an ASCII name that keeps the extension; "" for folders);
    ``stored`` is the logical path it is given in the AIP ("" until arranged), ``role`` why it stands there; ``alias``: a second
    place of bytes that have a first one."""

    item: Item
    file: str
    sha256: bytes
    sha512: bytes
    stored: str = ""
    role: Role = Role.CONTENT
    alias: bool = False


class Source(Protocol):
    """A package that can be read at random. Reading twice gives the same bytes."""

    label: str
    """The name of the folder or archive as it was given (its last segment)."""

    def items(self) -> Iterator[Item]:
        """All items in order of their names as bytes."""
        ...

    def get(self, name: bytes) -> Item | None: ...

    def open(self, name: bytes) -> BinaryIO:
        """Raises KeyError when there is no such file, `fixity.CouldNotRead` when it cannot be opened."""
        ...

    def digest(self, name: bytes, algorithm: str) -> Digest:
        """The digest of one file: remembered from spooling where it is known, else by reading. Raises like `open`."""
        ...


@dataclass(frozen=True)
class Package:
    """What a reader understood of a package.

    ``format`` is "folder", "bagit" or "eark"; ``identifier`` the depositor's own id for the package ("" when there is none);
    ``producer`` the depositing agency as the package names it; ``update_of`` the id of an AIP that the package says it renews;
    ``fields`` what the package says of itself (bag-info, METS header), key → values, as received; ``descriptive`` the logical
    paths of descriptive metadata files with their kind ("dc", "ead", "csv", "vn", "other").
    """

    format: str
    identifier: str = ""
    producer: str = ""
    title: str = ""
    update_of: str = ""
    content_category: str = ""
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    descriptive: tuple[tuple[str, str], ...] = ()


class PackageFormat(Protocol):
    """A reader of one package format (one module each: folder, bagit, csip)."""

    name: str

    def recognises(self, source: Source) -> bool:
        """Whether ``source`` claims to be a package of this format (valid or not)."""
        ...

    def check(self, source: Source, findings: Findings) -> None:
        """Check everything the format asks, the depositor's digests too. Bad content becomes findings.

        Raises only CouldNotRead.
        """
        ...

    def arrange(self, spool: Spool, findings: Findings) -> Package:
        """Give every item of the spool its place (``stored``) and role in the AIP, and say what the package is.

        May be called again: the new arrangement replaces the old one. Bad content becomes findings.
        """
        ...
