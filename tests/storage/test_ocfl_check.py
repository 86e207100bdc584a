"""One valid object, one defect at a time: each is reported under its official code, on a disk and in a store, and never raises."""

from __future__ import annotations

import hashlib
import json
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from policies.findings import Findings
from storage.memory import MemoryBackend
from storage.ocfl import check_inventory, documents
from storage.ocfl.check import check_object, check_path
from tests.builders_ocfl import OcflObject, digest, two_versions
from tests.oracles import ocfl_py_report
from tests.rights import ordinary_rights

A = digest(b"a")


def both(built: OcflObject, **members: Any) -> None:
    """Change the root inventory and its copy in the head version."""
    built.change("v2", **members)


def block(built: OcflObject, number: int, **members: Any) -> None:
    for document in (built.inventories["v1"], built.inventories["v2"]):
        version = document["versions"].get(f"v{number}")
        for key, value in members.items():
            if version is not None and value is None:
                version.pop(key)
            elif version is not None:
                version[key] = value


def add_path(built: OcflObject, path: str) -> None:
    built.root["manifest"][A].append(path)


def add_logical(built: OcflObject, path: str) -> None:
    built.root["versions"]["v2"]["state"][A].append(path)


def rename_versions(built: OcflObject, names: tuple[str, str]) -> None:
    old = ("v1", "v2")
    texts = {folder: built.bytes_of(folder).decode() for folder in old}
    for before, after in zip(old, names, strict=True):
        texts = {
            folder: text.replace(f'"{before}"', f'"{after}"').replace(f'"{before}/', f'"{after}/')
            for folder, text in texts.items()
        }
    built.inventories = {names[0]: json.loads(texts["v1"]), names[1]: json.loads(texts["v2"])}
    built.inventories[""] = built.inventories[names[1]]
    built.files = {path.replace("v1/", f"{names[0]}/").replace("v2/", f"{names[1]}/"): data for path, data in built.files.items()}


def upper(built: OcflObject) -> None:
    for document in built.inventories.values():
        for one in (document["manifest"], *(version["state"] for version in document["versions"].values())):
            for key in list(one):
                one[key.upper()] = one.pop(key)


def to_sha256(built: OcflObject) -> None:
    text = built.bytes_of("v2").decode().replace('"digestAlgorithm": "sha512"', '"digestAlgorithm": "sha256"')
    for path, data in built.files.items():
        if "/content/" in path:
            text = text.replace(digest(data), digest(data, "sha256"))
    built.inventories["v2"] = built.inventories[""] = json.loads(text)


def old_text(built: OcflObject, before: str, after: str) -> None:
    built.inventories["v1"] = json.loads(built.bytes_of("v1").decode().replace(before, after))


def to_1_0(built: OcflObject) -> None:
    built.files["0=ocfl_object_1.0"] = b"ocfl_object_1.0\n"
    del built.files["0=ocfl_object_1.1"]
    for document in built.inventories.values():
        document["type"] = "https://ocfl.io/1.0/spec/#inventory"


Break = Callable[[OcflObject], object]

