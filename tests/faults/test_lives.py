"""Lives of archives: what officers, disks and years do to one, in any order. However it goes, as long as one good copy of each file is left
nothing of a record is lost: each version gives back what was handed in, damage is found as what it is, and nothing else is.
"""

from __future__ import annotations

import os
import random
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from repository.archive import Archive
from repository.ledger.keeper import keep_day
from repository.ledger.verifier import Verifier
from repository.model import Deposit, DepositState
from repository.progress import Silent
from storage.ocfl.objects import INVENTORY
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree
from tests.clocks import RunningClock
from tests.faults.test_flow_crashes import Remembering

START = datetime(2026, 3, 1, 9, tzinfo=UTC)

NAMES = (
    "a.txt",
    "Tờ trình số 01.txt",
    "sâu/hơn/b.xml",
    "sâu/c",
    "trống/",
    "không.txt",
    "%41.txt",
    "100%\n.txt",
    "e\u0301.txt",
    "É.TXT",
)
"""Names of files; a life takes some of them for each record."""

Tree = dict[str, bytes]


@dataclass
class Kept:
    """A record as it was handed in: what each version holds."""

    aip: str
    versions: list[Tree]
    source: Path


class Aging(ArchiveUnderTest):
    """An archive whose clock is moved."""

    def __init__(self, folder: Path, identifier: SharedIdentifier, clock: RunningClock) -> None:
        self.clock = clock
        super().__init__(folder, identifier)

    def adjusted(self, archive: Archive) -> Archive:
        return replace(archive, clock=self.clock)


