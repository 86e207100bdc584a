"""Writing an inventory as a stream (OCFL 1.1 §3.5): nothing but one digest's paths is held in memory."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from json.encoder import encode_basestring
from operator import itemgetter
from typing import TYPE_CHECKING, BinaryIO

if TYPE_CHECKING:
    from storage.ocfl.inventory import Inventory

__all__ = ["INVENTORY_TYPE", "VersionBlock", "instant", "sidecar_text", "write_inventory"]

INVENTORY_TYPE = "https://ocfl.io/1.1/spec/#inventory"

_BATCH = 1 << 16
"""Characters gathered before they are written: one write call a digest would cost more than all the rest."""

_Pairs = Iterable[tuple[bytes, str]]


@dataclass(frozen=True, slots=True)
class VersionBlock:
    """What a new version says of itself. ``created`` must know its time zone; ``user_address`` is a URI. Without message, user
    name and address the object is valid, with warnings (W007, W008)."""

    number: int
    created: datetime
    message: str | None = None
    user_name: str | None = None
    user_address: str | None = None


def instant(when: datetime) -> str:
    """RFC 3339 in UTC. Raises ValueError for a time without zone."""
    if when.tzinfo is None:
        raise ValueError("a time without a zone says nothing")
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def sidecar_text(inventory_sha512: bytes) -> bytes:
    """The content of ``inventory.json.sha512`` (§3.6)."""
    return f"{inventory_sha512.hex()} inventory.json\n".encode("ascii")


def write_inventory(
    out: BinaryIO,
    *,
    object_id: str,
    version: VersionBlock,
    manifest: _Pairs,
    state: _Pairs,
    fixity_sha256: _Pairs = (),
    previous: Inventory | None = None,
) -> None:
    """Write the inventory whose head is ``version``.

    ``manifest`` (SHA-512, content path) and ``state`` (SHA-512, logical path) come sorted by digest, ``fixity_sha256`` (SHA-256,
    content path) with equal digests together; earlier states are copied from ``previous``. Nothing is checked again: who gives
    a state digest without manifest entry writes an invalid inventory.

    Raises:
        ValueError: ``previous`` is not what this version can follow (number, algorithm, naming), or a text is no Unicode.
        OSError: ``out`` could not be written.
    """
    _check_follows(previous, object_id, version.number)
    _write(out, _document(object_id, version, (manifest, state, fixity_sha256), previous))


def _check_follows(previous: Inventory | None, object_id: str, number: int) -> None:
    if previous is None:
        if number != 1:
            raise ValueError(f"version {number} needs the version before")
        return
    expected = (object_id, number - 1, "sha512", "content", 0)
    found = (previous.object_id, previous.head, previous.digest_algorithm, previous.content_directory, previous.width)
    if found != expected:
        raise ValueError(f"version {number} of {object_id} cannot follow {found}")


def _document(
    object_id: str, version: VersionBlock, blocks: tuple[_Pairs, _Pairs, _Pairs], previous: Inventory | None
) -> Iterator[str]:
    manifest, state, fixity = blocks
    yield f'{{\n"id": {encode_basestring(object_id)},\n"type": "{INVENTORY_TYPE}",\n"digestAlgorithm": "sha512",\n'
    yield f'"head": "v{version.number}",\n"manifest": {{'
    yield from _block(manifest)
    yield '\n},\n"versions": {\n'
    if previous is not None:
        for old in previous.versions:
            yield from _version(
                old.number, (old.created, old.message, old.user_name, old.user_address), previous.by_digest(old.number)
            )
            yield ",\n"
    stamp = instant(version.created)
    yield from _version(version.number, (stamp, version.message, version.user_name, version.user_address), state)
    yield "\n}"
    yield from _fixity(fixity)
    yield "\n}\n"


def _version(number: int, said: tuple[str, str | None, str | None, str | None], state: _Pairs) -> Iterator[str]:
    created, message, name, address = said
    yield f'"v{number}": {{\n"created": {encode_basestring(created)},\n'
    if message is not None:
        yield f'"message": {encode_basestring(message)},\n'
    if name is not None:
        yield f'"user": {{"name": {encode_basestring(name)}'
        if address is not None:
            yield f', "address": {encode_basestring(address)}'
        yield "},\n"
    yield '"state": {'
    yield from _block(state)
    yield "\n}\n}"


def _fixity(pairs: _Pairs) -> Iterator[str]:
    """The fixity block; none when there is nothing to say."""
    rows = _block(pairs)
    first = next(rows, None)
    if first is not None:
        yield ',\n"fixity": {\n"sha256": {'
        yield first
        yield from rows
        yield "\n}\n}"


def _block(pairs: _Pairs) -> Iterator[str]:
    comma = ""
    escape: Callable[[str], str] = encode_basestring
    for digest, group in groupby(pairs, key=itemgetter(0)):
        paths = ", ".join([escape(path) for _digest, path in group])
        yield f'{comma}\n"{digest.hex()}": [{paths}]'
        comma = ","


def _write(out: BinaryIO, pieces: Iterator[str]) -> None:
    batch: list[str] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece)
        if size >= _BATCH:
            out.write("".join(batch).encode("utf-8"))
            batch.clear()
            size = 0
    out.write("".join(batch).encode("utf-8"))