DEFECTS: list[tuple[str, Break]] = [
    ("E001", lambda o: o.files.update({"readme.txt": b"x"})),
    ("E001", lambda o: o.files.update({"more/readme.txt": b"x"})),
    ("E001", lambda o: o.files.update({"logs": b"a file"})),
    ("E003", lambda o: o.files.pop("0=ocfl_object_1.1")),
    ("E003", lambda o: o.files.update({"0=ocfl_object_1.0": b"ocfl_object_1.0\n"})),
    ("E004", lambda o: o.files.update({"ocfl_object_1.1": o.files.pop("0=ocfl_object_1.1")})),
    ("E005", lambda o: o.files.update({"1=ocfl_object_1.1": o.files.pop("0=ocfl_object_1.1")})),
    ("E006", lambda o: o.files.update({"0=ocfl_objekt_1.1": o.files.pop("0=ocfl_object_1.1")})),
    ("E006", lambda o: o.files.update({"0=ocfl_object_9.9": b"ocfl_object_9.9\n"})),
    ("E007", lambda o: o.files.update({"0=ocfl_object_1.1": b"ocfl_object_1.1"})),
    ("E007", lambda o: o.files.update({"0=ocfl_object_1.1": b"ocfl_object_1.1\n" * 1000})),
    ("E008", lambda o: both(o, versions={})),
    ("E009", lambda o: rename_versions(o, ("v2", "v3"))),
    ("E010", lambda o: rename_versions(o, ("v1", "v3"))),
    ("E011", lambda o: rename_versions(o, ("v01", "v20"))),
    ("E012", lambda o: rename_versions(o, ("v1", "v02"))),
    ("E013", lambda o: rename_versions(o, ("v01", "v002"))),
    ("E014", lambda o: add_path(o, "v01/content/other")),
    ("E015", lambda o: o.files.update({"v1/readme.txt": b"x"})),
    ("E016", lambda o: o.files.pop("v2/content/c.txt")),
    ("E017", lambda o: both(o, contentDirectory="con/tent")),
    ("E017", lambda o: both(o, contentDirectory=5)),
    ("E018", lambda o: both(o, contentDirectory="..")),
    ("E019", lambda o: both(o, contentDirectory="content")),
    ("E020", lambda o: o.change("v1", contentDirectory="stuff")),
    ("E023", lambda o: o.files.update({"v1/content/stray.txt": b"x"})),
    ("E023", lambda o: (o.inventories["v1"]["manifest"].pop(A), o.inventories["v1"]["versions"]["v1"]["state"].pop(A))),
    ("E025", lambda o: both(o, digestAlgorithm="md5")),
    ("E025", lambda o: both(o, digestAlgorithm=["sha512"])),
    ("E025", lambda o: o.root["manifest"].update({"abcdef": ["v1/content/x"]})),
    ("E025", lambda o: o.root["manifest"].update({"not hex": ["v1/content/x"]})),
    ("E033", lambda o: o.inventories.update({"": b"{", "v2": b"{"})),
    ("E033", lambda o: o.inventories.update({"": b"[]", "v2": b"[]"})),
    ("E033", lambda o: o.inventories.update({"": b"\xef\xbb\xbf" + o.bytes_of("v2")})),
    ("E033", lambda o: o.inventories.update({"": o.bytes_of("v2").replace("đ".encode(), b"\xf0")})),
    ("E033", lambda o: o.inventories.update({"": o.bytes_of("v2").decode().encode("utf-16")})),
    ("E033", lambda o: o.inventories.update({"": o.bytes_of("v2").replace(b"{", b'{"id": "urn:x:again",', 1)})),
    ("E033", lambda o: o.inventories.update({"": o.bytes_of("v2").replace(b"version 2", b"half \\ud800")})),
    ("E033", lambda o: o.inventories.update({"": b'{"id": NaN}'})),
    ("E033", lambda o: o.inventories.update({"": b'{"head": ' + b"9" * 5000 + b"}"})),
    ("E033", lambda o: o.inventories.update({"": b"[" * 200_000})),
    ("E033", lambda o: o.inventories.update({"": b'{"a":' * 200_000})),
    ("E034", lambda o: (o.files.update({"Inventory.json": o.bytes_of("")}), o.inventories.pop(""))),
    ("E035", lambda o: add_path(o, "v1\\content\\x")),
    ("E036", lambda o: both(o, id=None)),
    ("E036", lambda o: both(o, type=None)),
    ("E036", lambda o: both(o, digestAlgorithm=None)),
    ("E036", lambda o: both(o, head=None)),
    ("E037", lambda o: both(o, id="")),
    ("E037", lambda o: both(o, id=7)),
    ("E037", lambda o: o.change("v1", id="urn:x:other")),
    ("E038", lambda o: both(o, type="https://ocfl.io/1.0/spec/#inventory")),
    ("E038", lambda o: both(o, type="https://ocfl.io/3.0/spec/#inventory")),
    ("E038", lambda o: both(o, type={})),
    ("E040", lambda o: both(o, head="v1")),
    ("E040", lambda o: both(o, head=2)),
    ("E040", lambda o: o.change("v1", head="v2")),
    ("E041", lambda o: both(o, manifest=None)),
    ("E041", lambda o: both(o, versions=None)),
    ("E042", lambda o: add_path(o, "v1/elsewhere/x")),
    ("E042", lambda o: add_path(o, "content/x")),
    ("E042", lambda o: add_path(o, "v1")),
    ("E042", lambda o: add_path(o, "v1/content")),
    ("E042", lambda o: add_path(o, "v1/contents")),
    ("E043", lambda o: both(o, versions=None)),
    ("E044", lambda o: both(o, versions=[])),
    ("E045", lambda o: both(o, versions="v1")),
    ("E046", lambda o: o.files.update({"v3/x": b"x"})),
    ("E046", lambda o: (o.inventories.pop("v2"), o.files.pop("v2/content/c.txt"))),
    ("E047", lambda o: o.root["versions"].update({"v1": []})),
    ("E048", lambda o: block(o, 2, created=None)),
    ("E048", lambda o: block(o, 2, state=None)),
    ("E049", lambda o: block(o, 2, created="2026-02-30T00:00:00Z")),
    ("E049", lambda o: block(o, 2, created="2026-02-20 00:00:00Z")),
    ("E049", lambda o: block(o, 2, created="2026-02-20T00:00:00")),
    ("E049", lambda o: block(o, 2, created="2026-02-20T00:00Z")),
    ("E049", lambda o: block(o, 2, created="2026-02-20T00:00:00+24:00")),
    ("E049", lambda o: block(o, 2, created=5)),
    ("E050", lambda o: o.root["versions"]["v2"]["state"].update({"ab" * 64: ["x"]})),
    ("E050", lambda o: o.root["versions"]["v2"]["state"].update({A.upper(): o.root["versions"]["v2"]["state"].pop(A)})),
    ("E050", lambda o: block(o, 2, state=[])),
    ("E051", lambda o: o.root["versions"]["v2"]["state"].update({A: "a.txt"})),
    ("E051", lambda o: o.root["versions"]["v2"]["state"].update({A: [["a.txt"]]})),
    ("E052", lambda o: add_logical(o, "x/../y")),
    ("E052", lambda o: add_logical(o, "x//y")),
    ("E052", lambda o: add_logical(o, "./y")),
    ("E052", lambda o: add_logical(o, "")),
    ("E053", lambda o: add_logical(o, "/etc/passwd")),
    ("E053", lambda o: add_logical(o, "folder/")),
    ("E054", lambda o: block(o, 2, user={"address": "mailto:a@b"})),
    ("E054", lambda o: block(o, 2, user="me")),
    ("E054", lambda o: block(o, 2, user={"name": "", "address": "mailto:a@b"})),
    ("E056", lambda o: o.root["fixity"].update({"crc32": {}})),
    ("E057", lambda o: o.root["fixity"].update({"md5": []})),
    ("E057", lambda o: o.root["fixity"].update({"md5": {"abc": ["v1/content/a.txt"]}})),
    ("E057", lambda o: o.root["fixity"].update({"md5": {digest(b"a", "md5"): "v1/content/a.txt"}})),
    ("E057", lambda o: o.root["fixity"].update({"md5": {digest(b"a", "md5"): ["v1/content/none.txt"]}})),
    ("E058", lambda o: o.without_sidecar.add("")),
    ("E058", lambda o: o.without_sidecar.add("v1")),
    ("E059", lambda o: (o.without_sidecar.add(""), o.files.update({"inventory.json.sha256": b"x"}))),
    ("E060", lambda o: o.files.update({"inventory.json.sha512": A.encode() + b" inventory.json\n"})),
    ("E060", lambda o: o.files.update({"v1/inventory.json.sha512": A.encode() + b" inventory.json\n"})),
    ("E061", lambda o: o.files.update({"inventory.json.sha512": b""})),
    ("E061", lambda o: o.files.update({"inventory.json.sha512": A.encode() + b" inventory.txt\n"})),
    ("E061", lambda o: o.files.update({"inventory.json.sha512": A.encode()})),
    ("E061", lambda o: o.files.update({"inventory.json.sha512": A.encode() + b" inventory.json\n" + b" " * 100_000})),
    ("E063", lambda o: o.inventories.pop("")),
    ("E064", lambda o: o.inventories.update({"v2": json.loads(o.bytes_of("v2").replace(b"version 2", b"version two"))})),
    ("E066", lambda o: old_text(o, "a.txt", "z.txt")),
    ("E067", lambda o: o.files.update({"extensions/file": b"x"})),
    ("E092", lambda o: o.files.update({"v1/content/a.txt": b"b"})),
    ("E092", lambda o: o.files.update({"v1/content/a.txt": b""})),
    ("E092", lambda o: o.files.pop("v1/content/a.txt")),
    ("E092", lambda o: o.root["manifest"].update({A: []})),
    ("E092", lambda o: o.root["manifest"].update({A: "v1/content/a.txt"})),
    ("E092", lambda o: o.root["manifest"].update({A: [1]})),
    ("E092", lambda o: o.inventories["v1"]["manifest"].update({digest(b"b"): ["v1/content/b.txt"]})),
    ("E093", lambda o: o.root["fixity"].update({"md5": {digest(b"b", "md5"): ["v1/content/a.txt"]}})),
    ("E093", lambda o: o.root["fixity"].update({"size": {"2": ["v1/content/a.txt"]}})),
    ("E093", lambda o: o.inventories["v1"]["fixity"].update({"md5": {digest(b"b", "md5"): ["v1/content/a.txt"]}})),
    ("E094", lambda o: block(o, 2, message=5)),
    ("E095", lambda o: add_logical(o, "a.txt")),
    ("E095", lambda o: add_logical(o, "a.txt/inside")),
    ("E096", lambda o: o.root["manifest"].update({A.upper(): ["v1/content/a.txt"]})),
    ("E097", lambda o: o.root["fixity"]["sha256"].update({digest(b"a", "sha256").upper(): ["v1/content/a.txt"]})),
    ("E099", lambda o: add_path(o, "v1/content/../../../../etc/passwd")),
    ("E100", lambda o: add_path(o, "/etc/passwd")),
    ("E101", lambda o: o.root["manifest"][digest(b"c" * 5000)].append("v1/content/a.txt")),
    ("E101", lambda o: add_path(o, "v1/content/a.txt/inside")),
    ("E102", lambda o: both(o, remark="x")),
    ("E102", lambda o: block(o, 2, remark="x")),
    ("E102", lambda o: block(o, 2, user={"name": "n", "address": "mailto:a@b", "shoe": 42})),
    ("E103", lambda o: (to_1_0(o), o.change("v1", type="https://ocfl.io/1.1/spec/#inventory"))),
    ("E104", lambda o: o.root["versions"].update({"3": o.root["versions"]["v2"]})),
    ("E105", lambda o: o.root["versions"].update({"v0": o.root["versions"]["v2"]})),
    ("E106", lambda o: both(o, manifest=[])),
    ("E107", lambda o: o.root["manifest"].update({digest(b"u"): ["v1/content/u"]}) or o.files.update({"v1/content/u": b"u"})),
    ("E108", lambda o: both(o, contentDirectory="")),
    ("E110", lambda o: o.change("v1", id="urn:x:other")),
    ("E111", lambda o: o.root.update(fixity=None)),
    ("W001", lambda o: rename_versions(o, ("v01", "v02"))),
    ("W002", lambda o: o.files.update({"v1/more/file": b"x"})),
    ("W004", to_sha256),
    ("W005", lambda o: [document.update(id="đất 5") for document in o.inventories.values()]),
    ("W007", lambda o: block(o, 1, message=None)),
    ("W007", lambda o: block(o, 1, user=None)),
    ("W008", lambda o: block(o, 1, user={"name": "x"})),
    ("W009", lambda o: block(o, 1, user={"name": "x", "address": "x"})),
    ("W010", lambda o: o.inventories.pop("v1")),
    ("W011", lambda o: old_text(o, "version 1", "version one")),
    ("W013", lambda o: o.files.update({"extensions/0000-made-up/config.json": b"{}"})),
]

