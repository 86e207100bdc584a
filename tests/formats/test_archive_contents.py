"""What lies in archives: named within bounds, whatever the archive holds or was made to do; what was not looked at is told."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import random
import tarfile
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest

from formats.enclosed import Enclosed, EnclosedFormat
from formats.identify import Basis, Identification
from formats.inside import (
    EARLIER,
    NAMED_ONLY,
    NOT_CHARACTERISED,
    OPENED,
    PATIENCE,
    SECONDS,
    Contents,
    Inside,
    Member,
    notes_again,
    told,
)
from formats.validate import Validation, Validity, Why
from formats.validate.validation import Defect, could_not, defective
from policies.findings import Puid
from policies.identification import ArchivesPolicy
from tests.formats.sample_files import make
from tests.packed import tarred, zipped


class Heads:
    """Names formats by the first bytes, as far as these tests need it; one call a batch, as the real one is asked."""

    KNOWN = (
        (b"PK\x03\x04", "x-fmt/263"),
        (b"\x1f\x8b", "x-fmt/266"),
        (b"BZh", "x-fmt/268"),
        (b"\xfd7zXZ", "fmt/1098"),
        (b"%PDF", "fmt/18"),
    )

    def __init__(self) -> None:
        self.most = 0

    def identify(self, paths: Iterator[Path]) -> Iterator[tuple[Path, Identification]]:
        asked = list(paths)
        self.most = max(self.most, len(asked))
        for path in asked:
            data = path.read_bytes()
            puid = next((puid for head, puid in self.KNOWN if data.startswith(head)), "")
            puid = "x-fmt/265" if data[257:262] == b"ustar" else puid
            basis = Basis.SIGNATURE if puid else Basis.UNKNOWN if data else Basis.EMPTY
            yield path, Identification(Puid(puid), puid and "name", "", "", basis, "t", "1", "s")


PDF = b"%PDF-1.4\n"


def look(folder: Path, name: str, data: bytes, bounds: ArchivesPolicy | None = None) -> tuple[Contents, list[Member]]:
    path = folder / "0001.bin"
    path.write_bytes(data)
    room = folder / "room"
    room.mkdir(exist_ok=True)
    members: list[Member] = []
    contents = Inside(Heads(), room, bounds or ArchivesPolicy()).look(path, name.encode(), members.append)  # type: ignore[arg-type]
    assert list(room.iterdir()) == []
    return contents, members


FILES = {"thư/công văn.pdf": PDF, "thư/trống": b"", "x.bin": b"\0\1"}


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("a.zip", zipped(FILES)),
        ("không tên", zipped(FILES)),
        ("a.tar", tarred(FILES)),
        ("a.tgz", tarred(FILES, "w:gz")),
        ("a.tar.bz2", tarred(FILES, "w:bz2")),
        ("a.tar.xz", tarred(FILES, "w:xz")),
    ],
)
def test_every_archive_that_can_be_opened(name: str, data: bytes, tmp_path: Path) -> None:
    contents, members = look(tmp_path, name, data)
    assert sorted(member.name for member in members) == sorted(FILES)
    assert contents.formats == {("fmt/18", "name"): 1, ("", ""): 1}
    assert (contents.files, contents.bytes, contents.unknown, contents.unknown_names) == (3, 11, 1, ["x.bin"])
    assert (contents.left, contents.locked) == ({}, 0)
    codes = [finding.code for finding in told("a", "x-fmt/263", contents)]
    assert codes == ["IDENT-INSIDE", "IDENT-INSIDE-UNKNOWN"]
    assert "inside: 1 × fmt/18 name" in contents.notes()
    assert "inside: named only, neither validated nor characterised" in contents.notes()
    assert "sound is not known" in next(told("a", "x-fmt/263", contents)).text(), "nobody is to take it for looked at"


def test_files_are_validated_where_that_is_wanted(tmp_path: Path) -> None:
    """In archives in archives too, under the names that they have there; empty ones are not asked for."""
    asked: list[tuple[bytes, str]] = []

    def validate(files: Iterable[tuple[Path, Puid]]) -> Iterator[tuple[Path, Validation]]:
        for path, puid in files:
            data = path.read_bytes()
            asked.append((data[:4], puid))
            bad = defective("t 1", [Defect("rule", "is cut")] if data.endswith(b"cut") else [])
            yield path, bad if puid else could_not(Why.NO_VALIDATOR, "none")

    inner = zipped({"sound.pdf": PDF, "cut.pdf": PDF + b"cut"})
    (tmp_path / "a").write_bytes(tarred({"b.zip": inner, "empty.pdf": b"", "x": b"\0\1"}))
    (tmp_path / "room").mkdir()
    contents = Inside(Heads(), tmp_path / "room", ArchivesPolicy(), validate).look(tmp_path / "a", b"a.tar")  # type: ignore[arg-type]
    assert sorted(asked) == [(b"\0\1", ""), (b"%PDF", "fmt/18"), (b"%PDF", "fmt/18"), (b"PK\3\4", "x-fmt/263")]
    assert contents.validity == {Validity.VALID: 2, Validity.INVALID: 1, Validity.NOT_VALIDATED: 1}
    assert contents.invalid == [("b.zip → cut.pdf", "rule: is cut")]
    notes = contents.notes()
    assert "inside, invalid: b.zip → cut.pdf: rule: is cut" in notes
    assert "inside: named and validated, not characterised" in notes
    assert "inside: named only, neither validated nor characterised" not in notes
    found = {each.code: each for each in told("a.tar", "x-fmt/265", contents)}
    assert found["VAL-INSIDE"].args["files"] == 4
    assert "b.zip → cut.pdf" in found["VAL-INSIDE-INVALID"].text("vi")


def test_a_validator_that_hangs_again_and_again_is_not_waited_for(tmp_path: Path) -> None:
    asked: list[Path] = []

    def hangs(files: Iterable[tuple[Path, Puid]]) -> Iterator[tuple[Path, Validation]]:
        for path, _ in files:
            asked.append(path)
            yield path, could_not(Why.TIME_OUT, "not done")

    (tmp_path / "a").write_bytes(zipped({f"{number}.pdf": PDF for number in range(60)}))
    (tmp_path / "room").mkdir()
    contents = Inside(Heads(), tmp_path / "room", ArchivesPolicy(), hangs).look(tmp_path / "a", b"a.zip")  # type: ignore[arg-type]
    assert len(asked) == PATIENCE
    assert contents.validity == {Validity.NOT_VALIDATED: 60}
    found = {each.code: each for each in told("a", "x-fmt/263", contents)}
    assert "VAL-INSIDE-INVALID" not in found
    assert found["VAL-INSIDE-LEFT"].args["files"] == 60 - PATIENCE
    assert "inside, not validated: 40 × VAL-INSIDE-LEFT" in contents.notes()


def test_validators_that_are_slow_and_never_hang_have_an_end(tmp_path: Path) -> None:
    """Of all archives of a deposit together; what is over it is told, and the sums for the catalog do not depend on it."""
    now = 0.0

    def slow(files: Iterable[tuple[Path, Puid]]) -> Iterator[tuple[Path, Validation]]:
        nonlocal now
        for path, _ in files:
            now += SECONDS / 10
            yield path, defective("t 1", [])

    (tmp_path / "a").write_bytes(zipped({f"{number}.pdf": PDF for number in range(7)}))
    (tmp_path / "room").mkdir()
    inside = Inside(Heads(), tmp_path / "room", ArchivesPolicy(), slow, clock=lambda: now)  # type: ignore[arg-type]
    first = inside.look(tmp_path / "a", b"a.zip")
    assert first.validity == {Validity.VALID: 7}
    assert "VAL-INSIDE-LEFT" not in {each.code for each in told("a", "x-fmt/263", first)}
    now += SECONDS * 2  # what others take is not counted
    second = inside.look(tmp_path / "a", b"a.zip")
    assert second.validity == {Validity.VALID: 3, Validity.NOT_VALIDATED: 4}
    found = {each.code: each for each in told("a", "x-fmt/263", second)}
    assert found["VAL-INSIDE-LEFT"].args["files"] == 4
    assert "10 minutes" in found["VAL-INSIDE-LEFT"].text()
    assert "10 phút" in found["VAL-INSIDE-LEFT"].text("vi")
    assert "inside, not validated: 4 × VAL-INSIDE-LEFT" in second.notes()
    assert second.sums() == first.sums()


def test_notes_of_who_validates_nothing_keep_what_was_validated_before() -> None:
    named = ("tool", "inside: 2 files, 9 bytes", NAMED_ONLY)
    judged = ("inside, validated: 1 valid, 0 invalid, 0 not validated", NOT_CHARACTERISED)
    before = ("tool", "inside: 1 files, 9 bytes", *judged)
    assert notes_again(named, named) == named
    assert notes_again(before, named) == (*named[:2], *judged, EARLIER)
    assert notes_again(notes_again(before, named), named) == (*named[:2], *judged, EARLIER)
    assert notes_again(named, before) == before, "somebody validated now"
    assert notes_again(before, ("tool 2",)) == ("tool 2", *before[1:]), "nobody looked"


@pytest.mark.parametrize(
    ("name", "pack"), [("a.pdf.gz", gzip.compress), ("a.pdf.bz2", bz2.compress), ("a.pdf.xz", lzma.compress)]
)
def test_a_file_that_is_packed_alone(name: str, pack: object, tmp_path: Path) -> None:
    data = PDF + random.Random(1).randbytes(300_000)
    contents, members = look(tmp_path, name, pack(data) + pack(b"more") + b"\0" * 700)  # type: ignore[operator]
    assert [(member.name, member.size) for member in members] == [("a.pdf", len(data) + 4)]
    assert contents.formats == {("fmt/18", "name"): 1}
    assert not contents.left


def test_archives_in_archives_as_deep_as_the_policy_says(tmp_path: Path) -> None:
    data = zipped({"d.pdf": PDF})
    for name in ("c.zip", "b.zip"):
        data = zipped({name: data})
    data = tarred({"a.zip": data})
    contents, members = look(tmp_path, "a.tar", data, ArchivesPolicy(depth=3))
    assert [member.name for member in members] == ["a.zip", "a.zip → b.zip", "a.zip → b.zip → c.zip"]
    assert contents.left == {"PKG-TOO-DEEP": 1}
    contents, members = look(tmp_path, "a.tar", data, ArchivesPolicy(depth=4))
    assert members[-1].name == "a.zip → b.zip → c.zip → d.pdf"
    assert not contents.left


def test_bounds_hold_for_all_archives_together_and_are_told(tmp_path: Path) -> None:
    many = zipped({f"{number}.pdf": PDF for number in range(30)})
    inside = Inside(Heads(), tmp_path, ArchivesPolicy(files=40))  # type: ignore[arg-type]
    path = tmp_path / "a.zip"
    path.write_bytes(many)
    assert inside.look(path, b"a.zip").files == 30
    second = inside.look(path, b"a.zip")
    assert (second.files, second.left) == (10, {"PKG-TOO-MANY": 1})
    third = inside.look(path, b"a.zip")
    assert (third.files, third.left) == (0, {"IDENT-INSIDE-LEFT": 1})
    assert [finding.code for finding in told("a.zip", "x-fmt/263", third)] == ["IDENT-INSIDE", "IDENT-INSIDE-LEFT"]


def test_a_bomb_is_left_before_it_goes_off(tmp_path: Path) -> None:
    contents, members = look(tmp_path, "a.gz", gzip.compress(bytes(1 << 20), 9) * 300)
    assert (members, contents.left) == ([], {"PKG-BOMB": 1})


def test_a_header_of_xz_that_asks_for_four_gigabytes_is_refused(tmp_path: Path) -> None:
    """The same data is read where the dictionary fits."""
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 28}]
    contents, _ = look(tmp_path, "a.xz", lzma.compress(PDF, filters=filters))
    assert contents.left == {"PKG-ARCHIVE-DAMAGED": 1}
    assert not look(tmp_path, "a.xz", lzma.compress(PDF))[0].left


def test_links_and_names_that_lead_out_are_left_and_the_rest_is_looked_at(tmp_path: Path) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:") as tar:
        link = tarfile.TarInfo("liên kết")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
        for name in ("../ra ngoài.pdf", "/gốc.pdf", "tốt.pdf"):
            info = tarfile.TarInfo(name)
            info.size = len(PDF)
            tar.addfile(info, io.BytesIO(PDF))
    contents, members = look(tmp_path, "a.tar", out.getvalue())
    assert [member.name for member in members] == ["tốt.pdf"]
    assert contents.left == {"PKG-LINK": 1, "PKG-NAME-UNSAFE": 2}
    assert list(tmp_path.iterdir()) != []
    assert not (tmp_path.parent / "ra ngoài.pdf").exists()


@pytest.mark.parametrize("part", [0.2, 0.6, 0.95])
@pytest.mark.parametrize(
    ("name", "data"), [("a.zip", zipped(FILES)), ("a.tgz", tarred(FILES, "w:gz")), ("a.txz", tarred(FILES, "w:xz"))]
)
def test_a_cut_archive_is_told(name: str, data: bytes, part: float, tmp_path: Path) -> None:
    contents, _ = look(tmp_path, name, data[: int(len(data) * part)])
    assert contents.left.total() >= 1


def test_what_asks_for_a_password_is_told_apart(tmp_path: Path) -> None:
    data = bytearray(zipped({"mật.pdf": PDF, "b.pdf": PDF}))
    for mark, place in ((b"PK\3\4", 6), (b"PK\1\2", 8)):  # the flags of the first entry, in both headers
        data[data.index(mark) + place] |= 1
    contents, members = look(tmp_path, "a.zip", bytes(data))
    assert ([member.name for member in members], contents.locked) == (["b.pdf"], 1)
    assert [finding.code for finding in told("a", "x-fmt/263", contents)] == ["IDENT-INSIDE", "IDENT-INSIDE-LOCKED"]
    assert "inside: 1 × asks for a password" in contents.notes()


def test_batches_bound_what_lies_unpacked(tmp_path: Path) -> None:
    heads = Heads()
    path = tmp_path / "a.zip"
    path.write_bytes(zipped({f"{number}.pdf": PDF for number in range(700)}))
    assert Inside(heads, tmp_path, ArchivesPolicy()).look(path, b"a.zip").files == 700  # type: ignore[arg-type]
    assert heads.most == 256


def test_an_office_document_is_no_archive(tmp_path: Path) -> None:
    path, puid = make("a.docx", tmp_path)
    assert zipfile.is_zipfile(path)
    assert puid not in OPENED


def test_sums_are_the_same_text_whatever_the_order(tmp_path: Path) -> None:
    sums = look(tmp_path, "a.zip", zipped(FILES))[0].sums()
    again = look(tmp_path, "b.zip", zipped(dict(reversed(FILES.items()))))[0].sums()
    assert sums.text() == again.text()
    assert Enclosed.of(sums.text()) == sums
    assert sums.formats == (EnclosedFormat("", "", 2, 2), EnclosedFormat("fmt/18", "name", 1, len(PDF)))  # the empty one, too
    assert (sums.more, sums.locked, sums.left) == ((0, 0, 0), 0, 0)


def test_the_commonest_formats_have_their_own_sums() -> None:
    contents = Contents()
    for number in range(70):
        for _ in range(1 + (number < 60)):
            known = Identification(Puid(f"x/{number}"), "n", "", "", Basis.SIGNATURE, "t", "1", "s")
            contents.add(Member("a", 3, known))
    contents.locked = 4
    contents.miss("PKG-TOO-DEEP", "why")
    sums = contents.sums()
    assert {each.files for each in sums.formats} == {2}
    assert (len(sums.formats), sums.more, sums.locked, sums.left) == (60, (10, 10, 30), 4, 1)
    assert Enclosed.of(sums.text()) == sums


@pytest.mark.parametrize("text", ["x", "[]", "{}", '{"formats": [["a"]]}', '{"formats": 1}', '{"formats": [], "more": 3}'])
def test_what_are_no_sums(text: str) -> None:
    with pytest.raises(ValueError, match=r"sums|Expecting|unpack|int"):
        Enclosed.of(text)
