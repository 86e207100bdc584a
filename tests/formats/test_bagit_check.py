"""The bag reader: one valid bag, one thing broken at a time."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest

from formats.package import recognise
from formats.package.directory import FolderSource
from policies.findings import Findings, Weight
from tests.rights import ordinary_rights

PAYLOAD = {"a.txt": b"one", "d/b.txt": b"two", "d/Quyết định.pdf": b"three"}


def digest(algorithm: str, data: bytes) -> str:
    return hashlib.new(algorithm, data).hexdigest()


def make_bag(
    folder: Path,
    *,
    version: str = "1.0",
    payload: dict[str, bytes] | None = None,
    algorithms: tuple[str, ...] = ("sha256", "sha512"),
) -> Path:
    files = PAYLOAD if payload is None else payload
    (folder / "data").mkdir(parents=True)
    for name, data in files.items():
        path = folder / "data" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    (folder / "bagit.txt").write_text(f"BagIt-Version: {version}\nTag-File-Character-Encoding: UTF-8\n")
    oxum = f"{sum(map(len, files.values()))}.{len(files)}"
    (folder / "bag-info.txt").write_text(f"Source-Organization: Kho\nPayload-Oxum: {oxum}\n")
    for algorithm in algorithms:
        lines = (f"{digest(algorithm, data)}  data/{name}\n" for name, data in files.items())
        (folder / f"manifest-{algorithm}.txt").write_text("".join(lines))
    seal(folder, algorithms)
    return folder


def seal(folder: Path, algorithms: tuple[str, ...] = ("sha256", "sha512")) -> None:
    """Write the tag manifests anew, so that only what a test broke is broken."""
    declaration = folder / "bagit.txt"
    encoding = "utf-16" if declaration.exists() and b"utf-16" in declaration.read_bytes() else "utf-8"
    for algorithm in algorithms:
        tags = [path for path in sorted(folder.iterdir()) if path.is_file() and not path.name.startswith("tagmanifest")]
        lines = (f"{digest(algorithm, path.read_bytes())}  {path.name}\n" for path in tags)
        (folder / f"tagmanifest-{algorithm}.txt").write_text("".join(lines), encoding=encoding)


def check(folder: Path) -> Findings:
    findings = Findings()
    source = FolderSource(folder, findings)
    form = recognise(source)
    assert form.name == "bagit"
    form.check(source, findings)
    return findings


def codes(folder: Path) -> set[str]:
    return set(check(folder).counts)


def edit(name: str, old: str, new: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        text = path.read_bytes().decode()
        assert old in text
        path.write_bytes(text.replace(old, new).encode())

    return change


def append(name: str, data: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        with (folder / name).open("ab") as file:
            file.write(data)

    return change


def prepend(name: str, data: bytes) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        path = folder / name
        path.write_bytes(data + path.read_bytes())

    return change


def recode(encoding: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for path in folder.glob("*.txt"):
            text = path.read_text()
            if path.name == "bagit.txt":
                path.write_text(text.replace("UTF-8", encoding))
            elif not path.name.startswith("tagmanifest"):
                path.write_bytes(text.encode(encoding))

    return change


def ends(end: str) -> Callable[[Path], None]:
    def change(folder: Path) -> None:
        for path in folder.glob("*.txt"):
            path.write_bytes(path.read_bytes().replace(b"\n", end.encode()))

    return change


def every(*changes: Callable[[Path], None]) -> Callable[[Path], None]:
    def change_all(folder: Path) -> None:
        for change in changes:
            change(folder)

    return change_all


SHA_ONE = digest("sha256", b"one")

CASES: list[tuple[str, Callable[[Path], None], set[str]]] = [
    ("sound", lambda folder: None, set()),
    ("cr", ends("\r"), set()),
    ("crlf", ends("\r\n"), set()),
    ("upper_case_digests", edit("manifest-sha256.txt", SHA_ONE, SHA_ONE.upper()), set()),
    ("tab_between", edit("manifest-sha256.txt", "  data/a", "\tdata/a"), set()),
    ("utf16", recode("utf-16"), set()),
    ("utf8_with_signature", recode("utf-8-sig"), set()),
    ("altered_file", append("data/a.txt", b"x"), {"BAG-DIGEST", "BAG-OXUM"}),
    ("same_size_altered", lambda folder: (folder / "data/a.txt").write_bytes(b"0ne") and None, {"BAG-DIGEST"}),
    ("missing_file", lambda folder: (folder / "data/a.txt").unlink(), {"BAG-FILE-MISSING", "BAG-OXUM"}),
    ("extra_file", lambda folder: (folder / "data/new").write_bytes(b"") and None, {"BAG-UNLISTED", "BAG-OXUM"}),
    ("extra_tag_file", lambda folder: (folder / "notes.txt").touch(), set()),
    ("oxum", edit("bag-info.txt", "11.3", "12.3"), {"BAG-OXUM"}),
    ("oxum_form", edit("bag-info.txt", "11.3", "eleven"), {"BAG-OXUM-FORM"}),
    ("oxum_twice", append("bag-info.txt", b"payload-oxum: 11.3\n"), {"BAG-OXUM-FORM"}),
    ("info_without_colon", append("bag-info.txt", b"no colon here\n"), {"BAG-INFO-LINE"}),
    ("info_space_before_colon", append("bag-info.txt", b"A : b\n"), {"BAG-INFO-SPACE"}),
    ("info_folded", append("bag-info.txt", b"A: b\n  c: d\n\te\n"), set()),
    ("bom", prepend("bagit.txt", b"\xef\xbb\xbf"), {"BAG-BOM"}),
    ("bom_in_manifest", prepend("manifest-sha256.txt", b"\xef\xbb\xbf"), {"BAG-BOM"}),
    ("third_line", append("bagit.txt", b"More: x\n"), {"BAG-DECLARATION-FORM"}),
    ("label_in_other_case", edit("bagit.txt", "BagIt-Version", "BagIt-version"), {"BAG-DECLARATION-LOOSE"}),
    ("unknown_version", edit("bagit.txt", "1.0", "1.1"), {"BAG-VERSION"}),
    ("no_version", edit("bagit.txt", "1.0", "one"), {"BAG-VERSION"}),
    ("unknown_encoding", edit("bagit.txt", "UTF-8", "klingon"), {"BAG-ENCODING-UNKNOWN"}),
    ("hex_is_no_encoding", edit("bagit.txt", "UTF-8", "hex"), {"BAG-ENCODING-UNKNOWN"}),
    ("not_text", append("manifest-sha256.txt", b"%s  data/\xff\n" % SHA_ONE.encode()), {"BAG-TEXT-ENCODING", "BAG-FILE-MISSING"}),
    ("not_listed_in_all", edit("manifest-sha256.txt", f"{SHA_ONE}  data/a.txt\n", ""), {"BAG-NOT-IN-ALL"}),
    ("twice", append("manifest-sha256.txt", f"{SHA_ONE}  data/a.txt\n".encode()), {"BAG-TWICE"}),
    ("short_digest", edit("manifest-sha256.txt", SHA_ONE, SHA_ONE[:-2]), {"BAG-DIGEST-FORM"}),
    ("digest_no_hex", edit("manifest-sha256.txt", SHA_ONE, "z" * 64), {"BAG-DIGEST-FORM"}),
    ("line_without_path", append("manifest-sha256.txt", b"abc\n"), {"BAG-LINE"}),
    ("comment", append("manifest-sha256.txt", b"#abc\n"), {"BAG-LINE"}),
    ("star", edit("manifest-sha256.txt", "  data/a.txt", " *data/a.txt"), {"BAG-MD5SUM"}),
    ("dot_slash", edit("manifest-sha256.txt", "data/a.txt", "./data/a.txt"), {"BAG-RELATIVE-PATH"}),
    ("climbing", append("manifest-sha256.txt", f"{SHA_ONE}  data/../../x\n".encode()), {"BAG-PATH-OUTSIDE"}),
    ("absolute", append("manifest-sha256.txt", f"{SHA_ONE}  /etc/passwd\n".encode()), {"BAG-PATH-OUTSIDE"}),
    ("climbing_on_windows", append("manifest-sha256.txt", f"{SHA_ONE}  data\\..\\..\\x\n".encode()), {"BAG-PATH-OUTSIDE"}),
    (
        "encoded_climbing_is_a_name",
        append("manifest-sha256.txt", f"{SHA_ONE}  data/%2e%2e/x\n".encode()),
        {"BAG-FILE-MISSING", "BAG-PERCENT"},
    ),
    ("payload_manifest_lists_tag", append("manifest-sha256.txt", f"{SHA_ONE}  bagit.txt\n".encode()), {"BAG-PATH-OUTSIDE"}),
    ("fetch_outside", lambda f: (f / "fetch.txt").write_text("http://x/y - ../z\n") and None, {"BAG-PATH-OUTSIDE"}),
    (
        "fetch_unlisted",
        lambda f: (f / "fetch.txt").write_text("http://x/y 5 data/z\n") and None,
        {"BAG-FETCH-UNLISTED", "BAG-FETCH-MISSING"},
    ),
    ("fetch_present", lambda f: (f / "fetch.txt").write_text("http://x/y 3 data/a.txt\n") and None, set()),
    ("fetch_size", lambda f: (f / "fetch.txt").write_text("http://x/y 4 data/a.txt\n") and None, {"BAG-FETCH-SIZE"}),
    ("fetch_line", lambda f: (f / "fetch.txt").write_text("http://x/y data/a.txt\n") and None, {"BAG-LINE"}),
    (
        "holey",
        every(
            lambda f: (f / "fetch.txt").write_text("http://x/y - data/a.txt\n") and None, lambda f: (f / "data/a.txt").unlink()
        ),
        {"BAG-FETCH-MISSING", "BAG-OXUM"},
    ),
    ("no_manifest", lambda f: [p.unlink() for p in f.glob("manifest-*")] and None, {"BAG-MANIFEST-MISSING"}),
    (
        "unknown_algorithm",
        lambda f: (f / "manifest-tiger.txt").write_text((f / "manifest-sha256.txt").read_text()) and None,
        {"BAG-ALGORITHM-UNKNOWN"},
    ),
    (
        "only_unknown_algorithms",
        lambda f: [p.rename(p.with_name(p.name.replace("sha", "crc"))) for p in f.glob("manifest-*")] and None,
        {"BAG-ALGORITHM-UNKNOWN", "BAG-NOT-VERIFIABLE"},
    ),
    ("no_declaration", lambda f: (f / "bagit.txt").unlink(), {"BAG-DECLARATION-MISSING"}),
]


@pytest.mark.parametrize(("change", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES])
def test_one_defect_at_a_time(tmp_path: Path, change: Callable[[Path], None], expected: set[str]) -> None:
    bag = make_bag(tmp_path / "bag")
    change(bag)
    seal(bag)
    assert codes(bag) == expected


def test_tag_manifests_are_checked(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag")
    append("bag-info.txt", b"More: x\n")(bag)
    assert codes(bag) == {"BAG-DIGEST"}
    (bag / "bag-info.txt").unlink()
    assert codes(bag) == {"BAG-FILE-MISSING"}


def test_a_tag_manifest_must_list_every_payload_manifest_since_1_0(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag")
    tag = bag / "tagmanifest-sha256.txt"
    tag.write_text("".join(line for line in tag.read_text().splitlines(True) if "manifest-sha512" not in line))
    assert codes(bag) == {"BAG-TAG-INCOMPLETE"}
    edit("bagit.txt", "1.0", "0.97")(bag)
    seal(bag)
    tag.write_text("".join(line for line in tag.read_text().splitlines(True) if "manifest-sha512" not in line))
    assert codes(bag) == set()


def test_older_bags_may_list_a_file_in_one_manifest_only(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", version="0.97")
    edit("manifest-sha256.txt", f"{SHA_ONE}  data/a.txt\n", "")(bag)
    seal(bag)
    assert codes(bag) == set()


@pytest.mark.parametrize("version", ["0.93", "0.94", "0.95", "0.96", "0.97", "1.0"])
def test_every_version_is_read(tmp_path: Path, version: str) -> None:
    bag = make_bag(tmp_path / "bag", version=version, algorithms=("md5",))
    seal(bag, ("md5",))
    assert codes(bag) == set()


@pytest.mark.parametrize(
    ("algorithm", "library"),
    [("sha1", "sha1"), ("sha224", "sha224"), ("sha384", "sha384"), ("sha3256", "sha3_256"), ("blake2b512", "blake2b")],
)
def test_algorithms(tmp_path: Path, algorithm: str, library: str) -> None:
    bag = make_bag(tmp_path / "bag", algorithms=("sha512",))
    lines = (f"{hashlib.new(library, data).hexdigest()}  data/{name}\n" for name, data in PAYLOAD.items())
    (bag / f"manifest-{algorithm}.txt").write_text("".join(lines))
    seal(bag, ("sha512",))
    assert codes(bag) == set()
    edit(f"manifest-{algorithm}.txt", hashlib.new(library, b"one").hexdigest(), hashlib.new(library, b"0ne").hexdigest())(bag)
    seal(bag, ("sha512",))
    assert codes(bag) == {"BAG-DIGEST"}


def test_a_link_is_reported_and_not_followed(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag")
    secret = tmp_path / "secret"
    secret.write_bytes(b"one")
    (bag / "data/a.txt").unlink()
    (bag / "data/a.txt").symlink_to(secret)
    assert codes(bag) >= {"PKG-LINK", "BAG-FILE-MISSING"}
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "elsewhere" / "b.txt").write_bytes(b"two")
    bag = make_bag(tmp_path / "other")
    for path in (bag / "data/d").iterdir():
        path.unlink()
    (bag / "data/d").rmdir()
    (bag / "data/d").symlink_to(tmp_path / "elsewhere")
    assert codes(bag) >= {"PKG-LINK", "BAG-FILE-MISSING"}


def test_what_cannot_be_read_is_not_called_altered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    bag = make_bag(tmp_path / "bag")
    from formats.package import directory

    real = directory.hash_file

    def failing(path: bytes, algorithms: list[str]) -> object:
        if path.endswith(b"a.txt"):
            raise OSError(5, "Input/output error")
        return real(path, algorithms)

    monkeypatch.setattr(directory, "hash_file", failing)
    assert codes(bag) == {"FIX-UNREADABLE"}


@pytest.mark.parametrize("closed", ["data", "data/d"])
def test_what_may_not_be_looked_at_is_not_called_missing(tmp_path: Path, closed: str) -> None:
    bag = make_bag(tmp_path / "bag")
    (bag / closed).chmod(0o000)
    with ordinary_rights():
        assert codes(bag) == {"FIX-UNREADABLE"}
    (bag / closed).chmod(0o600)  # its names can be listed, and nothing be asked of them
    with ordinary_rights():
        assert codes(bag) == {"FIX-UNREADABLE"}
    (bag / closed).chmod(0o755)
    assert codes(bag) == set()


@pytest.mark.parametrize("name", ["a%0Ab", "a%b", "100%", "%25", "%", "a\nb", "a\rb", "a\r\n%0D", "%7E", "%0a"])
def test_names_with_percent_cr_and_lf(tmp_path: Path, name: str) -> None:
    """Pitfall 5: no tool did it right. Encoded as the RFC says, and written as they are, as most tools did."""
    encoded = name.replace("%", "%25").replace("\n", "%0A").replace("\r", "%0D")
    bag = make_bag(tmp_path / "bag", payload={name: b"x"})
    for algorithm in ("sha256", "sha512"):
        (bag / f"manifest-{algorithm}.txt").write_text(f"{digest(algorithm, b'x')}  data/{encoded}\n")
    seal(bag)
    assert codes(bag) == set()
    if "\n" in name or "\r" in name:
        return
    for version, expected in (("1.0", {"BAG-PERCENT"}), ("0.97", set())):
        old = make_bag(tmp_path / version, version=version, payload={name: b"x"})
        assert codes(old) == expected


def test_the_encoded_name_wins_where_both_exist(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", payload={"a%25": b"x", "a%": b"y"})
    (bag / "manifest-sha256.txt").write_text(f"{digest('sha256', b'x')}  data/a%2525\n{digest('sha256', b'y')}  data/a%25\n")
    (bag / "manifest-sha512.txt").write_text(f"{digest('sha512', b'x')}  data/a%2525\n{digest('sha512', b'y')}  data/a%25\n")
    seal(bag)
    assert codes(bag) == set()


def test_a_missing_file_with_an_alike_name_must_have_its_bytes(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag")
    (bag / "data/a.txt").rename(bag / "data/A.TXT")
    assert codes(bag) == {"BAG-NAME-DIFFERS"}
    (bag / "data/A.TXT").write_bytes(b"0ne")
    assert codes(bag) == {"BAG-FILE-MISSING", "BAG-UNLISTED"}


def test_warnings_do_not_refuse_and_errors_do(tmp_path: Path) -> None:
    bag = make_bag(tmp_path / "bag", version="0.97")
    append("manifest-sha256.txt", f"{SHA_ONE} *./data/a.txt\n".encode())(bag)
    seal(bag)
    findings = check(bag)
    assert findings.worst is Weight.WARNING
    assert set(findings.counts) == {"BAG-MD5SUM", "BAG-RELATIVE-PATH", "BAG-TWICE-LEGACY"}
