"""Honest films whose streams begin late, or whose clock does not begin at nought, stand the comparison."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from formats.migrate import MIGRATORS, Made
from formats.properties import Compared, Demand, Kind, Said, compare
from tests.formats.documents import Work, needs

PICTURES = "testsrc2=s=160x120:r=25:d=3"
TONE = "sine=440:d=2"
CODECS = ("-c:v", "mpeg4", "-q:v", "3", "-c:a", "aac")


def film(path: Path, *, pictures_late: float = 0.0, sound_late: float = 0.0, clock: float = 0.0) -> Path:
    needs("ffmpeg")
    command = ["ffmpeg", "-v", "error", "-itsoffset", str(pictures_late), "-f", "lavfi", "-i", PICTURES]
    command += ["-itsoffset", str(sound_late), "-f", "lavfi", "-i", TONE, *CODECS, "-output_ts_offset", str(clock), str(path)]
    subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    return path


@pytest.mark.parametrize(
    ("name", "pictures", "sound", "clock"),
    [("a.mov", 0, 2.5, 0), ("a.mov", 1.5, 0, 0), ("a.mkv", 0, 2.5, 0), ("a.ts", 0, 0.5, 10)],
)
def test_a_stream_that_begins_late(name: str, pictures: float, sound: float, clock: float, tmp_path: Path, work: Work) -> None:
    source = film(tmp_path / name, pictures_late=pictures, sound_late=sound, clock=clock)
    paths = {"ffv1": ("frames", "timing", "samples", "duration"), "mp4": ("quality", "timing", "sound", "duration")}
    for recipe, names in paths.items():
        made = MIGRATORS["ffmpeg"].migrate(source, recipe, work())
        assert isinstance(made, Made), made
        found = compare(Said(source, Kind.MEDIA), Said(made.result, Kind.MEDIA), [Demand(name) for name in names], work())
        assert all(each.accepted for each in found), found


def test_sound_that_came_too_late_is_noticed(tmp_path: Path, work: Work) -> None:
    source, late = film(tmp_path / "a.mov", sound_late=0.5), film(tmp_path / "b.mov", sound_late=1.5)
    timing, duration = compare(
        Said(source, Kind.MEDIA), Said(late, Kind.MEDIA), [Demand("timing"), Demand("duration", 0.2)], work()
    )
    assert (timing.same, duration.same) == (False, False)


def test_languages_that_nobody_named_are_no_tags(tmp_path: Path, work: Work) -> None:
    source = film(tmp_path / "a.mp4")
    made = MIGRATORS["ffmpeg"].migrate(source, "ffv1", work())
    assert isinstance(made, Made), made
    found = compare(Said(source, Kind.MEDIA), Said(made.result, Kind.MEDIA), [Demand("parts")], work())[0]
    assert found.accepted, found


SPEECH = "anoisesrc=d=6:c=pink:r=44100:seed=5,tremolo=f=3:d=0.9"


def heard(path: Path, *options: str) -> Path:
    needs("ffmpeg")
    command = ["ffmpeg", "-v", "error", "-f", "lavfi", "-i", SPEECH, *options, str(path)]
    subprocess.run(command, check=True, timeout=120, stdin=subprocess.DEVNULL)
    return path


def likeness(source: Path, result: Path, work: Path) -> Compared:
    return compare(Said(source, Kind.MEDIA), Said(result, Kind.MEDIA), [Demand("sound")], work)[0]


@pytest.mark.parametrize("options", [("-b:a", "64k"), ("-b:a", "192k"), ("-b:a", "128k", "-write_xing", "0")])
def test_sound_that_was_coded_with_loss_is_the_same_sound(options: tuple[str, ...], tmp_path: Path, work: Work) -> None:
    source = heard(tmp_path / "a.wav")
    found = likeness(source, heard(tmp_path / "a.mp3", "-c:a", "libmp3lame", *options), work())
    assert found.accepted, found
    assert found.measure is not None
    assert found.measure > 0.95


@pytest.mark.parametrize(
    "change",
    [
        "volume=0",
        "volume=0:enable='between(t,3,4.2)'",
        "aselect='not(between(t,3,3.3))',asetpts=N/SR/TB",
        "areverse",
        "atrim=0:4",
        "asetrate=44550,aresample=44100",
    ],
)
def test_sound_that_is_another(change: str, tmp_path: Path, work: Work) -> None:
    source = heard(tmp_path / "a.wav")
    found = likeness(source, heard(tmp_path / "a.mp3", "-af", change, "-c:a", "libmp3lame"), work())
    assert found.same is False


def test_a_film_whose_sound_is_lost(tmp_path: Path, work: Work) -> None:
    source = film(tmp_path / "a.mkv")
    subprocess.run(
        ["ffmpeg", "-v", "error", "-i", str(source), "-an", "-c", "copy", str(tmp_path / "b.mp4")], check=True, timeout=120
    )
    found = likeness(source, tmp_path / "b.mp4", work())
    assert found.same is False
    assert likeness(tmp_path / "b.mp4", tmp_path / "b.mp4", work()).accepted, "there is none to be lost"


TELEVISION = ("-c:v", "mpeg2video", "-q:v", "2", "-flags", "+ildct+ilme", "-color_primaries", "bt470bg", "-colorspace", "bt470bg")


@pytest.mark.parametrize("lost", [("-vf", "setfield=prog"), ("-colorspace", "bt709")])
def test_fields_and_colours_of_a_film_that_are_lost(lost: tuple[str, str], tmp_path: Path, work: Work) -> None:
    needs("ffmpeg")
    source, other = tmp_path / "a.avi", tmp_path / "b.mkv"
    picture = ("-f", "lavfi", "-i", "testsrc=s=720x576:r=25:d=0.4", "-vf", "setfield=tff")
    for command in ((*picture, *TELEVISION, source), ("-i", source, *lost, "-c:v", "ffv1", "-level", "3", other)):
        subprocess.run(["ffmpeg", "-v", "error", *map(str, command)], check=True, timeout=120, stdin=subprocess.DEVNULL)
    made = MIGRATORS["ffmpeg"].migrate(source, "ffv1", work())
    assert isinstance(made, Made), made
    honest, wrong = (
        compare(Said(source, Kind.MEDIA), Said(result, Kind.MEDIA), [Demand("frames")], work())[0]
        for result in (made.result, other)
    )
    assert honest.accepted, honest
    assert wrong.same is False


def test_what_a_coder_puts_before_its_sound_is_no_delay(tmp_path: Path, work: Work) -> None:
    """Windows Media counts it; its decoder drops it."""
    needs("ffmpeg")
    source = tmp_path / "a.wmv"
    command = [
        "ffmpeg",
        "-v",
        "error",
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=160x120:r=10",
        "-f",
        "lavfi",
        "-i",
        "sine=440",
        "-t",
        "3",
    ]
    subprocess.run([*command, "-c:v", "wmv2", "-c:a", "wmav2", str(source)], check=True, timeout=120, stdin=subprocess.DEVNULL)
    made = MIGRATORS["ffmpeg"].migrate(source, "ffv1", work())
    assert isinstance(made, Made), made
    found = compare(Said(source, Kind.MEDIA), Said(made.result, Kind.MEDIA), [Demand("timing"), Demand("frames")], work())
    assert all(each.accepted for each in found), found
