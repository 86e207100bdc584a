"""The worker process: ``python -P -m formats.identify.worker``. Only here are pygfried and fido loaded.

pygfried is a Go runtime in a shared library: a process that forks after using it hangs, one bad file could end the process, and a
call holds the interpreter's lock until it returns. So it lives alone: one request, one reply, in order, until the socket ends.

Requests: ``{"id", "kind": "first", "paths"}`` and ``{"id", "kind": "second", "path", "puids"}``.
Replies: ``{"id", "files", "new", "base"}`` (files are numbers of answers; those from number base on are new, older ones are
remembered), ``{"id", "second"}`` (unheard: those of the PUIDs that fido does not know), or ``{"id", "error"}``.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import gc
import itertools
import os
import re
import resource
import signal
import socket
import sys
from typing import TYPE_CHECKING, Any

import pygfried

from formats.identify.channel import Channel, ChannelClosed

if TYPE_CHECKING:
    from formats.identify.fido import FidoEngine

__all__ = ["main"]

MOST_DATA = 4 << 30
"""Bytes of private memory (mapped files excepted). 200 MB are usual; this much is a bomb: let the worker die, not the host."""

LOOK_UP_SECONDS = 5.0
"""How often an idle worker looks whether its caller still lives."""

MOST_ANSWERS = 4096
"""Distinct answers remembered; hostile names and errors could make more."""

_Answer = tuple[Any, ...]

HINTS = "possibilities based on extension are "


def main(channel_fd: int, lifeline_fd: int, workers: int, signature: str = "") -> None:
    """Serve until the caller closes the channel. ``signature`` is a signature file of Siegfried's; "" is the one that came with it."""
    _die_with_the_caller(lifeline_fd)
    _limit()
    caller = os.getppid()
    channel = Channel(socket.socket(fileno=channel_fd))
    scanner = pygfried.Scanner(signature=signature) if signature else pygfried.Scanner()
    with contextlib.suppress(ChannelClosed):
        channel.send(_hello(scanner))
        answers = _Answers()
        while os.getppid() == caller:  # a fork of the caller may hold the lifeline open after its death
            with contextlib.suppress(TimeoutError):
                request = channel.receive(LOOK_UP_SECONDS)
                channel.send({"id": request["id"], **_reply(scanner, answers, request, workers)})


def _die_with_the_caller(lifeline_fd: int) -> None:
    """When the caller's end of the lifeline closes, the kernel sends SIGIO, which ends this process even inside a Go call.

    Not PR_SET_PDEATHSIG: that fires when the *thread* that started us ends.
    """
    fcntl.fcntl(lifeline_fd, fcntl.F_SETOWN, os.getpid())
    fcntl.fcntl(lifeline_fd, fcntl.F_SETFL, fcntl.fcntl(lifeline_fd, fcntl.F_GETFL) | os.O_ASYNC | os.O_NONBLOCK)
    with contextlib.suppress(BlockingIOError):  # it may have closed before we asked to be told
        if os.read(lifeline_fd, 1) == b"":
            os._exit(0)


def _limit() -> None:
    gc.freeze()
    gc.set_threshold(50_000)  # a batch makes thousands of small objects and no cycles
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the caller's to handle; it closes us
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))  # a core file would hold pieces of records
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = MOST_DATA if hard == resource.RLIM_INFINITY else min(MOST_DATA, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))


def _hello(scanner: pygfried.Scanner) -> dict[str, Any]:
    about = scanner.identify_many([__file__])
    details = "; ".join(identifier["details"] for identifier in about["identifiers"])
    return {"siegfried": about["siegfried"], "signatures": _signature_version(details), "created": about["created"]}


def _signature_version(details: str) -> str:
    """ "DROID_SignatureFile_V125.xml; container-signature-20260119.xml" → "PRONOM V125; container 20260119"."""
    match = re.search(r"SignatureFile_V(\d+).*container-signature-(\d+)", details)
    return f"PRONOM V{match[1]}; container {match[2]}" if match else details


def _reply(scanner: pygfried.Scanner, answers: _Answers, request: dict[str, Any], workers: int) -> dict[str, Any]:
    try:
        if request["kind"] == "first":
            return answers.numbered(_first(scanner, request["paths"], workers))
        return {"second": _second(request["path"], request["puids"])}
    except Exception as error:  # whatever a tool dies of is said, and the next file is looked at
        return {"error": f"{type(error).__name__}: {error}"}


class _Answers:
    """The distinct answers given so far, by number: a deposit of a million files has some hundred, and each is sent once."""

    def __init__(self) -> None:
        self._numbers: dict[_Answer, int] = {}

    def numbered(self, answers: list[_Answer]) -> dict[str, Any]:
        if len(self._numbers) > MOST_ANSWERS:
            self._numbers.clear()
        base = len(self._numbers)
        files = [self._numbers.setdefault(answer, len(self._numbers)) for answer in answers]
        return {"files": files, "base": base, "new": list(itertools.islice(self._numbers, base, None))}


def _first(scanner: pygfried.Scanner, paths: list[str], workers: int) -> list[_Answer]:
    found = scanner.identify_many(paths, workers=workers)["files"]
    if [file["filename"] for file in found] != paths:
        raise RuntimeError("the answers are not for the files that were asked about")
    return [_answer(file) for file in found]


def _answer(file: pygfried.File) -> _Answer:
    """(puid, name, version, mime, basis, alternatives, hints, extension mismatch, reason), without what differs in every file."""
    reason = file["errors"]
    matches = file["matches"]
    if len(matches) == 1 and not reason:
        only = matches[0]
        if only["warning"] == "" and only["id"] != "UNKNOWN":  # nearly every file, so nearly all of the time spent here
            return (only["id"], only["format"], only["version"], only["mime"], _basis(only["basis"]), (), (), False, "")
    if not matches or reason == "empty source":
        return ("", "", "", "", "failed", (), (), False, reason or "no answer")
    first = matches[0]
    if first["id"] == "UNKNOWN":
        return ("", "", "", "", "unknown", (), _hints(first["warning"]), False, reason)
    others = tuple(match["id"] for match in matches[1:])
    # a name without an extension cannot mismatch, though Siegfried says so
    mismatch = "extension mismatch" in first["warning"] and os.path.splitext(file["filename"])[1] != ""
    return (first["id"], first["format"], first["version"], first["mime"], _basis(first["basis"]), others, (), mismatch, reason)


@functools.lru_cache(maxsize=4096)
def _basis(words: str) -> str:
    """Siegfried's basis is a list of reasons, "extension match png; byte match at [[0 16]]": the strongest counts."""
    kinds = {_kind(part) for part in words.split("; ")}
    return next((kind for kind in ("container", "signature", "text", "extension") if kind in kinds), "signature")


def _kind(part: str) -> str:
    if part.startswith("extension match"):
        return "extension"
    if part.startswith("text match"):
        return "text"
    return "container" if part.startswith("container") else "signature"


def _hints(warning: str) -> tuple[str, ...]:
    _, marker, puids = warning.partition(HINTS)
    return tuple(puids.split(", ")) if marker else ()


@functools.cache
def _fido() -> FidoEngine:
    from formats.identify.fido import FidoEngine  # a quarter of the start of this process, and most files need no second opinion

    return FidoEngine()


def _second(path: str, puids: list[str]) -> dict[str, Any]:
    engine = _fido()
    answer = engine.identify(path)
    unheard = [puid for puid in puids if not engine.knows(puid)]
    about = {"version": engine.version, "signatures": engine.signatures}
    return {"puids": answer.puids, "basis": answer.basis, "unheard": unheard, **about}


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]), sys.argv[4])
