"""The caller's side of one worker process: start it, talk to it, end it."""

from __future__ import annotations

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import IO, Any

from formats.identify.channel import Channel, ChannelClosed
from formats.identify.errors import IdentifierUnavailable
from formats.identify.identification import Identification
from policies.phrases import os_phrase, phrase

__all__ = ["WorkerLost", "WorkerProcess"]

ROOT = Path(__file__).resolve().parents[2]
"""Where the packages are imported from; the worker gets it first, whatever its current folder holds."""

END_SECONDS = 2.0
"""An idle worker ends in milliseconds when its channel closes; after this it is killed."""

LAST_WORDS = 4096
"""Bytes of the worker's stderr that are read after its death."""


class WorkerLost(Exception):
    """The worker died or broke the protocol; the text says how. Internal to this package: it never reaches a caller."""


class WorkerProcess:
    """A running worker. ``about`` is what it said of its engine and signatures; ``answers`` those it has given, by number.

    Started by exec and not by fork, so that it may be started from any thread of any process. Raises IdentifierUnavailable.
    """

    def __init__(self, workers: int, start_seconds: float, signature: Path | None = None) -> None:
        self.answers: list[Identification] = []
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 (closed in stop)
        ours, theirs = socket.socketpair()
        lifeline_theirs, self._lifeline = os.pipe()
        self._channel = Channel(ours)
        try:
            self._process = _spawn(theirs.fileno(), lifeline_theirs, workers, self._words, signature)
        except OSError as error:
            self._close_files()
            raise IdentifierUnavailable(os_phrase(error)) from error
        finally:
            theirs.close()
            os.close(lifeline_theirs)
        self.about: dict[str, Any] = self._hello(start_seconds)

    def _hello(self, start_seconds: float) -> dict[str, Any]:
        try:
            return self.receive(start_seconds)
        except (WorkerLost, TimeoutError) as error:
            self.stop(kill=True)
            raise IdentifierUnavailable(str(error) or phrase("identifier-silent", seconds=f"{start_seconds:.0f}")) from error

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def send(self, message: dict[str, Any], timeout: float) -> None:
        """Raises WorkerLost, TimeoutError."""
        try:
            self._channel.send(message, timeout)
        except ChannelClosed as error:
            raise WorkerLost(self._why(error)) from error

    def receive(self, timeout: float) -> dict[str, Any]:
        """Raises WorkerLost, TimeoutError."""
        try:
            return self._channel.receive(timeout)
        except ChannelClosed as error:
            raise WorkerLost(self._why(error)) from error

    def stop(self, *, kill: bool = False) -> None:
        """End the process and wait for it; ``kill`` when it is busy or not to be trusted."""
        if kill:
            self._process.kill()
        self._close_files()
        try:
            self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def forget(self) -> None:
        """After a fork, in the child: let go of the parent's worker without touching it."""
        self._close_files()
        self._process.returncode = 0  # not our child: never to be waited for

    def _close_files(self) -> None:
        self._channel.close()
        if self._lifeline >= 0:
            os.close(self._lifeline)
            self._lifeline = -1
        self._words.close()

    def _why(self, error: ChannelClosed) -> str:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(END_SECONDS)
        status = self._process.poll()
        words = self._last_words() or str(error)
        if status is None:
            return phrase("identifier-runs", words=words)
        return (
            phrase("identifier-died", signal=-status, words=words)
            if status < 0
            else phrase("identifier-ended", status=status, words=words)
        )

    def _last_words(self) -> str:
        """The line of its stderr that says most: the first of a Go crash, the last of a Python traceback."""
        self._words.seek(0)
        lines = [line for line in self._words.read(LAST_WORDS).decode(errors="replace").splitlines() if line.strip()]
        if not lines:
            return ""
        return lines[-1] if lines[0].startswith("Traceback") else lines[0]


def _spawn(channel: int, lifeline: int, workers: int, words: IO[bytes], signature: Path | None) -> subprocess.Popen[bytes]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")]))
    return subprocess.Popen(
        # -P: the current folder may hold anything, also a fido.py
        [sys.executable, "-P", "-m", "formats.identify.worker", str(channel), str(lifeline), str(workers), str(signature or "")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=words,
        pass_fds=(channel, lifeline),
        env={**os.environ, "PYTHONPATH": path},
    )
