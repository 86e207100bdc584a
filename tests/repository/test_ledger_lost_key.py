"""A ledger whose key was lost: it goes on, every check says so for ever, and nobody can use that door to make history again unnoticed."""

from __future__ import annotations

import base64
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from ledger_scene import DAYS, ROTATED, START, LedgerScene, Tamper, tampered

from repository.ledger.days import time_of
from repository.ledger.keys import STATEMENTS
from repository.ledger.verifier import KEY_LOST, KEY_PREFIX, REPORT_PREFIX, Verifier, canonical, told
from signatures.signing_keys import SigningKey
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, identifier: SharedIdentifier) -> Iterator[LedgerScene]:
    made = ArchiveUnderTest(tmp_path_factory.mktemp("ledger"), identifier)
    yield LedgerScene(made, lost=True)
    made.close()


@pytest.fixture
def scene(untouched: LedgerScene, tmp_path: Path) -> Iterator[LedgerScene]:
    with tampered(untouched, tmp_path / "export") as scene:
        yield scene


def codes(rows: list[Any]) -> list[str]:
    return [row[0] for row in rows]


def test_a_lost_key_is_told_and_nothing_else_is_wrong(scene: LedgerScene) -> None:
    verifier = scene.verify()
    assert verifier.found == []
    assert ("KEY-LOST", {"number": ROTATED, "key": scene.key.id, "time": "2026-03-04 09:00"}) in verifier.unproven
    assert "KEY-LOST-SILENT" not in codes(verifier.unproven)
    assert any("did NOT vouch for" in line and scene.key.id in line for line in told(verifier))
    assert any("KHÔNG xác nhận" in line for line in told(verifier, "vi"))


def test_an_outside_head_from_before_still_proves_all_up_to_it_and_ties_nothing_behind_it(scene: LedgerScene) -> None:
    verifier = scene.verify(scene.day_line(ROTATED - 1))
    assert (verifier.found, codes(verifier.proven)) == ([], ["AGREES", "WITNESSED", "POLICIES"])
    assert "KEY-LOST" in codes(verifier.unproven)
    scene.write(2, scene.lines(2)[1:], renumber=True)
    scene.remake_from(2)
    assert "OUTSIDE-DIFFERS" in scene.found(scene.day_line(DAYS), untampered_line(scene, 3))


def untampered_line(scene: LedgerScene, number: int) -> str:
    head = next(scene.archive.catalog.days.between(number, number)).head
    told = json.loads(head)
    return f"kho-ledger-head 1 {told['archive']} {number} {told['date']} {hashlib.sha256(head).hexdigest()}"


def test_an_outside_head_from_after_ties_the_days_together_and_it_is_told_all_the_same(scene: LedgerScene) -> None:
    verifier = scene.verify(scene.line)
    assert verifier.found == []
    assert "KEY-LOST-TIED" in codes(verifier.unproven)
    assert "KEY-LOST" not in codes(verifier.unproven)


@pytest.mark.parametrize("told_time", ["2026-03-02T09:00:00.000000Z", "2027-03-04T09:00:00.000000Z"], ids=["behind", "ahead"])
def test_a_loss_that_was_reported_by_a_wrong_clock_holds_with_what_came_from_outside(scene: LedgerScene, told_time: str) -> None:
    """The statement is the archive's own; only its clock was wrong. Whoever makes one up chooses a time that fits."""
    tell(scene, [statements(scene)[0], stated(scene, scene.key, time=told_time)], ROTATED)
    for number in range(ROTATED, DAYS + 1):  # the event brings the same statement
        events = [each for each in scene.lines(number) if each["type"] != KEY_LOST]
        scene.write(number, events, renumber=True)
    scene.remake_from(ROTATED)
    lines = {number: scene.day_line(number) for number in range(1, DAYS + 1)}
    for told_lines in ((), (lines[ROTATED - 1],)):  # a head of before says nothing of what came after
        assert scene.found(*told_lines) == {"KEY-LOST-TIME"}
    verifier = scene.verify(lines[ROTATED])
    assert verifier.found == []
    assert {"KEY-LOST-CLOCK", "KEY-LOST-TIED"} <= set(codes(verifier.unproven))
    keys = (scene.old_key.id, scene.key.id)
    verifier = Verifier(str(scene.folder), [], "", keys).run()
    assert verifier.found == []
    assert {"KEY-LOST-CLOCK", "KEY-LOST-GIVEN"} <= set(codes(verifier.unproven))


