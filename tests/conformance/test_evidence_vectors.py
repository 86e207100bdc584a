"""Evidence records that others made (DSS, BSI), under their own names, with the verdict that is stated for them."""

from __future__ import annotations

import base64
import csv
import hashlib
import os
from pathlib import Path

import pytest

from policies.findings import spoken
from signatures.evidence import DataObject, EvidenceReport, verify_record

CORPORA = Path(os.environ.get("KHO_CORPORA", Path(__file__).parents[2].parent / "shared" / "corpora"))
VECTORS = CORPORA / "signatures"

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"the vectors are not at {VECTORS} (set KHO_CORPORA)")


class Digests(dict[str, bytes]):
    """Digests of given bytes, in whatever algorithm is asked for."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self._data = data

    def __missing__(self, name: str) -> bytes:
        return hashlib.new(name, self._data).digest()


def rows(kind: str) -> list[tuple[str, str, str]]:
    """(file, covered data, expectation) of each vector of a kind."""
    table = VECTORS / "vectors.tsv"
    if not table.exists():
        return []
    with table.open(encoding="utf-8", newline="") as file:
        return [(row[0], row[2], row[3]) for row in csv.reader(file, delimiter="\t") if row[1] == kind]


def record(file: Path) -> bytes:
    data = file.read_bytes()
    return base64.b64decode(data) if file.suffix == ".b64" else data


def objects(file: Path, covered: str) -> list[DataObject]:
    found = []
    for each in covered.split(";"):
        if each.startswith("digest:"):
            name, _, value = each.removeprefix("digest:").partition("=")
            found.append(DataObject(each, {name: bytes.fromhex(value)}))
        else:
            found.append(DataObject(each, Digests((file.parent / each).read_bytes())))
    return found


def codes(report: EvidenceReport) -> list[tuple[str, str]]:
    return [(each.code, each.path) for each in report.findings if each.weight.name == "ERROR"]


@pytest.mark.parametrize(("name", "covered", "expected"), rows("ers-asn1"), ids=[row[0][-60:] for row in rows("ers-asn1")])
def test_dss(name: str, covered: str, expected: str) -> None:
    file = VECTORS / name
    report = verify_record(record(file), objects(file, covered))
    if expected == "integrity valid":
        assert codes(report) == []
        assert report.valid
        assert len(report.covered) == len(covered.split(";"))
        # anything else is not covered, and the place is named
        other = verify_record(record(file), [DataObject("other", Digests(b"something else"))])
        assert (
            "EVD-NOT-COVERED",
            "chain[1]/archiveTimeStamp[1]/" + ("reducedHashtree[1]" if tree(file) else "timeStamp"),
        ) in codes(other)
    else:
        assert not report.valid
        assert codes(report)


def tree(file: Path) -> bool:
    found = verify_record(record(file), []).record
    assert found is not None
    return found.chains[0].stamps[0].groups is not None


def test_a_renewal_that_is_not_one_is_named() -> None:
    file = VECTORS / "dss/dss-evidence-record-asn1/er-asn1-tst-renewal-invalid.ers"
    if not file.exists():
        pytest.skip("this vector is not there")
    covered = next(row[1] for row in rows("ers-asn1") if row[0].endswith(file.name))
    report = verify_record(record(file), objects(file, covered))
    assert all(place.startswith("chain[1]/archiveTimeStamp[2]") for _, place in codes(report)), codes(report)


BSI = {
    "bsi/bin/ER_DOUBLE_HASHED_FOR_TXT_DATA.ers": "bsi/bin/TXT_DATA.txt.b64",
}


def test_bsi_double_hash_is_accepted_by_name() -> None:
    for name, data in BSI.items():
        report = verify_record(record(VECTORS / name), [DataObject("data", Digests(record(VECTORS / data)))])
        assert codes(report) == []
        assert any("hashed again" in spoken(quirk) for quirk in report.quirks)


def test_bsi_wrong_cms_version_is_refused() -> None:
    report = verify_record(record(VECTORS / "bsi/bin/example_wrong_cms_version.ers.b64"), [])
    assert ("EVD-TOKEN", "chain[1]/archiveTimeStamp[1]") in codes(report)


@pytest.mark.parametrize(
    "name", sorted({row[0] for row in rows("ers-asn1 (TR-ESOR)")} - {"bsi/bin/example_wrong_cms_version.ers.b64"})
)
def test_bsi_records_are_read_and_hold_together(name: str) -> None:
    """Without their data only what a record says of itself can be held: its tokens, its renewals, its trees."""
    report = verify_record(record(VECTORS / name), [])
    wanted = [("EVD-NO-DATA", "")]
    if name.endswith("xaip_nok.ers.b64"):
        assert codes(report) != wanted
    else:
        assert codes(report) == wanted
