"""Cold storage classes, whole flows: asked for, waited for by a job that holds no worker, read when they have come. With moto, which
brings at once what is asked for; a wrapper before it holds that back, as real stores do for hours."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3  # type: ignore[import-untyped]
import pytest
from test_migration import BMP, pictures

from policies.findings import spoken
from repository import recalls
from repository.errors import BeingBrought, CampaignEnded
from repository.flow_names import AUDIT, RECALL
from repository.jobs.client import JobState
from repository.progress import Silent
from repository.recalls import waited_for
from storage.errors import Cold
from storage.s3.calls import BotoCalls
from storage.s3.place import S3Place
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, snapshot, write_tree
from tests.moto import running_moto


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with running_moto(tmp_path_factory.mktemp("moto")) as address:
        yield address


class Hours:
    """Calls to a store that takes its time, until `come`."""

    def __init__(self) -> None:
        self.come = False
        self.asked: set[str] = set()
        self.inner: BotoCalls | None = None

    def __call__(self, place: S3Place) -> Hours:
        self.inner = BotoCalls(place)
        return self

    def call(self, operation: str, key: str, parameters: Mapping[str, Any]) -> dict[str, Any]:
        assert self.inner is not None
        cold = "/content/" in key and not self.come
        if operation == "get_object" and cold:
            raise Cold(key, "InvalidObjectState")
        answer = self.inner.call(operation, key, parameters)
        if operation == "restore_object":
            self.asked.add(key)
        if operation == "head_object" and cold and key in self.asked:
            answer = {**answer, "Restore": 'ongoing-request="true"'}
        return answer


@pytest.fixture
def hours(monkeypatch: pytest.MonkeyPatch) -> Hours:
    made = Hours()
    monkeypatch.setattr("storage.s3.tier.BotoCalls", made)
    return made


@pytest.fixture
def archive(
    endpoint: str, hours: Hours, tmp_path: Path, identifier: SharedIdentifier, monkeypatch: pytest.MonkeyPatch
) -> Iterator[ArchiveUnderTest]:
    """A disk "a", and a bucket "c" whose content is cold."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "any")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "any")
    monkeypatch.setattr("storage.s3.tier.check_store", lambda *arguments, **more: None)
    monkeypatch.setattr(recalls, "LOOK_EVERY", 3600.0)
    bucket = f"cold-{tmp_path.name.replace('_', '-').lower()}"[:60]
    admin = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    admin.create_bucket(Bucket=bucket)
    admin.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    made = ArchiveUnderTest(
        tmp_path, identifier, tiers=("a",), s3={"c": f"s3://{bucket}/kho?endpoint={endpoint}&worm=no&storage_class=GLACIER"}
    )
    made.policy(need="1")
    yield made
    made.close()


def waits(archive: ArchiveUnderTest) -> list[tuple[str, str, int]]:
    return [(each.tier, each.purpose, len(each.aips)) for each in waited_for(archive.engine.jobs)]


def serve(archive: ArchiveUnderTest) -> None:
    """Be a worker until nothing is left to do now; what is put off until later is no work."""
    archive._session.__exit__(None, None, None)
    with archive.engine.jobs.serving("worker", leave_within=5.0):
        ends = time.monotonic() + 60
        while any(each.id not in delayed(archive) for each in archive.engine.jobs.list([JobState.WAITING, JobState.RUNNING])):
            assert time.monotonic() < ends
            time.sleep(0.05)
    archive._session = archive.engine.jobs.session()
    assert archive._session.__enter__()


def delayed(archive: ArchiveUnderTest) -> set[str]:
    """What is not to be begun yet. A worker needs a moment to see that a delay is over."""
    rows = archive.engine.jobs._client.dbos.list_workflows(status=["DELAYED"], load_input=False)
    return {row.workflow_id for row in rows if (row.delay_until_epoch_ms or 0) > time.time() * 1000}


def next_look(archive: ArchiveUnderTest) -> None:
    """The half hour is over."""
    for job_id in delayed(archive):
        archive.engine.jobs._client.dbos.set_workflow_delay(job_id, delay_seconds=0)
    serve(archive)


def test_a_cold_copy_is_asked_for_waited_for_and_counted(archive: ArchiveUnderTest, hours: Hours, tmp_path: Path) -> None:
    aip = archive.deposit(write_tree(tmp_path / "hồ sơ", {"a.txt": b"cold", "b.bin": bytes(5000)})).aip_id
    assert archive.states(aip) == {"a": "good", "c": "absent"}
    report = archive.audit(tier="c")
    assert (dict(report.copies), report.damages, report.unavailable) == ({}, [], {})
    assert spoken(report.postponed["c"], "en").startswith("the content of 1 copies lies in a cold storage class")
    assert waits(archive) == [("c", "audit", 1)]
    serve(archive)  # the first look: asked for, and not there yet
    assert waits(archive) == [("c", "audit", 1)]
    told = [each for each in archive.engine.overview.attention() if each.code == "ATT-COLD"]
    assert [(each.path, each.args["copies"]) for each in told] == [("c", 1)]
    assert "(for: a check)" in told[0].text("en")
    serve(archive)  # a job that waits is no work for a worker
    archive.reopen()  # and needs no process to live
    assert waits(archive) == [("c", "audit", 1)]
    hours.come = True
    next_look(archive)
    assert archive.states(aip) == {"a": "good", "c": "good"}
    assert waits(archive) == []
    assert dict(archive.audit().copies) == {"good": 2}


