"""Twenty ways and more to tamper with a ledger, by name. The verifier, given the newest head from outside, finds every one; without
it, it finds all but those that nobody can find then, and says that the end is not proven."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

import pytest
from ledger_scene import DAYS, ROTATED, LedgerScene, Tamper, report_of, tampered

from repository.cli.run import run
from repository.ledger.keeper import prove
from repository.ledger.keys import sign_document
from repository.ledger.verifier import REPORT_PREFIX, WORDS, Verifier, canonical, key_of, leaf_of, opened, told
from signatures.signing_keys import SigningKey
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier
from tests.rights import ordinary_rights


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, identifier: SharedIdentifier) -> Iterator[LedgerScene]:
    made = ArchiveUnderTest(tmp_path_factory.mktemp("ledger"), identifier)
    yield LedgerScene(made)
    made.close()


@pytest.fixture
def scene(untouched: LedgerScene, tmp_path: Path) -> Iterator[LedgerScene]:
    with tampered(untouched, tmp_path / "export") as scene:
        yield scene


def event_deleted(scene: LedgerScene) -> None:
    scene.write(3, scene.lines(3)[1:])


def event_deleted_and_renumbered(scene: LedgerScene) -> None:
    scene.write(3, scene.lines(3)[1:], renumber=True)


def outcome_edited(scene: LedgerScene) -> None:
    first, *rest = scene.lines(3)
    scene.write(3, [{**first, "outcome": "fail"}, *rest])


def events_reordered(scene: LedgerScene) -> None:
    first, second, *rest = scene.lines(3)
    scene.write(3, [second, first, *rest], renumber=True)


def event_added(scene: LedgerScene) -> None:
    events = scene.lines(3)
    scene.write(3, [*events, {**events[0], "id": "added", "n": len(events)}])


def event_doubled(scene: LedgerScene) -> None:
    events = scene.lines(3)
    scene.write(3, [*events, {**events[0], "n": len(events)}])


def event_back_dated(scene: LedgerScene) -> None:
    first, *rest = scene.lines(3)
    scene.write(3, [{**first, "time": "2026-02-01T00:00:00.000000Z"}, *rest])


def event_moved_to_another_day(scene: LedgerScene) -> None:
    moved, *rest = scene.lines(3)
    scene.write(3, rest, renumber=True)
    scene.write(2, [*scene.lines(2), moved], renumber=True)


def segment_cut(scene: LedgerScene) -> None:
    path = scene.day(3) / "events.ndjson"
    path.write_bytes(path.read_bytes()[:-100])


def segment_removed(scene: LedgerScene) -> None:
    (scene.day(3) / "events.ndjson").unlink()


def day_removed(scene: LedgerScene) -> None:
    scene.forget(3)


def first_day_removed(scene: LedgerScene) -> None:
    scene.forget(1)


def head_removed(scene: LedgerScene) -> None:
    (scene.day(3) / "head.json").unlink()


def days_exchanged(scene: LedgerScene) -> None:
    for name in ("head.json", "head.sig"):
        one, other = scene.day(2) / name, scene.day(3) / name
        data = one.read_bytes()
        one.write_bytes(other.read_bytes())
        other.write_bytes(data)


def head_edited(scene: LedgerScene) -> None:
    path = scene.day(3) / "head.json"
    path.write_bytes(path.read_bytes().replace(b'"events":5', b'"events":4'))


def day_back_dated(scene: LedgerScene) -> None:
    path = scene.day(3) / "head.json"
    path.write_bytes(path.read_bytes().replace(b'"date":"2026-03-03"', b'"date":"2026-03-01"'))


def signature_removed(scene: LedgerScene) -> None:
    (scene.day(3) / "head.sig").unlink()


def signature_of_another_key(scene: LedgerScene) -> None:
    scene.remake(3, key=SigningKey.generate())


def signed_with_the_key_that_was_replaced(scene: LedgerScene) -> None:
    scene.remake(ROTATED + 1, key=scene.old_key)


def key_statement_replaced(scene: LedgerScene) -> None:
    path = scene.day(5) / "keys.ndjson"
    first, second = path.read_bytes().splitlines()
    row = json.loads(second)
    statement = json.loads(row["statement"])
    statement["key"] = SigningKey.generate().description
    row["statement"] = json.dumps(statement, sort_keys=True, separators=(",", ":"))
    path.write_bytes(first + b"\n" + json.dumps(row).encode() + b"\n")


def keys_removed(scene: LedgerScene) -> None:
    (scene.day(5) / "keys.ndjson").unlink()


def second_head_for_a_day(scene: LedgerScene) -> None:
    shutil.copytree(scene.day(3), scene.folder / "copy")
    scene.write(3, scene.lines(3)[1:], renumber=True)
    scene.remake(3)


def day_edited_with_the_stolen_key(scene: LedgerScene) -> None:
    scene.write(3, scene.lines(3)[1:], renumber=True)
    scene.remake(3)


def time_stamp_of_something_else(scene: LedgerScene) -> None:
    (scene.day(3) / "head.tst").write_bytes(b"0\x80no token")


def figures_edited(scene: LedgerScene) -> None:
    report = {
        "kho": 1,
        "scope": {},
        "period": {"from": "2026-03-02T00:00:00.000000Z", "to": "2026-03-04T00:00:00.000000Z"},
        "ledger": {"first": 1, "last": DAYS, "head": scene.day_line(DAYS)},
        "figures": {"a": {"done": 7}},
    }
    (scene.folder / "report.json").write_text(json.dumps(report))


FOUND_ALONE: list[Tamper] = [
    event_deleted,
    event_deleted_and_renumbered,
    outcome_edited,
    events_reordered,
    event_added,
    event_doubled,
    event_back_dated,
    event_moved_to_another_day,
    segment_cut,
    segment_removed,
    day_removed,
    first_day_removed,
    head_removed,
    days_exchanged,
    head_edited,
    day_back_dated,
    signature_removed,
    signature_of_another_key,
    signed_with_the_key_that_was_replaced,
    key_statement_replaced,
    keys_removed,
    second_head_for_a_day,
    day_edited_with_the_stolen_key,
    time_stamp_of_something_else,
    figures_edited,
]


def tail_cut_off(scene: LedgerScene) -> None:
    scene.forget(DAYS)
    scene.forget(DAYS - 1)


def last_day_remade_with_the_stolen_key(scene: LedgerScene) -> None:
    scene.write(DAYS, scene.lines(DAYS)[1:], renumber=True)
    scene.remake(DAYS)


def history_remade_with_the_stolen_key(scene: LedgerScene) -> None:
    scene.write(2, scene.lines(2)[1:], renumber=True)
    scene.remake_from(2)


def history_remade_and_cut_off(scene: LedgerScene) -> None:
    scene.forget(DAYS)
    scene.write(2, scene.lines(2)[1:], renumber=True)
    scene.remake_from(2)


def whole_ledger_removed(scene: LedgerScene) -> None:
    shutil.rmtree(scene.folder / "days")


FOUND_WITH_A_WITNESS: list[Tamper] = [
    tail_cut_off,
    last_day_remade_with_the_stolen_key,
    history_remade_with_the_stolen_key,
    history_remade_and_cut_off,
]


def test_an_untouched_ledger_holds(scene: LedgerScene) -> None:
    verifier = scene.verify(scene.line)
    assert verifier.found == []
    assert [code for code, _ in verifier.proven] == ["AGREES", "WITNESSED", "POLICIES"]
    assert [code for code, _ in verifier.unproven] == ["TIME"]


def test_without_an_outside_head_the_end_is_not_proven(scene: LedgerScene) -> None:
    verifier = scene.verify()
    assert verifier.found == []
    assert "END" in [code for code, _ in verifier.unproven]
    assert any("The end is not proven" in line for line in told(verifier))
    assert any("Phần cuối chưa được chứng minh" in line for line in told(verifier, "vi"))


@pytest.mark.parametrize("tamper", [*FOUND_ALONE, *FOUND_WITH_A_WITNESS, whole_ledger_removed], ids=lambda each: each.__name__)
def test_found_with_the_outside_head(scene: LedgerScene, tamper: Tamper) -> None:
    tamper(scene)
    verifier = scene.verify(scene_line := _newest(scene))
    assert verifier.found, scene_line
    assert not any(code == "AGREES" for code, _ in verifier.proven)
    for lang in WORDS:
        assert told(verifier, lang)[0].endswith(":")


def _newest(scene: LedgerScene) -> str:
    return scene.line


@pytest.mark.parametrize("tamper", FOUND_ALONE, ids=lambda each: each.__name__)
def test_found_without_an_outside_head(scene: LedgerScene, tamper: Tamper) -> None:
    tamper(scene)
    assert scene.found()


@pytest.mark.parametrize("tamper", FOUND_WITH_A_WITNESS, ids=lambda each: each.__name__)
def test_what_nobody_can_find_alone_is_said_to_be_unproven(scene: LedgerScene, tamper: Tamper) -> None:
    tamper(scene)
    verifier = scene.verify()
    assert verifier.found == []
    assert "END" in [code for code, _ in verifier.unproven]


def test_an_older_outside_head_proves_only_what_was_before_it(scene: LedgerScene) -> None:
    older = scene.day_line(3)
    last_day_remade_with_the_stolen_key(scene)
    verifier = scene.verify(older)
    assert verifier.found == []
    assert ("WITNESSED", {"first": 1, "number": 3}) in verifier.proven
    assert ("END", {"number": 3, "last": DAYS}) in verifier.unproven


def test_a_head_of_another_archive_is_no_witness(scene: LedgerScene) -> None:
    other = scene.line.replace(scene.line.split()[2], "0" * 8 + scene.line.split()[2][8:])
    assert scene.found(other) == {"OUTSIDE-ARCHIVE"}
    assert scene.found("no line at all") == {"OUTSIDE-NONE"}


def test_an_event_is_proven_in_and_out_of_a_day(scene: LedgerScene) -> None:
    event = scene.lines(3)[2]["id"]
    for number, kind in ((3, "inclusion"), (4, "absence")):
        proof = prove(scene.archive, event, number)
        assert proof is not None
        assert proof["kind"] == kind
        (scene.folder / f"{number}.proof.json").write_text(json.dumps(proof))
    verifier = scene.verify(scene.line)
    assert verifier.found == []
    assert {"PROOF-INCLUSION", "PROOF-ABSENCE"} <= {code for code, _ in verifier.proven}


def test_a_proof_of_another_event_is_refused(scene: LedgerScene) -> None:
    event, other = scene.lines(3)[2]["id"], scene.lines(3)[3]["id"]
    proof = prove(scene.archive, event)
    assert proof is not None
    (scene.folder / "a.proof.json").write_text(json.dumps({**proof, "id": other}))
    assert scene.found() == {"PROOF"}


def test_an_absence_that_is_none_is_refused(scene: LedgerScene) -> None:
    present, absent = scene.lines(3)[2]["id"], "not there"
    proof = prove(scene.archive, absent, 3)
    assert proof is not None
    (scene.folder / "a.proof.json").write_text(json.dumps({**proof, "id": present}))
    assert scene.found() == {"PROOF"}


def made_up(scene: LedgerScene, number: int) -> dict[str, Any]:
    """A proof of an event that never was, with a head of its own for a day that is not here."""
    line = canonical({"id": "made up", "n": 0, "time": "2026-03-07T00:00:00.000000Z", "type": "recovery"})
    key, digest = key_of("made up"), hashlib.sha256(line).digest()
    head = {**scene.head(DAYS), "number": number, "events": 1, "root": leaf_of(key, digest).hex()}
    leaf = {"index": 0, "key": key.hex(), "line": digest.hex(), "path": []}
    kind = {"kind": "inclusion", "line": line.decode(), "leaves": [leaf]}
    return {"kho": 1, "id": "made up", "number": number, "head": (canonical(head) + b"\n").decode(), **kind}


def test_a_proof_that_brings_its_own_head_proves_nothing(scene: LedgerScene) -> None:
    (scene.folder / "a.proof.json").write_text(json.dumps(made_up(scene, DAYS + 1)))
    verifier = scene.verify(scene.line)
    assert "PROOF-ALONE" in {code for code, _ in verifier.unproven}
    assert not any(code.startswith("PROOF") for code, _ in verifier.proven)
    (scene.folder / "a.proof.json").write_text(json.dumps({**made_up(scene, DAYS + 1), "number": DAYS + 2}))
    assert scene.found(scene.line) == {"PROOF"}


def test_a_proof_without_its_day_is_as_good_as_who_vouches_for_its_head(scene: LedgerScene) -> None:
    event = scene.lines(3)[2]["id"]
    for name, wanted, number in (("in", event, 3), ("out", event, 4)):
        (scene.folder / f"{name}.proof.json").write_text(json.dumps(prove(scene.archive, wanted, number)))
    lines = [scene.day_line(3), scene.day_line(4)]
    shutil.rmtree(scene.folder / "days")
    assert scene.found() == {"EMPTY"}
    verifier = scene.verify(*lines)
    assert verifier.found == []
    assert [code for code, _ in verifier.proven] == ["PROOF-INCLUSION"]
    assert [code for code, _ in verifier.unproven] == ["PROOF-ORDER"]  # whether that day is sorted, only its events show


def beginning_left_out(scene: LedgerScene) -> None:
    """The days before the third are gone, and the export says that it was made so."""
    for number in (1, 2):
        scene.forget(number)
    (scene.folder / "scope.json").write_text(json.dumps({"ledger": {"first": 3, "last": DAYS}}))


def test_an_outside_head_from_before_the_export_is_held_against_it(scene: LedgerScene) -> None:
    line = scene.day_line(2)
    beginning_left_out(scene)
    verifier = scene.verify(line)
    assert verifier.found == []
    scene.remake(3, previous="0" * 64)
    scene.remake_from(4)
    assert scene.found() == set()
    assert scene.found(line) == {"OUTSIDE-DIFFERS"}


def test_what_is_not_here_is_not_said_to_be_as_it_was(scene: LedgerScene) -> None:
    beginning_left_out(scene)
    verifier = scene.verify(scene.line)
    assert ("WITNESSED", {"first": 3, "number": DAYS}) in verifier.proven
    assert ("BEGINNING", {"number": 3}) in verifier.unproven


def test_a_report_has_all_days_of_its_period(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07")
    verifier = scene.verify(scene.line)
    assert (verifier.found, "REPORT-PERIOD" in dict(verifier.unproven)) == ([], False)
    report_of(scene, "2026-03-02", "2026-04-01")
    assert ("REPORT-PERIOD", {"place": "report.json", "day": "2026-03-06"}) in scene.verify(scene.line).unproven
    for number in (1, 2):
        scene.forget(number)
    report_of(scene, "2026-03-03", "2026-03-07")
    assert scene.found(scene.line) == set()
    report_of(scene, "2026-03-02", "2026-03-07")
    assert scene.found(scene.line) == {"REPORT-DAYS"}


def told_late(scene: LedgerScene, day: str) -> None:
    """An event of an earlier day is entered on the fifth: what was under way for long, or came back with a catalog."""
    events = scene.lines(5)
    scene.write(5, [*events, {**events[0], "id": "late", "n": len(events), "time": f"{day}T12:00:00.000000Z"}])
    scene.remake_from(5)


def changed(scene: LedgerScene, place: str, **changes: Any) -> None:
    report = json.loads((scene.folder / place).read_text())
    (scene.folder / place).write_text(json.dumps({**report, **changes}))


def test_reports_of_several_periods_hold_in_one_folder_whatever_was_entered_late(scene: LedgerScene) -> None:
    told_late(scene, "2026-03-02")
    line = scene.day_line(DAYS)
    report_of(scene, "2026-03-01", "2026-03-03", of=(1, 3), place="one/report.json")
    changed(scene, "one/report.json", generated="2026-03-04T10:30:00.000000Z")
    report_of(scene, "2026-03-03", "2026-03-07", of=(3, DAYS), place="two/report.json")
    changed(scene, "two/report.json", generated="2026-03-07T10:30:00.000000Z")
    verifier = scene.verify(line)
    assert verifier.found == []
    assert [more["last"] for code, more in verifier.proven if code == "FIGURES"] == [3, DAYS]
    for place in ("one/report.json", "two/report.json"):
        known = (scene.folder / place).read_text()
        figures = json.loads(known)["figures"]
        changed(scene, place, figures={**figures, "a": {**figures["a"], "good": figures["a"]["good"] + 1}})
        assert scene.found(line) == {"REPORT-FIGURES"}
        (scene.folder / place).write_text(known)


def test_a_report_leaves_out_no_day_that_was_closed_when_it_was_made(scene: LedgerScene) -> None:
    """What somebody does not like is not left out by saying that the report is made of fewer days."""
    for of, until in (((1, 2), "2026-03-03"), ((2, 3), "2026-03-03"), ((1, 4), "2026-03-09")):
        report_of(scene, "2026-03-01", until, of=of)
        changed(scene, "report.json", generated="2026-03-09T10:30:00.000000Z")
        assert scene.found(scene.line) == {"REPORT-DAYS"}, of
    changed(scene, "report.json", generated="2026-03-05T10:30:00.000000Z")  # the fifth day was not closed by then
    verifier = scene.verify(scene.line)
    assert verifier.found == []
    assert ("REPORT-PERIOD", {"place": "report.json", "day": "2026-03-04"}) in verifier.unproven


def test_a_report_of_no_days_says_so_beside_the_days_of_another(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-01", "2026-03-03", of=(1, 1))
    changed(scene, "report.json", figures={}, ledger={"first": 0, "last": 0, "head": ""})
    assert scene.found(scene.line) == {"REPORT-DAYS"}
    changed(scene, "report.json", generated="2026-03-01T10:30:00.000000Z")
    verifier = scene.verify(scene.line)
    assert (verifier.found, "FIGURES" in dict(verifier.proven)) == ([], False)
    assert ("NO-DAYS", {"place": "report.json"}) in verifier.unproven


def test_what_no_day_is_here_for_is_not_proven_and_no_success(scene: LedgerScene, tmp_path: Path) -> None:
    """A report that is made of no day, and what an auditor asked for with it."""
    key, script = scene.key.id, scene.folder / "kho-ledger-verify.py"
    shutil.rmtree(scene.folder / "days")
    report = {"kho": 1, "scope": {}, "period": {"from": "2026-03-01T00:00:00.000000Z", "to": "2026-03-02T00:00:00.000000Z"}}
    (scene.folder / "report.json").write_text(json.dumps({**report, "ledger": {"first": 0, "last": 0}, "figures": {}}))
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    asked: list[tuple[list[str], int]] = [
        ([], 0),
        (["--key", key], 3),
        (["--unbroken"], 3),
        (["--ca", str(tmp_path / "ca.pem")], 3),
    ]
    for options, rc in [*asked, (["--key", key, "--unbroken"], 3)]:
        done = subprocess.run(
            [sys.executable, "-I", str(script), str(scene.folder), *options], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stderr) == (rc, ""), done
        assert all(f"{option} " in done.stdout or f"{option}," in done.stdout for option in options if option.startswith("--"))
        with redirect_stdout(io.StringIO()) as out:
            assert run(["ledger", "verify", str(scene.folder), *options, "--json"]) == rc
        assert [each["code"] for each in json.loads(out.getvalue())["findings"]] == (["OPS-LEDGER-IDLE"] if rc else [])


def test_what_an_auditor_asked_for_is_answered(scene: LedgerScene) -> None:
    verifier = Verifier(str(scene.folder), [scene.line], "", (), True).run()
    assert verifier.found == []
    assert ("UNBROKEN", {"first": 1, "last": DAYS}) in verifier.proven


def id_that_is_no_text(scene: LedgerScene) -> None:
    first, *rest = scene.lines(3)
    scene.write(3, [{**first, "id": 5}, *rest])


def event_that_is_no_object(scene: LedgerScene) -> None:
    path = scene.day(3) / "events.ndjson"
    path.write_bytes(path.read_bytes() + b"[" * 100_000 + b"\n")


def end_of_the_calendar(scene: LedgerScene) -> None:
    path = scene.day(3) / "head.json"
    path.write_bytes(path.read_bytes().replace(b'"date":"2026-03-03"', b'"date":"9999-12-31"'))


def head_that_leads_nowhere(scene: LedgerScene) -> None:
    (scene.day(3) / "head.json").unlink()
    (scene.day(3) / "head.json").symlink_to("nowhere")


def head_that_is_nested(scene: LedgerScene) -> None:
    (scene.day(3) / "head.json").write_bytes(b"[" * 100_000)


def statement_that_is_no_text(scene: LedgerScene) -> None:
    (scene.day(3) / "keys.ndjson").write_bytes(b'{"statement":5}\n')
    scene.remake(3, keys=hashlib.sha256(b'{"statement":5}\n').hexdigest())


def proof_of_no_text(scene: LedgerScene) -> None:
    (scene.folder / "a.proof.json").write_text(json.dumps({**made_up(scene, 3), "id": 5}))


def report_from_no_number(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07", first="x")


def report_to_the_end_of_numbers(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07", last=10**15)


def report_of_no_period(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07")
    path = scene.folder / "report.json"
    path.write_text(path.read_text().replace('"2026-03-02T00:00:00.000000Z"', "5"))


def with_event(scene: LedgerScene, **changes: Any) -> None:
    """An event that nobody but who has the key can have made, and a report on it."""
    first, *rest = scene.lines(3)
    report_of(scene, "2026-03-02", "2026-03-07")
    scene.write(3, [{**first, **changes}, *rest])
    scene.remake_from(3)


def tier_that_is_no_text(scene: LedgerScene) -> None:
    with_event(scene, tier=5)


def algorithm_that_is_no_text(scene: LedgerScene) -> None:
    with_event(scene, detail={"algorithm": 5})


def time_that_sorts_elsewhere(scene: LedgerScene) -> None:
    with_event(scene, time="2026-3-3T09:00:00.000000Z")


def pipe_for(scene: LedgerScene, number: int, name: str) -> None:
    path = scene.day(number) / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)


def head_that_never_answers(scene: LedgerScene) -> None:
    pipe_for(scene, 3, "head.json")


def token_that_never_answers(scene: LedgerScene) -> None:
    pipe_for(scene, 3, "head.tst")


def keys_that_never_answer(scene: LedgerScene) -> None:
    pipe_for(scene, 3, "keys.ndjson")


def table_that_never_answers(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07")
    os.mkfifo(scene.folder / "faulty.csv")


def events_that_never_end(scene: LedgerScene) -> None:
    (scene.day(3) / "events.ndjson").unlink()
    (scene.day(3) / "events.ndjson").symlink_to("/dev/zero")


def key_that_is_worked_on_for_hours(scene: LedgerScene) -> None:
    said = json.loads(json.loads((scene.day(1) / "keys.ndjson").read_bytes())["statement"])
    said["key"] = {"algorithm": "rsa-pss-sha256", "public": {"n": "f" * 200_000, "e": 2**64 + 1}}
    row = canonical({"statement": canonical(said).decode(), "signature": base64.b64encode(b"a" * 100_000).decode()}) + b"\n"
    (scene.day(1) / "keys.ndjson").write_bytes(row)
    scene.remake(1, keys=hashlib.sha256(row).hexdigest())


def der(tag: int, *parts: bytes) -> bytes:
    inner = b"".join(parts)
    return bytes([tag, 0x82]) + len(inner).to_bytes(2, "big") + inner


def stamped(scene: LedgerScene, number: int) -> None:
    """A token that says the right thing at the end of time; nobody made it."""
    digest = hashlib.sha256((scene.day(number) / "head.sig").read_bytes()).digest()
    imprint = der(0x30, der(0x30), der(4, digest))
    said = der(0x30, der(2, b"\1"), der(6, b"*"), imprint, der(2, b"\1"), der(0x18, b"99991231120000Z"))
    signed = der(0x30, der(2, b"\3"), der(0x31), der(0x30, der(6, b"*"), der(0xA0, der(4, said))))
    (scene.day(number) / "head.tst").write_bytes(der(0x30, der(6, b"*"), der(0xA0, signed)))


def closed_in_the_first_year(scene: LedgerScene) -> None:
    scene.remake(1, closed="0001-01-01T00:00:00.000000Z")
    stamped(scene, 1)


def last_year_of_the_calendar(scene: LedgerScene) -> None:
    scene.remake(DAYS, date="9999-12-30")
    stamped(scene, DAYS)


def closed_at_a_time_that_sorts_elsewhere(scene: LedgerScene) -> None:
    scene.remake(3, closed="2026-03-4T09:00:00.000000Z")


def report_with(scene: LedgerScene, old: str, new: str) -> None:
    report_of(scene, "2026-03-02", "2026-03-07")
    path = scene.folder / "report.json"
    path.write_text(path.read_text().replace(old, new), encoding="utf-8")


def report_of_a_period_that_sorts_elsewhere(scene: LedgerScene) -> None:
    report_with(scene, '"2026-03-02T00', '"2026-3-02T00')


def report_of_a_period_in_other_digits(scene: LedgerScene) -> None:
    report_with(scene, '"2026-03-02T00', '"２026-03-02T00')


def report_that_says_two_things(scene: LedgerScene) -> None:
    report_with(scene, '"figures": ', '"figures": {"a": {"done": 5000}}, "figures": ')


def report_of_no_number(scene: LedgerScene) -> None:
    report_with(scene, '"kho": 1', '"kho": NaN')


def report_of_no_time(scene: LedgerScene) -> None:
    report_with(scene, '"kho": 1', '"kho": 1, "generated": "0"')


def report_whose_signature_leads_nowhere(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07")
    (scene.folder / "report.json.sig").symlink_to("report.json.sig")


def keys_beside_a_document_that_never_answer(scene: LedgerScene) -> None:
    (scene.folder / "drill.json").write_text("{}")
    sign_document(scene.archive, scene.folder / "drill.json")
    (scene.folder / "keys.ndjson").unlink()
    os.mkfifo(scene.folder / "keys.ndjson")


def of_a_terabyte(path: Path) -> None:
    path.write_bytes(b"")
    os.truncate(path, 1 << 40)


def report_of_a_terabyte(scene: LedgerScene) -> None:
    of_a_terabyte(scene.folder / "report.json")


def table_of_a_terabyte(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07")
    of_a_terabyte(scene.folder / "faulty.csv")


def folder_that_cannot_be_listed(scene: LedgerScene) -> None:
    os.rename(scene.day(3), scene.folder / f"days/{'x' * 200}")
    for _ in range(25):  # deeper than a path may be long
        (scene.folder / "days" / "y").mkdir()
        os.rename(scene.folder / f"days/{'x' * 200}", scene.folder / "days" / "y" / ("x" * 200))
        os.rename(scene.folder / "days" / "y", scene.folder / f"days/{'x' * 200}")


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        (id_that_is_no_text, "SEGMENT"),
        (tier_that_is_no_text, "SEGMENT"),
        (algorithm_that_is_no_text, "SEGMENT"),
        (time_that_sorts_elsewhere, "SEGMENT"),
        (head_that_never_answers, "HEAD-UNREADABLE"),
        (token_that_never_answers, "FILE-UNREADABLE"),
        (keys_that_never_answer, "FILE-UNREADABLE"),
        (table_that_never_answers, "REPORT-TABLE"),
        (events_that_never_end, "FILE-UNREADABLE"),
        (report_whose_signature_leads_nowhere, "REPORT-SIGNATURE"),
        (keys_beside_a_document_that_never_answer, "FILE-UNREADABLE"),
        (report_of_a_terabyte, "REPORT-BROKEN"),
        (table_of_a_terabyte, "REPORT-TABLE"),
        (folder_that_cannot_be_listed, "FOLDER-UNREADABLE"),
        (key_that_is_worked_on_for_hours, "KEY-CHAIN"),
        (closed_in_the_first_year, "HEAD-BROKEN"),
        (last_year_of_the_calendar, "HEAD-BROKEN"),
        (closed_at_a_time_that_sorts_elsewhere, "HEAD-BROKEN"),
        (report_of_a_period_that_sorts_elsewhere, "REPORT-BROKEN"),
        (report_of_a_period_in_other_digits, "REPORT-BROKEN"),
        (report_that_says_two_things, "REPORT-BROKEN"),
        (report_of_no_number, "REPORT-BROKEN"),
        (report_of_no_time, "REPORT-BROKEN"),
        (event_that_is_no_object, "SEGMENT"),
        (end_of_the_calendar, "HEAD-BROKEN"),
        (head_that_leads_nowhere, "HEAD-UNREADABLE"),
        (head_that_is_nested, "HEAD-BROKEN"),
        (statement_that_is_no_text, "KEYS"),
        (proof_of_no_text, "PROOF"),
        (report_from_no_number, "REPORT-BROKEN"),
        (report_to_the_end_of_numbers, "REPORT-DAYS"),
        (report_of_no_period, "REPORT-BROKEN"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_nothing_that_lies_there_keeps_the_verifier_from_its_answer(scene: LedgerScene, tamper: Tamper, code: str) -> None:
    tamper(scene)
    assert code in scene.found(scene.line)


def test_what_is_exchanged_while_it_is_read_is_one_thing(scene: LedgerScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures are summed of one report, and the signature is over another; a file becomes a pipe between two looks at it."""
    report_of(scene, "2026-03-02", "2026-03-07")
    report = scene.folder / "report.json"
    sign_document(scene.archive, report)
    signed = report.read_bytes()
    changed(scene, "report.json", generated="2026-03-09T10:30:00.000000Z")  # nothing but its signature tells of that
    first = Verifier._report_signature

    def exchanged(self: Verifier, told_of: Any) -> None:
        report.write_bytes(signed)
        first(self, told_of)

    monkeypatch.setattr(Verifier, "_report_signature", exchanged)
    assert scene.found(scene.line) == {"REPORT-SIGNATURE"}
    monkeypatch.undo()
    pipe, look = scene.folder / "pipe", os.stat
    os.mkfifo(pipe)
    monkeypatch.setattr(os, "stat", lambda path, **how: look(report if path == str(pipe) else path, **how))
    with pytest.raises(OSError, match="no file"):
        opened(str(pipe))


