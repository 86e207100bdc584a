"""What a hash-tree renewal had to leave out is taken in by itself once it can be read again; and what no proof holds for any more is proved
anew, with the loss told."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from contextlib import chdir, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from policies.findings import Finding
from repository.attention.entries import attention
from repository.cli.run import run
from repository.evidence import rehashing
from repository.evidence.leaves import DataObject, hashed_again
from repository.progress import Silent
from signatures.timestamps import Believed
from tests.builders_archive import SharedIdentifier
from tests.repository.proved_archive import Proved
from tests.repository.test_evidence_endures import ending, ends, errors, judged, proved
from tests.signatures.authorities import NOW

LEFT = "renewal of what was left out"
SHA256_ENDS = "2028-06-01"  # 552 days after NOW


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    made = Proved(tmp_path, identifier)
    yield made
    made.end()


@contextmanager
def away(archive: Proved, *ends: str) -> Iterator[None]:
    """Files whose path ends so are on no tier."""
    moved = []
    for place in archive.engine.archive.settings.tiers:
        for path in sorted(place.path.rglob("*")):
            if path.is_file() and "/data/" in path.as_posix() and path.as_posix().endswith(ends):
                moved.append((path.rename(path.with_name(f"{path.name} away")), path))
    assert moved
    try:
        yield
    finally:
        for there, path in moved:
            there.rename(path)


def told(archive: Proved) -> dict[str, Finding]:
    return {each.code: each for each in attention(archive.engine.archive) if each.code.startswith("EVD-")}


def kho(archive: Proved, folder: Path, line: str, days: float) -> int:
    """What a line of an exported README ends with, so many days after the beginning."""
    at = (NOW + timedelta(days=days)).isoformat()
    with chdir(folder):
        return run([*shlex.split(line)[1:], "--algorithms", str(archive.home / "ends.toml"), "--at", at])


def later(archive: Proved, days: float) -> None:
    archive.clock.pass_days((NOW + timedelta(days=days) - archive.clock.now()) / timedelta(days=1))


def left_out(archive: Proved, *files: str) -> str:
    """An archive whose first tree was renewed without ``files``."""
    aip = ending(archive)
    with away(archive, *files):
        later(archive, 530)
        assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1
        for _ in range(2):
            done = archive.engine.evidence.renew()
            assert (done["tokens"], done["renewed"][LEFT], done["findings"]) == (0, 0, [])
    return aip


def one_back(archive: Proved) -> str:
    """An archive of which two files were left out until it was too late; one of them is back then, and was proved anew. Whoever goes on
    must keep "/name" away."""
    aip = left_out(archive, "/1.bin", "/name")
    with away(archive, "/1.bin", "/name"):
        later(archive, 560)
        archive.engine.evidence.renew()
    with away(archive, "/name"):
        later(archive, 562)
        assert archive.engine.evidence.renew()["renewed"][LEFT] == 1
    return aip


def test_what_was_left_out_is_taken_in_when_it_is_back(archive: Proved) -> None:
    aip = left_out(archive, "/1.bin")
    found = told(archive)["EVD-LEFT-OUT"]
    assert (found.args["count"], found.args["until"]) == (1, SHA256_ENDS)
    assert str(found.args["first"]) == f"{aip}@v1"
    (row,) = (each for each in archive.engine.evidence.plan().rows if each.kind == LEFT)
    assert (row.tree, row.authorities) == ("sha256", ("one",))
    done = archive.engine.evidence.renew()
    assert (done["renewed"][LEFT], done["tokens"], done["findings"]) == (1, 2, [])  # one of them before all else is read
    assert told(archive) == {}
    assert archive.engine.evidence.renew()["tokens"] == 0
    later(archive, 600)  # SHA-256 has ended
    folder, exported = archive.proof(aip, "out")
    assert (exported.records, list(exported.findings)) == (["sha256.er", "sha512.er"], [])
    report = judged(folder, "sha256", 600)
    assert (errors(report.findings), [each.hash for each in report.stamps]) == ([], ["sha256", "sha384"])
    assert len(proved(archive, aip, archive.clock.now())) == 1
    archive.whole()


def test_what_is_back_is_taken_in_and_the_rest_waits_on(archive: Proved) -> None:
    aip = left_out(archive, "/1.bin", "/name")
    with away(archive, "/name"):
        assert archive.engine.evidence.renew()["renewed"][LEFT] == 1
        assert told(archive)["EVD-LEFT-OUT"].args["count"] == 1
        assert archive.engine.evidence.renew()["tokens"] == 0
    assert archive.engine.evidence.renew()["renewed"][LEFT] == 1
    assert told(archive) == {}
    folder, _ = archive.proof(aip, "out")
    assert judged(folder, "sha256", 535).valid


def test_a_whole_version_that_was_away_is_taken_in(archive: Proved) -> None:
    aip = ending(archive)
    places = [archive.object(aip, name) for name in archive.engine.archive.tiers]
    moved = [(place.rename(place.with_name(f"{place.name}-away")), place) for place in places]
    later(archive, 530)
    assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1
    assert told(archive)["EVD-LEFT-OUT"].args["count"] == 1
    for there, place in moved:
        there.rename(place)
    assert archive.engine.evidence.renew()["renewed"][LEFT] == 1
    assert "EVD-LEFT-OUT" not in told(archive)
    folder, _ = archive.proof(aip, "out")
    assert judged(folder, "sha256", 535).valid


def in_lists(archive: Proved) -> None:
    """From here on a list stands for the files of a version."""
    file = archive.home / "policy.toml"
    file.write_text(file.read_text(encoding="utf-8").replace('lead = "180d"', 'lead = "180d"\ngroup = 2'), encoding="utf-8")
    archive.reopen()


def test_what_lies_behind_a_list_is_told_of_and_taken_in_too(archive: Proved) -> None:
    in_lists(archive)
    aip = left_out(archive, "/1.bin")
    assert told(archive)["EVD-LEFT-OUT"].args["count"] == 1
    assert archive.engine.evidence.renew()["renewed"][LEFT] == 1
    assert told(archive) == {}
    later(archive, 600)
    assert None not in proved(archive, aip, archive.clock.now())
    folder, _ = archive.proof(aip, "out")
    assert b"1.bin" in (folder / "data" / "lists" / "0.sha256.sha384.txt").read_bytes()


def test_lists_are_those_of_the_generation_that_is_made_again(archive: Proved) -> None:
    """A wrong end in the file of algorithms had made a generation more, with lists of its own, which goes when that is put right."""
    in_lists(archive)
    archive.authority("one", "sha256", hash_name="sha384")  # one tree, so that it alone can prove
    aips = [archive.give("a"), archive.give("b", {"b.txt": b"b", "c": b"c", "d": b"d"})]
    archive.engine.evidence.batch()
    (since,) = proved(archive, aips[0], archive.clock.now())
    ends(archive, sha256="2028-06-01")
    archive.clock.pass_days(500)
    with away(archive, "/1.bin"):
        later(archive, 530)
        for wrong in ("", "2028-05-20"):
            ends(archive, sha256="2028-06-01", sha512=wrong)
            assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 1
    ends(archive, sha256="2028-06-01")
    later(archive, 533)
    assert archive.engine.evidence.renew()["renewed"][LEFT] == 1
    assert [each["generations"] for row in archive.catalog.evidence.batches() for each in row.trees] == [["sha256", "sha512"]]
    later(archive, 600)
    for number, aip in enumerate(aips):
        assert proved(archive, aip, archive.clock.now()) == {since}
        folder, exported = archive.proof(aip, f"out{number}")
        assert [kho(archive, folder, line, 600) for line in exported.verify] == [0]


def test_a_failed_authority_leaves_what_was_renewed_as_it_was(archive: Proved) -> None:
    aip = left_out(archive, "/1.bin")
    archive.no_authorities()
    assert {code for code, _, _ in archive.engine.evidence.renew()["findings"]} == {"EVD-NOT-RENEWED"}
    assert "EVD-LEFT-OUT" in told(archive)
    _, exported = archive.proof(aip, "out")
    assert exported.records == ["sha256.er", "sha256-before.er", "sha512.er"]


def renewed_in_vain(archive: Proved, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many files are read in a round that ends without a stamp."""
    read = list[str]()

    def counted(tiers: Any, object_id: str, each: DataObject, *further: Any) -> bytes | None:
        read.append(each.path)
        return hashed_again(tiers, object_id, each, *further)

    with monkeypatch.context() as patch:
        patch.setattr(rehashing, "hashed_again", counted)
        assert {code for code, _, _ in archive.engine.evidence.renew()["findings"]} == {"EVD-NOT-RENEWED"}
    return len(read)


