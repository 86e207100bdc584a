"""Days of the ledger: trees, keys, which events a day holds, sealing on the tiers, copies of the open day."""

from __future__ import annotations

import errno
import hashlib
import json
import shutil
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest
from catalog_builders import a_check, aip_id
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import given, settings
from hypothesis import strategies as st
from test_fixity_period import Steps

from policies.findings import KhoError
from repository.archive import Archive
from repository.attention.entries import attention
from repository.catalog import Catalog, id_of_row
from repository.catalog.database import Database
from repository.engine import Engine
from repository.errors import LedgerBehind, LedgerChanged
from repository.ledger.days import DayTree, line_of
from repository.ledger.events import ledger_of
from repository.ledger.flow import LedgerFlow
from repository.ledger.keeper import close_days, export_days, keep_day, latest_line, prove
from repository.ledger.keys import ring_of
from repository.ledger.open_day import _OpenCopy, copy_open_day, event_of_open, is_sound, open_files, open_line, read_part
from repository.ledger.segments import lines_between
from repository.ledger.verifier import Sums, Verifier, canonical, climbed, ed25519, leaf_of, proven, root_of, rsa_pss, signed_by
from repository.model import Event
from repository.progress import Silent
from repository.rebuilding.rebuild import RebuildReport
from signatures.signing_keys import SigningKey, SigningKeyError
from tests.builders_archive import ArchiveUnderTest, write_tree
from tests.clocks import RunningClock

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
DAY = timedelta(days=1)


