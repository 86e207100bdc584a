"""Mistakes that other preservation systems made with packages, one test each, named after the mistake."""

from __future__ import annotations

import io
import os
import unicodedata
import zipfile
from pathlib import Path

import pytest

from formats.package import arrange, recognise
from formats.package.archives import expand
from formats.package.bag_writer import BagWriter
from formats.package.directory import FolderSource
from formats.package.names import received_name
from formats.package.reception import spool_path
from formats.package.source import Kind
from formats.package.spool import Spool
from policies.findings import Findings

NFC = "Quyết định số 01.txt"
NFD = unicodedata.normalize("NFD", NFC)


def received(folder: Path, spool: Path) -> tuple[dict[str, bytes | None], Findings]:
    findings = Findings()
    with Spool(spool) as opened:
        spool_path(folder, opened, findings)
        form = recognise(opened)
        form.check(opened, findings)
        arrange(opened, findings)
        found: dict[str, bytes | None] = {}
        for spooled in opened.spooled("stored"):
            if not spooled.alias:
                assert spooled.stored not in found
                found[spooled.stored] = opened.path(spooled).read_bytes() if spooled.file else None
    return found, findings


def fill(folder: Path, *files: tuple[str, bytes]) -> Path:
    for name, data in files:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def bag_of(folder: Path, *files: tuple[str, bytes]) -> Path:
    with BagWriter(folder, info={}) as bag:
        for name, data in files:
            bag.add(name, lambda data=data: io.BytesIO(data))  # type: ignore[misc]
    return folder


def test_01_a_tool_rejects_its_own_bag_with_both_normal_forms(tmp_path: Path) -> None:
    bag = bag_of(tmp_path / "bag", (NFC, b"composed"), (NFD, b"decomposed"))
    found, findings = received(bag, tmp_path / "s")
    assert findings.ok
    assert {"BAG-NAMES-ALIKE", "PKG-NAME-NORMALISATION"} <= set(findings.counts)
    assert found[f"representations/rep1/data/{NFC}"] == b"composed"
    assert found[f"representations/rep1/data/{NFD}"] == b"decomposed"


def test_02_names_are_compared_normalised_and_never_rewritten(tmp_path: Path) -> None:
    bag = bag_of(tmp_path / "bag", (NFC, b"x"))
    (bag / "data" / NFC).rename(bag / "data" / NFD)  # what HFS+ did
    found, findings = received(bag, tmp_path / "s")
    assert findings.ok
    assert "BAG-NAME-DIFFERS" in findings.counts
    assert f"representations/rep1/data/{NFD}" in found
    assert f"representations/rep1/data/{NFC}" not in found


def test_04_cleaned_names_collide_and_one_file_is_lost(tmp_path: Path) -> None:
    names = ["fname-^~", "fname-~^", "fname-__", "a b", "a_b", "đ", "d"]
    found, _ = received(fill(tmp_path / "f", *((name, name.encode()) for name in names)), tmp_path / "s")
    assert {path: data for path, data in found.items() if data is not None} == {
        f"representations/rep1/data/{name}": name.encode() for name in names
    }


def test_07_names_as_long_as_a_file_system_allows(tmp_path: Path) -> None:
    long = "ế" * 85
    found, findings = received(fill(tmp_path / "f", (f"{long}/{long}/{long}", b"x")), tmp_path / "s")
    assert findings.ok
    assert found[f"representations/rep1/data/{long}/{long}/{long}"] == b"x"


