"""A lost catalog: made again from the tiers, believed only where they agree or one of them is proven wrong by its own records."""

from __future__ import annotations

import hashlib
import os
import shutil
import tracemalloc
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from policies.findings import Findings
from repository.aip import stored as stored_version
from repository.catalog import file_row
from repository.deposits.upkeep import let_go
from repository.model import Deposit
from repository.progress import Silent
from repository.rebuilding import rebuild as rebuild_module
from repository.rebuilding.believing import read_in_turn
from repository.rebuilding.rebuild import RebuildReport
from repository.views import records as views
from tests.builders_archive import ArchiveUnderTest, snapshot, write_tree
from tests.clocks import RunningClock

FIRST = {
    "báo cáo.txt": "Nội dung".encode(),
    "thư mục/ảnh.bin": bytes(range(256)) * 30,
    "thư mục/rỗng": b"",
    "trống/": b"",
    "tab\tvà %41": b"odd name",
}
SECOND = {**FIRST, "báo cáo.txt": "Nội dung sửa".encode(), "mới.txt": b"new in two"}


def shown(archive: ArchiveUnderTest) -> dict[str, Any]:
    """What `kho list` and `kho show` say of everything, but for fixity history and copy states."""
    aips = {}
    for aip in archive.engine.holdings.list().items:
        whole = archive.engine.holdings.show(aip.id)
        document = views.aip(whole)
        document.pop("copies")
        versions = {
            number: sorted(repr(each) for each in archive.engine.holdings.files(aip.id, version=number))
            for number in range(1, whole.version + 1)
        }
        events = [
            repr(each)
            for each in archive.engine.holdings.events(aip.id)
            if each.type not in ("fixity check", "damage", "replication", "recovery", "quarantine", "dissemination", "appraisal")
        ]
        aips[aip.id] = {"list": document, "files": versions, "events": sorted(events)}
    return aips


def deposits(archive: ArchiveUnderTest) -> dict[str, Any]:
    """Deposits that were stored, but for when their row was last changed."""
    found = {}
    for each in archive.engine.deposits.list(limit=1000).items:
        if each.state.value == "stored":
            document = views.deposit(each)
            document.pop("updated")
            found[each.id] = document
    return found


def rebuild(archive: ArchiveUnderTest, tier: str | None = None) -> RebuildReport:
    return archive.engine.catalog.rebuild(tier, progress=Silent())


def test_everything_comes_back(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "hồ sơ", FIRST)
    first = archive.deposit(source, key="K 1", title="Tờ trình về đất đai")
    other = archive.deposit(write_tree(tmp_path / "khác", {"x.txt": b"another"}))
    shutil.rmtree(source)
    second = archive.deposit(write_tree(source, SECOND), update=first.aip_id, title="Tờ trình về đất đai, sửa")
    archive.audit()
    before, known = shown(archive), deposits(archive)
    assert len(before) == 2
    assert set(known) == {first.id, other.id, second.id}
    archive.lose_catalog()
    report = rebuild(archive)
    assert (report.aips, list(report.findings)) == (2, [])
    assert shown(archive) == before
    assert deposits(archive) == known
    assert {state for aip in before for state in archive.states(aip).values()} == {"unknown"}
    summary = archive.engine.reports.fixity()
    assert (summary.population, summary.short) == (2, 2)
    assert archive.audit().copies == {"good": 4}
    assert archive.engine.reports.fixity().short == 0
    assert [aip.id for aip in archive.engine.holdings.list(query="dat dai").items] == [second.aip_id]
    assert snapshot(archive.export(first.aip_id)) == snapshot(source)
    again = archive.deposit(source, update=first.aip_id)
    assert (again.state.value, again.aip_id, again.aip_version) == ("repeated", first.aip_id, 2)
    archive.whole()


def test_the_same_key_is_known_after_a_rebuild(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "r", {"a": b"a"})
    first = archive.deposit(source, key="mine")
    plain = archive.deposit(write_tree(tmp_path / "s", {"b": b"b"}))
    archive.lose_catalog()
    rebuild(archive)
    again = archive.deposit(source, key="mine")
    assert (again.state.value, again.aip_id, again.reason) == ("repeated", first.aip_id, first.id)
    again = archive.deposit(tmp_path / "s")
    assert (again.state.value, again.aip_id) == ("repeated", plain.aip_id)
    other = archive.deposit(write_tree(tmp_path / "t", {"c": b"c"}), key="mine")
    assert (other.state.value, list(other.finding_counts)) == ("refused", ["DEP-KEY-REUSED"])
    update = archive.deposit(write_tree(tmp_path / "r2", {"a": b"a2"}), update=first.aip_id)
    assert (update.state.value, update.aip_version) == ("accepted", 2), "nobody has read what it is added to"
    archive.audit()
    archive.repair()
    assert archive.engine.deposits.get(update.id).state.value == "stored"
    archive.whole()


