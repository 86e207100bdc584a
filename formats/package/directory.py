"""A folder on disk as a package: read only, names as bytes, links and devices reported and never followed."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Final

from fixity import CouldNotRead, Digest, hash_file
from formats.package.defects import Defect
from formats.package.names import shown_name
from formats.package.source import Item, Kind, Source
from policies.findings import Findings
from policies.phrases import os_phrase, phrase

__all__ = ["FolderSource", "SteadyFile", "is_hidden"]

KNOWN_FOLDERS: Final = 10_000
"""Folders remembered as real (no links), to spare a look-up a file."""


class FolderSource:
    """The items below ``path`` as a `Source`.

    What is no item (links, devices, sockets, what cannot be listed) becomes a finding the first time all items are walked.
    """

    def __init__(self, path: Path, findings: Findings | None = None) -> None:
        self._root = os.path.abspath(os.fsencode(path))
        self.label = os.path.basename(self._root).decode("utf-8", "backslashreplace")
        self._findings = findings
        self._real: set[bytes] = {b""}
        self._wanted: list[str] = []
        self._last: tuple[bytes, dict[str, Digest]] = (b"", {})
        self._unread: set[bytes] = set()

    def items(self) -> Iterator[Item]:
        findings, self._findings = self._findings, None
        # A stack of our own: folders may be nested deeper than Python may recurse.
        stack = [iter(self._listed(b"", findings))]
        while stack:
            for key, entry in stack[-1]:
                if key.endswith(b"/"):
                    stack.append(iter(self._listed(key[:-1], findings)))
                    break
                if (item := self._item(key, entry, findings)) is not None:
                    yield item
            else:
                stack.pop()

    def _listed(self, folder: bytes, findings: Findings | None) -> list[tuple[bytes, os.DirEntry[bytes]]]:
        """What lies in a folder, sorted; a folder also stands where its contents belong in the order of whole names ("a/" comes
        after "a", "a-b" and "a.txt")."""
        prefix = folder + b"/" if folder else b""
        listed = []
        try:
            with os.scandir(os.path.join(self._root, folder)) as entries:
                for entry in entries:
                    listed.append((prefix + entry.name, entry))
                    if entry.is_dir(follow_symlinks=False):
                        listed.append((prefix + entry.name + b"/", entry))
        except OSError as error:
            self._unread.add(folder)
            _report(findings, "FIX-UNREADABLE", folder, os_phrase(error))
        return sorted(listed, key=lambda pair: pair[0])

    def _item(self, name: bytes, entry: os.DirEntry[bytes], findings: Findings | None) -> Item | None:
        try:
            status = entry.stat(follow_symlinks=False)
        except OSError as error:
            self._unread.add(name)
            _report(findings, "FIX-UNREADABLE", name, os_phrase(error))
            return None
        kind = _kind(status.st_mode)
        if kind is None:
            code = "PKG-LINK" if stat.S_ISLNK(status.st_mode) else "PKG-SPECIAL-FILE"
            _report(findings, code, name, "")
            return None
        return _as_item(name, kind, status)

    def is_hidden(self, name: bytes) -> bool:
        """Whether a name, or a folder on the way to it, could not be looked at: nobody knows whether it is there. After `items`, `get`."""
        ends = [0, len(name), *(at for at, each in enumerate(name) if each == 0x2F)] if self._unread else []
        return any(name[:at] in self._unread for at in ends)

    @property
    def has_hidden(self) -> bool:
        """Whether anything could not be looked at, so that what was listed may not be all. After `items`."""
        return bool(self._unread)

    def get(self, name: bytes) -> Item | None:
        if not self._inside(name):
            return None
        try:
            status = os.lstat(os.path.join(self._root, name))
        except (OSError, ValueError) as error:
            if isinstance(error, PermissionError):
                self._unread.add(name)
            return None
        kind = _kind(status.st_mode)
        return None if kind is None else _as_item(name, kind, status)

    def _inside(self, name: bytes) -> bool:
        """Whether ``name`` is a plain relative name and no folder of it is a link."""
        segments = name.split(b"/")
        if any(each in (b"", b".", b"..") or b"\0" in each for each in segments):
            return False
        return self._is_real(b"/".join(segments[:-1]))

    def _is_real(self, folder: bytes) -> bool:
        end = len(folder)
        while end > 0 and folder[:end] not in self._real:
            try:
                if not stat.S_ISDIR(os.lstat(os.path.join(self._root, folder[:end])).st_mode):
                    return False
            except OSError as error:
                if isinstance(error, PermissionError):
                    self._unread.add(folder[:end])
                return False
            end = folder.rfind(b"/", 0, end)
        if len(self._real) < KNOWN_FOLDERS:
            self._real.add(folder)
        return True

    def open(self, name: bytes) -> BinaryIO:
        try:
            return open(self.path(name), "rb", opener=_without_links)
        except OSError as error:
            raise CouldNotRead(shown_name(name), os_phrase(error)) from error

    def joined(self, name: bytes) -> bytes:
        """Where an item of `items` lies, unchecked."""
        return os.path.join(self._root, name)

    def path(self, name: bytes) -> bytes:
        """Where the bytes of a file lie. Raises KeyError when there is no such file."""
        item = self.get(name)
        if item is None or item.kind is not Kind.FILE:
            raise KeyError(name)
        return os.path.join(self._root, name)

    def digest(self, name: bytes, algorithm: str) -> Digest:
        if algorithm not in self._wanted:
            self._wanted.append(algorithm)
        elif self._last[0] == name and algorithm in self._last[1]:
            return self._last[1][algorithm]
        path = self.path(name)
        try:
            # All algorithms anyone has asked for, in one pass: a bag with two manifests is read once.
            _, digests = hash_file(path, self._wanted)
        except OSError as error:
            raise CouldNotRead(shown_name(name), os_phrase(error)) from error
        self._last = (name, digests)
        return digests[algorithm]


class SteadyFile:
    """A regular file that must not change while it is read.

    ``read`` raises `Defect` (PKG-CHANGED-WHILE-READ) when the file grew, shrank or was written to since it was opened.
    """

    def __init__(self, path: bytes, name: bytes) -> None:
        """Raises CouldNotRead when it cannot be opened or is no regular file (any more)."""
        self._name = name
        self._read = 0
        try:
            self._descriptor = _without_links(path, os.O_RDONLY)
        except OSError as error:
            raise CouldNotRead(shown_name(name), os_phrase(error)) from error
        self.status = os.fstat(self._descriptor)
        if not stat.S_ISREG(self.status.st_mode):
            self.close()
            raise CouldNotRead(shown_name(name), phrase("not-regular-file"))

    def read(self, size: int) -> bytes:
        data = os.read(self._descriptor, size)
        self._read += len(data)
        if self._read > self.status.st_size or (not data and size):
            self._compare()
        return data

    def _compare(self) -> None:
        now = os.fstat(self._descriptor)
        before = self.status
        if self._read != before.st_size or (now.st_size, now.st_mtime_ns) != (before.st_size, before.st_mtime_ns):
            raise Defect(
                "PKG-CHANGED-WHILE-READ", shown_name(self._name), before=before.st_size, after=max(now.st_size, self._read)
            )

    def close(self) -> None:
        os.close(self._descriptor)

    def __enter__(self) -> SteadyFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _without_links(path: str | bytes, flags: int) -> int:
    # O_NONBLOCK: something may have put a pipe there since; opening it must not wait for a writer.
    return os.open(path, flags | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)


def _kind(mode: int) -> Kind | None:
    if stat.S_ISREG(mode):
        return Kind.FILE
    return Kind.FOLDER if stat.S_ISDIR(mode) else None


def _as_item(name: bytes, kind: Kind, status: os.stat_result) -> Item:
    return Item(name, kind, status.st_size if kind is Kind.FILE else 0, int(status.st_mtime // 1))


def _report(findings: Findings | None, code: str, name: bytes, reason: str) -> None:
    if findings is not None:
        findings.add(code, shown_name(name), **({"reason": reason} if reason else {}))


def is_hidden(source: Source, name: bytes) -> bool:
    """`FolderSource.is_hidden`; nothing is in what is no folder."""
    return isinstance(source, FolderSource) and source.is_hidden(name)
