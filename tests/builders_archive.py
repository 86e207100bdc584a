"""A whole archive to test flows with: an engine on two local tiers, driven as the command line drives it, without a process a command."""

from __future__ import annotations

import atexit
import functools
import os
import re
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from unittest import mock

from formats.identify import Identifier, SiegfriedIdentifier
from formats.inspection import InspectionLimits, Inspectors
from policies.findings import Findings, Weight
from repository.archive import Archive
from repository.catalog import Catalog
from repository.catalog.schema import upgrade
from repository.checks.audit import AuditReport
from repository.copies.repair import RepairReport
from repository.engine import Engine
from repository.jobs.client import JobState, sqlite_file
from repository.model import Deposit
from repository.progress import Silent
from repository.settings.home import Settings
from repository.verify import verify_path
from storage.ocfl.tier import LocalTier

__all__ = ["PRODUCER", "ArchiveUnderTest", "SharedIdentifier", "new_archive", "new_catalog", "snapshot", "verified", "write_tree"]

PRODUCER = "Sở Nội vụ"


class SharedIdentifier(SiegfriedIdentifier):
    """One identification worker for a whole test session: starting one costs half a second."""

    def close(self) -> None:
        """The engine closes what it was given; the session closes this one."""

    def really_close(self) -> None:
        super().close()


class SharedInspectors(Inspectors):
    """Workers of inspection for a whole test session, started when a test first has a file for them."""

    def close(self) -> None:
        """The engine closes what it was given; the end of the session closes these."""

    def really_close(self) -> None:
        super().close()


INSPECTORS = SharedInspectors(InspectionLimits(workers=1))
atexit.register(INSPECTORS.really_close)