NAMES = [f"{code}-{number}" for number, (code, _break) in enumerate(DEFECTS)]


def codes_of(built: OcflObject, folder: Path) -> set[str]:
    findings = Findings()
    check_path(built.write(folder), findings)
    for finding in findings:
        assert "{" not in finding.text("en") + finding.text("vi"), finding
        assert finding.source
    return set(findings.counts)


def test_the_valid_object_has_no_finding(tmp_path: Path) -> None:
    assert codes_of(two_versions(), tmp_path / "o") == set()
    assert ocfl_py_report([tmp_path / "o"]) == {tmp_path / "o": []}


def test_what_1_1_brought_is_not_asked_of_1_0(tmp_path: Path) -> None:
    built = two_versions()
    to_1_0(built)
    assert codes_of(built, tmp_path / "plain") == set()
    built.files["v1/content/u"] = b"u"
    for document in built.inventories.values():
        document["manifest"][digest(b"u")] = ["v1/content/u"]
    assert codes_of(built, tmp_path / "unused") == set()
    both(built, manifest=[])
    assert "E041" in codes_of(built, tmp_path / "manifest")
    both(built, fixity=[], manifest={})
    assert "E056" in codes_of(built, tmp_path / "fixity")


def test_an_old_version_may_follow_an_older_specification(tmp_path: Path) -> None:
    built = two_versions()
    built.change("v1", type="https://ocfl.io/1.0/spec/#inventory")
    assert codes_of(built, tmp_path / "o") == set()


