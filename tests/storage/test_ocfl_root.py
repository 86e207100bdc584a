"""Storage roots: what stands between objects, layouts, many objects in several processes."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from policies.findings import Findings
from storage.memory import MemoryBackend
from storage.ocfl import check_parallel, early
from storage.ocfl.check import check_path, check_root, is_ocfl, is_root_by_objects
from storage.ocfl.layout import LAYOUT_FILES, object_path
from tests.builders_ocfl import OcflObject, two_versions
from tests.rights import ordinary_rights

IDS = [f"urn:uuid:00000000-0000-4000-8000-{number:012d}" for number in range(3)]


def storage_root(top: Path, ids: list[str] = IDS, place: Callable[[str], str] = object_path) -> Path:
    for path, data in LAYOUT_FILES.items():
        (top / path).parent.mkdir(parents=True, exist_ok=True)
        (top / path).write_bytes(data)
    for object_id in ids:
        two_versions(object_id).write(top / place(object_id))
    return top


def found(top: Path, **keywords: int) -> list[tuple[str, str]]:
    findings = Findings()
    check_path(top, findings, **keywords)
    return sorted({(finding.code, finding.path) for finding in findings})


def write(path: Path, data: bytes = b"x") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def in_memory(top: Path) -> MemoryBackend:
    backend = MemoryBackend()
    for path in top.rglob("*"):
        if path.is_file() and not path.is_symlink():
            backend.put(f"r/{path.relative_to(top).as_posix()}", io.BytesIO(path.read_bytes()))
    return backend


def test_a_good_root(tmp_path: Path) -> None:
    top = storage_root(tmp_path / "r")
    write(top / "ocfl_1.1.md")
    assert is_ocfl(top)
    assert found(top) == []


def test_an_empty_root(tmp_path: Path) -> None:
    assert found(storage_root(tmp_path / "r", [])) == []


Break = Callable[[Path], object]
CONFIG = "extensions/0004-hashed-n-tuple-storage-layout/config.json"
DEFECTS: list[tuple[list[tuple[str, str]], Break]] = [
    ([("E076", ""), ("E069", "")], lambda top: (top / "0=ocfl_1.0").write_bytes(b"ocfl_1.0\n")),
    ([("E080", "0=ocfl_1.1")], lambda top: (top / "0=ocfl_1.1").write_bytes(b"ocfl_1.0\n")),
    ([("E079", "0=ocfl_7.1"), ("E069", ""), ("E076", "")], lambda top: (top / "0=ocfl_1.1").rename(top / "0=ocfl_7.1")),
    ([("E070", "ocfl_layout.json")], lambda top: (top / "ocfl_layout.json").write_bytes(b"[]")),
    ([("E070", "ocfl_layout.json")], lambda top: (top / "ocfl_layout.json").write_bytes(b"{" * 100_000)),
    ([("E070", "ocfl_layout.json")], lambda top: (top / "ocfl_layout.json").write_bytes(b'{"extension": "x"}')),
    ([("E070", "ocfl_layout.json")], lambda top: (top / "ocfl_layout.json").write_bytes(b"\xff")),
    (
        [("E071", "ocfl_layout.json")],
        lambda top: (top / "ocfl_layout.json").write_bytes(b'{"extension": "../x", "description": ""}'),
    ),
    ([("OCFL-LAYOUT-CONFIG", CONFIG)], lambda top: (top / CONFIG).write_bytes(b'{"tupleSize": "3"}')),
    ([("OCFL-LAYOUT-CONFIG", CONFIG)], lambda top: (top / CONFIG).write_bytes(b'{"digestAlgorithm": []}')),
    ([("OCFL-LAYOUT-CONFIG", CONFIG)], lambda top: (top / CONFIG).write_bytes(b"[")),
    ([("E072", "a/b/file"), ("E084", "a/b/file"), ("E085", "a/b"), ("E088", "a")], lambda top: write(top / "a/b/file")),
    ([("E073", "a/b"), ("E085", "a/b"), ("E088", "a")], lambda top: (top / "a/b").mkdir(parents=True)),
    ([("E090", "link")], lambda top: (top / "link").symlink_to("/tmp")),
    ([("E112", "extensions/file")], lambda top: write(top / "extensions/file")),
    ([("W016", "extensions/made-up")], lambda top: write(top / "extensions/made-up/config.json")),
    ([("E081", object_path(IDS[0])), ("E069", ""), ("E076", "")][:1], lambda top: older_root(top)),
    ([("E037", "zzz"), ("E083", "zzz"), ("W014", "zzz"), ("W015", "")], lambda top: two_versions(IDS[0]).write(top / "zzz")),
    ([("W014", "zz/z")], lambda top: two_versions("urn:x:9").write(top / "zz/z")),
    ([("E003", object_path(IDS[1]))], lambda top: (top / object_path(IDS[1]) / "0=ocfl_object_1.1").unlink()),
    ([("E063", object_path(IDS[1]))], lambda top: (top / object_path(IDS[1]) / "inventory.json").unlink()),
    ([("E001", f"{object_path(IDS[2])}/inner")], lambda top: two_versions("urn:x:i").write(top / object_path(IDS[2]) / "inner")),
]


def older_root(top: Path) -> None:
    """A root of 1.0 with two objects of 1.0 and one of 1.1."""
    (top / "0=ocfl_1.1").unlink()
    (top / "0=ocfl_1.0").write_bytes(b"ocfl_1.0\n")
    for object_id in IDS[1:]:
        built = two_versions(object_id)
        built.files["0=ocfl_object_1.0"] = b"ocfl_object_1.0\n"
        for document in built.inventories.values():
            document["type"] = "https://ocfl.io/1.0/spec/#inventory"
        built.write(top / object_path(object_id))
        (top / object_path(object_id) / "0=ocfl_object_1.1").unlink()


@pytest.mark.parametrize(("expected", "defect"), DEFECTS, ids=[f"{e[0][0]}-{n}" for n, (e, _) in enumerate(DEFECTS)])
def test_a_defect_is_reported(expected: list[tuple[str, str]], defect: Break, tmp_path: Path) -> None:
    top = storage_root(tmp_path / "r")
    defect(top)
    everything = found(top)
    codes = {code for code, _path in expected}
    assert set(expected) <= set(everything)
    assert {code for code, _path in everything} - codes <= {"E046", "E058", "E060"}
    if codes & {"E073", "E090"}:  # what no store without folders and links can show
        return
    findings = Findings()
    check_root(in_memory(top), findings, prefix="r")
    assert {(finding.code, finding.path) for finding in findings} == {
        (code, f"r/{path}" if path else "r") for code, path in everything
    }


def test_an_older_object_in_a_newer_root(tmp_path: Path) -> None:
    top = storage_root(tmp_path / "r")
    older_root(top)
    (top / "0=ocfl_1.0").unlink()
    (top / "0=ocfl_1.1").write_bytes(b"ocfl_1.1\n")
    assert found(top) == []


def test_a_root_without_declaration(tmp_path: Path) -> None:
    top = storage_root(tmp_path / "r")
    findings = Findings()
    backend = in_memory(top)
    backend.delete("r/0=ocfl_1.1")
    check_root(backend, findings, prefix="r")
    assert set(findings.counts) == {"E069", "E076"}


def test_many_objects_in_several_processes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same findings as in one process, in the same order."""
    monkeypatch.setattr(check_parallel, "POOL_FROM", 8)
    monkeypatch.setattr(check_parallel, "BATCH", 4)
    ids = [f"urn:x:{number}" for number in range(40)]
    top = storage_root(tmp_path / "r", ids)
    for object_id in ids[::7]:
        (top / object_path(object_id) / "v1/content/a.txt").write_bytes(b"altered")
    one, two = Findings(), Findings()
    counted = Counted()
    check_path(top, one, workers=1)
    check_path(top, two, workers=2, progress=counted)
    assert list(one) == list(two)
    assert one.counts == {"E092": 6, "E093": 6}
    assert (counted.done, counted.unit, counted.phases) == (40, "objects", 0)