@dataclass
class Life:
    """One life, drawn from ``chance``. ``hurt``: what was damaged and is not mended, (AIP, tier) → path → what an audit has to
    say; ``maybe``: what of it may be mended, for a new version is kept only where the files of the root are right. ``unread``: the catalog
    was made anew, and copies count when they were read. ``behind``: AIPs
    of which the catalog misses a version on a tier, or a copy."""

    folder: Path
    archive: Aging
    chance: random.Random
    records: list[Kept] = field(default_factory=list)
    hurt: dict[tuple[str, str], dict[str, str]] = field(default_factory=dict)
    maybe: set[tuple[str, str, str]] = field(default_factory=set)
    away: str = ""
    unread: bool = False
    behind: set[str] = field(default_factory=set)
    told: list[str] = field(default_factory=list)
    number: int = 0

    def step(self) -> None:
        """Whatever comes next."""
        deed = self.chance.choices(DEEDS, [weight for _, weight in WEIGHTED])[0]
        self.told.append(deed.__name__)
        deed(self)

    # --- what is handed in ------------------------------------------------------------------------------------------------

    def tree(self) -> Tree:
        chosen = self.chance.sample(NAMES, self.chance.randint(1, 5))
        return {name: b"" if name.endswith("/") else self.bytes() for name in chosen}

    def bytes(self) -> bytes:
        size = self.chance.choice((0, 1, 300, 5000))
        return b"%d " % self.chance.getrandbits(60) + self.chance.randbytes(size) if size else b""

    def write(self, tree: Tree) -> Path:
        self.number += 1
        return write_tree(self.folder / f"nộp {self.number}", tree)

    def deposit(self) -> None:
        tree = self.tree() | {"luôn có.txt": b"%d" % self.chance.getrandbits(60)}
        source = self.write(tree)
        handed = self.zipped(source) if self.chance.random() < 0.3 else source
        done = self.archive.deposit(handed, title="Hồ sơ")
        self.accepted(done)
        assert done.aip_id not in {each.aip for each in self.records}
        self.records.append(Kept(done.aip_id, [tree], handed))

    def zipped(self, source: Path) -> Path:
        target = source.with_name(f"{source.name}.zip")
        with zipfile.ZipFile(target, "w") as packed:
            for folder, folders, names in os.walk(source):
                for name in [*sorted(folders), *sorted(names)]:
                    path = Path(folder, name)
                    packed.write(path, path.relative_to(source))
        return target

    def update(self) -> None:
        if (record := self.any_record()) is None or not self.stored(record):
            return
        tree = dict(record.versions[-1])
        for name in self.chance.sample(sorted(tree), self.chance.randint(0, len(tree) - 1)):
            tree.pop(name)
        tree |= self.tree() | {"luôn có.txt": b"%d" % self.chance.getrandbits(60)}
        source = self.write(tree)
        for tier in ("a", "b"):
            self.maybe |= {(record.aip, tier, path) for path in self.hurt.get((record.aip, tier), ()) if "/" not in path}
        done = self.archive.deposit(source, update=record.aip)
        if done.state is DepositState.FAILED:  # nobody has now what it goes on from, or that is still on its way
            assert record.aip in self.behind, (done.error, self.told)
            return
        self.accepted(done)
        assert (done.aip_id, done.aip_version) == (record.aip, len(record.versions) + 1)
        record.versions.append(tree)
        record.source = source

    def again(self) -> None:
        """The same once more is the same record."""
        if (record := self.any_record()) is None or len(record.versions) > 1:
            return
        assert self.archive.deposit(record.source).aip_id == record.aip
        assert set(self.aips()) <= {each.aip for each in self.records}, self.told

    def accepted(self, done: Deposit) -> None:
        assert done.state in (DepositState.STORED, DepositState.ACCEPTED), (done.state, done.error, self.told)
        if done.state is DepositState.ACCEPTED:
            assert self.away or self.hurt or self.unread or done.aip_id in self.behind, (done.error, self.told)

    # --- what happens to disks --------------------------------------------------------------------------------------------

    def damage(self) -> None:
        """One file of one copy; of the other tier's copy of that record nothing is damaged, nor waits to be made."""
        tiers = [tier for tier in ("a", "b") if tier != self.away]
        tier, record = self.chance.choice(tiers), self.any_record()
        if record is None or self.away or not self.stored(record) or record.aip in self.behind:
            return
        if self.hurt.get((record.aip, other(tier))):
            return
        hurt = self.hurt.setdefault((record.aip, tier), {})
        top = self.archive.object(record.aip, tier)
        files = sorted(str(path.relative_to(top)) for path in top.rglob("*") if path.is_file())
        name = self.chance.choice(files)
        if name in hurt or (INVENTORY in name and "/" not in name):
            return  # what a root inventory that is gone or altered makes of the rest, other tests say
        hurt.update(self.chance.choice((flipped, cut, deleted, added))(top, name, self.chance))

    def lose(self) -> None:
        """A whole copy is gone, where the other one is good."""
        tier, record = self.chance.choice(("a", "b")), self.any_record()
        if record is None or self.away or not self.stored(record) or record.aip in self.behind:
            return
        if not self.hurt.get((record.aip, other(tier))):
            top = self.archive.object(record.aip, tier)
            shutil.rmtree(top)
            os.removedirs(top.parent)
            self.hurt.pop((record.aip, tier), None)
            self.behind.add(record.aip)

    def take_away(self) -> None:
        if not self.away:
            self.away = self.chance.choice(("a", "b"))
            os.rename(self.place(self.away), self.place(f"{self.away}.away"))

    def bring_back(self) -> None:
        if self.away:
            os.rename(self.place(f"{self.away}.away"), self.place(self.away))
            self.away = ""

    def place(self, tier: str) -> Path:
        return self.archive.home / "tiers" / tier

    # --- what is done about it --------------------------------------------------------------------------------------------

    def audit(self) -> None:
        report = self.archive.audit()
        assert set(report.unavailable) == ({self.away} if self.away else set())
        self.compare({(each.aip_id, each.tier, each.path): each.outcome for each in report.damages})
        assert report.strangers == [], (report.strangers, self.told)

    def compare(self, found: dict[tuple[str, str, str], str]) -> None:
        expected = {(*copy, path): outcome for copy, paths in self.hurt.items() for path, outcome in paths.items()}
        here = {key: outcome for key, outcome in expected.items() if key[1] != self.away}
        known = {key: outcome for key, outcome in found.items() if key[1] != self.away}
        lacking = {key: here[key] for key in here.keys() - known.keys() - self.maybe}
        more = {key: known[key] for key in known if known[key] != here.get(key) and key[0] not in self.behind}
        assert not lacking, (lacking, self.told)
        assert not more, (more, self.told)

    def repair(self) -> None:
        """An audit first: what nobody found, nobody mends."""
        self.audit()
        report = self.archive.repair()
        assert report.failed == [] or self.away, (report.failed, self.told)
        if self.away:  # what follows from rules, or what a copy has twice, needs no other copy
            self.maybe |= {(*copy, path) for copy, paths in self.hurt.items() if copy[1] != self.away for path in paths}
        else:
            self.hurt.clear()
            self.maybe.clear()
            self.behind.clear()
            self.audit()
            self.unread = False

    def export(self) -> None:
        """What is damaged is not handed out, and what is good is, wherever it lies; nobody needs to have found the damage."""
        if (record := self.any_record()) is None or not self.stored(record):
            return
        if self.away and (record.aip in self.behind or self.hurt.get((record.aip, other(self.away)))):
            return  # no good copy of it may be here
        number = self.chance.randint(1, len(record.versions))
        self.same(record, number)

    def same(self, record: Kept, number: int) -> None:
        out = self.archive.export(record.aip, version=number)
        wanted = write_tree(self.folder / "wanted", record.versions[number - 1])
        assert snapshot(out, times=False) == snapshot(wanted, times=False), self.told
        shutil.rmtree(wanted)

    def rebuild(self) -> None:
        """The catalog is lost, and made anew from the tiers."""
        if self.away:
            return
        self.behind |= {each.aip for each in self.records if not self.stored(each)}
        self.archive.lose_catalog()
        # One that is made anew tells of people by digests of its own: a backup of the one before does not take the days that this closes.
        (self.folder / "backup.db").unlink(missing_ok=True)
        self.archive.engine.catalog.rebuild(None, progress=Silent())
        assert sorted(self.aips()) == sorted(each.aip for each in self.records), self.told
        self.unread = True  # what an audit had found went with the catalog, too: the next one finds it anew

    def back_up(self) -> None:
        self.archive.close()
        shutil.copyfile(self.archive.home / "catalog.db", self.folder / "backup.db")  # closed, so that nothing is beside it
        self.archive.open()

    def restore(self) -> None:
        """The catalog of then, which takes in what came since."""
        if self.away or not (self.folder / "backup.db").exists():
            return
        self.behind |= {each.aip for each in self.records if not self.stored(each)}
        self.archive.close()
        for file in self.archive.home.glob("catalog.db*"):
            file.unlink()
        shutil.copyfile(self.folder / "backup.db", self.archive.home / "catalog.db")
        self.archive.open()
        self.archive.engine.catalog.rebuild(None, progress=Silent())
        assert sorted(self.aips()) == sorted(each.aip for each in self.records), self.told
        self.unread = True

    def reopen(self) -> None:
        self.archive.reopen()

    def days_go_by(self) -> None:
        self.archive.clock.advance(timedelta(days=self.chance.choice((1, 3, 40, 100))))
        self.archive.engine.ledger.update()

    # --- what is known ----------------------------------------------------------------------------------------------------

    def any_record(self) -> Kept | None:
        return self.chance.choice(self.records) if self.records else None

    def aips(self) -> list[str]:
        return [each.id for each in self.archive.engine.holdings.list(limit=1000).items]

    def stored(self, record: Kept) -> bool:
        """Whether its newest version is an AIP's."""
        return record.aip in self.aips() and self.archive.engine.holdings.show(record.aip).version == len(record.versions)

    def end(self) -> None:
        self.bring_back()
        self.repair()
        for state in (DepositState.ACCEPTED, DepositState.RECEIVED):
            assert [each.error for each in self.archive.engine.deposits.list(state=state).items] == [], self.told
        self.archive.whole()
        assert sorted(self.aips()) == sorted(each.aip for each in self.records), self.told
        for record in self.records:
            assert self.archive.states(record.aip) == {"a": "good", "b": "good"}
            for number in range(1, len(record.versions) + 1):
                self.same(record, number)
        self.ledger()

    def ledger(self) -> None:
        self.archive.clock.advance(timedelta(days=1))
        self.archive.engine.ledger.update()
        archive = self.archive.engine.archive
        for day in archive.catalog.days.between(1, 10_000):
            keep_day(archive, day)
        out = self.folder / "ledger"
        self.archive.engine.ledger.export(out)
        result = Verifier(str(out), [self.archive.engine.ledger.line()], None).run()
        assert result.found == [], (result.found, self.told)