def test_digests_may_be_written_in_upper_case(tmp_path: Path) -> None:
    built = two_versions()
    upper(built)
    built.files["inventory.json.sha512"] = digest(built.bytes_of("")).upper().encode() + b"\t inventory.json\n"
    assert codes_of(built, tmp_path / "o") == set()


@pytest.mark.parametrize(("code", "defect"), DEFECTS, ids=NAMES)
def test_a_defect_is_reported(code: str, defect: Break, tmp_path: Path) -> None:
    built = two_versions()
    defect(built)
    codes = codes_of(built, tmp_path / "o")
    assert code in codes
    if code.startswith("W"):
        assert codes == {code}
    backend = MemoryBackend()
    built.put(backend, "far/away")
    findings = Findings()
    check_object(backend, "far/away", findings)
    assert set(findings.counts) == codes
    assert all(finding.path.startswith("far/away") for finding in findings)


def test_ocfl_py_agrees(tmp_path: Path) -> None:
    """Where Kho sees an error, the oracle sees one; where it sees warnings only, so does the oracle. Its own gaps are named."""
    folders = {}
    for name, (_code, defect) in zip(NAMES, DEFECTS, strict=True):
        built = two_versions()
        defect(built)
        folders[built.write(tmp_path / name)] = name
    report = ocfl_py_report(folders)
    silent = {
        name.split("-")[0] for path, name in folders.items() if name[0] == "E" and not any(c[0] != "W" for c in report[path])
    }
    assert silent <= OCFL_PY_MISSES
    for path, name in folders.items():
        if name[0] == "W" and name.split("-")[0] != "W001":
            assert not any(code.startswith("E") for code in report[path]), name


