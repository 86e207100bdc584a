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
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from repository.catalog import Catalog
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, new_catalog

if TYPE_CHECKING:
    from psycopg import Connection


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


def _administering(server: str) -> Connection[Any]:
    import psycopg

    return psycopg.connect(f"postgresql://{server}/postgres", autocommit=True)


@contextmanager
def _new_database(server: str, made: str = "") -> Iterator[str]:
    """The URL of a database that lives as long as the block; ``made``: what else CREATE DATABASE is told."""
    name = f"test_{uuid.uuid4().hex}"
    with _administering(server) as connection:
        connection.execute(f"CREATE DATABASE {name} {made}")
    yield f"postgresql+psycopg://{server}/{name}"
    with _administering(server) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'catalog.db'}"
        return
    with _new_database(request.getfixturevalue("postgresql_server")) as url:
        yield url


@pytest.fixture(scope="session")
def postgresql_template(postgresql_server: str) -> str:
    """The name of a database with the tables of a catalog, made as `Catalog.create` makes them."""
    with _administering(postgresql_server) as connection:
        connection.execute("CREATE DATABASE template_of_catalogs")
    Catalog.create(f"postgresql+psycopg://{postgresql_server}/template_of_catalogs")
    return "template_of_catalogs"


@pytest.fixture(params=["sqlite", "postgresql"])
def catalog_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database with the tables of a new catalog. They are copied: that they are made is tested with ``database_url``."""
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path / 'catalog.db'}"
        new_catalog(url)
        yield url
        return
    template = request.getfixturevalue("postgresql_template")
    with _new_database(request.getfixturevalue("postgresql_server"), f"TEMPLATE {template}") as url:
        yield url


@pytest.fixture
def catalog(catalog_url: str) -> Iterator[Catalog]:
    """A new catalog."""
    opened = Catalog(catalog_url)
    yield opened
    opened.close()


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[ArchiveUnderTest]:
    """A new archive with two tiers."""
    made = ArchiveUnderTest(tmp_path, identifier)
    yield made
    made.close()
