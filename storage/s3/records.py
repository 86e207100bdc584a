"""Which version id of each key is the true one: an append-only log an object, in the bucket, beside the storage root.

A key of the log is created and never replaced, and whatever is put over it later is a newer version: the *oldest* version of each
of its keys is the log. So the ids need no catalog, and a catalog that is made again needs none of them. (docs/on-disk.md)
"""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from bisect import bisect_right
from collections.abc import Iterable
from typing import BinaryIO

from policies.phrases import phrase
from storage.errors import AlreadyExists, NotFound, Unavailable
from storage.s3.bucket import Entries
from storage.s3.reading import open_version
from storage.s3.root import Root
from storage.s3.uploading import Sealed, upload

__all__ = ["COMMIT", "FORGET", "HIDE", "MEND", "Log", "Note", "entries_of", "read_log"]

COMMIT, MEND, HIDE, FORGET = "commit", "mend", "hide", "forget"
"""What a record tells: a version was written · a file was put right · a key was taken out · the object was disposed of."""

_NAME = re.compile(r"[0-9]{8}\.ndjson")

ATTEMPTS = 50
"""Writers of one object that may each take the next number before us."""

_KEY = 16


def _digest(path: str) -> bytes:
    return hashlib.blake2b(path.encode("utf-8", "surrogateescape"), digest_size=_KEY).digest()


class Log:
    """What was recorded of one object. A million keys take some 90 MB.

    ``number`` is that of the newest version recorded whole (0: none); ``last`` the number of the newest record. ``forgotten``: it
    was disposed of; ``reborn``: at some time it was, so that its keys may have older versions which are not its own.
    """

    def __init__(self) -> None:
        self.last = 0
        self.number = 0
        self.forgotten = False
        self.reborn = False
        self.keys: list[Entries] = []
        self._rows: list[bytes] = []
        self._sorted = True

    def add(self, sequence: int, path: str, version: str | None) -> None:
        self._rows.append(_digest(path) + sequence.to_bytes(4, "big") + (version or "").encode("ascii"))
        self._sorted = False

    def clear(self) -> None:
        self._rows, self.number = [], 0

    def get(self, path: str) -> str:
        """The version id of a path; "" when none is recorded (or the key was taken out)."""
        if not self._sorted:
            self._rows.sort()
            self._sorted = True
        key = _digest(path)
        index = bisect_right(self._rows, key + b"\xff" * 5) - 1
        return self._rows[index][_KEY + 4 :].decode("ascii") if index >= 0 and self._rows[index].startswith(key) else ""

    def true_version(self, path: str, entries: Entries) -> str:
        """The version id that is the true one of a key: as recorded, else the one that was there first; "" when there is none."""
        first = entries.oldest if not self.reborn else next((each for each in entries.seen if not each.marker), None)
        return self.get(path) or (first.version if first else "")


class Note:
    """A record that is being written: a header and a line for every key, in a temporary file."""

    def __init__(self, kind: str, object_id: str, number: int = 0, *, why: str = "") -> None:
        self._file: BinaryIO = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `close`
        self._line({"kho_versions": 1, "kind": kind, "object": object_id, "version": number, **({"why": why} if why else {})})

    def add(self, path: str, version: str | None) -> None:
        """``version`` None: the key was taken out."""
        self._line([path, version])

    def _line(self, value: object) -> None:
        self._file.write(json.dumps(value, ensure_ascii=True, separators=(",", ":")).encode("ascii") + b"\n")

    def append_to(self, root: Root, object_id: str, log: Log) -> None:
        """Write the record as the next of the object's log. Raises Unavailable, Refused."""
        size = self._file.tell()
        self._file.seek(0)
        digest = hashlib.sha512(usedforsecurity=False)
        while data := self._file.read(1 << 20):
            digest.update(data)
        for number in range(log.last + 1, log.last + 1 + ATTEMPTS):
            self._file.seek(0)
            key = f"{root.records(object_id)}{number:08d}.ndjson"
            try:
                upload(root.bucket, root.lanes, key, self._file, Sealed(key, size, digest.digest()))
            except AlreadyExists:
                continue
            return
        raise Unavailable(object_id, phrase("s3-contended"))

    def close(self) -> None:
        self._file.close()


def read_log(root: Root, object_id: str) -> Log:
    """All records of an object. Raises Unavailable, Refused."""
    log = Log()
    for entries in entries_of(root, root.records(object_id)):
        true = entries.oldest
        if true is None:  # the store has lost a locked version, or another deleted it: what is left is told by the others
            continue
        log.keys.append(entries)
        with open_version(root.bucket, root.lanes, entries.key, true.version) as stream:
            _read(log, int(entries.key[-15:-7]), stream)
    return log


def entries_of(root: Root, prefix: str) -> Iterable[Entries]:
    """The keys of the log below ``prefix``, in order and without a gap: one that a listing left out is asked for."""
    told = {each.key: each for each in root.bucket.versions(prefix) if _NAME.fullmatch(each.key[len(prefix) :])}
    last = max((int(key[-15:-7]) for key in told), default=0)
    for number in range(1, last + 1):
        key = f"{prefix}{number:08d}.ndjson"
        try:
            yield told.get(key) or root.bucket.versions_of(key)
        except NotFound:
            continue


def _read(log: Log, sequence: int, stream: BinaryIO) -> None:
    try:
        header = json.loads(stream.readline())
        if header["kind"] == FORGET:
            log.clear()
            log.reborn = True
        for line in stream:
            path, version = json.loads(line)
            log.add(sequence, path, version)
        if header["kind"] == COMMIT:
            log.number = max(log.number, int(header["version"]))
        log.forgotten = header["kind"] == FORGET
    except (ValueError, KeyError, TypeError, IndexError):
        pass  # no record of ours: what it does not tell, the keys' oldest versions do
    except OSError as error:
        raise Unavailable("versions", str(error)) from error
    log.last = max(log.last, sequence)