OCFL_PY_MISSES = {
    "E004",
    "E005",
    "E006",
    "E007",
    "E033",
    "E038",
    "E052",
    "E054",
    "E061",
    "E092",
    "E102",
    "E103",
    "E104",
    "E105",
    "E108",
}
"""Rules of which ocfl-py 2.1 lets some breach pass (seen here)."""


def test_an_empty_folder_in_the_content(tmp_path: Path) -> None:
    built = two_versions()
    built.folders.add("v1/content/empty")
    assert codes_of(built, tmp_path / "o") == {"E024"}


def test_an_empty_content_folder(tmp_path: Path) -> None:
    built = two_versions()
    built.files.pop("v2/content/c.txt")
    for document in built.inventories.values():
        document["manifest"].pop(digest(b"c" * 5000), None)
        document["fixity"] = {}
        document["versions"].get("v2", {"state": {}})["state"].pop(digest(b"c" * 5000), None)
    built.folders.add("v2/content")
    assert codes_of(built, tmp_path / "o") == {"W003"}


def test_links_and_devices_are_never_followed(tmp_path: Path) -> None:
    top = two_versions().write(tmp_path / "o")
    (top / "v1/content/a.txt").unlink()
    (top / "v1/content/a.txt").symlink_to("/etc/passwd")
    (top / "v2/content/folder").symlink_to(tmp_path)
    (top / "logs").symlink_to("/tmp")
    os.mkfifo(top / "v1/content/fifo")
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(top / "socket"))
        findings = Findings()
        check_path(top, findings)
    assert findings.counts["E090"] == 3
    assert [f.path for f in findings if f.code == "E092"] == ["v1/content/a.txt"]
    assert [f.path for f in findings if f.code == "E023"] == ["v1/content/fifo"]
    assert [f.path for f in findings if f.code == "E001"] == ["socket"]


