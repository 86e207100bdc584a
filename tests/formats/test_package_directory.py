"""Folders as they are handed over: with links, pipes, files that change, files that cannot be read."""

from __future__ import annotations

import errno
import os
import random
import socket
import threading
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fixity import CouldNotRead
from formats.errors import SpoolFull
from formats.package import arrange, copying, directory
from formats.package.directory import FolderSource
from formats.package.limits import Limits
from formats.package.names import received_name
from formats.package.reception import spool_path
from formats.package.source import Kind, Role
from formats.package.spool import Spool
from policies.findings import Findings


def receive(folder: Path, spool: Path, **options: Limits) -> tuple[dict[bytes, bytes | None], Findings]:
    findings = Findings()
    with Spool(spool) as opened:
        spool_path(folder, opened, findings, **options)
        found: dict[bytes, bytes | None] = {}
        for spooled in opened.spooled():
            found[spooled.item.name] = opened.path(spooled).read_bytes() if spooled.file else None
        assert opened.complete
    return found, findings


def test_a_folder_comes_back_with_every_name_and_byte(tmp_path: Path) -> None:
    root = os.fsencode(tmp_path / "hồ sơ")
    expected: dict[bytes, bytes | None] = {
        b"d": None,
        b"d/empty": None,
        "d/Quyết định.pdf".encode(): b"1",
        "d/Quye\u0302\u0301t đi\u0323nh.pdf".encode(): b"2",
        b"\xff\xfe raw": b"3",
        b"zero": b"",
        b"line\nbreak\r%0A": b"4",
        b"CON": b"5",
        b"trailing ": b"6",
        ("ế" * 85).encode(): b"7",
        b".DS_Store": b"8",
        b"A.txt": b"9",
        b"a.txt": b"10",
        b"back\\slash": b"11",
        b"..hidden": b"12",
    }
    os.makedirs(root)
    for name, data in expected.items():
        if data is None:
            os.makedirs(os.path.join(root, name), exist_ok=True)
    for name, data in expected.items():
        if data is not None:
            with open(os.path.join(root, name), "wb") as file:
                file.write(data)
    found, findings = receive(tmp_path / "hồ sơ", tmp_path / "s")
    assert found == expected
    assert findings.ok
    assert set(findings.counts) == {
        "PKG-NAME-NORMALISATION",
        "PKG-NAME-NOT-UTF8",
        "PKG-NAME-CONTROL",
        "PKG-NAME-RESERVED",
        "PKG-NAME-TRAILING",
        "PKG-SYSTEM-FILE",
        "PKG-NAME-CASE",
        "PKG-NAME-UNPORTABLE",
    }
    with Spool(tmp_path / "s") as spool:
        assert spool.label == "hồ sơ"
        assert spool.meta("top") is None
        package = arrange(spool, findings)
        assert (package.format, package.title) == ("folder", "hồ sơ")
        prefix = "representations/rep1/data/"
        back = {received_name(s.stored.removeprefix(prefix)) for s in spool.spooled("stored")}
        assert back == set(expected)


def test_the_order_is_that_of_whole_names(tmp_path: Path) -> None:
    for name in ("a/b", "a/c/d", "a-b", "a.txt", "a0", "A/z", "a/c-x"):
        path = tmp_path / "f" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    names = [item.name for item in FolderSource(tmp_path / "f").items()]
    assert names == sorted(names)
    assert len(names) == 10


def test_links_pipes_and_sockets_are_findings(tmp_path: Path) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "file").write_bytes(b"secret")
    (folder / "good").write_bytes(b"1")
    (folder / "link").symlink_to(tmp_path / "secret" / "file")
    (folder / "folder").symlink_to(tmp_path / "secret")
    (folder / "dangling").symlink_to("nowhere")
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = os.getcwd()
        os.chdir(folder)  # socket paths are short
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        found, findings = receive(folder, tmp_path / "s")
    assert found == {b"good": b"1"}
    assert dict(findings.counts) == {"PKG-LINK": 3, "PKG-SPECIAL-FILE": 2}
    source = FolderSource(folder)
    assert source.get(b"link") is None
    assert source.get(b"folder/file") is None
    assert source.get(b"../secret/file") is None
    assert source.get(b"good/../good") is None
    assert source.get(b"") is None
    with pytest.raises(KeyError):
        source.open(b"folder/file")
    with pytest.raises(KeyError):
        source.digest(b"link", "sha256")


