"""Deposits of one command come out as if each had been handed in by a command of its own: what they have in common is found."""

from __future__ import annotations

import hashlib
import json
import os
import random
import time
import traceback
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from repository import flows
from repository.aip.sealing import seal
from repository.aip.submission import SUBMISSION_PATH, read_submission
from repository.deposits import examine, ingest, settling
from repository.engine import Engine
from repository.model import Deposit, DepositState
from repository.progress import Silent
from repository.views.records import deposit as as_document
from tests.builders_archive import PRODUCER, ArchiveUnderTest, SharedIdentifier, new_archive, snapshot, write_tree

LOGO, LETTER = b"logo" * 50, b"letter" * 50


def bag(top: Path, data: dict[str, bytes], identifier: str) -> Path:
    write_tree(top, {f"data/{name}": content for name, content in data.items()})
    (top / "bagit.txt").write_text("BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n")
    (top / "bag-info.txt").write_text(f"External-Identifier: {identifier}\n")
    lines = (f"{hashlib.sha512(content).hexdigest()}  data/{name}\n" for name, content in data.items())
    (top / "manifest-sha512.txt").write_text("".join(lines))
    return top


def sources(top: Path) -> list[Path]:
    """Seven packages: each content that one shares with an earlier one, and one id, twice; the same package twice; nothing in common."""
    return [
        write_tree(top / "0", {"logo.png": LOGO, "a.txt": b"a", "empty": b""}),
        write_tree(top / "1", {"b.txt": b"b", "logo copy.png": LOGO, "logo.png": LOGO}),
        bag(top / "2", {"letter.txt": LETTER}, "HS-1"),
        bag(top / "3", {"letter.txt": LETTER, "logo.png": LOGO}, "HS-1"),
        write_tree(top / "4", {"logo.png": LOGO, "a.txt": b"a", "empty": b""}),
        write_tree(top / "5", {"letter.txt": LETTER, "b.txt": b"b"}),
        write_tree(top / "6", {"alone.txt": b"alone", "empty": b""}),
    ]


def submit(archive: ArchiveUnderTest, paths: list[Path]) -> list[Deposit]:
    ids = [each.id for each in archive.engine.deposits.announce(paths, producer=PRODUCER)]
    archive.engine.deposits._run(ids, "", "", lambda now: None)
    return [archive.engine.deposits.get(each) for each in ids]


def what_became(deposits: list[Deposit]) -> list[Any]:
    """State, verdict and findings of each, AIPs named by the label of what became them."""
    labels = {each.aip_id: each.label for each in reversed(deposits)}
    return [
        (
            each.label,
            each.state,
            each.verdict,
            dict(each.finding_counts),
            [
                (one.code, one.path, one.weight, {key: labels.get(str(value), value) for key, value in one.args.items()})
                for one in each.findings
            ],
        )
        for each in deposits
    ]


def agree(archive: ArchiveUnderTest, deposits: list[Deposit]) -> None:
    """What the row, its JSON and the record in the AIP say of one deposit is one thing."""
    for each in deposits:
        document = as_document(each)
        assert document["finding_counts"] == dict(each.finding_counts)
        assert [one["code"] for one in document["findings"]] == [one.code for one in each.findings]
        if each.state is not DepositState.STORED:
            continue
        for tier in ("a", "b"):
            inventory = json.loads((archive.object(each.aip_id, tier) / "inventory.json").read_text())
            digest = next(d for d, paths in inventory["versions"]["v1"]["state"].items() if SUBMISSION_PATH in paths)
            with (archive.object(each.aip_id, tier) / inventory["manifest"][digest][0]).open("rb") as stream:
                record, _ = read_submission(stream)
            assert dict(record.finding_counts) == dict(each.finding_counts)
            assert list(record.findings) == [one.as_json() for one in each.findings]
        checked = [e for e in archive.engine.holdings.events(each.aip_id) if e.type == "validation" and "findings" in e.detail]
        weighty = sum(each.finding_counts[one.code] for one in {f.code: f for f in each.findings}.values() if one.weight)
        assert [event.detail["findings"] for event in checked] == [weighty]


@pytest.mark.parametrize("handed_on", [True, False])
def test_together_as_one_by_one(
    tmp_path: Path, identifier: SharedIdentifier, monkeypatch: pytest.MonkeyPatch, handed_on: bool
) -> None:
    if not handed_on:  # as with deposits of many files
        monkeypatch.setattr(examine, "HANDED_ON", 0)
    paths = sources(tmp_path / "in")
    with closing(ArchiveUnderTest(tmp_path / "single", identifier)) as single:
        wanted = what_became([single.deposit(path) for path in paths])
    with closing(ArchiveUnderTest(tmp_path / "several", identifier)) as several:
        together_as(several, paths, wanted, tmp_path)


