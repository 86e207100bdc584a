"""The records of ended jobs: a worker looks for something to do every few minutes, for decades."""

from __future__ import annotations

import time
from pathlib import Path

from repository import flow_names
from repository.jobs import JobState
from repository.progress import Silent
from tests.builders_archive import ArchiveUnderTest, write_tree


def test_the_worker_forgets_jobs_that_ended_long_ago_but_no_campaign(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"}))
    archive.engine.campaigns.reidentify(progress=Silent())
    archive.audit()
    jobs, argument = archive.engine.jobs, {"tiers": ["a", "b"]}
    jobs.run(flow_names.UPKEEP, "upkeep:1", argument)
    before = jobs.list()
    assert {each.flow for each in before} == {flow_names.DEPOSIT, flow_names.REIDENTIFY, flow_names.AUDIT, flow_names.UPKEEP}
    file = archive.home / "policy.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('[jobs]\nkeep = "90d"', '[jobs]\nkeep = "1s"'), encoding="utf-8")
    time.sleep(1.1)
    result = archive.engine.jobs.run(flow_names.UPKEEP, "upkeep:2", argument)
    assert result["forgotten"] == len(before) - 1
    assert {(each.id.partition(":")[0], each.state) for each in archive.engine.jobs.list()} == {
        (flow_names.REIDENTIFY, JobState.DONE),
        ("upkeep", JobState.DONE),
    }
    assert len(archive.engine.campaigns.list()) == 1
    archive.whole()