class Changing:
    """Stands in for os.read on one file: does something to it after the first bytes were read."""

    def __init__(self, path: Path, act: object) -> None:
        self._path, self._act, self._done = path, act, False
        self._read = os.read

    def __call__(self, descriptor: int, size: int) -> bytes:
        data = self._read(descriptor, min(size, 4))
        if not self._done and os.path.exists(self._path) and os.fstat(descriptor).st_ino == os.stat(self._path).st_ino:
            self._done = True
            self._act()  # type: ignore[operator]
        return data


@pytest.mark.parametrize("what", ["grow", "shrink", "rewrite"])
def test_a_file_that_changes_while_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    (folder / "other").write_bytes(b"fine")
    path = folder / "busy"
    path.write_bytes(b"0123456789")
    os.utime(path, (1, 1))

    def act() -> None:
        if what == "grow":
            with path.open("ab") as file:
                file.write(b"more")
        elif what == "shrink":
            os.truncate(path, 2)
        else:
            path.write_bytes(b"9876543210")

    monkeypatch.setattr(directory.os, "read", Changing(path, act))
    found, findings = receive(folder, tmp_path / "s")
    assert found == {b"other": b"fine"}
    assert set(findings.counts) == {"PKG-CHANGED-WHILE-READ"}


def test_a_file_that_vanishes_and_one_that_gives_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "f"
    folder.mkdir()
    for name in ("a", "b", "c"):
        (folder / name).write_bytes(name.encode())
    bad = (folder / "b").stat().st_ino
    real = os.read

    def failing(descriptor: int, size: int) -> bytes:
        if os.fstat(descriptor).st_ino == bad:
            raise OSError(errno.EIO, "Input/output error")
        if (folder / "c").exists():
            (folder / "c").unlink()
        return real(descriptor, size)

    monkeypatch.setattr(directory.os, "read", failing)
    found, findings = receive(folder, tmp_path / "s")
    assert found == {b"a": b"a"}
    assert dict(findings.counts) == {"FIX-UNREADABLE": 2}


def test_a_folder_that_cannot_be_listed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f" / "closed").mkdir(parents=True)
    (tmp_path / "f" / "good").write_bytes(b"1")
    real = os.scandir

    def denied(path: bytes) -> object:
        if path.endswith(b"closed"):
            raise PermissionError(errno.EACCES, "Permission denied")
        return real(path)

    monkeypatch.setattr(directory.os, "scandir", denied)
    found, findings = receive(tmp_path / "f", tmp_path / "s")
    assert found == {b"closed": None, b"good": b"1"}
    assert dict(findings.counts) == {"FIX-UNREADABLE": 1}