def test_content_is_not_read_for_a_stamp_that_nobody_gives(archive: Proved, monkeypatch: pytest.MonkeyPatch) -> None:
    ending(archive)
    later(archive, 530)
    archive.no_authorities()
    assert renewed_in_vain(archive, monkeypatch) == 1


def test_nor_is_it_for_a_tree_that_is_begun_anew(archive: Proved, monkeypatch: pytest.MonkeyPatch) -> None:
    outage(archive)
    archive.no_authorities()
    assert renewed_in_vain(archive, monkeypatch) == 1


def test_nor_for_what_was_left_out(archive: Proved, monkeypatch: pytest.MonkeyPatch) -> None:
    left_out(archive, "/1.bin", "/name", "báo cáo.txt")
    archive.no_authorities()
    assert renewed_in_vain(archive, monkeypatch) <= 2  # one that tells whether trying is worth it, and one


def test_what_comes_back_too_late_is_proved_anew_and_the_loss_is_told(archive: Proved) -> None:
    aip = left_out(archive, "/1.bin")
    with away(archive, "/1.bin"):
        later(archive, 560)
        assert archive.engine.evidence.renew()["tokens"] == 0
        assert told(archive)["EVD-LEFT-BEHIND"].args["until"] == SHA256_ENDS
        later(archive, 562)  # tried once more, and in vain
        assert archive.engine.evidence.renew()["tokens"] == 0
    done = archive.engine.evidence.renew()
    assert (done["renewed"][LEFT], [code for code, _, _ in done["findings"]]) == (1, ["EVD-BEGUN-BESIDE"])
    assert told(archive) == {}
    assert archive.engine.evidence.renew()["tokens"] == 0
    folder, exported = archive.proof(aip, "out")
    assert exported.records == ["sha256.er", "sha256-before.er", "sha512.er", "sha256.2.er"]
    report = judged(folder, "sha256.2", 563)
    assert (errors(report.findings), [each.hash for each in report.stamps]) == ([], ["sha384"])
    archive.whole()


