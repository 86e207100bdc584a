"""A real S3 store for tests: SeaweedFS on free ports of the loopback interface, started here and ended by its pid.

Three identities, as an archive should have them: ``admin`` makes buckets, ``everyday`` is what Kho uses (it may not delete versions or
bypass retention, by a policy of each bucket), ``deleter`` may delete versions. Its own filer port answers without any credential, so
what is locked here is locked at the S3 door only: that WORM holds in a store is not proven by these tests, that Kho asks for it is.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from botocore.config import Config  # type: ignore[import-untyped]
from botocore.exceptions import BotoCoreError, ClientError  # type: ignore[import-untyped]

from storage.s3.place import S3Place

__all__ = ["Seaweed", "find_program", "running", "the_program"]

START_WITHIN = 60.0
# Each bucket takes volumes of its own: counted by the free space, as is usual, there was room for only fifty buckets.
VOLUMES = 100_000
_SCRIPT = Path(__file__).parents[1] / "scripts" / "seaweed-env"
_EVERYDAY = ["Read", "List", "Tagging", "Write", "GetObjectRetention", "PutObjectRetention", "GetBucketObjectLockConfiguration"]
_PORTS = ("master", "master_grpc", "volume", "volume_grpc", "filer", "filer_grpc", "s3", "s3_grpc")


def find_program() -> Path:
    """The path of ``weed``, which is fetched once; FileNotFoundError says why it cannot be had."""
    made = subprocess.run([str(_SCRIPT)], capture_output=True, text=True)
    if made.returncode:
        raise FileNotFoundError(made.stderr.strip()[-200:])
    return Path(made.stdout.strip())


def the_program() -> Path:
    """The same; the test is skipped, with the reason, where it cannot be had."""
    try:
        return find_program()
    except FileNotFoundError as reason:
        pytest.skip(f"no S3 store to test with: {reason}")


@contextmanager
def running(folder: Path) -> Iterator[Seaweed]:
    """A store of one's own."""
    server = Seaweed(folder, the_program())
    try:
        server.start()
        yield server
    finally:
        server.kill()


