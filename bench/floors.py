"""Floors: the least work that a job cannot do without, as bare loops over hashlib and the system's calls.

Run as a process: ``python bench/floors.py hash sha512 2 FOLDER``, ``… copy SOURCE TARGET OBJECTS``, ``… direct FOLDER 32``. Reads
what lies in a folder with a buffer sized by fstat; ``cold`` tells the page cache to forget each file first, as Kho does.
``… forget FOLDER`` is no floor: it does only that, for a peer that could not do it itself and shall read from the medium, too. ``… spin 2``
reads nothing: it prints what so many processes hash together in half a second, in megabytes.
"""

from __future__ import annotations

import ctypes
import hashlib
import mmap
import os
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

BATCH = 64
"""Objects that share two syncfs, as in Kho."""

BESIDE = 10
"""Small files that an AIP has beside ten content files: METS, PREMIS, inventories, sidecars, declaration."""

BESIDE_BYTES = 5 << 10

WHOLE = 1 << 20

DIRECT = 4 << 20
"""Bytes of one read past the page cache."""

SPIN_SECONDS = 0.5


def files_below(folder: str) -> Iterator[str]:
    """All files, folder by folder."""
    for top, _, names in os.walk(folder):
        for name in names:
            yield os.path.join(top, name)


def hash_one(path: str, algorithm: str, cold: bool) -> bytes:
    """Hash a file in whole reads of up to a mebibyte."""
    hasher = getattr(hashlib, algorithm)()
    descriptor = os.open(path, os.O_RDONLY)
    try:
        if cold:
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        size = os.fstat(descriptor).st_size
        while chunk := os.read(descriptor, min(size + 1, WHOLE)):
            hasher.update(chunk)
            if len(chunk) <= size < WHOLE:
                break
    finally:
        os.close(descriptor)
    return bytes(hasher.digest())


def hash_all(algorithms: str, processes: int, folder: str, cold: bool) -> None:
    """Hash every file with each of ``algorithms`` ("sha512,sha256"); files are dealt to the processes in turn."""
    paths = list(files_below(folder))
    children = []
    for number in range(processes):
        if processes > 1 and (pid := os.fork()):
            children.append(pid)
            continue
        for algorithm in algorithms.split(","):
            for path in paths[number::processes]:
                hash_one(path, algorithm, cold)
        if processes > 1:
            os._exit(0)
    for pid in children:
        os.waitpid(pid, 0)


def spin(processes: int) -> int:
    """Hash a megabyte in memory again and again, in so many processes at once; how many megabytes they did together."""
    reading, writing = os.pipe()
    for _ in range(processes):
        if not os.fork():
            data, done, end = bytes(10**6), 0, time.monotonic() + SPIN_SECONDS
            while time.monotonic() < end:
                hashlib.sha512(data).digest()
                done += 1
            os.write(writing, b"%d\n" % done)
            os._exit(0)
    os.close(writing)
    with open(reading, encoding="ascii") as told:
        total = sum(map(int, told))
    for _ in range(processes):
        os.wait()
    return total


def read_direct(folder: str, at_once: int) -> None:
    """Read every file past the page cache (O_DIRECT), ``at_once`` of them at a time; nothing is hashed."""
    paths = list(files_below(folder))
    with ThreadPoolExecutor(at_once) as pool:
        for _ in pool.map(_read_all, (paths[number::at_once] for number in range(at_once))):
            pass


def _read_all(paths: list[str]) -> None:
    with mmap.mmap(-1, DIRECT) as memory:  # a page's beginning, as O_DIRECT wants it
        for path in paths:
            descriptor = os.open(path, os.O_RDONLY | os.O_DIRECT)
            at = 0
            while count := os.preadv(descriptor, [memory], at):
                at += count
                if count % 512:
                    break  # the end of a file need not be aligned
            os.close(descriptor)


def syncfs(descriptor: int) -> None:
    """Everything on the file system of ``descriptor`` reaches the medium."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.syncfs(descriptor):
        raise OSError(ctypes.get_errno(), "syncfs")


def forget(folder: str) -> None:
    """The page cache forgets every file below a folder, and nothing else. Written pages are synced first: others are not let go."""
    top = os.open(folder, os.O_RDONLY)
    syncfs(top)
    os.close(top)
    for path in files_below(folder):
        descriptor = os.open(path, os.O_RDONLY)
        os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(descriptor)


def copy_all(source: str, target: str, copies: int) -> None:
    """For every folder in ``source``: its files and `BESIDE` small ones copied and hashed (SHA-512), ``copies`` times; two syncfs
    a batch; then one copy hashed from the medium (SHA-256)."""
    objects = sorted(os.listdir(source))
    for start in range(0, len(objects), BATCH):
        batch = objects[start : start + BATCH]
        for copy in range(copies):
            root = os.open(target, os.O_RDONLY)
            for name in batch:
                _copy_object(os.path.join(source, name), os.path.join(target, str(copy), name))
            syncfs(root)
            syncfs(root)
            os.close(root)
        for name in batch:
            for path in files_below(os.path.join(target, "0", name)):
                hash_one(path, "sha256", True)


def _copy_object(source: str, target: str) -> None:
    os.makedirs(target)
    for path in files_below(source):
        with open(path, "rb", buffering=0) as given:
            data = given.read()
        _write(os.path.join(target, os.path.basename(path)), data)
    for number in range(BESIDE):
        _write(os.path.join(target, f"g{number}"), os.urandom(64) * (BESIDE_BYTES // 64))


def _write(path: str, data: bytes) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    os.write(descriptor, data)
    os.close(descriptor)
    hashlib.sha512(data).digest()


def main() -> None:
    """See the module."""
    what, *rest = sys.argv[1:]
    if what == "hash":
        hash_all(rest[0], int(rest[1]), rest[2], cold=rest[3:] == ["cold"])
    elif what == "forget":
        forget(rest[0])
    elif what == "spin":
        print(spin(int(rest[0])))
    elif what == "direct":
        read_direct(rest[0], int(rest[1]))
    else:
        copy_all(rest[0], rest[1], int(rest[2]))


if __name__ == "__main__":
    main()
