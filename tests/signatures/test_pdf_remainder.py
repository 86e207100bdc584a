"""Bytes behind a signed revision that no later one accounts for: the comparison of revisions sees none of them."""

from __future__ import annotations

import io
import re
from pathlib import Path

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import copy_into_new_writer

from signatures.reading import read_signatures
from signatures.report import Role, SubIndication
from signatures.signed import SignedObject, Source
from tests.signatures.pki import Pki, day, make_pdf

OBJECT = b"\n1 0 obj\n<</Type/Catalog/Pages 777 0 R>>\nendobj\n"


@pytest.fixture(scope="module")
def signed(pki: Pki) -> dict[str, bytes]:
    return {level: pki.sign_pdf(make_pdf(), day(2026, 3), level=level) for level in ("T", "LTA")}


def signature(folder: Path, data: bytes) -> SignedObject:
    path = folder / "x.pdf"
    path.write_bytes(data)
    file = read_signatures(Source(path, "x.pdf"))
    assert file is not None
    return next(each for each in file.objects if each.role is Role.SIGNATURE)


def end_of(data: bytes) -> bytes:
    return data[data.rindex(b"startxref") :]


def as_streams(pdf: bytes) -> bytes:
    """The document with cross-references and objects in streams, as most producers write it."""
    out = io.BytesIO()
    copy_into_new_writer(PdfFileReader(io.BytesIO(pdf)), writer_kwargs={"stream_xrefs": True}).write(out)
    return out.getvalue()


@pytest.mark.parametrize("level", ["T", "LTA"])
@pytest.mark.parametrize(
    "strange",
    [
        pytest.param(OBJECT, id="an object under a number that is taken"),
        pytest.param(b"\n99 0 obj\n<</a 1>>\nendobj\n", id="an object of a new number"),
        pytest.param(OBJECT + b"%" + b"A" * 200_000 + b"\n", id="and a long comment"),
        pytest.param(b"\n%" + b"A" * 200_000 + b"\n", id="a long comment"),
        pytest.param(make_pdf("Khác hẳn"), id="another document"),
        pytest.param(b"\nxref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 1>>\n", id="a section outside the chain"),
        pytest.param(b"\nPK\x03\x04\n", id="a few bytes"),
    ],
)
def test_bytes_of_no_revision_are_not_passed_over(tmp_path: Path, signed: dict[str, bytes], level: str, strange: bytes) -> None:
    found = signature(tmp_path, signed[level] + strange + b"\n" + end_of(signed[level]))
    assert found.coverage.changes == "unknown"
    assert found.failure is SubIndication.SIG_CONSTRAINTS_FAILURE
    assert found.why is not None
    assert found.why.code == "SIG-CHANGES-UNKNOWN"


def test_bytes_between_two_revisions_are_seen(tmp_path: Path, pki: Pki, signed: dict[str, bytes]) -> None:
    """A later time-stamp covers them, and says nothing of what they are."""
    filled = pki.restamp(signed["LTA"] + OBJECT + end_of(signed["LTA"]), "tsa", day(2026, 4))
    assert signature(tmp_path, filled).coverage.changes == "unknown"


def test_a_signed_section_says_nothing_of_what_was_not_signed(tmp_path: Path, pki: Pki) -> None:
    """An object may be promised behind the end, and be made when the signature is there."""
    plain = make_pdf()
    writer = IncrementalPdfFileWriter(io.BytesIO(plain))
    writer.root["/Extra"] = writer.add_object(generic.NameObject("/Later"))
    writer.update_root()
    out = io.BytesIO()
    writer.write(out)
    data, far = out.getvalue(), 60_000
    place = re.search(rb"\d+ 0 obj\s+/Later\s+endobj\n", data)
    assert place is not None
    here = b"%010d 00000 n" % place.start()
    assert here in data[place.end() :]
    signed = pki.sign_pdf(data.replace(here, b"%010d 00000 n" % far), day(2026, 3), level="T")
    made = signed + b"\n" * (far - len(signed)) + place[0] + end_of(signed)
    assert PdfFileReader(io.BytesIO(made)).root["/Extra"] == "/Later"
    assert signature(tmp_path, made).coverage.changes == "unknown"


@pytest.mark.parametrize("behind", [b"\n", b"\r\n\r\n", b" \0\0\0", b"\n" * 900, b"\n% made by hand\n"])
def test_white_space_and_comments_are_nothing(tmp_path: Path, signed: dict[str, bytes], behind: bytes) -> None:
    assert signature(tmp_path, signed["T"] + behind).coverage.changes == "none"
    assert signature(tmp_path, signed["LTA"] + behind).coverage.changes == "allowed"


@pytest.mark.parametrize("streams", [False, True])
def test_revisions_as_they_are_written_are_accounted_for(tmp_path: Path, pki: Pki, streams: bool) -> None:
    data = as_streams(make_pdf()) if streams else make_pdf()
    for number in range(3):
        data = pki.sign_pdf(data, day(2026, 3), level="LTA", field_name=f"Sig{number}")
    data = pki.restamp(data, "tsa", day(2026, 4))
    assert signature(tmp_path, data).coverage.changes == "allowed"