@functools.cache
def _empty_database() -> bytes:
    """The database of a new archive: tables of catalog and jobs, as its own making leaves them. It knows nothing of its archive yet."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "archive"
        Engine.create(home, tiers={"a": home / "tiers" / "a"}).close()
        with closing(sqlite3.connect(home / "catalog.db")) as database:
            return database.serialize()


def new_catalog(url: str) -> None:
    """`Catalog.create` for a database on SQLite that is to be new: its migrations, which are the half of making an archive, ran once in
    this process, and what they made is copied. That they make it is tested where catalogs are (tests/repository/test_catalog.py) and
    wherever a command makes an archive."""
    with open(sqlite_file(url), "xb") as file:
        file.write(_empty_database())
    upgrade(url)


def new_archive(home: Path, tiers: Mapping[str, Path | str], language: str | None = None) -> None:
    """`Engine.create`, with a database from `new_catalog`."""
    _empty_database()
    with mock.patch.object(Catalog, "create", new_catalog):
        Engine.create(home, tiers=tiers, language=language).close()


@contextmanager
def engine_that_identifies_nothing(folder: Path) -> Iterator[Engine]:
    """A new archive in ``folder``/home, opened, with tiers "a" and "b" beside it: for tests of work that processes do, each of which would
    start an identification of its own."""
    home = folder / "home"
    new_archive(home, {"a": folder / "a", "b": folder / "b"})
    policy = home / "policy.toml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("enabled = true", "enabled = false", 1), encoding="utf-8")
    with Engine.open(home, actor="user:test") as opened:
        yield opened


class ArchiveUnderTest:
    """One archive in ``folder``, opened; tiers "a" and "b" lie in ``folder/archive/tiers``."""

    def __init__(
        self,
        folder: Path,
        identifier: Identifier,
        *,
        create: bool = True,
        tiers: tuple[str, ...] = ("a", "b"),
        s3: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder
        self.home = folder / "archive"
        self._identifier = identifier
        self.inspectors: Inspectors = INSPECTORS
        if create:
            places: dict[str, Path | str] = {name: self.home / "tiers" / name for name in tiers}
            new_archive(self.home, {**places, **(s3 or {})})
        self.open()

    def open(self) -> None:
        """Open, as a new command would."""
        opened = Engine.open(self.home, actor="user:test")
        opened.archive.identifier.close()
        opened.archive.inspectors.close()
        archive = replace(opened.archive, identifier=self._identifier, inspectors=self.inspectors)
        self.engine = Engine(self.adjusted(archive))
        self._session = self.engine.jobs.session()
        assert self._session.__enter__()

    def adjusted(self, archive: Archive) -> Archive:
        """For archives with a component of their own."""
        return archive

    def close(self) -> None:
        self._session.__exit__(None, None, None)
        self.engine.close()

    def reopen(self) -> None:
        self.close()
        self.open()

    def serve_until_idle(self, seconds: float = 30.0) -> None:
        """Be a worker until no job is waiting or running: what dead processes left is gone on with."""
        self._session.__exit__(None, None, None)
        ends = time.monotonic() + seconds
        with self.engine.jobs.serving("worker", leave_within=5.0):
            while self.engine.jobs.list([JobState.WAITING, JobState.RUNNING]):
                assert time.monotonic() < ends, self.engine.jobs.list()
                time.sleep(0.05)
        self._session = self.engine.jobs.session()
        assert self._session.__enter__()

    def policy(self, **settings: str) -> None:
        """Set keys of policy.toml (their values as TOML), and open anew."""
        file = self.home / "policy.toml"
        text = file.read_text(encoding="utf-8")
        for key, value in settings.items():
            text, found = re.subn(rf"^(# )?{re.escape(key)} = .*$", f"{key} = {value}", text, count=1, flags=re.MULTILINE)
            assert found, key
        file.write_text(text, encoding="utf-8")
        self.reopen()

    def collections(self, sections: str) -> None:
        """Put ``[collections.*]`` at the end of policy.toml, in the place of those that an earlier call put there, and open anew."""
        file = self.home / "policy.toml"
        file.write_text(file.read_text(encoding="utf-8").partition("\n[collections")[0] + sections, encoding="utf-8")
        self.reopen()

    def weights(self, **codes: str) -> None:
        """Weights of findings by code, with "_" for "-"."""
        file = self.home / "policy.toml"
        text = file.read_text(encoding="utf-8")
        lines = "".join(f'"{code.replace("_", "-")}" = "{weight}"\n' for code, weight in codes.items())
        start, head, rest = text.partition("[accept.weights]\n")
        assert head
        rest = re.sub(r'\A("[A-Z0-9-]+" = .*\n)*', "", rest)
        start = start.replace('duplicates = "warn"\n', "")  # a code may be given its weight in one place only
        file.write_text(start + head + lines + rest, encoding="utf-8")
        self.reopen()

    @property
    def catalog(self) -> Catalog:
        return self.engine.archive.catalog

    def tier(self, name: str) -> LocalTier:
        tier = self.engine.archive.tiers[name]
        assert isinstance(tier, LocalTier)
        return tier

    def deposit(
        self, *paths: Path, producer: str = PRODUCER, key: str | None = None, update: str | None = None, title: str | None = None
    ) -> Deposit:
        """Deposit packages; the last one's deposit."""
        return self.engine.deposits.submit(paths, producer=producer, key=key, update=update, title=title, progress=Silent())[-1]

    def audit(self, aip: str | None = None, tier: str | None = None) -> AuditReport:
        return self.engine.audits.run(everything=aip is None, aip=aip, tier=tier, progress=Silent())

    def repair(self, aip: str | None = None) -> RepairReport:
        return self.engine.copies.repair(aip, progress=Silent())

    def damages(self) -> dict[tuple[str, str], str]:
        """What the catalog knows to be damaged: (tier, path) → outcome."""
        return {(each.tier, each.path): each.outcome for each in self.catalog.copies.damages()}

    def states(self, aip: str) -> dict[str, str]:
        return {copy.tier: copy.state.value for copy in self.engine.holdings.show(aip).copies}

    def object(self, aip: str, tier: str) -> Path:
        """The folder of an AIP on a tier."""
        found = self.tier(tier)
        return Path(found._folder.object_root(aip))  # type: ignore[arg-type]

    def export(self, aip: str, name: str = "out", *, form: str = "submission", version: int | None = None) -> Path:
        target = self.folder / name
        if target.is_dir():
            shutil.rmtree(target)
        else:
            target.unlink(missing_ok=True)
        self.engine.holdings.export(aip, target, form=form, version=version, progress=Silent())
        return target

    def whole(self) -> None:
        """Every copy that counts is there and good, every tier a valid OCFL root, and nothing lies about."""
        for name in self.engine.archive.tiers:
            assert verified(self.home / "tiers" / name / "ocfl") == ("ocfl", [])
        report = self.audit()
        assert set(report.copies) <= {"good"}, report.damages
        assert not report.unavailable

    def lose_catalog(self) -> None:
        """The catalog, and the jobs that live in the same file, are gone; an empty one is made, as `kho catalog rebuild` does."""
        self.close()
        for file in self.home.glob("catalog.db*"):
            file.unlink()
        Catalog.create(Settings.load(self.home).database)
        opened = Engine.open(self.home, actor="user:test")
        opened.jobs.upgrade()
        opened.close()
        self.open()


def verified(path: Path, *, least: Weight = Weight.WARNING) -> tuple[str, list[str]]:
    """What `kho verify` says of ``path``: (format, findings that weigh at least so much)."""
    findings = Findings()
    kind = verify_path(path, findings, Silent())
    return kind, [f"{each.code} {each.path}" for each in findings if each.weight >= least]


def write_tree(top: Path, files: Mapping[str, bytes], *, modified: int = 1_600_000_000) -> Path:
    """Files by relative path; one that ends in "/" is an empty folder. All get the time ``modified``."""
    for name, data in files.items():
        path = top / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(data)
    for folder, folders, names in os.walk(top, topdown=False):
        for name in [*folders, *names]:
            os.utime(os.path.join(folder, name), (modified, modified), follow_symlinks=False)
    os.utime(top, (modified, modified))
    return top


def snapshot(top: Path, *, times: bool = True) -> dict[bytes, tuple[object, ...]]:
    """Everything below ``top`` by its name in bytes: kind, bytes of files, modification time in seconds."""
    found: dict[bytes, tuple[object, ...]] = {}
    root = os.fsencode(top)
    for folder, folders, names in os.walk(root):
        for name in [*folders, *names]:
            path = os.path.join(folder, name)
            status = os.lstat(path)
            kind = "folder" if name in folders else "file"
            data = None
            if kind == "file":
                with open(path, "rb") as stream:
                    data = stream.read()
            found[os.path.relpath(path, root)] = (kind, data, int(status.st_mtime) if times else None)
    return found
