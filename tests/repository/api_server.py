"""A real `kho serve` on the loopback interface for tests, and archives to send to it."""

from __future__ import annotations

import io
import json
import os
import re
import signal
import socket
import ssl
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import httpx

from repository.cli.archive import DEFAULT_TIERS
from tests.builders_archive import new_archive

ROOT = Path(__file__).parents[2]
PATIENCE = 90.0
"""Seconds that anything may take on a loaded machine."""

TOKENS = {"so-noi-vu": "token-noi-vu", "so-y-te": "token-y-te", "truc": "token-truc"}
"""Name → token; the last may deposit for "so-noi-vu" too."""

NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""Nobody speaks TLS here, and httpx would read all authorities of the machine for each question: half of what the tests took."""


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Server:
    """One archive and its server."""

    def __init__(self, folder: Path, policy: Callable[[str], str] = str) -> None:
        self.home = folder / "archive"
        self.port = free_port()
        new_archive(self.home, {name: self.home / "tiers" / name for name in DEFAULT_TIERS}, language="en")
        tokens = "".join(
            f'\n[[api.tokens]]\nname = "{name}"\ntoken_env = "TEST_{number}"\n' for number, name in enumerate(TOKENS)
        )
        with open(self.home / "kho.toml", "a", encoding="utf-8") as file:
            file.write(tokens + 'producers = ["so-noi-vu"]\n')
        file = self.home / "policy.toml"
        file.write_text(policy(file.read_text(encoding="utf-8")), encoding="utf-8")
        self.process: subprocess.Popen[str] | None = None

    @property
    def environment(self) -> dict[str, str]:
        plain = {name: value for name, value in os.environ.items() if not name.startswith("KHO_")}
        secrets = {f"TEST_{number}": token for number, token in enumerate(TOKENS.values())}
        return {**plain, **secrets, "KHO_HOME": str(self.home), "KHO_LANG": "en", "PYTHONPATH": str(ROOT)}

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "repository.cli", *words]

    def kho(self, *words: str) -> Any:
        """Run a command with --json."""
        done = subprocess.run(
            self.command(*words, "--json"), env=self.environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert "Traceback" not in done.stderr, done.stderr
        return json.loads(done.stdout)

    def start(self) -> None:
        self.process = subprocess.Popen(
            self.command("serve", "--port", str(self.port)), env=self.environment, stderr=subprocess.PIPE, text=True, cwd="/"
        )
        until(self._answers)

    def _answers(self) -> bool:
        assert self.process is not None
        assert self.process.poll() is None, self.process.communicate()
        try:
            return self.asked("/health").status_code > 0
        except httpx.TransportError:
            return False

    def stop(self) -> str:
        """End it in good order, and give what it wrote to standard error."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        _, err = self.process.communicate(timeout=PATIENCE)
        assert self.process.returncode == 0, err
        assert "Traceback" not in err
        self.process = None
        return err

    def kill(self) -> None:
        assert self.process is not None
        self.process.kill()
        self.process.communicate()
        self.process = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def client(self, name: str = "so-noi-vu", **headers: str) -> httpx.Client:
        said = {"Authorization": f"Bearer {TOKENS[name]}", "Accept-Language": "en", **headers}
        return httpx.Client(base_url=self.url, headers=said, timeout=PATIENCE, verify=NO_TLS)

    def asked(self, path: str, headers: Mapping[str, str] | None = None) -> httpx.Response:
        """The answer to who says only what is in ``headers``."""
        return httpx.get(self.url + path, headers=headers, timeout=PATIENCE, verify=NO_TLS)

    def deposit(self, data: bytes, key: str | None = None, name: str = "so-noi-vu", **more: Any) -> httpx.Response:
        headers = {**({"Idempotency-Key": key} if key else {}), **more.pop("headers", {})}
        headers.setdefault("Content-Type", "application/octet-stream")
        with self.client(name) as client:
            return client.post("/api/v1/deposits", content=data, headers=headers, params=more)

    def get(self, path: str, name: str = "so-noi-vu", **headers: str) -> httpx.Response:
        with self.client(name, **headers) as client:
            return client.get(path)

    def ended(self, response: httpx.Response) -> dict[str, Any]:
        """What became of a deposit."""
        assert response.status_code == 202, response.text
        place = response.headers["Location"]
        until(lambda: self.get(place).json()["state"] in ENDS)
        return dict(self.get(place).json())

    def arrivals(self) -> list[str]:
        """What lies among the arrivals."""
        folder = self.home / "spool" / "incoming"
        return sorted(os.listdir(folder)) if folder.exists() else []

    def log(self) -> str:
        return (self.home / "log" / "kho.log").read_text(encoding="utf-8")


ENDS = {"stored", "refused", "held", "repeated", "failed", "quarantined"}


def until(condition: Callable[[], bool]) -> None:
    ends = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < ends, "waited too long"
        time.sleep(0.05)


def zipped(files: Mapping[str, bytes], moment: tuple[int, int, int, int, int, int] = (2026, 1, 2, 3, 4, 6)) -> bytes:
    """A zip of these files; the same for the same arguments."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name, moment), data)
    return out.getvalue()


def with_limit(total: int) -> Callable[[str], str]:
    """A change of policy.toml: another [limits] total_bytes."""
    return lambda text: (
        re.sub(r"(?m)^\[limits\]$.*?(?=^\[|\Z)", "", text, flags=re.DOTALL) + f"\n[limits]\ntotal_bytes = {total}\n"
    )