def rfc6962(leaves: list[bytes]) -> bytes:
    """The definition, word for word (RFC 6962 §2.1)."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return hashlib.sha256(b"\1" + rfc6962(leaves[:split]) + rfc6962(leaves[split:])).digest()


@given(st.lists(st.binary(max_size=4), max_size=70))
def test_the_tree_is_that_of_the_rfc(leaves: list[bytes]) -> None:
    hashed = [hashlib.sha256(b"\0" + each).digest() for each in leaves]
    assert root_of(hashed) == rfc6962(hashed)


@given(st.sets(st.text(max_size=5), max_size=40), st.text(max_size=5))
def test_every_event_is_proven_in_or_out(ids: set[str], asked: str) -> None:
    tree = DayTree((each, canonical({"id": each})) for each in ids)
    root = tree.root.hex()
    for event_id in [*ids, asked]:
        proof = {"id": event_id, "line": canonical({"id": event_id}).decode()}
        if event_id in ids:
            assert tree.absence(event_id) is None
            assert proven({**proof, "kind": "inclusion", "leaves": tree.inclusion(event_id)}, root, tree.count)
        else:
            assert tree.inclusion(event_id) is None
            absence = {**proof, "kind": "absence", "leaves": tree.absence(event_id)}
            assert proven(absence, root, tree.count)
            for present in ids:
                assert not proven({**absence, "id": present}, root, tree.count)


@given(st.integers(1, 60), st.data())
def test_a_path_leads_to_the_root_from_its_own_place_only(count: int, data: st.DataObject) -> None:
    tree = DayTree((str(number), b"x%d" % number) for number in range(count))
    event_id = str(data.draw(st.integers(0, count - 1)))
    leaves = tree.inclusion(event_id)
    assert leaves is not None
    leaf = leaf_of(bytes.fromhex(leaves[0]["key"]), bytes.fromhex(leaves[0]["line"]))
    path = [bytes.fromhex(each) for each in leaves[0]["path"]]
    assert climbed(leaf, leaves[0]["index"], count, path) == tree.root
    for other in range(count):
        if other != leaves[0]["index"]:
            assert climbed(leaf, other, count, path) != tree.root


def test_ed25519_by_arithmetic_agrees_with_the_library() -> None:
    key = SigningKey.generate()
    public = bytes.fromhex(key.description["public"])
    for number in range(8):
        message = b"m" * number * 100
        signature = key.sign(message)
        assert ed25519(public, message, signature)
        for at in (0, 31, 32, 63):
            assert not ed25519(public, message, signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :])
        assert not ed25519(public, message + b"!", signature)
        order = 2**252 + 27742317777372353535851937790883648493
        malleable = (int.from_bytes(signature[32:], "little") + order).to_bytes(33, "little")[:32]
        assert not ed25519(public, message, signature[:32] + malleable)


@pytest.mark.parametrize("bits", [2048, 3071, 3072, 3073])
def test_rsa_pss_by_arithmetic_agrees_with_the_library(bits: int) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=bits)
    numbers = key.public_key().public_numbers()
    signature = key.sign(b"message", padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    assert rsa_pss(numbers.n, numbers.e, b"message", signature)
    assert not rsa_pss(numbers.n, numbers.e, b"massage", signature)
    assert not rsa_pss(numbers.n, numbers.e, b"message", signature[:-1] + bytes([signature[-1] ^ 1]))
    other = key.sign(b"message", padding.PKCS1v15(), SHA256())
    assert not rsa_pss(numbers.n, numbers.e, b"message", other)


def test_a_key_of_ones_own(tmp_path: Path) -> None:
    private = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    (tmp_path / "rsa.pem").write_bytes(private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    key = SigningKey.load(tmp_path / "rsa.pem")
    assert signed_by(key.description, b"m", key.sign(b"m"))
    weak = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    (tmp_path / "weak.pem").write_bytes(weak.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "none.pem").write_bytes(b"no key")
    for name, code in (("weak.pem", "LED-KEY-KIND"), ("none.pem", "LED-KEY-UNREADABLE"), ("gone.pem", "LED-KEY-UNREADABLE")):
        with pytest.raises(SigningKeyError) as failed:
            SigningKey.load(tmp_path / name)
        assert failed.value.code == code


def event(number: int, time: datetime) -> Event:
    return Event(f"e{number}", "fixity check", time, "kho", "success", aip_id(1))


def test_a_day_holds_what_was_appended_until_something_later_happened(catalog: Catalog) -> None:
    end = datetime(2026, 3, 2, tzinfo=UTC)
    times = [-2, -1, 1, -3, 2]  # hours around midnight: the fourth was under way at midnight and came late
    catalog.events.append(event(number, end + timedelta(hours=hours)) for number, hours in enumerate(times))
    cut = catalog.days.cut(end, end + timedelta(hours=6))
    assert [each.id for _, each in catalog.days.events(cut.first, cut.last)] == ["e0", "e1"]


def test_an_event_from_the_future_holds_nothing_up(catalog: Catalog) -> None:
    end = datetime(2026, 3, 2, tzinfo=UTC)
    catalog.events.append([event(1, end + 4000 * DAY), event(2, end - timedelta(hours=1))])
    cut = catalog.days.cut(end, end + timedelta(hours=6))
    assert [each.id for _, each in catalog.days.events(cut.first, cut.last)] == ["e1", "e2"]


def test_a_day_without_events(catalog: Catalog) -> None:
    cut = catalog.days.cut(START, START + DAY)
    assert list(catalog.days.events(cut.first, cut.last)) == []


@pytest.fixture
def clocked(archive: ArchiveUnderTest) -> tuple[Archive, RunningClock]:
    clock = RunningClock(START)
    return replace(archive.engine.archive, clock=clock), clock


def checks(archive: Archive, count: int = 3) -> None:
    now = archive.clock.now()
    ledger_of(archive).checked(replace(a_check(number, "a"), time=now) for number in range(count))


def test_nothing_is_closed_before_the_day_is_over(clocked: tuple[Archive, RunningClock]) -> None:
    archive, clock = clocked
    assert close_days(archive) is None
    checks(archive)
    assert close_days(archive) is None
    clock.advance(timedelta(hours=15))  # midnight
    closed = close_days(archive)
    assert closed is not None
    assert (closed.number, closed.day, closed.events) == (1, date(2026, 3, 1), 3)
    assert close_days(archive) is None
    assert latest_line(archive).startswith("kho-ledger-head 1 ")


def test_days_that_passed_while_nothing_ran_are_closed_together(clocked: tuple[Archive, RunningClock]) -> None:
    archive, clock = clocked
    checks(archive)
    clock.advance(DAY)
    assert close_days(archive)
    clock.advance(5 * DAY)
    closed = close_days(archive)
    assert closed is not None
    assert (closed.since, closed.day, closed.events) == (date(2026, 3, 2), date(2026, 3, 6), 0)
    assert [day.number for day in archive.catalog.days.between()] == [1, 2]


def test_a_day_is_kept_and_audited_and_repaired_like_an_aip(archive: ArchiveUnderTest) -> None:
    clock = RunningClock(datetime.now(UTC) - DAY)
    running = replace(archive.engine.archive, clock=clock)
    checks(running)
    clock.advance(DAY)
    closed = close_days(running)
    assert closed is not None
    assert keep_day(running, closed)
    assert archive.catalog.days.unsealed() == []
    assert not (archive.home / "ledger" / "days" / "1").exists()
    (kept,) = {each.object_id for each in archive.tier("a").versions()}
    assert kept.startswith("urn:kho:ledger:")
    archive.whole()
    segment = next(archive.object(kept, "a").rglob("events.ndjson"))
    segment.chmod(0o644)
    segment.write_bytes(segment.read_bytes().replace(b"success", b"failure"))
    assert archive.audit().copies == {"good": 1, "damaged": 1}
    assert archive.repair().repaired == 1
    archive.whole()
    assert archive.audit().stranger_count == 0


def test_a_silent_authority_holds_a_day_back_for_a_day_only(clocked: tuple[Archive, RunningClock]) -> None:
    archive, clock = clocked

    def silent(data: bytes, now: datetime) -> bytes:
        raise KhoError("STO-UNAVAILABLE", "tsa", reason="silent")

    checks(archive)
    clock.advance(DAY)
    closed = close_days(archive)
    assert closed is not None
    assert not keep_day(archive, closed, silent)
    assert keep_day(archive, closed, lambda data, now: b"token")
    (day,) = archive.catalog.days.between()
    assert day.token == b"token"
    clock.advance(DAY)
    closed = close_days(archive)
    assert closed is not None
    clock.advance(DAY)
    assert keep_day(archive, closed, silent)  # sealed, and the verifier says that its time is not proven


def test_a_catalog_that_was_changed_is_noticed(clocked: tuple[Archive, RunningClock]) -> None:
    from sqlalchemy import text

    archive, clock = clocked
    checks(archive)
    clock.advance(DAY)
    closed = close_days(archive)
    assert closed is not None
    with archive.catalog.begin() as transaction:
        transaction.execute(text("DROP TRIGGER event_no_update"))
        transaction.execute(text("UPDATE event SET outcome = 'fail' WHERE seq = 2"))
    for path in (archive.settings.home / "ledger" / "days" / "1").iterdir():
        path.unlink()
    with pytest.raises(LedgerChanged):
        keep_day(archive, closed)


def test_names_of_people_are_digests_that_lose_their_meaning(clocked: tuple[Archive, RunningClock]) -> None:
    archive, clock = clocked
    ledger_of(archive).exported(aip_id(1), 1, "bagit", 1, 1)
    ledger_of(archive).exported(aip_id(2), 1, "bagit", 1, 1)
    clock.advance(DAY)
    closed = close_days(archive)
    assert closed is not None
    segment = (archive.settings.home / "ledger" / "days" / "1" / "events.ndjson").read_text()
    who = [json.loads(line)["detail"]["asked_by"] for line in segment.splitlines()]
    assert who[0] == who[1]
    assert who[0].startswith("person:")
    assert "user:test" not in segment


TEXTS = st.text(max_size=8) | st.sampled_from(['","tier":"', ',"time":"', "sha256"])


@settings(deadline=None)
@given(
    number=st.integers(0, 10**6),
    id=TEXTS.filter(bool),
    type=TEXTS.filter(bool),
    outcome=TEXTS,
    tier=TEXTS,
    version=st.integers(0, 9),
    detail=st.dictionaries(TEXTS, TEXTS | st.integers(-5, 10**12), max_size=4),
)
def test_a_line_of_the_open_day_is_canonical_and_proves_itself(
    number: int, detail: dict[str, str | int], **fields: object
) -> None:
    given = {"type": fields["type"], "outcome": fields["outcome"], "tier": fields["tier"], "aip_version": fields["version"]}
    event = Event(id=str(fields["id"]), time=START, detail=detail, agent="software:kho", **given)  # type: ignore[arg-type]
    row = json.loads(line_of(number, event))
    line = open_line(number, event)
    assert line == canonical({**row, "sha256": hashlib.sha256(canonical(row)).hexdigest()})
    assert is_sound(line + b"\n")
    assert event_of_open(line + b"\n") == event


def test_a_tier_that_takes_no_copy_of_the_open_day_keeps_none_from_the_other(
    clocked: tuple[Archive, RunningClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, _ = clocked
    checks(archive, 3)
    write = _OpenCopy.write

    def full(self: _OpenCopy, line: bytes) -> None:
        if self.tier == "a" and b'"n":1,' in line:
            raise OSError(errno.ENOSPC, "no space")
        write(self, line)

    with monkeypatch.context() as patch:
        patch.setattr(_OpenCopy, "write", full)
        assert copy_open_day(archive) == {"b": 3}
    folder = archive.settings.home / "tiers" / "a" / "ledger"
    assert not list(folder.iterdir()), "half a copy was left"
    assert copy_open_day(archive) == {"a": 3, "b": 0}
    shutil.rmtree(folder)
    folder.write_text("no folder")
    checks(archive, 1)
    assert copy_open_day(archive) == {"b": 1}


def test_the_open_day_is_on_two_tiers(clocked: tuple[Archive, RunningClock]) -> None:
    archive, clock = clocked
    checks(archive, 3)
    assert copy_open_day(archive) == {"a": 3, "b": 3}
    assert copy_open_day(archive) == {"a": 0, "b": 0}
    checks(archive, 2)
    assert copy_open_day(archive) == {"a": 2, "b": 2}
    folder = archive.settings.home / "tiers" / "b" / "ledger"
    lines = [line for path in sorted(folder.iterdir()) for line in path.read_bytes().splitlines()]
    assert len({json.loads(line)["id"] for line in lines}) == 5
    clock.advance(DAY)
    closed = close_days(archive)
    assert closed is not None
    assert keep_day(archive, closed)
    assert list(folder.iterdir()) == []


def test_no_proof_of_what_no_closed_day_holds(clocked: tuple[Archive, RunningClock]) -> None:
    archive, _ = clocked
    checks(archive, 1)
    (found,) = archive.catalog.events.for_aip(aip_id(0))
    assert prove(archive, found.id) is None


def test_keys_stay_and_are_readable_for_their_owner_only(clocked: tuple[Archive, RunningClock]) -> None:
    archive, _ = clocked
    assert ring_of(archive).current.id == ring_of(archive).current.id
    for path in (archive.settings.home / "ledger").glob("*.pem"):
        assert path.stat().st_mode & 0o777 == 0o600


def test_sums_are_over_the_period_and_the_scope() -> None:
    def check(time: str, tier: str, outcome: str, **detail: int | str) -> dict[str, object]:
        return {"type": "fixity check", "time": time, "tier": tier, "aip": "x", "outcome": outcome, "detail": detail}

    events = [
        check("2026-03-01T00:00:00.000000Z", "a", "success", files=3, bytes=10, algorithm="sha256"),
        check(
            "2026-03-02T00:00:00.000000Z",
            "a",
            "fail",
            files=3,
            bytes=9,
            altered=2,
            last="2026-03-01T00:00:00.000000Z",
            algorithm="sha512",
        ),
        check("2026-03-02T01:00:00.000000Z", "b", "warning", unreadable=3),
        check("2026-03-03T00:00:00.000000Z", "a", "success"),
    ]
    sums = Sums("2026-03-01T00:00:00.000000Z", "2026-03-03T00:00:00.000000Z")
    only_b = Sums("2026-03-01T00:00:00.000000Z", "2026-03-03T00:00:00.000000Z", "b")
    for each in events:
        sums.add(each)
        only_b.add(each)
    figures = sums.figures()
    assert figures["a"] == {
        "by_sha256": 1,
        "by_sha512": 1,
        "bytes": 19,
        "copies": 1,
        "damaged": 1,
        "detected_count": 1,
        "detected_longest": 86400,
        "detected_seconds": 86400,
        "done": 2,
        "files": 6,
        "files_altered": 2,
        "good": 1,
        "month 2026-03": 2,
    }
    assert only_b.figures() == {"b": figures["b"]}


def test_a_lost_catalog_gets_its_ledger_back_and_the_chain_goes_on(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    clock = RunningClock(START)
    running = replace(archive.engine.archive, clock=clock)
    for _ in range(3):
        checks(running)
        ledger_of(running).exported(aip_id(1), 1, "bagit", 1, 1)
        clock.advance(DAY)
        closed = close_days(running)
        assert closed is not None
        assert keep_day(running, closed)
    line = latest_line(running)
    archive.lose_catalog()
    archive.engine.catalog.rebuild(progress=Silent())
    running = replace(archive.engine.archive, clock=clock)
    assert latest_line(running) == line
    assert archive.audit().stranger_count == 0
    checks(running)
    clock.advance(DAY)
    closed = close_days(running)
    assert closed is not None
    assert closed.number == 4
    assert keep_day(running, closed)
    (tmp_path / "out").mkdir()
    assert len(list(export_days(running, tmp_path / "out", 1, 4))) == 4
    verifier = Verifier(str(tmp_path / "out"), [line]).run()
    assert verifier.found == []
    assert ("WITNESSED", {"first": 1, "number": 3}) in verifier.proven


@pytest.mark.parametrize(("events", "taken"), [(0, True), (2, True), (5, True), (-1, False)])
def test_an_older_catalog_takes_the_days_that_came_after_it(
    archive: ArchiveUnderTest, tmp_path: Path, events: int, taken: bool
) -> None:
    """``events`` of the days after the last one it knows were in it already; -1: something was done with it since it came back."""
    clock = RunningClock(START)
    running = replace(archive.engine.archive, clock=clock)
    kept, done = tmp_path / "older.db", 0

    def closed() -> None:
        clock.advance(DAY)
        day = close_days(running)
        assert day is not None
        assert keep_day(running, day)

    checks(running)
    closed()
    for _ in range(3):
        for _ in range(3):
            if done == max(events, 0):
                archive.close()
                shutil.copyfile(archive.home / "catalog.db", kept)
                archive.open()
                running = replace(archive.engine.archive, clock=clock)
            ledger_of(running).exported(aip_id(1), 1, "bagit", done, 1)
            done += 1
        closed()
    line = latest_line(running)
    archive.close()
    shutil.copyfile(kept, archive.home / "catalog.db")
    archive.open()
    running = replace(archive.engine.archive, clock=clock)
    if events < 0:
        checks(running)
    else:  # what the worker does by itself every five minutes
        LedgerFlow(running)(Steps(), {})  # type: ignore[arg-type]
    report = archive.engine.catalog.rebuild(progress=Silent())
    assert ("LED-NOT-TAKEN" in report.findings.counts) is not taken
    assert (latest_line(running) == line) is taken
    if not taken:
        return
    checks(running)
    closed()
    (tmp_path / "out").mkdir()
    assert len(list(export_days(running, tmp_path / "out", 1, 5))) == 5
    verifier = Verifier(str(tmp_path / "out"), [line]).run()
    assert verifier.found == []
    told = [event.id for _, event in running.catalog.days.events(1)]
    assert len(told) == len(set(told))
    for number in range(1, 6):  # from the catalog alone, too
        (day,) = running.catalog.days.between(number, number)
        assert prove(running, told[0], number) is not None
        assert (
            hashlib.sha256(b"".join(each + b"\n" for _, each in lines_between(running, day.first, day.last))).hexdigest()
            == (json.loads(day.head)["segment"])
        )


def test_a_day_that_nobody_signed_is_not_taken(archive: ArchiveUnderTest) -> None:
    clock = RunningClock(START)
    running = replace(archive.engine.archive, clock=clock)
    checks(running)
    clock.advance(DAY)
    closed = close_days(running)
    assert closed is not None
    assert keep_day(running, closed)
    for tier in ("a", "b"):
        (place,) = archive.object(f"urn:kho:ledger:{ring_of(running).archive}:1", tier).rglob("head.sig")
        place.chmod(0o644)
        place.write_bytes(b"bm9ib2R5\n")
    archive.lose_catalog()
    report = archive.engine.catalog.rebuild(progress=Silent())
    assert "LED-NOT-TAKEN" in report.findings.counts
    assert archive.catalog.days.last() is None


def test_an_older_catalog_signs_no_second_day_of_a_number_that_a_tier_has(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    clock = RunningClock(START)
    running = replace(archive.engine.archive, clock=clock)
    for _ in range(3):
        checks(running)
        clock.advance(DAY)
        closed = close_days(running)
        assert closed is not None
        assert keep_day(running, closed)
        if closed.number == 1:
            archive.close()
            shutil.copyfile(archive.home / "catalog.db", tmp_path / "older.db")
            archive.open()
            running = replace(archive.engine.archive, clock=clock)
    archive.close()
    (archive.home / "catalog.db").write_bytes((tmp_path / "older.db").read_bytes())
    archive.open()
    running = replace(archive.engine.archive, clock=clock)
    clock.advance(DAY)
    with pytest.raises(LedgerBehind, match="tier a holds a day of this number"):
        close_days(running)
    assert [day.number for day in running.catalog.days.between(1, 9)] == [1]
    assert "LED-BEHIND" in {each.code for each in attention(running)}
    later = Engine(running)
    archive._session.__exit__(None, None, None)  # one at a time runs jobs
    with later.jobs.session():
        done = later.ledger.update()
    archive._session = archive.engine.jobs.session()
    assert archive._session.__enter__()
    assert (done["closed"], done["behind"], done["kept"]) == (0, {"number": 2, "tier": "a"}, [])


def open_lines(archive: ArchiveUnderTest, tier: str) -> list[Path]:
    return sorted((archive.home / "tiers" / tier / "ledger").glob("*.ndjson"))


def event_ids(archive: Archive) -> set[str]:
    return {event.id for _, event in archive.catalog.days.events(1)}


def rebuilt(archive: ArchiveUnderTest) -> RebuildReport:
    archive.lose_catalog()
    return archive.engine.catalog.rebuild(progress=Silent())


def test_the_open_day_comes_back_and_a_second_loss_loses_nothing(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(write_tree(tmp_path / "in", {"x.txt": b"x"}))
    checks(archive.engine.archive, 5)
    assert copy_open_day(archive.engine.archive).keys() == {"a", "b"}
    for _ in range(2):
        running = archive.engine.archive
        known = event_ids(running)
        report = rebuilt(archive)
        running = archive.engine.archive
        assert known <= event_ids(running)
        assert report.taken_back.events >= 5
        assert (report.taken_back.lost_since, list(report.findings)) == (None, [])
        ledger_of(running).exported(aip_id(1), 1, "bagit", 1, 1)
        new = len(event_ids(running))
        assert copy_open_day(running) == {"a": new, "b": new}, "numbers of another catalog's events say nothing of this one's"
        assert copy_open_day(running) == {"a": 0, "b": 0}


def test_what_the_tiers_hold_together_comes_back_and_altered_lines_are_not_believed(
    archive: ArchiveUnderTest, tmp_path: Path
) -> None:
    archive.deposit(write_tree(tmp_path / "in", {"x.txt": b"x"}))
    checks(archive.engine.archive, 4)
    copy_open_day(archive.engine.archive)
    known = event_ids(archive.engine.archive)
    for tier, at in (("a", -1), ("b", -2)):
        (path,) = open_lines(archive, tier)
        lines = path.read_bytes().splitlines(keepends=True)
        lines[at] = lines[at].replace(b'"outcome":"success"', b'"outcome":"sucCess"')
        path.write_bytes(b"".join(lines) + (b'{"torn' if tier == "a" else b""))
    report = rebuilt(archive)
    found = [(each.code, each.args["tier"], each.args["count"]) for each in report.findings]
    assert found == [("LED-OPEN-ALTERED", "a", 2), ("LED-OPEN-ALTERED", "b", 1)]
    assert event_ids(archive.engine.archive) >= known
    assert "sucCess" not in {event.outcome for _, event in archive.engine.archive.catalog.days.events(1)}


@pytest.mark.parametrize("detail", [{}, {"sha256": "ab" * 32, "z": '","sha256":"' + "c" * 64 + '",'}])
def test_a_digest_inside_a_detail_is_not_the_lines_own(archive: ArchiveUnderTest, detail: dict[str, str]) -> None:
    event = replace(ledger_of(archive.engine.archive).event("fixity check", "success", detail=detail), tier="a")
    line = open_line(7, event)
    assert json.loads(line)["detail"] == {**event.detail, **detail}
    assert is_sound(line + b"\n")
    assert event_of_open(line + b"\n") == event
    older = canonical({key: value for key, value in json.loads(line).items() if key != "sha256"})
    assert is_sound(older + b"\n")
    for sound in (line, older):
        assert not is_sound(sound), "the end of the line is missing"
        assert not is_sound(sound + b" \n")
    for at in range(len(line)):
        altered = line[:at] + bytes([line[at] ^ 1]) + line[at + 1 :] + b"\n"
        assert not is_sound(altered), f"byte {at}"


def test_parts_of_an_open_day_hold_every_line_once(
    archive: ArchiveUnderTest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("repository.ledger.open_day.PART_BYTES", 1000)
    checks(archive.engine.archive, 12)
    copy_open_day(archive.engine.archive)
    (path,) = open_lines(archive, "a")
    with path.open("ab") as out:
        out.write(b"x" * 5000 + b"\n\n" + b'{"torn')
    (file,) = open_files(archive.engine.archive.tiers["a"])
    parts = file.parts()
    lines = [line for part in parts for line in part.file.lines(part.start, part.end)]
    assert lines == path.read_bytes().splitlines(keepends=True)
    assert len(parts) > 4
    read = list(map(read_part, parts))
    assert [id_of_row(row) for each in read for row in each.rows] == [
        event.id for _, event in archive.engine.archive.catalog.days.events(1)
    ]
    assert sum(each.altered for each in read) == 3
    path.write_bytes(b"")
    assert file.parts() == []


@pytest.mark.parametrize("wrong", [{"agent": 5}, {"detail": 7}, {"id": ["x"]}, {"time": "soon"}, {"deposit": {"a": 1}}])
def test_a_line_that_is_as_it_was_written_and_no_event_stops_nobody(archive: ArchiveUnderTest, wrong: dict[str, object]) -> None:
    event = replace(ledger_of(archive.engine.archive).event("fixity check", "success"), tier="a")
    checks(archive.engine.archive, 2)
    copy_open_day(archive.engine.archive)
    (path,) = open_lines(archive, "a")
    line = canonical({**json.loads(line_of(7, event)), **wrong})
    place = line.rindex(b',"tier":')
    digest = hashlib.sha256(line).hexdigest().encode()
    path.write_bytes(path.read_bytes() + line[:place] + b',"sha256":"' + digest + b'"' + line[place:] + b"\n")
    report = rebuilt(archive)
    assert list(report.findings) == []
    assert report.taken_back.events == 2
    assert event.id not in event_ids(archive.engine.archive)


def test_a_line_that_no_tier_has_sound_stays_lost(archive: ArchiveUnderTest) -> None:
    checks(archive.engine.archive, 2)
    copy_open_day(archive.engine.archive)
    for tier in "ab":
        (path,) = open_lines(archive, tier)
        path.write_bytes(path.read_bytes().replace(b'"outcome":"success"', b'"outcome":"fail"', 1))
    assert rebuilt(archive).taken_back.events == 1


def test_a_rebuild_says_when_nothing_of_the_open_day_could_be_taken_back(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    archive.deposit(write_tree(tmp_path / "in", {"x.txt": b"x"}))
    report = rebuilt(archive)
    assert report.taken_back.events == 0
    assert report.taken_back.lost_since == archive.engine.archive.catalog.days.first_time() is not None
    again = archive.engine.catalog.rebuild(progress=Silent())
    assert again.taken_back.lost_since is None, "this catalog has its open day"


def test_copies_without_digests_come_back_too(archive: ArchiveUnderTest) -> None:
    checks(archive.engine.archive, 3)
    copy_open_day(archive.engine.archive)
    for tier in "ab":
        (path,) = open_lines(archive, tier)
        rows = [json.loads(line) for line in path.read_bytes().splitlines()]
        for row in rows:
            del row["sha256"]
        path.unlink()
        path.with_name(f"{1:015d}-{3:015d}.ndjson").write_bytes(b"".join(canonical(row) + b"\n" for row in rows))
    report = rebuilt(archive)
    assert (report.taken_back.events, list(report.findings)) == (3, [])


def test_files_of_a_lost_catalog_go_when_sealed_days_hold_their_events(archive: ArchiveUnderTest) -> None:
    clock = RunningClock(START)
    running = replace(archive.engine.archive, clock=clock)
    checks(running)
    copy_open_day(running)
    rebuilt(archive)
    running = replace(archive.engine.archive, clock=clock)
    copy_open_day(running)
    assert len(open_lines(archive, "a")) == 2
    clock.advance(DAY)
    closed = close_days(running)
    assert closed is not None
    copy_open_day(running)
    assert keep_day(running, closed)
    assert all(file.first > closed.last for file in open_files(running.tiers["a"]))


def test_a_file_of_the_open_day_that_is_gone_is_written_again(clocked: tuple[Archive, RunningClock]) -> None:
    archive, _ = clocked
    checks(archive, 3)
    copy_open_day(archive)
    checks(archive, 2)
    copy_open_day(archive)
    open_files(archive.tiers["b"])[0].path.unlink()
    assert copy_open_day(archive) == {"a": 0, "b": 5}


def test_however_many_files_an_open_day_has_nothing_is_written_to_the_catalog_to_know_them(
    clocked: tuple[Archive, RunningClock], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every job leaves a file: each later job of the day wrote to the catalog once for each of them and tier."""
    archive, _ = clocked
    for _ in range(3):
        checks(archive)
        copy_open_day(archive)
    honest, writes = Database.write, list[object]()
    monkeypatch.setattr(Database, "write", lambda self, within=None: writes.append(within) or honest(self, within))
    assert copy_open_day(archive) == {"a": 0, "b": 0}
    assert writes == []


def test_an_audit_leaves_the_open_day_copied(archive: ArchiveUnderTest, tmp_path: Path) -> None:
    deposit = archive.deposit(write_tree(tmp_path / "in", {"x.txt": b"x"}))
    archive.audit()
    known = {event.id for event in archive.engine.archive.catalog.events.for_aip(deposit.aip_id)}
    assert "fixity check" in {event.type for event in archive.engine.archive.catalog.events.for_aip(deposit.aip_id)}
    rebuilt(archive)
    assert known == {event.id for event in archive.engine.archive.catalog.events.for_aip(deposit.aip_id)}


@pytest.fixture(autouse=True)
def _quiet(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    with caplog.at_level("ERROR", "kho.ledger"):
        yield