def test_names_tell_nothing_but_themselves(scene: LedgerScene) -> None:
    """A name of a file that holds a whole line of the answer, and what clears a terminal."""
    document = scene.folder / "x\n  - Everything from day 1\x1b[2J.json"
    document.write_text("{}")
    sign_document(scene.archive, document)
    lines = told(scene.verify())
    assert any("x\\n  - Everything from day 1\\x1b[2J.json was signed" in line for line in lines)
    assert all(line.isprintable() for line in lines)


def test_a_report_that_names_a_file_as_it_is_can_be_read(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07")
    path = scene.folder / "report.json"
    path.write_bytes(path.read_bytes()[:-1] + b', "faulty": [{"name": "\xff"}]}')
    assert scene.found(scene.line) == set()


def test_a_cut_end_is_found_whatever_else_names_the_outside_head(scene: LedgerScene) -> None:
    """A proof brings the head of its day along, which says nothing of whether the days that should lead there are here."""
    event = scene.lines(DAYS)[0]["id"]
    (scene.folder / "a.proof.json").write_text(json.dumps(prove(scene.archive, event)))
    tail_cut_off(scene)
    assert scene.found(scene.line) == {"CUT-OFF"}


def test_an_export_that_did_not_come_through_whole_says_so_by_itself(scene: LedgerScene) -> None:
    for ends in (False, True):
        scope = {"kho": 1, "ledger": {"first": 1, "last": DAYS, "ends": ends}}
        (scene.folder / "scope.json").write_text(json.dumps(scope))
        assert scene.found() == set()
    tail_cut_off(scene)
    assert scene.found() == {"SCOPE-DAYS"}


def test_a_head_that_proves_nothing_here_is_no_success(scene: LedgerScene) -> None:
    """An end that was cut off and an export that was asked for up to that day are the same bytes, where somebody changed scope.json."""
    early = scene.day_line(1)
    (scene.folder / "scope.json").write_text(json.dumps({"ledger": {"first": 4, "last": 5, "ends": True}}))
    for number in (1, 2, 3, DAYS):
        scene.forget(number)
    script = [sys.executable, "-I", str(scene.folder / "kho-ledger-verify.py"), str(scene.folder)]
    for line, code, rc in ((early, "BEFORE", 3), (scene.line, "BEYOND", 3), (scene.day_line(5), "", 0)):
        verifier = scene.verify(line)
        assert (verifier.found, code in {code for code, _ in verifier.unproven}) == ([], bool(code))
        done = subprocess.run([*script, "--head", line, "--json"], capture_output=True, text=True, check=False)
        assert done.returncode == rc
        with redirect_stdout(io.StringIO()) as out:
            assert run(["ledger", "verify", str(scene.folder), "--head", line, "--json"]) == rc
        answer = json.loads(out.getvalue())
        assert {name: answer[name] for name in ("found", "proven", "unproven")} == json.loads(done.stdout)
        assert [each["code"] for each in answer["findings"]] == (["OPS-LEDGER-ELSEWHERE"] if rc else [])


def test_a_report_may_be_older_than_the_key_that_signs_now(scene: LedgerScene) -> None:
    """Two reports in one folder: the earlier one was signed by the key of its time. A key that was replaced signs no later one."""

    def signed(last: int, key: SigningKey) -> set[str]:
        report_of(scene, "2026-03-02", "2026-03-03", last=last, head=scene.day_line(last))
        data = (scene.folder / "report.json").read_bytes()
        (scene.folder / "report.json.sig").write_bytes(base64.b64encode(key.sign(REPORT_PREFIX + data)))
        return scene.found(scene.line)

    assert signed(ROTATED - 1, scene.old_key) == set()
    assert signed(ROTATED - 1, scene.key) == set()
    assert signed(ROTATED, scene.old_key) == {"REPORT-SIGNATURE"}
    assert signed(DAYS, scene.key) == set()


def test_a_head_is_known_again_as_letters_and_mails_bring_it(scene: LedgerScene) -> None:
    words = scene.line.split()
    for text in (f"> {' '.join(words[:3])}\n> {' '.join(words[3:])}", "\n".join(words), " ".join([*words[:5], words[5].upper()])):
        assert scene.verify(text).sure == DAYS, text
    assert scene.found(scene.line, scene.line[:-1]) == {"OUTSIDE-NONE"}


def test_what_cannot_be_used_is_wrong_usage_and_says_nothing_of_the_ledger(scene: LedgerScene, tmp_path: Path) -> None:
    script = str(scene.folder / "kho-ledger-verify.py")
    (tmp_path / "ca.pem").write_text("no certificate")
    for wrong in (["--head", "/nowhere/head.txt"], ["--ca", "/nowhere.pem"], ["--ca", str(tmp_path / "ca.pem")]):
        done = subprocess.run(
            [sys.executable, "-I", script, str(scene.folder), *wrong], capture_output=True, text=True, check=False
        )
        assert (done.returncode, done.stdout) == (2, ""), done
        with redirect_stdout(io.StringIO()):
            assert run(["ledger", "verify", str(scene.folder), *wrong]) == 2
    with redirect_stdout(io.StringIO()):
        assert run(["ledger", "verify", str(scene.folder), "--head", f"{'as you see here: ' * 20}\n{scene.line}"]) == 0


def test_a_file_that_is_called_as_a_head_is_none(scene: LedgerScene, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever made history again knows the true head that others have, and can put a file of that name where they will check."""
    true = scene.line
    last_day_remade_with_the_stolen_key(scene)
    (scene.folder / true).write_text(scene.day_line(DAYS))
    monkeypatch.chdir(scene.folder)
    script = [sys.executable, "-I", "kho-ledger-verify.py", "."]
    done = subprocess.run([*script, "--head", true], capture_output=True, text=True, check=False)
    assert (done.returncode, "after that" in done.stdout) == (1, True), done.stdout
    with redirect_stdout(io.StringIO()):
        assert run(["ledger", "verify", ".", "--head", true]) == 4


@pytest.mark.parametrize(
    ("name", "options"), [("json.py", []), ("hashlib.py", []), ("json.py", ["-I"]), ("__future__.py", ["-I"])]
)
def test_modules_that_lie_beside_the_verifier_are_not_taken(scene: LedgerScene, name: str, options: list[str]) -> None:
    """Who makes an export could answer in the place of Python's own modules; of `__future__` only -I keeps him off."""
    outcome_edited(scene)
    (scene.folder / name).write_text("print('all is well')\nimport os\nos._exit(0)\n")
    done = subprocess.run(
        [sys.executable, *options, "kho-ledger-verify.py", "."], capture_output=True, text=True, check=False, cwd=scene.folder
    )
    assert (done.returncode, "all is well" in done.stdout) == (1, False), done


def test_names_and_consoles_that_are_not_unicode_get_their_answer(scene: LedgerScene) -> None:
    script = str(scene.folder / "kho-ledger-verify.py")
    (scene.folder / os.fsdecode(b"\xff.proof.json")).write_text("{}")
    for lang, encoding in (("en", "utf-8"), ("vi", "ascii")):
        command = [sys.executable, "-S", script, str(scene.folder), "--lang", lang]
        done = subprocess.run(command, capture_output=True, env={"PYTHONIOENCODING": encoding}, check=False)
        assert (done.returncode, done.stderr) == (1, b""), done


def test_the_file_that_is_handed_out_runs_by_itself(scene: LedgerScene, tmp_path: Path) -> None:
    script = scene.folder / "kho-ledger-verify.py"
    command = [sys.executable, "-I", "-S", str(script), str(scene.folder), "--head", scene.line]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Everything from day 1 up to day 6" in done.stdout
    assert "Time is not proven" in done.stdout
    outcome_edited(scene)
    done = subprocess.run([*command, "--json"], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)
    assert done.returncode == 1
    assert [each["code"] for each in json.loads(done.stdout)["found"]] == ["SEGMENT"]


def test_a_whole_tier_can_be_verified(untouched: LedgerScene) -> None:
    for name, tier in untouched.archive.tiers.items():
        verifier = Verifier(str(tier.path / "ocfl"), [untouched.line]).run()  # type: ignore[attr-defined]
        assert verifier.found == [], name
        assert len(verifier.days) == DAYS


def test_every_sentence_is_there_in_both_languages() -> None:
    assert WORDS["en"].keys() == WORDS["vi"].keys()


def test_records_of_a_storage_root_say_nothing_of_its_ledger_whatever_they_are_called(scene: LedgerScene) -> None:
    content = scene.folder / "ocfl" / "3f1" / "v1" / "content"
    content.mkdir(parents=True)
    (scene.folder / "ocfl" / "3f1" / "0=ocfl_object_1.1").write_text("ocfl_object_1.1\n")
    (scene.folder / "ocfl" / "3f1" / "inventory.json").write_text('{"id": "urn:uuid:1"}')
    for name in ("report.json", "scope.json", "a.proof.json", "b.json", "b.json.sig"):  # the archive keeps its own reports, too
        (content / name).write_text("{}")
    assert scene.found(scene.line) == set()


def test_other_documents_that_the_archive_signed_are_checked(scene: LedgerScene) -> None:
    drill = scene.folder / "drill" / "drill.json"
    drill.parent.mkdir()
    drill.write_text('{"kho": 1, "kind": "drill"}\n')
    sign_document(scene.archive, drill)
    verifier = scene.verify(scene.line)
    assert (verifier.found, "SIGNED" in {code for code, _ in verifier.proven}) == ([], True)
    drill.write_text('{"kho": 1, "kind": "drill", "restored_all": true}\n')
    assert scene.found(scene.line) == {"REPORT-SIGNATURE"}
    drill.rename(drill.parent / "report.json")
    (drill.parent / "report.json").write_text('{"kho": 1, "kind": "formats_campaign_report"}')
    (drill.parent / "drill.json.sig").unlink()
    verifier = scene.verify(scene.line)
    assert (verifier.found, {"REPORT-OTHER", "UNSIGNED"} <= {code for code, _ in verifier.unproven}) == ([], True)


def folder_of(scene: LedgerScene, number: int) -> Path:
    return next(each for each in scene.folder.glob("days/*") if int(each.name[:6]) == number)


def looked_at(scene: LedgerScene, barred: Path, *outside: str) -> Verifier:
    """By somebody who may not read one file or folder."""
    mode = barred.stat().st_mode
    barred.chmod(0)
    try:
        with ordinary_rights():
            return Verifier(str(scene.folder), outside, None).run()
    finally:
        barred.chmod(mode)


@pytest.mark.parametrize("witnessed", [True, False], ids=["head from outside", "alone"])
@pytest.mark.parametrize("name", ["head.json", "head.sig", "events.ndjson", "keys.ndjson", ""])
@pytest.mark.parametrize("number", [1, 3, DAYS])
def test_a_day_that_may_not_be_read_is_not_missing(scene: LedgerScene, number: int, name: str, witnessed: bool) -> None:
    verifier = looked_at(scene, folder_of(scene, number) / name, *([scene.line] if witnessed else []))
    assert verifier.blind, verifier.found
    gap = [more for code, more in verifier.unproven if code == "DAYS-UNREAD"]
    told_of = name in ("head.json", "") and (witnessed or number < DAYS)
    assert gap == ([{"first": number, "last": number}] if told_of else [])


def test_a_scope_that_may_not_be_read_says_nothing_of_the_beginning(scene: LedgerScene) -> None:
    shutil.rmtree(folder_of(scene, 1))
    scope = scene.folder / "scope.json"
    scope.write_text(json.dumps({"kho": 1, "ledger": {"first": 2, "last": DAYS, "ends": False}}))
    assert Verifier(str(scene.folder), [scene.line], None).run().found == []
    assert looked_at(scene, scope, scene.line).blind


def test_two_copies_of_a_day_of_which_one_may_not_be_read_do_not_differ(scene: LedgerScene) -> None:
    copy = shutil.copytree(folder_of(scene, 3), scene.folder / "again")
    assert looked_at(scene, copy / "events.ndjson").blind
    (copy / "events.ndjson").unlink()
    assert "COPIES-DIFFER" in {code for code, _, _ in Verifier(str(scene.folder), [scene.line], None).run().found}


def test_what_is_barred_somewhere_else_excuses_nothing(scene: LedgerScene) -> None:
    """Who forges figures, or takes a day away, makes something else unreadable, so that it would only be called not known."""
    report_of(scene, "2026-03-01", "2026-03-07")
    report = scene.folder / "report.json"
    said = json.loads(report.read_text())
    said["figures"]["a"]["done"] = said["figures"]["a"].get("done", 0) + 5
    report.write_text(json.dumps(said))
    strange = scene.folder / "strange"
    strange.mkdir()
    for barred in (strange, folder_of(scene, 2) / "head.sig"):
        verifier = looked_at(scene, barred, scene.line)
        assert "REPORT-FIGURES" in {code for code, _, _ in verifier.found}
        assert not verifier.blind
    report.unlink()
    shutil.rmtree(folder_of(scene, DAYS))
    assert "CUT-OFF" in {code for code, _, _ in looked_at(scene, folder_of(scene, 2) / "head.sig", scene.line).found}
    shutil.rmtree(folder_of(scene, 3))
    assert "DAY-MISSING" in {code for code, _, _ in looked_at(scene, folder_of(scene, 2) / "head.sig", scene.line).found}
