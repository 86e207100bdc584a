"""One `identify` call: which request is in flight, what to do when the worker dies on it, which answers are due.

Requests go out in small batches, `WINDOW` at a time. When the worker is lost, all that was in flight is asked again file by file;
the file that is alone in flight when the worker dies again, or takes too long, is the culprit. Everything else is answered.
"""

from __future__ import annotations

import os
import stat
import time
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from formats.identify.identification import Basis, Identification
from formats.identify.limits import AskSecond, Limits
from formats.identify.process import WorkerLost, WorkerProcess
from formats.identify.second import Budget, could_not, not_asked, weigh
from policies.findings import Puid
from policies.phrases import os_phrase, phrase

__all__ = ["Conversation", "Workers"]

TOOL = "siegfried"

BATCH_FILES = 512
"""Files a request: large enough that the pipe costs nothing, small enough to ask again one by one."""

BATCH_PATH_CHARACTERS = 32_000
"""Characters of paths a request, so that `WINDOW` requests fit into a socket's buffer and neither side ever waits to send."""

BATCH_BYTES = 256 << 20
"""Bytes of files a request: answers keep coming while large files are read."""

WINDOW = 3
"""Requests in flight: one being worked on, one waiting so that the worker never idles, one on its way."""

SOLITARY_DEATHS = 2
"""How often the worker must die on one file alone before it is the file's fault and not a passing killer's (out of memory)."""


class Workers(Protocol):
    """Where a conversation gets its worker from."""

    def take(self) -> WorkerProcess: ...

    def give_back(self, worker: WorkerProcess, *, usable: bool) -> None: ...


class _File(NamedTuple):
    path: Path
    name: str
    size: int


@dataclass
class _Request:
    """``first`` is set when a second opinion is asked for, of exactly one file."""

    files: list[_File]
    bytes: int
    first: Identification | None = None
    deadline: float = 0.0
    deaths: int = field(default=0)

    def message(self, number: int) -> dict[str, Any]:
        if self.first is None:
            return {"id": number, "kind": "first", "paths": [file.name for file in self.files]}
        puids = [puid for puid in (self.first.puid, *self.first.alternatives) if puid]
        return {"id": number, "kind": "second", "path": self.files[0].name, "puids": puids}

    def singly(self) -> Iterator[_Request]:
        return (_Request([file], file.size, self.first) for file in self.files)


