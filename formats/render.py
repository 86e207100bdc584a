"""Pictures of files for people to look at: a page, a thumbnail, a frame of a film, the wave of a sound. Never kept in an AIP."""

from __future__ import annotations

from pathlib import Path

from formats.migrate import MIGRATORS, Failed
from formats.properties import CannotTell, Kind, Said, pictures
from formats.properties.facts import ask
from formats.properties.media import streams
from formats.properties.pdf import render
from formats.sandbox import left
from policies.phrases import phrase

__all__ = ["draw"]

SHARP = 110.0
"""Resolution at which a page is drawn before it is made as small as was asked for: letters stay legible."""


def draw(said: Said, target: Path, work: Path, *, page: int = 1, side: int = 400) -> None:
    """Write a PNG of one page (from 1) to ``target``, which lies in ``work``, at most ``side`` pixels wide and high.

    Raises:
        CannotTell: nothing here can draw it, or it has no such page.
    """
    large = work / "large.png"
    match said.kind:
        case Kind.PDF:
            render(said.path, page, large, dpi=SHARP)
        case Kind.PICTURE:
            pictures.frame(said.path, page, large, work)
        case Kind.MEDIA:
            _medium(said.path, large, work)
        case _:
            _set(said.path, page, large, work)
    pictures.thumbnail(large, target, side, work)
    if not left(target, work):
        raise CannotTell(phrase("tool-made-no-file"))


def _set(path: Path, page: int, target: Path, work: Path) -> None:
    """What an office program would print."""
    room = work / "set"
    room.mkdir()
    made = MIGRATORS["libreoffice"].migrate(path, "pdfa-2b", room)
    if isinstance(made, Failed):
        raise CannotTell(f"LibreOffice {made.reason}")
    render(made.result, page, target, dpi=SHARP)


def _medium(path: Path, target: Path, work: Path) -> None:
    """A frame of the first second of a film; the wave of a sound."""
    command = ["ffmpeg", "-v", "error", "-nostdin"]
    if any(each["codec_type"] == "video" for each in streams(path, work)):
        ask([*command, "-i", str(path), "-vf", "thumbnail=25", "-frames:v", "1", str(target)], work)
    else:
        ask(
            [*command, "-i", str(path), "-filter_complex", "showwavespic=s=800x200:colors=black", "-frames:v", "1", str(target)],
            work,
        )
