"""Cold storage classes, with moto: the one store to be had here that refuses to read what is cold until it was asked for. It proves
nothing else (it lets locks be shortened and takes wrong checksums), so the store's self-test is left out here."""

from __future__ import annotations

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import pytest

from storage.errors import Unavailable
from storage.retrying import Again
from storage.s3.errors import Cold
from storage.s3.place import S3Place
from storage.s3.tier import S3Tier
from tests.storage.sealed import two_versions

_SCRIPT = Path(__file__).parents[2] / "scripts" / "moto-env"


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    made = subprocess.run([str(_SCRIPT)], capture_output=True, text=True)
    if made.returncode:
        pytest.skip(f"no store with cold classes to test with: {made.stderr.strip()[-200:]}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    with open(tmp_path_factory.mktemp("moto") / "log", "wb") as log:
        process = subprocess.Popen([made.stdout.strip(), "-H", "127.0.0.1", "-p", str(port)], stdout=log, stderr=log)
    try:
        ends = time.monotonic() + 60
        while not _answers(port):
            assert process.poll() is None
            assert time.monotonic() < ends
            time.sleep(0.1)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.kill()
        process.wait()


def _answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_what_is_cold_is_asked_for_and_read_when_it_has_come(
    endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setattr("storage.s3.tier.check_store", lambda *arguments, **more: None)
    admin = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    admin.create_bucket(Bucket="cold-archive")
    admin.put_bucket_versioning(Bucket="cold-archive", VersioningConfiguration={"Status": "Enabled"})
    place = S3Place("cold-archive", "tier", endpoint, storage_class="GLACIER", worm=False)
    S3Tier.create(place, "a").close()
    tier = S3Tier(place, "a", again=Again(1))
    sealed = two_versions(tmp_path / "spool")
    assert [each.error for each in tier.write(sealed.versions)] == [None, None]
    assert [each.problem for each in tier.versions()] == [None]  # inventories are not cold
    with pytest.raises(Cold, match="6 files were asked for"):
        tier.verify(sealed.object_id, sealed.expected)
    for _ in range(100):
        if not tier.recall(sealed.object_id):
            break
        time.sleep(0.1)
    assert tier.verify(sealed.object_id, sealed.expected).ok
    assert issubclass(Cold, Unavailable)  # to whoever does not know: not now, and no fact of the bytes
    tier.close()
