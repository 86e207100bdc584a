"""A deposit dies, or its disk fails, at any call with which storage changes a medium, or between any two steps.

After a restart every object on every tier is there whole or not at all, no copy is counted that is not there, and handing the same
records in again ends with all of them stored.
"""

from __future__ import annotations

import errno
import itertools
import os
import random
import shutil
import traceback
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from formats.identify.identification import Identification
from formats.package.spool import Spool
from policies.findings import spoken
from repository import flows, workforce
from repository.copies import keep
from repository.deposits import ingest, settling
from repository.model import DepositState
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, verified, write_tree
from tests.faults.calls import Counter, Dies, Fails, through

FILES = {"a.txt": b"a" * 5000, "thư mục/b.txt": b"bb", "trống/": b""}
CHANGED = {**FILES, "a.txt": b"changed", "new.txt": b"new"}
SECOND = {"x": b"another"}


class Remembering(SharedIdentifier):
    """The answers of the real worker, remembered by name and content: each of the many deposits here is of the same few files, in a
    process that dies, and starting a worker in each would cost more than the deposit. Calls of storage are counted, not its calls."""

    def __init__(self) -> None:
        super().__init__()
        self._known: dict[tuple[str, bytes], Identification] = {}

    def identify(self, paths: Iterable[Path]) -> Iterator[tuple[Path, Identification]]:
        for path in paths:
            what = (path.name, path.read_bytes())
            if what not in self._known:
                ((_, self._known[what]),) = super().identify([path])
            yield path, self._known[what]


class Scene:
    """An archive with one AIP of one version; a deposit of its second version and of a new AIP are to come."""

    def __init__(self, folder: Path, identifier: Remembering) -> None:
        self.folder = folder
        self._identifier = identifier
        base = ArchiveUnderTest(folder / "base", identifier)
        self.source = write_tree(folder / "hồ sơ", FILES)
        self.aip = base.deposit(self.source).aip_id
        base.close()
        shutil.rmtree(self.source)
        write_tree(self.source, CHANGED)
        self.other = write_tree(folder / "khác", SECOND)
        self.runs = 0
        self.calls()  # so that every answer of identification is known

    def fresh(self) -> Path:
        """A copy of the archive."""
        self.runs += 1
        target = self.folder / f"run{self.runs}"
        shutil.copytree(self.folder / "base", target, symlinks=True)
        toml = target / "archive" / "kho.toml"
        toml.write_text(toml.read_text().replace(str(self.folder / "base"), str(target)))
        return target

    def open(self, folder: Path) -> ArchiveUnderTest:
        return ArchiveUnderTest(folder, self._identifier, create=False)

    def work(self, archive: ArchiveUnderTest) -> None:
        archive.deposit(self.source, update=self.aip)
        archive.deposit(self.other)

    def calls(self) -> int:
        counter = Counter()
        archive = self.open(self.fresh())
        with through(counter):
            self.work(archive)
        archive.close()
        return counter.count

    def child(
        self, folder: Path, prepare: Callable[[], None], hook: Counter, work: Callable[[ArchiveUnderTest], None] | None = None
    ) -> int:
        """Run the deposits (or other ``work``) in a process of their own; its exit code."""
        process = os.fork()
        if process:
            return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        try:
            prepare()
            archive = ArchiveUnderTest(folder, self._identifier, create=False)
            with through(hook):
                (work or self.work)(archive)
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)

    def check_after(self, folder: Path) -> None:
        """What must be true after a restart, before and after the same is deposited again."""
        archive = self.open(folder)
        try:
            for tier in "ab":
                assert verified(archive.home / "tiers" / tier / "ocfl") == ("ocfl", []), tier
            report = archive.audit()
            assert set(report.copies) <= {"good"}, report.damages
            for aip in archive.engine.holdings.list().items:
                assert set(archive.states(aip.id).values()) == {"good"}
            for deposit in archive.engine.deposits.list().items:
                if deposit.state is DepositState.STORED:
                    assert archive.engine.holdings.show(deposit.aip_id).version >= deposit.aip_version
            assert archive.repair().quarantined == 0
            self.work(archive)
            self.finish(archive)
            archive.whole()
            assert len(archive.engine.holdings.list().items) == 2
            assert archive.engine.holdings.show(self.aip).version == 2
            assert snapshot(archive.export(self.aip)) == snapshot(self.source)
            assert not list((archive.home / "spool").glob("*-*-*")), "spools left behind"
        finally:
            archive.close()
        shutil.rmtree(folder, ignore_errors=True)

    def finish(self, archive: ArchiveUnderTest) -> None:
        """The jobs of the dead are gone on with: every deposit that was begun is stored, or repeats one that is."""
        archive.serve_until_idle()
        for deposit in archive.engine.deposits.list().items:
            assert deposit.state in (DepositState.STORED, DepositState.REPEATED), deposit


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    folder = tmp_path_factory.mktemp("crashes")
    identifier = Remembering()
    yield Scene(folder, identifier)
    identifier.really_close()
    shutil.rmtree(folder)


