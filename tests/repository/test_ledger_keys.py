"""The keys that sign the ledger: what is said when there is none that can, and how an archive goes on when it is lost for good."""

from __future__ import annotations

import base64
import errno
import json
import os
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from catalog_builders import a_check
from ledger_scene import START

from policies.findings import KhoError
from repository.archive import Archive
from repository.attention.entries import attention
from repository.errors import LedgerBehind
from repository.ledger.days import time_of
from repository.ledger.events import ledger_of
from repository.ledger.keeper import close_days, export_days, keep_day, latest_line
from repository.ledger.keys import STATEMENTS, folder_of, lost_keys, report_lost, ring_of, rotate
from repository.ledger.verifier import KEY_LOST, REPORT_PREFIX, Verifier
from repository.progress import Silent
from signatures.signing_keys import SigningKey, SigningKeyError
from tests.builders_archive import ArchiveUnderTest
from tests.clocks import RunningClock
from tests.rights import ordinary_rights

DAY = timedelta(days=1)


def codes(rows: list[Any]) -> list[str]:
    return [row[0] for row in rows]


@pytest.fixture
def clocked(archive: ArchiveUnderTest) -> tuple[Archive, RunningClock]:
    clock = RunningClock(START)
    return replace(archive.engine.archive, clock=clock), clock


def a_day(archive: Archive, clock: RunningClock) -> None:
    ledger_of(archive).checked(replace(a_check(number, "a"), time=clock.now()) for number in range(2))
    clock.advance(DAY)
    closed = close_days(archive)
    assert closed is not None
    assert keep_day(archive, closed)


def key_file(archive: Archive) -> Path:
    return folder_of(archive) / f"{ring_of(archive).ids[-1][:16]}.pem"


def refused(archive: Archive, clock: RunningClock) -> str:
    """Why no day can be closed."""
    ledger_of(archive).checked([replace(a_check(1, "a"), time=clock.now())])
    clock.advance(DAY)
    with pytest.raises(SigningKeyError) as failed:
        close_days(archive)
    assert failed.value.code in {each.code for each in attention(archive)}
    return failed.value.code


def test_each_way_to_have_no_key_is_told_by_its_name(clocked: tuple[Archive, RunningClock]) -> None:
    archive, clock = clocked
    a_day(archive, clock)
    path = key_file(archive)
    good = path.read_bytes()
    path.unlink()
    assert refused(archive, clock) == "LED-KEY-GONE"
    path.write_bytes(b"no key")
    assert refused(archive, clock) == "LED-KEY-BROKEN"
    path.unlink()
    SigningKey.generate().save(path)
    assert refused(archive, clock) == "LED-KEY-OTHER"
    path.write_bytes(good)
    assert close_days(archive) is not None
    with pytest.raises(SigningKeyError) as failed:
        report_lost(archive, "it is not")
    assert failed.value.code == "LED-KEY-NOT-LOST"
    assert lost_keys(archive) == []


def test_statements_that_may_not_be_read_are_not_gone(clocked: tuple[Archive, RunningClock]) -> None:
    """The advice was to bring back tiers, all of which were there."""
    archive, clock = clocked
    a_day(archive, clock)
    told = archive.settings.home / "ledger" / "keys.ndjson"
    told.chmod(0o000)
    with ordinary_rights(), pytest.raises(SigningKeyError) as failed:
        ring_of(archive)
    told.chmod(0o600)
    assert failed.value.code == "LED-KEYS-DENIED"


def test_a_key_that_may_not_be_read_is_not_lost(clocked: tuple[Archive, RunningClock], monkeypatch: pytest.MonkeyPatch) -> None:
    archive, clock = clocked
    a_day(archive, clock)
    key = key_file(archive)
    monkeypatch.setattr(os, "access", lambda path, mode, **how: path != key)
    assert refused(archive, clock) == "LED-KEY-DENIED"
    with pytest.raises(SigningKeyError) as failed:
        report_lost(archive, "I cannot read it")
    assert failed.value.code == "LED-KEY-DENIED"


