"""Many deposits accepted and kept by processes: what one process would have said, in the same order, whatever happens to a process."""

from __future__ import annotations

import hashlib
import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from policies.findings import Findings, Verdict
from repository.copies.keep import keep, register
from repository.deposits.description import Extras
from repository.deposits.settling import settle
from repository.engine import Engine
from repository.ledger.events import ledger_of
from repository.ledger.open_day import OpenPart, copy_open_day, open_files, read_part
from repository.model import Deposit, DepositState
from repository.progress import Silent
from repository.rebuilding import rebuild
from repository.rebuilding.believing import Known, Surveyed, read_in_turn
from repository.workforce import LINES_FROM, POOL_FROM, Workforce
from storage.errors import Unavailable
from storage.processes import START, Helpers
from storage.tier import ObjectVersion
from tests.builders_archive import engine_that_identifies_nothing, write_tree
from tests.rights import writable

COUNT = POOL_FROM + 3
DUPLICATE = COUNT - 1
BROKEN = 5

DYING = """
import os, sys
sys.path[:] = {path!r}
from repository import workforce
good = workforce.accept
def accept(archive, deposit, extra, progress):
    if deposit.label == "deposit 7":
        os.kill(os.getpid(), 9)
    return good(archive, deposit, extra, progress)
workforce.accept = accept
workforce.serve({lifeline})
"""

DYING_KEEPER = """
import os, sys
sys.path[:] = {path!r}
from repository import workforce
good = workforce.keep
def keep(archive, tier, ids, progress):
    if "0000000-0003" in ids:
        os.kill(os.getpid(), 9)
    return good(archive, tier, ids, progress)
workforce.keep = keep
workforce.serve({lifeline})
"""

DYING_READER = """
import os, sys
sys.path[:] = {path!r}
from repository import workforce
good = workforce.read_aip
def read_aip(archive, tiers, surveyed, *, most):
    if surveyed.aip_id == os.environ["DIES_AT"]:
        os.kill(os.getpid(), 9)
    return good(archive, tiers, surveyed, most=most)
workforce.read_aip = read_aip
workforce.serve({lifeline})
"""

DYING_SCRIBE = """
import os, sys
sys.path[:] = {path!r}
from repository import workforce
good = workforce.read_part
def read_part(part):
    if str(part.start) == os.environ["DIES_AT"]:
        os.kill(os.getpid(), 9)
    return good(part)
workforce.read_part = read_part
workforce.serve({lifeline})
"""

DYING_LOOKER = """
import os, sys
sys.path[:] = {path!r}
from repository import workforce
good = workforce.LocalTier.versions_in
def versions_in(self, folders):
    if folders == [os.environ["DIES_AT"]]:
        os.kill(os.getpid(), 9)
    return good(self, folders)
workforce.LocalTier.versions_in = versions_in
workforce.serve({lifeline})
"""

NARROW = """
import sys; sys.path[:] = {path!r}
from repository import workforce; workforce.ROWS_HELD = 3
"""


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[Engine]:
    with engine_that_identifies_nothing(tmp_path) as opened:
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
    workforce = Workforce(apart=True, cores=2)
    counted = Counted()
    try:
        outcomes = list(workforce.outcomes(engine.archive, deposits, Extras.of("", ""), counted))
        assert any(helper._process is not None for helper in workforce.helpers.all), "no process was at work"
    finally:
        workforce.close()
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
    workforce = Workforce(apart=True, cores=2)
    try:
        outcomes = list(workforce.outcomes(engine.archive, deposits, Extras.of("", ""), Silent()))
    finally:
        workforce.close()
    failed = [n for n, outcome in enumerate(outcomes) if outcome and outcome.change["state"] is DepositState.FAILED]
    assert failed == [BROKEN, 7]


def test_processes_end_with_whoever_started_them(engine: Engine, deposits: list[Deposit]) -> None:
    workforce = Workforce(apart=True, cores=2)
    list(workforce.outcomes(engine.archive, deposits, Extras.of("", ""), Silent()))
    processes = [helper._process for helper in workforce.helpers.all if helper._process]
    assert processes
    for helper in workforce.helpers.all:
        if helper._lifeline >= 0:
            os.close(helper._lifeline)  # as the system does when a process is killed
            helper._lifeline = -1
    for process in processes:
        assert process.wait(30) == 1
    workforce.close()


