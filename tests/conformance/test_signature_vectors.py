"""Signed files of other people (the test files of esig/dss): whether each signature is intact, as their tests say.

The labels were drawn from test classes by pattern, so a row that disagrees was looked at by hand and stands in ``BY_HAND`` with its
reason. The verdicts here are about integrity (digests and values): whom the authors trusted is not in the folder.
"""

from __future__ import annotations

import csv
import io
import os
import zipfile
from collections.abc import Iterator
from functools import cache, partial
from pathlib import Path

import pytest

from signatures.reading import read_signatures
from signatures.report import Integrity, Kind, Role, SubIndication
from signatures.signed import SignedFile, Source

CORPORA = Path(os.environ.get("KHO_CORPORA", Path(__file__).parents[2] / ".." / "shared" / "corpora")).resolve() / "signatures"
INDEX = CORPORA / "vectors.tsv"
KINDS = {
    "PAdES": "dss-pades",
    "PAdES+ER": "dss-pades",
    "CAdES": "dss-cades",
    "CAdES+ER": "dss-cades",
    "XAdES": "dss-xades",
    "XAdES+ER": "dss-xades",
    "ASiC-CAdES": "dss-asic-cades",
    "ASiC-CAdES+ER": "dss-asic-cades",
    "ASiC-XAdES": "dss-asic-xades",
    "ASiC-XAdES+ER": "dss-asic-xades",
}

BY_HAND = {
    "sample.pdf": ("none", "the name in the table was cut: this is the unsigned source document"),
    "timestamped-fields.pdf": ("none", "document time-stamps only, no signature, as the label says"),
    "pdf-signed-corrupted.pdf": ("broken", "bytes of the cross-reference and of the gap are damaged"),
    "cms-wrong-sign-cert-ref.p7m": ("intact", "the wrong reference is the time-stamp's; the signature's own is right"),
    "C-E-ERS-basic.p7m": ("intact", "the data that is not intact is the evidence record's; that is the next room's to say"),
    "PAdES_with_er.pdf": ("intact", "the data that is not intact is the evidence record's"),
    "C-E-ERS-detached-invalid.p7s": ("intact", "the signature is right; the evidence record in it is what fails"),
    "C-E-ERS-detached_renewed_hashtree_invalid.p7s": ("intact", "the data that is not intact is the evidence record's"),
    "Signature-C-LTA-d233a2d9-a257-40dc-bcdb-bf4516b6d1da.p7m": ("intact", "the evidence record in it is of another level"),
    "Signature-C-LT-d233a2d9-a257-40dc-bcdb-bf4516b6d1da.p7m": ("intact", "the data that is not intact is the evidence record's"),
    "pades-t-duplicated-doctst.pdf": ("intact", "what is invalid is the second document time-stamp, which is found broken"),
    "cades-ats-v3-wrong-crl.p7s": ("unknown", "its content, a picture, is not in the folder"),
    "Test.bin.sig": ("unknown", "its content is not in the folder"),
    "C-E-ERS-detached-ber.p7s": ("unknown", "its content, a picture, is not in the folder"),
    "CAdES-BpB-att-SHA256-SHA3_256withRSA.p7m": ("unknown", "digest and signature algorithm contradict each other: not judged"),
    "Signature-P-HU_NET-2.pdf": ("unknown", "a signature algorithm stands where a digest algorithm must be"),
    "pades-unsupported-signature-algorithm.pdf": ("unknown", "the identifier of a curve stands for the signature algorithm"),
    "sample.xml": ("none", "the name in the table was cut: this is the unsigned source document"),
    "xades-with-no-name-reference.xml": ("broken", "the URI was taken out of the SignedInfo, so that its value is wrong too"),
    "xades-with-dtd-injection.xml": ("unknown", "it has a DOCTYPE with an external entity: refused, not looked at"),
    "xades-no-keyinfo-sign-cert.xml": ("unknown", "the signer's certificate is not in the file"),
    "xades-two-sig-copied-tst.xml": ("intact", "what is invalid is the time-stamp that was copied, which is found broken"),
    "xades-900-references.xml": ("unknown", "its nine hundred files are made by the test and not in the folder"),
    "simple-test.signed-only-detached-LuxTrustCA3.xml": ("unknown", "its content is not in the folder"),
    "detached_cts.xml": (
        "unknown",
        "its content is not in the folder; that the test gives it another file is not told by the table",
    ),
    "xades-with-enveloped-manifest.xml": ("unknown", "one of the files of its manifest, a picture, is not in the folder"),
    "xades-with-manifest-with-duplicated-reference.xml": (
        "unknown",
        "an id is there twice, and a manifest refers to it: refused",
    ),
    "xades-detached.xml < -": ("unknown", "its content is not given: it cannot be said to be altered"),
    "xades-detached.xml < sample.png": (
        "unknown",
        "the one file that is given has another name, and is not in the folder",
    ),
    "xades-detached.xml < sample.png;sample.xml": ("intact", "the file that it names is given, and its digest is right"),
    "Signature-X-LTA-5b5edd31-344d-4d66-8e95-79f9acaab566.xml": (
        "intact",
        "the data that is not intact is the evidence record's",
    ),
    "Signature-X-LT-5b5edd31-344d-4d66-8e95-79f9acaab566.xml": ("intact", "the data that is not intact is the evidence record's"),
    "X-E-ERS-DETACHED-LT-sig-invalid-digest.xml": ("intact", "the data that is not intact is the evidence record's"),
    "X-E-ERS-DETACHED-LT-data-not-covered-chain-renewal.xml": ("intact", "the data that is not intact is the evidence record's"),
    "X-E-ERS-DETACHED-LT-orphan-ref.xml": ("intact", "the data that is not intact is the evidence record's"),
    "emptyCertStore.asice": ("unknown", "there is no certificate in the signature to hold its value against"),
    "tstNoMimeType.asice": ("none", "a time-stamp alone, no signature, as the label says"),
    "dss1421-broken.asice": ("intact", "what is invalid is the archive time-stamp, which is found broken"),
    "container-with-custom-manifest-namespace.asice": ("intact", "what is invalid is the signature's time-stamp, found broken"),
    "test.zip": ("none", "this is an unsigned file that the test signs"),
    "xades-lta-with-er-no-hashtree.scs": ("intact", "byte for byte the parts of the .sce that the label calls valid"),
    "er-one-file.asics": ("intact", "the record covers the object, and another one that is not in the container"),
    "cades-lt-with-er-chain-renewed-missed-ref.sce": ("broken", "the renewal lacks a file that the manifest names: not covered"),
}
"""File (where it matters with what is given beside it) → (what it is, why the label does not say so)."""


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
            return [("inline", lambda: io.BytesIO(covered.split('"')[1].encode()))] if '"' in covered else []
        paths = [CORPORA / "dss" / Path(file).parts[1] / each for each in covered.split(";") if each != "-"]
        return [(path.name, partial(path.open, "rb")) for path in paths if path.is_file()]

    return read_signatures(Source(CORPORA / file, Path(file).name, beside))  # type: ignore[arg-type]