def test_rebuild_beside_a_catalog_that_is_there_changes_nothing(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(write_tree(tmp_path / "r", FIRST))
    before, known = shown(archive), deposits(archive)
    assert rebuild(archive).aips == 1
    assert (shown(archive), deposits(archive)) == (before, known)
    assert set(archive.states(next(iter(before))).values()) == {"good"}


def test_waiting_deposits_survive_the_loss_of_the_catalog(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """What was never stored is in no AIP: it waits as it did, and depositing it again repeats it."""
    archive.weights(DEP_DUPLICATE_INSIDE="hold", DEP_EMPTY="refuse")
    held = archive.deposit(write_tree(tmp_path / "two", {"a": b"same", "b": b"same"}))
    assert held.state.value == "held"
    archive.lose_catalog()
    rebuild(archive)
    assert (archive.home / "spool" / held.id).is_dir()
    again = archive.deposit(tmp_path / "two")
    assert (again.state.value, again.reason) == ("repeated", held.id)
    released = archive.engine.deposits.release(held.id, reason="seen")
    assert released.state.value == "stored"
    archive.whole()


def rows(archive: ArchiveUnderTest) -> list[Any]:
    """What `kho deposits --json` says of all, but for when the row of a stored one was last changed: its AIP tells when it was sealed."""
    documents = [views.deposit(each) for each in archive.engine.deposits.list(limit=1000).items]
    for each in documents:
        if each["state"] == "stored" and not each["decided_by"]:
            each.pop("updated")
    return documents


def test_every_row_comes_back(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.weights(DEP_DUPLICATE_INSIDE="hold", DEP_EMPTY="error")
    plain = archive.deposit(write_tree(tmp_path / "r", FIRST), title="Tờ trình")
    archive.deposit(write_tree(tmp_path / "r2", {"a": b"a"}), update=plain.aip_id)
    archive.deposit(tmp_path / "r")  # repeats what is stored
    shutil.make_archive(str(tmp_path / "packed"), "zip", write_tree(tmp_path / "z", {"top/x.txt": b"x"}))
    archive.deposit(tmp_path / "packed.zip", key="Z")
    archive.deposit(write_tree(tmp_path / "other", {"y": b"y"}), key="Z")  # refused: its key is taken
    held = [archive.deposit(write_tree(tmp_path / f"h{n}", {"a": b"%d" % n, "b": b"%d" % n})) for n in range(3)]
    archive.deposit(tmp_path / "h0")  # repeats what is held
    archive.engine.deposits.release(held[1].id, reason="xem rồi")
    archive.engine.deposits.refuse(held[2].id, reason="không đủ")
    (tmp_path / "nothing").mkdir()
    archive.deposit(tmp_path / "nothing")
    archive.deposit(tmp_path / "not there", key="F")  # failed, and the next one takes its key
    archive.deposit(write_tree(tmp_path / "there", {"t": b"t"}), key="F")
    archive.deposit(tmp_path / "not there either")
    (archive.home / "tiers").rename(tmp_path / "away")
    waiting = archive.deposit(write_tree(tmp_path / "w", {"w": b"w"}))
    (tmp_path / "away").rename(archive.home / "tiers")
    before = rows(archive)
    states = sorted(each["state"] for each in before)
    assert states == ["accepted", *["failed"] * 2, "held", *["refused"] * 3, *["repeated"] * 2, *["stored"] * 5]
    for _ in range(2):
        archive.lose_catalog()
        report = rebuild(archive)
        assert list(report.findings) == []
        assert report.deposits == 9
        assert rows(archive) == before
    again = archive.deposit(tmp_path / "w")
    assert (again.state.value, again.reason) == ("repeated", waiting.id)
    assert archive.engine.deposits.get(waiting.id).state.value == "stored"
    archive.whole()


def test_a_source_whose_name_is_not_utf8(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    top = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9"))
    stored = archive.deposit(write_tree(top, {"a": b"a"}))
    assert stored.state.value == "stored"
    before = rows(archive)
    archive.lose_catalog()
    assert list(rebuild(archive).findings) == []
    assert rows(archive) == before
    assert archive.engine.deposits.get(stored.id).source == str(top)
    archive.whole()


def test_a_row_that_cannot_be_read_is_told_of(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(write_tree(tmp_path / "r", {"a": b"a"}))
    again = archive.deposit(tmp_path / "r")
    row = archive.home / "rows" / f"{again.id}.json"
    row.write_bytes(row.read_bytes()[:-1])
    archive.lose_catalog()
    found = [(each.code, each.path, each.args) for each in rebuild(archive).findings]
    assert found == [("DEP-ORPHANS", "rows", {"count": 1, "first": again.id})]


def test_a_row_makes_no_record_of_what_no_tier_holds(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """An officer let it in and its row was kept; it comes back with its AIP, or not at all."""
    archive.weights(DEP_DUPLICATE_INSIDE="hold")
    held = archive.deposit(write_tree(tmp_path / "h", {"a": b"1", "b": b"1"}))
    released = archive.engine.deposits.release(held.id, reason="seen")
    for tier in ("a", "b"):
        shutil.rmtree(archive.object(released.aip_id, tier))
    archive.lose_catalog()
    assert rebuild(archive).deposits == 0
    assert rows(archive) == []


def test_what_was_let_go_keeps_its_row(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.weights(DEP_EMPTY="error")
    (tmp_path / "nothing").mkdir()
    refused = archive.deposit(tmp_path / "nothing")
    assert refused.expires is not None
    later = replace(archive.engine.archive, clock=RunningClock(refused.expires))
    assert let_go(later) == {"gone": 1}
    before = rows(archive)
    archive.lose_catalog()
    assert rebuild(archive).deposits == 1
    assert rows(archive) == before


def forge(top: Path, name: str, data: bytes, *, records: bool = False) -> None:
    """Rewrite one content file, and every inventory and sidecar, so that the object agrees with itself as OCFL sees it; with
    ``records`` the submission record, PREMIS and METS too, until nothing contradicts."""
    (path,) = top.rglob(name)
    changes: list[tuple[str, str]] = []
    replace_file(path, data, changes)
    if records:
        for target in ("kho-submission.jsonl", "premis-kho.xml"):
            for each in top.rglob(target):
                rewrite(each, changes)
        for each in sorted(top.rglob("METS.xml"), key=lambda each: -len(each.parts)):
            rewrite(each, changes)
        for each in top.rglob("premis.xml"):
            rewrite(each, changes)
        for each in [*top.rglob("METS.xml")]:
            if "representations" not in each.parts:
                rewrite(each, changes)
    for inventory in top.rglob("inventory.json"):
        text = inventory.read_text(encoding="utf-8")
        for old, new in changes:
            text = text.replace(old, new)
        inventory.chmod(0o644)
        inventory.write_text(text, encoding="utf-8")
        sidecar = inventory.with_name("inventory.json.sha512")
        sidecar.chmod(0o644)
        sidecar.write_text(hashlib.sha512(text.encode()).hexdigest() + " inventory.json\n")


def replace_file(path: Path, data: bytes, changes: list[tuple[str, str]]) -> None:
    old = path.read_bytes()
    for each in ("sha512", "sha256"):
        pair = (hashlib.new(each, old).hexdigest(), hashlib.new(each, data).hexdigest())
        if pair[0] != pair[1]:
            changes += [pair, (pair[0].upper(), pair[1].upper())]
    path.chmod(0o644)
    path.write_bytes(data)


def rewrite(path: Path, changes: list[tuple[str, str]]) -> None:
    text = path.read_text(encoding="utf-8")
    for old, new in list(changes):
        text = text.replace(old, new)
    replace_file(path, text.encode(), changes)


@pytest.mark.parametrize("versions", [1, 2])
@pytest.mark.parametrize("tier", ["a", "b"])
def test_an_object_that_only_agrees_with_itself_is_found(
    archive: ArchiveUnderTest, tmp_path: Path, tier: str, versions: int
) -> None:
    source = write_tree(tmp_path / "r", FIRST)
    aip = archive.deposit(source).aip_id
    if versions == 2:
        archive.deposit(write_tree(source, SECOND), update=aip)
    before = shown(archive)
    forge(archive.object(aip, tier), "ảnh.bin", b"f" * 256 * 30)
    report = archive.audit()
    assert report.copies == {"good": 1, "damaged": 1}
    assert {(each.tier, each.outcome) for each in report.damages if each.path == "inventory.json"} == {(tier, "altered")}
    archive.lose_catalog()
    rebuilt = rebuild(archive)
    found = [(each.code, each.path, each.args.get("tier")) for each in rebuilt.findings]
    assert found == [("AIP-ALTERED-ON", aip, tier)]
    assert shown(archive) == before
    assert archive.audit().copies == {"good": 1, "damaged": 1}
    assert archive.repair().failed == []
    archive.whole()
    assert snapshot(archive.export(aip)) == snapshot(source)


def test_an_altered_object_of_which_no_other_copy_was_read(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    aip = archive.deposit(write_tree(tmp_path / "r", FIRST)).aip_id
    before = shown(archive)
    forge(archive.object(aip, "b"), "ảnh.bin", b"f" * 256 * 30)
    archive.lose_catalog()
    (found,) = rebuild(archive, "b").findings
    assert (found.code, found.path, found.args) == ("AIP-ALTERED-ALONE", aip, {"tier": "b", "version": 1})
    assert "-" not in found.text("en").replace(aip, "").split()
    assert rebuild(archive).aips == 1, "what its finding advises"
    assert shown(archive) == before


@pytest.mark.parametrize("believed", ["a", "b"])
def test_where_nobody_can_tell_an_officer_decides(archive: ArchiveUnderTest, tmp_path: Path, believed: str) -> None:
    source = write_tree(tmp_path / "r", FIRST)
    aip = archive.deposit(source).aip_id
    whole = archive.deposit(write_tree(tmp_path / "s", {"b": b"b"})).aip_id
    forge(archive.object(aip, "b"), "ảnh.bin", b"f" * 256 * 30, records=True)
    archive.lose_catalog()
    report = rebuild(archive)
    assert [(each.code, each.path) for each in report.findings] == [("AIP-TIERS-DISAGREE", aip)]
    assert [each.id for each in archive.engine.holdings.list().items] == [whole]
    report = rebuild(archive, believed)
    assert report.aips == 2
    other = "ab".replace(believed, "")
    archive.audit()
    assert archive.states(aip)[believed] == "good"
    assert archive.states(aip).get(other) != "good"
    archive.repair()
    assert archive.states(aip) == {"a": "good", "b": "good"}
    archive.whole()


def test_a_tier_that_lags_or_lacks_an_object(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "r", FIRST)
    aip = archive.deposit(source).aip_id
    old = tmp_path / "old"
    shutil.copytree(archive.object(aip, "b"), old)
    archive.deposit(write_tree(source, SECOND), update=aip)
    alone = archive.deposit(write_tree(tmp_path / "s", {"b": b"b"})).aip_id
    before = shown(archive)
    shutil.rmtree(archive.object(aip, "b"))
    shutil.copytree(old, archive.object(aip, "b"))
    shutil.rmtree(archive.object(alone, "a"))
    archive.lose_catalog()
    report = rebuild(archive)
    assert sorted((each.code, each.path, each.args["tier"]) for each in report.findings) == [
        ("AIP-LAGS-ON", aip, "b"),
        ("AIP-MISSING-ON", alone, "a"),
    ]
    assert shown(archive) == before
    archive.audit()
    assert archive.engine.reports.fixity().short == 2
    assert archive.repair().failed == []
    assert archive.engine.reports.fixity().short == 0
    archive.whole()


def test_a_tier_that_is_away_is_not_left_out_silently(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    from storage.errors import Unavailable

    archive.deposit(write_tree(tmp_path / "r", FIRST))
    archive.lose_catalog()
    (archive.home / "tiers" / "b").rename(tmp_path / "away")
    archive.reopen()
    with pytest.raises(Unavailable):
        rebuild(archive)
    assert rebuild(archive, "a").aips == 1
    (tmp_path / "away").rename(archive.home / "tiers" / "b")
    archive.reopen()
    rebuild(archive)
    archive.audit()
    archive.repair()
    (aip,) = archive.engine.holdings.list().items
    assert archive.states(aip.id) == {"a": "good", "b": "good"}


@pytest.mark.parametrize(
    "name", ["inventory.json", "inventory.json.sha512", "v1/inventory.json", "kho-submission.jsonl", "ảnh.bin", "METS.xml"]
)
@pytest.mark.parametrize("harm", ["gone", "flipped"])
def test_damage_on_one_tier_does_not_keep_an_aip_from_coming_back(
    archive: ArchiveUnderTest, tmp_path: Path, name: str, harm: str
) -> None:
    """Whichever tier is asked first: what is damaged on it is taken from the other."""
    source = write_tree(tmp_path / "r", FIRST)
    aip = archive.deposit(source).aip_id
    before = shown(archive)
    top = archive.object(aip, "a")
    path = top / name if (top / name).exists() else next(iter(top.rglob(name)))
    if harm == "gone":
        path.unlink()
    else:
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 1
        path.chmod(0o644)
        path.write_bytes(data)
    archive.lose_catalog()
    report = rebuild(archive)
    assert report.aips == 1, list(report.findings)
    assert shown(archive) == before
    archive.audit()
    assert archive.states(aip)["b"] == "good"
    assert archive.states(aip)["a"] == "damaged"
    archive.repair()
    assert archive.states(aip) == {"a": "good", "b": "good"}
    archive.whole()


def test_a_rebuild_is_an_event_that_names_who_asked(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"}))
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=Silent())
    (event,) = archive.catalog.events.list(type="catalog rebuild").items
    assert (event.outcome, event.asked_by, event.detail["aips"], event.tier) == ("success", "user:test", 1, "")
    archive.engine.catalog.rebuild("a", progress=Silent())
    assert [each.tier for each in archive.catalog.events.list(type="catalog rebuild").items] == ["", "a"]


BROKEN_BAG = {
    "bagit.txt": b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n",
    "manifest-sha256.txt": b"0" * 64 + b"  data/a.txt\n",
    "data/a.txt": b"a",
}


def listed(archive: ArchiveUnderTest) -> list[Deposit]:
    return sorted(archive.engine.deposits.list().items, key=lambda each: each.id)


def test_deposits_that_are_in_no_aip_come_back_from_the_home(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """Held, refused (by the verdict and by an officer), infected, failed, and accepted but on too few tiers: rows as they were."""
    archive.weights(DEP_DUPLICATE_INSIDE="hold")
    archive.deposit(write_tree(tmp_path / "stored", {"a.txt": b"a"}))
    held = archive.deposit(write_tree(tmp_path / "giữ lại", {"b.txt": b"b", "b\ttoo.txt": b"b"}))
    refused = archive.deposit(write_tree(tmp_path / "refused", BROKEN_BAG))
    by_officer = archive.deposit(write_tree(tmp_path / "officer", {"c.txt": b"c", "c2.txt": b"c"}))
    archive.engine.deposits.refuse(by_officer.id, reason="bản trùng")
    tier = archive.home / "tiers" / "b"
    tier.rename(tier.with_name("away"))
    waiting = archive.deposit(write_tree(tmp_path / "waiting", {"d.txt": b"d"}))
    tier.with_name("away").rename(tier)
    (archive.home / "spool" / "nothing-known").mkdir()
    states = {each.id: each.state.value for each in listed(archive)}
    assert [states[each.id] for each in (held, refused, by_officer, waiting)] == ["held", "refused", "refused", "accepted"]
    before = [replace(each, error="", updated=each.created) for each in listed(archive)]
    archive.lose_catalog()
    report = archive.engine.catalog.rebuild(progress=Silent())
    assert report.deposits == 4 - 1, "what one tier holds came back from there"
    assert dict(report.findings.counts) == {"AIP-MISSING-ON": 1, "DEP-ORPHANS": 1}
    after = [replace(each, error="", updated=each.created) for each in listed(archive)]
    assert [each for each in after if each.id != waiting.id] == [each for each in before if each.id != waiting.id]
    assert archive.engine.deposits.get(waiting.id).state.value == "kept"
    again = archive.engine.deposits.release(held.id, reason="đã xem")
    assert again.state.value == "stored"
    archive.audit()
    archive.repair()
    assert archive.engine.deposits.get(waiting.id).state.value == "stored"
    archive.whole()


def test_an_accepted_deposit_on_no_tier_comes_back_and_is_kept(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    for name in "ab":
        (archive.home / "tiers" / name).rename(archive.home / "tiers" / f"{name} away")
    waiting = archive.deposit(write_tree(tmp_path / "in", {"a.txt": b"a"}), key="my key", title="Tên")
    assert waiting.state.value == "accepted"
    for name in "ab":
        (archive.home / "tiers" / f"{name} away").rename(archive.home / "tiers" / name)
    archive.lose_catalog()
    report = archive.engine.catalog.rebuild(progress=Silent())
    assert (report.aips, report.deposits, len(report.findings)) == (0, 1, 0)
    back = archive.engine.deposits.get(waiting.id)
    assert (back.state, back.key, back.aip_id, back.update_of) == (waiting.state, "my key", waiting.aip_id, "")
    archive.repair()
    assert archive.engine.deposits.get(waiting.id).state.value == "stored"
    assert archive.engine.holdings.show(waiting.aip_id).title == "Tên"
    archive.whole()


def test_remains_that_tell_nonsense_are_a_finding(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.weights(DEP_DUPLICATE_INSIDE="hold")
    held = [archive.deposit(write_tree(tmp_path / f"{n}", {"a": b"%d" % n, "b": b"%d" % n})).id for n in range(4)]
    spool = archive.home / "spool"
    (spool / held[0] / "deposit.json").write_text("[1]")
    (spool / held[1] / "deposit.json").write_text('{"kho": 2}')
    (spool / held[2] / "deposit.json").unlink()
    (spool / held[3]).rename(spool / "another-name")
    archive.lose_catalog()
    report = archive.engine.catalog.rebuild(progress=Silent())
    assert report.deposits == 0
    (finding,) = report.findings
    assert (finding.code, finding.path, finding.args["count"]) == ("DEP-ORPHANS", "spool", 4)


def test_findings_weigh_what_they_weighed_when_they_were_judged(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """In the row, in JSON, in the AIP and after a rebuild: the policy's weight, also when the policy changed since."""
    archive.weights(DEP_DUPLICATE_INSIDE="info")
    source = write_tree(tmp_path / "in", {"a": b"a", "b": b"a"})
    deposit = archive.deposit(source)
    archive.weights(DEP_DUPLICATE_INSIDE="hold")
    for _ in range(2):
        (found,) = [each for each in archive.engine.deposits.get(deposit.id).findings if each.code == "DEP-DUPLICATE-INSIDE"]
        assert found.weight.name == "INFO"
        assert views.finding(found, "en")["weight"] == "info"
        archive.lose_catalog()
        archive.engine.catalog.rebuild(progress=Silent())


def test_an_aip_of_many_files_is_not_held_in_memory(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Files beyond `ROWS_HELD` are read as they are entered; the catalog is the same, for each of two versions."""
    monkeypatch.setattr(stored_version, "ROWS_HELD", 3)
    source = write_tree(tmp_path / "r", {**FIRST, **{f"n{n:04}": b"%d" % n for n in range(200)}})
    first = archive.deposit(source)
    (source / "n0007").write_bytes(b"changed")
    assert archive.deposit(source, update=first.aip_id).state.value == "stored"
    before = shown(archive)
    archive.lose_catalog()
    rebuild(archive)
    assert shown(archive) == before


def test_rows_of_many_files_cost_no_memory(archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """They can be read again, for an AIP that is entered a second time; what grows with files is the inventory alone."""
    monkeypatch.setattr(stored_version, "ROWS_HELD", 3)
    deposit = archive.deposit(write_tree(tmp_path / "r", {f"n{n:04}": b"%d" % n for n in range(600)}))
    tier = {"a": archive.engine.archive.tiers["a"]}
    survey = rebuild_module._survey(archive.engine.archive, tier, Findings(), Silent())
    (known,) = read_in_turn(archive.engine.archive, tier, rebuild_module._surveyed(archive.engine.archive, tier, survey))
    (registration,) = known.registrations
    assert registration.aip.id == deposit.aip_id
    peaks = []
    for _ in range(3):  # the least: the executor's threads take memory of their own when they like
        tracemalloc.start()
        count = sum(1 for _ in registration.files)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert count == registration.version.files > 600
    assert min(peaks) / count < 120, "bytes a file"
    assert sorted(registration.files) == [file_row(each) for each in archive.engine.holdings.files(deposit.aip_id)]
    known.close()


def test_what_is_only_measured_is_not_read_where_mets_said_how_long_it_is(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """From one tier alone METS is read as a witness: an AIP is not left out because of a record that it vouches for. The copy is
    unknown, and the next audit finds what is missing."""
    aip = archive.deposit(write_tree(tmp_path / "r", FIRST)).aip_id
    before = shown(archive)
    (lost,) = archive.object(aip, "a").rglob("premis-kho.xml")
    lost.unlink()
    archive.lose_catalog()
    assert not rebuild(archive, "a").findings
    assert shown(archive) == before
    assert archive.states(aip)["a"] == "unknown"
    archive.audit()
    (((tier, path), outcome),) = archive.damages().items()
    assert (tier, path.rpartition("/")[2], outcome) == ("a", "premis-kho.xml", "missing")