def test_a_loss_names_who_reported_it_and_why_where_it_can_be_erased(
    clocked: tuple[Archive, RunningClock], tmp_path: Path
) -> None:
    archive, clock = clocked
    a_day(archive, clock)
    key_file(archive).unlink()
    assert "ATT-KEY-LOST" not in {each.code for each in attention(archive)}
    identifier = report_lost(archive, "the disk of the safe broke")
    assert ring_of(archive).current.id == identifier
    assert "ATT-KEY-LOST" in {each.code for each in attention(archive)}
    (event,) = archive.catalog.events.newest(KEY_LOST, 9)
    note = archive.catalog.events.note(event.id)
    assert note is not None
    assert note[1] == {"by": archive.actor, "reason": "the disk of the safe broke"}
    a_day(archive, clock)
    (tmp_path / "out").mkdir()
    list(export_days(archive, tmp_path / "out", 1, 2))
    assert "disk of the safe" not in "".join(each.read_text() for each in (tmp_path / "out").rglob("events.ndjson"))
    verifier = Verifier(str(tmp_path / "out")).run()
    assert verifier.found == []
    assert "KEY-LOST" in codes(verifier.unproven)


def test_the_key_that_was_lost_never_comes_back(clocked: tuple[Archive, RunningClock], tmp_path: Path) -> None:
    archive, clock = clocked
    a_day(archive, clock)
    backup = tmp_path / "backup.pem"
    key_file(archive).rename(backup)
    with pytest.raises(SigningKeyError) as failed:
        report_lost(archive, "lost", SigningKey.load(backup))
    assert failed.value.code == "LED-KEY-USED"
    assert archive.catalog.events.newest(KEY_LOST, 9) == []
    report_lost(archive, "lost")
    with pytest.raises(SigningKeyError) as failed:
        rotate(archive, SigningKey.load(backup))
    assert failed.value.code == "LED-KEY-USED"


def test_a_loss_that_was_told_holds_though_the_home_comes_back_as_it_was(clocked: tuple[Archive, RunningClock]) -> None:
    archive, clock = clocked
    a_day(archive, clock)
    path, place = key_file(archive), folder_of(archive) / STATEMENTS
    key, known = path.read_bytes(), place.read_bytes()
    path.unlink()
    identifier = report_lost(archive, "lost")
    path.write_bytes(key)
    place.write_bytes(known)
    assert ring_of(archive).ids[-1] == identifier
    a_day(archive, clock)
    assert place.read_bytes().startswith(known)


