"""Evidence records inside signed files of other people: whether each holds, by the file's own name in the table.

The labels tell of signatures first, so what is stated here for a record was looked at by hand; where a label seems to say something
else, the reason stands beside.
"""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from signatures.report import Integrity
from tests.conformance.test_signature_vectors import INDEX, read

INTACT, BROKEN, UNKNOWN = Integrity.INTACT, Integrity.BROKEN, Integrity.UNKNOWN

EXPECTED = {
    "PAdES_with_er.pdf": (
        [INTACT, INTACT],
        "its list holds the hash of the CMS as it was; what the label misses is the object of another hash in it. The second is that of a "
        "signed PDF attached to it",
    ),
    "C-E-ERS-basic.p7m": ([INTACT], "the same: RFC 4998 proves each object of a list alone"),
    "C-E-ERS.p7m": ([INTACT], ""),
    "C-E-ERS-detached-ber.p7s": ([UNKNOWN], "its content, a picture, is not in the folder"),
    "C-E-ERS-detached-invalid.p7s": ([BROKEN], ""),
    "C-E-ERS-detached_renewed_hashtree_invalid.p7s": ([BROKEN], ""),
    "Signature-C-LT-d233a2d9-a257-40dc-bcdb-bf4516b6d1da.p7m": ([], "its record is a file of its own, not in the table"),
    "Signature-C-LTA-d233a2d9-a257-40dc-bcdb-bf4516b6d1da.p7m": ([], "the same"),
    "Signature-P-LT-ef971596-8f2e-407d-a413-aae9cb9b8e4a.pdf": ([], "the same"),
}


KINDS = ("CAdES+ER", "PAdES+ER")


def rows() -> list[tuple[str, str]]:
    if not INDEX.is_file():
        return []
    with INDEX.open(encoding="utf-8") as table:
        found = [(row["file"], row["covered_data"]) for row in csv.DictReader(table, delimiter="\t") if row["kind"] in KINDS]
    return sorted(set(found))


@pytest.mark.skipif(not INDEX.is_file(), reason="the signature vectors are not in ../shared/corpora")
@pytest.mark.parametrize(("file", "covered"), rows())
def test_each_record_in_a_cms_is_found_and_held_against_what_it_covers(file: str, covered: str) -> None:
    found = read(file, covered)
    assert found is not None
    assert [each.object.integrity for each in found.records] == EXPECTED[Path(file).name][0]
    for each in found.records:
        assert (each.object.why is None) == (each.object.integrity is INTACT)
