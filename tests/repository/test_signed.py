"""Signed records through a whole archive: examined, judged, kept with what proves them, validated years later from the AIP alone."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel

from policies.findings import Verdict
from policies.trust import default_algorithms
from repository.archive import Archive
from repository.model import Deposit, DepositState
from repository.progress import Silent
from repository.signed.files import validate_file
from repository.signed.records import DATA, REPORTS
from signatures.anchors import Anchors
from signatures.certificates import Certificate
from signatures.judgement import Context, ValidationData
from signatures.report import Role
from signatures.timestamps import make_authority
from tests import packed
from tests.builders_archive import ArchiveUnderTest, SharedIdentifier, write_tree
from tests.formats.sample_files import make
from tests.signatures import asic_builder, cms_attributes, office_signing, xml_signing
from tests.signatures.authorities import VirtualClock, key
from tests.signatures.authorities import served as answering
from tests.signatures.network import Network, served
from tests.signatures.pki import Pki, day, make_pdf

NOW = day(2026, 6)


@pytest.fixture(scope="module")
def pki() -> Pki:
    return Pki("ec")


class SigningArchive(ArchiveUnderTest):
    """An archive in June 2026 that trusts the test roots, and reaches the network of that date; its clock stands until it is moved."""

    def __init__(self, folder: Path, identifier: SharedIdentifier) -> None:
        self.time = VirtualClock(NOW)
        super().__init__(folder, identifier)

    def adjusted(self, archive: Archive) -> Archive:
        return replace(archive, clock=self.time)


@pytest.fixture
def network(pki: Pki) -> Network:
    return Network(pki, NOW)


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier, pki: Pki, network: Network) -> Iterator[SigningArchive]:
    with served(network) as proxy:
        made = SigningArchive(tmp_path, identifier)
        (made.home / "anchors").mkdir()
        for each in pki.anchors():
            (made.home / "anchors" / f"{each.sha256.hex()}.cer").write_bytes(each.der)
        with (made.home / "kho.toml").open("a", encoding="utf-8") as settings:
            settings.write(f'\n[network]\nproxy = "{proxy}"\n')
        made.reopen()
        yield made
        made.close()


def package(folder: Path, **files: bytes) -> Path:
    root = folder / "ho-so"
    root.mkdir()
    for name, data in files.items():
        (root / name.replace("__", ".")).write_bytes(data)
    return root


def codes(deposit: Deposit) -> dict[str, int]:
    return {code: count for code, count in deposit.finding_counts.items() if code.startswith("SIG-")}


def test_a_signed_record_is_kept_with_what_proves_it(
    archive: ArchiveUnderTest, tmp_path: Path, pki: Pki, network: Network
) -> None:
    pdf = pki.sign_pdf(make_pdf(), day(2026, 3), level="T")
    letter = b"cong van"
    source = package(
        tmp_path, van_ban__pdf=pdf, thu__txt=letter, thu__txt__p7s=pki.sign_cms(letter, day(2026, 3)), a__txt=b"plain"
    )
    deposit = archive.deposit(source)
    assert deposit.state is DepositState.STORED, deposit.findings
    assert codes(deposit) == {"SIG-PASSED": 2}
    assert network.asked
    paths = [file.path for file in archive.engine.holdings.files(deposit.aip_id)]
    assert sum(path.startswith(f"{REPORTS}/") for path in paths) == 4
    assert {path.rpartition(".")[2] for path in paths if path.startswith(f"{DATA}/")} == {"crl", "ocsp"}
    events = [each for each in archive.engine.holdings.events(deposit.aip_id) if each.type == "digital signature validation"]
    assert [(each.outcome, each.detail["SIG-PASSED"]) for each in events] == [("success", 2)]


def test_validated_from_the_aip_alone(archive: ArchiveUnderTest, tmp_path: Path, pki: Pki, network: Network) -> None:
    deposit = archive.deposit(package(tmp_path, van_ban__pdf=pki.sign_pdf(make_pdf(), day(2026, 3), level="T")))
    asked = len(network.asked)
    (report,) = archive.engine.signatures.validate(deposit.aip_id, progress=Silent())
    assert report.path == "representations/rep1/data/van_ban.pdf"
    assert str(report.signatures[0].verdict) == "TOTAL-PASSED"
    later = archive.engine.signatures.validate(deposit.aip_id, at=day(2031), progress=Silent())
    assert str(later[0].signatures[0].verdict) == "INDETERMINATE/OUT_OF_BOUNDS_NO_POE"
    assert len(network.asked) == asked, "validating needs no network"


@pytest.mark.parametrize("name", ["ho-so.asice", "ho-so.zip"])
def test_a_signature_container_is_kept_as_received(archive: ArchiveUnderTest, tmp_path: Path, pki: Pki, name: str) -> None:
    container = asic_builder.zipped(asic_builder.parts(pki))
    (tmp_path / name).write_bytes(container)
    deposit = archive.deposit(tmp_path / name)
    assert deposit.state is DepositState.STORED, deposit.findings
    assert codes(deposit) == {"SIG-PASSED": 1}
    (report,) = archive.engine.signatures.validate(deposit.aip_id, progress=Silent())
    assert report.path == f"representations/rep1/data/{name}"
    assert report.sha256 == hashlib.sha256(container).hexdigest()
    assert report.signatures[0].coverage.files == ("META-INF/ASiCManifest001.xml", *asic_builder.FILES)


def test_a_record_that_came_along_proves_the_signatures_of_the_files_it_covers(
    archive: ArchiveUnderTest, tmp_path: Path, pki: Pki
) -> None:
    """The signer's certificate was revoked in April 2026. A letter that he signed is deposited in June: a record of March proves that his
    signature was there before. Whether the record is read before the signature or after it makes no difference."""
    letter, when = b"cong van", day(2026, 3)
    signed = pki.sign_cms(letter, signer="signer2")
    record = cms_attributes.record_over(lambda imprint: cms_attributes.token(pki, "tsa", when, imprint), signed, letter)
    for name in ("", "a__ers", "z__ers"):
        (tmp_path / f"with {name}").mkdir()
        folder = package(tmp_path / f"with {name}", thu__txt=letter, thu__txt__p7s=signed, **({name: record} if name else {}))
        deposit = archive.deposit(folder)
        if not name:
            assert (deposit.state, codes(deposit)) == (DepositState.HELD, {"SIG-INDETERMINATE": 1})
            continue
        assert deposit.state is DepositState.STORED, deposit.findings
        assert codes(deposit) == {"SIG-PASSED": 1}
        reports = archive.engine.signatures.validate(deposit.aip_id, progress=Silent())
        (report,) = [each.signatures[0] for each in reports if each.path.endswith(".p7s")]
        assert (str(report.verdict), report.proven, report.proven_by) == ("TOTAL-PASSED", when, "evidence")


def test_an_xml_signature_finds_the_files_that_it_names(archive: ArchiveUnderTest, tmp_path: Path, pki: Pki) -> None:
    """In the deposit, and years later in the AIP: neither is called after the other."""
    letters = {"cong van.txt": b"mot", "phu luc.txt": b"hai"}
    signed = xml_signing.detached(pki, {name.replace(" ", "%20"): data for name, data in letters.items()}, level="T")
    deposit = archive.deposit(package(tmp_path, chu_ky__xml=signed, **letters))
    assert deposit.state is DepositState.STORED, deposit.findings
    assert codes(deposit) == {"SIG-PASSED": 1}
    (report,) = archive.engine.signatures.validate(deposit.aip_id, progress=Silent())
    (found,) = report.signatures
    assert (found.kind, found.verdict.passed, found.coverage.files) == ("XAdES", True, ("cong van.txt", "phu luc.txt"))


@pytest.mark.parametrize("name", ["x" * 5_000, "a/" * 3_000 + "b", "e\u0301" * 200])
def test_a_name_that_no_file_can_have_is_no_file(tmp_path: Path, pki: Pki, name: str) -> None:
    path = tmp_path / "signature.xml"
    path.write_bytes(xml_signing.detached(pki, {name: b"x"}))
    context = Context(Anchors(), default_algorithms(), NOW)
    (report,) = validate_file(path, context).signatures
    assert not report.verdict.passed
    assert report.integrity.value != "intact"


def test_office_documents_are_examined_like_every_other(archive: ArchiveUnderTest, tmp_path: Path, pki: Pki) -> None:
    docx = packed.zipped(office_signing.sign_docx(pki, level="T"))
    odt = packed.zipped(office_signing.sign_odt(pki, level="T"))
    deposit = archive.deposit(package(tmp_path, cong_van__docx=docx, phu_luc__odt=odt))
    assert deposit.state is DepositState.STORED, deposit.findings
    assert codes(deposit) == {"SIG-PASSED": 2}
    reports = archive.engine.signatures.validate(deposit.aip_id, at=day(2026, 7), progress=Silent())
    assert {(each.signatures[0].kind, each.signatures[0].integrity) for each in reports} == {
        ("OOXML", "intact"),
        ("ODF", "intact"),
    }


def test_the_stored_report_is_whole(archive: ArchiveUnderTest, tmp_path: Path, pki: Pki) -> None:
    deposit = archive.deposit(package(tmp_path, van_ban__pdf=pki.sign_pdf(make_pdf(), day(2026, 3), level="T")))
    out = tmp_path / "out"
    archive.engine.holdings.export(deposit.aip_id, out, form="folder", progress=Silent())
    (file,) = out.glob(f"{REPORTS}/*.json")
    report = json.loads(file.read_bytes())
    assert (report["kho"], report["kind"], report["path"]) == (1, "signatures", "representations/rep1/data/van_ban.pdf")
    assert report["signatures"][0]["signer"]["title"] == "Chánh Văn phòng"
    assert {Path(name).name for name in report["data"]} == {each.name for each in (out / DATA).iterdir()}
    assert b"urn:etsi:019102:mainindication:total-passed" in file.with_suffix(".xml").read_bytes()


def test_a_signature_that_cannot_be_judged_waits_for_an_officer(
    archive: ArchiveUnderTest, tmp_path: Path, pki: Pki, network: Network
) -> None:
    network.down.update(["/ocsp/", "/crls/"])
    deposit = archive.deposit(package(tmp_path, van_ban__pdf=pki.sign_pdf(make_pdf(), day(2026, 3), level="B")))
    assert deposit.state is DepositState.HELD
    assert codes(deposit) == {"SIG-INDETERMINATE": 1, "SIG-NOT-COLLECTED": 1}
    released = archive.engine.deposits.release(deposit.id, reason="bản gốc duy nhất")
    assert released.state is DepositState.STORED
    assert released.verdict is Verdict.ACCEPT


def test_a_broken_signature_is_refused_and_the_policy_may_hold_it(archive: ArchiveUnderTest, tmp_path: Path, pki: Pki) -> None:
    broken = bytearray(pki.sign_pdf(make_pdf(), day(2026, 3), level="B"))
    broken[broken.index(b"Cong van")] ^= 1
    source = package(tmp_path, van_ban__pdf=bytes(broken))
    assert archive.deposit(source).state is DepositState.REFUSED
    archive.weights(SIG_FAILED="hold")
    assert archive.deposit(source).state is DepositState.HELD


def test_who_trusts_nobody_is_told_so_and_asks_nobody(
    archive: ArchiveUnderTest, tmp_path: Path, pki: Pki, network: Network
) -> None:
    for each in (archive.home / "anchors").iterdir():
        each.unlink()
    deposit = archive.deposit(package(tmp_path, van_ban__pdf=pki.sign_pdf(make_pdf(), day(2026, 3), level="B")))
    assert deposit.state is DepositState.STORED
    assert codes(deposit) == {"SIG-NO-ANCHORS": 1}
    (finding,) = [each for each in deposit.findings if each.code == "SIG-NO-ANCHORS"]
    assert "nguyên vẹn" in finding.text("vi")
    cut = make("a.docx", tmp_path)[0].read_bytes()[:-40]
    unread = archive.deposit(write_tree(tmp_path / "cụt", {"a.docx": cut}), key="2")
    assert unread.state is DepositState.STORED
    assert codes(unread) == {"SIG-MAYBE-SIGNED": 1}, "nobody knows whether a document that was cut short was signed"
    words = next(each for each in unread.findings if each.code == "SIG-MAYBE-SIGNED").text()
    assert "The signature" not in words
    assert ".." not in words
    assert network.asked == []


def held_and_released(archive: ArchiveUnderTest, tmp_path: Path, pki: Pki, network: Network) -> Deposit:
    """A record that came in while the network was down, and that an officer let in."""
    network.down.update(["/ocsp/", "/crls/"])
    deposit = archive.deposit(package(tmp_path, van_ban__pdf=pki.sign_pdf(make_pdf(), day(2026, 3), level="T")))
    return archive.engine.deposits.release(deposit.id, reason="bản gốc duy nhất")


def test_late_data_comes_as_a_new_version_and_changes_no_verdict(
    archive: ArchiveUnderTest, tmp_path: Path, pki: Pki, network: Network
) -> None:
    deposit = held_and_released(archive, tmp_path, pki, network)
    (waiting,) = archive.engine.signatures.attention()
    assert (waiting.aip_id, waiting.lacks_data) == (deposit.aip_id, True)
    network.down.clear()
    done = archive.engine.signatures.collect(deposit.aip_id, progress=Silent())
    assert done == {"looked": 1, "versions": 1, "waiting": 0}
    aip = archive.engine.holdings.show(deposit.aip_id)
    assert aip.version == 2
    assert all(copy.state.value == "good" and copy.version == 2 for copy in aip.copies)
    first = {file.path: file.sha512 for file in archive.engine.holdings.files(aip.id, version=1)}
    second = {file.path: file.sha512 for file in archive.engine.holdings.files(aip.id, version=2)}
    reports = sorted(path.rpartition(".v")[2] for path in second if path.startswith(f"{REPORTS}/"))
    assert reports == ["1.json", "1.xml", "2.json", "2.xml"]
    data = "representations/rep1/data/van_ban.pdf"
    assert second[data] == first[data]
    (report,) = archive.engine.signatures.validate(aip.id, progress=Silent())
    assert report.signatures[0].verdict.passed, report.signatures[0].verdict
    assert archive.engine.signatures.attention() == []
    events = [each.outcome for each in archive.engine.holdings.events(aip.id) if each.type == "digital signature validation"]
    assert events == ["warning", "success"]
    out = tmp_path / "again"
    archive.engine.holdings.export(aip.id, out, form="submission", progress=Silent())
    assert (out / "van_ban.pdf").read_bytes() == (tmp_path / "ho-so" / "van_ban.pdf").read_bytes()


def test_what_still_cannot_be_had_stays_on_the_list(
    archive: ArchiveUnderTest, tmp_path: Path, pki: Pki, network: Network
) -> None:
    deposit = held_and_released(archive, tmp_path, pki, network)
    assert archive.engine.signatures.collect(deposit.aip_id, progress=Silent()) == {"looked": 1, "versions": 0, "waiting": 1}
    assert [each.aip_id for each in archive.engine.signatures.attention()] == [deposit.aip_id]
    assert archive.engine.holdings.show(deposit.aip_id).version == 1
    assert archive.engine.signatures.collect(progress=Silent())["looked"] == 0, "it was asked for a moment ago"


def test_a_rebuilt_catalog_knows_what_waits(archive: ArchiveUnderTest, tmp_path: Path, pki: Pki, network: Network) -> None:
    deposit = held_and_released(archive, tmp_path, pki, network)
    archive.engine.catalog.rebuild(progress=Silent())
    assert [each.aip_id for each in archive.engine.signatures.attention()] == [deposit.aip_id]


@contextmanager
def stamped_by_one(archive: SigningArchive) -> Iterator[ec.EllipticCurvePrivateKey]:
    """An authority is named in kho.toml; what is open already does not know it, and goes on with the network that it has. Gives the key
    of its root."""
    root_key = ec.generate_private_key(ec.SECP256R1())
    made = make_authority("TSA one", key("p256"), clock=archive.time, begins=day(2026, 1), ends=day(2056), root_key=root_key)
    with answering(made.answer) as url:
        (archive.home / "one.cer").write_bytes(made.root)
        file = archive.home / "kho.toml"
        # The proxy is the network of 2026, which has no such authority.
        lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("proxy")]
        lines += ["[[timestamps]]", 'name = "one"', f'url = "{url}"', 'anchors = ["one.cer"]', "private = true"]
        file.write_text("\n".join(lines) + "\n", encoding="utf-8")
        yield root_key


def test_a_copy_for_readers_holds_what_the_original_lacks_and_the_original_stays(
    archive: SigningArchive, tmp_path: Path, pki: Pki
) -> None:
    original = pki.sign_pdf(make_pdf(), day(2026, 3), level="T")
    with stamped_by_one(archive):
        deposit = archive.deposit(package(tmp_path, van_ban__pdf=original, a__txt=b"plain"))
        assert deposit.state is DepositState.STORED, deposit.findings
        refused = archive.engine.signatures.copy(deposit.aip_id, progress=Silent())
        assert [code for code, *_ in refused["findings"]] == ["SIG-NO-COPY"]  # no authority is known yet
        archive.reopen()
        done = archive.engine.signatures.copy(deposit.aip_id, progress=Silent())
        assert done == {"copies": 1, "there": 0, "findings": []}
        again = archive.engine.signatures.copy(deposit.aip_id, progress=Silent())
        assert again == {"copies": 0, "there": 1, "findings": []}
    assert archive.engine.archive.catalog.holdings.get(deposit.aip_id).version == 2
    out = tmp_path / "out"
    archive.engine.holdings.export(deposit.aip_id, out, form="folder", progress=Silent())
    place = "representations/rep1.pades-lta.v2"
    copy = (out / place / "data/van_ban.pdf").read_bytes()
    assert (out / "representations/rep1/data/van_ban.pdf").read_bytes() == original
    assert copy.startswith(original)
    assert not (out / place / "data/a.txt").exists()
    as_others_see_it = PdfFileReader(io.BytesIO(copy)).embedded_regular_signatures[0]
    as_others_see_it.compute_integrity_info()
    assert as_others_see_it.diff_result.modification_level is ModificationLevel.LTA_UPDATES
    reports = {each.path: each for each in archive.engine.signatures.validate(deposit.aip_id, progress=Silent())}
    assert reports["representations/rep1/data/van_ban.pdf"].signatures[0].level == "PAdES-T"
    found = reports[f"{place}/data/van_ban.pdf"].signatures
    signature = next(each for each in found if each.role is Role.SIGNATURE)
    assert (signature.level, signature.verdict.passed, signature.proven) == ("PAdES-LTA", True, day(2026, 3))
    assert [each.signer.common_name for each in found if each.role is Role.TIMESTAMP and each.signer] == ["TSA one"]
    events = [each for each in archive.engine.holdings.events(deposit.aip_id) if each.type == "migration"]
    assert [(each.outcome, each.detail["path"], each.aip_version) for each in events] == [("success", "pades-lta", 2)]
    premis = (out / place / "metadata/preservation/premis-kho.xml").read_text(encoding="utf-8")
    assert "derivation" in premis
    archive.whole()


def test_a_copy_stands_alone_when_the_signers_certificates_have_ended(archive: SigningArchive, tmp_path: Path, pki: Pki) -> None:
    """In 2031, with nothing beside it but the roots and fresh news of the copy's own authority."""
    with stamped_by_one(archive) as root_key:
        deposit = archive.deposit(package(tmp_path, van_ban__pdf=pki.sign_pdf(make_pdf(), day(2026, 3), level="T")))
        archive.reopen()
        assert archive.engine.signatures.copy(deposit.aip_id, progress=Silent())["copies"] == 1
    out = tmp_path / "out"
    archive.engine.holdings.export(deposit.aip_id, out, form="folder", progress=Silent())
    copy = out / "representations/rep1.pades-lta.v2/data/van_ban.pdf"
    one = Certificate((archive.home / "one.cer").read_bytes())
    context = Context(Anchors.of([*pki.anchors(), one]), default_algorithms(), day(2031))
    builder = x509.CertificateRevocationListBuilder().issuer_name(one.x509.subject).last_update(day(2031))
    news = builder.next_update(day(2031, 2)).sign(root_key, hashes.SHA256()).public_bytes(Encoding.DER)
    for file, passes in ((copy, True), (out / "representations/rep1/data/van_ban.pdf", False)):
        judged = validate_file(file, context, beside=[ValidationData(crls=(news,))])
        signature = next(each for each in judged.signatures if each.role is Role.SIGNATURE)
        assert signature.verdict.passed is passes, signature.verdict