def test_an_update_stays_in_this_process(engine: Engine, deposits: list[Deposit], monkeypatch: pytest.MonkeyPatch) -> None:
    workforce = Workforce(apart=True, cores=2)
    engine.archive.catalog.deposits.update(deposits[0].id, update_of="urn:uuid:none")
    updated = list(engine.archive.catalog.deposits.several([each.id for each in deposits]).values())
    try:
        outcomes = list(workforce.outcomes(engine.archive, updated, Extras.of("", ""), Silent()))
    finally:
        workforce.close()
    assert all(helper._process is None for helper in workforce.helpers.all)
    assert outcomes[0] is not None
    assert outcomes[0].change["state"] is DepositState.REFUSED


def test_interrupting_ends_the_processes(engine: Engine, deposits: list[Deposit]) -> None:
    class Stop(Silent):
        def advance(self, amount: int) -> None:
            if amount:
                raise KeyboardInterrupt

    workforce = Workforce(apart=True, cores=2)
    with pytest.raises(KeyboardInterrupt):
        list(workforce.outcomes(engine.archive, deposits, Extras.of("", ""), Stop()))
    workforce.close()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.fixture
def accepted(engine: Engine, deposits: list[Deposit]) -> list[str]:
    """The ids of sealed deposits, made known."""
    outcomes = Workforce().outcomes(engine.archive, deposits, Extras.of("", ""), Silent())
    settled = settle(engine.archive, [outcome for outcome in outcomes if outcome])
    return [deposit.id for deposit in settled if deposit.state is DepositState.ACCEPTED]


def test_processes_keep_as_one_process_does(engine: Engine, accepted: list[str]) -> None:
    workforce = Workforce(apart=True, cores=2)
    counted = Counted()
    try:
        apart = workforce.kept(engine.archive, "a", accepted, counted)
        assert any(helper._process is not None for helper in workforce.helpers.all), "no process was at work"
    finally:
        workforce.close()
    here = keep(engine.archive, "b", accepted, Silent())
    assert list(apart) == accepted
    assert apart == here
    assert all(result["ok"] for result in apart.values())
    assert counted.done == sum(result["bytes"] for result in apart.values())
    assert sorted(register(engine.archive, accepted, {"a": apart, "b": here})) == sorted(accepted)