def test_processes_that_were_started_before_judge_a_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    monkeypatch.setattr(early, "MUCH", 12)
    monkeypatch.setattr(check_parallel, "POOL_FROM", 8)
    monkeypatch.setattr(check_parallel, "BATCH", 4)
    ids = [f"urn:x:{number}" for number in range(12)]
    top = storage_root(tmp_path / "r", ids)
    (top / object_path(ids[5]) / "v1/content/a.txt").write_bytes(b"altered")
    helpers = early.early_helpers(top)
    assert helpers is not None
    started = [helper._process for helper in helpers.all]
    assert all(process is not None and process.poll() is None for process in started)
    one, two = Findings(), Findings()
    check_path(top, one, workers=1)
    check_path(top, two, helpers=helpers)
    helpers.close()
    assert list(one) == list(two)
    assert one.counts == {"E092": 1, "E093": 1}
    assert all(process is not None and process.poll() is not None for process in started)


def test_processes_are_started_early_for_large_storage_roots_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0, 1})
    monkeypatch.setattr(early, "MUCH", 6)
    assert early.early_helpers(storage_root(tmp_path / "small", ["urn:x:1"])) is None
    assert early.early_helpers(tmp_path / "none") is None
    write(tmp_path / "file")
    assert early.early_helpers(tmp_path / "file") is None
    for number in range(10):
        write(tmp_path / f"folder/{number}")
    write(tmp_path / "folder/0=ocfl_object_1.1")
    assert early.early_helpers(tmp_path / "folder") is None, "an object, or anything else"
    monkeypatch.setattr("os.sched_getaffinity", lambda process: {0})
    assert early.early_helpers(storage_root(tmp_path / "large", [f"urn:x:{number}" for number in range(9)])) is None


