"""An OCFL inventory as everyone uses it: the model, and reading it (OCFL 1.1 §3.5)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import BinaryIO

from fixity.digests import LogicalPath
from storage.errors import StorageError
from storage.ocfl.blocks import Report
from storage.ocfl.documents import BadJson, read_json
from storage.ocfl.inventory_writer import VersionBlock, sidecar_text, write_inventory
from storage.ocfl.reader import SPECS, InventoryReader, ReadVersion
from storage.tier import ContentPath, ObjectId

__all__ = [
    "INVENTORY",
    "InvalidInventory",
    "Inventory",
    "Version",
    "VersionBlock",
    "parse_inventory",
    "read_inventory",
    "sidecar_text",
    "write_inventory",
]

INVENTORY = "inventory.json"


class InvalidInventory(StorageError):
    """An inventory that breaks a rule, so that nothing can be built on it. ``code`` is the rule's ("E036")."""


@dataclass(frozen=True, slots=True)
class Version:
    """What an inventory says of one version. ``created`` is an RFC 3339 instant as written; None where a key is absent."""

    number: int
    created: str
    message: str | None = None
    user_name: str | None = None
    user_address: str | None = None


@dataclass(slots=True)
class Inventory:
    """One inventory. Digests of all blocks are shared, so that 200,000 files cost about 100 MB.

    ``spec`` is "1.0" or "1.1"; ``width`` the digits of zero-padded version names (0: not padded); ``manifest`` has a path, or a
    tuple of several, for each digest in ``digest_algorithm``.
    """

    object_id: ObjectId
    spec: str
    head: int
    digest_algorithm: str
    content_directory: str
    width: int
    versions: tuple[Version, ...]
    manifest: dict[bytes, str | tuple[str, ...]]
    _states: list[dict[str, bytes]]
    _fixity: dict[str, dict[str, bytes]] = field(default_factory=dict)

    def version_name(self, number: int) -> str:
        """The name of a version's directory."""
        return f"v{number:0{self.width}d}"

    def content_paths(self) -> Iterator[tuple[ContentPath, bytes]]:
        """Every content file of all versions with its digest, in the order of the manifest."""
        for digest, paths in self.manifest.items():
            if isinstance(paths, str):
                yield ContentPath(paths), digest
            else:
                for path in paths:
                    yield ContentPath(path), digest

    def fixity(self, algorithm: str) -> Mapping[ContentPath, bytes]:
        """The fixity block of one algorithm; empty when there is none."""
        return self._fixity.get(algorithm, {})  # type: ignore[return-value]

    def state(self, version: int) -> Iterator[tuple[LogicalPath, bytes]]:
        """Logical path and digest of every file of a version, in the order of its state block. Raises KeyError."""
        for path, digest in self._state(version).items():
            yield LogicalPath(path), digest

    def by_digest(self, version: int) -> Iterator[tuple[bytes, LogicalPath]]:
        """`state` the other way round, with the paths of one digest together as in the block. Raises KeyError."""
        for path, digest in self._state(version).items():
            yield digest, LogicalPath(path)

    def digest_of(self, path: str, version: int | None = None) -> bytes:
        """The digest of a logical path in a version (None: the head). Raises KeyError when there is no such path or version."""
        return self._state(self.head if version is None else version)[path]

    def content_of(self, path: str, version: int | None = None) -> ContentPath:
        """Where the content of a logical path lies. Raises KeyError when there is no such path or version."""
        stored = self.manifest[self.digest_of(path, version)]
        return ContentPath(stored if isinstance(stored, str) else stored[0])

    def digests_in(self, algorithm: str, version: int) -> dict[str, bytes | None]:
        """The digest that the fixity block of ``algorithm`` has for each logical path of a version; None where it has none.

        Raises KeyError."""
        block, manifest = self._fixity.get(algorithm, {}), self.manifest
        found: dict[str, bytes | None] = {}
        for path, digest in self._state(version).items():
            stored = manifest[digest]
            found[path] = block.get(stored if isinstance(stored, str) else stored[0])
        return found

    def _state(self, version: int) -> dict[str, bytes]:
        if not 1 <= version <= len(self._states):
            raise KeyError(version)
        return self._states[version - 1]


def parse_inventory(data: bytes | BinaryIO) -> Inventory:
    """Read an inventory that has to be good.

    Raises:
        InvalidInventory: it breaks a rule of OCFL 1.0 or 1.1 (a MUST; what SHOULD be does not matter here).
        OSError: the stream could not be read.
    """
    reader = read_inventory(data, _raise_error, INVENTORY)
    if reader is None or not reader.versions:
        raise InvalidInventory("E008", INVENTORY, value="")
    return Inventory(
        object_id=ObjectId(reader.object_id),
        spec=reader.spec,
        head=len(reader.numbering.names),
        digest_algorithm=reader.algorithm,
        content_directory=reader.content_directory,
        width=reader.numbering.width,
        versions=tuple(_version(number, reader.versions[name]) for number, name in enumerate(reader.numbering.names, start=1)),
        manifest=reader.blocks.manifest,
        _states=[state.files for name in reader.numbering.names if (state := reader.versions[name].state) is not None],
        _fixity=reader.fixity,
    )


def read_inventory(data: bytes | BinaryIO, report: Report, where: str, default_spec: str = SPECS[-1]) -> InventoryReader | None:
    """Read an inventory that may be anything; everything wrong is reported under the path ``where``.

    None when it is no JSON object at all. Raises OSError when the stream could not be read, and what ``report`` raises.
    """
    reader = InventoryReader(report, where, default_spec)
    try:
        document = read_json(data)
        return reader if reader.read(document) else None
    except BadJson as error:
        reader.blocks.no_json(str(error))
        return None


def _raise_error(code: str, path: str = "", **args: str | int) -> None:
    if code.startswith("E"):  # the others are warnings
        raise InvalidInventory(code, path, **args)


def _version(number: int, block: ReadVersion) -> Version:
    return Version(number, block.created, block.message, block.user_name, block.user_address)
