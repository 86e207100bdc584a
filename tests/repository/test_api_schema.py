"""The HTTP door keeps what its OpenAPI document promises, whatever is asked: schemathesis, an outside judge, asks; on SQLite and on
PostgreSQL. It runs as a process of its own (scripts/schemathesis-env); where it cannot be had, the tests skip."""

from __future__ import annotations

import os
import subprocess
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.repository.api_server import TOKENS, Server, zipped

SCRIPT = Path(__file__).parents[2] / "scripts" / "schemathesis-env"
CHECKS = (
    "not_a_server_error",
    "status_code_conformance",
    "content_type_conformance",
    "response_schema_conformance",
    "response_headers_conformance",
    "ignored_auth",
    "unsupported_method",
    "negative_data_rejection",
)
SECONDS = 900
FEW = 3


@pytest.fixture(scope="module")
def schemathesis() -> str:
    made = subprocess.run([SCRIPT], capture_output=True, text=True, timeout=600, check=False)
    if made.returncode:
        pytest.skip("schemathesis could not be installed (scripts/schemathesis-env says why)")
    return made.stdout.strip().splitlines()[-1]


@pytest.fixture
def server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Server]:
    """A server with two deposits; its database is the parameter."""
    running = Server(tmp_path)
    if getattr(request, "param", "sqlite") == "postgresql":
        address = new_database(request.getfixturevalue("postgresql_server"))
        toml = running.home / "kho.toml"
        before = toml.read_text(encoding="utf-8")
        after = before.replace("\n[database]\n", f'\n[database]\nurl = "{address}"\n')
        assert after != before
        toml.write_text(after, encoding="utf-8")
        running.kho("catalog", "rebuild")
    running.start()
    yield running
    running.stop()


def new_database(server: str) -> str:
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"postgresql://{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return f"postgresql+psycopg://{server}/{name}"


def ask(program: str, server: Server, folder: Path, examples: int, known: str = "") -> str:
    """Let schemathesis ask everything; what it said, having found nothing. ``known`` are parameters that name what is there."""
    (folder / "schemathesis.toml").write_text(known, encoding="utf-8")
    command = [program, "--config-file", str(folder / "schemathesis.toml"), "run", f"{server.url}/openapi.json"]
    command += ["-H", f"Authorization: Bearer {TOKENS['so-noi-vu']}", "--phases", "coverage,fuzzing", "--no-color"]
    command += ["--max-examples", str(examples), "--generation-deterministic", "--checks", ",".join(CHECKS)]
    command += ["--suppress-health-check", "filter_too_much,too_slow", "--warnings", "off"]
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "KHO_HOME")}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, cwd=folder, env=environment, check=False)
    assert done.returncode == 0, done.stdout[-6_000:] + done.stderr[-2_000:]
    return done.stdout


def real_names(server: Server) -> str:
    """A deposit, its AIP and one file of it, as parameters for every question that names one."""
    ended = server.ended(server.deposit(zipped({"hồ sơ/a.txt": "nội dung".encode(), "hồ sơ/b.bin": bytes(70_000)}), key="k1"))
    assert ended["state"] == "stored"
    path = server.get(f"/api/v1/aips/{ended['aip']}/files").json()["files"][0]["path"]
    return f'[parameters]\n"path.deposit_id" = "{ended["id"]}"\n"path.aip_id" = "{ended["aip"]}"\n"path.path" = "{path}"\n'


def still_well(server: Server) -> None:
    """Nothing that was asked broke the server or the archive."""
    until = time.monotonic() + 60  # whoever runs the jobs is looked at every few seconds
    while (health := server.get("/health")).status_code != 200 and time.monotonic() < until:
        time.sleep(0.5)
    assert health.status_code == 200, health.text
    assert "Traceback" not in server.log()
    server.stop()
    audit = server.kho("audit", "--all")
    assert set(audit["copies"]) <= {"good"}
    assert not audit["damages"]
    server.start()


@pytest.mark.parametrize("server", ["sqlite", pytest.param("postgresql", marks=pytest.mark.proof)], indirect=True)
def test_a_few_of_all_questions(schemathesis: str, server: Server, tmp_path: Path) -> None:
    ask(schemathesis, server, tmp_path, FEW, real_names(server))
    still_well(server)


@pytest.mark.proof
@pytest.mark.parametrize("server", ["sqlite", "postgresql"], indirect=True)
def test_many_questions(schemathesis: str, server: Server, tmp_path: Path) -> None:
    known = real_names(server)
    ask(schemathesis, server, tmp_path, 200, known)
    ask(schemathesis, server, tmp_path, 200)
    still_well(server)


@pytest.mark.parametrize("server", ["postgresql"], indirect=True)
def test_the_door_on_postgresql(server: Server) -> None:
    """Deposits, repeats, lists, search, files and a restart in the middle, as on SQLite."""
    first = server.ended(
        server.deposit(zipped({"đất đai/a.txt": b"mot", "đất đai/b.txt": b"hai"}), key="k1", title="Hồ sơ đất đai")
    )
    assert (first["state"], first["files"]) == ("stored", 2)
    again = server.deposit(zipped({"đất đai/a.txt": b"mot", "đất đai/b.txt": b"hai"}), key="k1")
    assert again.status_code in (200, 202)
    assert again.json()["id"] == first["id"]
    assert server.deposit(zipped({"x": b"other"}), key="k1").status_code == 409
    assert [each["id"] for each in server.get("/api/v1/aips?query=dat%20dai").json()["aips"]] == [first["aip"]]
    server.stop()
    server.start()
    files = server.get(f"/api/v1/aips/{first['aip']}/files").json()["files"]
    path = next(each["path"] for each in files if each["path"].endswith("a.txt"))
    assert server.get(f"/api/v1/aips/{first['aip']}/files/{path}").content == b"mot"
    assert server.get(f"/api/v1/aips/{first['aip']}/events").json()["events"]
    second = server.ended(server.deposit(zipped({"đất đai/a.txt": b"ba"}), update=first["aip"]))
    assert (second["state"], second["aip"], second["aip_version"]) == ("stored", first["aip"], 2)
    still_well(server)