class Counted:
    done = 0
    phases = 0
    unit = ""

    def start(self, phase: str, total: int | None, unit: str) -> None:
        self.phases += 1
        self.unit = unit

    def advance(self, amount: int) -> None:
        self.done += amount

    def finish(self) -> None:
        self.phases -= 1


DYING = """
import os, sys
sys.path[:] = {path!r}
from storage.ocfl import check_parallel
good = check_parallel.judge
def judge(root, batch):
    if any(os.path.exists(os.path.join(root, path, "logs/deadly")) for path in batch):
        os.kill(os.getpid(), 9)
    return good(root, batch)
check_parallel.judge = judge
check_parallel.serve({lifeline})
"""


def test_an_object_whose_checker_dies_is_unknown_and_no_other(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(check_parallel, "POOL_FROM", 8)
    monkeypatch.setattr(check_parallel, "BATCH", 4)
    monkeypatch.setattr("storage.processes.START", DYING)
    ids = [f"urn:x:{number}" for number in range(12)]
    top = storage_root(tmp_path / "r", ids)
    write(top / object_path(ids[5]) / "logs/deadly")
    (top / object_path(ids[3]) / "v1/content/a.txt").unlink()
    findings = Findings()
    check_path(top, findings, workers=2)
    assert {(finding.code, finding.path.removesuffix("/v1/content/a.txt")) for finding in findings} == {
        ("FIX-UNREADABLE", object_path(ids[5])),
        ("E092", object_path(ids[3])),
        ("E093", object_path(ids[3])),
    }


def test_a_folder_of_anything_is_not_ocfl(tmp_path: Path) -> None:
    write(tmp_path / "x/readme.txt")
    write(tmp_path / "x/inventory.json")
    assert not is_ocfl(tmp_path / "x")
    assert not is_ocfl(tmp_path / "none")


def test_a_root_is_recognised_when_its_declaration_is_gone(tmp_path: Path) -> None:
    top = storage_root(tmp_path / "r")
    (top / "0=ocfl_1.1").unlink()
    assert is_ocfl(top)
    assert {code for code, _path in found(top)} == {"E069", "E076"}


def nothing_says_root(top: Path) -> Path:
    """A storage root that lost both files that tell what it is."""
    storage_root(top)
    (top / "0=ocfl_1.1").unlink()
    (top / "ocfl_layout.json").unlink()
    return top


def test_a_root_is_recognised_by_its_objects_when_nothing_says_what_it_is(tmp_path: Path) -> None:
    top = nothing_says_root(tmp_path / "r")
    write(top / "ocfl_1.1.md")
    assert is_root_by_objects(top)
    assert {code for code, _path in found(top)} == {"E069", "E076"}


@pytest.mark.parametrize(
    "change",
    [
        lambda top: write(top / "other folder/letter.txt"),
        lambda top: write(top / object_path(IDS[0]).partition("/")[0] / "letter.txt"),
        lambda top: (top / "empty").mkdir(),
        lambda top: (top / "link").symlink_to(top / object_path(IDS[0])),
    ],
    ids=["another folder", "a file on the way", "an empty folder", "a link"],
)
def test_a_folder_that_holds_other_things_too_is_no_root(tmp_path: Path, change: Callable[[Path], None]) -> None:
    top = nothing_says_root(tmp_path / "r")
    change(top)
    assert not is_root_by_objects(top)


def test_a_folder_of_objects_is_no_root_where_it_is_one_itself_or_leads_to_one(tmp_path: Path) -> None:
    storage_root(tmp_path / "above/r")
    assert not is_root_by_objects(tmp_path / "above")
    assert not is_root_by_objects(two_versions().write(tmp_path / "o"))
    assert not is_root_by_objects(tmp_path / "none")
    deep = tmp_path / "deep" / "/".join("d" * 200)
    two_versions().write(deep)
    assert not is_root_by_objects(tmp_path / "deep")


def test_an_object_is_recognised_when_its_declaration_is_gone(tmp_path: Path) -> None:
    built: OcflObject = two_versions()
    del built.files["0=ocfl_object_1.1"]
    assert is_ocfl(built.write(tmp_path / "o"))


def test_a_very_deep_hierarchy(tmp_path: Path) -> None:
    top = storage_root(tmp_path / "r", [])
    here = os.open(top, os.O_RDONLY)
    for _level in range(300):
        os.mkdir("d" * 200, dir_fd=here)
        inner = os.open("d" * 200, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    assert {code for code, _path in found(top)} == {"FIX-UNREADABLE"}
    assert json.loads((top / "ocfl_layout.json").read_text())["extension"].startswith("0004")


def test_what_may_not_be_looked_into_is_not_said_to_hold_no_object(tmp_path: Path) -> None:
    """Its one object could not be read, and the directory was said to hold none (E088)."""
    top = storage_root(tmp_path / "r", IDS[:1])
    folder = next(each for each in top.iterdir() if each.is_dir() and each.name != "extensions")
    folder.chmod(0o000)
    with ordinary_rights():
        assert found(top) == [("FIX-UNREADABLE", folder.name)]
    folder.chmod(0o755)
    assert found(top) == []
