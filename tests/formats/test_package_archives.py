"""Archives that were made to harm, or badly: each gives a finding with its code, and nothing outside the spool."""

from __future__ import annotations

import bz2
import gzip
import io
import os
import random
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest

from formats.package.archives import expand
from formats.package.limits import Limits
from formats.package.reception import spool_path
from formats.package.source import Kind
from formats.package.spool import Spool
from formats.package.tar_headers import HEADERS
from formats.package.zip_directory import MOST_FIELDS, ZipDirectory
from policies.codes import register
from policies.findings import Findings

CONTENT = {"a.txt": b"alpha", "d/b.bin": bytes(range(256)) * 40, "d/Quyết định.pdf": b"", "x/y/z": b"last"}


def read(spool: Spool) -> dict[bytes, bytes | None]:
    found: dict[bytes, bytes | None] = {}
    for item in spool.items():
        if item.kind is Kind.FILE:
            with spool.open(item.name) as stream:
                found[item.name] = stream.read()
        else:
            found[item.name] = None
    return found


def unpack(
    tmp_path: Path, data: bytes, name: str = "x.zip", limits: Limits | None = None
) -> tuple[dict[bytes, bytes | None], Findings]:
    """Unpack from a file; whatever happens, only the spool may have grown."""
    home = tmp_path / "home"
    home.mkdir(exist_ok=True)
    archive = tmp_path / name
    archive.write_bytes(data)
    before = {path for path in tmp_path.rglob("*") if home not in path.parents}
    findings = Findings()
    shutil.rmtree(home / "s", ignore_errors=True)
    with Spool(home / "s") as spool:
        spool_path(archive, spool, findings, limits=limits or Limits())
        assert spool.complete
        found = read(spool)
    assert {path for path in tmp_path.rglob("*") if home not in path.parents} == before
    for code in findings.counts:
        assert code in register()
    for finding in findings:
        assert finding.text("vi")
        assert "{" not in finding.text("en").replace(finding.path, "")
    return found, findings


def files(found: dict[bytes, bytes | None]) -> dict[str, bytes]:
    return {name.decode(): data for name, data in found.items() if data is not None}


def make_zip(content: dict[str, bytes] | None = None, *, method: int = zipfile.ZIP_DEFLATED, streamed: bool = False) -> bytes:
    buffer = io.BytesIO()
    target = Unseekable(buffer) if streamed else buffer
    with zipfile.ZipFile(target, "w", method) as archive:  # type: ignore[arg-type]
        for name, data in (CONTENT if content is None else content).items():
            archive.writestr(name, data)
    return buffer.getvalue()


class Unseekable:
    def __init__(self, buffer: io.BytesIO) -> None:
        self._buffer = buffer

    def write(self, data: bytes) -> int:
        return self._buffer.write(data)

    def flush(self) -> None:
        pass


def zip_with(name: str | zipfile.ZipInfo, data: bytes = b"x", change: Callable[[zipfile.ZipInfo], None] | None = None) -> bytes:
    buffer = io.BytesIO()
    info = zipfile.ZipInfo(name) if isinstance(name, str) else name
    if change:
        change(info)
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("good.txt", b"good")
        archive.writestr(info, data)
    return buffer.getvalue()


def make_tar(*members: tuple[tarfile.TarInfo, bytes], form: int = tarfile.PAX_FORMAT) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=form) as archive:
        for info, data in members:
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mtime = kind, link, 1_600_000_000
    return info


def content_tar(form: int = tarfile.PAX_FORMAT) -> bytes:
    return make_tar(*((member(name), data) for name, data in CONTENT.items()), form=form)


# --- sound archives ---


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
@pytest.mark.parametrize("streamed", [False, True])
def test_sound_zips(tmp_path: Path, method: int, streamed: bool) -> None:
    found, findings = unpack(tmp_path, make_zip(method=method, streamed=streamed))
    assert files(found) == CONTENT
    assert list(findings) == []


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
@pytest.mark.parametrize("name", ["x.tar", "x.tar.gz", "x.tgz", "upload", "x.zip"])
def test_sound_tars(tmp_path: Path, form: int, name: str) -> None:
    data = content_tar(form)
    found, findings = unpack(tmp_path, gzip.compress(data) if name.endswith("gz") else data, name)
    assert files(found) == CONTENT
    assert list(findings) == []


