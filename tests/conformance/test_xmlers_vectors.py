"""Evidence records in XML (RFC 6283) that others made, under their own names, with the verdict that is stated for them."""

from __future__ import annotations

from pathlib import Path

import pytest

from signatures.evidence import DataObject, object_of_bytes, verify_record
from tests.conformance.test_evidence_vectors import VECTORS, codes, rows

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"the vectors are not at {VECTORS} (set KHO_CORPORA)")


def objects(file: Path, covered: str) -> list[DataObject]:
    found = []
    for each in covered.split(";"):
        if each.startswith("digest:"):
            name, _, value = each.removeprefix("digest:").partition("=")
            found.append(DataObject(each, {name: bytes.fromhex(value)}))
        elif each != "(none given)":
            found.append(object_of_bytes(each, (file.parent / each).read_bytes()))
    return found


@pytest.mark.parametrize(
    ("name", "covered", "expected"), rows("ers-xml"), ids=[f"{row[0].rpartition('/')[2]}-{row[2]}" for row in rows("ers-xml")]
)
def test_dss(name: str, covered: str, expected: str) -> None:
    file = VECTORS / name
    report = verify_record(file.read_bytes(), objects(file, covered))
    found = [code for code, _ in codes(report)]
    if expected == "integrity valid":
        assert found == []
        assert report.valid
        assert len(report.covered) == len(covered.split(";"))
        other = verify_record(file.read_bytes(), [object_of_bytes("other", b"something else")])
        assert "EVD-NOT-COVERED" in [code for code, _ in codes(other)]
    elif "SIGNED_DATA_NOT_FOUND" in expected:
        assert found == ["EVD-NO-DATA"]
    else:
        assert not report.valid
        assert found
