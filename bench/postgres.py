"""A PostgreSQL of its own on loopback, for the time of some rows, with its files where the bench's are."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

from measure import Failed

__all__ = ["running"]


@contextlib.contextmanager
def running(folder: Path) -> Iterator[str]:
    """The URL of an empty database; durable as it comes (fsync is on). Raises Failed when there is no PostgreSQL to start."""
    programs = _programs()
    folder.mkdir(mode=0o755)
    folder.parent.chmod(0o711)  # its own user must get to it
    if os.getuid() == 0:
        shutil.chown(folder, "postgres", "postgres")
    data, port = folder / "data", _free_port()
    _run([programs / "initdb", "-D", data, "-A", "trust", "-U", "kho", "-E", "UTF8", "--locale=C.UTF-8", "-N"])
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories="
    _run([programs / "pg_ctl", "-D", data, "-w", "-l", folder / "log", "-o", options, "start"])
    try:
        yield f"postgresql+psycopg://kho@127.0.0.1:{port}/postgres"
    finally:
        _run([programs / "pg_ctl", "-D", data, "-w", "-m", "fast", "stop"])


def _programs() -> Path:
    """Those of version 15 where they are there, else the newest."""
    found = {path.parts[4]: path.parent for path in Path("/usr/lib/postgresql").glob("*/bin/initdb")}
    if not found:
        raise Failed("PostgreSQL is not installed (apt-get install postgresql)")
    return found.get("15") or found[max(found, key=int)]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _run(command: list[Path | str]) -> None:
    """As the user "postgres" when we are root, whom PostgreSQL does not serve."""
    words = [str(part) for part in command]
    as_user = ["runuser", "-u", "postgres", "--", *words] if os.getuid() == 0 else words
    done = subprocess.run(
        as_user, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False
    )
    if done.returncode:
        raise Failed(f"{words[0]}: {done.stderr.decode(errors='replace')}")