class Seaweed:
    """One store in ``folder``. ``credentials`` is a file of profiles to set AWS_SHARED_CREDENTIALS_FILE to."""

    def __init__(self, folder: Path, program: Path) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.credentials = folder / "credentials"
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._ports = dict(zip(_PORTS, _free_ports(len(_PORTS)), strict=True))
        self.data.mkdir(parents=True)
        (folder / "master.toml").write_text("[master.volume_growth]\ncopy_1 = 1\n")  # one volume for a new bucket, not seven
        self._identities()

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self._ports['s3']}"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def _identities(self) -> None:
        people = {"admin": ["Admin", "Read", "List", "Tagging", "Write"], "everyday": _EVERYDAY, "deleter": [*_EVERYDAY]}
        known = [
            {"name": name, "credentials": [{"accessKey": f"AK{name}", "secretKey": f"SK{name}"}], "actions": actions}
            for name, actions in people.items()
        ]
        (self.folder / "s3.json").write_text(json.dumps({"identities": known}))
        lines = [f"[{name}]\naws_access_key_id = AK{name}\naws_secret_access_key = SK{name}\n" for name in people]
        self.credentials.write_text("\n".join(lines))

    def start(self) -> None:
        """Start, and wait until it takes a put."""
        ports = self._ports
        arguments = {
            **{"ip": "127.0.0.1", "ip.bind": "127.0.0.1", "dir": self.data, "filer": "true", "s3": "true"},
            **{"master.volumeSizeLimitMB": 64, "volume.max": VOLUMES, "volume.preStopSeconds": 0, "master.raftHashicorp": "true"},
            **{"master.port": ports["master"], "master.port.grpc": ports["master_grpc"], "master.telemetry": "false"},
            **{"volume.port": ports["volume"], "volume.port.grpc": ports["volume_grpc"]},
            **{"filer.port": ports["filer"], "filer.port.grpc": ports["filer_grpc"], "s3.port": ports["s3"]},
            **{"s3.port.grpc": ports["s3_grpc"], "s3.port.iceberg": 0, "s3.port.lance": 0, "s3.ip.bind": "127.0.0.1"},
            **{"s3.config": self.folder / "s3.json"},
        }
        with open(self.folder / "log", "ab") as log:
            command = [
                str(self._program),
                "-logtostderr=true",
                "server",
                *(f"-{name}={value}" for name, value in arguments.items()),
            ]
            self._process = subprocess.Popen(command, stdout=log, stderr=log, cwd=self.folder)
        ends = time.monotonic() + START_WITHIN
        while not self._usable():
            assert self._process.poll() is None, (self.folder / "log").read_text(errors="replace")[-2000:]
            assert time.monotonic() < ends, "the S3 store does not come up"
            time.sleep(0.1)

    def _usable(self) -> bool:
        admin = self.client("admin")
        try:
            if all(each["Name"] != "usable" for each in admin.list_buckets()["Buckets"]):
                admin.create_bucket(Bucket="usable")
            admin.put_object(Bucket="usable", Key="k", Body=b"1")
            return bool(admin.get_object(Bucket="usable", Key="k")["Body"].read() == b"1")
        except (ClientError, BotoCoreError):
            return False

    def kill(self) -> None:
        """End it at once, as a loss of power would. What it acknowledged is there after a start."""
        if self._process is not None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()
            self._process = None
            for left in (each for port in self._ports.values() for each in _sockets(port)):
                left.unlink(missing_ok=True)

    def freeze(self) -> None:
        """Let it take connections and answer nothing."""
        os.kill(self.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.kill(self.pid, signal.SIGCONT)

    def shell(self, *commands: str) -> str:
        """What somebody who runs the store tells it to do."""
        at = {name: f"127.0.0.1:{self._ports[name]}.{self._ports[f'{name}_grpc']}" for name in ("master", "filer")}
        command = [str(self._program), "shell", *(f"-{name}={place}" for name, place in at.items())]
        lines = "".join(f"{line}\n" for line in commands)
        ran = subprocess.run(command, input=lines, capture_output=True, text=True, timeout=60, cwd=self.folder)
        assert ran.returncode == 0, ran.stderr
        return ran.stdout

    def client(self, identity: str) -> Any:
        """A plain boto3 client, for what a test does behind Kho's back."""
        return boto3.client(
            "s3",
            endpoint_url=self.endpoint,
            aws_access_key_id=f"AK{identity}",
            aws_secret_access_key=f"SK{identity}",
            region_name="us-east-1",
            config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 0}, connect_timeout=2, read_timeout=20),
        )

    def place(self, *, lock: bool = True, versioning: bool = True, guarded: bool = True, worm: bool | None = None) -> S3Place:
        """A new bucket as an archive should have it (or, to be refused, not)."""
        bucket = f"kho-{uuid.uuid4().hex[:12]}"
        admin = self.client("admin")
        admin.create_bucket(Bucket=bucket, **({"ObjectLockEnabledForBucket": True} if lock else {}))
        if versioning and not lock:
            admin.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
        if guarded:
            admin.put_bucket_policy(Bucket=bucket, Policy=json.dumps(guard(bucket, "everyday")))
        place = S3Place(bucket, "tier", self.endpoint, profile="everyday")
        return replace(place, worm=lock if worm is None else worm)

    def volume_files(self) -> list[Path]:
        """The files that hold the bytes of all objects."""
        return sorted(self.data.rglob("*.dat"))


def guard(bucket: str, user: str) -> dict[str, Any]:
    """The policy of a bucket under which ``user`` can neither delete versions, nor have them deleted, nor bypass retention
    (docs/howto/s3.md)."""
    denied = ["s3:DeleteObjectVersion", "s3:BypassGovernanceRetention", "s3:PutLifecycleConfiguration"]
    principal = {"AWS": [f"arn:aws:iam:::user/{user}", f"arn:aws:iam::000000000000:user/{user}", user]}
    statement: dict[str, Any] = {"Effect": "Deny", "Principal": principal, "Action": denied}
    statement["Resource"] = [f"arn:aws:s3:::{bucket}", f"arn:aws:s3:::{bucket}/*"]
    return {"Version": "2012-10-17", "Statement": [statement]}


def _free_ports(count: int) -> list[int]:
    """Ports that are free, and of which no other user has left a socket in the folder that all share: the store could not put its own
    there, and would not start."""
    free: list[int] = []
    with ExitStack() as held:
        while len(free) < count:
            each = held.enter_context(closing(socket.socket()))
            each.bind(("127.0.0.1", 0))
            port = int(each.getsockname()[1])
            if not _sockets(port):
                free.append(port)
    return free


def _sockets(port: int) -> list[Path]:
    """Where the store listens besides a port: always there, however it ends."""
    return list(Path("/tmp").glob(f"seaweedfs-*-{port}.sock"))
