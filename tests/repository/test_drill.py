"""The restore drill: it restores for real, from each tier alone, and says so when it cannot."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from test_cli_corridor import agrees, shapes

from repository.attention.entries import DRILL, attention
from repository.demo import flip_one_bit, make_records
from repository.errors import ExportFailed
from repository.ledger.keeper import ring_of
from repository.ledger.verifier import REPORT_PREFIX, signed_by
from repository.progress import Silent
from tests.builders_archive import ArchiveUnderTest


def test_a_drill_restores_from_each_tier_alone(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    overview = archive.engine.overview
    assert not overview.drill(tmp_path / "empty", progress=Silent()).ok
    archive.deposit(make_records(tmp_path / "records")[0])
    report = overview.drill(tmp_path / "out", progress=Silent())
    assert report.ok
    assert [each.tier for each in report.restored] == ["a", "b"]
    assert all(each.files and each.bytes for each in report.restored)
    written = (tmp_path / "out" / "drill.json").read_bytes()
    signature = base64.b64decode((tmp_path / "out" / "drill.json.sig").read_bytes())
    assert signed_by(ring_of(archive.engine.archive).current.description, REPORT_PREFIX + written, signature)
    document = {**json.loads(written), "ok": True, "findings": [], "cursor": None}
    assert agrees(dict(shapes())["drill"], document) == []
    latest = archive.catalog.events.latest(DRILL, "")
    assert latest is not None
    assert (latest.outcome, latest.detail["restored"]) == ("success", 2)
    with pytest.raises(ExportFailed):
        overview.drill(tmp_path / "out", progress=Silent())
    flip_one_bit(archive.home / "tiers" / "b")
    failed = overview.drill(tmp_path / "again", progress=Silent())
    assert [bool(each.problem) for each in failed.restored] == [False, True]
    assert "ATT-DRILL-FAILED" in {each.code for each in attention(archive.engine.archive)}
