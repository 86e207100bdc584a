"""A detached signature that names a file which is not there, beside another file."""

from __future__ import annotations

from pathlib import Path

from lxml import etree

from signatures.report import Integrity, SubIndication
from tests.signatures.judging import read
from tests.signatures.pki import Pki
from tests.signatures.xml_signing import Ref, Signing, detached


def test_a_file_of_another_name_and_another_digest_is_not_the_one_that_is_meant(tmp_path: Path, pki: Pki) -> None:
    data = detached(pki, {"report.pdf": b"the report"})
    (found,) = read(tmp_path, data, "other.pdf.xsig", {"other.pdf": b"something else"}).objects
    assert (found.integrity, found.failure) == (Integrity.UNKNOWN, SubIndication.SIGNED_DATA_NOT_FOUND)


def test_a_file_of_another_name_with_the_digest_is(tmp_path: Path, pki: Pki) -> None:
    data = detached(pki, {"report.pdf": b"the report"})
    (found,) = read(tmp_path, data, "other.pdf.xsig", {"other.pdf": b"the report"}).objects
    assert (found.integrity, found.failure) == (Integrity.INTACT, None)


def test_the_file_that_is_named_or_alone_without_a_name_is_altered(tmp_path: Path, pki: Pki) -> None:
    data = detached(pki, {"report.pdf": b"the report"})
    unnamed = etree.tostring(Signing(pki, references=[Ref(None, b"the report")]).signature())
    for signed in (data, unnamed):
        (found,) = read(tmp_path, signed, "report.pdf.xsig", {"report.pdf": b"something else"}).objects
        assert (found.integrity, found.failure) == (Integrity.BROKEN, SubIndication.HASH_FAILURE)
