"""Re-reading one object from the medium: everything that should be there, and everything that is."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping

from fixity.verify import FixityReport, Outcome
from policies.phrases import os_phrase
from storage.beneath import folder_beneath, folder_inside, open_beneath
from storage.ocfl.expectations import (
    CONTENT_ALGORITHMS,
    Expectations,
    HashedStream,
    content_digests,
    read_expectations,
)
from storage.ocfl.inventory_writer import sidecar_text
from storage.ocfl.medium import Medium, drop_cache
from storage.ocfl.objects import DECLARATION, DECLARATION_BYTES, INVENTORY, SIDECAR

__all__ = ["Reread", "fixed_files", "version_of"]

LARGE = 4_096
"""Content files from which on an object is checked by itself."""

DEEPEST = 40
"""Folders in one another that are open at once; an AIP of ours has ten."""


class Reread:
    """One check of one object, in three strides: `ask`, `begin`, `end`, each once, and `close`. ``top`` is the object's folder, open.

    ``since``: content of earlier versions, and their folders, are left out (what keep checks after writing a version).
    """

    def __init__(
        self,
        top: int,
        expected: Mapping[int, bytes],
        *,
        algorithm: str,
        cold: bool,
        since: int,
        progress: Callable[[int], None] | None,
    ) -> None:
        if algorithm not in CONTENT_ALGORITHMS:
            raise ValueError(f"content is checked with one of {', '.join(CONTENT_ALGORITHMS)}, not {algorithm!r}")
        if not expected:
            raise ValueError("nothing is expected: there is nothing to compare with")
        self._top = top
        self._expected = expected
        self._algorithm = algorithm
        self._cold = cold
        self._since = since
        self._medium = Medium(cold=cold, progress=progress)
        self.report = FixityReport(algorithm)
        self._fixed = fixed_files(expected, since)
        self._known: dict[str, tuple[int, bytes]] = {}
        self._opened: deque[tuple[str, bytes, int]] = deque()
        self._unreadable: list[str] = []
        self._empty: list[str] = []
        self._content: Expectations | None = None
        self._believed = ""
        self._asked = -1

    def ask(self) -> None:
        """Ask the device for the root inventory. That it cannot be opened is met again by whoever wants to read it."""
        with contextlib.suppress(OSError):
            self._asked = self._medium.open(self._top, INVENTORY)

    def begin(self) -> None:
        """Learn what is expected, look into all folders, and ask for the files: some are left to be read by `end`, none of a large
        object. OSError only for the object's own folder."""
        self._find_expectations()
        self._walk("", self._top, DEEPEST)
        if self.large:
            self._read_opened()

    def end(self) -> FixityReport:
        """Read what is not read yet, and tell."""
        self._read_opened()
        self._absent()
        self._medium.tell(0, end=True)
        return self.report

    def close(self) -> None:
        """Let go of what is still open."""
        for _, _, descriptor in self._opened:
            os.close(descriptor)
        self._opened.clear()
        if self._asked >= 0:
            os.close(self._asked)
            self._asked = -1

    @property
    def large(self) -> bool:
        """Whether what is expected takes so much memory that nothing else should be begun meanwhile."""
        return self._content is not None and len(self._content) > LARGE

    def _read_opened(self) -> None:
        while self._opened:
            self._read(*self._opened.popleft())

    # --- what is expected -------------------------------------------------------------------------------------------------

    def _find_expectations(self) -> None:
        """From the root inventory if it is the expected one, else from the newest version folder whose inventory is."""
        newest = max(self._expected)
        candidates = [(INVENTORY, newest), *((f"v{n}/{INVENTORY}", n) for n in sorted(self._expected, reverse=True))]
        for path, number in candidates:
            if path not in self._fixed:
                continue
            found = self._inventory(path, number)
            if path == INVENTORY and path in self._known:
                self.report.inventory_sha512 = self._known[path][1].hex()
            if found is not None:
                self._content, self._believed = found, path
                return

    def _inventory(self, path: str, number: int) -> Expectations | None:
        """Hash and parse in one reading. What cannot be read here is met again by the walk, which reports it."""
        with contextlib.suppress(OSError):
            with os.fdopen(self._inventory_file(path), "rb", buffering=0) as raw:
                stream = HashedStream(raw)
                found = read_expectations(stream, algorithm=self._algorithm, since=self._since)
                digest = stream.finish()
            self._known[path] = (stream.size, digest)
            self._medium.tell(stream.size)
            if digest == self._expected[number]:
                return found
        return None

    def _inventory_file(self, path: str) -> int:
        if path == INVENTORY and self._asked >= 0:
            descriptor, self._asked = self._asked, -1
            return descriptor
        descriptor = open_beneath(self._top, path)
        if self._cold:
            drop_cache(descriptor)
        return descriptor

    # --- what is there ----------------------------------------------------------------------------------------------------

    def _walk(self, folder: str, descriptor: int, levels: int) -> None:
        """Check an open folder and those in it, ``levels`` deep each opened in its parent: a path from the top is a call for each
        step of it. What lies deeper is opened from the top, for nobody knows how deep somebody has nested folders."""
        waiting: list[str] = []
        for inner in self._folder(folder, descriptor):
            if not levels:
                waiting.append(inner)
                continue
            try:
                opened = folder_inside(descriptor, inner.rpartition("/")[2])
            except OSError as error:
                self._unseen(inner, error)
                continue
            try:
                self._walk(inner, opened, levels - 1)
            finally:
                os.close(opened)
        while waiting:
            deep = waiting.pop()
            try:
                with folder_beneath(self._top, deep) as opened:
                    waiting += self._folder(deep, opened)
            except OSError as error:
                self._unseen(deep, error)

    def _unseen(self, folder: str, error: OSError) -> None:
        """That a folder cannot be looked into is noted; that it went away meanwhile shows by its files, which are missing."""
        if not isinstance(error, FileNotFoundError | NotADirectoryError):
            self._unreadable.append(folder + "/" if folder else "")

    def _folder(self, folder: str, descriptor: int) -> list[str]:
        """Check the files of one folder; returns its folders."""
        prefix = folder + "/" if folder else ""
        files: list[str] = []
        others: list[tuple[str, str]] = []
        try:
            with os.scandir(descriptor) as entries:
                for entry in entries:
                    if entry.is_file(follow_symlinks=False):
                        files.append(entry.name)
                    else:
                        others.append((entry.name, _kind(entry)))
        except OSError as error:
            self._unseen(folder, error)
            return []
        self._files(descriptor, files, prefix)
        inner: list[str] = []
        for name, kind in others:
            if kind != "folder" or self._is_expected(prefix + name):
                self._strange(prefix + name, kind)
            elif folder or not self._is_left_out(name):
                inner.append(prefix + name)
        if not files and not others:
            self._empty.append(folder)
        return inner

    def _files(self, folder: int, names: list[str], prefix: str) -> None:
        """Check the files ``names``. Each is opened, and so asked for, some time before it is read: those of the next folders are, too."""
        opened, known = self._opened, self._known
        for name in names:
            path = prefix + name
            expected = self._take(path)
            if expected is None:
                self._unexpected(path)
            elif path in known:
                self._judge(path, expected, *known[path])
            else:
                try:
                    opened.append((path, expected, self._medium.open(folder, name)))
                except OSError as error:
                    self._unread(path, expected, error)
            if len(opened) >= self._medium.ahead:
                self._read(*opened.popleft())

    def _take(self, path: str) -> bytes | None:
        """The digest that is expected of ``path``, which is from now on accounted for."""
        fixed = self._fixed.pop(path, None)
        if fixed is not None or self._content is None:
            return fixed
        return self._content.take(path)

    def _read(self, path: str, expected: bytes, descriptor: int) -> None:
        algorithm = self._algorithm if len(expected) == CONTENT_ALGORITHMS[self._algorithm] else "sha512"
        try:
            size, found = self._medium.digest(descriptor, algorithm)
        except OSError as error:
            self._unread(path, expected, error)
        else:
            self._judge(path, expected, size, found)

    def _judge(self, path: str, expected: bytes, size: int, found: bytes) -> None:
        if found == expected:
            self.report.good(size)
        else:
            self.report.problem(path, Outcome.ALTERED, expected.hex(), found.hex())
            self.report.bytes_read += size
        if path == INVENTORY:
            self.report.inventory_sha512 = found.hex()

    def _unread(self, path: str, expected: bytes, error: OSError) -> None:
        if isinstance(error, FileNotFoundError):  # since the folder was listed
            self.report.problem(path, Outcome.MISSING, expected.hex())
        else:
            self.report.problem(path, Outcome.UNREADABLE, expected.hex(), os_phrase(error))

    def _unexpected(self, path: str) -> None:
        if self._is_unknown(path):
            self.report.unjudged += 1
        else:
            self.report.problem(path, Outcome.EXTRA)

    def _strange(self, path: str, kind: str) -> None:
        """A link, a device, or a folder where a file belongs: no file's bytes, so altered where one is expected, else extra."""
        expected = self._take(path)
        if expected is not None:
            self.report.problem(path, Outcome.ALTERED, expected.hex(), kind)
        else:
            self.report.problem(path, Outcome.EXTRA, found=kind)

    def _is_expected(self, path: str) -> bool:
        return path in self._fixed or (self._content is not None and self._content.unseen(path))

    def _is_left_out(self, name: str) -> bool:
        number = version_of(name)
        return number is not None and number < self._since

    def _is_unknown(self, path: str) -> bool:
        """Whether ``path`` may be content of a version whose inventory could not be believed."""
        number = version_of(path.partition("/")[0])
        if number is None or number not in self._expected or "/" not in path:
            return False
        return self._content is None or number > self._content.through

    # --- what is not there ------------------------------------------------------------------------------------------------

    def _absent(self) -> None:
        absent = list(self._names_of_absent())
        for path, expected in absent:
            unreadable = any(path.startswith(folder) for folder in self._unreadable)
            self.report.problem(path, Outcome.UNREADABLE if unreadable else Outcome.MISSING, expected.hex())
        for folder in self._unreadable:
            if not any(path.startswith(folder) for path, _ in absent):
                self.report.problem(folder.rstrip("/"), Outcome.UNREADABLE)
        if any(self._empty):
            bereft = _folders_of(path for path, _ in absent)
            for folder in self._empty:
                # A folder that is empty because its files are missing is one fact, not two.
                if folder and folder not in bereft and not self._is_unknown(folder + "/"):
                    self.report.problem(folder, Outcome.EXTRA, found="folder")

    def _names_of_absent(self) -> Iterator[tuple[str, bytes]]:
        yield from self._fixed.items()
        if self._content is None or not self._content.missing:
            return
        with os.fdopen(open_beneath(self._top, self._believed), "rb") as stream:
            for path, digest in content_digests(stream):
                if self._content.unseen(path):
                    yield path, digest


