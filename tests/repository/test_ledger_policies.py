"""The policy lies in the closed days of the ledger: a lost home gets it back, and whoever inspects reads which one was in force when."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from catalog_builders import a_check
from ledger_scene import START

from repository.archive import Archive
from repository.engine import Engine
from repository.ledger.events import ledger_of
from repository.ledger.keeper import close_days, export_days, keep_day
from repository.ledger.policies import kept_policy
from repository.ledger.verifier import Verifier, canonical
from repository.settings.formats import OWN_POLICY
from tests.builders_archive import ArchiveUnderTest
from tests.clocks import RunningClock

DAY = timedelta(days=1)


def day(archive: ArchiveUnderTest, clock: RunningClock, *, keep: bool = True) -> Archive:
    """Close a day under the policy that the home has now; the archive that did."""
    running = replace(archive.engine.archive, clock=clock, policy=archive.engine.archive.settings.policy())
    ledger_of(running).checked([replace(a_check(1, "a"), time=clock.now())])
    clock.advance(DAY)
    closed = close_days(running)
    assert closed is not None
    assert not keep or keep_day(running, closed)
    return running


def promise(archive: ArchiveUnderTest, words: str) -> bytes:
    place = archive.home / "policy.toml"
    place.write_text(place.read_text(encoding="utf-8") + f"# {words}\n", encoding="utf-8")
    return place.read_bytes()


def exported(archive: Archive, target: Path) -> Path:
    target.mkdir()
    list(export_days(archive, target, 1, 99))
    return target


def test_each_day_has_the_policy_that_was_in_force_at_its_end(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    clock = RunningClock(START)
    first = (archive.home / "policy.toml").read_bytes()
    day(archive, clock)
    day(archive, clock)
    second = promise(archive, "more")
    running = day(archive, clock)
    out = exported(running, tmp_path / "out")
    assert [each.read_bytes() for each in sorted(out.rglob("policy.toml"))] == [first, first, second]
    verifier = Verifier(str(out)).run()
    assert verifier.found == []
    assert ("POLICIES", {"name": "policy.toml", "days": 3, "count": 2, "number": 3}) in verifier.proven


def test_another_policy_in_a_day_is_found_and_a_missing_one_is_told(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    running = day(archive, RunningClock(START))
    (place,) = exported(running, tmp_path / "out").rglob("policy.toml")
    place.write_bytes(place.read_bytes() + b"\n")
    assert [code for code, _, _ in Verifier(str(tmp_path / "out")).run().found] == ["POLICY"]
    place.unlink()
    verifier = Verifier(str(tmp_path / "out")).run()
    assert verifier.found == []
    assert ("POLICY-GONE", {"count": 1}) in verifier.unproven


def test_a_policy_that_was_changed_since_it_was_read_is_in_no_day(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """What the home has by now was not in force, and nobody has the text of what was."""
    clock = RunningClock(START)
    before = archive.engine.archive.settings.policy()
    promise(archive, "more")
    running = replace(archive.engine.archive, clock=clock, policy=before)
    ledger_of(running).checked([replace(a_check(1, "a"), time=clock.now())])
    clock.advance(DAY)
    closed = close_days(running)
    assert closed is not None
    assert keep_day(running, closed)
    assert list(exported(running, tmp_path / "out").rglob("policy.toml")) == []
    assert Verifier(str(tmp_path / "out")).run().found == []


def test_a_day_that_is_kept_late_is_sealed_with_the_policy_of_its_own(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    first, clock = (archive.home / "policy.toml").read_bytes(), RunningClock(START)
    day(archive, clock, keep=False)
    promise(archive, "more")
    running = day(archive, clock)
    (waiting,) = running.catalog.days.unsealed()
    (archive.home / "ledger" / "days" / "1" / "events.ndjson").unlink()  # all but the head has to be brought again
    assert keep_day(running, waiting)
    out = exported(running, tmp_path / "out")
    assert Verifier(str(out)).run().found == []
    assert sorted(out.rglob("policy.toml"))[0].read_bytes() == first


def tiers(archive: ArchiveUnderTest, where: Path) -> dict[str, Path | str]:
    """The home is lost; its tiers are left."""
    archive.close()
    (archive.home / "tiers").rename(where)
    shutil.rmtree(archive.home)
    return {name: where / name for name in ("a", "b")}


def test_a_lost_home_gets_its_last_policy_back(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    clock = RunningClock(START)
    for number in range(5):
        ours = promise(archive, f"policy of day {number + 1}")
        day(archive, clock)
    assert kept_policy(archive.engine.archive.tiers) is not None
    places = tiers(archive, tmp_path / "tiers")
    _, (finding,) = Engine.adopt(archive.home, tiers=places)
    assert (finding.code, finding.args["number"]) == ("SET-POLICY-BACK", 5)
    assert (archive.home / "policy.toml").read_bytes() == ours
    assert not (archive.home / "policy.toml.kept").exists()


def test_a_policy_that_is_there_stays_and_the_other_lies_beside_it(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    day(archive, RunningClock(START))
    known = (archive.home / "policy.toml").read_bytes()
    places = tiers(archive, tmp_path / "tiers")
    archive.home.mkdir()
    (archive.home / "policy.toml").write_bytes(known + b"# mine\n")
    _, (finding,) = Engine.adopt(archive.home, tiers=places)
    assert finding.code == "SET-POLICY-BESIDE"
    assert (archive.home / "policy.toml").read_bytes() == known + b"# mine\n"
    assert (archive.home / "policy.toml.kept").read_bytes() == known
    (archive.home / "kho.toml").unlink()
    (archive.home / "policy.toml").write_bytes(known)
    assert Engine.adopt(archive.home, tiers=places)[1][0].code == "SET-POLICY-SAME"
    archive.home.rename(tmp_path / "done")


def test_a_policy_that_cannot_hold_here_is_only_offered(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    day(archive, RunningClock(START))
    places = tiers(archive, tmp_path / "tiers")
    _, (finding,) = Engine.adopt(archive.home, tiers={"a": places["a"]})
    assert finding.code == "SET-POLICY-BESIDE"
    assert "the tier b, which kho.toml does not know" in finding.text()
    assert '"b"' in (archive.home / "policy.toml.kept").read_text(encoding="utf-8")
    assert b'"b"' not in (archive.home / "policy.toml").read_bytes()


def test_tiers_that_tell_of_different_days_put_nothing_in_force(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    clock = RunningClock(START)
    promise(archive, "ours")
    day(archive, clock)
    places = tiers(archive, tmp_path / "tiers")
    (head,) = Path(places["b"]).rglob("head.json")
    head.chmod(0o644)
    head.write_bytes(head.read_bytes().replace(b'"events":1', b'"events":2'))
    _, (finding,) = Engine.adopt(archive.home, tiers=places)
    assert finding.code == "SET-POLICY-BESIDE"
    assert b"# ours" not in (archive.home / "policy.toml").read_bytes()


@pytest.mark.parametrize("member", [b'"policies":5', b'"date":7', b'"formats":[]', b'"number":9'])
def test_a_head_that_is_none_gives_nothing_back(archive: ArchiveUnderTest, tmp_path: Path, member: bytes) -> None:
    """Whoever can write to a tier keeps nobody from his home."""
    day(archive, RunningClock(START))
    places = tiers(archive, tmp_path / "tiers")
    for head in (head for place in places.values() for head in Path(place).rglob("head.json")):
        said = {**json.loads(head.read_bytes()), **json.loads(b"{%b}" % member)}
        head.chmod(0o644)
        head.write_bytes(canonical(said) + b"\n")
    assert [each.code for each in Engine.adopt(archive.home, tiers=places)[1]] == ["SET-POLICY-NONE"]


def test_tiers_without_a_policy_say_so(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    places = tiers(archive, tmp_path / "tiers")
    assert Engine.adopt(archive.home, tiers=places)[1][0].code == "SET-POLICY-NONE"


@pytest.mark.parametrize("last", [1, 2, 3, 6, 11])
def test_the_last_day_is_found_without_walking_through_all(archive: ArchiveUnderTest, last: int) -> None:
    clock = RunningClock(START)
    for _ in range(last):
        day(archive, clock)
    found = kept_policy(archive.engine.archive.tiers)
    assert found is not None
    assert (found.number, found.agreed) == (last, True)


FORMATS = """[[formats]]
puids = ["fmt/111"]
name = "OLE2 Compound Document Format"
family = "office"
standing = "at-risk"
reason_en = "Nothing here reads it in ten years."
reason_vi = "Không phần mềm nào ở đây đọc được sau mười năm."
sources = ["minutes 12/2025"]
""".encode()


def test_each_day_has_what_the_archive_thinks_of_formats(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    clock = RunningClock(START)
    day(archive, clock)
    (archive.home / OWN_POLICY).write_bytes(FORMATS)
    day(archive, clock)
    (archive.home / OWN_POLICY).write_bytes(b"")
    day(archive, clock, keep=False)
    (archive.home / OWN_POLICY).write_bytes(FORMATS + b"# more\n")
    running = day(archive, clock)
    (waiting,) = running.catalog.days.unsealed()
    assert keep_day(running, waiting)
    out = exported(running, tmp_path / "out")
    held = sorted(out.rglob(OWN_POLICY))
    assert [each.read_bytes() for each in held] == [FORMATS, b"", FORMATS + b"# more\n"]
    verifier = Verifier(str(out)).run()
    assert verifier.found == []
    assert ("POLICIES", {"name": OWN_POLICY, "days": 3, "count": 3, "number": 4}) in verifier.proven
    held[0].write_bytes(FORMATS.replace(b"at-risk", b"preferred"))
    assert [code for code, _, _ in Verifier(str(out)).run().found] == ["POLICY"]
    held[0].unlink()
    verifier = Verifier(str(out)).run()
    assert (verifier.found, ("POLICY-GONE", {"count": 1}) in verifier.unproven) == ([], True)
    (held[0].parent.parent / "000001-2026-03-01" / OWN_POLICY).write_bytes(FORMATS)  # no head tells of it
    assert [code for code, _, _ in Verifier(str(out)).run().found] == ["POLICY"]


def test_a_lost_home_gets_back_what_it_thought_of_formats(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    clock = RunningClock(START)
    day(archive, clock)
    (archive.home / OWN_POLICY).write_bytes(FORMATS)
    day(archive, clock)
    places = tiers(archive, tmp_path / "tiers")
    _, findings = Engine.adopt(archive.home, tiers=places)
    assert [each.code for each in findings] == ["SET-POLICY-SAME", "SET-FORMATS-BACK"]
    assert (archive.home / OWN_POLICY).read_bytes() == FORMATS
    for known, code in ((FORMATS, "SET-POLICY-SAME"), (b"# mine\n", "SET-FORMATS-BESIDE")):
        (archive.home / "kho.toml").unlink()
        (archive.home / OWN_POLICY).write_bytes(known)
        _, findings = Engine.adopt(archive.home, tiers=places)
        assert findings[-1].code == code
        assert (archive.home / OWN_POLICY).read_bytes() == known
    assert (archive.home / f"{OWN_POLICY}.kept").read_bytes() == FORMATS


def test_what_cannot_be_read_as_a_view_of_formats_is_only_offered(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    (archive.home / OWN_POLICY).write_bytes(b"[nothing\n")
    day(archive, RunningClock(START))
    places = tiers(archive, tmp_path / "tiers")
    _, findings = Engine.adopt(archive.home, tiers=places)
    assert [each.code for each in findings] == ["SET-POLICY-SAME", "SET-FORMATS-BESIDE"]
    assert not (archive.home / OWN_POLICY).exists()
    assert (archive.home / f"{OWN_POLICY}.kept").read_bytes() == b"[nothing\n"


def under(archive: ArchiveUnderTest, clock: RunningClock) -> Archive:
    """Something happens under the policy that the home has now."""
    running = replace(archive.engine.archive, clock=clock, policy=archive.engine.archive.settings.policy())
    ledger_of(running).checked([replace(a_check(1, "a"), time=clock.now())])
    return running


def test_every_policy_under_which_something_happened_is_in_the_day(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """Changed twice in one day: an event names the digest of a text that nobody would have."""
    clock = RunningClock(START)
    day(archive, clock)
    texts = []
    for words in ("first", "second", "third"):
        texts.append(promise(archive, words))
        under(archive, clock)
    running = day(archive, clock)
    out = exported(running, tmp_path / "out")
    (second,) = out.glob("days/000002-*")
    names = [f"policy-{hashlib.sha256(text).hexdigest()}.toml" for text in texts[:2]]
    assert {each.name: each.read_bytes() for each in second.glob("policy*.toml")} == {
        **dict(zip(names, texts, strict=False)),
        "policy.toml": texts[2],
    }
    assert not list(out.glob("days/000001-*/policy-*.toml"))
    verifier = Verifier(str(out)).run()
    assert verifier.found == []
    assert ("POLICIES", {"name": "policy.toml", "days": 2, "count": 4, "number": 2}) in verifier.proven
    shutil.rmtree(archive.home / "ledger" / "policies")
    again = exported(running, tmp_path / "again")  # from a tier
    assert {each.name for each in again.rglob("policy-*.toml")} == set(names)
    (second / names[0]).write_bytes(texts[1])
    assert [code for code, _, _ in Verifier(str(out)).run().found] == ["POLICY"]
    (second / names[0]).unlink()
    verifier = Verifier(str(out)).run()
    assert (verifier.found, ("POLICY-GONE", {"count": 1}) in verifier.unproven) == ([], True)
