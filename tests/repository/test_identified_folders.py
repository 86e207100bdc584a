"""What is identified of a folder: all of it, and what could not be looked at is said."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from formats.identify import SiegfriedIdentifier
from repository.identification import files_below
from repository.views.identification import identified


def test_a_folder_that_cannot_be_listed_and_a_pipe_are_not_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a/one.txt", "b/two.txt", "c/three.txt"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("một")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("/etc/passwd")
    real: Callable[..., Any] = os.scandir

    def closed(path: Any) -> Any:
        if os.path.basename(path) in ("b", "c"):
            raise PermissionError(13, "Permission denied", os.fspath(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", closed)
    found = [path.relative_to(tmp_path).as_posix() for path in files_below([tmp_path])]
    assert sorted(found) == ["a/one.txt", "b", "c", "pipe"]


def test_why_something_could_not_be_looked_at_is_said_in_the_reader_s_language(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.setenv("KHO_LANG", "vi")
    with SiegfriedIdentifier(workers=1) as identifier:
        rows = [identified((path, "", answer)) for path, answer in identifier.identify(files_below([tmp_path]))]
    assert [(row["basis"], row["reason"]) for row in rows] == [("failed", "không phải tệp thường")]