def test_a_deposit_whose_keeper_dies_is_no_copy_and_all_others_are(
    engine: Engine, accepted: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.processes.START", DYING_KEEPER)
    workforce = Workforce(apart=True, cores=2)
    try:
        kept = workforce.kept(engine.archive, "a", accepted, Silent())
    finally:
        workforce.close()
    bad = [deposit_id for deposit_id, result in kept.items() if not result["ok"]]
    assert bad == ["0000000-0003"]
    assert list(kept) == accepted
    again = keep(engine.archive, "a", bad, Silent())
    assert again["0000000-0003"]["ok"]


def test_a_tier_that_is_not_there_fails_its_part_from_processes_too(engine: Engine, accepted: list[str], tmp_path: Path) -> None:
    (tmp_path / "a").rename(tmp_path / "away")
    workforce = Workforce(apart=True, cores=2)
    try:
        kept = workforce.kept(engine.archive, "a", accepted, Silent())
    finally:
        workforce.close()
    assert not any(result["ok"] for result in kept.values())
    here = keep(engine.archive, "a", accepted, Silent())
    assert kept == here, "what is said of it is the same"


def test_few_are_kept_here(engine: Engine, accepted: list[str]) -> None:
    workforce = Workforce(apart=True, cores=2)
    kept = workforce.kept(engine.archive, "a", accepted[:3], Silent())
    assert all(helper._process is None for helper in workforce.helpers.all)
    assert [result["ok"] for result in kept.values()] == [True] * 3
    workforce.close()


@pytest.fixture
def surveyed(engine: Engine, accepted: list[str]) -> list[Surveyed]:
    """AIPs on both tiers, one of them altered on b so that nobody can tell which is right."""
    kept = {tier: keep(engine.archive, tier, accepted, Silent()) for tier in ("a", "b")}
    register(engine.archive, accepted, kept)
    tiers = engine.archive.tiers
    altered = next(tiers["b"].versions())
    path = Path(tiers["b"].path) / "ocfl" / altered.place  # type: ignore[attr-defined]
    for name in ("inventory.json", "v1/inventory.json"):
        writable(path / name).write_bytes((path / name).read_bytes() + b"\n")
    sidecar = hashlib.sha512((path / "inventory.json").read_bytes()).hexdigest() + " inventory.json\n"
    for name in ("inventory.json.sha512", "v1/inventory.json.sha512"):
        writable(path / name).write_text(sidecar, encoding="ascii")
    return list(rebuild._surveyed(engine.archive, tiers, rebuild._survey(engine.archive, tiers, Findings(), Silent())))


def told(known: Known) -> object:
    """All that one AIP gives to the catalog."""
    rows = [(each.aip, each.version, list(each.files), each.copies) for each in known.registrations]
    return known.aip_id, [each.as_json() for each in known.findings], rows, list(known.events), known.deposits, known.files


def test_processes_read_aips_as_one_process_does(engine: Engine, surveyed: list[Surveyed]) -> None:
    here = list(map(told, read_in_turn(engine.archive, engine.archive.tiers, surveyed)))
    workforce = Workforce(apart=True, cores=2)
    try:
        apart = list(map(told, workforce.read(engine.archive, engine.archive.tiers, iter(surveyed))))
        assert any(helper._process is not None for helper in workforce.helpers.all), "no process was at work"
    finally:
        workforce.close()
    assert apart == here
    assert len(here) >= POOL_FROM
    assert [len(findings) for _, findings, *_ in here].count(0) == len(here) - 1, "one of them is not believed"  # type: ignore[misc]


def test_aips_too_large_to_be_sent_are_read_here(
    engine: Engine, surveyed: list[Surveyed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.processes.START", NARROW + START)
    workforce = Workforce(apart=True, cores=2)
    try:
        known = list(workforce.read(engine.archive, engine.archive.tiers, surveyed))
    finally:
        workforce.close()
    assert [each.aip_id for each in known] == [each.aip_id for each in surveyed]
    assert [bool(each.registrations) for each in known].count(False) == 1
    assert all(each.stored for each in known if each.registrations), "read in this process, which still has them open"
    for each in known:
        each.close()


def test_an_aip_whose_reader_dies_is_told_of_and_all_others_are_read(
    engine: Engine, surveyed: list[Surveyed], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.processes.START", DYING_READER)
    monkeypatch.setenv("DIES_AT", surveyed[5].aip_id)
    workforce = Workforce(apart=True, cores=2)
    try:
        known = list(workforce.read(engine.archive, engine.archive.tiers, surveyed))
    finally:
        workforce.close()
    unread = [each.aip_id for each in known if "AIP-UNREADABLE" in each.findings.counts]
    assert unread == [surveyed[5].aip_id]
    assert len([each for each in known if each.registrations]) >= len(surveyed) - 2


def test_a_tier_that_goes_away_ends_the_reading(engine: Engine, surveyed: list[Surveyed], tmp_path: Path) -> None:
    (tmp_path / "a").rename(tmp_path / "away")
    (tmp_path / "b").rename(tmp_path / "away too")
    workforce = Workforce(apart=True, cores=2)
    try:
        with pytest.raises(Unavailable) as apart:
            list(workforce.read(engine.archive, engine.archive.tiers, surveyed))
    finally:
        workforce.close()
    with pytest.raises(Unavailable) as here:
        list(read_in_turn(engine.archive, engine.archive.tiers, surveyed))
    assert apart.value.finding == here.value.finding


@pytest.fixture
def looking(monkeypatch: pytest.MonkeyPatch) -> Iterator[Workforce]:
    monkeypatch.setattr("repository.workforce.LOOK_FROM", 2)
    monkeypatch.setattr("repository.workforce.LOOK", 3)
    workforce = Workforce(apart=True, cores=2)
    yield workforce
    workforce.close()


@pytest.mark.parametrize("dies", [False, True])
def test_processes_look_through_a_tier_as_one_process_does(
    engine: Engine, surveyed: list[Surveyed], looking: Workforce, monkeypatch: pytest.MonkeyPatch, dies: bool
) -> None:
    tier = engine.archive.tiers["a"]
    (Path(tier.path) / "ocfl" / "a file").write_bytes(b"")  # type: ignore[attr-defined]
    strange = Path(tier.path) / "ocfl" / next(tier.versions()).place / "inventory.json"  # type: ignore[attr-defined]
    strange.unlink()
    here = list(tier.versions())
    if dies:
        monkeypatch.setattr("storage.processes.START", DYING_LOOKER)
        monkeypatch.setenv("DIES_AT", here[4].place.partition("/")[0])
    apart = list(looking.versions(engine.archive, tier))
    assert any(helper._process is not None for helper in looking.helpers.all), "no process was at work"

    def told(found: ObjectVersion) -> object:
        return found.object_id, found.number, found.inventory_sha512, found.place, found.problem and found.problem.finding

    assert list(map(told, apart)) == list(map(told, here))
    assert len(here) >= POOL_FROM
    assert sum(each.problem is not None for each in here) == 1


def test_a_tier_that_goes_away_ends_the_looking(
    engine: Engine, surveyed: list[Surveyed], looking: Workforce, tmp_path: Path
) -> None:
    tier = engine.archive.tiers["a"]
    folders = tier.folders()  # type: ignore[attr-defined]
    (tmp_path / "a/kho-tier.json").rename(tmp_path / "away")
    with pytest.raises(Unavailable):
        list(looking.versions(engine.archive, tier))
    (tmp_path / "away").rename(tmp_path / "a/kho-tier.json")
    found = looking.versions(engine.archive, tier)
    next(found)
    (tmp_path / "a/kho-tier.json").rename(tmp_path / "away")
    assert len(folders) > 2
    with pytest.raises(Unavailable):
        list(found)


def test_processes_that_were_started_before_are_the_workforce(engine: Engine, surveyed: list[Surveyed]) -> None:
    helpers = Helpers("repository.workforce:serve", 2)
    helpers.start()
    started = [helper._process for helper in helpers.all]
    assert all(process is not None and process.poll() is None for process in started)
    workforce = Workforce(apart=True, helpers=helpers)
    try:
        assert len(list(workforce.read(engine.archive, engine.archive.tiers, surveyed))) == len(surveyed)
        assert [helper._process for helper in helpers.all] == started
    finally:
        workforce.close()
    assert all(process is not None and process.poll() is not None for process in started)


@pytest.fixture
def lines(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> list[OpenPart]:
    """An open day in parts; one of its lines is altered."""
    monkeypatch.setattr("repository.ledger.open_day.PART_BYTES", 500)
    ledger = ledger_of(engine.archive)
    ledger.append(ledger.event("fixity check", "success") for _ in range(4 * LINES_FROM))
    copy_open_day(engine.archive)
    (file,) = open_files(engine.archive.tiers["a"])
    file.path.write_bytes(file.path.read_bytes().replace(b'"success"', b'"sucCess"', 1))
    return file.parts()


def test_processes_read_an_open_day_as_one_process_does(engine: Engine, lines: list[OpenPart]) -> None:
    workforce = Workforce(apart=True, cores=2)
    try:
        apart = list(workforce.lines(engine.archive, lines))
        assert any(helper._process is not None for helper in workforce.helpers.all), "no process was at work"
    finally:
        workforce.close()
    assert apart == list(map(read_part, lines))
    assert len(lines) >= LINES_FROM
    assert sum(each.altered for each in apart) == 1
    assert sum(len(each.rows) for each in apart) == 4 * LINES_FROM - 1


def test_lines_whose_reader_dies_are_told_of_and_all_others_are_read(
    engine: Engine, lines: list[OpenPart], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("storage.processes.START", DYING_SCRIBE)
    monkeypatch.setenv("DIES_AT", str(lines[3].start))
    workforce = Workforce(apart=True, cores=2)
    try:
        read = list(workforce.lines(engine.archive, lines))
    finally:
        workforce.close()
    assert [bool(each.unread) for each in read] == [number == 3 for number in range(len(lines))]
