"""A reference in a container may write the name of a member in several ways: what is found by it is what is covered."""

from __future__ import annotations

from pathlib import Path
from unicodedata import normalize

import pytest

from signatures.report import Integrity
from signatures.xades.packaged import member_named
from tests.packed import zipped as package
from tests.signatures.asic_builder import FILES, parts, zipped
from tests.signatures.office_signing import ODT, sign_odt
from tests.signatures.pki import Pki
from tests.signatures.test_inside import read
from tests.signatures.xml_signing import detached

FORMS = ("{}", "./{}", "/{}", "/./{}", "x/../{}", "./x/./y/../../{}", "%2E/{}")


@pytest.mark.parametrize("form", FORMS)
def test_a_member_by_any_of_its_names_is_covered(tmp_path: Path, pki: Pki, form: str) -> None:
    signed = detached(pki, {form.format(name.replace(" ", "%20")): data for name, data in FILES.items()}, level="T")
    file = read(tmp_path, zipped({**FILES, "META-INF/signatures001.xml": signed}), "x.asice")
    assert file is not None
    (one,) = file.objects
    assert (one.integrity, one.failure, one.notes) == (Integrity.INTACT, None, ())
    assert (one.coverage.scope, set(one.coverage.files), one.coverage.left) == ("file", set(FILES), ())


@pytest.mark.parametrize(
    ("written", "named"),
    [
        ("a/b.txt", "a/b.txt"),
        ("../a.txt", "../a.txt"),
        ("a/../../b", "a/../../b"),
        ("a//b", "a//b"),
        ("a/./b/../c", "a/c"),
        ("...", "..."),
        ("/a", "a"),
        ("http://x/./a", "http://x/./a"),
    ],
)
def test_dots_are_resolved_from_the_root_and_never_above_it(written: str, named: str) -> None:
    assert member_named(written) == named


def test_an_open_document_likewise(tmp_path: Path, pki: Pki) -> None:
    made = sign_odt(pki, {f"./{name}" if name == "content.xml" else name: data for name, data in ODT.items()})
    parts = {name.removeprefix("./"): data for name, data in made.items()}
    file = read(tmp_path, package(parts), "x.odt")
    assert file is not None
    assert (file.objects[0].integrity, file.objects[0].failure) == (Integrity.INTACT, None)


@pytest.mark.parametrize(("written", "there"), [("NFC", "NFD"), ("NFD", "NFC")])
def test_a_name_that_only_looks_the_same_is_told(tmp_path: Path, pki: Pki, written: str, there: str) -> None:
    made = parts(pki, files={normalize(written, "công văn số 1.txt"): b"cong van"})
    members = {normalize(there, name): data for name, data in made.items()}
    file = read(tmp_path, zipped(members), "x.asice")
    assert file is not None
    assert file.objects[0].integrity is Integrity.UNKNOWN
    why = file.objects[0].why
    assert why is not None
    assert why.code == "SIG-MEMBER-OTHER-FORM"
    del members[normalize(there, "công văn số 1.txt")]
    without = read(tmp_path, zipped({**members, "other.txt": b"x"}), "x.asice")
    assert without is not None
    why = without.objects[0].why
    assert why is not None
    assert why.code == "SIG-MEMBER-MISSING"
