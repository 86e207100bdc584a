"""Sound and films that were cut: decoders play what is there, and say nothing."""

from __future__ import annotations

import struct
from pathlib import Path

import pytest

from formats.validate.choice import Choice
from formats.validate.validation import Validation, Validity
from formats.validate.whole import checked_whole
from policies.findings import Puid, spoken
from tests.formats.sample_files import film, have, sound

SOUND = ("-map", "1:a")
FILM = ("-map", "0:v", "-c:v", "mpeg4")
CUT = {
    "a.mp3": ("fmt/134", (*SOUND, "-c:a", "libmp3lame")),
    "a.ogg": ("fmt/203", (*SOUND, "-c:a", "libvorbis")),
    "a.avi": ("fmt/5", FILM),
    "a.mov": ("x-fmt/384", FILM),
    "a.wmv": ("fmt/133", ("-map", "0:v", "-c:v", "wmv2")),
}


def looked(path: Path) -> Validation:
    found = checked_whole(path)
    assert found is not None
    return found


@pytest.mark.skipif(not have("ffmpeg"), reason="no ffmpeg")
@pytest.mark.parametrize("name", CUT)
def test_a_file_that_was_cut_is_not_valid(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    puid, options = CUT[name]
    path = tmp_path / name
    film(path, *options)
    whole = path.read_bytes()
    choice = Choice()
    assert choice.validate(path, Puid(puid)).validity is Validity.VALID
    for kept in (len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:kept])
        assert choice.validate(path, Puid(puid)).validity is Validity.INVALID, kept


@pytest.mark.skipif(not have("ffmpeg"), reason="no ffmpeg")
def test_frames_that_are_gone_from_an_mp3(tmp_path: Path) -> None:
    """Cut where a frame ends, so that all that is there is whole."""
    path = tmp_path / "a.mp3"
    film(path, *SOUND, "-c:a", "libmp3lame", "-b:a", "64k", "-ar", "48000", "-id3v2_version", "0")
    whole = path.read_bytes()
    path.write_bytes(whole[: 192 * 20])
    assert "follow one another" in spoken(looked(path).defects[0].words)


def test_a_page_that_is_gone_from_an_ogg(tmp_path: Path) -> None:
    def page(number: int, kind: int, serial: int = 7) -> bytes:
        return b"OggS\0" + struct.pack("<BQIIIB", kind, 0, serial, number, 0, 1) + b"\x05" + b"sound"

    path = tmp_path / "a.ogg"
    whole = [page(0, 2), page(0, 2, 8), page(1, 0), page(1, 4, 8), page(2, 4)]
    path.write_bytes(b"".join(whole))
    assert looked(path).validity is Validity.VALID
    path.write_bytes(b"".join(whole * 2))  # one after another: chained
    assert looked(path).validity is Validity.VALID
    path.write_bytes(b"".join([*whole[:2], *whole[3:]]))
    assert [spoken(defect.words) for defect in looked(path).defects] == ["page 2 of stream 00000007 follows page 0"]
    path.write_bytes(b"".join(whole[:4]))
    assert "not marked as such" in spoken(looked(path).defects[0].words)


def test_what_does_not_say_how_long_it_is_may_be_of_any_length(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    sound(path)
    data = path.read_bytes()
    for said in (0, 0xFFFFFFFF):
        path.write_bytes(data[:4] + struct.pack("<I", said) + data[8:])
        assert looked(path).validity is Validity.VALID
    other = tmp_path / "a.bin"
    for data in (
        b"",
        b"ID3",
        b"\xff\xfb",
        b"RIFF",
        b"OggS\0"[:3],
        bytes(99),
        b"\0\0\0\0mdat" + bytes(9),
        b"\x1aE\xdf\xa3" + bytes(99),
    ):
        other.write_bytes(data)
        found = checked_whole(other)
        assert found is None or found.validity is Validity.VALID, data
