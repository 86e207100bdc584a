"""The report on a period: sums that the verifier sums again, a document for people, signatures; no verdict is green by luck."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from test_cli_corridor import agrees, shapes

from repository.archive import Archive
from repository.demo import flip_one_bit, make_records
from repository.engine import Engine
from repository.errors import ExportFailed, NoSigningKey, UnknownCollection
from repository.ledger.flow import LedgerFlow
from repository.ledger.keeper import latest_line
from repository.ledger.verifier import Verifier, believable, told
from repository.progress import Silent
from repository.reports.charts import bars, shares
from repository.reports.pages import page
from repository.reports.pages import verdict as verdict_of
from repository.reports.period import PeriodScope
from repository.services.reports import PeriodReports
from signatures.errors import SigningFailed
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier
from tests.clocks import RunningClock
from tests.rights import ordinary_rights

START = datetime(2026, 3, 1, 9, tzinfo=UTC)
SCOPE = PeriodScope(START.date(), START.date() + timedelta(days=5))


class Steps:
    """The steps of a flow, done at once."""

    def run(self, name: str, step: Callable[..., Any], *arguments: Any) -> Any:
        return step(self, *arguments)

    def check(self) -> None:
        return None

    def progress(self, *arguments: Any) -> None:
        return None


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory, identifier: SharedIdentifier) -> Iterator[Engine]:
    """Six days: deposit, a good audit, damage, an audit that finds it, repair, a good audit; the last day is still open."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa
    from cryptography.hazmat.primitives.serialization import pkcs12
    from cryptography.x509.oid import NameOID

    made = ArchiveUnderTest(tmp_path_factory.mktemp("period"), identifier)
    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trung tâm Lưu trữ")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(5)
    builder = builder.not_valid_before(START.replace(tzinfo=None) - timedelta(days=9))
    certificate = builder.not_valid_after(datetime(2040, 1, 1)).sign(key, hashes.SHA256())
    protection = serialization.BestAvailableEncryption(b"secret")
    packed = pkcs12.serialize_key_and_certificates(b"kho", key, certificate, None, protection)
    (made.home / "sign.p12").write_bytes(packed)
    (made.home / "password").write_text("secret\n")
    with open(made.home / "kho.toml", "a", encoding="utf-8") as file:
        file.write('\n[sign]\npkcs12 = "sign.p12"\n' + f'password_file = "{made.home / "password"}"\n')
        file.write('\n[[timestamps]]\nname = "demo"\nurl = "demo:"\n')
    made.close()
    clock = RunningClock(START)
    records = make_records(made.folder / "records")
    with Engine.open(made.home, actor="user:test", clock=clock) as running, running.jobs.session():
        running.deposits.submit(records, producer="Sở Nội vụ", progress=Silent())
        for act in (audit, damage, audit, repair, audit, nothing):
            LedgerFlow(running.archive)(Steps(), {})  # type: ignore[arg-type]
            act(running)
            clock.advance(timedelta(days=1))
        LedgerFlow(running.archive)(Steps(), {})  # type: ignore[arg-type]
        yield running


def audit(engine: Engine) -> None:
    engine.audits.run(everything=True, progress=Silent())


def damage(engine: Engine) -> None:
    flip_one_bit(engine.archive.settings.home / "tiers" / "b")


def repair(engine: Engine) -> None:
    engine.copies.repair(progress=Silent())


def nothing(engine: Engine) -> None:
    return None


