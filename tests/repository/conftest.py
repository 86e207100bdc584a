"""Catalogs to test with: one on SQLite, one on a PostgreSQL that is started here when it is installed (else skipped)."""

from __future__ import annotations

import importlib.util
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from repository.catalog import Catalog
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier


def _programs() -> Path | None:
    """The folder of the newest installed PostgreSQL's programs."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    if found:
        return found[-1].parent
    anywhere = shutil.which("initdb")
    return Path(anywhere).parent if anywhere else None


def _as_database_user(command: list[str]) -> None:
    """PostgreSQL refuses to run as root."""
    user = 0 if os.geteuid() else pwd.getpwnam("postgres").pw_uid
    subprocess.run(command, check=True, capture_output=True, user=user or None, cwd="/", timeout=60)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    """The URL (without a database) of a private server on the loopback interface, on data of its own."""
    programs = _programs()
    if programs is None:
        pytest.skip("PostgreSQL is not installed")
    if importlib.util.find_spec("psycopg") is None:
        pytest.skip("psycopg is not installed")
    if os.geteuid() == 0:
        try:
            owner = pwd.getpwnam("postgres")
        except KeyError:
            pytest.skip("running as root, and there is no user postgres to run PostgreSQL as")
    folder = Path(tempfile.mkdtemp(prefix="kho-postgresql-"))
    if os.geteuid() == 0:
        os.chown(folder, owner.pw_uid, owner.pw_gid)
    data, port = folder / "data", _free_port()
    _as_database_user(
        [str(programs / "initdb"), "-D", str(data), "-A", "trust", "-U", "kho", "-E", "UTF8", "--locale=C.UTF-8", "-N"]
    )
    options = f"-p {port} -c listen_addresses=127.0.0.1 -c unix_socket_directories={folder} -c fsync=off"
    _as_database_user([str(programs / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log"), "-o", options, "start"])
    try:
        yield f"kho@127.0.0.1:{port}"
    finally:
        _as_database_user([str(programs / "pg_ctl"), "-D", str(data), "-w", "-m", "immediate", "stop"])
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalog.db'}"
        return
    server = request.getfixturevalue("postgresql_server")
    import psycopg

    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(f"postgresql://{server}/postgres", autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    yield f"postgresql+psycopg://{server}/{name}"
    with psycopg.connect(f"postgresql://{server}/postgres", autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[arg-type]


@pytest.fixture
def catalog(database_url: str) -> Iterator[Catalog]:
    """A new catalog."""
    Catalog.create(database_url)
    opened = Catalog(database_url)
    yield opened
    opened.close()


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[ArchiveUnderTest]:
    """A new archive with two tiers."""
    made = ArchiveUnderTest(tmp_path, identifier)
    yield made
    made.close()