def test_07_names_longer_than_any_file_system_allows_come_in_archives(tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("ế" * 300, b"x")
    with Spool(tmp_path / "s") as spool:
        findings = Findings()
        expand(buffer, spool, findings, name="x.zip")
        assert dict(findings.counts) == {"PKG-NAME-LONG": 1}
        assert [item.name for item in spool.items()] == [("ế" * 300).encode()]


@pytest.mark.parametrize(
    "name",
    [
        "back\\slash",
        "dot.",
        "space ",
        "CON",
        "a:b",
        "*",
        "?",
        "#",
        "%",
        "%2F",
        "+",
        "'",
        '"',
        "<",
        "|",
        "-rf",
        "~",
        "$HOME",
        "\u202e",
    ],
)
def test_08_characters_that_other_systems_choke_on(tmp_path: Path, name: str) -> None:
    found, findings = received(fill(tmp_path / "f", (name, b"x")), tmp_path / "s")
    assert findings.ok
    assert found == {f"representations/rep1/data/{name}": b"x"}


def test_09_names_that_differ_by_case_are_kept_apart(tmp_path: Path) -> None:
    bag = bag_of(tmp_path / "bag", ("A.txt", b"1"), ("a.txt", b"2"))
    found, findings = received(bag, tmp_path / "s")
    assert findings.ok
    assert "BAG-NAMES-ALIKE" in findings.counts
    assert (found["representations/rep1/data/A.txt"], found["representations/rep1/data/a.txt"]) == (b"1", b"2")


def test_10_empty_folders_are_dropped(tmp_path: Path) -> None:
    (tmp_path / "f" / "a" / "rỗng").mkdir(parents=True)
    found, _ = received(fill(tmp_path / "f", ("b", b"x")), tmp_path / "s")
    assert found == {
        "representations/rep1/data/a": None,
        "representations/rep1/data/a/rỗng": None,
        "representations/rep1/data/b": b"x",
    }
    bag = bag_of(tmp_path / "bag", ("b", b"x"))
    (bag / "data" / "rỗng").mkdir()
    found, _ = received(bag, tmp_path / "s2")
    assert found["representations/rep1/data/rỗng"] is None


def test_11_zero_byte_files_share_a_digest_and_stay_apart(tmp_path: Path) -> None:
    found, _ = received(fill(tmp_path / "f", ("a", b""), ("b", b""), ("c.pdf", b"")), tmp_path / "s")
    assert len(found) == 3
    with Spool(tmp_path / "s") as spool:
        assert len({s.file for s in spool.spooled()}) == 3
        assert [each.item.name for each in spool.spooled(order="sha512")] == [b"a", b"b", b"c.pdf"]


def test_12_a_link_leads_out_of_the_package(tmp_path: Path) -> None:
    folder = fill(tmp_path / "f", ("a", b"x"))
    (folder / "passwd").symlink_to("/etc/passwd")
    (folder / "etc").symlink_to("/etc")
    found, findings = received(folder, tmp_path / "s")
    assert findings.counts["PKG-LINK"] == 2
    assert not findings.ok
    assert found == {"representations/rep1/data/a": b"x"}


def test_13_system_files_are_deleted_and_the_bag_is_broken(tmp_path: Path) -> None:
    bag = bag_of(tmp_path / "bag", ("a", b"x"), (".DS_Store", b"mac"), ("d/Thumbs.db", b"win"))
    found, findings = received(bag, tmp_path / "s")
    assert findings.ok
    assert findings.counts["PKG-SYSTEM-FILE"] == 2
    assert found["representations/rep1/data/.DS_Store"] == b"mac"
    (bag / "data" / ".DS_Store").unlink()
    assert received(bag, tmp_path / "s2")[1].ok


@pytest.mark.parametrize("files", [2_000, pytest.param(50_000, marks=pytest.mark.proof)])
def test_14_time_grows_with_the_square_of_the_files(tmp_path: Path, files: int) -> None:
    """No timing, but no bound either: everything a package goes through is done once for so many files."""
    with Spool(tmp_path / "s") as spool:
        for number in range(files):
            spool.add_file(b"%d/%d.txt" % (number // 100, number), io.BytesIO(b"%d" % number))
        arrange(spool, Findings())
        assert sum(1 for s in spool.spooled("stored") if s.file) == files


def test_20_upper_case_checksums_are_legal(tmp_path: Path) -> None:
    bag = bag_of(tmp_path / "bag", ("a", b"x"))
    for path in bag.glob("manifest-*"):
        lines = [line.split("  ") for line in path.read_text().splitlines()]
        path.write_text("".join(f"{digest.upper()}  {name}\n" for digest, name in lines))
    for path in bag.glob("tagmanifest-*"):
        path.unlink()
    findings = Findings()
    recognise(FolderSource(bag)).check(FolderSource(bag), findings)
    assert list(findings) == []


def test_19_and_more_names_are_recovered_from_their_stored_form(tmp_path: Path) -> None:
    raw = [b"\xff", b"a\nb", "đ".encode(), b"%~", b"%25"]
    root = os.fsencode(tmp_path / "f")
    os.mkdir(root)
    for name in raw:
        with open(os.path.join(root, name), "wb") as file:
            file.write(name)
    with Spool(tmp_path / "s") as spool:
        spool_path(tmp_path / "f", spool, Findings())
        arrange(spool, Findings())
        for spooled in spool.spooled("stored"):
            assert received_name(spooled.stored.removeprefix("representations/rep1/data/")) == spooled.item.name
            assert spool.path(spooled).read_bytes() == spooled.item.name
            assert spooled.item.kind is Kind.FILE