@pytest.mark.parametrize("listed", [False, True], ids=["each in the tree", "behind a list"])
def test_a_file_that_every_tree_left_out_is_told_of_when_it_is_proved_anew(archive: Proved, listed: bool) -> None:
    if listed:
        in_lists(archive)
    archive.authority("one", "sha256", hash_name="sha384")
    archive.authority("two", "sha512", "p384", hash_name="sha384")
    other = archive.give("0")
    aip = archive.give("a")
    archive.engine.evidence.batch()
    ends(archive, sha256="2028-06-01", sha512="2028-06-01")
    archive.clock.pass_days(500)
    with away(archive, "/1.bin"):
        later(archive, 530)
        assert archive.engine.evidence.renew()["renewed"]["hash-tree renewal"] == 2
        later(archive, 560)
        archive.engine.evidence.renew()
        assert set(told(archive)) == {"EVD-LEFT-BEHIND"}
    later(archive, 562)
    assert archive.engine.evidence.renew()["renewed"][LEFT] == 2
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=Silent())
    (finding,) = told(archive).values()
    assert (finding.code, finding.args["first"] in (f"{aip}@v1", f"{other}@v1")) == ("EVD-FILES-PROVED-ANEW", True)
    assert (finding.args["count"], finding.args["before"], finding.args["since"]) == (2, "2026-11-26", "2028-06-10")
    since = proved(archive, aip, archive.clock.now())
    assert {f"{each:%Y-%m-%d}" for each in since if each} == {"2026-11-26", "2028-06-10"}


def outage(archive: Proved) -> str:
    """An archive that nobody looked after for years: certificates ended, and SHA-256 with them."""
    archive.authority("one", "sha256", years=3)
    archive.authority("two", "sha512", "p384", years=3)
    aip = archive.give("a")
    archive.engine.evidence.batch()
    ends(archive, sha256="2028-06-01")
    archive.clock.pass_days(4 * 365)
    archive.authority("three", "sha256", "p384", years=20, hash_name="sha384")
    archive.authority("four", "sha512", "p384", years=20, hash_name="sha384")
    return aip


def test_evidence_that_lapsed_is_begun_anew_and_never_made_to_look_unbroken(archive: Proved) -> None:
    aip = outage(archive)
    assert "EVD-LAPSED" in told(archive)
    assert proved(archive, aip, archive.clock.now()) == {None}
    done = archive.engine.evidence.renew()
    assert (done["renewed"]["first stamp"], done["renewed"]["time-stamp renewal"], done["tokens"]) == (2, 0, 3)
    assert [code for code, _, _ in done["findings"]] == ["EVD-BEGUN-AGAIN", "EVD-BEGUN-AGAIN"]
    found = told(archive)
    assert set(found) == {"EVD-PROVED-ANEW"}
    assert (found["EVD-PROVED-ANEW"].args["before"], found["EVD-PROVED-ANEW"].args["since"]) == ("2026-11-26", "2030-11-25")
    (event,) = (each for each in archive.catalog.events.newest("evidence", 10) if "sha256.2" in each.detail)
    assert "not renewed in time" in str(event.detail["sha256.2"])
    (since,) = proved(archive, aip, archive.clock.now())
    assert since is not None
    assert since > NOW + timedelta(days=4 * 365 - 1)
    (before,) = proved(archive, aip, NOW + timedelta(days=300))  # as of a day when it had not lapsed
    assert before is not None
    assert before < NOW + timedelta(days=1)


