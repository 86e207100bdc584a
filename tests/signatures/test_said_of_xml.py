"""What reports say of XML signatures: what was covered by its name, and why nothing is known."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest
from lxml import etree

from signatures.report import Integrity, SubIndication
from tests.signatures.asic_builder import FILES, zipped
from tests.signatures.pki import Pki
from tests.signatures.test_inside import read
from tests.signatures.work_account import read as read_beside
from tests.signatures.xml_signing import LETTER, Ref, Signing, enveloped

RIPEMD = "http://www.w3.org/2001/04/xmlenc#ripemd160"


@dataclass
class Other(Ref):
    """A reference with a digest that nobody here reckons."""

    def xml(self, digest: str) -> str:
        text = super().xml(digest)
        start = text.index('Algorithm="', text.index("DigestMethod")) + len('Algorithm="')
        return text[:start] + RIPEMD + text[text.index('"', start) :]


def within(pki: Pki, *refs: Ref, xades: bool = True) -> bytes:
    root = etree.fromstring(LETTER.encode())
    root.append(Signing(pki, references=[*refs], xades=xades).signature())
    return bytes(etree.tostring(root))


def test_files_that_were_checked_are_named_as_what_is_covered(tmp_path: Path, pki: Pki) -> None:
    data = within(pki, Ref("c.txt", b"cong van"))
    (one,) = read_beside(tmp_path, data, "x.xml", {"c.txt": b"cong van"}).objects
    assert one.integrity is Integrity.INTACT
    assert [note.args["covered"] for note in one.notes if note.code == "SIG-PART-ONLY"] == ["c.txt"]


def test_a_part_of_a_container_that_signs_itself_is_named(tmp_path: Path, pki: Pki) -> None:
    signed = enveloped(pki, "<signatures xmlns='urn:oasis:names:tc:opendocument:xmlns:container'/>")
    file = read(tmp_path, zipped({**FILES, "META-INF/signatures.xml": signed}), "x.epub")
    assert file is not None
    assert [note.args["covered"] for note in file.objects[0].notes if note.code == "SIG-PART-ONLY"] == ["/signatures"]


@pytest.mark.parametrize(
    "beside", [(), (Ref("", b"x", "<ds:Transform Algorithm='urn:x'/>"),)], ids=["alone", "beside what is refused"]
)
def test_a_digest_that_is_not_understood_is_an_algorithm_that_is_not(tmp_path: Path, pki: Pki, beside: tuple[Ref, ...]) -> None:
    (one,) = read_beside(tmp_path, within(pki, *beside, Other("c.txt", b"x")), "x.xml", {"c.txt": b"x"}).objects
    assert (one.integrity, one.failure) == (Integrity.UNKNOWN, SubIndication.CRYPTO_CONSTRAINTS_FAILURE)
    assert one.why is not None
    assert one.why.code == "SIG-ALGORITHM-UNKNOWN"
    assert RIPEMD in one.why.text("en")


@pytest.mark.parametrize(("xades", "level"), [(True, ""), (False, "XML-DSig")])
def test_what_could_not_be_taken_apart_is_not_called_more_than_it_is(
    tmp_path: Path, pki: Pki, *, xades: bool, level: str
) -> None:
    data = within(pki, Ref("c.txt", b"x"), xades=xades)
    at = data.index(b'Algorithm="', data.index(b"SignatureMethod")) + len(b'Algorithm="')
    data = data[:at] + b"urn:x" + data[data.index(b'"', at) :]
    (one,) = read_beside(tmp_path, data, "x.xml").objects
    assert one.failure is SubIndication.CRYPTO_CONSTRAINTS_FAILURE
    assert one.level == level
