"""Opening below a folder: no link is followed, wherever it stands; in one call of the system where there is one, else step by step."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage import beneath
from storage.beneath import folder_beneath, open_beneath
from storage.errors import Refused


@pytest.fixture(params=["at once", "step by step"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "step by step":
        monkeypatch.setattr(beneath, "_OPENAT2", 0)
    return str(request.param)


@pytest.fixture
def top(tmp_path: Path) -> Path:
    (tmp_path / "top/a/b").mkdir(parents=True)
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/file").write_bytes(b"outside")
    (tmp_path / "top/a/b/tệp.txt").write_bytes(b"inside")
    (tmp_path / "top/a/link").symlink_to("b")
    (tmp_path / "top/out").symlink_to("../outside")
    (tmp_path / "top/a/b/last").symlink_to("tệp.txt")
    (tmp_path / "top/absolute").symlink_to(tmp_path / "outside")
    return tmp_path / "top"


def test_a_file_is_opened_from_a_path_and_from_an_open_folder(way: str, top: Path) -> None:
    folder = os.open(top, os.O_RDONLY)
    try:
        for start in (os.fspath(top), folder):
            descriptor = open_beneath(start, "a/b/tệp.txt")
            assert os.read(descriptor, 100) == b"inside"
            assert not os.get_inheritable(descriptor)
            os.close(descriptor)
            with folder_beneath(start, "a/b") as inner:
                assert sorted(os.listdir(inner)) == ["last", "tệp.txt"]
    finally:
        os.close(folder)


@pytest.mark.parametrize("path", ["a/link/tệp.txt", "out/file", "absolute/file", "a/b/last"])
def test_no_link_is_followed(way: str, top: Path, path: str) -> None:
    with pytest.raises(OSError, match=r"symbolic links|Not a directory") as failed:
        open_beneath(os.fspath(top), path)
    assert not isinstance(failed.value, FileNotFoundError)


@pytest.mark.parametrize("path", ["a/link", "out", "absolute"])
def test_no_link_is_taken_for_a_folder(way: str, top: Path, path: str) -> None:
    with pytest.raises(NotADirectoryError), folder_beneath(os.fspath(top), path):
        pass


@pytest.mark.parametrize("path", ["a/b/none", "none/at/all", "a/b/tệp.txt/more"])
def test_why_something_cannot_be_opened_is_told_alike(top: Path, path: str, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    for number in (beneath._OPENAT2, 0):
        monkeypatch.setattr(beneath, "_OPENAT2", number)
        with pytest.raises(OSError, match=r"No such file|Not a directory") as failed:
            open_beneath(os.fspath(top), path)
        told.append((type(failed.value), failed.value.errno))
    assert told[0] == told[1]


@pytest.mark.parametrize("path", ["../outside/file", "a/../../outside/file", "/etc/passwd", "a//b", "a/./b", "a\0b", ""])
def test_an_unsafe_path_is_refused(way: str, top: Path, path: str) -> None:
    with pytest.raises(Refused):
        open_beneath(os.fspath(top), path)


def test_no_descriptor_is_left_open(way: str, top: Path) -> None:
    before = len(os.listdir("/proc/self/fd"))
    for path in ("a/b/tệp.txt", "a/link/tệp.txt", "a/b/none"):
        try:
            os.close(open_beneath(os.fspath(top), path))
        except OSError:
            continue
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_name_that_is_no_utf8_is_opened(way: str, top: Path) -> None:
    name = os.fsdecode(b"a/b/\xff.bin")
    (top / name).write_bytes(b"bytes")
    descriptor = open_beneath(os.fspath(top), name)
    assert os.read(descriptor, 10) == b"bytes"
    os.close(descriptor)
