"""Evidence records that others made (DSS, BSI), under their own names, with the verdict that is stated for them."""

from __future__ import annotations

import base64
import csv
import functools
import hashlib
import json
import os
from pathlib import Path

import pytest

from repository.views.evidence import evidence
from signatures import der
from signatures.evidence import DataObject, EvidenceReport, verify_record
from signatures.timestamps import read_token

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
        assert any("hashed again" in quirk for quirk in report.quirks)


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


UNPROTECTED = ("certificates", "crls", "unsignedAttrs", "version")
"""Fields of a token that no signature covers. A flip there may survive, and must change nothing that is told."""


def fields(token: bytes, start: int) -> dict[str, tuple[int, int]]:
    """Where the unprotected fields of a token lie in the record: name → (start, end). The signer's own certificate is protected by the
    signed reference to it, though it lies among them."""
    content = der.children(token, der.children(token, der.whole(token))[1])[0]
    parts = der.children(token, content)
    found = {"version": (parts[0].start, parts[0].end)}
    for each in parts[3:-1]:
        found["certificates" if each.tag == 0xA0 else "crls"] = (each.start, each.end)
    last = der.children(token, der.children(token, parts[-1])[0])[-1]
    if last.tag == 0xA1:
        found["unsignedAttrs"] = (last.start, last.end)
    return {name: (start + begin, start + end) for name, (begin, end) in found.items()}


@pytest.mark.parametrize("name", ["ER-2Chains3ATS.ers", "er-asn1-full-renewal.ers", "1_3_Renew_Unsorted.er"])
def test_what_survives_a_flip_lies_in_fields_that_nothing_protects(name: str) -> None:
    """Every 37th byte, in turn by three flips: not valid, or valid with identical JSON and in a field that is named here."""
    file = VECTORS / "dss/dss-evidence-record-asn1" / name
    if not file.exists():
        pytest.skip("this vector is not there")
    data, covered = record(file), next(row[1] for row in rows("ers-asn1") if row[0].endswith(name))
    given, remembering = objects(file, covered), functools.lru_cache(read_token)
    sound = verify_record(data, given, read=remembering)
    told = json.dumps(evidence(sound))
    open_fields = []
    for chain in sound.record.chains if sound.record else ():
        for stamp in chain.stamps:
            open_fields += [(name, *place) for name, place in fields(stamp.token, data.index(stamp.token)).items()]
    survivors: dict[str, int] = {}
    for offset in range(0, len(data), 37):
        damaged = bytearray(data)
        damaged[offset] ^= (0x01, 0x80, 0xFF)[offset % 3]
        report = verify_record(bytes(damaged), given, read=remembering)
        if report.valid:
            assert json.dumps(evidence(report)) == told, offset
            inside = [name for name, start, end in open_fields if start <= offset < end]
            assert inside, f"byte {offset} survives, and lies in no field that is known to be open"
            survivors[inside[0]] = survivors.get(inside[0], 0) + 1
    assert set(survivors) <= set(UNPROTECTED)
