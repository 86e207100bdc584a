"""Cartridges that are out of the library, whole flows: what is wanted of them waits, is told of, and goes on by itself when they
are back."""

from __future__ import annotations

import os
import random
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_flow_cold import delayed, next_look, serve, waits
from test_flow_tape import ONE, TWO, TapeArchive, deposit, package
from test_migration import BMP

from policies.findings import spoken
from repository import recalls
from repository.archive import Archive
from repository.checks.audit import AuditReport
from repository.errors import BeingBrought
from repository.flow_names import AUDIT
from repository.progress import Silent
from repository.recalls import waited_for
from storage.tape.changer import Kind
from storage.tape.rows import VolumeState
from tests.builders_archive import SharedIdentifier, snapshot, write_tree
from tests.clocks import RunningClock
from tests.formats import documents
from tests.storage.tape.target import needs_target, running

pytestmark = needs_target

VAULT = "hầm 2, giá 14"


class ArchiveInTime(TapeArchive):
    """Its clock stands still until it is moved."""

    def adjusted(self, archive: Archive) -> Archive:
        self.clock = getattr(self, "clock", None) or RunningClock(datetime.now(UTC))
        return replace(archive, clock=self.clock)

    def audit(self, **scope: Any) -> Any:
        self.clock.advance(timedelta(hours=1))
        return super().audit(**scope)


@dataclass
class Vault:
    """An archive with "t" on two cartridges: the first in a vault, with one record; the second in the library."""

    archive: ArchiveInTime
    first: str
    second: str
    source: Path

    def lose_disk(self, aip: str) -> None:
        shutil.rmtree(self.archive.object(aip, "a"))

    def bring(self) -> None:
        """What `kho tape import` does."""
        self.archive.engine.tapes.carry(ONE, "import")


@pytest.fixture
def vault(tmp_path: Path, identifier: SharedIdentifier, monkeypatch: pytest.MonkeyPatch) -> Iterator[Vault]:
    monkeypatch.setattr(recalls, "LOOK_EVERY", 3600.0)
    with running({ONE: 128, TWO: 128}) as target:
        archive = ArchiveInTime(tmp_path, identifier, target)
        deposits = archive.engine.deposits.submit([source(tmp_path)], producer="Sở Nội vụ", progress=Silent())
        first = deposits[0].aip_id
        with archive.tape.shelf() as shelf:
            shelf.register.change_volume(ONE, state=VolumeState.FULL)
        archive.engine.tapes.label(TWO, tier="t", capacity=0, made="", years=0)
        (second,) = deposit(archive, tmp_path, 2)
        archive.engine.tapes.carry(ONE, "export", VAULT)
        yield Vault(archive, first, second, source(tmp_path / "again"))
        archive.close()


def source(folder: Path) -> Path:
    made = package(folder, 1)
    documents.picture(made / "ảnh.bmp", (64, 48))
    os.utime(made / "ảnh.bmp", (1_600_000_000, 1_600_000_000))
    return made


def told(archive: TapeArchive) -> list[tuple[str, object, str]]:
    found = [each for each in archive.engine.overview.attention() if each.code == "ATT-MEDIUM-AWAY"]
    return [(each.path, each.args["copies"], each.text("vi")) for each in found]


def test_an_audit_counts_what_is_in_a_vault_as_not_looked_at_and_reads_it_when_it_is_back(vault: Vault) -> None:
    archive = vault.archive
    report = archive.audit()
    assert (dict(report.copies), report.damages) == ({"good": 3}, [])
    assert report.not_looked == {f"t/{ONE}": 1}
    assert list(report.unavailable) == [f"t/{ONE}"]
    assert "mail slot" in spoken(report.unavailable[f"t/{ONE}"], "en")
    assert waits(archive) == [("t", "audit", 1)]
    ((path, copies, words),) = told(archive)
    assert (path, copies) == (f"t/{ONE}", 1)
    assert VAULT in words
    assert f"kho tape import {ONE}" in next(
        each.todo("vi") for each in archive.engine.overview.attention() if each.code == "ATT-MEDIUM-AWAY"
    )
    archive.audit()
    assert waits(archive) == [("t", "audit", 1)], "it is asked for once"
    serve(archive)  # the first look
    archive.reopen()  # the row needs no process to live
    assert waits(archive) == [("t", "audit", 1)]
    assert len(delayed(archive)) == 1
    back = archive.clock.advance(timedelta(hours=5))
    vault.bring()
    serve(archive)  # nobody changes a clock: the import lets it begin
    assert waits(archive) == told(archive) == []
    (checked,) = (copy for copy in archive.catalog.copies.of(vault.first) if copy.tier == "t")
    assert checked.last_check is not None
    assert back <= checked.last_check <= archive.clock.told
    assert archive.state(vault.first) == {"a": "good", "t": "good"}


