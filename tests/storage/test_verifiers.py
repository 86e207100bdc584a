"""Copies re-read by several processes: the same reports as in one, in order, whatever happens to a process."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from fixity.verify import FixityReport, Outcome
from storage.errors import Unavailable
from storage.ocfl.tier import LocalTier
from storage.tiers import keep_on
from storage.verifiers import BATCH, Check, Verifiers
from tests.storage.sealed import SealedObject, two_versions

OBJECTS = 4 * BATCH + 3


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> tuple[LocalTier, list[SealedObject]]:
    folder = tmp_path_factory.mktemp("verifiers")
    sealed = [two_versions(folder / f"spool{number}", f"urn:test:{number}") for number in range(OBJECTS)]
    tier = LocalTier.create(folder / "tier", "a")
    assert all(each.counts for each in keep_on(tier, [version for one in sealed for version in one.versions]))
    return tier, sealed


def reports(verifiers: Verifiers, asked: list[Check], progress: Callable[[int], None]) -> list[FixityReport]:
    found = [report for _, report in verifiers.verify(asked, progress)]
    assert all(isinstance(report, FixityReport) for report in found)
    return found  # type: ignore[return-value]


def quiet(count: int) -> None:
    return None


def checks(tier: LocalTier, sealed: list[SealedObject]) -> list[Check]:
    return [Check(tier, one.object_id, one.expected, "sha512") for one in sealed]


def test_the_reports_are_those_of_one_process_in_the_same_order(kept: tuple[LocalTier, list[SealedObject]]) -> None:
    tier, sealed = kept
    asked = checks(tier, sealed)
    damaged = tier._folder.object_root(sealed[7].object_id)
    inventory = Path(damaged, "inventory.json")
    before = inventory.read_bytes()
    inventory.chmod(0o644)
    inventory.write_bytes(before.replace(b"v1", b"v9", 1))
    verifiers = Verifiers(2)
    read: list[int] = []
    try:
        together = reports(verifiers, asked, read.append)
        assert all(helper._process is not None for helper in verifiers.helpers.all), "no process was at work"
    finally:
        verifiers.close()
        inventory.write_bytes(before)
    assert [number for number, report in enumerate(together) if not report.ok] == [7]
    assert len(together) == len(asked)
    assert together[3] == asked[3].run(quiet)
    assert sum(read) == sum(report.bytes_read for report in together)


def test_processes_that_were_started_before_are_those_that_are_asked(kept: tuple[LocalTier, list[SealedObject]]) -> None:
    tier, sealed = kept
    verifiers, alone = Verifiers(2), Verifiers(1)
    try:
        verifiers.start()
        started = [helper._process for helper in verifiers.helpers.all]
        assert None not in started
        verifiers.start()
        assert all(report.ok for report in reports(verifiers, checks(tier, sealed), quiet))
        assert [helper._process for helper in verifiers.helpers.all] == started
        alone.start()
        assert [helper._process for helper in alone.helpers.all] == [None], "a process that nobody would ask"
    finally:
        verifiers.close()
        alone.close()


def test_a_killed_process_is_started_again_and_nothing_is_lost(kept: tuple[LocalTier, list[SealedObject]]) -> None:
    tier, sealed = kept
    verifiers = Verifiers(2)
    killed: list[int] = []

    def kill(count: int) -> None:
        if not killed:
            process = verifiers.helpers.all[0]._process
            assert process is not None
            killed.append(process.pid)
            os.kill(process.pid, signal.SIGKILL)

    try:
        found = reports(verifiers, checks(tier, sealed), kill)
    finally:
        verifiers.close()
    assert killed
    assert all(report.ok for report in found)
    assert len(found) == OBJECTS


def test_what_kills_every_process_is_unreadable_and_never_good(
    kept: tuple[LocalTier, list[SealedObject]], monkeypatch: pytest.MonkeyPatch
) -> None:
    tier, sealed = kept
    monkeypatch.setattr(
        "storage.processes.START", "import os, sys; sys.stdin.buffer.read(1); os.kill(os.getpid(), 9)  # {path!r}"
    )
    verifiers = Verifiers(2)
    try:
        found = reports(verifiers, checks(tier, sealed), quiet)
    finally:
        verifiers.close()
    assert all(set(report.counts) == {Outcome.UNREADABLE} and not report.ok for report in found)


def test_a_tier_that_is_not_there_is_unavailable_and_progress_may_end_the_work(
    kept: tuple[LocalTier, list[SealedObject]], tmp_path: Path
) -> None:
    tier, sealed = kept
    gone = LocalTier(tmp_path / "gone", "b")
    verifiers = Verifiers(2)
    try:
        assert all(isinstance(found, Unavailable) for _, found in verifiers.verify(checks(gone, sealed), quiet))

        def stop(count: int) -> None:
            raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            list(verifiers.verify(checks(tier, sealed), stop))
        assert all(report.ok for report in reports(verifiers, checks(tier, sealed), quiet))
    finally:
        verifiers.close()