def test_an_empty_zip_and_an_empty_tar(tmp_path: Path) -> None:
    for data, name in ((make_zip({}), "x.zip"), (make_tar(), "x.tar")):
        found, findings = unpack(tmp_path, data, name)
        assert found == {}
        assert list(findings) == []


def test_empty_folders_times_and_the_top_folder_come_back(tmp_path: Path) -> None:
    data = make_tar(
        (member("hồ sơ/", tarfile.DIRTYPE), b""), (member("hồ sơ/rỗng/", tarfile.DIRTYPE), b""), (member("hồ sơ/a"), b"1")
    )
    with Spool(tmp_path / "s") as spool:
        findings = Findings()
        expand(io.BytesIO(data), spool, findings, name="x.tar")
        assert read(spool) == {b"a": b"1", "rỗng".encode(): None}
        assert spool.meta("top") == "hồ sơ".encode()
        assert spool.meta("top_modified") == b"1600000000"
        assert spool.label == "hồ sơ"
        assert {item.modified for item in spool.items()} == {1_600_000_000}
        assert list(findings) == []


def test_two_things_at_the_top_stay_as_they_are(tmp_path: Path) -> None:
    found, _ = unpack(tmp_path, make_zip({"top/a": b"1", "b": b"2"}))
    assert files(found) == {"top/a": b"1", "b": b"2"}
    found, _ = unpack(tmp_path, make_zip({"only": b"1"}))
    assert files(found) == {"only": b"1"}


def test_dot_slash_is_how_tar_writes_names(tmp_path: Path) -> None:
    data = make_tar((member("./", tarfile.DIRTYPE), b""), (member("./a"), b"1"), (member("./d/e"), b"2"))
    found, findings = unpack(tmp_path, data, "x.tar")
    assert files(found) == {"a": b"1", "d/e": b"2"}
    assert list(findings) == []


def test_long_and_odd_names_in_tars(tmp_path: Path) -> None:
    names = ["d/" + "Đ" * 127, "x" * 300, "/".join(["seg"] * 60), "back\\slash", "new\nline"]
    for form in (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT):
        found, findings = unpack(tmp_path, make_tar(*((member(name), name.encode()) for name in names), form=form), "x.tar")
        assert files(found) == {name: name.encode() for name in names}
        assert findings.ok


def test_sparse_members_are_expanded(tmp_path: Path) -> None:
    data = build_sparse(1 << 20, [(4096, b"one"), (900_000, b"two")])
    found, findings = unpack(tmp_path, data, "x.tar")
    expected = bytearray(1 << 20)
    expected[4096:4099], expected[900_000:900_003] = b"one", b"two"
    assert list(findings) == []
    assert found[b"sparse"] == bytes(expected)


@pytest.mark.parametrize("pieces", [0, 1, 3, 4, 5, 24, 25, 26])
def test_sparse_members_of_gnu_tar_are_expanded(tmp_path: Path, pieces: int) -> None:
    """What `tar -S` writes unless it is told otherwise: places for pieces that are not used are zeros."""
    parts = [(8192 * n + 4096, b"%04d" % n) for n in range(pieces)]
    found, findings = unpack(tmp_path, build_gnu_sparse(1 << 20, parts), "x.tar")
    assert not findings
    expected = bytearray(1 << 20)
    for offset, content in parts:
        expected[offset : offset + len(content)] = content
    assert found == {b"sparse": bytes(expected), b"after": b"x"}


