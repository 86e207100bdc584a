"""Damage to the coded data of pictures that decoders pass over, and that leaves a page white, or grey, or another."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from formats.validate.choice import Choice
from formats.validate.coded import errors_into, wrong_in_tiff
from formats.validate.validation import Validation, Validity
from policies.findings import Puid
from tests.formats.sample_files import picture

TIFF, JPEG = Puid("fmt/353"), Puid("fmt/43")


def looked(path: Path, puid: Puid, folder: pytest.MonkeyPatch) -> Validation:
    folder.chdir(path.parent)
    return Choice().validate(path, puid)


def scan(path: Path, compression: str) -> tuple[int, int]:
    """A page, and where its only strip is: its begin and its length."""
    image = picture((1200, 800))
    image = image.convert("1") if compression.startswith("group") else image
    image.save(path, compression=compression, tiffinfo={278: 800})
    with Image.open(path) as made:
        return made.tag_v2[273][0], made.tag_v2[279][0]  # type: ignore[attr-defined]


def without(path: Path, begin: int, length: int) -> None:
    """A sector in the middle becomes zeros."""
    data = bytearray(path.read_bytes())
    middle = begin + length // 2
    data[middle : middle + 512] = bytes(512)
    path.write_bytes(data)


@pytest.mark.parametrize("compression", ["group4", "jpeg", "tiff_lzw", "tiff_adobe_deflate"])
def test_a_sector_that_is_gone_from_a_scan(compression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.tif"
    place = scan(path, compression)
    assert looked(path, TIFF, monkeypatch).validity is Validity.VALID
    without(path, *place)
    assert looked(path, TIFF, monkeypatch).validity is Validity.INVALID


def test_a_fax_code_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """libtiff says so on the console, and gives the page as decoded."""
    path = tmp_path / "a.tif"
    begin, length = scan(path, "group4")
    whole = path.read_bytes()
    found = set()
    for at in range(begin + length // 3, begin + length // 3 + 20):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :])
        found.add(looked(path, TIFF, monkeypatch).validity)
    assert found == {Validity.INVALID}


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_sector_that_is_gone_from_a_photograph(
    options: dict[str, bool | int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.jpg"
    picture((1200, 800)).save(path, **options)  # type: ignore[arg-type]
    assert looked(path, JPEG, monkeypatch).validity is Validity.VALID
    without(path, 0, path.stat().st_size)
    assert looked(path, JPEG, monkeypatch).validity is Validity.INVALID


def test_what_cameras_append_is_no_defect(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = io.BytesIO()
    picture().save(whole, "JPEG")
    path = tmp_path / "a.jpg"
    path.write_bytes(whole.getvalue() + b"SEFT" * 100)
    assert looked(path, JPEG, monkeypatch).validity is Validity.VALID


def test_strips_that_end_behind_the_end_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    path.write_bytes(bytes(100))
    assert wrong_in_tiff({273: (8, 50), 279: (42, 50), 259: 5}, path) == ""
    assert "cut" in wrong_in_tiff({273: (8, 50), 279: (42, 51), 259: 5}, path)
    assert "cut" in wrong_in_tiff({324: (90,), 325: (11,), 259: 5}, path)


def test_the_console_is_given_back(capfd: pytest.CaptureFixture[str]) -> None:
    said: list[str] = []
    with errors_into(said):
        os.write(2, b"Fax4Decode: Bad code word.\nTIFFReadDirectory: Warning, unknown tag.\n")
    os.write(2, b"after\n")
    assert said == ["Fax4Decode: Bad code word."]
    assert capfd.readouterr().err == "after\n"