def other(tier: str) -> str:
    return "b" if tier == "a" else "a"


def flipped(top: Path, name: str, chance: random.Random) -> dict[str, str]:
    data = bytearray(read_free(top / name))
    if not data:
        return {}
    data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    (top / name).write_bytes(data)
    return {name: "altered"}


def cut(top: Path, name: str, chance: random.Random) -> dict[str, str]:
    data = read_free(top / name)
    if not data:
        return {}
    (top / name).write_bytes(data[: chance.randrange(len(data))])
    return {name: "altered"}


def deleted(top: Path, name: str, chance: random.Random) -> dict[str, str]:
    (top / name).unlink()
    return {name: "missing"}


def added(top: Path, name: str, chance: random.Random) -> dict[str, str]:
    strange = f"{os.path.dirname(name)}/lạ {chance.randrange(10**6)}".lstrip("/")
    (top / strange).write_bytes(b"strange")
    return {strange: "extra"}


def read_free(path: Path) -> bytes:
    """The bytes of a file, which may be written from now on."""
    path.chmod(0o644)
    return path.read_bytes()


WEIGHTED: tuple[tuple[Callable[[Life], None], int], ...] = (
    (Life.deposit, 4),
    (Life.update, 4),
    (Life.again, 1),
    (Life.damage, 6),
    (Life.take_away, 1),
    (Life.bring_back, 2),
    (Life.audit, 2),
    (Life.repair, 2),
    (Life.export, 3),
    (Life.rebuild, 1),
    (Life.lose, 1),
    (Life.back_up, 1),
    (Life.restore, 1),
    (Life.reopen, 1),
    (Life.days_go_by, 2),
)

DEEDS = [deed for deed, _ in WEIGHTED]


@pytest.fixture(scope="module")
def remembering() -> Iterator[Remembering]:
    identifier = Remembering()
    yield identifier
    identifier.really_close()


def live(seed: int, steps: int, folder: Path, identifier: Remembering) -> None:
    archive = Aging(folder, identifier, RunningClock(START))
    try:
        life = Life(folder, archive, random.Random(seed))
        for _ in range(steps):
            life.step()
        life.end()
    finally:
        archive.close()


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_whatever_happens(seed: int, remembering: Remembering, tmp_path: Path) -> None:
    live(seed, 30, tmp_path, remembering)


@pytest.mark.proof
def test_nothing_is_lost_in_hundreds_of_lives(remembering: Remembering, tmp_path: Path) -> None:
    for seed in range(300):
        folder = tmp_path / str(seed)
        folder.mkdir()
        live(1_000 + seed, 40, folder, remembering)
        shutil.rmtree(folder)
