"""The caller's side of one confined tool: start it, speak with it, wait for it, end it."""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from formats.sandbox.limits import SandboxLimits
from formats.sandbox.outcome import End, Outcome

__all__ = ["Running", "run", "start"]

LAUNCHER = Path(__file__).with_name("launcher.py")

GRACE_SECONDS = 10.0
"""The launcher ends a tool in milliseconds; one that did not report by then is itself in trouble and is killed."""

ENDING_SECONDS = 1.0
"""Between a tool's closing its output and the launcher's report lie milliseconds."""

READ_BYTES = 64 << 10

ENVIRONMENT = ("PATH", "LANG", "LC_ALL", "TZ", "JAVA_HOME", "FONTCONFIG_PATH")
"""All that a tool learns of Kho's own environment: no tokens, no home, no proxies."""


def run(
    command: Sequence[str | os.PathLike[str]],
    *,
    folder: Path,
    limits: SandboxLimits | None = None,
    environment: Mapping[str, str] | None = None,
    stdin: bytes = b"",
) -> Outcome:
    """Run ``command`` to its end, confined to ``folder`` (see `start`), and give what it said and how it ended.

    Whatever the tool does is in the outcome. Raises OSError when no process can be started at all.
    """
    with start(command, folder=folder, limits=limits, environment=environment) as running:
        return running.wait(stdin)


def start(
    command: Sequence[str | os.PathLike[str]],
    *,
    folder: Path,
    limits: SandboxLimits | None = None,
    environment: Mapping[str, str] | None = None,
) -> Running:
    """Start ``command``. It may read whatever this process may read; it may write only below ``folder``, which is its current
    folder and is made when missing; HOME and TMPDIR are folders in it. Raises OSError when no process can be started at all.
    """
    return Running([os.fspath(word) for word in command], folder, limits or SandboxLimits(), environment or {})


class Running:
    """A tool under way. Leaving it as a context manager ends it, with its children. Not for two threads at once."""

    def __init__(self, command: list[str], folder: Path, limits: SandboxLimits, environment: Mapping[str, str]) -> None:
        self._limits = limits
        self._began = time.monotonic()
        self._report, theirs = os.pipe()
        self._told = b""
        self._out, self._err = bytearray(), bytearray()
        self._cut = False
        self._silent = False
        self._stopped = False
        self._outcome: Outcome | None = None
        try:
            self._process = self._spawn(command, folder, environment, theirs)
        except OSError:
            os.close(self._report)
            raise
        finally:
            os.close(theirs)
        self._errors = threading.Thread(target=self._drain_errors, daemon=True)
        self._errors.start()

    def _spawn(self, command: list[str], folder: Path, environment: Mapping[str, str], report: int) -> subprocess.Popen[bytes]:
        home, temporary = folder / "home", folder / "tmp"
        home.mkdir(parents=True, exist_ok=True)
        temporary.mkdir(exist_ok=True)
        kept = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
        own = {"HOME": str(home), "TMPDIR": str(temporary), "XDG_CACHE_HOME": str(home), "XDG_CONFIG_HOME": str(home)}
        order = {
            "command": command,
            "folder": os.path.realpath(folder),
            "environment": {**kept, **own, **environment},
            "report": report,
            "seconds": self._limits.seconds,
            "memory": self._limits.memory,
            "written": self._limits.written,
            "disk": self._limits.disk,
            "room": self._limits.room,
            "processes": self._limits.processes,
        }
        return subprocess.Popen(
            [sys.executable, "-I", "-S", str(LAUNCHER), json.dumps(order)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=folder,
            pass_fds=(report,),
            start_new_session=True,  # Ctrl-C is the caller's to handle
        )

    # -- a conversation -----------------------------------------------------------------------------------------------------

    def send(self, line: bytes) -> bool:
        """Give the tool a line (without its end). False: it is gone."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line + b"\n")
            self._process.stdin.flush()
        except (OSError, ValueError):
            return False
        return True

    def receive(self, seconds: float) -> bytes | None:
        """The tool's next line, without its end; None when there is none in time, or none any more (see `gone`)."""
        assert self._process.stdout is not None
        until = time.monotonic() + seconds
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while (end := self._out.find(b"\n")) < 0:
                if len(self._out) > self._limits.output or not selector.select(max(until - time.monotonic(), 0)):
                    return None
                if not (data := os.read(self._process.stdout.fileno(), READ_BYTES)):
                    self._silent = True
                    return None
                self._out += data
        line = bytes(self._out[:end])
        del self._out[: end + 1]
        return line

    @property
    def gone(self) -> bool:
        """Whether it ended already; `stop` then says how."""
        return self._process.poll() is not None

    # -- the end ------------------------------------------------------------------------------------------------------------

    def wait(self, stdin: bytes = b"") -> Outcome:
        """Give it ``stdin`` whole, and wait until it ended by itself or by a limit."""
        feeder = threading.Thread(target=self._feed, args=(stdin,), daemon=True)
        feeder.start()
        self._collect(self._began + self._limits.seconds + GRACE_SECONDS)
        feeder.join()
        return self._end()

    def stop(self) -> Outcome:
        """End it, if it has not ended, with its children. Stopping twice gives the same outcome."""
        if self._outcome is None:
            if self._silent:  # it is ending by itself, and how is worth the moment
                with contextlib.suppress(subprocess.TimeoutExpired):
                    self._process.wait(ENDING_SECONDS)
            self._stopped = self._process.poll() is None
            self._process.terminate()
            self._collect(time.monotonic() + GRACE_SECONDS)
        return self._end()

    def _feed(self, data: bytes) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.write(data)
        with contextlib.suppress(OSError, ValueError):
            self._process.stdin.close()

    def _collect(self, until: float) -> None:
        """Read what it says until it is gone; kill what outlives ``until``."""
        assert self._process.stdout is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            while True:
                if not selector.select(max(until - time.monotonic(), 0)):
                    self._process.kill()
                    until = time.monotonic() + GRACE_SECONDS
                elif data := os.read(self._process.stdout.fileno(), READ_BYTES):
                    self._keep(self._out, data)
                else:
                    return

    def _drain_errors(self) -> None:
        assert self._process.stderr is not None
        while data := os.read(self._process.stderr.fileno(), READ_BYTES):
            self._keep(self._err, data)

    def _keep(self, kept: bytearray, data: bytes) -> None:
        room = self._limits.output - len(kept)
        self._cut = self._cut or len(data) > room
        kept += data[: max(room, 0)]

    def _end(self) -> Outcome:
        if self._outcome is None:
            self._process.wait()
            self._errors.join()
            with os.fdopen(self._report, "rb") as report:
                self._told = report.read()
            for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
                with contextlib.suppress(OSError):
                    if pipe is not None:
                        pipe.close()
            self._outcome = self._judged()
        return self._outcome

    def _judged(self) -> Outcome:
        seconds = time.monotonic() - self._began
        out, err = bytes(self._out), bytes(self._err)
        if self._told:
            told = json.loads(self._told)
            return Outcome(End(told["end"]), told["status"], seconds, told["memory"], out, err, self._cut, told["reason"])
        if self._stopped:
            return Outcome(End.STOPPED, -1, seconds, 0, out, err, self._cut)
        return Outcome(End.DIED, abs(self._process.returncode), seconds, 0, out, err, self._cut)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stop()
