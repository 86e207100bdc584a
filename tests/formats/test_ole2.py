"""The directory of OLE2 files, wherever in the file it lies, and whatever was done to it."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from formats.identify import SiegfriedIdentifier
from formats.ole2 import stream_names
from tests.formats import documents
from tests.formats.ole2 import ole2

NAMES = {"Root Entry", *(f"Dòng {number}" for number in range(40))}


@pytest.mark.parametrize("before", [0, 1, 200, 9_000])
def test_names_wherever_the_directory_lies(before: int, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(ole2({name: bytes(5000) for name in NAMES - {"Root Entry"}}, before=before))
    assert stream_names(path) == NAMES


def test_damage_gives_fewer_names_and_never_an_error_or_a_loop(tmp_path: Path) -> None:
    path, chance = tmp_path / "a", random.Random(6)
    whole = ole2({name: bytes(5000) for name in NAMES - {"Root Entry"}})
    for _ in range(300):
        data = bytearray(whole[: chance.choice([len(whole), chance.randrange(len(whole))])])
        for _ in range(chance.randrange(1, 40)):
            data[chance.randrange(min(len(data), 4096))] = chance.choice([0, 255, chance.randrange(256)])
        path.write_bytes(data)
        assert len(stream_names(path)) <= 17_000


@pytest.mark.parametrize("data", [b"", b"PK\3\4", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", bytes(4096)])
def test_other_files_have_none(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    assert stream_names(path) == frozenset()


def test_office_documents_under_a_password_are_named(tmp_path: Path) -> None:
    makers = (documents.docx, documents.xlsx, documents.pptx)
    paths = [documents.protect(maker(tmp_path / f"a.{maker.__name__}")) for maker in makers]  # type: ignore[operator]
    with SiegfriedIdentifier(workers=1) as identifier:
        found = dict(identifier.identify(paths))
    assert {(found[path].puid, found[path].basis.value) for path in paths} == {("fmt/494", "container")}