def test_an_auditor_can_ask_for_an_unbroken_ledger_or_name_its_keys(scene: LedgerScene) -> None:
    first, second = scene.old_key.id, scene.key.id

    def verified(*keys: str, unbroken: bool = False) -> Verifier:
        return Verifier(str(scene.folder), [scene.line], "", keys, unbroken).run()

    assert set(codes(verified(unbroken=True).found)) == {"KEY-BROKEN"}
    assert set(codes(verified(first).found)) == {"KEY-NOT-GIVEN"}
    assert set(codes(verified(second).found)) == {"KEY-NOT-GIVEN"}
    assert set(codes(verified(first, second, unbroken=True).found)) == {"KEY-BROKEN"}
    given = verified(first, second.upper())
    assert given.found == []
    assert "KEY-GIVEN" in codes(given.proven)
    assert "KEY-LOST-GIVEN" in codes(given.unproven)


def statements(scene: LedgerScene, number: int = DAYS) -> list[bytes]:
    return (scene.day(number) / STATEMENTS).read_bytes().splitlines(keepends=True)


def tell(scene: LedgerScene, lines: list[bytes], first: int, key: SigningKey | None = None) -> None:
    """Other statements of keys from day ``first`` on, with heads that fit them, all signed by ``key`` (default: who signed before)."""
    for number in range(first, DAYS + 1):
        (scene.day(number) / STATEMENTS).write_bytes(b"".join(lines))
        before = hashlib.sha256((scene.day(number - 1) / "head.json").read_bytes()).hexdigest()
        scene.remake(number, key=key, previous=before, keys=hashlib.sha256(b"".join(lines)).hexdigest(), **named(key))


def named(key: SigningKey | None) -> dict[str, Any]:
    """What a head says of its key; nothing other where none is given."""
    return {} if key is None else {"key_id": key.id}


def stated(scene: LedgerScene, key: SigningKey, signer: SigningKey | None = None, **changes: Any) -> bytes:
    """The statement of the lost key with something else in it, signed by ``signer`` (default: by the new key itself)."""
    said = {**json.loads(json.loads(statements(scene)[1])["statement"]), "key": key.description, "key_id": key.id, **changes}
    text = canonical({name: value for name, value in said.items() if value is not None})
    signature = base64.b64encode((signer or key).sign(KEY_PREFIX + text)).decode()
    return canonical({"statement": text.decode(), "signature": signature}) + b"\n"


def statement_removed(scene: LedgerScene) -> None:
    for number in range(ROTATED, DAYS + 1):
        (scene.day(number) / STATEMENTS).write_bytes(statements(scene)[0])


def statement_removed_and_days_signed_again(scene: LedgerScene) -> None:
    tell(scene, statements(scene)[:1], ROTATED)


def old_key_signs_on(scene: LedgerScene) -> None:
    scene.remake(DAYS, key=scene.old_key, key_id=scene.old_key.id)


def old_key_signs_on_by_its_name(scene: LedgerScene) -> None:
    tell(scene, statements(scene), ROTATED + 1, scene.old_key)


def loss_denied_with_the_old_key(scene: LedgerScene) -> None:
    tell(scene, statements(scene)[:1], ROTATED, scene.old_key)


def other_key_without_a_statement(scene: LedgerScene) -> None:
    tell(scene, statements(scene)[:1], ROTATED, SigningKey.generate())


def other_key_behind_the_same_event(scene: LedgerScene) -> None:
    key = SigningKey.generate()
    tell(scene, [statements(scene)[0], stated(scene, key)], ROTATED, key)


def lost_key_brought_back(scene: LedgerScene) -> None:
    more = stated(
        scene, scene.old_key, scene.key, **{"kho_ledger_key": 1, "number": 3, "from": 6, "previous": scene.key.id, "lost": None}
    )
    tell(scene, [*statements(scene), more], DAYS, scene.old_key)


