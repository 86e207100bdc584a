"""What only a local backend and the retrying wrapper have to answer for."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from storage import durable
from storage.backend import Stat
from storage.errors import AlreadyExists, NotFound, Refused, StorageError, Unavailable
from storage.local import LocalBackend
from storage.memory import MemoryBackend
from storage.retrying import Retrying


def test_links_are_never_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").write_bytes(b"secret")
    root = tmp_path / "root"
    root.mkdir()
    backend = LocalBackend(root)
    (root / "folder").symlink_to(outside)
    (root / "file").symlink_to(outside / "secret")
    for key in ("folder/secret", "file"):
        with pytest.raises(StorageError):
            backend.open(key)
    with pytest.raises(StorageError):
        backend.put("folder/new", io.BytesIO(b"x"))
    with pytest.raises(AlreadyExists):
        backend.put("file", io.BytesIO(b"x"))
    assert {(found.key, found.kind) for found in backend.list("")} == {("folder", "other"), ("file", "other")}
    assert backend.stat("file").kind == "other"
    assert sorted(os.listdir(outside)) == ["secret"]
    backend.delete("folder")
    assert (outside / "secret").read_bytes() == b"secret"


def test_a_fifo_does_not_stop_the_reader(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    with pytest.raises(NotFound):
        LocalBackend(tmp_path).open("fifo")


def test_the_root_has_to_be_there(tmp_path: Path) -> None:
    with pytest.raises(Unavailable):
        LocalBackend(tmp_path / "none")


def test_the_staging_folder_is_no_key(tmp_path: Path) -> None:
    backend = LocalBackend(tmp_path)
    backend.put("a", io.BytesIO(b"x"))
    backend.replace("a", b"y", expected=__import__("hashlib").sha512(b"x").digest())
    assert list(backend.list("")) == [Stat("a", 1)]
    with pytest.raises(Refused):
        backend.put(".kho-staging/x", io.BytesIO(b"x"))
    with pytest.raises(Refused):
        backend.open(".kho-staging/lock")


def test_put_syncs_the_file_before_its_name_and_the_folders_after(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []
    for name in ("create", "write", "fsync", "mkdir", "link", "fsync_folder", "unlink"):
        real = getattr(durable, name)
        monkeypatch.setattr(durable, name, lambda *a, name=name, real=real: (calls.append(name), real(*a))[1])
    backend = LocalBackend(tmp_path)
    calls.clear()
    backend.put("folder/key", io.BytesIO(b"x"))
    assert calls == ["create", "write", "fsync", "mkdir", "fsync_folder", "link", "fsync_folder", "unlink"]


class Down(MemoryBackend):
    def __init__(self) -> None:
        super().__init__()
        self.asked = 0

    def stat(self, key: str) -> Stat:
        self.asked += 1
        raise Unavailable(key, "down")


def test_retrying_gives_up_and_says_so() -> None:
    down, pauses = Down(), []
    with pytest.raises(Unavailable):
        Retrying(down, attempts=4, pause=0.5, sleep=pauses.append).stat("key")
    assert down.asked == 4
    assert pauses == [0.5, 1.0, 2.0]


def test_an_answer_is_not_asked_for_again() -> None:
    pauses: list[float] = []
    with pytest.raises(NotFound):
        Retrying(MemoryBackend(), sleep=pauses.append).open("key")
    assert pauses == []
