"""LibreOffice for tests of what it made: one process a session, which each conversion is handed to.

To start it takes ten times what a small document takes. That Kho starts one of its own for every document, confined, is tested where
migrators are (tests/contracts/test_migrator.py, tests/formats/test_migrate_tools.py). Here the command is the same but for the profile:
by it the program finds that it runs already, gives its words to that process, and ends when they are done.
"""

from __future__ import annotations

import atexit
import ctypes
import functools
import hashlib
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

from formats.migrate import Failed, Made, libreoffice
from formats.migrate.migrator import run_tool
from formats.sandbox import Outcome, SandboxLimits, run
from tests.formats.documents import Work, needs

__all__ = ["migrated", "soffice"]

START_WITHIN = 60.0
PR_SET_PDEATHSIG = 1


class _Standing:
    """The process, started when it is first asked for, and its profile."""

    def __init__(self) -> None:
        self._folder = Path(tempfile.mkdtemp(prefix="kho-office-"))
        profile = f"file://{self._folder}/profile"
        self.profile = f"-env:UserInstallation={profile}"
        # A program in a sandbox may not write into /tmp, and looks for the socket in the folder that is named to it.
        self.environment = {"OSL_SOCKET_PATH": "/tmp"}
        name = "".join(f"{byte:x}" for byte in hashlib.md5(profile.encode("utf-16-le")).digest())
        self._socket = Path(f"/tmp/OSL_PIPE_{os.getuid()}_SingleOfficeIPC_{name}")
        self._process = self._started()
        atexit.register(self.end)

    def _started(self) -> subprocess.Popen[bytes]:
        held = self._folder / "held.txt"
        held.write_text("open for as long as the process shall stay", "utf-8")
        command = [_binary(), "--headless", "--norestore", "--nolockcheck", self.profile]
        more: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "cwd": self._folder}
        more["env"] = {**os.environ, "HOME": str(self._folder), "TMPDIR": str(self._folder)}
        subprocess.run(command, timeout=START_WITHIN, **more)  # makes the profile, and asks to be started again
        process = subprocess.Popen([*command, str(held)], preexec_fn=_end_with_parent, **more)
        ends = time.monotonic() + START_WITHIN
        while not self._socket.exists():
            assert process.poll() is None, "LibreOffice did not stay"
            assert time.monotonic() < ends, "LibreOffice did not come up"
            time.sleep(0.05)
        return process

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        self._socket.unlink(missing_ok=True)
        shutil.rmtree(self._folder, ignore_errors=True)


def _binary() -> str:
    """The program itself, without the script around it."""
    script = shutil.which("soffice")
    assert script is not None
    return str(Path(script).resolve().with_name("soffice.bin"))


def _end_with_parent() -> None:
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


@functools.cache
def _standing() -> _Standing:
    return _Standing()


@functools.cache
def _version() -> str | None:
    return libreoffice.LibreOffice().version()


class _ByStanding(libreoffice.LibreOffice):
    """Asked for its version once."""

    def version(self) -> str | None:
        return _version()


def _handed_over(command: list[str], **more: Any) -> Made | Failed:
    office = _standing()
    words = [office.profile if word.startswith("-env:UserInstallation=") else word for word in command]
    return run_tool(words, **{**more, "environment": office.environment})


def migrated(source: Path, recipe: str, work: Work) -> Path:
    """What Kho's migrator makes of ``source`` by LibreOffice."""
    needs("soffice", "pdftotext")
    with mock.patch.object(libreoffice, "run_tool", _handed_over):
        made = _ByStanding().migrate(source, recipe, work())
    assert isinstance(made, Made), made
    return made.result


def soffice(source: Path, form: str, folder: Path) -> Outcome:
    """``soffice --convert-to FORM``, into ``folder``."""
    command = [_binary(), "--headless", _standing().profile]
    command += ["--convert-to", form, "--outdir", str(folder), str(source)]
    return run(command, folder=folder, limits=SandboxLimits(), environment=_standing().environment)
