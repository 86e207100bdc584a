"""A folder of work that two processes remove at once: who opens a tier meets what another is just done with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from storage import durable
from storage.ocfl.objects import remove_tree


@pytest.mark.parametrize("call", ["unlink", "rmdir"])
def test_what_another_removes_meanwhile_is_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str) -> None:
    folder = tmp_path / "work"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_bytes(b"x")
    ours = getattr(durable, call)

    def theirs_first(path: str) -> None:
        getattr(os, call)(path)
        ours(path)

    monkeypatch.setattr(durable, call, theirs_first)
    remove_tree(os.fspath(folder))
    assert not folder.exists()
