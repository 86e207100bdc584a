"""Many deposits accepted by processes: what one process would have said, in the same order, whatever happens to a process."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies.findings import Verdict
from repository.accepting import POOL_FROM, Accepting
from repository.description import Extras
from repository.engine import Engine
from repository.model import Deposit, DepositState
from repository.progress import Silent
from tests.builders_archive import write_tree

COUNT = POOL_FROM + 3
DUPLICATE = COUNT - 1
BROKEN = 5

DYING = """
import os, sys
sys.path[:] = {path!r}
from repository import accepting
good = accepting.accept
def accept(archive, deposit, extra, progress):
    if deposit.label == "deposit 7":
        os.kill(os.getpid(), 9)
    return good(archive, deposit, extra, progress)
accepting.accept = accept
accepting.serve({lifeline})
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    engine = Engine.create(tmp_path / "home", tiers={"a": tmp_path / "a", "b": tmp_path / "b"})
    policy = tmp_path / "home" / "policy.toml"
    policy.write_text(policy.read_text(encoding="utf-8").replace("enabled = true", "enabled = false", 1), encoding="utf-8")
    engine.close()
    with Engine.open(tmp_path / "home", actor="user:test") as opened:
        yield opened


@pytest.fixture
def deposits(engine: Engine, tmp_path: Path) -> list[Deposit]:
    announced = []
    for number in range(COUNT):
        source = tmp_path / "in" / f"{number:02d}"
        if number != BROKEN:
            write_tree(source, {"a.txt": b"%d" % number, "b/cháu.txt": b"same in all"})
        now = datetime(2026, 1, 1, tzinfo=UTC)
        deposit = Deposit(
            f"0000000-{number:04d}",
            f"key {number}",
            "P",
            f"deposit {number}",
            str(source),
            DepositState.RECEIVED,
            now,
            now,
            "user:test",
        )
        engine.archive.catalog.deposits.add(deposit)
        announced.append(deposit)
    return announced


class Counted(Silent):
    done = 0

    def advance(self, amount: int) -> None:
        self.done += amount


def test_processes_accept_in_order_and_say_what_became_of_each(engine: Engine, deposits: list[Deposit]) -> None:
    accepting = Accepting(apart=True, cores=2)
    counted = Counted()
    try:
        outcomes = list(accepting.outcomes(engine.archive, deposits, Extras.of("", ""), counted))
        assert any(helper._process is not None for helper in accepting.helpers.all), "no process was at work"
    finally:
        accepting.close()
    assert [outcome.deposit.id for outcome in outcomes if outcome] == [deposit.id for deposit in deposits]
    states = [outcome.change["state"] for outcome in outcomes if outcome]
    assert states == [DepositState.FAILED if n == BROKEN else DepositState.ACCEPTED for n in range(COUNT)]
    assert {outcome.change["verdict"] for outcome in outcomes if outcome and "verdict" in outcome.change} == {Verdict.ACCEPT}
    assert counted.done == COUNT
    for n, deposit in enumerate(deposits):
        assert (engine.archive.spools.folder(deposit.id) / "sealed" / "inventory.json").exists() == (n != BROKEN)


def test_a_deposit_whose_process_dies_has_failed_and_no_other(
    engine: Engine, deposits: list[Deposit], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.processes.START", DYING)
    accepting = Accepting(apart=True, cores=2)
    try:
        outcomes = list(accepting.outcomes(engine.archive, deposits, Extras.of("", ""), Silent()))
    finally:
        accepting.close()
    failed = [n for n, outcome in enumerate(outcomes) if outcome and outcome.change["state"] is DepositState.FAILED]
    assert failed == [BROKEN, 7]


def test_processes_end_with_whoever_started_them(engine: Engine, deposits: list[Deposit]) -> None:
    accepting = Accepting(apart=True, cores=2)
    list(accepting.outcomes(engine.archive, deposits, Extras.of("", ""), Silent()))
    processes = [helper._process for helper in accepting.helpers.all if helper._process]
    assert processes
    for helper in accepting.helpers.all:
        if helper._lifeline >= 0:
            os.close(helper._lifeline)  # as the system does when a process is killed
            helper._lifeline = -1
    for process in processes:
        assert process.wait(30) == 1
    accepting.close()


def test_an_update_stays_in_this_process(engine: Engine, deposits: list[Deposit], monkeypatch: pytest.MonkeyPatch) -> None:
    accepting = Accepting(apart=True, cores=2)
    engine.archive.catalog.deposits.update(deposits[0].id, update_of="urn:uuid:none")
    updated = list(engine.archive.catalog.deposits.several([each.id for each in deposits]).values())
    try:
        outcomes = list(accepting.outcomes(engine.archive, updated, Extras.of("", ""), Silent()))
    finally:
        accepting.close()
    assert all(helper._process is None for helper in accepting.helpers.all)
    assert outcomes[0] is not None
    assert outcomes[0].change["state"] is DepositState.REFUSED


def test_interrupting_ends_the_processes(engine: Engine, deposits: list[Deposit]) -> None:
    class Stop(Silent):
        def advance(self, amount: int) -> None:
            if amount:
                raise KeyboardInterrupt

    accepting = Accepting(apart=True, cores=2)
    with pytest.raises(KeyboardInterrupt):
        list(accepting.outcomes(engine.archive, deposits, Extras.of("", ""), Stop()))
    accepting.close()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
