"""What a library raises over a file, and nobody foresaw, is told of that file; what says something of the machine comes through."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import pytest

from fixity import CouldNotRead
from signatures import cades, detect, inside_marks, inside_parts
from signatures.report import Integrity
from tests.packed import zipped
from tests.signatures.test_inside import found, read
from tests.signatures.test_inside_archives import damaged, signed

FAULTS = [
    RecursionError(),
    ValueError("x"),
    UnicodeError("x"),
    OverflowError("x"),
    AttributeError("x"),
    KeyError("x"),
    SyntaxError("x"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=repr)
def test_a_reader_that_fails_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception) -> None:
    def fails(*_: object) -> object:
        raise fault

    data = zipped({"a.p7m": signed(), "b.txt": b"x" * 100})
    with monkeypatch.context() as patched:
        patched.setattr(cades, "open_cms", fails)
        assert [each for _, each in found(tmp_path, data)] == [Integrity.UNKNOWN]
        file = read(tmp_path, signed(), "a.p7m")
        assert file is not None
        assert [each.why.code for each in file.objects if each.why] == ["SIG-NOT-UNDERSTOOD"]
    with monkeypatch.context() as patched:
        patched.setattr(inside_parts, "_listed", fails)
        assert [each for _, each in found(tmp_path, data)] == [Integrity.UNKNOWN]
    with monkeypatch.context() as patched:
        patched.setattr(detect, "_judged", fails)
        assert detect.detect(io.BytesIO(b"x")) is not None
        assert Integrity.UNKNOWN in [each for _, each in found(tmp_path, signed())]
    with monkeypatch.context() as patched:
        patched.setattr(inside_marks, "_holders", fails)
        assert inside_marks.may_hold(io.BytesIO(b"x"))


@pytest.mark.parametrize("fault", [OSError(5, "x"), CouldNotRead("x", "y")], ids=repr)
def test_what_the_machine_cannot_do_is_no_word_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: Exception
) -> None:
    def fails(*_: object) -> object:
        raise fault

    monkeypatch.setattr(cades, "open_cms", fails)
    for data in (signed(), zipped({"a.p7m": damaged()})):
        with pytest.raises(type(fault)):
            found(tmp_path, data)


def letters(text: bytes) -> bytes:
    return base64.urlsafe_b64encode(text).rstrip(b"=")


@pytest.mark.parametrize(
    "header",
    [
        b'{"alg":' + b"[" * 1400 + b"]" * 600,
        b'{"alg":' + b"[" * 1400 + b"]" * 1400 + b"}",
        b'{"alg":"RS256","n":' + b"9" * 5000 + b"}",
        b'{"x5c":["' + b"A" * 60_000 + b'"],"alg":"ES256"}',
    ],
    ids=["deep and cut", "deep", "digits", "long"],
)
def test_a_jws_is_told_whatever_its_header_is_like(tmp_path: Path, header: bytes) -> None:
    assert [each for _, each in found(tmp_path, letters(header) + b".eyJ9.AAAA", "x.jws")] == [Integrity.UNKNOWN]