def test_a_planned_audit_passes_over_the_cartridge_that_is_waited_for_and_over_no_other(
    vault: Vault, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repository.checks.audit.MEDIUM_COPIES", 1)  # what is away fills all that is looked at at first
    archive = vault.archive
    archive.audit()
    serve(archive)
    archive.clock.advance(timedelta(days=400))
    planned = {"everything": False, "aip": "", "tier": "t", "actor": ""}
    done = archive.engine.jobs.run(AUDIT, "due", planned)
    report = AuditReport()
    report.merge({**done, "cold": []})
    assert (dict(report.copies), report.unavailable) == ({"good": 1}, {})
    assert spoken(report.postponed[f"t/{ONE}"], "en").startswith("1 copies have waited for this cartridge since")
    assert waits(archive) == [("t", "audit", 1)]


def test_what_lies_partly_in_a_vault_waits_as_a_whole_and_is_not_asked_for_without_end(vault: Vault, tmp_path: Path) -> None:
    """Version 1 on the cartridge that is out, version 2 on the one that is here."""
    archive = vault.archive
    newer = write_tree(tmp_path / "mới", {"mới.bin": random.Random(9).randbytes(3_000)})
    archive.policy(need="1")
    archive.engine.deposits.submit([newer], producer="Sở Nội vụ", update=vault.first, progress=Silent())
    archive.repair()
    assert archive.tape.locality(vault.first)[0] == TWO  # type: ignore[arg-type]
    report = archive.audit(tier="t")
    assert report.not_looked == {f"t/{ONE}": 1}
    assert dict(report.copies) == {"good": 1}
    vault.bring()
    serve(archive)
    assert archive.state(vault.first) == {"a": "good", "t": "good"}


def test_repair_and_handing_out_wait_for_the_only_good_copy_in_a_vault(vault: Vault) -> None:
    archive = vault.archive
    vault.lose_disk(vault.first)
    archive.audit(tier="a")
    with pytest.raises(BeingBrought, match=f"t/{ONE}.*{VAULT}"):
        archive.export(vault.first)
    with pytest.raises(BeingBrought):
        archive.export(vault.first)
    repaired = archive.repair()
    assert (dict(repaired.waiting), repaired.unavailable) == ({"t": 1}, {})
    assert repaired.failed  # what only the cartridge has
    archive.repair()
    assert sorted(waits(archive)) == [("t", "export", 1), ("t", "repair", 1)], "each is asked for once"
    ((path, copies, words),) = told(archive)
    assert (path, copies) == (f"t/{ONE}", 1), "one entry a cartridge, whatever it is wanted for"
    assert "để: khai thác, khôi phục" in words
    serve(archive)
    assert len(delayed(archive)) == 2
    vault.bring()
    serve(archive)
    assert waits(archive) == []
    assert archive.damages() == {}
    assert archive.state(vault.first) == {"a": "good", "t": "good"}
    assert snapshot(archive.export(vault.first)) == snapshot(vault.source)


def test_a_cartridge_that_comes_back_without_a_word_is_found_by_the_next_look(vault: Vault) -> None:
    archive = vault.archive
    archive.audit()
    serve(archive)
    with archive.tape.shelf() as shelf:  # by the library's own panel
        here = shelf.library.take_out(ONE)
        shelf.library.changer.move(here.address, shelf.library.changer.free(Kind.SLOT).address)
    serve(archive)
    assert waits(archive) == [("t", "audit", 1)], "the half hour is not over"
    next_look(archive)
    assert waits(archive) == []


def test_a_campaign_waits_for_the_cartridge_and_goes_on_by_itself(vault: Vault) -> None:
    archive = vault.archive
    vault.lose_disk(vault.first)
    ended = archive.engine.campaigns.run("picture-tiff", puids=BMP, seconds=120, progress=Silent())
    assert ended["counts"] == {"awaited": 1}
    assert waits(archive) == [("t", "migrate", 1)]
    assert [(path, copies) for path, copies, _ in told(archive)] == [(f"t/{ONE}", 1)]
    serve(archive)
    archive.policy(need="1")
    vault.bring()
    serve(archive)
    assert waits(archive) == []
    assert [each.path for each in archive.engine.holdings.files(vault.first) if each.path.endswith(".tif")] == [
        "representations/rep1.picture-tiff.v2/data/ảnh.bmp.tif"
    ]
    assert archive.engine.campaigns.report(ended["campaign"]).state == "done"


def test_looks_become_rare_and_leave_no_trail_when_a_cartridge_stays_away_for_long(vault: Vault) -> None:
    archive = vault.archive
    archive.audit()
    for _ in range(recalls.LOOKS_KEPT + 3):
        next_look(archive)
    ids = {job.id.rpartition(":")[2] for job in archive.engine.jobs.list(prefix="recall:")}
    assert ids == {"0", *(str(recalls.LOOKS_KEPT + each) for each in (1, 2, 3))}
    (wait,) = waited_for(archive.engine.jobs)
    argument = {**wait.as_json(), "round": recalls.PATIENT_AFTER, "actor": ""}
    recalls.look_again(archive.engine.archive, archive.engine.jobs, "recall:x:t:0:100", argument, wait.aips)
    (row,) = archive.engine.jobs._client.dbos.list_workflows(workflow_ids=["recall:x:t:0:101"])
    assert row.delay_until_epoch_ms is not None
    assert row.delay_until_epoch_ms / 1000 > time.time() + 20 * 3600
