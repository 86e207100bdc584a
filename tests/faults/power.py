"""A model of what a loss of power leaves: the recorded calls of a commit, and every state the medium may be in after any of them.

After syncfs everything before it is safe; after fsync of a file its data, of a folder the names in it. All else may have happened
or not: each change of a name by itself, in any subset (a rename is atomic, nothing else holds), and the data of a file that was
not synced may be there, partly there, or be zeros.
"""

from __future__ import annotations

import itertools
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.faults.calls import SYNCS

ROOT = 0

Change = tuple[int, str, int | None]
"""(folder, name, what stands there from now on; None: nothing)."""


@dataclass
class Operation:
    """One change of names, atomic; a rename has two. ``safe`` once it was synced."""

    changes: tuple[Change, ...]
    safe: bool = False


@dataclass
class File:
    data: bytes = b""
    safe: bytes | None = None
    """The data as last synced; None when it never was."""


@dataclass
class Disk:
    """What programs see, what is safe, and what is in between."""

    files: dict[int, File] = field(default_factory=dict)
    base: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    seen: dict[int, dict[str, int]] = field(default_factory=lambda: {ROOT: {}})
    pending: list[Operation] = field(default_factory=list)
    _numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def new_folder(self) -> int:
        number = next(self._numbers)
        self.seen[number] = {}
        self.base[number] = {}
        return number

    def new_file(self, data: bytes = b"", *, safe: bool = False) -> int:
        number = next(self._numbers)
        self.files[number] = File(data, data if safe else None)
        return number

    def find(self, path: str) -> int:
        number = ROOT
        for segment in path.split("/") if path else ():
            number = self.seen[number][segment]
        return number

    def change(self, *changes: tuple[str, int | None]) -> None:
        """Names change together: (path, what stands there)."""
        operation = []
        for path, target in changes:
            folder, _, name = path.rpartition("/")
            operation.append((self.find(folder), name, target))
        self.pending.append(Operation(tuple(operation)))
        apply(self.seen, self.pending[-1])

    def sync_all(self) -> None:
        for operation in self.pending:
            apply(self.base, operation)
        self.pending.clear()
        for file in self.files.values():
            file.safe = file.data

    def sync_folder(self, path: str) -> None:
        """What was put into this folder, or removed from it and put nowhere else, is safe."""
        number = self.find(path)
        for operation in self.pending:
            if operation.changes[-1][0] == number:
                operation.safe = True


def apply(folders: dict[int, dict[str, int]], operation: Operation) -> None:
    for folder, name, target in operation.changes:
        if target is None:
            folders[folder].pop(name, None)
        else:
            folders[folder][name] = target


def load(folder: Path) -> Disk:
    """A disk on which everything below ``folder`` is safe."""
    disk = Disk()
    numbers = {"": ROOT}
    for path, folders, names in os.walk(folder):
        relative = os.path.relpath(path, folder)
        here = numbers["" if relative == "." else relative]
        prefix = "" if relative == "." else relative + "/"
        for name in folders:
            numbers[prefix + name] = disk.seen[here][name] = disk.new_folder()
        for name in names:
            disk.seen[here][name] = disk.new_file((Path(path) / name).read_bytes(), safe=True)
    disk.base = {number: dict(names) for number, names in disk.seen.items()}
    return disk


