"""The list beside a sealed version: what is kept, and of a small first version what is registered, is read from it, without the database of
the spool. Making that ready costs as much as keeping some files.

A line for each content that is new: [content path, place in the deposit's folder, bytes, SHA-256, SHA-512], and where the catalog is told
from here, [[logical path, PUID, name of the format, name as deposited, what lies in it], …] of the files that have it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

from fixity.manifest import Content
from policies.phrases import os_phrase, phrase
from storage.errors import SpoolDamaged, Unavailable
from storage.tier import ContentPath, SealedFile

__all__ = ["CONTENTS", "FileFacts", "ListedFile", "kept_files", "listed_files", "write_list"]

CONTENTS = "contents"
"""The name of the list, in the folder ``sealed``."""

PAGE = 1 << 16
"""Bytes of it read and understood at a time: line by line it takes several times as long."""

FileFacts = tuple[str, str, str, str, str]
"""Logical path, PUID, name of the format, name as deposited ("" where the path ends in it), what lies in it."""

ListedFile = tuple[str, str, int, bytes, bytes, tuple[str, str, str, str]]
"""Logical path, content path, bytes, SHA-256, SHA-512, and the rest of `FileFacts`."""

_ENCODE = json.JSONEncoder(separators=(",", ":")).encode


def write_list(write: Callable[[bytes], object], contents: Iterable[Content], told: Mapping[bytes, Sequence[FileFacts]]) -> None:
    """Write a line for each of ``contents``; ``told`` has, by SHA-512, what the catalog is told of the files that have it."""
    for each in contents:
        line: list[Any] = [each.content_path, each.file, each.size, each.sha256.hex(), each.sha512.hex()]
        if each.sha512 in told:
            line.append(told[each.sha512])
        write(_ENCODE(line).encode("ascii") + b"\n")


def kept_files(folder: Path, expected: bytes) -> Iterator[SealedFile]:
    """What is new in the version that is sealed in ``folder``; ``expected`` is the SHA-512 of its list. Raises
    `storage.errors.SpoolDamaged`, at the end at the latest: a spool is never synced, and a list that lost its end must not make a version
    that has less."""
    digest = hashlib.sha512(usedforsecurity=False)
    with _reading(folder) as lines:
        while page := lines.readlines(PAGE):
            digest.update(b"".join(page))
            for path, file, size, sha256, sha512, *_ in _understood(page):
                yield SealedFile(
                    ContentPath(path), os.path.join(folder, file), size, bytes.fromhex(sha256), bytes.fromhex(sha512)
                )
        _check(digest.digest(), expected)


def listed_files(folder: Path, expected: bytes) -> list[ListedFile]:
    """All files of the version, by path, where the catalog is told from the list. Raises as `kept_files`."""
    with _reading(folder) as lines:
        page = lines.readlines()
        _check(hashlib.sha512(b"".join(page), usedforsecurity=False).digest(), expected)
        return sorted(
            (path, content, size, bytes.fromhex(sha256), bytes.fromhex(sha512), (puid, format_name, name, inside))
            for content, _, size, sha256, sha512, told in _understood(page)
            for path, puid, format_name, name, inside in told
        )


def _understood(page: Sequence[bytes]) -> list[list[Any]]:
    lines: list[list[Any]] = json.loads(b"[%b]" % b",".join(page))
    return lines


def _check(found: bytes, expected: bytes) -> None:
    if found != expected:
        raise ValueError("another list")


@contextmanager
def _reading(folder: Path) -> Iterator[BinaryIO]:
    """The list, open. What shows that it is not as it was written becomes SpoolDamaged."""
    listing = folder / "sealed" / CONTENTS
    try:
        with listing.open("rb") as lines:
            yield lines
    except (FileNotFoundError, ValueError, TypeError) as error:
        raise SpoolDamaged(str(listing), phrase("spool-listing-differs")) from error
    except OSError as error:
        raise Unavailable(str(listing), os_phrase(error)) from error