def statement_of_an_old_kind(scene: LedgerScene) -> None:
    tell(scene, [statements(scene)[0], stated(scene, scene.key, kho_ledger_key=1)], ROTATED)


def statement_without_a_loss(scene: LedgerScene) -> None:
    tell(scene, [statements(scene)[0], stated(scene, scene.key, kho_ledger_key=1, lost=None)], ROTATED)


def statement_from_an_earlier_day(scene: LedgerScene) -> None:
    tell(scene, [statements(scene)[0], stated(scene, scene.key, **{"from": 3})], ROTATED)


def statement_behind_another_history(scene: LedgerScene) -> None:
    said = json.loads(json.loads(statements(scene)[1])["statement"])
    tell(scene, [statements(scene)[0], stated(scene, scene.key, lost={**said["lost"], "head": "0" * 64})], ROTATED)


def statement_back_dated(scene: LedgerScene) -> None:
    tell(scene, [statements(scene)[0], stated(scene, scene.key, time="2026-03-02T09:00:00.000000Z")], ROTATED)


def statement_from_the_future(scene: LedgerScene) -> None:
    tell(scene, [statements(scene)[0], stated(scene, scene.key, time=time_of(START + 30 * DAY))], ROTATED)


def loss_of_nothing(scene: LedgerScene) -> None:
    tell(scene, [stated(scene, scene.key, number=1, previous=""), *statements(scene)[1:]], ROTATED)