def test_a_hard_link_inside_the_object(tmp_path: Path) -> None:
    built = two_versions()
    top = built.write(tmp_path / "o")
    os.link(top / "v1/content/a.txt", top / "v1/content/again.txt")
    findings = Findings()
    check_path(top, findings)
    assert set(findings.counts) == {"E023"}  # what is not in the manifest is not read
    manifest = {A: ["v1/content/a.txt", "v1/content/again.txt"]}
    for document in built.inventories.values():
        document["manifest"].update(manifest)
    built.write(top)
    findings = Findings()
    check_path(top, findings)
    assert set(findings.counts) == {"E090"}


@pytest.mark.parametrize(
    "path", ["inventory.json", "v1/inventory.json", "v1/content/a.txt", "0=ocfl_object_1.1", "inventory.json.sha512"]
)
def test_what_cannot_be_read_is_unknown_and_never_altered(path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = two_versions().write(tmp_path / "o")
    real = os.read
    refused = os.stat(top / path).st_ino

    def read(descriptor: int, length: int) -> bytes:
        if os.fstat(descriptor).st_ino == refused:
            raise OSError(5, "Input/output error")
        return real(descriptor, length)

    monkeypatch.setattr(os, "read", read)
    findings = Findings()
    check_path(top, findings)
    assert {(f.code, f.path) for f in findings} == {("FIX-UNREADABLE", path)}


def test_a_folder_that_cannot_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = two_versions().write(tmp_path / "o")
    real = os.scandir

    def scandir(path: str) -> Any:
        if path.endswith("v1/content"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    findings = Findings()
    check_path(top, findings)
    assert {(f.code, f.path) for f in findings} == {("FIX-UNREADABLE", "v1/content")}


@pytest.mark.parametrize("version", ["v1", "v2"])
def test_nothing_is_said_of_what_a_closed_version_holds(tmp_path: Path, version: str) -> None:
    """Every file in it was called missing or altered."""
    top = two_versions().write(tmp_path / "o")
    (top / version).chmod(0o000)
    findings = Findings()
    try:
        with ordinary_rights():
            check_path(top, findings)
    finally:
        (top / version).chmod(0o755)
    assert {(f.code, f.path) for f in findings} == {("FIX-UNREADABLE", version)}


def test_nothing_there(tmp_path: Path) -> None:
    findings = Findings()
    check_path(tmp_path / "none", findings)
    assert set(findings.counts) == {"FIX-UNREADABLE"}


def test_without_content_only_names_are_compared(tmp_path: Path) -> None:
    built = two_versions()
    built.files["v1/content/a.txt"] = b"other"
    backend = MemoryBackend()
    built.put(backend, "o")
    findings = Findings()
    assert check_object(backend, "o", findings, content=False).object_id == built.object_id
    assert not findings.counts


def test_the_specification_can_be_forced() -> None:
    backend = MemoryBackend()
    two_versions().put(backend, "o")
    findings = Findings()
    check_object(backend, "o", findings, spec="1.0")
    assert "E038" in findings.counts


def test_progress_counts_the_bytes_of_content(tmp_path: Path) -> None:
    backend = MemoryBackend()
    built = two_versions()
    built.put(backend, "o")
    seen: list[int] = []
    check_object(backend, "o", Findings(), progress=seen.append)
    assert sum(seen) == sum(len(data) for path, data in built.files.items() if "/content/" in path)


@pytest.mark.parametrize(("code", "defect"), DEFECTS, ids=NAMES)
def test_large_inventories_are_judged_alike(code: str, defect: Break, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same through the streaming reader, which is used from 8 MiB on."""
    built = two_versions()
    defect(built)
    built.write(tmp_path / "o")
    whole, streamed = Findings(), Findings()
    check_path(tmp_path / "o", whole)
    monkeypatch.setattr(documents, "STREAM_FROM", 16)
    monkeypatch.setattr(check_inventory, "STREAM_FROM", 16)
    check_path(tmp_path / "o", streamed)
    if code == "E033":  # what stands before the fault is seen, and half a surrogate pair becomes a question mark
        assert not streamed.ok or b"ud800" in built.bytes_of("")
    else:
        assert set(streamed.counts) == set(whole.counts)


def test_an_inventory_beyond_all_bounds_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    built = two_versions()
    monkeypatch.setattr(documents, "STREAM_FROM", 16)
    monkeypatch.setattr(check_inventory, "STREAM_FROM", 16)
    monkeypatch.setattr(check_inventory, "MAX_INVENTORY", 100)
    assert "OCFL-TOO-LARGE" in codes_of(built, tmp_path / "o")


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from([A, "v1", "v2", "v1/content/a.txt"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([A, "v1", "v3", "state", "user", "sha256", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


def places(document: Any, at: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = document.items() if isinstance(document, dict) else enumerate(document) if isinstance(document, list) else ()
    return [at, *(place for key, value in inner for place in places(value, (*at, key)))]


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_any_value_anywhere_in_an_inventory(data: st.DataObject) -> None:
    built = two_versions()
    place = data.draw(st.sampled_from(places(built.root)[1:]))
    inner: Any = built.root
    for key in place[:-1]:
        inner = inner[key]
    inner[place[-1]] = data.draw(json_values)
    backend = MemoryBackend()
    built.put(backend, "o")
    check_object(backend, "o", Findings())


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(at=st.integers(0, 3000), junk=st.binary(max_size=6), cut=st.integers(0, 40))
def test_any_bytes_anywhere_in_an_inventory(at: int, junk: bytes, cut: int) -> None:
    built = two_versions()
    data = built.bytes_of("")
    changed = data[:at] + junk + data[at + cut :]
    built.inventories[""] = built.inventories["v2"] = changed
    for folder in ("", "v2/"):
        built.files[f"{folder}inventory.json.sha512"] = f"{hashlib.sha512(data).hexdigest()} inventory.json\n".encode()
    backend = MemoryBackend()
    built.put(backend, "o")
    findings = Findings()
    check_object(backend, "o", findings)
    assert findings.ok == (changed == data)