class Recorder:
    """A hook for `calls.through` that does every call (but syncs) and remembers it. With ``blind`` it sees no syncs: what
    a writer without them would have done. A number: only that sync is not seen (1: the first)."""

    def __init__(self, top: Path, *, blind: bool | int = False) -> None:
        self.steps: list[Callable[[Disk], None]] = []
        self.reported = 0
        """The number of steps when the writer said it was done."""
        self.syncs = 0
        self._top, self._blind = str(top), blind
        self._open: dict[int, str] = {}
        self._keys = itertools.count()
        self._files: dict[str, int] = {}

    def __call__(self, name: str, arguments: tuple[Any, ...], act: Callable[[], Any]) -> Any:
        result = None if name in SYNCS else act()
        if name in SYNCS:
            self.syncs += 1
        if not (name in SYNCS and (self._blind is True or (self._blind is not False and self._blind == self.syncs))):
            step = getattr(self, f"_{name}")(*arguments, result)
            if step is not None:
                self.steps.append(step)
        return result

    def _path(self, path: str) -> str:
        relative = os.path.relpath(path, self._top)
        assert not relative.startswith(".."), path
        return "" if relative == "." else relative

    def _create(self, path: str, *rest: Any) -> Callable[[Disk], None]:
        relative = self._path(path)
        self._open[rest[-1]] = relative
        return lambda disk: disk.change((relative, disk.new_file()))

    def _write(self, descriptor: int, data: bytes, _: Any) -> Callable[[Disk], None]:
        path, copy = self._open[descriptor], bytes(data)

        def step(disk: Disk) -> None:
            disk.files[disk.find(path)].data += copy

        return step

    def _close(self, descriptor: int, _: Any) -> None:
        self._open.pop(descriptor, None)

    def _chmod(self, *_: Any) -> None:
        pass

    def _mkdir(self, path: str, _: Any) -> Callable[[Disk], None]:
        relative = self._path(path)
        return lambda disk: disk.change((relative, disk.new_folder()))

    def _link(self, source: str, target: str, _: Any) -> Callable[[Disk], None]:
        """From outside: the spool's data may not be safe yet either."""
        relative, data = self._path(target), Path(source).read_bytes()
        return lambda disk: disk.change((relative, disk.new_file(data)))

    def _rename(self, source: str, target: str, _: Any) -> Callable[[Disk], None]:
        old, new = self._path(source), self._path(target)
        return lambda disk: disk.change((old, None), (new, disk.find(old)))

    def _unlink(self, path: str, _: Any) -> Callable[[Disk], None]:
        relative = self._path(path)
        return lambda disk: disk.change((relative, None))

    _rmdir = _unlink

    def _fsync(self, descriptor: int, _: Any) -> Callable[[Disk], None]:
        path = self._open.get(descriptor)
        inode = None if path is not None else _bytes_of(descriptor)

        def step(disk: Disk) -> None:
            if path is not None:
                file = disk.files[disk.find(path)]
                file.safe = file.data
            else:  # a spool file that was linked: all files with its bytes
                for file in disk.files.values():
                    if file.data == inode:
                        file.safe = file.data

        return step

    def _fsync_folder(self, path: str, _: Any) -> Callable[[Disk], None]:
        relative = self._path(path)
        return lambda disk: disk.sync_folder(relative)

    def _syncfs(self, *_: Any) -> Callable[[Disk], None]:
        return lambda disk: disk.sync_all()


def _bytes_of(descriptor: int) -> bytes:
    return os.pread(descriptor, 1 << 30, 0)


Data = Callable[[random.Random, bytes], bytes]

UNSYNCED: dict[str, Data] = {
    "whole": lambda chance, data: data,
    "empty": lambda chance, data: b"",
    "partial": lambda chance, data: data[: len(data) // 2],
    "zeros": lambda chance, data: bytes(len(data)),
    "reordered": lambda chance, data: bytes(len(data) // 2) + data[len(data) // 2 :],
}


def subsets(count: int, chance: random.Random, *, every: bool) -> Iterator[list[bool]]:
    """Which of ``count`` unsafe changes happened: none, all, all but one, only one, and some at random."""
    yield [False] * count
    yield [True] * count
    singles = range(count) if every else sorted(chance.sample(range(count), min(2, count)))
    for n in singles:
        yield [each != n for each in range(count)]
        yield [each == n for each in range(count)]
    for _ in range(10 if every else 2):
        yield [chance.random() < 0.5 for _ in range(count)]


def materialise(disk: Disk, happened: list[bool], data: Callable[[File], bytes], target: Path) -> None:
    """Write the state to ``target``: what is safe, and of the rest what ``happened``."""
    folders = {number: dict(names) for number, names in disk.base.items()}
    chosen = iter(happened)
    for operation in disk.pending:
        if operation.safe or next(chosen):
            apply(folders, operation)
    _write_folder(disk, folders, ROOT, data, target)


def _write_folder(
    disk: Disk, folders: dict[int, dict[str, int]], number: int, data: Callable[[File], bytes], target: Path
) -> None:
    target.mkdir()
    for name, inner in folders[number].items():
        if inner in folders:
            _write_folder(disk, folders, inner, data, target / name)
        else:
            (target / name).write_bytes(data(disk.files[inner]))


def unsafe(disk: Disk) -> int:
    return sum(not operation.safe for operation in disk.pending)
