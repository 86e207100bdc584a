"""Files in base64: in XML as texts, attributes and addresses, and alone; what is no right base64 hides nothing."""

from __future__ import annotations

import base64
import gzip
import io
from pathlib import Path

import pytest

from signatures.inside_marks import holders, may_hold
from signatures.report import Integrity
from tests.signatures.pki import make_pdf
from tests.signatures.test_inside import found, pki, read
from tests.signatures.test_inside_archives import damaged, signed
from tests.signatures.xml_signing import enveloped, enveloping

GOOD, BAD, UNSURE = Integrity.INTACT, Integrity.BROKEN, Integrity.UNKNOWN


def letters(data: bytes) -> str:
    return base64.b64encode(data).decode()


def verdicts(folder: Path, data: str | bytes, name: str = "x") -> list[Integrity]:
    return [integrity for _, integrity in found(folder, data.encode() if isinstance(data, str) else data, name)]


FORMS = {
    "a character too many": "<d><f>{}!{}</f></d>",
    "a reference": "<d><f>{}&#x2a;{}</f></d>",
    "one without width in front": "<d><f>\u200b{}{}</f></d>",
    "one without width in front, as a reference": "<d><f>&#8203;{}{}</f></d>",
    "an address": "<d><f>data:application/octet-stream;base64,{}{}</f></d>",
    "an attribute": "<d><f a='{}{}'/></d>",
    "an address in an attribute": '<d><f a="data:;base64,{}{}"><g/></f></d>',
    "beside an element": "<d><f>{}{}<g/></f></d>",
    "around an element": "<d><f>{}<g/>{}</f></d>",
    "around a comment": "<d><f>{}<!-- -->{}</f></d>",
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("at", [9, 200])
def test_a_file_is_read_however_it_stands_in_xml(tmp_path: Path, form: str, at: int) -> None:
    if at == 9 and (form.startswith("around") or form == "a reference"):
        pytest.skip("what stands between the first letters is not looked through for marks")
    for der, integrity in ((signed(), GOOD), (damaged(), BAD)):
        text = letters(der)
        assert verdicts(tmp_path, FORMS[form].format(text[:at], text[at:])) == [integrity]


def test_the_letters_of_addresses_and_pads_that_are_not_there(tmp_path: Path) -> None:
    for der, integrity in ((signed(), GOOD), (damaged(), BAD)):
        url = base64.urlsafe_b64encode(der).decode()
        assert verdicts(tmp_path, f"<d>{url}</d>") == verdicts(tmp_path, f"<d>{url.rstrip('=')}</d>") == [integrity]
        assert verdicts(tmp_path, f"<d>{letters(der).rstrip('=')}</d>") == [integrity]


def test_what_is_no_base64_and_begins_like_a_signed_file_is_told(tmp_path: Path) -> None:
    text = letters(make_pdf())
    broken = f"<d><f>{text[:100]}*{text[101:]}</f></d>"
    assert verdicts(tmp_path, broken) == [UNSURE]
    assert verdicts(tmp_path, f"<d><f>{text}</f></d>") == []
    outer = enveloped(pki(), broken)
    file = read(tmp_path, outer)
    assert file is not None
    assert [(each.integrity, [note.code for note in each.notes]) for each in file.objects] == [(GOOD, ["SIG-INSIDE-LEFT"])]


@pytest.mark.parametrize("data", [signed(), gzip.compress(damaged()), enveloping(pki())])
def test_packed_and_alone(tmp_path: Path, data: bytes) -> None:
    integrity = BAD if data.startswith(b"\x1f") else GOOD
    assert verdicts(tmp_path, f"<d><f>{letters(data)}</f></d>") == [integrity]
    assert verdicts(tmp_path, base64.encodebytes(data)) == [integrity]
    assert verdicts(tmp_path, b"\xef\xbb\xbf\r\n" + base64.encodebytes(data)) in ([integrity], [])


@pytest.mark.parametrize(
    "data",
    [
        b"<d>PARAGRAPHABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABC! and words</d>",
        b"<d>MICHAELABCDEFGHIJKLMNOPQRSTUVWXYZABCDEFGHIJKLMNOPQRSTUVWXYZABCDE! and words</d>",
        b'<d a="MI_and_a_name_that_is_long_and_is_none_of_a_file_but_a_name"/>',
    ],
)
def test_words_are_no_files(tmp_path: Path, data: bytes) -> None:
    assert found(tmp_path, data) == []


@pytest.mark.parametrize(
    "data",
    [
        b"<a>JVBERi0 is how PDF begin</a>",
        b"PARAGRAPHS AND MORE OF THEM " * 10,
        b"PA" + b"A" * 60 + b": a key\n",
        b'<a href="http://example.org/' + b"A" * 60 + b'"/>',
        b"<a>" + b"\xe2\x80\x8b" * 13 + b"</a>",
    ],
)
def test_what_holds_none(data: bytes) -> None:
    assert not may_hold(io.BytesIO(data))
    assert holders(io.BytesIO(data)) == []


# -- bytes in front of a CMS -----------------------------------------------------------------------------------------------------------


def test_only_what_begins_with_contentinfo_is_a_cms_that_may_be_broken(tmp_path: Path) -> None:
    whole = signed()
    assert verdicts(tmp_path, whole[:-9], "a.bin") == [BAD]
    for before in (b"\x78\x9f\x3e\x22\1\0", b"\1", b"....", b"\x30\x05\2\1\1\4\0"):
        assert verdicts(tmp_path, before + whole, "a.bin") in ([UNSURE], []), before
    assert verdicts(tmp_path, b"\x78\x9f\x3e\x22\1\0" + whole, "winmail.dat") == [UNSURE]
