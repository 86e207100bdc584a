"""Bags that Kho writes: sound by its own reader, in any sink, with any name that can be listed."""

from __future__ import annotations

import hashlib
import io
import tempfile
import zipfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from formats.errors import FormatsError
from formats.package import arrange, recognise
from formats.package.archives import expand
from formats.package.bag_writer import BagWriter
from formats.package.directory import FolderSource
from formats.package.reception import spool_path
from formats.package.source import Kind, Role
from formats.package.spool import Spool
from formats.package.zipping import ZipWriter
from policies.findings import Findings

INFO = {
    "Source-Organization": ["Sở Nội vụ"],
    "External-Identifier": ["HS-01"],
    "External-Description": ["one\ntwo"],
    "Empty": [""],
}


def opener(data: bytes):  # type: ignore[no-untyped-def]
    return lambda: io.BytesIO(data)


def checked(folder: Path) -> set[str]:
    findings = Findings()
    source = FolderSource(folder, findings)
    form = recognise(source)
    assert form.name == "bagit"
    form.check(source, findings)
    return set(findings.counts)


SEGMENTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="/\0"), min_size=1, max_size=12).filter(
    lambda text: text not in (".", "..") and len(text.encode()) < 200
)
PATHS = st.dictionaries(st.lists(SEGMENTS, min_size=1, max_size=3).map("/".join), st.binary(max_size=30), max_size=5)


@settings(max_examples=60, deadline=None)
@given(PATHS)
def test_what_is_written_is_read_back(files: dict[str, bytes]) -> None:
    files = {name: data for name, data in files.items() if not any(other.startswith(name + "/") for other in files)}
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work, "bag")
        with BagWriter(folder, info=INFO) as bag:
            for name, data in files.items():
                bag.add(name, opener(data))
        assert checked(folder) <= {"BAG-NAMES-ALIKE"}
        source = FolderSource(folder)
        found = {item.name: item for item in source.items() if item.name.startswith(b"data/") and item.kind is Kind.FILE}
        assert set(found) == {b"data/" + name.encode() for name in files}


def test_the_files_of_a_bag(tmp_path: Path) -> None:
    with BagWriter(tmp_path / "bag", info=INFO) as bag:
        copied = bag.add("d/100%\n.txt", opener(b"x"), 1_600_000_000)
        bag.add_folder("empty")
    assert copied.sha512 == hashlib.sha512(b"x").digest()
    bag_info = (tmp_path / "bag" / "bag-info.txt").read_text()
    assert bag_info == (
        "Source-Organization: Sở Nội vụ\nExternal-Identifier: HS-01\nExternal-Description: one\n  two\nPayload-Oxum: 1.1\n"
    )
    manifest = (tmp_path / "bag" / "manifest-sha256.txt").read_text()
    assert manifest == f"{hashlib.sha256(b'x').hexdigest()}  data/d/100%25%0A.txt\n"
    assert (tmp_path / "bag" / "bagit.txt").read_bytes() == b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
    assert (tmp_path / "bag" / "data" / "empty").is_dir()
    assert int((tmp_path / "bag" / "data" / "d" / "100%\n.txt").stat().st_mtime) == 1_600_000_000
    assert checked(tmp_path / "bag") == set()
    (tmp_path / "bag" / "manifest-sha512.txt").write_text("")
    assert "BAG-DIGEST" in checked(tmp_path / "bag")


@pytest.mark.parametrize("path", ["", "/x", "a/../b", "a//b", ".", "x\0y", "bad\udcff"])
def test_paths_that_no_bag_can_hold(tmp_path: Path, path: str) -> None:
    with pytest.raises(FormatsError) as caught, BagWriter(tmp_path / "bag", info={}) as bag:
        bag.add(path, opener(b""))
    assert caught.value.code == "BAG-PATH-UNWRITABLE"