def test_what_was_begun_anew_is_exported_with_what_was_given_up(archive: Proved) -> None:
    aip = outage(archive)
    archive.engine.evidence.renew()
    folder, exported = archive.proof(aip, "out")
    assert exported.records == ["sha256-given-up.er", "sha512-given-up.er", "sha256.2.er", "sha512.2.er"]
    assert [each.code for each in exported.findings] == ["EVD-GIVEN-UP", "EVD-GIVEN-UP"]
    for tree, hash_name in (("sha256.2", "sha384"), ("sha512.2", "sha512")):
        report = judged(folder, tree, 4 * 365 + 1)
        assert (errors(report.findings), report.trust, [each.hash for each in report.stamps]) == ([], Believed.YES, [hash_name])
    assert not judged(folder, "sha256-given-up", 4 * 365 + 1).valid
    assert judged(folder, "sha256-given-up", 300).valid
    readme = (folder / "README.txt").read_text(encoding="utf-8")
    assert "sha256-given-up.er: a record that proves nothing today" in readme
    assert "given-up" not in "".join(exported.verify)
    archive.whole()


def test_what_was_begun_anew_is_renewed_and_outlives_the_catalog(archive: Proved) -> None:
    aip = outage(archive)
    archive.engine.evidence.renew()
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=Silent())
    assert set(told(archive)) == {"EVD-PROVED-ANEW"}
    archive.clock.pass_days(19.7 * 365.25)
    archive.authority("five", "sha256", "p384", years=40, hash_name="sha384")
    archive.authority("six", "sha512", "p384", years=40, hash_name="sha384")
    since = proved(archive, aip, archive.clock.now())
    assert archive.engine.evidence.renew()["renewed"]["time-stamp renewal"] == 2
    archive.clock.pass_days(10 * 365)
    assert proved(archive, aip, archive.clock.now()) == since


def test_a_date_that_was_wrong_takes_nothing_away_for_good(archive: Proved) -> None:
    """Somebody writes a wrong end into the file of algorithms, and the worker goes on; put right, the old evidence counts again."""
    archive.authority("one", "sha256", years=20, hash_name="sha384")
    archive.authority("two", "sha512", "p384", years=20, hash_name="sha384")
    aip = archive.give("a")
    archive.engine.evidence.batch()
    since = proved(archive, aip, archive.clock.now())
    archive.clock.pass_days(300)
    ends(archive, sha256="2020-01-01", sha512="2020-01-01")
    assert "EVD-LAPSED" in told(archive)
    assert archive.engine.evidence.renew()["renewed"]["first stamp"] == 2
    ends(archive)
    assert "EVD-PROVED-ANEW" not in told(archive)
    assert proved(archive, aip, archive.clock.now()) == since
    archive.clock.pass_days(6_850)
    due = {each.tree for each in archive.engine.evidence.plan().rows if each.kind == "time-stamp renewal"}
    assert due == {"sha256", "sha512", "sha256.2", "sha512.2"}


def test_batches_have_two_trees_also_when_the_hash_of_one_has_ended(archive: Proved) -> None:
    ends(archive, sha256="2026-01-01")
    archive.authority("one", "sha256", hash_name="sha384")
    archive.authority("two", "sha512", "p384", hash_name="sha384")
    aip = archive.give("a")
    done = archive.engine.evidence.batch()
    assert (done["trees"], done["failures"]) == (["sha256", "sha512"], [])
    folder, exported = archive.proof(aip, "out")
    assert exported.records == ["sha256.er", "sha512.er"]
    for tree, hash_name in (("sha256", "sha384"), ("sha512", "sha512")):
        report = judged(folder, tree, 1)
        assert (errors(report.findings), [each.hash for each in report.stamps]) == ([], [hash_name])
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=Silent())
    assert told(archive) == {}
    assert len(proved(archive, aip, archive.clock.now())) == 1
