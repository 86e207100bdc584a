"""Whole flows over a disk and a tape library: deposits, audits, damage, repair, loss, refresh, recovery."""

from __future__ import annotations

import itertools
import os
import random
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.findings import Finding, spoken
from repository.catalog import Catalog
from repository.copies import refreshing
from repository.engine import Engine
from repository.flow_names import REFRESH
from repository.model import DepositState
from repository.progress import Silent
from repository.settings.home import Settings, SettingsError
from storage.errors import Refused, Unavailable
from storage.tape.cartridge import Cartridge
from storage.tape.changer import Changer
from storage.tape.rows import VolumeState
from storage.tape.shelf import Shelf
from storage.tape.tier import TapeTier
from storage.tape.volumes import Group
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, write_tree
from tests.storage.tape.target import CLEANING, FIRST_MAIL_SLOT, Target, needs_target, running

pytestmark = needs_target

ONE, TWO = "LPD001L8", "LPD002L8"


class TapeArchive(ArchiveUnderTest):
    """An archive on the disk tier "a" and the tape tier "t", whose first volume is labelled."""

    def __init__(self, folder: Path, identifier: SharedIdentifier, target: Target) -> None:
        self.target = target
        super().__init__(folder, identifier, tiers=("a",))
        section = f'\n[[tiers]]\nname = "t"\nkind = "tape"\nchanger = "{target.changer}"\ndrives = {list(target.drives)}\n'
        with open(self.home / "kho.toml", "a", encoding="utf-8") as file:
            file.write(section.replace("'", '"'))
        self.reopen()
        self.engine.tapes.label(ONE, tier=None, capacity=0, made="2026-01-31", years=30)
        self.policy(tiers='["a", "t"]', need="2")

    @property
    def tape(self) -> TapeTier:
        tier = self.engine.archive.tiers["t"]
        assert isinstance(tier, TapeTier)
        return tier

    def state(self, aip: str) -> dict[str, str]:
        return {copy.tier: copy.state.value for copy in self.engine.holdings.show(aip).copies}


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[TapeArchive]:
    with running({ONE: 128, TWO: 128}) as target:
        opened = TapeArchive(tmp_path, identifier, target)
        yield opened
        opened.close()


def package(folder: Path, number: int) -> Path:
    noise = random.Random(number).randbytes(5_000)
    return write_tree(folder / f"in{number}", {f"h\u1ed3 s\u01a1 {number}.bin": noise, "a/b.txt": f"{number}".encode() * 300})


def deposit(archive: TapeArchive, tmp_path: Path, *numbers: int) -> list[str]:
    paths = [package(tmp_path, number) for number in numbers]
    deposits = archive.engine.deposits.submit(paths, producer="Sở Nội vụ", progress=Silent())
    assert {each.state for each in deposits} == {DepositState.STORED}, [each.error for each in deposits]
    return [each.aip_id for each in deposits]


def test_deposits_audits_and_repair_over_disk_and_tape(archive: TapeArchive, tmp_path: Path) -> None:
    ids = deposit(archive, tmp_path, *range(6))
    assert all(archive.state(each) == {"a": "good", "t": "good"} for each in ids)
    report = archive.audit()
    assert (report.checked, dict(report.copies)) == (12, {"good": 12})
    assert report.unavailable == {}
    archive.tape.close()
    flip(archive.target.tapes, random.Random(3).randbytes(5_000))
    report = archive.audit(tier="t")
    assert [(each.aip_id, each.outcome) for each in report.damages] == [(ids[3], "altered")]
    assert report.damages[0].path.endswith("hồ sơ 3.bin")
    repaired = archive.repair()
    assert (repaired.repaired, repaired.failed) == (1, [])
    archive.reopen()
    assert dict(archive.audit().copies) == {"good": 12}


