"""What is not finished is told, gone on with, and worked on by one step at a time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from repository import flow_names, flows, workforce
from repository.engine import Engine
from repository.jobs import JobState
from repository.model import Deposit, DepositState
from repository.progress import Silent
from repository.spools import Spools
from tests.builders_archive import PRODUCER, ArchiveUnderTest, snapshot, write_tree

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tree(tmp_path / "hồ sơ", {"a.txt": b"a", "b.txt": b"b"})


def broken_tier(archive: ArchiveUnderTest, source: Path) -> Deposit:
    """A deposit that is accepted and found no second tier."""
    tier = archive.home / "tiers" / "b"
    tier.rename(tier.with_name("away"))
    try:
        return archive.deposit(source)
    finally:
        tier.with_name("away").rename(tier)


def test_the_report_counts_deposits_that_are_short_of_copies(archive: ArchiveUnderTest, source: Path) -> None:
    assert (archive.engine.reports.fixity().waiting, archive.engine.reports.fixity().stuck) == (0, 0)
    deposit = broken_tier(archive, source)
    assert deposit.state is DepositState.ACCEPTED
    summary = archive.engine.reports.fixity()
    assert (summary.population, summary.waiting, summary.stuck) == (0, 1, 1)
    archive.catalog.deposits.update(deposit.id, error="", updated=archive.engine.archive.clock.now())
    summary = archive.engine.reports.fixity()
    assert (summary.waiting, summary.stuck) == (1, 0), "it is merely under way"
    archive.catalog.deposits.update(deposit.id, updated=archive.engine.archive.clock.now() - timedelta(hours=2))
    assert archive.engine.reports.fixity().stuck == 1
    archive.repair()
    summary = archive.engine.reports.fixity()
    assert (summary.population, summary.waiting, summary.stuck) == (1, 0, 0)


def kho(home: Path, *arguments: str | Path, wait: bool = True) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("KHO_")}
    environment |= {"KHO_LANG": "en", "KHO_HOME": str(home)}
    command = [sys.executable, "-m", "repository.cli", *map(str, arguments)]
    process = subprocess.Popen(command, env=environment, cwd=ROOT, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if wait:
        process.said = process.communicate(timeout=120)  # type: ignore[attr-defined]
    return process


def test_a_killed_deposit_is_gone_on_with_by_the_next_command(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """kill -9 in the middle of reading; the next `kho deposit` of something else ends with both stored."""
    archive.close()
    large = write_tree(tmp_path / "large", {f"{n:03}.bin": os.urandom(1 << 20) for n in range(150)})
    small = write_tree(tmp_path / "small", {"a.txt": b"a"})
    killed = kho(archive.home, "deposit", "--producer", PRODUCER, "--title", "Hồ sơ lớn", large, wait=False)
    ends = time.monotonic() + 60
    while not list((archive.home / "spool").glob("*/*")):
        assert time.monotonic() < ends
        assert killed.poll() is None
        time.sleep(0.01)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    next_one = kho(archive.home, "deposit", "--producer", PRODUCER, small)
    out, err = next_one.said  # type: ignore[attr-defined]
    assert next_one.returncode == 0, err
    assert "Going on with 1 interrupted deposit job" in err
    assert "small: stored" in out
    archive.open()
    states = {each.label: each for each in archive.engine.deposits.list().items}
    assert {each.state for each in states.values()} == {DepositState.STORED}
    aip = archive.engine.holdings.show(states["large"].aip_id)
    assert aip.title == "Hồ sơ lớn", "what the killed command was told is not forgotten"
    assert snapshot(archive.export(aip.id)) == snapshot(large)


def age(archive: ArchiveUnderTest, deposit: Deposit) -> None:
    archive.catalog.deposits.update(deposit.id, updated=archive.engine.archive.clock.now() - timedelta(hours=1))


@pytest.fixture
def idle(archive: ArchiveUnderTest) -> Iterator[Engine]:
    """The archive while nobody runs its jobs."""
    archive._session.__exit__(None, None, None)
    yield archive.engine
    archive._session = archive.engine.jobs.session()
    archive._session.__enter__()


def test_a_deposit_that_was_only_announced_says_so(archive: ArchiveUnderTest, idle: Engine, source: Path) -> None:
    (announced,) = idle.deposits.announce([source], producer=PRODUCER)
    assert idle.unfinished.adopt() == 0, "it may be that the command only just began"
    age(archive, announced)
    assert idle.unfinished.count() == 1
    assert idle.unfinished.adopt() == 1
    failed = idle.deposits.get(announced.id)
    assert failed.state is DepositState.FAILED
    assert [each.code for each in failed.findings] == ["DEP-NOT-BEGUN"]
    assert archive.deposit(source).state is DepositState.STORED


def test_a_released_deposit_whose_job_was_never_queued_is_adopted(archive: ArchiveUnderTest, source: Path) -> None:
    archive.weights(DEP_DUPLICATE_INSIDE="hold")
    (source / "c.txt").write_bytes(b"a")
    deposit = archive.deposit(source)
    assert deposit.state is DepositState.HELD
    archive._session.__exit__(None, None, None)
    archive.engine.deposits._decide(deposit.id, DepositState.SPOOLED, "seen")
    age(archive, deposit)
    assert (archive.engine.unfinished.adopt(), archive.engine.unfinished.jobs()) == (1, 1)
    assert archive.engine.unfinished.adopt() == 0, "a job names it now"
    assert archive.engine.unfinished.go_on(Silent()) == 1
    archive._session = archive.engine.jobs.session()
    archive._session.__enter__()
    assert archive.engine.deposits.get(deposit.id).state is DepositState.STORED
    archive.whole()


def test_nothing_is_taken_from_a_process_that_runs_jobs(archive: ArchiveUnderTest, source: Path) -> None:
    (announced,) = archive.engine.deposits.announce([source], producer=PRODUCER)
    age(archive, announced)
    other = Engine.open(archive.home, actor="user:other")
    try:
        assert (other.unfinished.adopt(), other.unfinished.jobs(), other.unfinished.count()) == (0, 0, 0)
        assert other.unfinished.go_on(Silent()) == 0
    finally:
        other.close()


def test_one_step_at_a_time_works_on_a_deposit(archive: ArchiveUnderTest, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handed in again while the upkeep keeps the same deposit: the steps take turns, and it is kept once a tier."""
    deposit = broken_tier(archive, source)
    inside, most, kept = 0, 0, []
    guard = threading.Lock()
    original = workforce.keep

    def slow(one: object, tier: str, ids: list[str], progress: object) -> dict[str, object]:
        nonlocal inside, most
        with guard:
            inside += 1
            most = max(most, inside)
        time.sleep(0.2)
        result = original(one, tier, ids, progress)  # type: ignore[arg-type]
        with guard:
            inside -= 1
            kept.append((tier, sorted(result)))
        return result

    monkeypatch.setattr(workforce, "keep", slow)
    jobs = archive.engine.jobs
    tiers = {"tiers": ["a", "b"]}
    threads = [threading.Thread(target=jobs.run, args=(flow_names.UPKEEP, f"upkeep-{n}", tiers)) for n in range(3)]
    for thread in threads:
        thread.start()
    again = archive.deposit(source)
    for thread in threads:
        thread.join()
    assert most == 1
    assert again.state is DepositState.REPEATED
    assert archive.engine.deposits.get(deposit.id).state is DepositState.STORED
    assert all(job.state is JobState.DONE for job in jobs.list(prefix="upkeep-"))
    archive.whole()


def test_a_step_that_waits_can_be_told_to_leave(tmp_path: Path) -> None:
    spools = Spools(tmp_path)

    def leave() -> None:
        raise InterruptedError

    with spools.claimed(["a", "b"], leave):
        with spools.claimed(["c"], leave):
            pass
        with pytest.raises(InterruptedError), spools.claimed(["b", "c"], leave):
            raise AssertionError
    with spools.claimed(["b", "c"], leave):
        pass


def test_a_job_that_fails_does_not_end_who_goes_on_with_it(archive: ArchiveUnderTest, source: Path) -> None:
    archive._session.__exit__(None, None, None)
    argument = flows.deposit_argument(replace(archive.engine.archive, actor="user:x"), ["no-such-deposit"])
    archive.engine.jobs.run(flow_names.DEPOSIT, "deposit:no-such", argument, wait=False)
    assert archive.engine.unfinished.go_on(Silent()) == 1
    archive._session = archive.engine.jobs.session()
    archive._session.__enter__()