def build_gnu_sparse(real: int, parts: list[tuple[int, bytes]]) -> bytes:
    """An old GNU sparse file (GNU tar manual, "Old GNU Format"): a piece of no bytes at the end says how long it is."""
    entries = b"".join(b"%011o\0%011o\0" % (offset, size) for offset, size in [*((o, len(c)) for o, c in parts), (real, 0)])
    info = member("sparse")
    info.type, info.size = tarfile.GNUTYPE_SPARSE, sum(len(content) for _, content in parts)
    header = bytearray(info.tobuf(tarfile.GNU_FORMAT))
    first, rest = entries[:96], entries[96:]
    header[386 : 386 + len(first)] = first
    header[482] = bool(rest)
    header[483:495] = b"%011o\0" % real
    header[148:156] = b"        "
    header[148:156] = b"%06o\0 " % sum(header)
    more = b""
    while rest:
        more += (rest[:504].ljust(504, b"\0") + bytes([len(rest) > 504])).ljust(512, b"\0")
        rest = rest[504:]
    content = b"".join(content for _, content in parts)
    after = member("after")
    after.size = 1
    return (
        bytes(header)
        + more
        + content.ljust(-(-len(content) // 512) * 512, b"\0")
        + after.tobuf()
        + b"x".ljust(512, b"\0")
        + bytes(1024)
    )


def build_sparse(real: int, parts: list[tuple[int, bytes]]) -> bytes:
    """A PAX 1.0 sparse file (GNU tar manual, "Storing Sparse Files")."""
    numbers = [len(parts), *(value for offset, data in parts for value in (offset, len(data)))]
    head = "".join(f"{number}\n" for number in numbers).encode()
    head += b"\0" * (-len(head) % 512)
    info = member("GNUSparseFile.0/sparse")
    info.pax_headers = {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "sparse",
        "GNU.sparse.realsize": str(real),
    }
    return make_tar((info, head + b"".join(data for _, data in parts)), (member("after"), b"x"))


def test_times_are_exact_where_the_zip_says_them(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("t", (2020, 1, 2, 3, 4, 6))
    info.extra = struct.pack("<HHBl", 0x5455, 5, 1, -5)
    with Spool(tmp_path / "s") as spool:
        expand(io.BytesIO(zip_with(info)), spool, Findings(), name="x.zip")
        item = spool.get(b"t")
        assert item is not None
        assert item.modified == -5


# --- names ---

UNSAFE = [
    "../evil",
    "d/../../evil",
    "/etc/passwd",
    "//server/share",
    "C:/evil",
    "C:evil",
    "~/x",
    "~root/x",
    "d//e",
    "d/./e",
    "a\\..\\..\\b",
    "\\\\srv\\x",
    "d/..",
]


@pytest.mark.parametrize("name", [*UNSAFE, "a\\b"])
def test_unsafe_names_in_zips(tmp_path: Path, name: str) -> None:
    found, findings = unpack(tmp_path, zip_with(name))
    assert files(found) == {"good.txt": b"good"}
    assert set(findings.counts) == {"PKG-NAME-UNSAFE"}


@pytest.mark.parametrize("name", UNSAFE)
def test_unsafe_names_in_tars(tmp_path: Path, name: str) -> None:
    found, findings = unpack(tmp_path, make_tar((member(name), b"x"), (member("good.txt"), b"good")), "x.tar")
    assert files(found) == {"good.txt": b"good"}
    assert set(findings.counts) == {"PKG-NAME-UNSAFE"}


def test_office_lock_files_are_no_home_folders(tmp_path: Path) -> None:
    found, findings = unpack(tmp_path, zip_with("~$hồ sơ.docx"))
    assert "~$hồ sơ.docx" in files(found)
    assert findings.ok


def test_nul_and_empty_names(tmp_path: Path) -> None:
    data = zip_with("aXb.txt").replace(b"aXb.txt", b"a\0b.txt")
    assert set(unpack(tmp_path, data)[1].counts) == {"PKG-NAME-UNSAFE"}
    assert set(unpack(tmp_path, patched_name(b""))[1].counts) == {"PKG-NAME-EMPTY"}


def patched_name(raw: bytes, *, flags: int = 0, extra: bytes = b"") -> bytes:
    """A zip with one stored entry whose name is exactly ``raw``."""
    local = (
        struct.pack("<4sHHHHHLLLHH", b"PK\3\4", 20, flags, 0, 0, 0x21, zlib.crc32(b"x"), 1, 1, len(raw), len(extra)) + raw + extra
    )
    record = struct.pack(
        "<4sHHHHHHLLLHHHHHLL", b"PK\1\2", 20, 20, flags, 0, 0, 0x21, zlib.crc32(b"x"), 1, 1, len(raw), len(extra), 0, 0, 0, 0, 0
    )
    start = len(local) + 1
    end = struct.pack("<4sHHHHLLH", b"PK\5\6", 0, 0, 1, 1, len(record) + len(raw) + len(extra), start, 0)
    return local + b"x" + record + raw + extra + end


@pytest.mark.parametrize(
    "raw", [b"C\xf4ng v\xc6n.txt", b"\xff\xfe", "Công văn".encode("cp1258", "replace"), "Quyết định".encode()]
)
def test_pitfall_3_names_without_the_utf8_flag_keep_their_bytes(tmp_path: Path, raw: bytes) -> None:
    found, findings = unpack(tmp_path, patched_name(raw))
    assert found == {raw: b"x"}
    assert findings.ok


def test_a_unicode_path_field_names_the_file_when_its_checksum_is_right(tmp_path: Path) -> None:
    name = "Quyết định.txt".encode()
    for crc, expected in ((zlib.crc32(b"Quy_t.txt"), name), (1, b"Quy_t.txt")):
        field = struct.pack("<BL", 1, crc) + name
        extra = struct.pack("<HH", 0x7075, len(field)) + field
        assert list(unpack(tmp_path, patched_name(b"Quy_t.txt", extra=extra))[0]) == [expected]


def test_the_unicode_path_field_cannot_smuggle_a_climbing_name(tmp_path: Path) -> None:
    field = struct.pack("<BL", 1, zlib.crc32(b"ok")) + b"../evil"
    found, findings = unpack(tmp_path, patched_name(b"ok", extra=struct.pack("<HH", 0x7075, len(field)) + field))
    assert found == {}
    assert set(findings.counts) == {"PKG-NAME-UNSAFE"}


def test_fields_that_only_keep_a_reader_busy_are_not_gone_through(tmp_path: Path) -> None:
    """An entry has room for 16,000 of them: where the name may stand among them, no more are looked at than any program writes."""
    none = struct.pack("<HH", 0x7075, 0)
    found, findings = unpack(tmp_path, patched_name(b"a.txt", extra=none * MOST_FIELDS))
    assert (found, findings.ok) == ({b"a.txt": b"x"}, True)
    found, findings = unpack(tmp_path, patched_name(b"a.txt", extra=none * (MOST_FIELDS + 1)))
    assert (found, set(findings.counts)) == ({}, {"PKG-ARCHIVE-DAMAGED"})


# --- kinds of entries ---


def as_link(info: zipfile.ZipInfo) -> None:
    info.create_system, info.external_attr = 3, 0o120777 << 16


def as_pipe(info: zipfile.ZipInfo) -> None:
    info.create_system, info.external_attr = 3, 0o010644 << 16


def test_links_and_devices(tmp_path: Path) -> None:
    assert set(unpack(tmp_path, zip_with("l", b"/etc/passwd", as_link))[1].counts) == {"PKG-LINK"}
    assert set(unpack(tmp_path, zip_with("p", b"", as_pipe))[1].counts) == {"PKG-SPECIAL-FILE"}
    kinds = {
        tarfile.SYMTYPE: "PKG-LINK",
        tarfile.LNKTYPE: "PKG-LINK",
        tarfile.CHRTYPE: "PKG-SPECIAL-FILE",
        tarfile.BLKTYPE: "PKG-SPECIAL-FILE",
        tarfile.FIFOTYPE: "PKG-SPECIAL-FILE",
        b"V": "PKG-SPECIAL-FILE",
        b"M": "PKG-SPECIAL-FILE",
    }
    for kind, code in kinds.items():
        found, findings = unpack(tmp_path, make_tar((member("l", kind, "/etc/passwd"), b""), (member("good"), b"1")), "x.tar")
        assert (files(found), set(findings.counts)) == ({"good": b"1"}, {code}), kind


def test_a_link_cannot_redirect_what_comes_after(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    data = make_tar((member("d", tarfile.SYMTYPE, str(outside)), b""), (member("d/evil"), b"1"))
    found, findings = unpack(tmp_path, data, "x.tar")
    assert list(outside.iterdir()) == []
    assert "PKG-LINK" in findings.counts
    assert found == {b"evil": b"1"}  # the folder d is a folder of the spool


def test_duplicates_and_conflicts(tmp_path: Path) -> None:
    cases = [
        (["a", "a"], "PKG-DUPLICATE"),
        (["a", "a/b"], "PKG-FILE-AND-FOLDER"),
        (["a/b", "a"], "PKG-FILE-AND-FOLDER"),
        (["a", "./a"], "PKG-DUPLICATE"),
    ]
    for names, code in cases:
        buffer = io.BytesIO()
        with (
            zipfile.ZipFile(buffer, "w") as archive,
            pytest.warns(UserWarning, match="Duplicate name") if names == ["a", "a"] else Nothing(),
        ):
            for index, name in enumerate(names):
                archive.writestr(name, str(index))
            archive.writestr("other", "x")
        found, findings = unpack(tmp_path, buffer.getvalue())
        assert set(findings.counts) == {code}
        assert found[names[0].encode()] == b"0"
        found, findings = unpack(
            tmp_path, make_tar(*((member(n), str(i).encode()) for i, n in enumerate(names)), (member("o"), b"")), "x.tar"
        )
        assert set(findings.counts) == {code}
        assert found[names[0].encode()] == b"0"


class Nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


@pytest.mark.parametrize("flag", [1, 1 << 6, 1 << 13])
def test_encrypted_entries(tmp_path: Path, flag: int) -> None:
    found, findings = unpack(tmp_path, patched_name(b"secret", flags=flag))
    assert found == {}
    assert set(findings.counts) == {"PKG-ENCRYPTED"}


def test_unknown_methods(tmp_path: Path) -> None:
    data = make_zip({"a": b"x" * 100})
    for method in (9, 14, 93):
        changed = bytearray(data)
        struct.pack_into("<H", changed, 8, method)
        struct.pack_into("<H", changed, data.index(b"PK\1\2") + 10, method)
        assert set(unpack(tmp_path, bytes(changed))[1].counts) == {"PKG-METHOD"}


# --- lies and damage ---


def patch(data: bytes, marker: bytes, offset: int, form: str, value: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, data.index(marker) + offset, value)
    assert bytes(changed) != data
    return bytes(changed)


def test_lies_about_one_entry(tmp_path: Path) -> None:
    data = make_zip({"a": b"x" * 1000, "b": b"y"})
    central, local = b"PK\1\2", b"PK\3\4"
    crc = zlib.crc32(b"x" * 1000) ^ 1
    both = patch(patch(data, central, 24, "<L", 999), local, 22, "<L", 999)
    longer = patch(patch(data, central, 24, "<L", 2000), local, 22, "<L", 2000)
    cases = [
        (patch(data, central, 16, "<L", crc), "PKG-HEADERS-DISAGREE"),
        (patch(patch(data, central, 16, "<L", crc), local, 14, "<L", crc), "PKG-CRC"),
        (patch(data, local, 22, "<L", 999), "PKG-HEADERS-DISAGREE"),
        (both, "PKG-SIZE"),
        (longer, "PKG-SIZE"),
        (patch(data, central, 10, "<H", 0), "PKG-HEADERS-DISAGREE"),
        (patch(data, local, 30, "<B", ord("c")), "PKG-HEADERS-DISAGREE"),
        (patch(data, local, 32, "<B", 0xFF), "PKG-ENTRY-DAMAGED"),
    ]
    for changed, code in cases:
        found, findings = unpack(tmp_path, changed)
        assert set(findings.counts) == {code}
        assert found == {b"b": b"y"}, "the other entry is sound"


def test_overlapping_entries(tmp_path: Path) -> None:
    data = make_zip({"a": b"x" * 50, "b": b"x" * 50})
    second = data.index(b"PK\1\2", data.index(b"PK\1\2") + 1)
    same = bytearray(data)
    struct.pack_into("<L", same, second + 42, 0)
    assert "PKG-ENTRIES-OVERLAP" in unpack(tmp_path, bytes(same))[1].counts
    stored = make_zip({"a": b"x" * 50, "b": b"y" * 50}, method=zipfile.ZIP_STORED)
    longer = bytearray(stored)
    for at in (18, 22, stored.index(b"PK\1\2") + 20, stored.index(b"PK\1\2") + 24):
        struct.pack_into("<L", longer, at, 120)
    assert "PKG-ENTRIES-OVERLAP" in unpack(tmp_path, bytes(longer))[1].counts


def test_bytes_that_belong_to_nothing(tmp_path: Path) -> None:
    data = make_zip()
    central = data.index(b"PK\1\2")
    hidden = make_zip({"hidden": b"!"})[: make_zip({"hidden": b"!"}).index(b"PK\1\2")]
    end = data.rindex(b"PK\5\6")
    with_gap = bytearray(data[:central] + hidden + data[central:])
    struct.pack_into("<L", with_gap, end + len(hidden) + 16, central + len(hidden))
    for changed in (data + b"garbage", b"MZ garbage" + data, bytes(with_gap)):
        found, findings = unpack(tmp_path, changed)
        assert set(findings.counts) == {"PKG-ARCHIVE-TRAILING"}
        assert files(found) == CONTENT


def test_an_archive_comment_is_no_garbage(tmp_path: Path) -> None:
    buffer = io.BytesIO(make_zip())
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.comment = b"PK\5\6 made in Hanoi"
    found, findings = unpack(tmp_path, buffer.getvalue())
    assert (files(found), list(findings)) == (CONTENT, [])


def test_counts_and_disks(tmp_path: Path) -> None:
    data = make_zip()
    end = data.rindex(b"PK\5\6")
    for offset, value, code in ((4, 1, "PKG-ARCHIVE-SPLIT"), (8, 7, "PKG-ARCHIVE-SPLIT")):
        changed = bytearray(data)
        struct.pack_into("<H", changed, end + offset, value)
        assert set(unpack(tmp_path, bytes(changed))[1].counts) == {code}
    changed = bytearray(data)
    struct.pack_into("<HH", changed, end + 8, 7, 7)
    assert "PKG-ARCHIVE-DAMAGED" in unpack(tmp_path, bytes(changed))[1].counts


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
def test_every_truncation_is_noticed(tmp_path: Path, name: str) -> None:
    data = {"x.zip": make_zip(), "x.tar": content_tar(), "x.tar.gz": gzip.compress(content_tar())}[name]
    step = max(1, len(data) // 60)
    last = data.rstrip(b"\0") if name == "x.tar" else data
    for length in range(0, len(last), step):
        _, findings = unpack(tmp_path, data[:length], name)
        assert not findings.ok, length


@pytest.mark.parametrize("name", ["x.zip", "x.tar", "x.tar.gz"])
@pytest.mark.parametrize("runs", [60, pytest.param(1_500, marks=pytest.mark.proof)])
def test_flipped_bits_never_raise_and_never_pass_as_other_bytes(tmp_path: Path, name: str, runs: int) -> None:
    """A tar protects headers only: content of a plain tar may change unseen, everything else must be noticed or unchanged."""
    tar = content_tar(tarfile.USTAR_FORMAT)  # PAX records are content to a tar: no checksum covers the names in them
    data = {"x.zip": make_zip(), "x.tar": tar, "x.tar.gz": gzip.compress(tar)}[name]
    chosen = random.Random(runs)
    for _ in range(runs):
        changed = bytearray(data)
        changed[chosen.randrange(len(data))] ^= 1 << chosen.randrange(8)
        found, findings = unpack(tmp_path, bytes(changed), name)
        if findings.ok and name == "x.zip":
            assert files(found) == CONTENT, "bytes or names changed unseen"
        if findings.ok and name == "x.tar":
            assert set(files(found)) == set(CONTENT)


def test_a_damaged_header_in_the_middle_is_not_the_end_of_a_tar(tmp_path: Path) -> None:
    data = bytearray(make_tar((member("a"), b"1"), (member("b"), b"2"), (member("c"), b"3"), form=tarfile.USTAR_FORMAT))
    data[1024 + 148] ^= 1
    found, findings = unpack(tmp_path, bytes(data), "x.tar")
    assert files(found) == {"a": b"1"}
    assert set(findings.counts) == {"PKG-ARCHIVE-DAMAGED"}


def test_what_stands_after_the_end_of_a_tar(tmp_path: Path) -> None:
    one, two = make_tar((member("a"), b"1")), make_tar((member("b"), b"2"))
    for data, name in ((one + two, "x.tar"), (one + b"garbage", "x.tar"), (gzip.compress(one) + b"garbage", "x.tar.gz")):
        found, findings = unpack(tmp_path, data, name)
        assert files(found) == {"a": b"1"}
        assert set(findings.counts) == {"PKG-ARCHIVE-TRAILING"}
    _, findings = unpack(tmp_path, gzip.compress(one) + b"\0" * 5000, "x.tar.gz")
    assert list(findings) == []
    half = len(one) // 2
    joined, findings = unpack(tmp_path, gzip.compress(one[:half]) + gzip.compress(one[half:]), "x.tar.gz")
    assert (files(joined), list(findings)) == ({"a": b"1"}, [])


def test_a_gzip_with_a_wrong_checksum(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(content_tar()))
    data[-5] ^= 1
    assert set(unpack(tmp_path, bytes(data), "x.tar.gz")[1].counts) == {"PKG-ARCHIVE-DAMAGED"}


def test_not_an_archive_at_all(tmp_path: Path) -> None:
    for name in ("x.zip", "x.tar", "x.tgz"):
        found, findings = unpack(tmp_path, b"Hello" * 500, name)
        assert found == {}
        assert not findings.ok
        assert not unpack(tmp_path, b"", name)[1].ok
    assert set(unpack_file(tmp_path, "x.docx", make_zip()).counts) == {"PKG-NOT-A-PACKAGE"}
    assert set(unpack_file(tmp_path, "plain", b"text").counts) == {"PKG-NOT-A-PACKAGE"}


def unpack_file(tmp_path: Path, name: str, data: bytes) -> Findings:
    (tmp_path / name).write_bytes(data)
    findings = Findings()
    with Spool(tmp_path / f"spool-{name}") as spool:
        spool_path(tmp_path / name, spool, findings)
        assert not spool.complete
    return findings


# --- limits ---


def test_bombs_end_early(tmp_path: Path) -> None:
    small = Limits(ratio=50, ratio_floor=1 << 20)
    zeros = bytes(8 << 20)
    for data, name in (
        (make_zip({"z": zeros}), "x.zip"),
        (zip_bomb_that_lies(), "x.zip"),
        (gzip.compress(make_tar((member("z"), zeros))), "x.tar.gz"),
        (gzip.compress(make_tar((member("a"), b"")) + zeros), "x.tar.gz"),
    ):
        found, findings = unpack(tmp_path, data, name, small)
        assert "PKG-BOMB" in findings.counts or "PKG-SIZE" in findings.counts, name
        assert sum(len(each) for each in found.values() if each) < 2 << 20
    found, findings = unpack(tmp_path, make_zip({"z": zeros}))
    assert findings.ok, "a few megabytes of zeros are a blank page, not a bomb"


def zip_bomb_that_lies() -> bytes:
    data = make_zip({"z": bytes(8 << 20)})
    return patch(patch(data, b"PK\1\2", 24, "<L", 10), b"PK\3\4", 22, "<L", 10)


def test_limits_of_count_depth_file_and_total(tmp_path: Path) -> None:
    many = {f"f{number}": b"12345" for number in range(20)}
    tar = make_tar(*((member(name), data) for name, data in many.items()))
    for data, name in ((make_zip(many), "x.zip"), (tar, "x.tar")):
        assert set(unpack(tmp_path, data, name, Limits(items=10))[1].counts) == {"PKG-TOO-MANY"}
        assert set(unpack(tmp_path, data, name, Limits(total_bytes=50))[1].counts) == {"PKG-TOO-LARGE"}
        assert unpack(tmp_path, data, name, Limits(file_bytes=4))[1].counts["PKG-FILE-TOO-LARGE"] == 20
        assert unpack(tmp_path, data, name, Limits(items=20, total_bytes=100, file_bytes=5))[1].ok
    deep = "/".join("d" * 200)
    assert set(unpack(tmp_path, zip_with(deep))[1].counts) == {"PKG-TOO-DEEP"}
    assert set(unpack(tmp_path, make_tar((member(deep), b"")), "x.tar")[1].counts) == {"PKG-TOO-DEEP"}


def test_sparse_files_count_as_large_as_they_become(tmp_path: Path) -> None:
    found, findings = unpack(tmp_path, build_sparse(1 << 60, [(0, b"x")]), "x.tar")
    assert set(findings.counts) == {"PKG-FILE-TOO-LARGE"}
    assert found == {b"after": b"x"}


def test_headers_that_would_fill_the_memory(tmp_path: Path) -> None:
    huge = member("a" * 200)
    data = bytearray(make_tar((huge, b"x"), form=tarfile.GNU_FORMAT))
    data[124:136] = b"%011o\0" % (1 << 30)  # the long name claims to be a gibibyte
    data[148:156] = b" " * 8
    data[148:155] = b"%06o\0" % sum(data[:512])
    assert set(unpack(tmp_path, bytes(data), "x.tar")[1].counts) == {"PKG-HEADER-LARGE"}
    numbers = b"1\n" * (HEADERS // 2 + 100_000)
    info = member("GNUSparseFile.0/s")
    info.pax_headers = {"GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.name": "s", "GNU.sparse.realsize": "5"}
    bomb = make_tar((info, b"%d\n" % (HEADERS * 2) + numbers))
    assert set(unpack(tmp_path, gzip.compress(bomb), "x.tar.gz")[1].counts) == {"PKG-HEADER-LARGE"}


def test_zip64(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in CONTENT.items():
            with archive.open(name, "w", force_zip64=True) as stream:
                stream.write(data)
    found, findings = unpack(tmp_path, buffer.getvalue())
    assert (files(found), list(findings)) == (CONTENT, [])


def test_more_entries_than_a_plain_zip_can_count() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(66_000):
            archive.writestr(f"{number // 1000}/{number}", b"")
    findings = Findings()
    directory = ZipDirectory(buffer, len(buffer.getvalue()), findings)
    directory.survey()
    assert sum(1 for _ in directory.entries()) == directory.count == 66_000
    assert list(findings) == []


def test_bzip2_entries_that_end_early_or_go_on(tmp_path: Path) -> None:
    data = make_zip({"a": b"x" * 5000}, method=zipfile.ZIP_BZIP2)
    assert bz2.decompress(bz2.compress(b"x")) == b"x"
    found, _ = unpack(tmp_path, data)
    assert files(found) == {"a": b"x" * 5000}
    changed = bytearray(data)
    changed[45] ^= 0xFF
    assert not unpack(tmp_path, bytes(changed))[1].ok


def test_an_archive_that_cannot_be_read(tmp_path: Path) -> None:
    class Broken(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            if self.tell() > 600:
                raise OSError(5, "Input/output error")
            return super().read(size)

    for name, data in (("x.zip", make_zip()), ("x.tar", content_tar())):
        findings = Findings()
        with Spool(tmp_path / name) as spool:
            expand(Broken(data), spool, findings, name=name)
        assert set(findings.counts) <= {"FIX-UNREADABLE"}
        assert not findings.ok


def test_a_missing_source_is_a_finding(tmp_path: Path) -> None:
    findings = Findings()
    with Spool(tmp_path / "s") as spool:
        spool_path(tmp_path / "nothing", spool, findings)
    assert set(findings.counts) == {"FIX-UNREADABLE"}
    assert os.listdir(tmp_path / "s" / "files") == []


def test_a_signature_container_is_received_as_the_one_file_that_it_is(tmp_path: Path) -> None:
    """Whatever it is called; and a zip that merely holds one further down is a package."""
    members = {"mimetype": b"application/vnd.etsi.asic-e+zip", "a.txt": b"a", "META-INF/signatures001.xml": b"<x/>"}
    for number, (name, inside) in enumerate((("ho-so.zip", ""), ("ho-so.asice", ""), ("upload", ""), ("package.zip", "ho-so/"))):
        path = tmp_path / name
        with zipfile.ZipFile(path, "w") as archive:
            for member, data in members.items():
                archive.writestr(inside + member, data)
        findings = Findings()
        with Spool(tmp_path / f"spool{number}") as spool:
            spool_path(path, spool, findings)
            assert findings.ok
            names = [each.name for each in spool.items()]
            if inside:
                assert b"a.txt" in names
                continue
            assert names == [name.encode()]
            (kept,) = spool.spooled()
            assert Path(spool.path(kept)).read_bytes() == path.read_bytes()
