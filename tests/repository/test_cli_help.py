"""Help: quick, in the reader's language to the last word, and of every command."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from repository.cli.app import application

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("rich", "pydantic", "dbos", "sqlalchemy", "lxml", "fastapi", "pyhanko", "pygfried", "boto3", "asyncio", "markdown_it")
"""What no help page needs; each costs more than the page."""


def kho(code: str, language: str = "en") -> str:
    environment = {**os.environ, "KHO_LANG": language, "COLUMNS": "80"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, cwd=ROOT, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return done.stdout


def test_help_imports_nothing_heavy() -> None:
    said = kho(
        "import sys; from repository.cli.run import run; run(['--help']);"
        f"print('loaded:', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert said.endswith("loaded:\n")


def commands(group: object, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    found = [path]
    for name, command in getattr(group, "commands", {}).items():
        found += commands(command, (*path, name))
    return found


@pytest.mark.parametrize("language", ["en", "vi"])
def test_every_page(language: str) -> None:
    """All pages in one process: the command's line first, nothing wider than the terminal, no word of the other language."""
    paths = commands(application())
    assert len(paths) > 15
    code = "from repository.cli.run import run\n" + "".join(f"run({[*path, '--help']!r}); print('=====')\n" for path in paths)
    pages = kho(code, language).split("=====\n")[:-1]
    for path, page in zip(paths, pages, strict=True):
        first, *_ = page.splitlines()
        usage, options = ("Usage", "Options:") if language == "en" else ("Cách dùng", "Tùy chọn:")
        assert first.startswith(f"{usage}: {' '.join(['kho', *path])}"), page
        assert options in page
        assert max(map(len, page.splitlines())) <= 80, page
        if language == "vi":
            assert not any(word in page for word in ("Usage", "[OPTIONS]", "Options", "required", "default", "COMMAND")), page
        elif path == ("export",):
            assert "default: submission" in page
            assert "(required)" in page