def test_repairs_of_several_records_are_one_group_on_the_tape(
    archive: TapeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = deposit(archive, tmp_path, *range(5))
    archive.tape.close()
    for number in (0, 2, 4):
        flip(archive.target.tapes, random.Random(number).randbytes(5_000))
    assert {each.aip_id for each in archive.audit(tier="t").damages} == {ids[0], ids[2], ids[4]}
    groups: list[int] = []
    group = Shelf._group

    def counted(self: Shelf, cartridge: Cartridge, bundles: Sequence[Any]) -> Group:
        groups.append(len(bundles))
        return group(self, cartridge, bundles)

    monkeypatch.setattr(Shelf, "_group", counted)
    repaired = archive.repair()
    assert (repaired.copies, repaired.repaired, repaired.failed, repaired.unavailable) == (3, 3, [], {})
    assert groups == [1]  # one synchronising file mark, one reading back
    archive.reopen()
    assert dict(archive.audit().copies) == {"good": 10}


def test_a_disk_that_lost_an_aip_gets_it_back_from_tape(archive: TapeArchive, tmp_path: Path) -> None:
    (aip,) = deposit(archive, tmp_path, 1)
    shutil.rmtree(archive.home / "tiers" / "a" / "ocfl" / archive.tape.place_of(aip))  # type: ignore[arg-type]
    archive.audit()
    assert archive.state(aip) == {"a": "damaged", "t": "good"}
    assert archive.repair().failed == []
    assert archive.state(aip) == {"a": "good", "t": "good"}


def test_a_library_that_is_off_reads_as_away_and_copies_are_made_later(archive: TapeArchive, tmp_path: Path) -> None:
    (first,) = deposit(archive, tmp_path, 1)
    archive.policy(need="1")
    archive.target.kill()
    archive.reopen()
    (second,) = deposit(archive, tmp_path, 2)
    report = archive.audit()
    assert set(report.unavailable) == {"t"}
    assert report.damages == []
    assert archive.state(first)["t"] == "good"
    assert archive.state(second) == {"a": "good", "t": "absent"}
    archive.target.start()
    archive.reopen()
    assert archive.repair().failed == []
    assert archive.state(second) == {"a": "good", "t": "good"}
    assert dict(archive.audit().copies) == {"good": 4}


def test_deposits_go_on_while_every_cartridge_is_full(archive: TapeArchive, tmp_path: Path) -> None:
    (first,) = deposit(archive, tmp_path, 1)
    archive.policy(need="1")
    with archive.tape.shelf() as shelf:
        shelf.register.change_volume(ONE, state=VolumeState.FULL)
    late = deposit(archive, tmp_path, 2, 3)
    assert [archive.state(each) for each in late] == [{"a": "good", "t": "absent"}] * 2
    report = archive.audit()  # what is there is read; what is not there yet is no damage
    assert (report.copies, report.damages, report.unavailable) == ({"good": 4, "absent": 2}, [], {})
    repaired = archive.repair()
    assert (repaired.repaired, repaired.failed) == (0, [])
    assert "kho tape label" in Finding("TAPE-NO-ROOM").todo("en")
    assert "TAPE-NO-ROOM" in repaired.unavailable["t"]
    archive.engine.tapes.label(TWO, tier="t", capacity=0, made="", years=0)
    assert archive.repair().failed == []
    assert [archive.state(each) for each in (first, *late)] == [{"a": "good", "t": "good"}] * 3


def test_one_cartridge_that_is_out_hides_no_other(archive: TapeArchive, tmp_path: Path) -> None:
    (first,) = deposit(archive, tmp_path, 1)
    with archive.tape.shelf() as shelf:
        shelf.register.change_volume(ONE, state=VolumeState.FULL)
    archive.engine.tapes.label(TWO, tier="t", capacity=0, made="", years=0)
    (second,) = deposit(archive, tmp_path, 2)
    archive.tape.close()
    archive.target.kill()
    archive.target.take_out(ONE)
    archive.target.start()
    archive.reopen()
    report = archive.audit()
    assert list(report.unavailable) == [f"t/{ONE}"]
    assert report.checked == 3
    assert report.damages == []
    assert archive.state(first)["t"] == "good"
    # It will not come back: given up, its copies are missing, and are made again elsewhere.
    archive.engine.tapes.carry(ONE, "lost")
    assert (archive.state(first)["t"], archive.state(second)["t"]) == ("damaged", "good"), "known without an audit"
    assert archive.repair().failed == []
    assert archive.state(first) == archive.state(second) == {"a": "good", "t": "good"}
    assert archive.tape.locality(first)[0] in ("", TWO)  # type: ignore[arg-type]


def short(archive: TapeArchive) -> int:
    return sum(each.code == "ATT-SHORT" for each in archive.engine.overview.attention())


def test_copies_on_a_cartridge_that_is_lost_are_counted_no_more(archive: TapeArchive, tmp_path: Path) -> None:
    """They are missing from that moment, not from the next audit, which may be a year away."""
    archive.policy(tiers='["a", "t"]', need="2")
    lost, moved = deposit(archive, tmp_path, 1, 2)
    archive.audit()
    assert short(archive) == 0
    archive.engine.tapes.carry(ONE, "lost")
    assert short(archive) == 1
    for aip in (lost, moved):
        assert {(each.path, each.outcome) for each in archive.engine.holdings.show(aip).copies[1].damages} >= {
            ("inventory.json", "missing"),
            ("v1/inventory.json", "missing"),
        }
        told = [each for each in archive.engine.holdings.events(aip) if each.detail.get("seen") == "medium lost"]
        assert [(each.type, each.outcome, each.tier) for each in told] == [("fixity check", "fail", "t")]
    archive.engine.tapes.carry(ONE, "lost")
    archive.engine.tapes.label(TWO, tier="t", capacity=0, made="", years=0)
    assert archive.repair().failed == []
    assert short(archive) == 0
    archive.engine.tapes.carry(ONE, "lost")
    assert short(archive) == 0, "nothing that counts is on it"


def test_a_cartridge_that_was_given_up_and_is_found_is_read_again(archive: TapeArchive, tmp_path: Path) -> None:
    (aip,) = deposit(archive, tmp_path, 1)
    archive.engine.tapes.carry(ONE, "lost")
    archive.engine.tapes.recover(ONE, tier="t", progress=Silent())
    assert archive.engine.tapes.show(ONE).volume.state is VolumeState.SUSPECT
    assert archive.state(aip)["t"] == "damaged", "until it was audited"
    archive.audit()
    assert archive.state(aip) == {"a": "good", "t": "good"}


def test_a_library_that_is_off_is_told_in_the_readers_language(archive: TapeArchive) -> None:
    archive.tape.close()
    archive.target.kill()
    (state,) = archive.engine.tapes.inventory()
    assert "could not" in spoken(state.unreachable)
    assert "Không truy cập được" in spoken(state.unreachable, "vi")
    archive.target.start()


def test_register_and_catalog_come_back_from_a_cartridge_alone(archive: TapeArchive, tmp_path: Path) -> None:
    ids = deposit(archive, tmp_path, 1, 2)
    updated = write_tree(tmp_path / "new", {"neu.txt": b"second version"})
    archive.engine.deposits.submit([updated], producer="Sở Nội vụ", update=ids[0], progress=Silent())
    archive.tape.close()
    archive.close()
    for lost in (*archive.home.glob("catalog.db*"), *(archive.home / "tape").rglob("*.db*")):
        lost.unlink()
    shutil.rmtree(archive.home / "tape")
    shutil.rmtree(archive.home / "tiers" / "a" / "ocfl")
    Catalog.create(Settings.load(archive.home).database)
    with Engine.open(archive.home, actor="user:test") as engine:
        engine.jobs.upgrade()
    archive.open()
    report = archive.engine.tapes.recover(ONE, tier="t", progress=Silent())
    assert report.recovered is not None
    assert report.rebuilt is not None
    assert (report.recovered.bundles, report.recovered.problems) == (2, [])
    assert report.rebuilt.aips == 2
    assert {aip.id: aip.version for aip in archive.engine.holdings.list().items} == {ids[0]: 2, ids[1]: 1}
    audited = archive.audit(tier="t")
    assert dict(audited.copies) == {"good": 2}
    exported = archive.engine.holdings.export(ids[0], tmp_path / "out", form="submission", progress=Silent())
    assert exported.files
    assert (tmp_path / "out" / "neu.txt").read_bytes() == b"second version"


def test_copies_that_a_changed_policy_wants_go_to_tape_together(archive: TapeArchive, tmp_path: Path) -> None:
    archive.policy(tiers='["a"]', need="1")
    ids = deposit(archive, tmp_path, *range(8))
    archive.policy(tiers='["a", "t"]', need="2")
    report = archive.engine.copies.apply(release=False, progress=Silent())
    assert (report.announced, report.repair.failed) == (8, [])
    assert all(archive.state(aip) == {"a": "good", "t": "good"} for aip in ids)
    assert [each.kind for each in archive.engine.tapes.show(ONE).bundles] == ["V", "B"], "one group, and not one for each"
    brought = [each for each in archive.engine.holdings.events(ids[3]) if each.type == "replication" and each.tier == "t"]
    assert [each.detail.get("source") for each in brought] == ["a"]
    assert dict(archive.audit(tier="t").copies) == {"good": 8}


def test_refresh_copies_what_counts_and_leaves_out_what_was_disposed_of(archive: TapeArchive, tmp_path: Path) -> None:
    ids = deposit(archive, tmp_path, 1, 2, 3)
    archive.engine.tapes.label(TWO, tier=None, capacity=0, made="", years=0)
    archive.tape.forget(ids[1])  # type: ignore[arg-type]
    (state,) = archive.engine.tapes.inventory()
    assert state.disposed == {ids[1]: [ONE]}
    assert archive.engine.tapes.show(ONE).disposed == [ids[1]]
    report = archive.engine.tapes.refresh(ONE, progress=Silent())
    assert report.refreshed is not None
    assert report.refreshed["left_out"] == [ids[1]]
    assert (report.refreshed["bundles"], report.refreshed["aips"], report.refreshed["unsound_count"]) == (1, 2, 0)
    assert len(report.findings) == 0
    volumes = {each.barcode: each.state for each in archive.engine.tapes.inventory()[0].volumes}
    assert volumes == {ONE: VolumeState.RETIRED, TWO: VolumeState.OPEN}
    archive.target.kill()
    os.unlink(archive.target.tapes / ONE)
    archive.target.start()
    archive.reopen()
    for aip in (ids[0], ids[2]):
        assert dict(archive.audit(aip=aip).copies) == {"good": 2}
    for name in ("hồ sơ 2.bin", random.Random(2).randbytes(5_000)):
        data = (archive.target.tapes / TWO).read_bytes()
        assert (name if isinstance(name, bytes) else name.encode()) not in data


def test_cartridges_that_are_to_be_refreshed_need_attention(archive: TapeArchive) -> None:
    """Only `kho tape inventory` told of them, which nobody runs who is told of everything else."""

    def told() -> list[tuple[str, str]]:
        return [(each.code, each.path) for each in archive.engine.overview.attention() if each.code.startswith("TAPE-")]

    assert told() == []
    with archive.tape.shelf(library=False) as shelf:  # whoever works with the tier is not waited for
        shelf.register.change_volume(ONE, made=f"{datetime.now(UTC) + timedelta(days=50):%Y-%m-%d}", rated_years=0)
        assert told() == []
        shelf.register.change_volume(ONE, made=f"{datetime.now(UTC).year - 30}-01-31", rated_years=30)
        assert told() == [("TAPE-REPLACE", ONE)]
        shelf.register.change_volume(ONE, state=VolumeState.SUSPECT, note="TapeAlert 4")
        assert told() == [("TAPE-REPLACE", ONE), ("TAPE-SUSPECT", ONE)]
        shelf.register.change_volume(ONE, state=VolumeState.RETIRED)
        assert told() == []


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.parametrize("where", ["append", "verify_together"])
def test_a_refresh_is_a_job_that_goes_on_where_it_was_stopped(
    archive: TapeArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, where: str
) -> None:
    """Killed when the second of three bundles was written and entered, and when the first was about to be read again."""
    monkeypatch.setattr(refreshing, "STEP_BYTES", 1)
    ids = [aip for n in range(3) for aip in deposit(archive, tmp_path, n)]
    archive.engine.tapes.label(TWO, tier=None, capacity=0, made="", years=0)
    owner: Any = Shelf if where == "append" else TapeTier
    real, calls = getattr(owner, where), itertools.count(1)

    def dies(*arguments: Any, **named: Any) -> Any:
        result = real(*arguments, **named)
        if next(calls) == (2 if where == "append" else 1):
            raise Killed
        return result

    with monkeypatch.context() as patch:
        patch.setattr(owner, where, dies)
        with pytest.raises(Killed):
            archive.engine.tapes.refresh(ONE, progress=Silent())
    archive.reopen()
    assert {each.state for each in archive.engine.tapes.inventory()[0].volumes} == {VolumeState.FULL, VolumeState.OPEN}
    assert len(archive.engine.jobs.list(prefix=REFRESH)) == 1
    report = archive.engine.tapes.refresh(ONE, progress=Silent())
    assert report.refreshed is not None
    assert (report.refreshed["aips"], report.refreshed["unsound_count"]) == (3, 0)
    assert len(archive.engine.jobs.list(prefix=REFRESH)) == 1, "the same job"
    assert [each.kind for each in archive.engine.tapes.show(TWO).bundles] == ["V", "B", "B", "B"], "none was written twice"
    volumes = {each.barcode: each.state for each in archive.engine.tapes.inventory()[0].volumes}
    assert volumes == {ONE: VolumeState.RETIRED, TWO: VolumeState.OPEN}
    assert dict(archive.audit(tier="t").copies) == {"good": 3}
    assert all(archive.state(aip) == {"a": "good", "t": "good"} for aip in ids)


def test_cartridges_are_labelled_once_blank_and_for_one_pool(archive: TapeArchive) -> None:
    label = archive.engine.tapes.label
    for barcode, reason in ((ONE, "already"), (CLEANING, "cleaning")):
        with pytest.raises(Refused, match=reason):
            label(barcode, tier="t", capacity=0, made="", years=0)
    with open(archive.home / "kho.toml", "a", encoding="utf-8") as file:
        drives = str(list(archive.target.drives)).replace("'", '"')
        file.write(f'\n[[tiers]]\nname = "u"\nkind = "tape"\nchanger = "{archive.target.changer}"\ndrives = {drives}\n')
    archive.reopen()
    label = archive.engine.tapes.label
    label(TWO, tier="u", capacity=0, made="", years=0)
    with pytest.raises(Refused, match="two pools"):
        label(ONE, tier="u", capacity=0, made="", years=0)
    tier = archive.tape
    with tier.shelf() as shelf, pytest.raises(Refused, match="not blank"):
        shelf.label(TWO, capacity=0, made="", rated_years=0)
    with pytest.raises(Refused, match="belongs to the tier"):
        archive.engine.tapes.recover(TWO, tier="t", progress=Silent())


def test_a_file_larger_than_a_cartridge_is_refused_at_the_door(archive: TapeArchive, tmp_path: Path) -> None:
    file = archive.home / "kho.toml"
    file.write_text(file.read_text().replace('kind = "tape"', 'kind = "tape"\nlargest_file = "10KiB"'))
    archive.reopen()
    deposit(archive, tmp_path, 1)
    large = write_tree(tmp_path / "large", {"a.bin": bytes(10_241), "b.txt": b"b"})
    (refused,) = archive.engine.deposits.submit([large], producer="Sở Nội vụ", progress=Silent())
    assert refused.state is DepositState.REFUSED
    assert [each.path for each in refused.findings if each.code == "DEP-FILE-LARGER-THAN-MEDIUM"] == ["a.bin"]
    archive.policy(tiers='["a"]', need="1")
    archive.collections('\n[collections.x]\nproducers = ["Sở *"]\ncopies.tiers = ["a", "t"]\ncopies.need = 2\n')
    states = []
    for producer in ("Sở Nội vụ", "UBND"):
        again = write_tree(tmp_path / producer, {"a.bin": bytes(10_242), "b.txt": b"b"})
        states += archive.engine.deposits.submit([again], producer=producer, progress=Silent())
    assert [each.state for each in states] == [DepositState.REFUSED, DepositState.STORED], "who has no copy on tape may be larger"


def test_what_was_brought_to_the_mail_slot_stays_there(archive: TapeArchive, tmp_path: Path) -> None:
    (aip,) = deposit(archive, tmp_path, 1)
    archive.policy(need="1")
    archive.engine.tapes.carry(ONE, "export", "vault")
    report = archive.audit()
    assert list(report.unavailable) == [f"t/{ONE}"]
    assert "mail slot" in spoken(report.unavailable[f"t/{ONE}"], "en")
    (late,) = deposit(archive, tmp_path, 2)
    assert archive.state(late) == {"a": "good", "t": "absent"}
    (state,) = archive.engine.tapes.inventory()
    assert next(each for each in state.elements if each.barcode == ONE).kind.name == "MAIL_SLOT"
    archive.engine.tapes.carry(ONE, "import")
    assert archive.repair().failed == []
    assert archive.state(late) == archive.state(aip) == {"a": "good", "t": "good"}


def test_mail_slot_and_shelf(archive: TapeArchive) -> None:
    _, volume = archive.engine.tapes.carry(ONE, "export", "vault 2, shelf 14")
    assert volume.location == "vault 2, shelf 14"
    (state,) = archive.engine.tapes.inventory()
    assert next(each for each in state.elements if each.barcode == ONE).kind.name == "MAIL_SLOT"
    _, volume = archive.engine.tapes.carry(ONE, "import")
    assert volume.location == ""
    assert volume.replace_by == "2056-01-31"


def test_where_a_cartridge_was_brought_is_known_whenever_the_command_was_killed(
    archive: TapeArchive, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody takes it out of the mail slot all the same. A move that did not come about leaves it where it was."""
    real = Changer.move

    def dies(changer: Changer, source: int, destination: int) -> None:
        real(changer, source, destination)
        if destination == FIRST_MAIL_SLOT:
            raise Killed

    def refuses(changer: Changer, source: int, destination: int) -> None:
        raise Unavailable("changer", "stuck")

    monkeypatch.setattr(Changer, "move", refuses)
    with pytest.raises(Unavailable):
        archive.engine.tapes.carry(ONE, "export", "vault")
    assert archive.engine.tapes.show(ONE).volume.location == ""
    monkeypatch.setattr(Changer, "move", dies)
    with pytest.raises(Killed):
        archive.engine.tapes.carry(ONE, "export", "vault 2, shelf 14")
    monkeypatch.setattr(Changer, "move", real)
    archive.reopen()
    assert archive.engine.tapes.show(ONE).volume.location == "vault 2, shelf 14"
    assert archive.engine.tapes.carry(ONE, "export", "vault 3")[1].location == "vault 3"
    assert archive.engine.tapes.carry(ONE, "import")[1].location == ""


@pytest.mark.parametrize("line", ['changer = "/tmp/x y"', "drives = []", 'drives = ["sg3"]', 'bundle = "much"', 'devices = "x"'])
def test_settings_that_cannot_be_meant(tmp_path: Path, line: str) -> None:
    home = tmp_path / "home"
    from repository.settings.home import init_home

    init_home(home)
    good = {"changer": 'changer = "/dev/sg3"', "drives": 'drives = ["/dev/sg4"]', line.split(" ")[0]: line}
    with open(home / "kho.toml", "a", encoding="utf-8") as file:
        file.write('\n[[tiers]]\nname = "t"\nkind = "tape"\n' + "\n".join(good.values()) + "\n")
    with pytest.raises(SettingsError):
        Settings.load(home)


def flip(cartridges: Path, content: bytes) -> None:
    """Change a bit of a file that lies on one of the cartridges of a folder; a block may end in the midst of it."""
    for cartridge in (each for each in (cartridges / ONE, cartridges / TWO) if each.exists()):
        data = cartridge.read_bytes()
        at = max(data.find(content[start : start + 600]) for start in range(0, len(content) - 599, 600)) + 100
        if at >= 100:
            descriptor = os.open(cartridge, os.O_RDWR)
            os.pwrite(descriptor, bytes([data[at] ^ 1]), at)
            os.close(descriptor)
            return
    raise AssertionError("no cartridge holds it")
