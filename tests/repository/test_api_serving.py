"""The server as a process: alone, beside a worker, killed, in ill health; and what it says of itself."""

from __future__ import annotations

import fcntl
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from policies.codes import register
from policies.findings import Finding
from tests.repository.api_server import PATIENCE, ROOT, TOKENS, Server, until, zipped


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    made = Server(tmp_path)
    yield made
    if made.process is not None:
        made.stop()


def worker(server: Server) -> subprocess.Popen[str]:
    return subprocess.Popen(server.command("worker"), env=server.environment, stderr=subprocess.PIPE, text=True)


def end(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=PATIENCE)
    return process.returncode, err


def test_beside_a_worker_and_without_it(server: Server) -> None:
    first = worker(server)
    assert first.stderr is not None
    while "worker: started" not in (line := first.stderr.readline()):  # else the server may be the first, and the worker goes
        assert line
    server.start()
    assert server.ended(server.deposit(zipped({"a.txt": b"by the worker"})))["state"] == "stored"
    assert server.asked("/health").status_code == 200
    assert end(first)[0] == 0
    alone = server.deposit(zipped({"a.txt": b"by the server, which takes over"}))
    assert server.ended(alone)["state"] == "stored"
    second = worker(server)  # harmless: it sees that the server runs the jobs, and says so
    _, err = second.communicate(timeout=PATIENCE)
    assert second.returncode != 0
    assert "Traceback" not in err
    assert server.ended(server.deposit(zipped({"a.txt": b"still by the server"})))["state"] == "stored"
    assert len(server.get("/api/v1/aips").json()["aips"]) == 3


def test_a_killed_server_loses_no_deposit_and_keeps_no_half_one(server: Server) -> None:
    server.start()
    head = f"POST /api/v1/deposits HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {TOKENS['so-noi-vu']}\r\nContent-Length: 9000000\r\n\r\n"
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head.encode() + b"PK\3\4" + bytes(3_000_000))
        until(lambda: len(server.arrivals()) == 1)
        answers = [server.deposit(zipped({"a.txt": str(number).encode(), "b": os.urandom(100_000)})) for number in range(3)]
        server.kill()
    assert server.arrivals()
    server.start()
    assert {server.ended(answer)["state"] for answer in answers} == {"stored"}
    until(lambda: server.arrivals() == [])
    assert len(server.get("/api/v1/aips").json()["aips"]) == 3