def together_as(several: ArchiveUnderTest, paths: list[Path], wanted: list[Any], tmp_path: Path) -> None:
    together = submit(several, paths)
    assert what_became(together) == wanted
    shared = [counts.get("DEP-DUPLICATE-HOLDINGS", 0) for _, _, _, counts, _ in wanted]
    assert shared == [0, 1, 0, 4, 0, 2, 0]
    assert [state.value for _, state, *_ in wanted] == ["stored", "stored", "stored", "held", "repeated", "stored", "stored"]
    agree(several, together)
    again = several.deposit(write_tree(tmp_path / "7", {"x.txt": LETTER}))
    assert again.finding_counts["DEP-DUPLICATE-HOLDINGS"] == 1
    with several.catalog.begin() as transaction:
        for table in ("coming", "coming_file"):
            assert transaction.exec_driver_sql(f"SELECT count(*) FROM {table}").scalar() == 0, "all of it came"
    several.whole()
    assert snapshot(several.export(together[1].aip_id)) == snapshot(paths[1])


def test_what_the_policy_says_of_duplicates_holds_for_those_of_one_command(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """The second is refused because of the first; the third has something only of the second, which is not kept."""
    archive.weights(DEP_DUPLICATE_HOLDINGS="error")
    paths = [
        write_tree(tmp_path / "0", {"logo.png": LOGO}),
        write_tree(tmp_path / "1", {"logo.png": LOGO, "letter.txt": LETTER}),
        write_tree(tmp_path / "2", {"letter.txt": LETTER}),
    ]
    deposits = submit(archive, paths)
    assert [each.state for each in deposits] == [DepositState.STORED, DepositState.REFUSED, DepositState.STORED]
    assert sorted(each.name for each in (archive.home / "refused" / deposits[1].id).iterdir()) == [
        "deposit.json",
        "files",
        "spool.db",
    ], "what was sealed before is not kept"
    archive.whole()


def test_the_batches_of_one_command_are_settled_in_their_order(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The second batch is done long before the first, and still names what the first one brought."""
    monkeypatch.setattr("repository.services.deposits.BATCH", 2)
    good = settling.settle

    def late(archive: Any, outcomes: Any) -> list[Deposit]:
        some = list(outcomes)
        if any(each.deposit.label == "0" for each in some):
            time.sleep(1)
        return good(archive, some)

    monkeypatch.setattr("repository.deposits.settling.settle", late)
    paths = [write_tree(tmp_path / str(n), {"logo.png": LOGO, f"{n}.txt": b"%d" % n}) for n in range(6)]
    archive.deposit(*paths)
    deposits = {each.label: each for each in archive.engine.deposits.list().items}
    first = deposits["0"]
    assert "DEP-DUPLICATE-HOLDINGS" not in first.finding_counts
    for n in range(1, 6):
        found = [each.args["aip"] for each in deposits[str(n)].findings if each.code == "DEP-DUPLICATE-HOLDINGS"]
        # Several hold it by then, and any may be named: who was registered first is chance (`repository.catalog.digests` says why).
        assert len(found) == 1, n
        assert found[0] in {deposits[str(earlier)].aip_id for earlier in range(n)}, n
    archive.whole()


def test_what_waits_for_its_copies_is_known(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    """Also after the catalog was lost, as long as the home is there."""
    (archive.home / "tiers").rename(tmp_path / "away")
    waiting = archive.deposit(bag(tmp_path / "0", {"letter.txt": LETTER}, "HS-1"))
    assert waiting.state is DepositState.ACCEPTED
    other = archive.deposit(write_tree(tmp_path / "1", {"x.txt": LETTER}))
    found = [(each.path, each.args["aip"]) for each in other.findings if each.code == "DEP-DUPLICATE-HOLDINGS"]
    assert found == [("representations/rep1/data/x.txt", waiting.aip_id)]
    held = archive.deposit(bag(tmp_path / "2", {"new.txt": b"new"}, "HS-1"))
    assert held.state is DepositState.HELD
    assert held.finding_counts["DEP-ID-KNOWN"] == 1
    (tmp_path / "away").rename(archive.home / "tiers")
    archive.lose_catalog()
    assert archive.engine.catalog.rebuild(None, progress=Silent()).deposits == 3
    third = archive.deposit(write_tree(tmp_path / "3", {"y.txt": LETTER}))
    assert [each.args["aip"] for each in third.findings if each.code == "DEP-DUPLICATE-HOLDINGS"] == [waiting.aip_id]


def test_a_disk_that_is_full_when_it_is_judged_anew(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That deposit has failed, in words, and can be tried again; no other is held up by it."""
    paths = [write_tree(tmp_path / str(n), {"logo.png": LOGO, f"{n}.txt": b"%d" % n}) for n in range(3)]
    calls: list[str] = []

    def full(sealing: Any, *rest: Any) -> None:
        calls.append(sealing.deposit.label)
        if calls.count("1") == 2 and sealing.deposit.label == "1":
            raise OSError(28, "No space left on device")
        seal(sealing, *rest)

    monkeypatch.setattr(ingest, "seal", full)
    deposits = submit(archive, paths)
    assert [each.state for each in deposits] == [DepositState.STORED, DepositState.FAILED, DepositState.STORED]
    monkeypatch.undo()
    again = archive.deposit(paths[1])
    assert again.state is DepositState.STORED
    assert again.finding_counts["DEP-DUPLICATE-HOLDINGS"] == 1
    archive.whole()


def test_killed_while_one_is_judged_anew(tmp_path: Path, identifier: SharedIdentifier) -> None:
    """What was sealed before is thrown away, what is to be sealed is not there yet: after a restart all come out as they would have."""
    ArchiveUnderTest(tmp_path, identifier).close()
    paths = [write_tree(tmp_path / "in" / str(n), {"logo.png": LOGO, f"{n}.txt": b"%d" % n}) for n in range(3)]
    process = os.fork()
    if not process:
        _die_when_sealing_again(tmp_path, paths, "1")
    assert os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]) == 9
    with closing(ArchiveUnderTest(tmp_path, identifier, create=False)) as archive:
        archive.serve_until_idle()
        deposits = sorted(archive.engine.deposits.list().items, key=lambda each: each.label)
        assert [each.state for each in deposits] == [DepositState.STORED] * 3, [each.error for each in deposits]
        assert [each.finding_counts.get("DEP-DUPLICATE-HOLDINGS", 0) for each in deposits] == [0, 1, 1]
        agree(archive, deposits)
        archive.whole()


