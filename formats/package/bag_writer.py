"""Writing bags: BagIt 1.0 (RFC 8493) with SHA-256 and SHA-512 manifests, in one pass over the payload."""

from __future__ import annotations

import functools
import hashlib
import io
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Protocol

from formats.errors import FormatsError, spool_error
from formats.package.copying import CHUNK, Copied

__all__ = ["BagWriter", "FolderSink", "Sink"]

ALGORITHMS: Final = ("sha256", "sha512")
"""RFC 8493 §2.4: tools must support both; two manifests cost one pass."""

_ENCODED = {ord("%"): "%25", ord("\n"): "%0A", ord("\r"): "%0D"}


class Sink(Protocol):
    """Where an export goes: a folder or an archive. Names are as in `Item`; folders come before what they hold."""

    def add_folder(self, name: bytes, modified: int | None = None) -> None: ...

    def add_file(self, name: bytes, stream: BinaryIO, modified: int | None = None) -> None:
        """Take all bytes of ``stream``; what its ``read`` raises comes through."""
        ...


class FolderSink:
    """A new or empty folder on disk. Raises FormatsError (a `SpoolFull` when the disk is full)."""

    def __init__(self, folder: Path) -> None:
        self._root = os.fsencode(folder)
        self._times: list[tuple[bytes, int]] = []
        try:
            os.makedirs(self._root, exist_ok=True)
        except OSError as error:
            raise spool_error(error, str(folder)) from error

    def add_folder(self, name: bytes, modified: int | None = None) -> None:
        try:
            os.makedirs(os.path.join(self._root, name), exist_ok=True)
        except OSError as error:
            raise spool_error(error, os.fsdecode(name)) from error

    def add_file(self, name: bytes, stream: BinaryIO, modified: int | None = None) -> None:
        path = os.path.join(self._root, name)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            with open(path, "xb") as target:
                while chunk := stream.read(CHUNK):
                    target.write(chunk)
            if modified is not None:
                os.utime(path, (modified, modified))
        except OSError as error:
            raise spool_error(error, os.fsdecode(name)) from error


class _Hashing:
    """A stream that hashes what is read from it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._hashes = (hashlib.sha256(), hashlib.sha512())
        self._size = 0

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._size += len(data)
        for each in self._hashes:
            each.update(data)
        return data

    @property
    def copied(self) -> Copied:
        return Copied(self._size, self._hashes[0].digest(), self._hashes[1].digest())


class BagWriter:
    """A bag that grows payload file by payload file and is whole after `finish` (or at the end of its ``with`` block).

    ``target`` is a new folder or any `Sink`; ``info`` gives the elements of bag-info.txt in their order (Payload-Oxum is added).
    Manifests wait in temporary files, so a million files need no memory.
    """

    def __init__(self, target: Path | Sink, *, info: Mapping[str, Iterable[str]]) -> None:
        self._sink: Sink = FolderSink(target) if isinstance(target, Path) else target
        self._info = info
        self._manifests = [tempfile.TemporaryFile() for _ in ALGORITHMS]  # noqa: SIM115 (closed by finish)
        self._tags: list[tuple[str, Copied]] = []
        self._bytes = 0
        self._files = 0
        self._finished = False
        self._sink.add_folder(b"data")

    def add(self, path: str, open_: Callable[[], BinaryIO], modified: int | None = None) -> Copied:
        """Write one payload file; ``path`` is relative to ``data``. Returns what was written, for comparison with what was meant.

        Raises:
            FormatsError: BAG-PATH-UNWRITABLE (the path is not relative, or is no text), or the disk failed.
        """
        name = _checked(path)
        with open_() as stream:
            hashing = _Hashing(stream)
            self._sink.add_file(b"data/" + name, hashing, modified)  # type: ignore[arg-type]
        copied = hashing.copied
        encoded = path.translate(_ENCODED).encode()
        for manifest, digest in zip(self._manifests, (copied.sha256, copied.sha512), strict=True):
            manifest.write(b"%s  data/%s\n" % (digest.hex().encode(), encoded))
        self._bytes += copied.size
        self._files += 1
        return copied

    def add_folder(self, path: str, modified: int | None = None) -> None:
        """Write a payload folder. BagIt does not list folders: an empty one is there, but no manifest says so."""
        self._sink.add_folder(b"data/" + _checked(path), modified)

    def add_tree(self, folder: Path) -> None:
        """Write everything below ``folder`` as payload, in order of names, and finish. Raises OSError when it cannot be read."""
        with self:
            for base, folders, files in os.walk(folder, onerror=_raise):
                folders.sort()
                for each in sorted([*folders, *files]):
                    path = Path(base, each)
                    relative = path.relative_to(folder).as_posix()
                    if path.is_dir():
                        self.add_folder(relative)
                    else:
                        self.add(relative, functools.partial(_open, path), int(path.stat().st_mtime))

    def add_tag(self, name: str, data: bytes) -> None:
        """Write one more tag file beside the bag's own; ``name`` is relative to the bag."""
        _checked(name)
        self._tag(name, io.BytesIO(data))

    def _tag(self, name: str, stream: BinaryIO) -> None:
        hashing = _Hashing(stream)
        self._sink.add_file(name.encode(), hashing)  # type: ignore[arg-type]
        self._tags.append((name, hashing.copied))

    def finish(self) -> None:
        """Write declaration, metadata, manifests and, last, the tag manifests. A second call does nothing."""
        if self._finished:
            return
        self._finished = True
        self._tag("bagit.txt", io.BytesIO(b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"))
        self._tag("bag-info.txt", io.BytesIO(self._elements().encode()))
        for algorithm, manifest in zip(ALGORITHMS, self._manifests, strict=True):
            manifest.seek(0)
            self._tag(f"manifest-{algorithm}.txt", manifest)
            manifest.close()
        tags = sorted(self._tags)
        for algorithm in ALGORITHMS:
            lines = (f"{getattr(copied, algorithm).hex()}  {name.translate(_ENCODED)}\n" for name, copied in tags)
            self._sink.add_file(f"tagmanifest-{algorithm}.txt".encode(), io.BytesIO("".join(lines).encode()))

    def _elements(self) -> str:
        """bag-info.txt: a line break inside a value becomes a folded line (RFC 8493 §2.2.2)."""
        lines = [f"{label}: {_folded(value)}\n" for label, values in self._info.items() for value in values if value.strip()]
        return "".join([*lines, f"Payload-Oxum: {self._bytes}.{self._files}\n"])

    def __enter__(self) -> BagWriter:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if kind is None:
            self.finish()
        else:
            for manifest in self._manifests:
                manifest.close()


def _checked(path: str) -> bytes:
    """The path as bytes. RFC 8493 §2.3: tag files are UTF-8, so a name that is not cannot be listed."""
    try:
        name = path.encode()
    except UnicodeEncodeError:
        raise FormatsError("BAG-PATH-UNWRITABLE", ascii(path)) from None
    if not path or "\0" in path or any(segment in ("", ".", "..") for segment in path.split("/")):
        raise FormatsError("BAG-PATH-UNWRITABLE", path)
    return name


def _folded(value: str) -> str:
    return "\n  ".join(line.strip() for line in value.splitlines() if line.strip())


def _open(path: Path) -> BinaryIO:
    return path.open("rb")


def _raise(error: OSError) -> None:
    raise error