def fixed_files(expected: Mapping[int, bytes], since: int) -> dict[str, bytes]:
    """The files that every object has beside content, with their SHA-512."""
    newest = expected[max(expected)]
    files = {
        DECLARATION: hashlib.sha512(DECLARATION_BYTES).digest(),
        INVENTORY: newest,
        SIDECAR: hashlib.sha512(sidecar_text(newest)).digest(),
    }
    for number, digest in expected.items():
        if number >= since:
            files[f"v{number}/{INVENTORY}"] = digest
            files[f"v{number}/{SIDECAR}"] = hashlib.sha512(sidecar_text(digest)).digest()
    return files


def _folders_of(paths: Iterable[str]) -> set[str]:
    """Every folder above one of ``paths``."""
    folders: set[str] = set()
    for path in paths:
        folder = path.rpartition("/")[0]
        while folder and folder not in folders:
            folders.add(folder)
            folder = folder.rpartition("/")[0]
    return folders


def _kind(entry: os.DirEntry[str]) -> str:
    """What lies there that is no file."""
    if entry.is_dir(follow_symlinks=False):
        return "folder"
    return "link" if entry.is_symlink() else "device"


def version_of(name: str) -> int | None:
    """The number of the version folder ``name``; None when it is no such name."""
    digits = name[1:]
    return int(digits) if name[:1] == "v" and digits.isascii() and digits.isdecimal() else None