def outcome(found: SignedFile | None, file: str) -> str:
    """The worst of a file's signatures; of a container's evidence records, too: there the labels are about both."""
    looked_at = {Role.SIGNATURE, Role.COUNTERSIGNATURE} | ({Role.EVIDENCE} if "/dss-asic-" in file else set())
    signatures = [each for each in found.objects if each.role in looked_at] if found else []
    if not signatures:
        return "none"
    for worst in (Integrity.BROKEN, Integrity.UNKNOWN):
        if any(each.integrity is worst for each in signatures):
            return worst.value
    return "intact"


def by_hand(file: str, covered: str) -> str | None:
    name = Path(file).name
    return next((BY_HAND[key][0] for key in (f"{name} < {covered}", name) if key in BY_HAND), None)


def expected(file: str, covered: str, label: str) -> str:
    looked_at = by_hand(file, covered)
    if looked_at is not None:
        return looked_at
    if "SIGNED_DATA_NOT_FOUND" in label or "NO_SIGNING_CERTIFICATE" in label:
        return "unknown"
    if "INVALID" in label or "FAILURE" in label or "except isDataIntact" in label:
        return "broken"
    return "intact"


@pytest.mark.skipif(not INDEX.is_file(), reason="the signature vectors are not in ../shared/corpora")
@pytest.mark.parametrize(("file", "covered", "label"), list(rows()))
def test_the_verdict_on_integrity(file: str, covered: str, label: str) -> None:
    assert outcome(read(file, covered), file) == expected(file, covered, label), f"{file}: {label}"


@pytest.mark.skipif(not INDEX.is_file(), reason="the signature vectors are not in ../shared/corpora")
def test_nothing_that_is_broken_is_called_intact() -> None:
    false = [
        file
        for file, covered, label in rows()
        if ("INVALID" in label or "FAILURE" in label)
        and outcome(read(file, covered), file) == "intact"
        and by_hand(file, covered) is None
    ]
    assert false == []


