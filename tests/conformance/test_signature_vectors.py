"""Signed files of other people (the test files of esig/dss): whether each signature is intact, as their tests say.

The labels were drawn from test classes by pattern, so a row that disagrees was looked at by hand and stands in ``BY_HAND`` with its
reason. The verdicts here are about integrity (digests and values): whom the authors trusted is not in the folder.
"""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from signatures.reading import read_signatures
from signatures.report import Integrity, Role, SubIndication
from signatures.signed import SignedFile, Source

CORPORA = Path(os.environ.get("KHO_CORPORA", Path(__file__).parents[2] / ".." / "shared" / "corpora")).resolve() / "signatures"
INDEX = CORPORA / "vectors.tsv"
KINDS = {"PAdES": "dss-pades", "PAdES+ER": "dss-pades", "CAdES": "dss-cades", "CAdES+ER": "dss-cades"}

BY_HAND = {
    "sample.pdf": ("none", "the name in the table was cut: this is the unsigned source document"),
    "timestamped-fields.pdf": ("none", "document time-stamps only, no signature, as the label says"),
    "pdf-signed-corrupted.pdf": ("broken", "bytes of the cross-reference and of the gap are damaged"),
    "cms-wrong-sign-cert-ref.p7m": ("intact", "the wrong reference is the time-stamp's; the signature's own is right"),
    "C-E-ERS-basic.p7m": ("intact", "the data that is not intact is the evidence record's; that is the next room's to say"),
    "PAdES_with_er.pdf": ("intact", "the same, for PDF"),
    "C-E-ERS-detached-invalid.p7s": ("intact", "the signature is right; the evidence record in it is what fails"),
    "C-E-ERS-detached_renewed_hashtree_invalid.p7s": ("intact", "the same"),
    "Signature-C-LTA-d233a2d9-a257-40dc-bcdb-bf4516b6d1da.p7m": ("intact", "the same: the evidence record is of another level"),
    "Signature-C-LT-d233a2d9-a257-40dc-bcdb-bf4516b6d1da.p7m": ("intact", "the same"),
    "pades-t-duplicated-doctst.pdf": ("intact", "what is invalid is the second document time-stamp, which is found broken"),
    "cades-ats-v3-wrong-crl.p7s": ("unknown", "its content, a picture, is not in the folder"),
    "Test.bin.sig": ("unknown", "its content is not in the folder"),
    "C-E-ERS-detached-ber.p7s": ("unknown", "its content, a picture, is not in the folder"),
    "CAdES-BpB-att-SHA256-SHA3_256withRSA.p7m": ("unknown", "digest and signature algorithm contradict each other: not judged"),
    "Signature-P-HU_NET-2.pdf": ("unknown", "a signature algorithm stands where a digest algorithm must be"),
    "pades-unsupported-signature-algorithm.pdf": ("unknown", "the identifier of a curve stands for the signature algorithm"),
}
"""File → (what it is, why the label does not say so)."""


def rows() -> Iterator[tuple[str, str, str]]:
    """(file, covered data, label)."""
    if not INDEX.is_file():
        return
    with INDEX.open(encoding="utf-8") as table:
        for row in csv.DictReader(table, delimiter="\t"):
            if row["kind"] in KINDS:
                yield row["file"], row["covered_data"], row["expected_from_tests"]


@cache
def read(file: str, covered: str) -> SignedFile | None:
    def beside() -> list[tuple[str, object]]:
        if covered.startswith("inline"):
            return [("inline", lambda: io.BytesIO(covered.split('"')[1].encode()))]
        path = CORPORA / "dss" / Path(file).parts[1] / covered
        return [(path.name, lambda: path.open("rb"))] if covered != "-" and path.is_file() else []

    return read_signatures(Source(CORPORA / file, Path(file).name, beside))  # type: ignore[arg-type]


def outcome(found: SignedFile | None) -> str:
    signatures = [each for each in found.objects if each.role is Role.SIGNATURE] if found else []
    if not signatures:
        return "none"
    for worst in (Integrity.BROKEN, Integrity.UNKNOWN):
        if any(each.integrity is worst for each in signatures):
            return worst.value
    return "intact"


def expected(file: str, label: str) -> str:
    if Path(file).name in BY_HAND:
        return BY_HAND[Path(file).name][0]
    if "SIGNED_DATA_NOT_FOUND" in label or "NO_SIGNING_CERTIFICATE" in label:
        return "unknown"
    if "INVALID" in label or "FAILURE" in label or "except isDataIntact" in label:
        return "broken"
    return "intact"


@pytest.mark.skipif(not INDEX.is_file(), reason="the signature vectors are not in ../shared/corpora")
@pytest.mark.parametrize(("file", "covered", "label"), list(rows()))
def test_the_verdict_on_integrity(file: str, covered: str, label: str) -> None:
    assert outcome(read(file, covered)) == expected(file, label), f"{file}: {label}"


@pytest.mark.skipif(not INDEX.is_file(), reason="the signature vectors are not in ../shared/corpora")
def test_nothing_that_is_broken_is_called_intact() -> None:
    false = [
        file
        for file, covered, label in rows()
        if ("INVALID" in label or "FAILURE" in label)
        and outcome(read(file, covered)) == "intact"
        and Path(file).name not in BY_HAND
    ]
    assert false == []


@pytest.mark.skipif(not INDEX.is_file(), reason="the signature vectors are not in ../shared/corpora")
def test_the_broken_stamp_among_good_ones_is_found() -> None:
    found = read("dss/dss-pades/validation/pades-t-duplicated-doctst.pdf", "-")
    assert found is not None
    assert [each.token.failure for each in found.stamps] == [None, SubIndication.HASH_FAILURE]