def dies_at(scene: Scene, n: int) -> bool:
    """Whether call ``n`` was reached: how many there are differs a little from run to run (which batches share a commit)."""
    folder = scene.fresh()
    code = scene.child(folder, lambda: None, Dies(n))
    assert code in (0, 9), n
    scene.check_after(folder)
    return code == 9


ALWAYS = 0.9
"""The part of a run's calls that every run makes at least."""


def sample(scene: Scene, seed: str, count: int) -> list[int]:
    return sorted(random.Random(seed).sample(range(int(scene.calls() * ALWAYS)), count))


def test_killed_at_some_calls(scene: Scene) -> None:
    for n in sample(scene, "killed", 8):
        assert dies_at(scene, n), n


@pytest.mark.proof
def test_killed_at_every_call(scene: Scene) -> None:
    calls = scene.calls()
    last = next(n for n in itertools.count() if not dies_at(scene, n))
    assert last >= calls * ALWAYS


def _exit() -> None:
    os._exit(9)


def before(module: object, name: str) -> Callable[[], None]:
    return lambda: setattr(module, name, lambda *a, **k: _exit())


def after(module: object, name: str, *, count: int = 1) -> Callable[[], None]:
    real = getattr(module, name)
    done = 0

    def wrapped(*arguments: object, **more: object) -> object:
        nonlocal done
        result = real(*arguments, **more)
        done += 1
        if done == count:
            _exit()
        return result

    return lambda: setattr(module, name, wrapped)


def _between(kind: str) -> Callable[[], None]:
    from repository.spools import Spools

    return {
        "after the spool": after(ingest, "receive"),
        "before the seal": before(ingest, "_seal"),
        "after the seal": after(ingest, "_seal"),
        "after examining, before the verdict is known": before(settling, "settle"),
        "after accept": after(settling, "settle"),
        "before the first tier": before(workforce, "keep"),
        "after the first tier": after(workforce, "keep"),
        "after the second tier": after(workforce, "keep", count=2),
        "before register": before(flows, "register"),
        "in register": after(keep, "ledger_of"),
        "before spool removal": before(Spools, "remove"),
        "after register": after(flows, "register"),
    }[kind]


BETWEEN = (
    "after the spool",
    "before the seal",
    "after the seal",
    "after examining, before the verdict is known",
    "after accept",
    "before the first tier",
    "after the first tier",
    "after the second tier",
    "before register",
    "in register",
    "before spool removal",
    "after register",
)


@pytest.mark.parametrize("kind", BETWEEN)
def test_killed_between_steps(scene: Scene, kind: str) -> None:
    folder = scene.fresh()
    assert scene.child(folder, _between(kind), Counter()) == 9
    scene.check_after(folder)