def test_a_full_disk_is_an_error_and_not_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "f").mkdir()
    (tmp_path / "f" / "a").write_bytes(b"1")

    def full(descriptor: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(copying.os, "write", full)
    findings = Findings()
    with Spool(tmp_path / "s") as spool, pytest.raises(SpoolFull):
        spool_path(tmp_path / "f", spool, findings)
    assert list(findings) == []


def test_deep_folders(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.mkdir()
    here = os.getcwd()
    try:
        os.chdir(path)
        for _ in range(1_500):
            os.mkdir("d")
            os.chdir("d")
    finally:
        os.chdir(here)
    _, findings = receive(path, tmp_path / "s")
    assert set(findings.counts) == {"PKG-TOO-DEEP"}
    _, findings = receive(path, tmp_path / "s2", limits=Limits(depth=5_000))
    assert findings.ok
    os.system(f"rm -rf '{path}'")  # shutil recurses


def test_names_up_to_255_bytes_and_paths_beyond_what_a_call_takes(tmp_path: Path) -> None:
    path = tmp_path / "f"
    path.mkdir()
    here = os.getcwd()
    try:
        os.chdir(path)
        for _ in range(20):
            os.mkdir("d" * 250)
            os.chdir("d" * 250)
    finally:
        os.chdir(here)
    _, findings = receive(path, tmp_path / "s")
    assert set(findings.counts) == {"FIX-UNREADABLE"}, "ENAMETOOLONG is said, not swallowed"
    os.system(f"rm -rf '{path}'")


def test_digests_of_several_manifests_read_a_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b", "c"):
        (tmp_path / name).write_bytes(name.encode())
    calls: list[bytes] = []
    real = directory.hash_file

    def counted(path: bytes, algorithms: list[str]) -> object:
        calls.append(path)
        return real(path, algorithms)

    monkeypatch.setattr(directory, "hash_file", counted)
    source = FolderSource(tmp_path)
    for name in (b"a", b"b", b"c"):
        for algorithm in ("md5", "sha256"):
            source.digest(name, algorithm)
    assert len(calls) == 4, "only the first file is read again, for the second algorithm"


def test_unreadable_is_not_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a").write_bytes(b"1")

    def failing(path: bytes, algorithms: list[str]) -> object:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(directory, "hash_file", failing)
    with pytest.raises(CouldNotRead):
        FolderSource(tmp_path).digest(b"a", "md5")
    with pytest.raises(KeyError):
        FolderSource(tmp_path).digest(b"b", "md5")


def test_descriptive_files_get_a_second_place(tmp_path: Path) -> None:
    for name in (
        "dc.xml",
        "metadata/dc.xml",
        "metadata/hồ sơ.csv",
        "metadata/descriptive/ead.xml",
        "metadata.csv",
        "deep/dc.xml",
        "a.csv",
    ):
        path = tmp_path / "f" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(name.encode())
    with Spool(tmp_path / "s") as spool:
        findings = Findings()
        spool_path(tmp_path / "f", spool, findings)
        package = arrange(spool, findings)
        places = {s.stored: s.item.name.decode() for s in spool.spooled("stored") if s.alias}
        assert places == {
            "metadata/descriptive/dc.xml": "dc.xml",
            "metadata/descriptive/dc-2.xml": "metadata/dc.xml",
            "metadata/descriptive/hồ sơ.csv": "metadata/hồ sơ.csv",
            "metadata/descriptive/ead.xml": "metadata/descriptive/ead.xml",
            "metadata/descriptive/metadata.csv": "metadata.csv",
        }
        assert dict(package.descriptive) == {
            path: Path(path).suffix[1:] if path.endswith("csv") else path[21:].split(".")[0][:3].strip("-") for path in places
        } | {"metadata/descriptive/dc-2.xml": "dc"}
        assert {s.role for s in spool.spooled("stored") if not s.alias} == {Role.CONTENT}


TREES = st.dictionaries(
    st.lists(
        st.binary(min_size=1, max_size=6).filter(lambda n: not {0, 47} & set(n) and n not in (b".", b"..")),
        min_size=1,
        max_size=3,
    ).map(b"/".join),
    st.one_of(st.none(), st.binary(max_size=20)),
    max_size=8,
)


@settings(max_examples=40, deadline=None)
@given(TREES, st.randoms())
def test_any_tree_comes_back(tree: dict[bytes, bytes | None], chosen: random.Random) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as work:
        root = os.path.join(os.fsencode(work), b"f")
        os.mkdir(root)
        expected: dict[bytes, bytes | None] = {}
        for name, data in tree.items():
            path = os.path.join(root, name)
            try:
                os.makedirs(path if data is None else os.path.dirname(path), exist_ok=True)
                if data is not None:
                    with open(path, "xb") as file:
                        file.write(data)
            except OSError:
                continue
        for base, folders, files in os.walk(root):
            for each in [*folders, *files]:
                full = os.path.join(base, each)
                expected[os.path.relpath(full, root)] = None if os.path.isdir(full) else Path(os.fsdecode(full)).read_bytes()
        found, findings = receive(Path(os.fsdecode(root)), Path(work, "s"))
        assert found == expected
        assert findings.ok


def test_spools_of_several_threads_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / "f").mkdir()
    for number in range(50):
        (tmp_path / "f" / str(number)).write_bytes(os.urandom(50_000))
    results: list[str] = []

    def work(name: str) -> None:
        with Spool(tmp_path / name) as spool:
            spool_path(tmp_path / "f", spool, Findings())
            results.append(spool.fingerprint())

    threads = [threading.Thread(target=work, args=(f"s{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    assert len(set(results)) == 1


def test_kinds(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    source = FolderSource(tmp_path)
    item = source.get(b"d")
    assert item is not None
    assert item.kind is Kind.FOLDER
    with pytest.raises(KeyError):
        source.open(b"d")