def test_a_failed_deposit_is_tried_again_under_its_id(server: Server) -> None:
    spool = server.home / "spool"
    data = zipped({"a.txt": b"fails first"})
    # Nobody runs the job until there is a file where the deposit's spool should be.
    with open(server.home / "lock", "a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        server.start()
        first = server.deposit(data, "again")
        assert first.status_code == 202
        (spool / first.json()["id"]).write_text("in the way")
    ended = server.ended(first)
    assert ended["state"] == "failed", ended
    assert ended["error"]
    (spool / ended["id"]).unlink()
    again = server.deposit(data, "again")
    assert again.headers["Location"] == first.headers["Location"]
    until(lambda: server.get(again.headers["Location"]).json()["state"] == "stored")
    until(lambda: server.arrivals() == [])


def test_health_says_no_without_saying_why(server: Server) -> None:
    server.start()
    until(lambda: server.asked("/health").json()["ok"])
    tier = server.home / "tiers" / "b"
    tier.rename(tier.with_name("away"))
    until(lambda: server.asked("/health").status_code == 503)
    body = server.asked("/health").json()
    assert body["checks"]["tiers"] == "failed"
    assert (body["checks"]["catalog"], body["ok"]) == ("ok", False)
    assert str(server.home) not in json.dumps(body)
    tier.with_name("away").rename(tier)
    until(lambda: server.asked("/health").status_code == 200)


def test_an_address_that_is_taken(server: Server) -> None:
    with socket.create_server(("127.0.0.1", server.port)):
        done = subprocess.run(
            server.command("serve", "--port", str(server.port)),
            env=server.environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert str(server.port) in done.stderr
    assert "--port" in done.stderr.splitlines()[-1]


def test_a_token_that_cannot_be_read_stops_the_server_and_nothing_else(server: Server) -> None:
    environment = {name: value for name, value in server.environment.items() if not name.startswith("TEST_")}
    for command, expected in ((["list", "--json"], 0), (["serve"], 1)):
        done = subprocess.run(
            server.command(*command), env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
        )
        assert done.returncode == expected, done.stderr
    assert "token_env" in done.stderr


def test_a_slow_start_of_the_job_tables_is_no_error(server: Server) -> None:
    """An archive whose catalog was made again has no job tables until somebody launches."""
    for file in server.home.glob("catalog.db*"):
        file.unlink()
    server.kho("catalog", "rebuild")
    server.start()
    assert server.ended(server.deposit(zipped({"a.txt": b"after a rebuild"})))["state"] == "stored"


def test_the_log_has_requests_and_no_names(server: Server) -> None:
    server.start()
    server.ended(server.deposit(zipped({"Nguyễn Văn A.txt": b"secret"}), title="Nguyễn Văn A"))
    aip = server.get("/api/v1/aips").json()["aips"][0]["id"]
    (row,) = [row for row in server.get(f"/api/v1/aips/{aip}/files").json()["files"] if row["path"].endswith("A.txt")]
    response = server.get(f"/api/v1/aips/{aip}/files/{row['path']}")
    assert response.content == b"secret"
    server.stop()
    lines = [json.loads(line) for line in server.log().splitlines()]
    (mine,) = [line for line in lines if line.get("request") == response.headers["Kho-Request"]]
    assert mine["message"].startswith("GET /api/v1/aips/{aip_id}/files/{path")
    assert "200" in mine["message"]
    assert "token so-noi-vu" in mine["message"]
    api = "".join(line["message"] for line in lines if line["logger"] == "kho.api")
    assert "Nguy" not in api
    assert not any(token in server.log() for token in TOKENS.values())


def test_the_description_is_valid_and_whole(server: Server) -> None:
    server.start()
    document = server.asked("/openapi.json").json()
    assert document["openapi"].startswith("3.1")
    assert set(document["paths"]) == {
        "/health",
        "/metrics",
        "/api/v1/deposits",
        "/api/v1/deposits/{deposit_id}",
        "/api/v1/aips",
        "/api/v1/aips/{aip_id}",
        "/api/v1/aips/{aip_id}/events",
        "/api/v1/aips/{aip_id}/files",
        "/api/v1/aips/{aip_id}/files/{path}",
    }
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert len({operation["operationId"] for operation in operations}) == len(operations)
    for operation in operations:
        assert "application/problem+json" in operation["responses"]["default"]["content"]
    for reference in set(_references(document)):
        place = document
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]
    guarded = [path for path, methods in document["paths"].items() for each in methods.values() if each.get("security")]
    assert "/health" not in guarded
    assert len(guarded) == len(operations) - 1
    upload = document["paths"]["/api/v1/deposits"]["post"]
    assert "application/zip" in upload["requestBody"]["content"]
    assert "Location" in upload["responses"]["202"]["headers"]
    described = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    assert all(path.replace("{deposit_id}", "{id}").replace("{aip_id}", "{id}") in described for path in document["paths"])


def _references(value: object) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("$ref"), str):
            yield value["$ref"]
        for each in value.values():
            yield from _references(each)
    elif isinstance(value, list):
        for each in value:
            yield from _references(each)


def test_every_code_of_this_door_has_a_status_and_words() -> None:
    from repository.api.errors import _STATUS

    source = "\n".join(file.read_text(encoding="utf-8") for file in [*(ROOT / "repository").rglob("*.py")])
    mine = {name for name, code in register().items() if code.family == "api"}
    said_elsewhere = {"API-ADDRESS", "AIP-READ-BROKEN-OFF"}  # the command's; the log's
    assert mine - said_elsewhere <= set(_STATUS)
    assert set(_STATUS) <= set(register())
    described = (ROOT / "docs" / "api.md").read_text(encoding="utf-8")
    for name in mine:
        assert f'"{name}"' in source, name
        assert all(Finding(name).todo(language) for language in ("en", "vi")), name
        assert name in described, name


def heard(ask: Callable[[], httpx.Response], tries: int = 10) -> httpx.Response:
    """An answer given while the body is still being sent may be lost with the connection (RFC 9112 §9.6): ask again."""
    for _ in range(tries - 1):
        try:
            return ask()
        except httpx.TransportError:
            time.sleep(0.1)
    return ask()


def test_a_disk_that_is_full_is_said(tmp_path: Path) -> None:
    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small disk")
    server = Server(tmp_path)
    spool = server.home / "spool"
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=6m", "tmpfs", str(spool)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("nothing can be mounted here")
    try:
        server.start()
        with server.client() as client:
            kind = {"Content-Type": "application/octet-stream"}
            announced = heard(lambda: client.post("/api/v1/deposits", content=bytes(8 << 20), headers=kind))
            found = heard(lambda: client.post("/api/v1/deposits", content=(os.urandom(1 << 20) for _ in range(20))))
        for response in (announced, found):
            assert (response.status_code, response.json()["code"]) == (507, "API-NO-SPACE")
        until(lambda: server.arrivals() == [])
        server.stop()
    finally:
        time.sleep(0.1)
        subprocess.run(["umount", str(spool)], check=True)
