"""The sandbox, by fake tools: each does one kind of harm, and none is done. Every test runs with namespaces and without."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import pytest

from formats.sandbox import GIB, MIB, End, Outcome, SandboxLimits, left, run, running, start, workspace
from policies.findings import spoken

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the barriers are those of Linux")

Tool = Callable[..., Outcome]

SOON = 20.0
"""Seconds after which a test is given up; nothing takes a twentieth of it, on a quiet machine."""


OWN = ("launcher.py", "barriers.py")

NAMESPACES = ('barriers.separate(order["folder"])', "False")
"""Barriers that a machine may refuse: the place where the launcher puts them up, and what stands there then."""


def poorer(changes: Iterable[tuple[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The launcher with other words in some places: as on a machine that refuses what stands there."""
    texts = {name: running.LAUNCHER.with_name(name).read_text() for name in OWN}
    for words, others in changes:
        assert sum(text.count(words) for text in texts.values()) == 1, words
        texts = {name: text.replace(words, others) for name, text in texts.items()}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    monkeypatch.setattr(running, "LAUNCHER", tmp_path / "launcher.py")


@pytest.fixture(params=["namespaces", "no namespaces"])
def barriers(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """With all barriers, and as on a machine that refuses namespaces."""
    if request.param == "no namespaces":
        poorer([NAMESPACES], tmp_path, monkeypatch)
    return str(request.param)


@pytest.fixture
def folder() -> Iterator[Path]:
    with workspace() as place:
        yield place


@pytest.fixture
def tool(barriers: str, folder: Path) -> Tool:
    """Runs a Python text as a tool."""

    def fake(text: str, *, stdin: bytes = b"", **limits: float | int) -> Outcome:
        given = {"seconds": SOON, "memory": 256 * MIB, **limits}
        return run(command(text), folder=folder, limits=SandboxLimits(**given), stdin=stdin)  # type: ignore[arg-type]

    return fake


def command(text: str) -> list[str]:
    return [sys.executable, "-I", "-S", "-c", textwrap.dedent(text)]


def still_running(mark: str) -> list[int]:
    """The processes with this word in their command line (they may take a moment to be gone)."""
    found: list[int] = []
    for _ in range(50):
        found = [int(p.name) for p in Path("/proc").iterdir() if p.name.isdigit() and mark in command_line(p) and alive(p)]
        if not found:
            break
        time.sleep(0.05)
    return found


def command_line(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""


def alive(process: Path) -> bool:
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_a_tool_that_does_its_work(tool: Tool, folder: Path) -> None:
    outcome = tool("import sys; data = sys.stdin.read(); open('made', 'w').write(data); print(len(data))", stdin=b"x" * 300_000)
    assert outcome.ok
    assert outcome.stdout == b"300000\n"
    assert (folder / "made").stat().st_size == 300_000


def test_its_home_and_temporary_folder_are_its_own_and_kho_s_secrets_are_not(
    tool: Tool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "not for tools")
    outcome = tool(
        "import os; print(os.environ['HOME'], os.environ['TMPDIR'], os.getcwd(), os.environ.get('AWS_SECRET_ACCESS_KEY'))"
    )
    assert outcome.stdout.decode().split() == [str(folder / "home"), str(folder / "tmp"), str(folder), "None"]


def test_a_tool_that_hangs(tool: Tool) -> None:
    outcome = tool("import time; print('begun', flush=True); time.sleep(600)", seconds=0.5)
    assert outcome.end is End.TIME
    assert outcome.stdout == b"begun\n"
    assert outcome.seconds < SOON


def test_a_tool_that_hangs_and_will_not_be_told(tool: Tool) -> None:
    text = "import signal, time\nfor s in range(1, 32):\n  if s not in (9, 19): signal.signal(s, signal.SIG_IGN)\ntime.sleep(600)"
    assert tool(text, seconds=0.5).end is End.TIME


def test_a_tool_that_eats_memory(tool: Tool) -> None:
    outcome = tool("x = bytearray(1 << 30)")
    assert outcome.end is End.EXITED
    assert b"MemoryError" in outcome.stderr
    shared = "import mmap\nx = mmap.mmap(-1, 1 << 30)\nfor i in range(0, 1 << 30, 4096): x[i] = 1"
    assert tool(shared).end is End.MEMORY


def test_a_tool_whose_children_eat_memory_together(tool: Tool) -> None:
    text = """
        import os, time
        for _ in range(8):
            if os.fork() == 0:
                x = bytearray(b"x" * (60 << 20))
                time.sleep(600)
        time.sleep(600)
    """
    assert tool(text).end is End.MEMORY


def test_a_tool_that_forks_without_end(tool: Tool) -> None:
    text = """
        import os, time
        mark = "forks-without-end"
        for _ in range(300):
            if os.fork() == 0:
                os.setsid()
                time.sleep(600)
        time.sleep(600)
    """
    assert tool(text, processes=40, memory=2048 * MIB).end is End.PROCESSES
    assert not still_running("forks-without-end")


BOMB = """
    import os, time
    mark = "a-bomb-of-forks"
    tokens, end = os.pipe()
    os.write(end, bytes(300))  # it ends of itself at 300: a test must not stop the machine that it runs on
    os.close(end)
    while os.read(tokens, 1):
        try:
            os.fork()
        except OSError:
            pass
        os.close(os.open(f"tmp/{os.getpid()}", os.O_CREAT | os.O_WRONLY))
    time.sleep(600)
"""


def test_a_bomb_of_forks(barriers: str, folder: Path) -> None:
    """Every process forks without end: their number doubles, and whoever counts them counts behind."""
    outcome = run(command(BOMB), folder=folder, limits=SandboxLimits(seconds=SOON, memory=4 * GIB, processes=40))
    assert outcome.end is End.PROCESSES
    assert outcome.seconds < SOON
    assert not still_running("a-bomb-of-forks")


def test_a_tool_may_be_as_many_processes_as_it_may_and_start_others_when_they_are_gone(barriers: str, folder: Path) -> None:
    text = """
        import os, subprocess, threading
        for _ in range(3):
            readers = []
            for _ in range(7):
                reader, writer = os.pipe()
                if os.fork() == 0:
                    os.close(writer)
                    os.read(reader, 1)
                    os._exit(0)
                os.close(reader)
                readers.append(writer)
            for each in readers:
                os.close(each)
            for _ in readers:
                os.wait()
        threads = [threading.Thread(target=print, args=("a thread",)) for _ in range(20)]
        for each in threads:
            each.start()
        for each in threads:
            each.join()
        print(subprocess.run(["echo", "a program"], stdout=subprocess.PIPE).stdout)
    """
    outcome = run(command(text), folder=folder, limits=SandboxLimits(seconds=SOON, processes=8))
    assert outcome.ok, outcome
    assert outcome.stdout.count(b"a thread") == 20
    assert b"a program" in outcome.stdout


def test_a_shell_that_starts_many_small_programs(barriers: str, folder: Path) -> None:
    """Its children end while it starts others: whatever counts them must not disturb it."""
    script = "i=0; while [ $i -lt 60 ]; do x=$(echo a | cat); (true) & i=$((i+1)); done; wait; echo done"
    outcome = run(["/bin/sh", "-c", script], folder=folder, limits=SandboxLimits(seconds=SOON, processes=80))
    assert (outcome.end, outcome.stdout, outcome.stderr) == (End.EXITED, b"done\n", b"")


def test_a_tool_that_leaves_children_behind(tool: Tool) -> None:
    text = """
        import os, time
        mark = "left-behind"
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                time.sleep(600)
            os._exit(0)
        print("done")
    """
    outcome = tool(text)
    assert outcome.ok
    assert outcome.stdout == b"done\n"
    assert not still_running("left-behind")


def test_a_tool_that_writes_outside(tool: Tool, tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_text("kept")
    (tmp_path / "folder").mkdir()
    attempts = {
        "write": f"open({str(precious)!r}, 'w')",
        "append": f"open({str(precious)!r}, 'a')",
        "cut": f"os.truncate({str(precious)!r}, 0)",
        "remove": f"os.remove({str(precious)!r})",
        "rename": f"os.rename({str(precious)!r}, {str(precious)!r} + '2')",
        "make": f"open({str(tmp_path / 'new')!r}, 'w')",
        "folder": f"os.mkdir({str(tmp_path / 'new')!r})",
        "link": f"os.link({str(precious)!r}, {str(tmp_path / 'new')!r})",
        "bring in": f"os.rename({str(precious)!r}, 'mine')",
        "remove folder": f"os.rmdir({str(tmp_path / 'folder')!r})",
        "through a link": f"os.symlink({str(precious)!r}, 'link'); open('link', 'w')",
    }
    for attempt in attempts.values():
        outcome = tool(f"import os; {attempt}")
        assert outcome.status == 1
        assert b"Error" in outcome.stderr
    assert precious.read_text() == "kept"
    assert sorted(p.name for p in tmp_path.iterdir() if p.name not in (*OWN, "__pycache__")) == ["folder", "precious"]


def test_a_tool_that_changes_modes_outside(tool: Tool, barriers: str, tmp_path: Path) -> None:
    if barriers != "namespaces":
        pytest.skip("only the mount namespace prevents it")
    precious = tmp_path / "precious"
    precious.write_text("kept")
    assert tool(f"import os; os.chmod({str(precious)!r}, 0)").status == 1
    assert tool("import os; open('mine', 'w'); os.chmod('mine', 0o600)").ok


def test_a_tool_that_calls_home(tool: Tool) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.05)
        port = server.getsockname()[1]
        outcome = tool(f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")
        assert outcome.status == 1
        assert b"Permission denied" in outcome.stderr
        with pytest.raises(TimeoutError):
            server.accept()


def test_a_tool_that_dies_half_way(tool: Tool, folder: Path) -> None:
    outcome = tool("import os; open('half', 'w').write('a' * 10); print('half', flush=True); os.kill(os.getpid(), 11)")
    assert (outcome.end, outcome.status, outcome.stdout) == (End.DIED, signal.SIGSEGV, b"half\n")
    assert "signal 11" in spoken(outcome.words(), "en")
    assert tool("import os; os.abort()").end is End.DIED


def test_a_tool_that_fails_says_why(tool: Tool) -> None:
    outcome = tool("import sys; sys.exit('the seventh seal is broken')")
    assert outcome.end is End.EXITED
    assert not outcome.ok
    assert spoken(outcome.words(), "en") == "ended with status 1 (the seventh seal is broken)"
    assert spoken(outcome.words(), "vi") == "kết thúc với mã 1 (the seventh seal is broken)"


def test_a_tool_that_talks_without_end(tool: Tool) -> None:
    outcome = tool(
        "import sys\nwhile True: sys.stdout.write('x' * 65536); sys.stderr.write('y' * 65536)", seconds=0.5, output=1 << 20
    )
    assert outcome.end is End.TIME
    assert outcome.cut
    assert len(outcome.stdout) == len(outcome.stderr) == 1 << 20
    said_enough = tool("print('x' * 2000)", output=1000)
    assert said_enough.status == 0
    assert not said_enough.ok, "an answer that was cut is none"


def test_a_tool_that_fills_the_disk(tool: Tool, folder: Path) -> None:
    outcome = tool("f = open('big', 'wb')\nfor _ in range(64): f.write(bytes(1 << 20))", written=4 * MIB)
    assert not outcome.ok
    assert (folder / "big").stat().st_size <= 4 * MIB


def test_a_tool_that_fills_the_disk_with_many_files(tool: Tool, folder: Path) -> None:
    text = """
        import os, time
        for number in range(400):
            os.makedirs(f"tmp/{number % 7}", exist_ok=True)
            open(f"tmp/{number % 7}/{number}", "wb").write(os.urandom(1 << 20))
            time.sleep(0.005)
    """
    outcome = tool(text, written=4 * MIB, disk=16 * MIB)
    assert outcome.end is End.DISK
    assert "disk" in spoken(outcome.words(), "en")
    assert "đĩa" in spoken(outcome.words(), "vi")
    assert len(list((folder / "tmp").rglob("*"))) < 300


def test_a_tool_that_fills_the_disk_with_empty_files(tool: Tool) -> None:
    text = "import time\nfor n in range(8000):\n  open(f'tmp/{n}', 'w').close()\n  if n % 100 == 0: time.sleep(0.005)\ntime.sleep(600)"
    assert tool(text, disk=MIB).end is End.DISK, "a name and its inode take room, too"


def test_a_file_with_holes_holds_what_it_holds(tool: Tool) -> None:
    assert tool("import time; open('tmp/holes', 'wb').truncate(64 << 20); time.sleep(0.2)", disk=16 * MIB).ok


def test_a_tool_leaves_room_for_others(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever fills the disk, and wherever what fills it is hidden: a tool ends before deposits do."""
    poorer([("free // 2", "free * 2")], tmp_path, monkeypatch)
    outcome = run(command("import time; time.sleep(600)"), folder=folder, limits=SandboxLimits(seconds=SOON, room=1 << 62))
    assert outcome.end is End.DISK
    assert "left" in spoken(outcome.words(), "en")


def test_what_a_tool_left(folder: Path, tmp_path: Path) -> None:
    """A result is a file of its own in the folder, however it is asked for: no link, no pipe, no device, nothing elsewhere."""
    (tmp_path / "secret").write_text("of Kho's own")
    text = f"""
        import os
        os.mkdir("real")
        for place in ("file", "real/file"):
            open(place, "w").write("made")
        os.symlink({str(tmp_path / "secret")!r}, "link")
        os.symlink("file", "inner")
        os.symlink({str(tmp_path)!r}, "elsewhere")
        os.symlink("real", "folder")
        os.mkfifo("pipe")
    """
    assert run(command(text), folder=folder).ok
    found = ("file", "real/file", "link", "inner", "elsewhere/secret", "folder/file", "pipe", "real", "none", "file/more")
    assert [name for name in found if left(folder / name, folder)] == ["file", "real/file"]
    assert not left(tmp_path / "secret", folder)
    assert not left(folder / ".." / folder.name / ".." / "secret", folder)


def test_a_tool_that_is_not_there(folder: Path, barriers: str) -> None:
    outcome = run(["/no/such/tool"], folder=folder)
    assert outcome.end is End.NOT_STARTED
    assert "No such file" in spoken(outcome.words(), "en")


def test_a_machine_that_cannot_confine_starts_nothing(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    poorer([("if abi < 1:", "if True:")], tmp_path, monkeypatch)
    outcome = run(command("open('ran', 'w')"), folder=folder)
    assert outcome.end is End.NOT_STARTED
    assert "cannot confine it (Landlock)" in spoken(outcome.words())
    assert not (folder / "ran").exists()


def test_a_conversation(barriers: str, folder: Path) -> None:
    text = "import sys\nfor line in sys.stdin:\n  print(line.strip()[::-1], flush=True)\n  if 'die' in line: sys.exit(9)"
    with start(command(text), folder=folder) as running_tool:
        assert running_tool.send(b"abc")
        assert running_tool.receive(SOON) == b"cba"
        assert running_tool.receive(0.01) is None
        assert not running_tool.gone
        assert running_tool.send(b"die")
        assert running_tool.receive(SOON) == b"eid"
        assert running_tool.receive(SOON) is None
        outcome = running_tool.stop()
    assert (outcome.end, outcome.status) == (End.EXITED, 9)
    assert not running_tool.send(b"abc")


def test_one_that_is_not_wanted_any_more(barriers: str, folder: Path) -> None:
    text = "import os, time\nmark = 'not-wanted'\nif os.fork() == 0: os.setsid()\nprint('up', flush=True)\ntime.sleep(600)"
    with start(command(text), folder=folder) as running_tool:
        assert running_tool.receive(SOON) == b"up"
    assert running_tool.stop().end is End.STOPPED
    assert not still_running("not-wanted")


def test_it_ends_with_kho_however_that_ends(barriers: str, folder: Path) -> None:
    text = "import os, time\nmark = 'outlives-kho'\nif os.fork() == 0: os.setsid()\nprint('up', flush=True)\ntime.sleep(600)"
    program = f"""
        from pathlib import Path
        from formats.sandbox import running, start
        running.LAUNCHER = Path({str(running.LAUNCHER)!r})
        tool = start({command(text)!r}, folder=Path({str(folder)!r}))
        print(tool.receive(20).decode(), flush=True)
        import time; time.sleep(600)
    """
    root = Path(__file__).parents[2]
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, env={**os.environ, "PYTHONPATH": str(root)}
    ) as kho:
        assert kho.stdout is not None
        assert kho.stdout.readline() == b"up\n"
        kho.kill()
    assert not still_running("outlives-kho")


def test_a_workspace_goes_whatever_it_holds() -> None:
    with workspace() as place:
        (place / "a" / "b").mkdir(parents=True)
        (place / "a" / "b" / "file").write_text("x")
        (place / "a" / "b").chmod(0)
    assert not place.exists()