def test_no_key_begins_where_the_tiers_hold_later_days(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    clock = RunningClock(START)
    running = replace(archive.engine.archive, clock=clock)
    a_day(running, clock)
    archive.close()
    shutil.copyfile(archive.home / "catalog.db", tmp_path / "older.db")
    archive.open()
    running = replace(archive.engine.archive, clock=clock)
    a_day(running, clock)
    archive.close()
    shutil.copyfile(tmp_path / "older.db", archive.home / "catalog.db")
    archive.open()
    running = replace(archive.engine.archive, clock=clock)
    key_file(running).unlink()
    with pytest.raises(LedgerBehind):
        report_lost(running, "lost")


def test_a_lost_home_goes_on_with_a_new_key(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    clock = RunningClock(START)
    running = replace(archive.engine.archive, clock=clock)
    for _ in range(3):
        a_day(running, clock)
    line = latest_line(running)
    shutil.rmtree(archive.home / "ledger")
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=Silent())
    running = replace(archive.engine.archive, clock=clock)
    assert refused(running, clock) == "LED-KEY-GONE"
    report_lost(running, "the home burned down")
    a_day(running, clock)
    (tmp_path / "out").mkdir()
    list(export_days(running, tmp_path / "out", 1, 4))
    verifier = Verifier(str(tmp_path / "out"), [line]).run()
    assert verifier.found == []
    assert ("WITNESSED", {"first": 1, "number": 3}) in verifier.proven


@pytest.mark.parametrize("known", [None, b"no statement\n", b"{}\n"])
def test_statements_of_keys_come_back_from_the_closed_days(clocked: tuple[Archive, RunningClock], known: bytes | None) -> None:
    archive, clock = clocked
    a_day(archive, clock)
    place = folder_of(archive) / STATEMENTS
    before = place.read_bytes()
    place.unlink()
    if known is not None:
        place.write_bytes(known)
    a_day(archive, clock)
    assert place.read_bytes() == before


def test_another_ledgers_keys_are_not_taken_for_ours(clocked: tuple[Archive, RunningClock]) -> None:
    archive, clock = clocked
    a_day(archive, clock)
    place = folder_of(archive) / STATEMENTS
    before = place.read_bytes()
    place.write_bytes(before.replace(b"archive", b"archivf"))
    assert ring_of(archive).statements == before
    for tier in archive.tiers.values():
        shutil.rmtree(tier.path / "ocfl")  # type: ignore[attr-defined]
    place.unlink()
    with pytest.raises(KhoError, match="closed days") as failed:
        ring_of(archive)
    assert failed.value.code == "LED-KEYS-GONE"


def test_a_report_that_a_new_key_signed_before_it_closed_a_day_is_believed(
    clocked: tuple[Archive, RunningClock], tmp_path: Path
) -> None:
    archive, clock = clocked
    a_day(archive, clock)
    for change in (lambda: rotate(archive), lambda: (key_file(archive).unlink(), report_lost(archive, "lost"))):
        change()
        out = tmp_path / str(len(ring_of(archive).ids))
        out.mkdir()
        list(export_days(archive, out, 1, 1))
        data = json.dumps(
            {
                "kho": 1,
                "scope": {},
                "period": {"from": time_of(START - DAY), "to": time_of(START - DAY)},
                "ledger": {"first": 1, "last": 1, "head": latest_line(archive), "lost_keys": []},
                "figures": {},
            }
        ).encode()
        ring = ring_of(archive)
        (out / "report.json").write_bytes(data)
        (out / "report.json.sig").write_bytes(base64.b64encode(ring.current.sign(REPORT_PREFIX + data)))
        assert codes(Verifier(str(out)).run().found) == ["REPORT-SIGNATURE"]
        (out / STATEMENTS).write_bytes(ring.statements)
        assert Verifier(str(out)).run().found == []
    assert "KEY-LOST" in codes(Verifier(str(out)).run().unproven)


def test_a_loss_is_not_reported_before_the_last_day_was_closed(clocked: tuple[Archive, RunningClock]) -> None:
    """A machine that came back with its clock behind: every verifier would take that statement for made up, for ever."""
    archive, clock = clocked
    a_day(archive, clock)
    key_file(archive).unlink()
    behind = replace(archive, clock=RunningClock(START - DAY))
    with pytest.raises(KhoError) as failed:
        report_lost(behind, "the machine burned")
    assert (failed.value.finding.code, list(archive.catalog.events.newest(KEY_LOST, 9))) == ("LED-CLOCK", [])
    report_lost(archive, "the machine burned")


def test_a_loss_that_was_reported_while_the_clock_was_ahead_costs_no_history(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """A rebuild takes the days behind it, and whoever has a head of them is told that a clock was wrong."""
    clock = RunningClock(START)
    running = replace(archive.engine.archive, clock=clock)
    a_day(running, clock)
    key_file(running).unlink()
    report_lost(
        replace(running, clock=RunningClock(START + 365 * DAY)), "the safe burned, and the battery of the clock was empty"
    )
    for _ in range(2):
        a_day(running, clock)
    line = latest_line(running)
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=Silent())
    running = replace(archive.engine.archive, clock=clock)
    assert latest_line(running) == line
    (tmp_path / "out").mkdir()
    list(export_days(running, tmp_path / "out", 1, 3))
    assert codes(Verifier(str(tmp_path / "out")).run().found) == ["KEY-LOST-TIME"]
    verifier = Verifier(str(tmp_path / "out"), [line]).run()
    assert (verifier.found, "KEY-LOST-CLOCK" in codes(verifier.unproven)) == ([], True)


def test_a_full_disk_leaves_no_half_of_a_key(clocked: tuple[Archive, RunningClock], monkeypatch: pytest.MonkeyPatch) -> None:
    archive, clock = clocked
    a_day(archive, clock)
    new, before, sync = SigningKey.generate(), {each.name for each in folder_of(archive).iterdir()}, os.fsync

    def full(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(SigningKeyError):
        rotate(archive, new)
    assert {each.name for each in folder_of(archive).iterdir()} == before
    monkeypatch.setattr(os, "fsync", sync)
    broken = folder_of(archive) / f"{new.id[:16]}.pem"
    broken.write_bytes(b"")  # as a Kho of before left it
    with pytest.raises(SigningKeyError):
        rotate(archive, new)
    broken.unlink()
    assert rotate(archive, new) == ring_of(archive).current.id == new.id
