from __future__ import annotations

import io
import tarfile
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from storage.tape.bundles import Comment, closing, header, padding, root_members
from storage.tape.labels import (
    LABEL,
    BadLabel,
    FileLabel,
    Trailer,
    file_of,
    header_labels,
    trailer_labels,
    trailer_of,
    void_trailer,
    volume_id,
    volume_label,
    volume_of,
)

MOMENT = datetime(2026, 11, 26, 10, 20, 30, tzinfo=UTC)
HEX = st.text("0123456789abcdef", min_size=32, max_size=32)


@given(HEX, HEX, HEX, st.integers(1, 9_999_999_999), st.integers(0, 999_999_999_999), st.sampled_from("VB"))
def test_header_labels_say_all_that_was_put_in(one: str, two: str, three: str, sequence: int, number: int, kind: str) -> None:
    file = FileLabel("LPD001", one, two, sequence, number, kind, three, 262_144, MOMENT)
    labels = header_labels(file)
    assert [each[:4] for each in labels] == [b"HDR1", b"HDR2", b"UHL1", b"UHL2"]
    assert {len(each) for each in labels} == {LABEL}
    assert file_of(labels) == file


@given(HEX, st.integers(0, 999_999_999_999), st.binary(min_size=32, max_size=32))
def test_trailer_labels_say_all_that_was_put_in(name: str, blocks: int, digest: bytes) -> None:
    file = FileLabel("LPD001", "0" * 32, "0" * 32, 12_345, 9, "B", name, 262_144, MOMENT)
    trailer = Trailer(name, blocks, blocks * 262_144 % 10**18, digest)
    assert trailer_of(trailer_labels(file, trailer)) == trailer


def test_fields_stand_where_iso_1001_has_them() -> None:
    file = FileLabel("LPD001", "a" * 32, "b" * 32, 12_345, 9, "B", "c" * 32, 262_144, MOMENT)
    first = header_labels(file)[0].decode()
    assert first[4:21] == "C" * 17
    assert first[21:27] == "LPD001"
    assert first[27:35] == "00012345"  # section 1, sequence of four digits
    assert first[41:47] == "026330"  # this century, day 330
    assert first[54:60] == "000000"
    assert trailer_labels(file, Trailer("c" * 32, 1_000_007, 0, bytes(32)))[0][54:60] == b"000007"
    label = volume_label("LPD001", "Băng 1").decode()
    assert (label[:4], label[4:10], label[79]) == ("VOL1", "LPD001", "4")
    assert volume_of(label.encode()) == "LPD001"


def test_what_a_killed_writer_began_is_given_up_behind_it() -> None:
    file = FileLabel("LPD001", "a" * 32, "b" * 32, 2, 9, "B", "c" * 32, 262_144, MOMENT)
    whole = trailer_labels(file, Trailer("c" * 32, 1, 262_144, bytes(32)))
    void = void_trailer("LPD001", 2, MOMENT)
    for length in range(5):
        assert not trailer_of([*whole[:length], *void]).complete
    for length in range(4):
        with pytest.raises(BadLabel):
            trailer_of(whole[:length])


@given(st.lists(st.binary(max_size=90), max_size=5))
def test_any_blocks_are_labels_or_not(blocks: list[bytes]) -> None:
    for read in (file_of, trailer_of):
        with pytest.raises(BadLabel):
            read(blocks)


@pytest.mark.parametrize("barcode", ["", "LPD01", "LPD001L", "lpd001L8", "LPD001L89", "LPD 01L8", "LPD001-8"])
def test_barcodes_that_are_none(barcode: str) -> None:
    with pytest.raises(ValueError, match="tape-barcode"):
        volume_id(barcode)
    assert volume_id("LPD001L8") == volume_id("LPD001") == "LPD001"


@given(
    st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=300).filter(lambda name: "/" not in name),
    st.integers(0, 3000),
    st.booleans(),
)
def test_a_header_is_the_same_every_time_and_tar_understands_it(name: str, size: int, commented: bool) -> None:
    comment = str(Comment("urn:uuid:a b", 3, 1, 2, "r" * 32, "ab" * 64)) if commented else ""
    head = header(f"top/{name}", size, 1_700_000_000, comment)
    assert head == header(f"top/{name}", size, 1_700_000_000, comment)
    assert len(head) % 512 == 0
    data = head + b"x" * size + bytes(padding(size))
    data += closing(len(data), 262_144)
    assert len(data) % 262_144 == 0
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        (member,) = archive.getmembers()
        assert (member.name, member.size) == (f"top/{name}", size)
        assert member.pax_headers.get("comment", "") == comment


def test_a_comment_is_read_as_it_was_written_and_others_are_not_ours() -> None:
    comment = Comment("urn:x:with space=and more", 12, 3, 40, "r" * 32, "0f" * 64, "mend")
    assert Comment.read(str(comment)) == comment
    for text in ("", "kho", "kho 2 version version=1 part=1/1 run=a inventory=b object=c", "kho 1 version a b c d e"):
        assert Comment.read(text) is None


def test_every_bundle_begins_with_the_files_of_a_storage_root() -> None:
    assert root_members()[0].path == "0=ocfl_1.1"
    assert all(each.data is not None and len(each.data) == each.size for each in root_members())