def statement_of_no_loss(scene: LedgerScene) -> None:
    tell(scene, [statements(scene)[0], stated(scene, scene.key, lost=5)], ROTATED)


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        (statement_removed, "KEYS"),
        (statement_removed_and_days_signed_again, "SIGNATURE"),
        (old_key_signs_on, "SIGNATURE"),
        (old_key_signs_on_by_its_name, "SIGNATURE"),
        (loss_denied_with_the_old_key, "KEY-LOST-DENIED"),
        (other_key_without_a_statement, "SIGNATURE"),
        (other_key_behind_the_same_event, "KEY-LOST-DENIED"),
        (lost_key_brought_back, "KEY-CHAIN"),
        (statement_of_an_old_kind, "KEY-CHAIN"),
        (statement_without_a_loss, "KEY-CHAIN"),
        (statement_from_an_earlier_day, "KEY-LOST-FALSE"),
        (statement_behind_another_history, "KEY-LOST-FALSE"),
        (statement_back_dated, "KEY-LOST-TIME"),
        (statement_from_the_future, "KEY-LOST-TIME"),
        (loss_of_nothing, "KEY-CHAIN"),
        (statement_of_no_loss, "KEYS"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_tampering_by_that_door_is_found_without_a_witness(scene: LedgerScene, tamper: Tamper, code: str) -> None:
    tamper(scene)
    assert code in scene.found()
    assert scene.found(scene.line)


def history_remade_behind_a_loss_that_never_was(scene: LedgerScene) -> None:
    """Whoever can write the days needs no key for this: he makes them again from the third on, as if the key had been lost there."""
    key = SigningKey.generate()
    scene.write(3, scene.lines(3)[1:], renumber=True)
    for number in range(ROTATED, DAYS + 1):
        kept = [each for each in scene.lines(number) if each["type"] != KEY_LOST]
        scene.write(number, kept, renumber=True)
    before = hashlib.sha256((scene.day(2) / "head.json").read_bytes()).hexdigest()
    lost = {"event": "made up", "head": before}
    line = stated(scene, key, **{"from": 3, "lost": lost, "time": time_of(START + 2 * DAY + HOUR)})
    tell(scene, [statements(scene)[0], line], 3, key)


def test_a_history_remade_behind_a_loss_is_told_and_found_by_every_later_head(scene: LedgerScene) -> None:
    lines = [untampered_line(scene, number) for number in range(1, DAYS + 1)]
    history_remade_behind_a_loss_that_never_was(scene)
    verifier = scene.verify(lines[1])  # a head of the last day that is as it was
    assert verifier.found == []
    assert {"KEY-LOST", "KEY-LOST-SILENT", "END"} <= set(codes(verifier.unproven))
    for line in lines[2:]:
        assert scene.found(line) == {"OUTSIDE-DIFFERS"}
    keys = (scene.old_key.id, scene.key.id)
    assert set(codes(Verifier(str(scene.folder), [], "", keys).run().found)) == {"KEY-NOT-GIVEN"}
    assert set(codes(Verifier(str(scene.folder), [], "", (), True).run().found)) == {"KEY-BROKEN"}


def test_what_a_key_of_nobody_signed_is_not_proven(scene: LedgerScene) -> None:
    """Whoever has no key at all can say that the last one was lost, and sign whatever he likes with his own."""
    key, document = SigningKey.generate(), scene.folder / "drill.json"
    head = hashlib.sha256((scene.day(DAYS) / "head.json").read_bytes()).hexdigest()
    lost, when = {"event": "made up", "head": head}, time_of(START + DAYS * DAY + HOUR)
    more = stated(scene, key, **{"number": 3, "from": DAYS + 1, "previous": scene.key.id, "time": when, "lost": lost})
    (scene.folder / STATEMENTS).write_bytes(b"".join([*statements(scene), more]))
    document.write_text('{"restored_all": true}')
    document.with_name("drill.json.sig").write_bytes(base64.b64encode(key.sign(REPORT_PREFIX + document.read_bytes())))
    verifier = scene.verify(scene.line)
    assert verifier.found == []
    assert ("SIGNED-ALONE", {"place": "drill.json", "key": key.id}) in verifier.unproven
    assert "SIGNED" not in codes(verifier.proven)
    (scene.folder / STATEMENTS).write_bytes(b"".join(statements(scene)))
    document.with_name("drill.json.sig").write_bytes(base64.b64encode(scene.key.sign(REPORT_PREFIX + document.read_bytes())))
    assert "SIGNED" in codes(scene.verify(scene.line).proven)  # an outside head ties that key to the days before
    assert "SIGNED" not in codes(scene.verify().proven)


def test_the_file_that_is_handed_out_tells_it_too(scene: LedgerScene, tmp_path: Path) -> None:
    script = [sys.executable, "-I", "-S", str(scene.folder / "kho-ledger-verify.py"), str(scene.folder)]

    def ran(*more: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([*script, *more], capture_output=True, text=True, timeout=60, cwd=tmp_path, check=False)

    assert "did NOT vouch for" in ran().stdout
    assert (ran().returncode, ran("--unbroken").returncode, ran("--key", scene.old_key.id).returncode) == (0, 1, 1)
    assert ran("--key", scene.old_key.id, "--key", scene.key.id).returncode == 0
    assert ran("--key", "abc").returncode == 2


def test_a_report_tells_of_lost_keys_what_the_keys_tell(scene: LedgerScene) -> None:
    stated_at = json.loads(json.loads(statements(scene)[1])["statement"])["time"]
    lost = [{"from": ROTATED, "key": scene.key.id, "time": stated_at}]
    for told_keys, found in ((lost, set()), ([], {"REPORT-KEYS"})):
        report = {
            "kho": 1,
            "scope": {},
            "period": {"from": time_of(START - DAY), "to": time_of(START - DAY)},
            "ledger": {"first": 1, "last": DAYS, "head": scene.line, "lost_keys": told_keys},
            "figures": {},
        }
        (scene.folder / "report.json").write_text(json.dumps(report))
        assert scene.found() == found


def test_what_a_lost_key_signed_may_have_been_signed_by_whoever_found_it(scene: LedgerScene) -> None:
    for key, code in ((scene.key, "SIGNED"), (scene.old_key, "SIGNED-LOST")):
        (scene.folder / "drill.json").write_bytes(b"{}")
        (scene.folder / "drill.json.sig").write_bytes(base64.b64encode(key.sign(REPORT_PREFIX + b"{}")))
        verifier = scene.verify(scene.line)  # which ties the key that followed to the days before
        assert verifier.found == []
        assert [each for each in codes([*verifier.proven, *verifier.unproven]) if each.startswith("SIGNED")] == [code]
