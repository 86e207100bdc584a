"""`make demo-tiers` says what is missing before it makes or removes anything, and finds what an ordinary user's PATH does not name."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.machinery import SourceFileLoader
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tests.programs import found

SCRIPTS = Path(__file__).parents[1] / "scripts"


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    monkeypatch.setattr(sys, "path", [*sys.path])
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    loader = SourceFileLoader("demo_tiers", str(SCRIPTS / "demo-tiers"))
    module = module_from_spec(spec_from_file_location("demo_tiers", loader.path, loader=loader))  # type: ignore[arg-type]
    loader.exec_module(module)
    return vars(module)


def test_programs_for_administrators_are_found(monkeypatch: pytest.MonkeyPatch) -> None:
    if not Path("/usr/sbin/chroot").exists():
        pytest.skip("no program in /usr/sbin to look for")
    monkeypatch.setenv("PATH", "/usr/bin:/bin")
    assert found("chroot") == "/usr/sbin/chroot"
    assert found("no-such-program") is None


@pytest.mark.parametrize(("language", "words"), [("en", "apt-get install tgt libiscsi7"), ("vi", "Quản trị viên")])
def test_what_is_missing_is_said_first(
    demo: dict[str, object], language: str, words: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHO_LANG", language)
    monkeypatch.setitem(demo, "have_target", lambda: False)
    with pytest.raises(SystemExit, match=words):
        demo["main"](tmp_path / "demo")  # type: ignore[operator]
    assert os.listdir(tmp_path) == []


def test_a_store_that_cannot_be_fetched_is_no_traceback(
    demo: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def offline(*_: object, **__: object) -> subprocess.CompletedProcess[str]:
        return subprocess.CompletedProcess([], 1, "", "KHO_OFFLINE forbids to fetch it")

    monkeypatch.setenv("KHO_LANG", "en")
    monkeypatch.setitem(demo, "have_target", lambda: True)
    monkeypatch.setattr("tests.seaweed.subprocess.run", offline)
    with pytest.raises(SystemExit, match="KHO_OFFLINE forbids"):
        demo["main"](tmp_path / "demo")  # type: ignore[operator]
    assert os.listdir(tmp_path) == []
