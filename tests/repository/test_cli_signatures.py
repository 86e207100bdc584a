"""What `kho signatures validate` says of a signature that is not judged: in words, in the reader's language, to people and to programs."""

from __future__ import annotations

from pathlib import Path

import pytest
from kho_inside import kho
from lxml import etree

from tests.signatures.pki import Pki, day
from tests.signatures.test_xml_attacks import by_id, transform

XSLT = transform("http://www.w3.org/TR/1999/REC-xslt-19991116")


@pytest.mark.parametrize(("speech", "words"), [("en", "closed list"), ("vi", "danh mục")])
def test_reasons_are_words_and_the_last_line_says_what_to_do(tmp_path: Path, speech: str, words: str) -> None:
    file = tmp_path / "x.xml"
    file.write_bytes(etree.tostring(by_id(Pki("ec"), XSLT)))
    done = kho("signatures", "validate", file, "--json", language=speech)
    assert done.code == 3, done.err
    (signature,) = done.json["files"][0]["signatures"]
    assert signature["why"]["code"] == "SIG-XML-REFUSED"
    assert words in signature["why"]["args"]["reason"]
    assert "⟦" not in done.out
    shown = kho("signatures", "validate", file, language=speech)
    assert words in shown.out
    assert "⟦" not in shown.out + shown.err
    assert {"en": "another program may judge", "vi": "phần mềm khác"}[speech] in shown.err, shown.last


@pytest.mark.parametrize(("speech", "heading"), [("en", "Findings"), ("vi", "Phát hiện")])
def test_what_waits_is_shown_as_a_table(tmp_path: Path, speech: str, heading: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.p7m").write_bytes(Pki("ec").sign_cms(b"cong van", day(2026, 3), detached=False))
    home = tmp_path / "home"
    for arguments in (("init", home), ("deposit", tmp_path / "in")):
        assert kho(*arguments, language=speech, home=home).code == 0
    shown = kho("signatures", "status", language=speech, home=home)
    assert (shown.code, heading in shown.out, "SIG-NO-ANCHORS 1" in shown.out) == (3, True, True)


@pytest.mark.parametrize(("speech", "words"), [("en", "is not a folder"), ("vi", "không phải là thư mục")])
def test_a_file_of_anchors_is_told_that_a_folder_is_wanted(tmp_path: Path, speech: str, words: str) -> None:
    (file := tmp_path / "root.pem").write_bytes(b"")
    done = kho("signatures", "validate", file, "--anchors", file, language=speech)
    assert (done.code, words in done.err) == (1, True)
