"""Canaries, and the proof that they are worth something: checkers that are broken in the ways of the field, each noticed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from weakref import WeakSet

import pytest

from fixity.verify import FixityReport, Outcome
from repository.checks.canaries import CYCLE, KINDS, plant
from repository.demo import make_records
from storage.errors import StorageError
from storage.ocfl import visits
from storage.ocfl.medium import Medium
from storage.ocfl.reread import Reread
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier
from tests.clocks import RunningClock

ROOT = Path(__file__).resolve().parents[2]
PLANTABLE = tuple(kind for kind in KINDS if os.geteuid() or kind != "unreadable")


@pytest.fixture(scope="module")
def held(tmp_path_factory: pytest.TempPathFactory, identifier: SharedIdentifier) -> Iterator[ArchiveUnderTest]:
    """An archive with one AIP."""
    made = ArchiveUnderTest(tmp_path_factory.mktemp("canaries"), identifier)
    made.deposit(make_records(made.folder / "records")[0])
    yield made
    made.close()


def test_every_step_of_an_audit_finds_what_was_planted(held: ArchiveUnderTest) -> None:
    report = held.audit()
    assert report.copies == {"good": 2}
    assert {tier: (count.planted, count.found, count.missed) for tier, count in report.canaries.items()} == {
        name: (len(PLANTABLE), len(PLANTABLE), ()) for name in ("a", "b")
    }
    events = held.catalog.events.list(type="canary check").items
    assert [(each.outcome, each.detail["planted"], each.detail["found"]) for each in events[-2:]] == [
        ("success", len(PLANTABLE), len(PLANTABLE))
    ] * 2


def test_canaries_are_in_no_count_export_comparison_or_rebuild(held: ArchiveUnderTest) -> None:
    held.audit()
    assert [each.copies for each in held.catalog.copies.summary(datetime.now(UTC))] == [1, 1]
    assert held.audit().stranger_count == 0
    assert held.damages() == {}
    assert held.repair().copies == 0
    assert len(list(held.tier("a").versions())) == 1
    assert len(list(held.tier("a").canaries().versions())) == len(PLANTABLE)


def test_another_choice_every_cycle(held: ArchiveUnderTest) -> None:
    clock = RunningClock(datetime.now(UTC))
    archive = replace(held.engine.archive, clock=clock)
    tier = held.tier("a")
    choices = {tuple(sorted((one.kind, one.path) for one in plant(archive, tier))) for _ in range(3)}
    assert len(choices) == 3
    assert len(list(tier.canaries().versions())) == len(PLANTABLE)
    from repository.checks.canaries import checks_of

    before = {one.object_id for one, _ in checks_of(archive, ["a"], "sha512")}
    clock.advance(CYCLE - timedelta(seconds=1))
    assert {one.object_id for one, _ in checks_of(archive, ["a"], "sha512")} == before
    clock.advance(timedelta(seconds=1))
    assert not {one.object_id for one, _ in checks_of(archive, ["a"], "sha512")} & before


def skips_a_file(patch: pytest.MonkeyPatch) -> None:
    """DSpace: what is not looked at is not wrong."""
    files = Reread._files

    def mutant(self: Reread, folder: int, names: list[str], prefix: str) -> None:
        for name in names[:1]:
            self._take(prefix + name)
        files(self, folder, names[1:], prefix)

    patch.setattr(Reread, "_files", mutant)


def skips_metadata(patch: pytest.MonkeyPatch) -> None:
    """RODA: descriptive and preservation metadata are never hashed."""
    files = Reread._files

    def mutant(self: Reread, folder: int, names: list[str], prefix: str) -> None:
        if "metadata" in prefix or prefix == "":
            for name in names:
                self._take(prefix + name)
            return
        files(self, folder, names, prefix)

    patch.setattr(Reread, "_files", mutant)


def compares_a_digest_with_itself(patch: pytest.MonkeyPatch) -> None:
    """DSpace DS-3796."""
    judge = Reread._judge
    patch.setattr(Reread, "_judge", lambda self, path, expected, size, found: judge(self, path, found, size, found))


def compares_with_what_the_object_says_of_itself(patch: pytest.MonkeyPatch) -> None:
    """Never reports what is altered."""
    problem = FixityReport.problem

    def mutant(self: FixityReport, path: str, outcome: Outcome, expected: str = "", found: str = "") -> None:
        if outcome is Outcome.ALTERED:
            self.good(0)
        else:
            problem(self, path, outcome, expected, found)

    patch.setattr(FixityReport, "problem", mutant)


def swallows(outcome: Outcome) -> Callable[[pytest.MonkeyPatch], None]:
    def broken(patch: pytest.MonkeyPatch) -> None:
        problem = FixityReport.problem

        def mutant(self: FixityReport, path: str, found_out: Outcome, expected: str = "", found: str = "") -> None:
            if found_out is not outcome:
                problem(self, path, found_out, expected, found)

        patch.setattr(FixityReport, "problem", mutant)

    broken.__name__ = f"swallows_{outcome.value}"
    return broken


def trusts_the_size(patch: pytest.MonkeyPatch) -> None:
    """HEAD instead of reading: the length is right, so it is well."""
    judge = Reread._judge
    patch.setattr(Reread, "_judge", lambda self, path, expected, size, found: judge(self, path, expected, size, expected))


def reads_only_the_beginning(patch: pytest.MonkeyPatch) -> None:
    digest = Medium.digest

    def mutant(self: Medium, descriptor: int, algorithm: str) -> tuple[int, bytes]:
        size, found = digest(self, descriptor, algorithm)
        return min(size, 1 << 16), found

    patch.setattr(Medium, "digest", mutant)


def every_report(patch: pytest.MonkeyPatch, change: Callable[[FixityReport], FixityReport]) -> None:
    """What a local tier says of copies, one or several, is changed on its way."""
    strides = visits.in_strides

    def mutant(these: Iterable[visits.Visit]) -> Iterator[FixityReport | StorageError]:
        yield from (change(each) if isinstance(each, FixityReport) else each for each in strides(these))

    patch.setattr("storage.ocfl.tier.in_strides", mutant)


def always_good(patch: pytest.MonkeyPatch) -> None:
    """Scholarsphere: the checks were mocked."""

    def good(report: FixityReport) -> FixityReport:
        report = FixityReport("sha512")
        report.good(1)
        return report

    every_report(patch, good)


def always_bad(patch: pytest.MonkeyPatch) -> None:
    """A false alarm is a lie, too."""

    def bad(report: FixityReport) -> FixityReport:
        report.problem("v1/x", Outcome.MISSING)
        return report

    every_report(patch, bad)


def answers_from_memory(patch: pytest.MonkeyPatch) -> None:
    """A report that was made for another object is handed out again."""
    known: list[FixityReport] = []

    def first(report: FixityReport) -> FixityReport:
        known.append(report)
        return known[0]

    every_report(patch, first)


def calls_missing_altered(patch: pytest.MonkeyPatch) -> None:
    problem = FixityReport.problem

    def mutant(self: FixityReport, path: str, outcome: Outcome, expected: str = "", found: str = "") -> None:
        problem(self, path, Outcome.ALTERED if outcome is Outcome.MISSING else outcome, expected, found)

    patch.setattr(FixityReport, "problem", mutant)


def counts_but_does_not_hash(patch: pytest.MonkeyPatch) -> None:
    """Only the first content file is hashed; ESSArch looks at three of thousands."""
    read = Reread._read
    seen: WeakSet[Reread] = WeakSet()

    def mutant(self: Reread, path: str, expected: bytes, descriptor: int) -> None:
        if self in seen:
            self.report.good(os.fstat(descriptor).st_size)
            os.close(descriptor)
            return
        seen.add(self)
        read(self, path, expected, descriptor)

    patch.setattr(Reread, "_read", mutant)


MUTANTS = [
    skips_a_file,
    skips_metadata,
    compares_a_digest_with_itself,
    compares_with_what_the_object_says_of_itself,
    swallows(Outcome.MISSING),
    swallows(Outcome.EXTRA),
    swallows(Outcome.ALTERED),
    trusts_the_size,
    reads_only_the_beginning,
    always_good,
    always_bad,
    answers_from_memory,
    calls_missing_altered,
]


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.__name__)
def test_a_broken_checker_is_noticed(
    held: ArchiveUnderTest, monkeypatch: pytest.MonkeyPatch, mutant: Callable[[pytest.MonkeyPatch], None]
) -> None:
    mutant(monkeypatch)
    report = held.audit()
    assert any(count.missed for count in report.canaries.values()), report.canaries
    latest = held.catalog.events.list(type="canary check", limit=1000).items[-2:]
    assert "fail" in {each.outcome for each in latest}
    monkeypatch.undo()
    assert not any(count.missed for count in held.audit().canaries.values())


def test_a_checker_that_looks_at_one_file_only_is_noticed_within_some_cycles(
    held: ArchiveUnderTest, monkeypatch: pytest.MonkeyPatch
) -> None:
    counts_but_does_not_hash(monkeypatch)
    archive = held.engine.archive
    noticed = False
    for _ in range(20):
        for name in ("a", "b"):
            plant(archive, held.tier(name))
        noticed = noticed or any(count.missed for count in held.audit().canaries.values())
    assert noticed


AS_A_USER = """
import ctypes, os, sys
sys.path[:0] = [{root!r}]
if os.geteuid() == 0:  # root without the right to read everything (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH)
    header = (ctypes.c_uint32 * 2)(0x20080522, 0)
    data = (ctypes.c_uint32 * 6)()
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.capget(header, data) == 0
    for field in (0, 1, 2):
        data[field] &= ~0b110
    assert libc.capset(header, data) == 0, ctypes.get_errno()
