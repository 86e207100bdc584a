"""Evidence records of TR-ESOR middleware (the test files of the BSI's verify tool), each looked at by hand.

The labels of the table are mostly the files' own names; what each file is stands here, with the reason where the name says otherwise
or where a part of it is not in the folder.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest

from policies.phrases import phrase
from signatures.embedded import read_embedded
from signatures.evidence import object_of_bytes
from signatures.evidence_files import handed_over
from signatures.reading import read_signatures
from signatures.report import Integrity, SubIndication
from signatures.signed import Source
from signatures.xaip_verifier import opened_package
from tests.conformance.test_evidence_vectors import VECTORS, record, rows

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"the vectors are not at {VECTORS} (set KHO_CORPORA)")

SORTED = phrase("evd-habit-sorted")
TWICE = phrase("evd-habit-again")
LINES = phrase("evd-habit-space")

PACKAGES = {
    "xaip_ok_2_er_resigned.xml": ("intact", "", ""),
    "xaip_ok_er_resigned.xml": ("intact", "", ""),
    "xaip_ok_ers.xml": ("intact", "", ""),
    "xaip_ok_ers_multiple_credentials.xml": ("intact", "", ""),
    "xaip_ok_ers_namespace.xml": ("intact", "", ""),
    "xaip_ok_resigned_and_rehashed.xml": ("intact", "", ""),
    "xaip_ok_single_protected_data_object.xml": ("intact", "", ""),
    "xaip_ok_single_protected_data_object_resigned.xml": ("intact", "", ""),
    "xaip_ok_single_protected_data_object_resigned_and_rehased.xml": ("intact", "", ""),
    "XAIP_SORTED_SHA512_GOVTSP.xml": ("intact", SORTED, ""),
    "lxaip_ok_er.xml": ("missing", LINES, "the file that it refers to is not in the folder; every other object is covered"),
    "lxaip_ok_er_cred.xml": ("missing", "", "the same"),
    "lxaip_ok_er_metadata.xml": ("missing", "", "the same"),
    "lxaip_wrong_uri.xml": ("missing", LINES, "it refers to a file that does not exist, which is what it is for"),
    "lxaip_wrong_digest.xml": ("broken", LINES, ""),
}
"""Package → (what its record is, quirk, why not what the name says)."""

RECORDS = {
    "xaip_ok.er.xml": "xaip_ok_ers.xml",
    "xaip_ok.ers": "xaip_ok_ers.xml",
    "xaip_ok.ers.b64": "xaip_ok_ers.xml",
    "xaip_ok.rehashed.ers.b64": "xaip_ok_ers.xml",
    "xaip_ok_qualified.ers": "xaip_ok_ers.xml",
    "xaip_ok_ers_resigned.b64": "xaip_ok_resigned_and_rehashed.xml",
    "example.er.xml": "xaip_ok_ers.xml",
    "xaip_ok_single_protected_data_object.er.xml": "xaip_ok_single_protected_data_object.xml",
}
"""Record → a package of the folder whose objects it covers (found by their digests)."""

ALONE = {
    "ATS1_BIN_ER.ers.b64": "its data are not in the folder",
    "ER_SHA256-DGN_XAIP_OK_SC1.ers": "the same",
    "basis_ers.b64": "the same",
    "xaip_ok_sig_ok.ers.b64": "the same; the table calls it ok, and two of its four objects are those of xaip_ok",
    "xaip_double_hashed_er.ers": "the same",
    "lxaip_ok.ers.xml": "the file that its package refers to is not in the folder",
    "ER_DOUBLE_HASHED_FOR_TXT_DATA.ers": "given its data, it holds (below)",
}
"""Records that hold together and cannot be held against anything here."""

BROKEN = {"example_wrong_cms_version.ers.b64": "EVD-TOKEN", "xaip_nok.ers.b64": "EVD-IMPRINT"}


def found(name: str) -> Path:
    return next(VECTORS.rglob(name))


def test_every_row_of_the_table_is_here() -> None:
    named = {row[0].rpartition("/")[2].partition("#")[0] for kind in KINDS for row in rows(kind)}
    assert named - {"xaip_ok_sig_ers_2version.xml"} == {*PACKAGES, *RECORDS, *ALONE, *BROKEN}  # that one is not in the folder


KINDS = ("ers-asn1 (TR-ESOR)", "ers-asn1 (TR-ESOR) with data", "ers-asn1 in XAIP")


@pytest.mark.parametrize("name", PACKAGES)
def test_a_package(name: str) -> None:
    file = read_signatures(Source(found(name), name))
    assert file is not None
    expected, quirk, _ = PACKAGES[name]
    (each,) = file.records
    assert [note.args["quirk"] for note in each.object.notes if note.code == "EVD-QUIRK"] == ([quirk] if quirk else [])
    if expected == "missing":
        assert each.object.failure is SubIndication.SIGNED_DATA_NOT_FOUND
        assert not [one for one in each.report.findings if one.code == "EVD-NOT-COVERED"]
    else:
        assert each.object.integrity.value == expected
    altered = found(name).read_bytes().replace(b"retentionPeriod>20", b"retentionPeriod>21")
    if name.startswith("xaip_ok_ers.") or name.startswith("xaip_ok_er_"):
        assert outcome_of(altered) is Integrity.BROKEN  # the manifest of the version is among what is protected


def outcome_of(data: bytes) -> Integrity:
    from signatures.xaip import in_package
    from signatures.xaip_verifier import in_version

    package = in_package(data)
    assert package is not None
    return in_version(package, next(iter(package.records())), Source(Path("/nowhere"), "x"), "").object.integrity


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_for_a_package_that_is_handed_over_beside_it(name: str) -> None:
    handed = handed_over(found(name).read_bytes())
    package = opened_package(partial(open, found(RECORDS[name]), "rb"))
    assert package is not None
    protected = package.protected(handed, lambda _: None)
    assert not protected.reason
    assert read_embedded(handed.encoded, protected.objects).object.integrity is Integrity.INTACT
    other = opened_package(partial(open, found("xaip_ok_ers_namespace.xml"), "rb"))
    assert other is not None
    refused = other.protected(handed, lambda _: None)
    assert refused.reason or read_embedded(handed.encoded, refused.objects).object.integrity is Integrity.BROKEN


@pytest.mark.parametrize("name", ALONE)
def test_a_record_without_its_data(name: str) -> None:
    file = read_signatures(Source(found(name), name))
    assert file is not None
    assert [each.object.why.code for each in file.records if each.object.why] == ["EVD-NO-DATA"]


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_record(name: str) -> None:
    file = read_signatures(Source(found(name), name))
    assert file is not None
    assert [(each.object.integrity, each.object.why.code) for each in file.records if each.object.why] == [
        (Integrity.BROKEN, BROKEN[name])
    ]


def test_the_double_hash_is_named_as_a_quirk() -> None:
    handed = handed_over(found("ER_DOUBLE_HASHED_FOR_TXT_DATA.ers").read_bytes())
    read = read_embedded(handed.encoded, [object_of_bytes("data", record(found("TXT_DATA.txt.b64")))])
    assert read.object.integrity is Integrity.INTACT
    assert [note.args["quirk"] for note in read.object.notes] == [TWICE]