def test_a_bag_in_a_zip_comes_back_as_a_package(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with ZipWriter(buffer) as archive, BagWriter(archive, info=INFO) as bag:
        bag.add("metadata/dc.xml", opener(b"<dc/>"))
        bag.add("hồ sơ/a.pdf", opener(b"%PDF"))
        bag.add_tag("metadata/ead.xml", b"<ead/>")
        bag.add_tag("notes/readme", b"tag")
    with Spool(tmp_path / "s") as spool:
        findings = Findings()
        expand(buffer, spool, findings, name="gói.zip")
        form = recognise(spool)
        form.check(spool, findings)
        package = arrange(spool, findings)
        assert list(findings) == []
        assert (package.format, package.identifier, package.producer, package.title) == ("bagit", "HS-01", "Sở Nội vụ", "one two")
        assert package.fields["Payload-Oxum"] == ("9.2",)
        stored = {s.stored: (s.item.name.decode(), s.role, s.alias) for s in spool.spooled("stored") if s.file}
        assert stored["representations/rep1/data/hồ sơ/a.pdf"] == ("data/hồ sơ/a.pdf", Role.CONTENT, False)
        assert stored["submission/gói/bagit.txt"] == ("bagit.txt", Role.SUBMISSION, False)
        assert stored["submission/gói/notes/readme"][1] is Role.SUBMISSION
        assert stored["metadata/descriptive/dc.xml"] == ("data/metadata/dc.xml", Role.DESCRIPTIVE, True)
        assert stored["metadata/descriptive/ead.xml"] == ("metadata/ead.xml", Role.DESCRIPTIVE, True)
        assert sorted(package.descriptive) == [("metadata/descriptive/dc.xml", "dc"), ("metadata/descriptive/ead.xml", "ead")]
        assert len(stored) == spool.files + 2
        arrange(spool, findings)  # again: nothing doubles
        assert len([s for s in spool.spooled("stored") if s.file]) == spool.files + 2


def test_a_tree_becomes_a_bag(tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    (tree / "d" / "e").mkdir(parents=True)
    (tree / "d" / "f").write_bytes(b"1")
    (tree / "Quyết định").write_bytes(b"2")
    BagWriter(tmp_path / "bag", info={}).add_tree(tree)
    assert checked(tmp_path / "bag") == set()
    assert (tmp_path / "bag" / "data" / "d" / "e").is_dir()


def test_a_payload_that_fails_leaves_no_finished_bag(tmp_path: Path) -> None:
    def broken() -> io.BytesIO:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), BagWriter(tmp_path / "bag", info={}) as bag:
        bag.add("a", broken)
    assert not (tmp_path / "bag" / "bagit.txt").exists()


def test_zips_that_kho_writes_are_read_by_others_and_the_same_each_time(tmp_path: Path) -> None:
    big = bytes(range(256)) * 20_000
    content = {"a": b"", "đ/Quyết định": b"x" * 1000, "big": big, "z": b"\x00"}

    def write() -> bytes:
        buffer = io.BytesIO()
        with ZipWriter(buffer) as archive:
            archive.add_folder("đ".encode(), 1_600_000_001)
            for name, data in content.items():
                archive.add_file(name.encode(), io.BytesIO(data), 1_600_000_001)
            archive.add_file(b"raw\xff", io.BytesIO(b"r"))
        return buffer.getvalue()

    data = write()
    assert data == write()
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert archive.testzip() is None
        for name, expected in content.items():
            assert archive.read(name) == expected
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    findings = Findings()
    with Spool(tmp_path / "s") as spool:
        spool_path(path, spool, findings)
        assert set(findings.counts) == {"PKG-NAME-NOT-UTF8"}
        assert {item.name: item.modified for item in spool.items()} == {
            **{name.encode(): 1_600_000_001 for name in [*content, "đ"]},
            b"raw\xff": None,
        }


def test_a_zip_with_more_entries_than_a_plain_one_can_count(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with ZipWriter(path) as archive:
        for number in range(66_000):
            archive.add_file(b"%d" % number, io.BytesIO(b""))
        archive.add_file(b"content", io.BytesIO(b"x" * 100))
    with zipfile.ZipFile(path) as read:
        assert len(read.namelist()) == 66_001
        assert read.read("content") == b"x" * 100