def _die_when_sealing_again(folder: Path, paths: list[Path], label: str) -> None:
    """The life of a process that is killed at the second sealing of one deposit."""
    sealed: list[str] = []

    def dying(sealing: Any, *rest: Any) -> None:
        sealed.append(sealing.deposit.label)
        if sealed.count(label) == 2:
            os._exit(9)
        seal(sealing, *rest)

    try:
        ingest.__dict__["seal"] = dying
        flows.__dict__["GROUP_SECONDS"] = 3_600.0  # on a slow machine the first would be settled before the second is examined
        submit(ArchiveUnderTest(folder, SharedIdentifier(), create=False), paths)
        os._exit(0)
    except BaseException:
        traceback.print_exc()
        os._exit(1)


def test_processes_and_threads_say_the_same(tmp_path: Path) -> None:
    """Many deposits through the command line's own engine, which examines them in processes."""
    paths = []
    random.seed(7)
    for n in range(30):
        shared = {f"s{s}.txt": b"shared %d" % s for s in random.sample(range(12), 3)}
        paths.append(write_tree(tmp_path / "in" / f"{n:02d}", {**shared, "own.txt": b"own %d" % n}))
    new_archive(tmp_path / "home", {"a": tmp_path / "a", "b": tmp_path / "b"})
    with Engine.open(tmp_path / "home", actor="user:test") as engine:
        deposits = engine.deposits.submit(paths, producer=PRODUCER, key=None, update=None, title=None, progress=Silent())
    first: dict[str, str] = {}
    for path, deposit in zip(paths, deposits, strict=True):
        names = sorted(each.name for each in path.iterdir() if each.name != "own.txt")
        wanted = {first[name] for name in names if name in first}
        count = sum(name in first for name in names)
        assert deposit.finding_counts.get("DEP-DUPLICATE-HOLDINGS", 0) == count, deposit.label
        told = {str(each.args["aip"]) for each in deposit.findings if each.code == "DEP-DUPLICATE-HOLDINGS"}
        assert told == wanted, deposit.label
        for name in names:
            first.setdefault(name, deposit.aip_id)