def test_the_archives_own_evidence_makes_a_record_pass_when_all_its_certificates_have_ended(
    archive: SigningArchive, tmp_path: Path, pki: Pki
) -> None:
    with stamped_by_one(archive):
        source = package(tmp_path, van_ban__pdf=pki.sign_pdf(make_pdf(), day(2026, 3), level="T"))
        deposit = archive.deposit(source)
        assert deposit.state is DepositState.STORED, deposit.findings
        archive.reopen()
        (early,) = archive.engine.signatures.validate(deposit.aip_id, at=day(2031), progress=Silent())
        assert str(early.signatures[0].verdict) == "INDETERMINATE/OUT_OF_BOUNDS_NO_POE"
        assert archive.engine.evidence.batch()["batch"]
    for at in (day(2031), day(2035), day(2045)):
        (report,) = archive.engine.signatures.validate(deposit.aip_id, at=at, progress=Silent())
        assert report.signatures[0].verdict.passed, (at, report.signatures[0].verdict)
        assert report.signatures[0].proven == day(2026, 3)
    (ended,) = archive.engine.signatures.validate(deposit.aip_id, at=day(2060), progress=Silent())
    assert not ended.signatures[0].verdict.passed, "evidence that was not renewed proves nothing any more"


def test_what_is_called_a_signature_and_cannot_be_read_is_told(archive: ArchiveUnderTest, tmp_path: Path, pki: Pki) -> None:
    pdf = pki.sign_pdf(make_pdf(), day(2026, 3), level="B")
    at = pdf.index(b"/Contents <") + 1000
    letter = pki.sign_cms(b"cong van", day(2026, 3))
    files = {
        "van_ban__pdf": pdf[:at] + b"\xc7" + pdf[at + 1 :],
        "thu__txt": b"cong van",
        "thu__txt__p7s": letter[:5] + b"\xff" + letter[6:],
        "rong__p7s": b"",
        "chu_ky__sig": b"Kinh thu\n",
    }
    deposit = archive.deposit(package(tmp_path, **files))
    assert deposit.state is DepositState.REFUSED, deposit.findings
    assert codes(deposit) == {"SIG-FAILED": 1, "SIG-INDETERMINATE": 2}
