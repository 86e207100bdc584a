"""Migration with tools that do harm: what a fake program does in the place of a real one harms nothing, and is reported."""

from __future__ import annotations

import os
import stat
import sys
import textwrap
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from formats import tools as installed
from formats.migrate import MIGRATORS, Failed, Made, migrator
from formats.properties import CannotTell, pdf
from formats.sandbox import MIB, SandboxLimits, workspace
from policies.findings import spoken

PROGRAMS = {
    "ffmpeg": ("ffmpeg", "flac", "a.wav"),
    "libreoffice": ("soffice.bin", "odt", "a.docx"),
    "ghostscript": ("gs", "pdfa-2b", "a.pdf"),
    "ocrmypdf": ("ocrmypdf", "pdfa-2b-ocr", "a.tif"),
    "openjpeg": ("opj_compress", "jp2", "a.tif"),
}
"""Migrator → the program it runs, a recipe, a source. Pillow's is this Python itself."""

CONTENT = b"the original"

Run = Callable[..., Made | Failed]


@pytest.fixture(params=[pytest.param(name, marks=[] if name == "ffmpeg" else [pytest.mark.proof]) for name in PROGRAMS])
def tool(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Migrate with a program that does what is given as text; the source and all beside it must be as before."""
    name = str(request.param)
    program, recipe, called = PROGRAMS[name]
    folder = tmp_path / "tools"
    folder.mkdir()
    installed.program.cache_clear()
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    monkeypatch.setattr(type(MIGRATORS[name]), "version", lambda self: "99.1")
    if name == "ghostscript":
        profile = tmp_path / "srgb.icc"
        profile.write_bytes(b"profile")
        monkeypatch.setattr("formats.migrate.ghostscript.PROFILES", (profile,))
    source = tmp_path / called
    source.write_bytes(CONTENT)

    def run(text: str, **limits: float | int) -> Made | Failed:
        for each in {program, "soffice" if name == "libreoffice" else program}:
            file = folder / each
            head = (
                f"#!{sys.executable} -IS\nimport os, sys, time\nSOURCE, BESIDE = {str(source)!r}, {str(tmp_path / 'planted')!r}\n"
            )
            file.write_text(head + textwrap.dedent(text))
            file.chmod(file.stat().st_mode | stat.S_IXUSR)
        with workspace() as work:
            made = MIGRATORS[name].migrate(source, recipe, work, limits=SandboxLimits(**{"seconds": 30.0, **limits}))  # type: ignore[arg-type]
        assert source.read_bytes() == CONTENT
        assert not (tmp_path / "planted").exists()
        assert not still_running(str(folder))
        return made

    yield run
    installed.program.cache_clear()


def still_running(words: str) -> list[str]:
    """Processes of a fake tool that still run (they may take a moment to be gone)."""
    for _ in range(100):
        found = []
        for process in Path("/proc").iterdir():
            if process.name.isdigit():
                try:
                    line = (process / "cmdline").read_bytes().decode(errors="replace")
                except OSError:
                    continue
                found += [line] if words in line else []
        if not found:
            return []
        time.sleep(0.05)
    return found


def code(made: Made | Failed) -> str:
    assert isinstance(made, Failed), made
    assert made.reason
    return made.code


def test_a_tool_that_hangs(tool: Run) -> None:
    made = tool("time.sleep(600)", seconds=1.0)
    assert code(made) == "MIG-TOOL-LIMIT"


def test_a_tool_that_hangs_and_hears_no_signal(tool: Run) -> None:
    made = tool("import signal\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\ntime.sleep(600)", seconds=1.0)
    assert code(made) == "MIG-TOOL-LIMIT"


def test_a_tool_that_eats_memory(tool: Run) -> None:
    made = tool("import mmap\nx = mmap.mmap(-1, 1 << 31)\nfor i in range(0, 1 << 31, 4096): x[i] = 1", memory=200 * MIB)
    assert code(made) in ("MIG-TOOL-LIMIT", "MIG-TOOL-FAILED")  # it may hear that there is none, or be ended


def test_a_tool_that_writes_outside_its_folder(tool: Run) -> None:
    assert code(tool("open(BESIDE, 'w').write('x')")) == "MIG-TOOL-FAILED"
    assert code(tool("open(SOURCE, 'w').write('x')")) == "MIG-TOOL-FAILED"
    assert (
        code(tool("for place in (SOURCE, BESIDE):\n  try: open(place, 'w').write('x')\n  except OSError: pass"))
        == "MIG-TOOL-FAILED"
    )


def test_a_tool_that_takes_the_original_away(tool: Run) -> None:
    assert code(tool("os.remove(SOURCE)")) == "MIG-TOOL-FAILED"
    assert code(tool("os.rename(SOURCE, SOURCE + '.old')")) == "MIG-TOOL-FAILED"


def test_a_tool_that_forks_without_end(tool: Run) -> None:
    made = tool("for _ in range(200):\n  if os.fork() == 0: time.sleep(600)\ntime.sleep(600)")
    assert code(made) == "MIG-TOOL-LIMIT"


def test_a_tool_that_leaves_children_behind(tool: Run) -> None:
    tool("if os.fork() == 0:\n  os.setsid()\n  time.sleep(600)\nsys.exit(0)")  # that none is left is seen to by `tool`


def test_a_tool_that_dies_half_way(tool: Run) -> None:
    """Half a result is none, wherever the tool writes it."""
    half = """
        places = [word.partition("=")[2] or word for word in sys.argv[1:]]
        for place in places:
            if place.count("/") > 1 and os.path.isdir(os.path.dirname(place)) and not os.path.exists(place):
                open(place, "wb").write(b"half")
        print("half", file=sys.stderr, flush=True)
        os.kill(os.getpid(), 11)
    """
    made = tool(half)
    assert code(made) == "MIG-TOOL-FAILED"
    assert isinstance(made, Failed)
    assert "signal 11" in spoken(made.reason)


def test_a_tool_that_says_it_is_done_and_made_nothing(tool: Run) -> None:
    made = tool("sys.exit(0)")
    assert code(made) == "MIG-TOOL-FAILED"
    assert isinstance(made, Failed)
    assert "made nothing" in spoken(made.reason)


RESULTS = """
    places = [word.partition("=")[2] or word for word in sys.argv[1:]]
    for place in places:
        if place.count("/") > 1 and os.path.isdir(os.path.dirname(place)) and not os.path.lexists(place):
"""


@pytest.mark.parametrize(
    "does",
    [
        "os.symlink('/etc/hostname', place)",
        "os.mkfifo(place)",
        "open(place + '2', 'w').write('x'); os.symlink(place + '2', place)",
    ],
)
def test_a_tool_that_leaves_no_file_of_its_own(tool: Run, does: str) -> None:
    """A link would make Kho read, and keep, whatever it leads to; opening a pipe never ends."""
    made = tool(f"{RESULTS}            {does}\n")
    assert code(made) == "MIG-TOOL-FAILED"


def test_a_tool_that_fills_the_disk(tool: Run) -> None:
    made = tool("for n in range(400):\n  open(f'tmp/{n}', 'wb').write(bytes(1 << 20)); time.sleep(0.005)", disk=8 * MIB)
    assert code(made) == "MIG-TOOL-DISK"


def test_what_a_tool_says_names_no_path_of_this_machine(tool: Run) -> None:
    made = tool("sys.exit('cannot open ' + ' and '.join(word for word in sys.argv[1:] if '/source.' in word))")
    assert isinstance(made, Failed)
    assert "{source}" in made.reason
    assert "kho-tool-" not in made.reason


def test_what_a_tool_says_is_the_same_in_every_run(tool: Run) -> None:
    """FFmpeg says where in memory its decoder was."""
    found = tool("print('[aac @ 0x564343545e00] no frame', file=sys.stderr); sys.exit(1)")
    assert isinstance(found, Failed)
    assert "[aac] no frame" in found.reason


def test_a_tool_that_calls_home(tool: Run) -> None:
    made = tool("import socket\nsocket.create_connection(('127.0.0.1', 9), 5)")
    assert code(made) == "MIG-TOOL-FAILED"


def test_the_module_has_no_other_way_to_a_program() -> None:
    """What these tests replace is what migrators run."""
    assert migrator.program is installed.program


@pytest.mark.parametrize(
    ("program", "read"),
    [
        ("pdftoppm", lambda path, work: pdf.render(path, 1, work / "page.png")),
        ("pdfdetach", pdf.attachments),
    ],
)
def test_what_is_read_of_a_pdf_is_a_file_of_the_tool_s_own(
    program: str, read: Callable[[Path, Path], object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A link in its place would show, or compare, whatever of Kho's it leads to."""
    secret, folder = tmp_path / "secret", tmp_path / "tools"
    secret.write_bytes(b"of Kho's own")
    folder.mkdir()
    fake = f"""#!{sys.executable} -IS
        import os, sys
        if "-list" in sys.argv:
            print("1: a.txt")
        else:
            place = sys.argv[sys.argv.index("-o") + 1] if "-o" in sys.argv else sys.argv[-1] + ".png"
            os.symlink({str(secret)!r}, place)
    """
    (folder / program).write_text(textwrap.dedent(fake.replace("#!", "        #!", 1)))
    (folder / program).chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    installed.program.cache_clear()
    try:
        with workspace() as work, pytest.raises(CannotTell, match=r"pdf-(page-not-drawn|file-not-taken)"):
            read(tmp_path / "a.pdf", work)
    finally:
        installed.program.cache_clear()
