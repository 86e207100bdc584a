"""A real SCSI target in user space: a changer, two drives and some cartridges (tgt), reached over iSCSI on loopback.

Its traps: it ignores SIGTERM while it has targets, so it is killed by its pid; on a taken port it starts, does not listen and does not
say so; element status of all kinds at once kills it; the folder's path must be short. Its changer forgets what lay where when it
starts again; the cartridges keep their data.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.programs import found

NAME = "iqn.2026-11.vn.test:vtl"
DATA = {f"LPD{n:03d}L8": 64 for n in range(1, 7)}
"""Cartridges and their mebibytes, when nothing else is asked for."""

CLEANING = "CLN001L1"
CHANGER_LUN = 3
FIRST_SLOT, FIRST_MAIL_SLOT, FIRST_DRIVE = 0x1000, 0x300, 0x100


class Target:
    """One tgtd with one library. ``start`` and ``kill`` may alternate."""

    def __init__(self, tapes: Mapping[str, int] | None = None, *, slots: int = 12) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="kho-vtl-"))
        self.tapes = self.folder / "tapes"
        self.tapes.mkdir()
        self._slots = slots
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        (self.folder / "smc").write_bytes(bytes(1024))
        self._image(self.folder / "notape", "", 1, "clean")
        for barcode, size in (tapes if tapes is not None else DATA).items():
            self._image(self.tapes / barcode, barcode, size, "data")
        self._image(self.tapes / CLEANING, CLEANING, 1, "clean")

    @staticmethod
    def _image(file: Path, barcode: str, size: int, kind: str) -> None:
        words = ["--op", "new", "--device-type", "tape", "--barcode", barcode, "--size", str(size), "--type", kind]
        program = found("tgtimg") or "tgtimg"
        subprocess.run([program, *words, "--file", str(file), "--thin-provisioning"], check=True, capture_output=True)

    def start(self) -> None:
        """Start it, on the port it had before if there was one."""
        for _ in range(5):
            self.port = self.port or _free_port()
            self._control = "1"  # the socket lies in our own folder, so any number is free
            words = [found("tgtd") or "tgtd", "-f", "-C", self._control, "--iscsi", f"portal=127.0.0.1:{self.port}"]
            with open(self.folder / "log", "ab") as log:
                self._process = subprocess.Popen(words, stdout=log, stderr=log, env=self._environment())
            if self._wait():
                break
            self.kill()
            self.port = 0
        else:
            raise RuntimeError("tgtd does not listen")
        self._configure()

    def _environment(self) -> dict[str, str]:
        return {**os.environ, "TGT_IPC_SOCKET": str(self.folder / "ipc")}

    def _wait(self) -> bool:
        """Whether the port is held by the process that we started, within five seconds."""
        assert self._process is not None
        until = time.monotonic() + 5
        while time.monotonic() < until and self._process.poll() is None:
            if _holds(self._process.pid, self.port) and self._admin("--op", "show", "--mode", "sys", check=False) == 0:
                return True
            time.sleep(0.02)
        return False

    def _admin(self, *words: str, check: bool = True) -> int:
        done = subprocess.run(
            [found("tgtadm") or "tgtadm", "-C", self._control, "--lld", "iscsi", *words],
            env=self._environment(),
            capture_output=True,
            check=check,
        )
        return done.returncode

    def _unit(self, lun: int, parameters: str) -> None:
        self._admin("--mode", "logicalunit", "--op", "update", "--tid", "1", "--lun", str(lun), "--params", parameters)

    def _configure(self) -> None:
        self._admin("--op", "new", "--mode", "target", "--tid", "1", "-T", NAME)
        new = ["--mode", "logicalunit", "--op", "new", "--tid", "1", "--lun"]
        for lun in (1, 2):
            self._admin(*new, str(lun), "-b", str(self.folder / "notape"), "--device-type=tape")
            self._unit(lun, f"vendor_id=IBM,product_id=ULT3580-TD8,product_rev=N9M1,scsi_sn=DRV000000{lun},removable=1")
            self._unit(lun, "online=0")
        self._admin(*new, "3", "-b", str(self.folder / "smc"), "--device-type=changer")
        self._unit(CHANGER_LUN, "vendor_id=IBM,product_id=3573-TL,product_rev=C.20,scsi_sn=LIB0000001,removable=1")
        self._unit(CHANGER_LUN, f"media_home={self.tapes}")
        self._unit(CHANGER_LUN, "element_type=1,start_address=1,quantity=1")
        self._unit(CHANGER_LUN, f"element_type=4,start_address={FIRST_DRIVE},quantity=2")
        for n in (0, 1):
            self._unit(CHANGER_LUN, f"element_type=4,address={FIRST_DRIVE + n},tid=1,lun={n + 1}")
        self._unit(CHANGER_LUN, f"element_type=2,start_address={FIRST_SLOT},quantity={self._slots}")
        self._unit(CHANGER_LUN, f"element_type=3,start_address={FIRST_MAIL_SLOT},quantity=2")
        for n, barcode in enumerate(sorted(os.listdir(self.tapes))):
            self._unit(CHANGER_LUN, f"element_type=2,address={FIRST_SLOT + n},barcode={barcode},sides=1")
        self._admin("--op", "bind", "--mode", "target", "--tid", "1", "-I", "ALL")

    def kill(self) -> None:
        """kill -9, as power would go."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None

    def take_out(self, barcode: str) -> None:
        """Take a cartridge out of the library while it is off: put it beside."""
        (self.tapes / barcode).rename(self.folder / f"away-{barcode}")

    def put_back(self, barcode: str) -> None:
        (self.folder / f"away-{barcode}").rename(self.tapes / barcode)

    def address(self, lun: int) -> str:
        return f"iscsi://127.0.0.1:{self.port}/{NAME}/{lun}"

    @property
    def changer(self) -> str:
        return self.address(CHANGER_LUN)

    @property
    def drives(self) -> list[str]:
        return [self.address(1), self.address(2)]

    def close(self) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _holds(pid: int, port: int) -> bool:
    """Whether process ``pid`` listens on ``port`` of 127.0.0.1."""
    wanted = f"0100007F:{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table][1:]
    sockets = {f"socket:[{row[9]}]" for row in rows if row[1] == wanted and row[3] == "0A"}
    with contextlib.suppress(OSError):
        for descriptor in os.listdir(f"/proc/{pid}/fd"):
            with contextlib.suppress(OSError):
                if os.readlink(f"/proc/{pid}/fd/{descriptor}") in sockets:
                    return True
    return False


def have_target() -> bool:
    """Whether the programs and the library are there, and the right to use them."""
    library = any(
        Path(folder).glob("libiscsi.so.7*") for folder in ("/usr/lib/x86_64-linux-gnu", "/usr/lib/aarch64-linux-gnu", "/usr/lib")
    )
    return library and all(found(program) for program in ("tgtd", "tgtimg", "tgtadm"))


needs_target = pytest.mark.skipif(not have_target(), reason="tgt and libiscsi7 are not installed (scripts/install-tools)")


@contextlib.contextmanager
def running(tapes: Mapping[str, int] | None = None, **more: int) -> Iterator[Target]:
    """A started target, removed on leaving."""
    target = Target(tapes, **more)
    try:
        target.start()
        yield target
    finally:
        target.close()