def test_a_planned_audit_does_not_ask_again_for_what_is_waited_for(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    for number in range(3):
        archive.deposit(write_tree(tmp_path / f"{number}", {"a.txt": b"%d" % number}))
    archive.audit(tier="c")
    assert waits(archive) == [("c", "audit", 3)]
    archive.audit(tier="c")
    assert waits(archive) == [("c", "audit", 3)]
    serve(archive)
    done = archive.engine.jobs.run(AUDIT, "due", {"everything": False, "aip": "", "tier": "c", "actor": ""})
    assert "asked for from a cold" in spoken(done["postponed"]["c"], "en")
    assert len(archive.engine.jobs.arguments(RECALL)) == 1


def test_what_only_a_cold_copy_has_is_brought_for_repair_and_for_whoever_wants_it(
    archive: ArchiveUnderTest, hours: Hours, tmp_path: Path
) -> None:
    source = write_tree(tmp_path / "hồ sơ", {"a.bin": b"only here " * 500})
    aip = archive.deposit(source).aip_id
    (content,) = (each.content_path for each in archive.catalog.holdings.files(aip) if each.path.endswith("a.bin"))
    file = archive.object(aip, "a") / content
    file.chmod(0o600)
    file.write_bytes(b"damaged")
    archive.audit(tier="a")
    assert archive.damages() == {("a", content): "altered"}
    with pytest.raises(BeingBrought, match="cold storage class"):
        archive.export(aip)
    repaired = archive.repair()
    assert (repaired.repaired, repaired.waiting) == (0, {"c": 1})
    assert sorted(waits(archive)) == [("c", "export", 1), ("c", "repair", 1)]
    archive.repair()
    assert sorted(waits(archive)) == [("c", "export", 1), ("c", "repair", 1)]
    serve(archive)
    hours.come = True
    next_look(archive)
    assert waits(archive) == []
    assert archive.damages() == {}
    assert archive.states(aip) == {"a": "good", "c": "good"}
    assert snapshot(archive.export(aip)) == snapshot(source)


def test_a_campaign_goes_on_by_itself_with_what_had_to_be_brought(
    archive: ArchiveUnderTest, hours: Hours, tmp_path: Path
) -> None:
    cold = archive.deposit(pictures(tmp_path / "lạnh", 2)).aip_id
    here = archive.deposit(pictures(tmp_path / "đây", 1)).aip_id
    archive.audit(tier="c")
    hours.come = True
    next_look(archive)
    assert archive.states(cold) == {"a": "good", "c": "good"}
    hours.come = False
    for each in archive.catalog.holdings.files(cold):
        if each.path.endswith("1.bmp"):  # one of two: what can be read is not made a version of its own
            (archive.object(cold, "a") / each.content_path).unlink()
    ended = archive.engine.campaigns.run("picture-tiff", puids=BMP, seconds=120, progress=Silent())
    assert ended["counts"] == {"files": 1, "aips": 1, "migrated": 1, "awaited": 1, "versions": 1} | sizes(ended)
    assert ended["codes"] == {"MIG-AWAITED": 1}
    assert [archive.engine.holdings.show(aip).version for aip in (cold, here)] == [1, 2]
    assert not [each for each in archive.engine.holdings.events(cold) if each.type == "migration"], "nothing has failed"
    name = ended["campaign"]
    assert waits(archive) == [("c", "migrate", 1)]
    state = archive.engine.campaigns.report(name)
    assert (state.state, state.report["counts"]["awaited"]) == ("waiting", 1)
    with pytest.raises(CampaignEnded):  # what it waits for, it does by itself
        archive.engine.campaigns.run("picture-tiff", puids=BMP, seconds=120, campaign=name, progress=Silent())
    assert waits(archive) == [("c", "migrate", 1)]
    serve(archive)  # the first look: asked for, and not there yet
    assert archive.engine.holdings.show(cold).version == 1
    hours.come = True
    next_look(archive)
    assert waits(archive) == []
    made = [each.path for each in archive.engine.holdings.files(cold) if each.path.endswith(".tif")]
    assert made == [f"representations/rep1.picture-tiff.v2/data/ảnh {n}.bmp.tif" for n in range(2)]
    (state,) = archive.engine.campaigns.list()
    assert (state.campaign, state.state) == (name, "done")
    assert state.report["counts"] == {"files": 3, "aips": 2, "migrated": 3, "awaited": 0, "versions": 2} | sizes(state.report)
    assert (state.report["codes"], state.report["findings"]) == ({}, [])
    told = archive.engine.campaigns.report(name)
    assert (told.state, told.report, told.account["file_count"]) == ("done", state.report, 3)
    archive.engine.campaigns.roll_back(name, progress=Silent())
    for aip in (cold, here):
        assert not [each for each in archive.engine.holdings.files(aip) if each.path.endswith(".tif")]


def sizes(report: Mapping[str, Any]) -> dict[str, int]:
    return {name: report["counts"][name] for name in ("bytes_in", "bytes_out")}


def test_a_limited_campaign_asks_for_no_more_than_it_may_do(archive: ArchiveUnderTest, hours: Hours, tmp_path: Path) -> None:
    aips = [archive.deposit(pictures(tmp_path / f"{n}", 1, shift=n)).aip_id for n in range(3)]
    archive.audit(tier="c")
    hours.come = True
    next_look(archive)
    hours.come = False
    for aip in aips:
        shutil.rmtree(archive.object(aip, "a"))
    ended = archive.engine.campaigns.run("picture-tiff", puids=BMP, limit=2, seconds=120, progress=Silent())
    assert ended["counts"] == {"awaited": 2}
    assert waits(archive) == [("c", "migrate", 2)]