@pytest.fixture(scope="module")
def written(engine: Engine, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("out") / "report"
    engine.periods.write(SCOPE, target, language="vi", sign=True)
    return target


def test_the_figures_are_what_happened(engine: Engine) -> None:
    document = engine.periods.gather(SCOPE)
    aips, b = len(engine.holdings.list().items), document["figures"]["b"]
    assert document["believed"]
    assert b["damaged"] == b["files_altered"] == b["repaired"] == b["mended_count"] == b["detected_count"] == 1
    assert b["detected_longest"] == 2 * 86_400
    assert b["mended_longest"] == 86_400
    kept = len({each.object_id for each in engine.archive.tiers["b"].versions()}) - aips
    assert b["population"] == aips + kept - 2  # counted on the last morning, before the last two days were closed
    checks = [event for _, event in engine.archive.catalog.days.events(1) if event.type == "fixity check" and event.tier == "b"]
    assert b["done"] == len(checks) == b["good"] + b["damaged"]
    assert b["bytes"] == sum(int(event.detail["bytes"]) for event in checks)
    assert "damaged" not in document["figures"]["a"]
    (fault,) = document["faulty"]
    assert fault["outcome"] == "altered"
    assert (engine.archive.settings.home / "tiers" / "b" / "ocfl" / fault["path"] / fault["name"]).is_file()


def test_one_tier_and_one_producer(engine: Engine) -> None:
    assert list(engine.periods.gather(replace(SCOPE, tier="a"))["figures"]) == ["a"]
    all_aips = engine.periods.gather(replace(SCOPE, collection="Sở Nội vụ"))
    assert all_aips["figures"]["b"]["damaged"] == 1
    assert "population" not in all_aips["figures"]["b"]
    with pytest.raises(UnknownCollection, match="nobody"):
        engine.periods.gather(replace(SCOPE, collection="nobody"))


def test_the_verifier_sums_the_same(engine: Engine, written: Path) -> None:
    verifier = Verifier(str(written), [latest_line(engine.archive)]).run()
    assert verifier.found == []
    assert {"FIGURES", "WITNESSED"} <= {code for code, _ in verifier.proven}
    done = subprocess.run(
        [sys.executable, "-I", str(written / "kho-ledger-verify.py"), str(written)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("closed", ["report.json", "report.json.sig", "figures.csv", "keys.ndjson", "events.ndjson", "days", ""])
def test_who_may_not_read_all_is_not_told_that_it_does_not_hold(written: Path, tmp_path: Path, closed: str) -> None:
    copy = shutil.copytree(written, tmp_path / "copy")
    barred = next(each for each in (copy, *sorted(copy.rglob("*"))) if each.name == (closed or "copy"))
    barred.chmod(0o000)
    with ordinary_rights():
        verifier = Verifier(str(copy)).run()
    barred.chmod(0o700)
    assert {code for code, _, _ in verifier.found} <= {"FILE-UNREADABLE", "FOLDER-UNREADABLE"}, verifier.found
    assert verifier.blind
    assert not {"AGREES", "FIGURES"} & {code for code, _ in verifier.proven}
    assert told(verifier, "en")[0] == "NOT READ: whether the ledger holds is not known:"


def test_what_is_wrong_beside_what_may_not_be_read_is_found(written: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(written, tmp_path / "copy")
    report = json.loads((copy / "report.json").read_text())
    greener(report)
    (copy / "report.json").write_text(json.dumps(report))
    (copy / "keys.ndjson").chmod(0o000)
    with ordinary_rights():
        verifier = Verifier(str(copy)).run()
    assert {code for code, _, _ in verifier.found} == {"FILE-UNREADABLE", "REPORT-FIGURES", "REPORT-SIGNATURE", "REPORT-TABLE"}
    assert not verifier.blind


def greener(report: dict[str, Any]) -> None:
    report["figures"]["b"]["good"] += report["figures"]["b"].pop("damaged")


def shorter(report: dict[str, Any]) -> None:
    report["period"]["to"] = report["period"]["from"]


def fewer_faults(report: dict[str, Any]) -> None:
    report["faulty"] = []


@pytest.mark.parametrize(
    ("change", "found"),
    [
        (greener, {"REPORT-FIGURES", "REPORT-SIGNATURE", "REPORT-TABLE"}),
        (shorter, {"REPORT-FIGURES", "REPORT-SIGNATURE"}),
        (fewer_faults, {"REPORT-SIGNATURE", "REPORT-TABLE"}),
    ],
)
def test_a_report_that_was_touched_is_found(
    written: Path, tmp_path: Path, change: Callable[[dict[str, Any]], None], found: set[str]
) -> None:
    copy = shutil.copytree(written, tmp_path / "copy")
    report = json.loads((copy / "report.json").read_text())
    change(report)
    (copy / "report.json").write_text(json.dumps(report))
    assert {code for code, _, _ in Verifier(str(copy)).run().found} == found


def doubted(report: dict[str, Any]) -> None:
    report["believed"] = not report["believed"]


def test_a_report_without_its_signature_still_says_of_its_checker_what_its_figures_do(written: Path, tmp_path: Path) -> None:
    copy = shutil.copytree(written, tmp_path / "copy")
    (copy / "report.json.sig").unlink()
    report = json.loads((copy / "report.json").read_text())
    doubted(report)
    (copy / "report.json").write_text(json.dumps(report))
    assert {code for code, _, _ in Verifier(str(copy)).run().found} == {"REPORT-BELIEVED"}


@pytest.mark.parametrize(
    ("table", "old", "new"), [("figures.csv", "damaged,1", "damaged,0"), ("faulty.csv", "altered", "missing")]
)
def test_a_table_that_was_touched_is_found(written: Path, tmp_path: Path, table: str, old: str, new: str) -> None:
    copy = shutil.copytree(written, tmp_path / "copy")
    rows = list(csv.reader((copy / table).read_text(encoding="utf-8").splitlines()))
    with open(copy / table, "w", encoding="utf-8-sig", newline="") as stream:
        csv.writer(stream, quoting=csv.QUOTE_ALL).writerows(rows)  # as another program saves it
    assert Verifier(str(copy)).run().found == []
    text = (copy / table).read_text(encoding="utf-8").replace('"', "")
    assert old in text
    (copy / table).write_text(text.replace(old, new), encoding="utf-8")
    assert {code for code, _, _ in Verifier(str(copy)).run().found} == {"REPORT-TABLE"}


def test_the_json_is_what_the_document_promises(written: Path) -> None:
    report = {**json.loads((written / "report.json").read_text()), "ok": True, "findings": [], "cursor": None}
    assert agrees(dict(shapes())["fixity_report"], report) == []


def test_the_pages_say_it_in_vietnamese(written: Path, tmp_path: Path) -> None:
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext (poppler-utils) is not installed")
    done = subprocess.run([program, "-layout", str(written / "report.pdf"), "-"], capture_output=True, text=True, check=True)
    for words in (
        "BIÊN BẢN KIỂM TRA",
        "STT",
        "Danh sách tệp lỗi",
        "Không phải mọi bản lưu đều tốt",
        "Người kiểm tra",
    ):
        assert words in done.stdout, words
    assert "kho-ledger-head 1" in done.stdout


def test_the_pdf_is_signed_and_stamped(written: Path) -> None:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    data = (written / "report.pdf").read_bytes()
    (signature,) = PdfFileReader(io.BytesIO(data)).embedded_signatures
    trusted = ValidationContext(trust_roots=[signature.signer_cert])
    status = validate_pdf_signature(signature, trusted)
    assert status.intact
    assert status.valid
    assert signature.evaluate_signature_coverage().name == "ENTIRE_FILE"
    assert status.timestamp_validity is not None
    assert status.timestamp_validity.intact
    changed = data.replace(b"/Title", b"/Tutle", 1)
    assert changed != data
    (signature,) = PdfFileReader(io.BytesIO(changed)).embedded_signatures
    assert not validate_pdf_signature(signature, trusted).intact


def test_a_folder_that_is_there_and_a_key_that_is_not(engine: Engine, written: Path, tmp_path: Path) -> None:
    with pytest.raises(ExportFailed):
        engine.periods.write(SCOPE, written, language="en", sign=False)
    bare: Archive = replace(engine.archive, settings=replace(engine.archive.settings, sign=None))
    with pytest.raises(NoSigningKey):
        PeriodReports(bare).write(SCOPE, tmp_path / "x", language="en", sign=True)
    assert not (tmp_path / "x").exists()


def test_a_report_that_fails_leaves_nothing_that_looks_like_one(engine: Engine, tmp_path: Path) -> None:
    """Else the corrected command is refused, because the folder is there; and a report without its signature may be taken for whole."""
    place = engine.archive.settings.sign
    assert place is not None
    settings = replace(engine.archive.settings, sign=replace(place, secret="wrong"))
    with pytest.raises(SigningFailed):
        PeriodReports(replace(engine.archive, settings=settings)).write(SCOPE, tmp_path / "x", language="en", sign=True)
    assert not (tmp_path / "x").exists()
    with pytest.raises(UnknownCollection):
        engine.periods.write(replace(SCOPE, collection="nobody"), tmp_path / "new" / "x", language="en", sign=True)
    assert not (tmp_path / "new" / "x").exists()


def test_periods_of_hours_are_not_said_to_be_none(engine: Engine) -> None:
    policy = engine.archive.policy
    often = replace(policy, audit_default=replace(policy.audit_default, every=timedelta(hours=36), full_every=timedelta(days=9)))
    document = PeriodReports(replace(engine.archive, policy=often)).gather(SCOPE)
    assert document["policy"]["every"] == {"a": 1.5, "b": 1.5}
    assert "1.5 days" in page(document, "en")


@pytest.mark.parametrize(
    ("figures", "verdict"),
    [
        ({"a": {"done": 5, "canaries_planted": 6, "canaries_found": 6}}, True),
        ({"a": {"done": 5, "canaries_planted": 6, "canaries_found": 5}}, False),
        ({"a": {"done": 5}}, False),
        ({"a": {"done": 5, "canaries_planted": 6, "canaries_found": 6}, "b": {"done": 1}}, False),
        ({"a": {"population": 5}}, True),
        ({}, True),
    ],
)
def test_a_checker_is_believed_only_when_it_proved_itself_on_every_tier(figures: dict[str, Any], verdict: bool) -> None:
    assert believable(figures) is verdict


@pytest.mark.parametrize("language", ["vi", "en"])
def test_an_unbelieved_or_empty_report_is_red(engine: Engine, language: str) -> None:
    document = engine.periods.gather(SCOPE)
    assert 'class="verdict red"' in page({**document, "believed": False}, language)
    assert 'class="verdict red"' in page({**document, "figures": {}}, language)
    good = {tier: {**count, "damaged": 0} for tier, count in document["figures"].items()}
    assert 'class="verdict green"' in page({**document, "figures": good}, language)


def test_names_of_files_cannot_write_into_the_page(engine: Engine) -> None:
    row = {
        "number": 1,
        "medium": "a",
        "path": "x",
        "name": "<script>\udcff\n",
        "outcome": "altered",
        "aip": "",
        "time": "",
        "times": 1,
    }
    html = page({**engine.periods.gather(SCOPE), "faulty": [row]}, "en")
    assert "<script>" not in html
    html.encode("utf-8")


def test_a_period_that_is_not_over_and_one_without_anything_are_said_to_be_so(engine: Engine) -> None:
    note = "not over when this report was made"
    assert note not in page(engine.periods.gather(SCOPE), "en")
    assert note in page(engine.periods.gather(replace(SCOPE, last=SCOPE.last + timedelta(days=9))), "en")
    later = PeriodScope(START.date() + timedelta(days=900), START.date() + timedelta(days=930))
    html = page(engine.periods.gather(later), "en")
    assert note in html
    assert "Different copies checked" not in html
    assert "Reported exactly right" not in html


def test_checks_that_no_closed_day_tells_of_are_not_said_to_be_none(engine: Engine) -> None:
    later = PeriodScope(START.date() + timedelta(days=900), START.date() + timedelta(days=930))
    document = engine.periods.gather(later)
    assert verdict_of(document)[0] == "nothing"
    document["ledger"]["open_events"] = 35
    assert verdict_of(document)[0] == "open"
    assert "Nothing was checked" not in page(document, "en")


def test_charts_take_nothing_and_everything() -> None:
    assert bars([]).startswith("<svg")
    assert bars([("a", 0), ("<b>", 5)]).count("<rect") == 2
    assert "<b>" not in bars([("<b>", 5)])
    assert shares([("a", {})], {"good": "good"}).startswith("<svg")


def test_what_is_not_counted_for_a_collection_is_not_shown_as_none(engine: Engine) -> None:
    whole = page(engine.periods.gather(SCOPE), "en")
    part = page(engine.periods.gather(replace(SCOPE, collection="Sở Nội vụ")), "en")
    assert "Copies overdue" in whole
    assert "Copies overdue" not in part
    assert "Copies never checked" not in part


def test_a_head_of_a_later_day_does_not_make_an_earlier_report_a_forgery(engine: Engine, tmp_path: Path) -> None:
    """The newest head is what auditors have been told to keep; reports are of periods that are over."""
    report, newest = tmp_path / "r", latest_line(engine.archive)
    early = replace(SCOPE, last=SCOPE.first + timedelta(days=1))
    engine.periods.write(early, report, language="en", sign=True)
    verifier = Verifier(str(report), [newest]).run()
    assert verifier.found == []
    assert {"BEYOND", "END"} <= {code for code, _ in verifier.unproven}
    assert "WITNESSED" not in {code for code, _ in verifier.proven}
    shutil.rmtree(report / "days" / "000003-2026-03-03")  # what the report says to be made of
    assert {code for code, _, _ in Verifier(str(report), [newest]).run().found} >= {"REPORT-DAYS"}
    whole = tmp_path / "whole"
    engine.periods.write(SCOPE, whole, language="en", sign=False)
    cut = json.loads((whole / "report.json").read_text())
    shutil.rmtree(max((whole / "days").iterdir()))
    cut["ledger"] |= {"last": cut["ledger"]["last"] - 1, "head": "x"}  # a day of the period itself left out, and said to be none
    (whole / "report.json").write_text(json.dumps(cut))
    assert "CUT-OFF" in {code for code, _, _ in Verifier(str(whole), [newest]).run().found}


def test_an_export_up_to_a_day_says_so(engine: Engine, tmp_path: Path) -> None:
    newest = latest_line(engine.archive)
    engine.ledger.export(tmp_path / "to", last=3)
    verifier = Verifier(str(tmp_path / "to"), [newest]).run()
    assert (verifier.found, "BEYOND" in {code for code, _ in verifier.unproven}) == ([], True)
    engine.ledger.export(tmp_path / "from", first=3)
    shutil.rmtree(max((tmp_path / "from" / "days").iterdir()))
    assert {code for code, _, _ in Verifier(str(tmp_path / "from"), [newest]).run().found} == {"SCOPE-DAYS", "CUT-OFF"}
    engine.ledger.export(tmp_path / "whole")
    shutil.rmtree(max((tmp_path / "whole" / "days").iterdir()))
    assert {code for code, _, _ in Verifier(str(tmp_path / "whole")).run().found} == {"SCOPE-DAYS"}


def test_a_report_of_no_closed_day_has_its_verifier_which_says_that_nothing_is_proven(engine: Engine, tmp_path: Path) -> None:
    before = PeriodScope(START.date() - timedelta(days=90), START.date() - timedelta(days=60))
    document = engine.periods.write(before, tmp_path / "r", language="vi", sign=True)
    assert (document["ledger"]["first"], document["ledger"]["last"], document["figures"]) == (0, 0, {})
    done = subprocess.run(
        [sys.executable, "-I", "kho-ledger-verify.py", ".", "--json"],
        cwd=tmp_path / "r",
        capture_output=True,
        text=True,
        check=False,
    )
    said = json.loads(done.stdout)
    assert (done.returncode, said["found"], said["proven"]) == (0, [], [])
    assert {"NO-DAYS", "REPORT-KEY"} == {each["code"] for each in said["unproven"]}
    (tmp_path / "r" / "report.json").write_text(json.dumps({**document, "figures": {"a": {"done": 5}}}))
    assert "REPORT-FIGURES" in {code for code, _, _ in Verifier(str(tmp_path / "r")).run().found}
