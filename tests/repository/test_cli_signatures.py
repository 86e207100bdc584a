"""What `kho signatures validate` says of a signature that is not judged: in words, in the reader's language, to people and to programs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from lxml import etree

from tests.signatures.pki import Pki, day
from tests.signatures.test_xml_attacks import by_id, transform

ROOT = Path(__file__).resolve().parents[2]

XSLT = transform("http://www.w3.org/TR/1999/REC-xslt-19991116")


@pytest.mark.parametrize(("speech", "words"), [("en", "closed list"), ("vi", "danh mục")])
def test_reasons_are_words_and_the_last_line_says_what_to_do(tmp_path: Path, speech: str, words: str) -> None:
    file = tmp_path / "x.xml"
    file.write_bytes(etree.tostring(by_id(Pki("ec"), XSLT)))
    command = [sys.executable, "-m", "repository.cli", "signatures", "validate", str(file)]
    environment = {**os.environ, "KHO_LANG": speech, "KHO_HOME": ""}
    done = subprocess.run([*command, "--json"], capture_output=True, check=False, cwd=ROOT, env=environment)
    assert done.returncode == 3, done.stderr
    (signature,) = json.loads(done.stdout)["files"][0]["signatures"]
    assert signature["why"]["code"] == "SIG-XML-REFUSED"
    assert words in signature["why"]["args"]["reason"]
    assert "⟦" not in done.stdout.decode()
    shown = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, env=environment)
    assert words in shown.stdout.decode()
    assert "⟦" not in shown.stdout.decode() + shown.stderr.decode()
    last = shown.stderr.decode().strip().splitlines()[-1]
    assert {"en": "another program may judge", "vi": "phần mềm khác"}[speech] in shown.stderr.decode(), last


@pytest.mark.parametrize(("speech", "heading"), [("en", "Findings"), ("vi", "Phát hiện")])
def test_what_waits_is_shown_as_a_table(tmp_path: Path, speech: str, heading: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.p7m").write_bytes(Pki("ec").sign_cms(b"cong van", day(2026, 3), detached=False))
    environment = {**os.environ, "KHO_LANG": speech, "KHO_HOME": str(tmp_path / "home")}

    def kho(*arguments: str) -> subprocess.CompletedProcess[bytes]:
        command = [sys.executable, "-m", "repository.cli", *arguments]
        return subprocess.run(command, capture_output=True, check=False, cwd=ROOT, env=environment)

    for arguments in (("init", str(tmp_path / "home")), ("deposit", str(tmp_path / "in"))):
        assert kho(*arguments).returncode == 0
    shown = kho("signatures", "status")
    assert (shown.returncode, heading in shown.stdout.decode(), "SIG-NO-ANCHORS 1" in shown.stdout.decode()) == (3, True, True)


@pytest.mark.parametrize(("speech", "words"), [("en", "is not a folder"), ("vi", "không phải là thư mục")])
def test_a_file_of_anchors_is_told_that_a_folder_is_wanted(tmp_path: Path, speech: str, words: str) -> None:
    (file := tmp_path / "root.pem").write_bytes(b"")
    command = [sys.executable, "-m", "repository.cli", "signatures", "validate", str(file), "--anchors", str(file)]
    environment = {**os.environ, "KHO_LANG": speech, "KHO_HOME": ""}
    done = subprocess.run(command, capture_output=True, check=False, cwd=ROOT, env=environment)
    assert (done.returncode, words in done.stderr.decode()) == (1, True)
