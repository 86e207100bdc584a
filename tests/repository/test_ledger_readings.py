"""Two readers never take what the verifier believed for two different things: a line has one writing, and no document says a name twice."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ledger_scene import DAYS, LedgerScene, Tamper, report_of, tampered

from repository.ledger.keeper import prove
from repository.ledger.keys import STATEMENTS, KeyRing
from repository.ledger.open_day import event_of_open, open_line
from repository.ledger.verifier import KEY_LOST, KEY_PREFIX, REPORT_PREFIX, canonical, key_of, leaf_of
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier


@pytest.fixture(scope="module")
def untouched(tmp_path_factory: pytest.TempPathFactory, identifier: SharedIdentifier) -> Iterator[LedgerScene]:
    made = ArchiveUnderTest(tmp_path_factory.mktemp("ledger"), identifier)
    yield LedgerScene(made, lost=True)
    made.close()


@pytest.fixture
def scene(untouched: LedgerScene, tmp_path: Path) -> Iterator[LedgerScene]:
    with tampered(untouched, tmp_path / "export") as scene:
        yield scene


def rewritten(scene: LedgerScene, old: bytes, new: bytes, count: int = 1) -> None:
    """The events of the third day in another writing, by somebody who has the key: heads fit, and are signed."""
    path = scene.day(3) / "events.ndjson"
    data = path.read_bytes()
    assert old in data
    path.write_bytes(data.replace(old, new, count))
    scene.remake_from(3)


def event_that_says_its_outcome_twice(scene: LedgerScene) -> None:
    rewritten(scene, b'"outcome":"success"', b'"outcome":"fail","outcome":"success"')


def event_that_says_its_id_twice(scene: LedgerScene) -> None:
    rewritten(scene, b'"id":', b'"id":"another","id":')


def detail_that_says_a_name_twice(scene: LedgerScene) -> None:
    rewritten(scene, b'"files":3', b'"files":9,"files":3')


def name_that_is_written_in_two_ways(scene: LedgerScene) -> None:
    rewritten(scene, b'"outcome":"success"', b'"outcome":"success","outcom\\u0065":"success"')


def number_with_a_fraction(scene: LedgerScene) -> None:
    rewritten(scene, b'"n":1,', b'"n":1.0,')


def number_that_is_a_truth(scene: LedgerScene) -> None:
    rewritten(scene, b'"n":1,', b'"n":true,')


def bytes_with_an_exponent(scene: LedgerScene) -> None:
    rewritten(scene, b'"bytes":100', b'"bytes":1e2')


def bytes_with_a_fraction(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07")
    rewritten(scene, b'"bytes":100', b'"bytes":100.0')


def bytes_that_are_no_number(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07")
    rewritten(scene, b'"bytes":100', b'"bytes":NaN')


def bytes_that_are_worked_on_for_hours(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07")
    rewritten(scene, b'"bytes":100', b'"bytes":1' + b"0" * 4000)


def lines_that_end_otherwise(scene: LedgerScene) -> None:
    rewritten(scene, b"\n", b"\r\n")


def lines_behind_a_mark(scene: LedgerScene) -> None:
    rewritten(scene, b"{", b"\xef\xbb\xbf{")


def lines_with_space(scene: LedgerScene) -> None:
    rewritten(scene, b'{"agent":', b'{ "agent":')


def lines_of_other_characters(scene: LedgerScene) -> None:
    rewritten(scene, b'"tier":"a"', '"tier":"é"'.encode())


def loss_that_is_told_twice(scene: LedgerScene) -> None:
    """The statement in the event is a text of its own; an older reader takes the first of two names."""
    number = next(each for each in range(1, DAYS + 1) if any(one["type"] == KEY_LOST for one in scene.lines(each)))
    events = scene.lines(number)
    (loss,) = (each for each in events if each["type"] == KEY_LOST)
    loss["detail"]["statement"] = loss["detail"]["statement"].replace('"number":', '"number":9,"number":')
    scene.write(number, events)
    scene.remake_from(number)


def tell(scene: LedgerScene, lines: bytes) -> None:
    (scene.day(DAYS) / STATEMENTS).write_bytes(lines)
    scene.remake(DAYS, keys=hashlib.sha256(lines).hexdigest())


def statements(scene: LedgerScene) -> bytes:
    return (scene.day(DAYS) / STATEMENTS).read_bytes()


def keys_that_say_a_statement_twice(scene: LedgerScene) -> None:
    tell(scene, statements(scene).replace(b'"statement":', b'"statement":"{}","statement":', 1))


def keys_whose_lines_end_otherwise(scene: LedgerScene) -> None:
    tell(scene, statements(scene).replace(b"\n", b"\r"))


def keys_whose_last_line_has_no_end(scene: LedgerScene) -> None:
    tell(scene, statements(scene)[:-1])


def restated(scene: LedgerScene, **changes: Any) -> None:
    """The first key says something else of itself, and signs it; whoever has both keys makes the heads fit."""
    first, second = (json.loads(line) for line in statements(scene).splitlines())
    text = canonical({**json.loads(first["statement"]), **changes})
    line = {"statement": text.decode(), "signature": base64.b64encode(scene.old_key.sign(KEY_PREFIX + text)).decode()}
    lines = canonical(line) + b"\n" + canonical(second) + b"\n"
    for number in range(1, DAYS + 1):
        told = lines if number > 3 else canonical(line) + b"\n"
        (scene.day(number) / STATEMENTS).write_bytes(told)
        before = hashlib.sha256((scene.day(number - 1) / "head.json").read_bytes()).hexdigest() if number > 1 else ""
        scene.remake(number, previous=before, keys=hashlib.sha256(told).hexdigest())


def key_that_goes_by_another_id(scene: LedgerScene) -> None:
    """What Kho shows of a key is the id in its statement."""
    restated(scene, key_id="0" * 64)


def key_that_is_number_true(scene: LedgerScene) -> None:
    restated(scene, number=True)


def key_in_another_writing(scene: LedgerScene) -> None:
    """A key that was lost would come back as another one: its id is over what is written."""
    public = scene.old_key.description["public"]
    restated(scene, key={"algorithm": "ed25519", "public": str(public).upper()})


def head_that_is_number_true(scene: LedgerScene) -> None:
    scene.remake(1, kho_ledger=True)
    scene.remake_from(2)


def report_with(scene: LedgerScene, old: str, new: str) -> None:
    report_of(scene, "2026-03-02", "2026-03-07")
    path = scene.folder / "report.json"
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new, 1), encoding="utf-8")


def figure_with_a_fraction(scene: LedgerScene) -> None:
    report_with(scene, '"copies": ', '"copies": 1.0, "others": ')


def figure_that_is_a_truth(scene: LedgerScene) -> None:
    report_with(scene, '"figures": {', '"figures": {"c": {"done": true}, ')


def report_behind_a_mark(scene: LedgerScene) -> None:
    report_with(scene, "{", "\ufeff{")


def report_of_another_version(scene: LedgerScene) -> None:
    report_with(scene, '"kho": 1', '"kho": 2')


def report_from_a_list(scene: LedgerScene) -> None:
    report_of(scene, "2026-03-02", "2026-03-07", first=[])


def scope_of(scene: LedgerScene, **ledger: Any) -> None:
    (scene.folder / "scope.json").write_text(json.dumps({"kho": 1, "ledger": {"first": 1, "last": DAYS, "ends": True, **ledger}}))


def scope_from_a_text(scene: LedgerScene) -> None:
    scope_of(scene, first="1")


def scope_to_a_fraction(scene: LedgerScene) -> None:
    scope_of(scene, last=DAYS + 0.5)


def scope_from_a_truth(scene: LedgerScene) -> None:
    scope_of(scene, first=True)


def scope_that_ends_somehow(scene: LedgerScene) -> None:
    scope_of(scene, ends="no")


def proof_with(scene: LedgerScene, **changes: Any) -> None:
    proof = prove(scene.archive, scene.lines(1)[0]["id"])
    assert proof is not None
    (scene.folder / "a.proof.json").write_text(json.dumps({**proof, **changes}))


def proof_of_day_true(scene: LedgerScene) -> None:
    proof_with(scene, number=True)


def proof_of_a_fraction_of_a_day(scene: LedgerScene) -> None:
    proof_with(scene, number=1.0)


def proof_with_another_head_than_is_here(scene: LedgerScene) -> None:
    """Whoever has the proof alone reads that one."""
    proof_with(scene, head=(scene.day(2) / "head.json").read_text())


def proof_at_a_place_in_words(scene: LedgerScene) -> None:
    proof = prove(scene.archive, scene.lines(1)[0]["id"])
    assert proof is not None
    (leaf,) = proof["leaves"]
    proof_with(scene, leaves=[{**leaf, "index": f" {leaf['index']}_"[:-1]}])


def proof_of_a_line_that_says_two_ids(scene: LedgerScene) -> None:
    """The day is not here: what the line of a proof is, only the proof says."""
    line = b'{"id":"another","id":"made up","n":0}'
    key, digest = key_of("made up"), hashlib.sha256(line).digest()
    head = {**scene.head(DAYS), "number": DAYS + 1, "events": 1, "root": leaf_of(key, digest).hex()}
    leaf = {"index": 0, "key": key.hex(), "line": digest.hex(), "path": []}
    proof = {"kho": 1, "id": "made up", "number": DAYS + 1, "head": (canonical(head) + b"\n").decode()}
    (scene.folder / "a.proof.json").write_text(
        json.dumps({**proof, "kind": "inclusion", "line": line.decode(), "leaves": [leaf]})
    )


def signed_document_that_says_two_things(scene: LedgerScene) -> None:
    data = b'{"restored_all": false, "restored_all": true}'
    (scene.folder / "drill.json").write_bytes(data)
    (scene.folder / "drill.json.sig").write_bytes(base64.b64encode(scene.key.sign(REPORT_PREFIX + data)))


@pytest.mark.parametrize(
    ("tamper", "code"),
    [
        (event_that_says_its_outcome_twice, "SEGMENT"),
        (event_that_says_its_id_twice, "SEGMENT"),
        (detail_that_says_a_name_twice, "SEGMENT"),
        (name_that_is_written_in_two_ways, "SEGMENT"),
        (number_with_a_fraction, "SEGMENT"),
        (number_that_is_a_truth, "SEGMENT"),
        (bytes_with_an_exponent, "SEGMENT"),
        (bytes_with_a_fraction, "SEGMENT"),
        (bytes_that_are_no_number, "SEGMENT"),
        (bytes_that_are_worked_on_for_hours, "SEGMENT"),
        (lines_that_end_otherwise, "SEGMENT"),
        (lines_behind_a_mark, "SEGMENT"),
        (lines_with_space, "SEGMENT"),
        (lines_of_other_characters, "SEGMENT"),
        (loss_that_is_told_twice, "SEGMENT"),
        (keys_that_say_a_statement_twice, "KEYS"),
        (keys_whose_lines_end_otherwise, "KEYS"),
        (keys_whose_last_line_has_no_end, "KEYS"),
        (key_that_goes_by_another_id, "KEY-CHAIN"),
        (key_that_is_number_true, "KEYS"),
        (key_in_another_writing, "KEY-CHAIN"),
        (head_that_is_number_true, "HEAD-BROKEN"),
        (figure_with_a_fraction, "REPORT-BROKEN"),
        (figure_that_is_a_truth, "REPORT-BROKEN"),
        (report_behind_a_mark, "REPORT-BROKEN"),
        (report_of_another_version, "REPORT-BROKEN"),
        (report_from_a_list, "REPORT-BROKEN"),
        (scope_from_a_text, "REPORT-BROKEN"),
        (scope_to_a_fraction, "REPORT-BROKEN"),
        (scope_from_a_truth, "REPORT-BROKEN"),
        (scope_that_ends_somehow, "REPORT-BROKEN"),
        (proof_of_day_true, "PROOF"),
        (proof_of_a_fraction_of_a_day, "PROOF"),
        (proof_at_a_place_in_words, "PROOF"),
        (proof_with_another_head_than_is_here, "PROOF"),
        (proof_of_a_line_that_says_two_ids, "PROOF"),
        (signed_document_that_says_two_things, "REPORT-BROKEN"),
    ],
    ids=lambda each: getattr(each, "__name__", each),
)
def test_what_two_readers_could_read_otherwise_is_refused(scene: LedgerScene, tamper: Tamper, code: str) -> None:
    tamper(scene)
    assert code in scene.found()


def test_kho_itself_reads_keys_as_the_verifier_does(scene: LedgerScene, tmp_path: Path) -> None:
    lines = statements(scene)
    assert len(KeyRing(tmp_path, lines).ids) == 2
    for other in (
        lines.replace(b'"statement":', b'"statement":"{}","statement":', 1),
        lines.replace(b'\\"archive\\":', b'\\"archive\\":\\"x\\",\\"archive\\":', 1),
        lines.replace(b"\n", b"\r\n"),
        lines[:-1],
    ):
        with pytest.raises(ValueError, match=r"writing|Expecting"):
            KeyRing(tmp_path, other)


def test_a_line_of_the_open_day_that_says_a_name_twice_is_not_believed(scene: LedgerScene) -> None:
    (_, event), *_ = scene.archive.catalog.days.events(1)
    line = open_line(0, event) + b"\n"
    assert event_of_open(line) is not None
    bare = canonical({name: value for name, value in json.loads(line).items() if name != "sha256"})
    twice = bare.replace(b'"outcome":', b'"outcome":"fail","outcome":')
    mark = b',"tier":'
    signed = twice.replace(mark, b',"sha256":"%b"%b' % (hashlib.sha256(twice).hexdigest().encode(), mark)) + b"\n"
    assert event_of_open(signed) is None
