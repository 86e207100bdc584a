"""Evidence records that come with a deposit: found by what they cover, judged, reported beside the original, and carried on by our own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from repository.model import DepositState
from repository.progress import Silent
from repository.signed.records import REPORTS
from signatures.timestamps import Authority
from tests.builders_archive import SharedIdentifier, write_tree
from tests.repository.test_evidence_batches import Proved
from tests.signatures.authorities import NOW, authority, issuing
from tests.signatures.cms_attributes import record_over
from tests.signatures.evidence_builder import group_of, grow, stamped
from tests.signatures.test_xaip import DATA, MANIFEST, META, encoded, package
from tests.signatures.xmlers_builder import XmlErs, c14n

FILES = {"cong-van.txt": b"cong van", "phu luc/bang.csv": b"a,b"}


@pytest.fixture
def archive(tmp_path: Path, identifier: SharedIdentifier) -> Iterator[Proved]:
    made = Proved(tmp_path, identifier)
    made.authority("one", "sha256")
    made.authority("two", "sha512", "p384")
    (made.home / "anchors").mkdir()
    yield made
    made.end()


def trusted(archive: Proved, years: float = 2) -> Authority:
    """The authority of the archive that handed the records over; its root was put into the folder of anchors."""
    theirs = authority("theirs", clock=archive.clock, begins=NOW.replace(month=1), years=years)
    pem = x509.load_der_x509_certificate(issuing(theirs).root).public_bytes(Encoding.PEM)
    (archive.home / "anchors" / "theirs.pem").write_bytes(pem)
    return theirs


def received(archive: Proved, name: str, records: dict[str, bytes], files: dict[str, bytes] = FILES) -> tuple[str, list[str]]:
    deposit = archive.deposit(write_tree(archive.folder / name, {**files, **records}))
    assert deposit.state is DepositState.STORED, deposit.findings
    return deposit.aip_id, [code for code in deposit.finding_counts if code.startswith("EVD-")]


def test_a_record_over_several_files_is_found_by_their_digests_and_reported(archive: Proved) -> None:
    record = grow([list(FILES.values()), [b"another archive's"]], trusted(archive)).record(0, group_of(list(FILES.values())))
    aip, codes = received(archive, "a", {"bang chung/2026.ers": record})
    assert codes == ["EVD-RECEIVED-PASSED"]
    paths = [file.path for file in archive.engine.holdings.files(aip)]
    name = hashlib.sha256(record).hexdigest()
    assert f"{REPORTS}/{name}.v1.json" in paths
    (report,) = archive.engine.signatures.validate(aip, progress=Silent())
    (found,) = report.signatures
    assert (found.role.value, str(found.verdict), found.claimed) == ("evidence", "TOTAL-PASSED", NOW)
    assert {each.rpartition("/data/")[2] for each in found.coverage.files} == set(FILES)


def test_a_record_in_xml_is_taken_the_same_way(archive: Proved) -> None:
    made = XmlErs()
    made.begin(trusted(archive), "sha512", [hashlib.sha512(each).digest() for each in FILES.values()], [b"\1" * 64])
    _, codes = received(archive, "a", {"2026.xml": made.record()})
    assert codes == ["EVD-RECEIVED-PASSED"]


def test_what_was_altered_on_the_way_waits_for_an_officer(archive: Proved) -> None:
    record = grow([[b"cong van"], [b"x"]], trusted(archive)).record(0, group_of([b"cong van"]))
    files = {"cong-van.txt": b"cong van!", "cong-van.txt.ers": record}
    deposit = archive.deposit(write_tree(archive.folder / "a", files))
    assert deposit.state is DepositState.HELD
    assert "EVD-RECEIVED-FAILED" in deposit.finding_counts


def test_a_record_whose_authority_is_not_known_is_kept_and_said_to_be_unsure(archive: Proved) -> None:
    stranger = authority("stranger", clock=archive.clock)
    record = grow([[b"cong van"], [b"x"]], stranger).record(0, group_of([b"cong van"]))
    _, codes = received(archive, "a", {"cong-van.txt.ers": record})
    assert codes == ["EVD-RECEIVED-UNSURE"]


def asn1_record(theirs: Authority) -> tuple[str, bytes]:
    return "2026.ers", grow([list(FILES.values()), [b"x"]], theirs).record(0, group_of(list(FILES.values())))


def xml_record(theirs: Authority) -> tuple[str, bytes]:
    made = XmlErs()
    made.begin(theirs, "sha512", [hashlib.sha512(each).digest() for each in FILES.values()], [b"\1" * 64])
    return "2026.xml", made.record()


def tr_esor_package(theirs: Authority) -> tuple[str, bytes]:
    """A package of TR-ESOR with its objects inside, and the record over them."""
    sealed = record_over(partial(stamped, theirs, "sha256"), DATA, c14n(META), c14n(MANIFEST))
    return "goi.xml", package(inside=f"<x:asn1EvidenceRecord>{encoded(sealed)}</x:asn1EvidenceRecord>")


@pytest.mark.parametrize("make", [asn1_record, xml_record, tr_esor_package])
def test_our_own_evidence_carries_an_imported_record_on(archive: Proved, make: Callable[[Authority], tuple[str, bytes]]) -> None:
    """Their authority ends in 2028, and nobody renews their record. Our batch of 2026 covers it, and is renewed: in 2035 theirs still
    proves what it proved when ours began."""
    name, record = make(trusted(archive))
    aip, codes = received(archive, "a", {name: record})
    assert codes == ["EVD-RECEIVED-PASSED"]
    archive.clock.pass_days(30)
    assert archive.engine.evidence.batch()["leaves"] == 1
    archive.clock.pass_days(9.4 * 365.25)
    archive.authority("three", "sha256")
    archive.authority("four", "sha512", "p384")
    assert not archive.engine.evidence.renew()["findings"]
    archive.clock.pass_days(30)
    (report,) = archive.engine.signatures.validate(aip, progress=Silent())
    (found,) = report.signatures
    assert str(found.verdict) == "TOTAL-PASSED", found.verdict
    assert found.claimed == NOW
    alone = archive.engine.signatures.validate(aip, at=archive.clock.now(), progress=Silent())
    assert str(alone[0].signatures[0].verdict) == "TOTAL-PASSED"


def test_without_our_own_evidence_a_record_that_nobody_renewed_ends(archive: Proved) -> None:
    record = grow([list(FILES.values()), [b"x"]], trusted(archive)).record(0, group_of(list(FILES.values())))
    aip, _ = received(archive, "a", {"2026.ers": record})
    archive.clock.pass_days(5 * 365)
    (report,) = archive.engine.signatures.validate(aip, progress=Silent())
    assert str(report.signatures[0].verdict) == "INDETERMINATE/NO_CERTIFICATE_CHAIN_FOUND"