class Conversation:
    """The state of one call."""

    def __init__(self, workers: Workers, limits: Limits, paths: Iterable[Path]) -> None:
        self._workers = workers
        self._limits = limits
        self._paths = iter(paths)
        self._more = True
        self._worker: WorkerProcess | None = None
        self._number = 0
        self._in_flight: dict[int, _Request] = {}
        self._suspects: deque[_Request] = deque()
        self._unsure: deque[_Request] = deque()
        self._ready: list[tuple[Path, Identification]] = []
        self._budget = Budget(limits)
        self._file_seconds = limits.file_seconds
        self._paused = 0.0  # seconds the caller kept us waiting, which no deadline counts

    def answers(self) -> Iterator[tuple[Path, Identification]]:
        """Until every path is answered. Raises IdentifierUnavailable."""
        try:
            while self._more or self._in_flight or self._suspects or self._unsure:
                self._send_what_may_go()
                if self._in_flight and not self._ready:
                    self._receive()
                ready, self._ready = self._ready, []
                given = time.monotonic()
                yield from ready
                self._paused += time.monotonic() - given
        finally:
            self._end()

    def _end(self) -> None:
        """Give the worker back; one that still owes replies to an abandoned call is ended."""
        if self._worker is not None:
            worker, self._worker = self._worker, None
            self._workers.give_back(worker, usable=not self._in_flight)

    # sending

    def _send_what_may_go(self) -> None:
        if self._suspects:
            if not self._in_flight:
                self._send(self._suspects.popleft())
            return
        while len(self._in_flight) < WINDOW and not self._suspects:
            request = self._unsure.popleft() if self._unsure else self._batch()
            if request is None:
                return
            self._send(request)

    def _batch(self) -> _Request | None:
        """The next files to ask about; answers that need no worker are made on the way. None: nothing to send now."""
        files: list[_File] = []
        characters = size = 0
        while len(files) + len(self._ready) < BATCH_FILES and characters < BATCH_PATH_CHARACTERS and size < BATCH_BYTES:
            path = next(self._paths, None)
            if path is None:
                self._more = False
                break
            file = _looked_at(path)
            if isinstance(file, Identification):
                self._answered(path, file)
            else:
                files.append(file)
                characters += len(file.name)
                size += file.size
        return _Request(files, size) if files else None

    def _answered(self, path: Path, identification: Identification) -> None:
        self._ready.append((path, identification))

    def _send(self, request: _Request) -> None:
        if self._worker is None:
            self._worker = self._workers.take()
        self._number += 1
        self._in_flight[self._number] = request
        ahead = sum(other.bytes for other in self._in_flight.values())
        seconds = self._file_seconds + ahead / self._limits.slowest_bytes_per_second
        request.deadline = self._now() + seconds
        try:
            self._worker.send(request.message(self._number), seconds)
        except WorkerLost as error:
            self._lost(str(error))
        except TimeoutError:
            self._too_slow()

    def _now(self) -> float:
        return time.monotonic() - self._paused

    # receiving

    def _receive(self) -> None:
        assert self._worker is not None
        left = min(request.deadline for request in self._in_flight.values()) - self._now()
        try:
            reply = self._worker.receive(max(left, 0.0))
        except WorkerLost as error:
            self._lost(str(error))
        except TimeoutError:
            self._too_slow()
        else:
            self._take_in(reply, self._in_flight.pop(reply["id"]))

    def _take_in(self, reply: dict[str, Any], request: _Request) -> None:
        if "error" in reply:
            self._blame(request, reply["error"])
        elif request.first is not None:
            self._answered(request.files[0].path, replace(request.first, second=weigh(request.first, reply["second"])))
        else:
            self._take_in_first(reply, request)

    def _take_in_first(self, reply: dict[str, Any], request: _Request) -> None:
        assert self._worker is not None
        answers = self._worker.answers
        answers[reply["base"] :] = [_identification(answer, self._worker.about) for answer in reply["new"]]
        for file, number in zip(request.files, reply["files"], strict=True):
            found = answers[number]
            if self._asks(found):
                self._doubt(file, found)
            else:
                self._ready.append((file.path, found))

    def _asks(self, found: Identification) -> bool:
        """Whether the second tool is to be asked about a file with this first answer."""
        wanted = self._limits.second
        return wanted is AskSecond.ALL or (wanted is AskSecond.UNSURE and found.unsure)

    def _doubt(self, file: _File, found: Identification) -> None:
        if refusal := self._budget.refusal(file.size):
            self._answered(file.path, replace(found, second=not_asked(refusal)))
        else:
            self._unsure.append(_Request([file], file.size, found))

    # when the worker is lost

    def _too_slow(self) -> None:
        reason = phrase("identifier-slow", seconds=f"{self._file_seconds:g}")
        if sum(len(request.files) for request in self._in_flight.values()) == 1:
            self._file_seconds = max(min(self._limits.least_file_seconds, self._file_seconds), self._file_seconds / 2)
        self._lost(reason, deaths=SOLITARY_DEATHS)

    def _lost(self, reason: str, deaths: int = 1) -> None:
        """Drop the worker; ask again, file by file, about all that was in flight, or name the culprit."""
        if self._worker is not None:
            worker, self._worker = self._worker, None
            self._workers.give_back(worker, usable=False)
        requests, self._in_flight = list(self._in_flight.values()), {}
        if len(requests) > 1:
            self._suspects.extend(single for request in requests for single in request.singly())
            return
        for request in requests:
            request.deaths += deaths
            if len(request.files) > 1 or request.deaths >= SOLITARY_DEATHS:
                self._blame(request, reason)
            else:
                self._suspects.appendleft(request)

    def _blame(self, request: _Request, reason: str) -> None:
        """One file is named the culprit; several are asked about one by one."""
        if len(request.files) > 1:
            self._suspects.extend(request.singly())
        elif request.first is not None:
            self._answered(request.files[0].path, replace(request.first, second=could_not(reason)))
        else:
            self._answered(request.files[0].path, _could_not(reason))


EMPTY = Identification(Puid(""), "", "", "", Basis.EMPTY, "kho", "", "")


def _looked_at(path: Path) -> _File | Identification:
    name = os.fspath(path)
    if not name.startswith("/"):
        name = os.path.abspath(name)  # a name like "http:a" is a file's name all the same
    try:
        name.isascii() or name.encode("utf-8")
        status = os.stat(name)
    except UnicodeEncodeError:
        return _could_not(phrase("name-not-utf8"))
    except OSError as error:
        return _could_not(os_phrase(error))
    if not stat.S_ISREG(status.st_mode):
        return _could_not(phrase("not-regular-file"))
    return _File(path, name, status.st_size) if status.st_size else EMPTY


def _could_not(reason: str) -> Identification:
    return Identification(Puid(""), "", "", "", Basis.FAILED, TOOL, "", "", reason=reason)


def _identification(answer: list[Any], about: dict[str, Any]) -> Identification:
    """One answer as the worker sent it (`formats.identify.worker`), shared by all files of its kind."""
    puid, name, version, mime, basis, alternatives, hints, mismatch, reason = answer
    known = Identification(Puid(puid), name, version, mime, Basis(basis), TOOL, about["siegfried"], about["signatures"])
    others, hinted = tuple(map(Puid, alternatives)), tuple(map(Puid, hints))
    return replace(known, alternatives=others, hints=hinted, extension_mismatch=mismatch, reason=reason)