from pathlib import Path
from repository.engine import Engine
from repository.checks.canaries import checks_of, reconcile, plant
from fixity.verify import FixityReport, Outcome
home = Path({home!r})
with Engine.create(home, tiers={{"a": home / "tiers" / "a"}}) as engine:
    checks = checks_of(engine.archive, ["a"], "sha512")
    found = [(canary, check.run(lambda count: None)) for canary, check in checks]
    (count,) = reconcile(found).values()
    assert (count.planted, count.found, count.missed, count.left_out) == (6, 6, (), ()), count
    problem = FixityReport.problem
    def mutant(self, path, outcome, expected="", found=""):
        if outcome is Outcome.UNREADABLE:
            self.good(0)
        else:
            problem(self, path, outcome, expected, found)
    FixityReport.problem = mutant
    found = [(canary, check.run(lambda count: None)) for canary, check in checks]
    (count,) = reconcile(found).values()
    assert count.missed == ("unreadable",), count
    plant(engine.archive, engine.archive.tiers["a"])
print("done")
"""


def test_what_is_unreadable_and_counted_as_fine_is_noticed(tmp_path: Path) -> None:
    """In a process without the rights of root, for which nothing is unreadable."""
    program = AS_A_USER.format(root=str(ROOT), home=str(tmp_path / "archive"))
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.stdout == "done\n", done.stderr


def test_where_nothing_can_be_planted_the_expected_digest_is_altered(held: ArchiveUnderTest) -> None:
    from repository.checks.canaries import reconcile, tampered
    from storage.tier import ObjectId
    from storage.verifiers import Check

    (aip,) = (each.id for each in held.engine.holdings.list().items)
    expected = held.catalog.holdings.inventories([aip])[aip]
    canary, check = tampered(Check(held.tier("a"), ObjectId(aip), expected, "sha512"))
    found = check.run(lambda count: None)
    assert isinstance(found, FixityReport)
    (count,) = reconcile([(canary, found)]).values()
    assert (count.planted, count.found) == (1, 1)
    blind = FixityReport("sha512")
    blind.good(1)
    (count,) = reconcile([(canary, blind)]).values()
    assert count.missed == ("expected",)
