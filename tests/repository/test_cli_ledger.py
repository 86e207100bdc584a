"""``kho ledger`` as a person types it; its JSON as docs/cli.md promises."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from catalog_builders import a_check
from kho_inside import ArchiveInside as Archive
from test_cli_corridor import Said, agrees, shapes

from repository.engine import Engine
from repository.ledger.events import ledger_of
from repository.ledger.keys import ring_of


def as_promised(said: Said, kind: str, code: int = 0) -> None:
    assert said.code == code, said.err
    assert said.json["kind"] == kind
    assert agrees(dict(shapes())[kind], said.json) == []


def test_the_ledger_from_the_first_day_to_its_proof(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert archive.kho("init").code == 0
    assert "no day" in archive.kho("ledger", "head").out.lower()
    assert archive.kho("ledger", "export", "-o", tmp_path / "early").code == 1
    with Engine.open(archive.home, actor="user:test") as engine:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        ledger_of(engine.archive).checked(replace(a_check(number, "a"), time=yesterday) for number in range(3))
        event = next(event.id for _, event in engine.archive.catalog.days.events(1))
    closed = archive.kho("ledger", "close", "--json")
    as_promised(closed, "ledger_close")
    assert (closed.json["closed"], closed.json["kept"]) == (1, [1])
    line = archive.kho("ledger", "head", "--json")
    as_promised(line, "ledger_head")
    assert line.json["head"] == closed.json["head"]
    out = tmp_path / "out"
    as_promised(archive.kho("ledger", "export", "-o", out, "--json"), "ledger_export")
    assert {each.stat().st_mode for each in out.rglob("*") if each.is_dir()} == {out.stat().st_mode}, "as readable as the rest"
    proof = archive.kho("ledger", "prove", event, "--json")
    as_promised(proof, "ledger_proof")
    (out / "one.proof.json").write_text(json.dumps(proof.json["proof"]))
    good = archive.kho("ledger", "verify", out, "--head", line.json["head"], "--json", home=False)
    as_promised(good, "ledger_verify")
    assert {each["code"] for each in good.json["proven"]} == {"AGREES", "WITNESSED", "POLICIES", "PROOF-INCLUSION"}
    assert "CHƯA chứng minh" in archive.kho("ledger", "verify", out, language="vi", home=False).out
    (out / "head.txt").write_text(f"Your receipt says: {line.json['head']}")
    assert archive.kho("ledger", "verify", out, "--head", out / "head.txt", home=False).code == 0
    segment = next(out.rglob("events.ndjson"))
    segment.write_bytes(segment.read_bytes().replace(b"success", b"failure"))
    as_promised(archive.kho("ledger", "verify", out, "--json", home=False), "ledger_verify", 4)
    assert archive.kho("ledger", "prove", "no such event").code == 1
    as_promised(archive.kho("ledger", "rotate-key", "--json"), "ledger_key")
    assert archive.kho("ledger", "verify", tmp_path / "nowhere", home=False).code == 2


def test_a_tier_that_does_not_take_the_open_day_is_told_of(tmp_path: Path) -> None:
    """One that was mounted read-only was passed over without a word."""
    archive = Archive(tmp_path)
    assert archive.kho("init").code == 0
    with Engine.open(archive.home, actor="user:test") as engine:
        ledger_of(engine.archive).checked([a_check(1, "a")])
    (archive.home / "tiers" / "b" / "ledger").write_bytes(b"no folder")
    short = archive.kho("ledger", "close", "--json")
    as_promised(short, "ledger_close", 5)
    assert [each["code"] for each in short.json["findings"]] == ["OPS-LEDGER-OPEN"]
    (archive.home / "tiers" / "b" / "ledger").unlink()
    assert archive.kho("ledger", "close").code == 0


def test_a_lost_key_is_reported_with_a_reason_and_told_by_every_command(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert archive.kho("init").code == 0
    with Engine.open(archive.home, actor="user:test") as engine:
        for days in (3, 1):
            time = datetime.now(UTC) - timedelta(days=days)
            ledger_of(engine.archive).checked([replace(a_check(days, "a"), time=time)])
    assert archive.kho("ledger", "close").code == 0
    (key,) = (archive.home / "ledger").glob("*.pem")
    first = json.loads(json.loads((archive.home / "ledger" / "keys.ndjson").read_bytes())["statement"])["key_id"]
    assert archive.kho("ledger", "rotate-key", "--lost").code == 2
    assert archive.kho("ledger", "rotate-key", "--reason", "x").code == 2
    assert "it is not lost" in archive.kho("ledger", "rotate-key", "--lost", "--reason", "x").err
    key.unlink()
    assert "LED-KEY-GONE" in archive.kho("status", "--json").out
    assert "Không có khóa bí mật" in archive.kho("ledger", "rotate-key", language="vi").err
    lost = archive.kho("ledger", "rotate-key", "--lost", "--reason", "the safe burned", "--json")
    as_promised(lost, "ledger_key")
    second = lost.json["key"]
    status = archive.kho("status", "--json")
    assert [each["key"] for each in status.json["lost_keys"]] == [second]
    assert "ATT-KEY-LOST" in {each["code"] for each in status.json["attention"]}
    assert second in archive.kho("status", language="vi").out
    out = tmp_path / "out"
    assert archive.kho("ledger", "export", "-o", out).code == 0
    assert archive.kho("ledger", "verify", out, "--key", first, home=False).code == 0
    assert archive.kho("ledger", "verify", out, "--key", second, home=False).code == 4
    assert archive.kho("ledger", "verify", out, "--key", "abc", home=False).code == 2
    assert archive.kho("ledger", "verify", out, "--unbroken", home=False).code == 0, "no closed day stands on the new key yet"


def test_a_day_that_no_key_can_sign_is_told_when_days_are_closed(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert archive.kho("init").code == 0
    with Engine.open(archive.home, actor="user:test") as engine:
        yesterday = datetime.now(UTC) - timedelta(days=1)
        ledger_of(engine.archive).checked([replace(a_check(1, "a"), time=yesterday)])
        ring_of(engine.archive)
    (key,) = (archive.home / "ledger").glob("*.pem")
    key.write_text("no key")
    closed = archive.kho("ledger", "close", "--json")
    as_promised(closed, "ledger_close", 1)
    assert (closed.json["closed"], closed.json["key"]["code"]) == (0, "LED-KEY-BROKEN")
    assert [each["code"] for each in closed.json["findings"]] == ["LED-KEY-BROKEN"]


def test_what_is_asked_for_by_a_name_that_nobody_knows_is_wrong_usage(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert archive.kho("init").code == 0
    period = ("report", "fixity", "--from", "2026-01-01", "--to", "2026-01-02")
    assert archive.kho(*period, "--collection", "nobody").code == 2
    early = archive.kho("ledger", "export", "-o", tmp_path / "early")
    assert early.code == 1
    assert "closed after its end" in early.err.strip().splitlines()[-1]  # not: choose another target