class FailsOn(Fails):
    """Only calls on one tier count, and fail."""

    def __init__(self, n: int, number: int, tier: str, *, lasting: bool) -> None:
        super().__init__(n, number, lasting=lasting)
        self._tier = f"/tiers/{tier}/"
        self._open: dict[int, bool] = {}

    def __call__(self, name: str, arguments: tuple[object, ...], act: Callable[[], object]) -> object:
        first = arguments[0] if arguments else ""
        if isinstance(first, str):
            mine = self._tier in first + "/" or (len(arguments) > 1 and self._tier in f"{arguments[1]}/")
        else:
            mine = self._tier in os.readlink(f"/proc/self/fd/{first}") + "/"
        if not mine:
            return Counter()(name, arguments, act)
        return super().__call__(name, arguments, act)


def fails_at(scene: Scene, n: int, number: int, tier: str, *, lasting: bool) -> bool:
    """Whether the call was reached."""
    folder = scene.fresh()
    archive = scene.open(folder)
    hook = FailsOn(n, number, tier, lasting=lasting)
    try:
        with through(hook):
            scene.work(archive)
        for deposit in archive.engine.deposits.list().items:
            assert deposit.state in (DepositState.STORED, DepositState.ACCEPTED), deposit
            if deposit.state is DepositState.ACCEPTED:
                assert spoken(deposit.error).startswith("AIP-NOT-ENOUGH-COPIES"), deposit.error
                assert f"{tier}: " in spoken(deposit.error)
        for aip in archive.engine.holdings.list().items:
            assert set(archive.states(aip.id).values()) == {"good"}
    finally:
        archive.close()
    scene.check_after(folder)
    return bool(hook.failed)


@pytest.mark.parametrize("tier", ["a", "b"])
@pytest.mark.parametrize(("number", "lasting"), [(errno.ENOSPC, True), (errno.EIO, False)], ids=["ENOSPC", "EIO"])
def test_a_tier_fails_at_some_calls(scene: Scene, number: int, lasting: bool, tier: str) -> None:
    half = scene.calls() // 2
    reached = 0
    for tried, n in enumerate(random.Random(f"{number}{tier}").sample(range(half), min(half, 9)), 1):
        reached += fails_at(scene, n, number, tier, lasting=lasting)
        if reached and tried >= 3:  # which calls are the tier's depends on who comes first
            break
    assert reached


@pytest.mark.proof
@pytest.mark.parametrize("tier", ["a", "b"])
@pytest.mark.parametrize(("number", "lasting"), [(errno.ENOSPC, True), (errno.EIO, False)], ids=["ENOSPC", "EIO"])
def test_a_tier_fails_at_every_call(scene: Scene, number: int, lasting: bool, tier: str) -> None:
    n = 0
    while fails_at(scene, n, number, tier, lasting=lasting) or n < 10:
        n += 1


def test_killed_before_what_reuses_a_key_is_set_aside(scene: Scene) -> None:
    """The verdict is known, and the bytes are still in the spool. Their names were in the memory of the process that died."""
    folder = scene.fresh()
    archive = scene.open(folder)
    archive.deposit(scene.other, key="HS-1")
    archive.close()
    changed = write_tree(folder / "đổi", {"tên tệp.txt": b"changed"})

    def refused(archive: ArchiveUnderTest) -> None:
        archive.deposit(changed, key="HS-1")

    assert scene.child(folder, before(settling, "set_aside"), Counter(), refused) == 9
    archive = scene.open(folder)
    try:
        archive.serve_until_idle()
        (deposit,) = archive.engine.deposits.list(state=DepositState.REFUSED).items
        assert [each.code for each in deposit.findings] == ["DEP-KEY-REUSED"]
        with Spool(archive.home / "refused" / deposit.id) as spool:
            assert [each.name for each in spool.items()] == ["tên tệp.txt".encode()]
            assert spool.complete
    finally:
        archive.close()
    shutil.rmtree(folder)