@pytest.mark.skipif(not INDEX.is_file(), reason="the signature vectors are not in ../shared/corpora")
def test_the_broken_stamp_among_good_ones_is_found() -> None:
    found = read("dss/dss-pades/validation/pades-t-duplicated-doctst.pdf", "-")
    assert found is not None
    assert [each.token.failure for each in found.stamps] == [None, SubIndication.HASH_FAILURE]


SEALED = {
    "X-E-ERS-basic-asn1.xml": ["intact"],
    "X-E-ERS-two-parallel-ers.xml": ["intact", "intact"],
    "X-E-ERS-DETACHED-LT-sig-invalid-digest.xml": ["broken"],
    "X-E-ERS-DETACHED-LT-orphan-ref.xml": ["intact"],
    "X-E-ERS-DETACHED-LT-data-not-covered-chain-renewal.xml": ["intact"],
}
"""Files with evidence records inside a XAdES signature → what each record is. In the last two the signature's own hash is where it must be,
in both hash algorithms; what the labels miss are other objects, of which the list holds a hash more or less."""


@pytest.mark.skipif(not INDEX.is_file(), reason="the signature vectors are not in ../shared/corpora")
@pytest.mark.parametrize("name", SEALED)
def test_evidence_records_inside_xades(name: str) -> None:
    covered = "sample.xml" if "DETACHED" in name else "-"
    found = read(f"dss/dss-xades/validation/evidence-record/{name}", covered)
    assert found is not None
    assert [each.object.integrity.value for each in found.records] == SEALED[name]


def test_every_row_that_was_looked_at_by_hand_stands_in_the_docs() -> None:
    page = (Path(__file__).parents[2] / "docs" / "signature-vectors.md").read_text(encoding="utf-8")
    assert [key for key, (found, why) in BY_HAND.items() if f"`{key}`" not in page or f"| {found} | {why} |" not in page] == []


LIBREOFFICE = CORPORA / "dss" / "dss-asic-xades" / "validation" / "sig-6_2.odt"


@pytest.mark.skipif(not LIBREOFFICE.is_file(), reason="the document signed by LibreOffice is not in ../shared/corpora")
def test_a_document_that_libreoffice_signed_and_the_same_with_one_part_changed(tmp_path: Path) -> None:
    found = read_signatures(Source(LIBREOFFICE, LIBREOFFICE.name))
    assert found is not None
    assert [(each.kind, each.integrity, each.failure, each.coverage.scope) for each in found.objects] == [
        (Kind.ODF, Integrity.INTACT, None, "file")
    ]
    for name in ("content.xml", "styles.xml", "Thumbnails/thumbnail.png", "META-INF/manifest.xml"):
        changed = tmp_path / "changed.odt"
        with zipfile.ZipFile(LIBREOFFICE) as old, zipfile.ZipFile(changed, "w", zipfile.ZIP_DEFLATED) as new:
            for each in old.namelist():
                data = old.read(each)
                new.writestr(each, data.replace(b"</", b" </", 1) + b" " if each == name else data)
        other = read_signatures(Source(changed, changed.name))
        assert other is not None
        assert [each.integrity for each in other.objects] == [Integrity.BROKEN], name


def self_contained() -> dict[str, str]:
    """File → what it is found to be, of the XAdES files that are labelled valid without exception, and need nothing beside them."""
    found = {}
    for file, covered, label in rows():
        if "/dss-xades/" in file and covered in ("-", "") and label.startswith("technically valid") and " except " not in label:
            found[file] = outcome(read(file, covered), file)
    return found


@pytest.mark.skipif(not INDEX.is_file(), reason="the signature vectors are not in ../shared/corpora")
def test_of_the_self_contained_valid_files_every_signed_one_verifies_but_the_one_that_is_refused() -> None:
    """The figure stands in docs/signature-vectors.md; python-xmlsec alone verified 82 of 95, of a larger set that is not in the folder."""
    found = self_contained()
    left = {Path(file).name: what for file, what in found.items() if what != "intact"}
    assert left == {"sample.xml": "none", "xades-with-dtd-injection.xml": "unknown"}
    page = (Path(__file__).parents[2] / "docs" / "signature-vectors.md").read_text(encoding="utf-8")
    assert f"**{len(found) - len(left)} of {len(found)}**" in page
    assert all(f"`{name}`" in page for name in left)
