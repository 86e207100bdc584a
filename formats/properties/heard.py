"""The sound of a copy for people to hear, held against that of its source: coded with loss, so that no sample is equal, and yet the same.

Both are decoded to one channel of 4 kHz, where codecs lose next to nothing, and held against each other second by second.
"""

from __future__ import annotations

import array
import sys
from collections.abc import Iterator
from itertools import zip_longest
from operator import mul
from pathlib import Path
from typing import Final, TypeAlias

from formats.properties import media
from formats.properties.facts import CannotTell, Compared, Demand, Said, ask
from formats.sandbox import left
from policies.phrases import phrase

__all__ = ["LIKENESS", "sound"]

LIKENESS: Final = 0.9
"""Least likeness on average, where the policy names none. MP3 of 64 kbit/s reaches 0.98; other sound of the same loudness is below 0."""

WORST_SECOND: Final = 0.5
"""How far below the average's least a single second may be: one that is silent, or another, is at 0 or below."""

RATE: Final = 4_000
"""Samples a second that are compared: what is below 2 kHz."""

QUIET: Final = 100.0 * 100.0
"""Mean square below which sound is as good as silence (-50 dB of full scale): of hiss no codec keeps the waves."""

SHIFT: Final = RATE // 10
"""Samples by which one of them may begin later: coders of AAC and MP3 put up to a tenth of a second before what they encode."""

LOUDER: Final = 2.0
"""By how much a program may play louder or softer where it makes one channel of several."""

ROOM: Final = 32
"""Seconds of which the loudest is asked for how far one begins later than the other."""

Samples: TypeAlias = "array.array[int]"


def sound(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    """Every stream of sound; a file that holds one only (MP3) has the first."""
    least = LIKENESS if demand.least is None else demand.least
    was, now = (_heard(said.path, work) for said in (source, result))
    one_only = len(now) == 1 and not any(each["codec_type"] == "video" for each in media.streams(result.path, work))
    if len(was) != len(now) and not (was and one_only):
        return Compared("sound", False, 0.0, phrase("streams-are", was=len(was), now=len(now)))
    lowest, second = 1.0, 0
    for one, two in zip(was, now, strict=False):
        scores = list(_likenesses(one, two))
        mean, worst = (sum(scores) / len(scores), min(scores)) if scores else (1.0, 1.0)
        lowest = min(lowest, mean)
        if mean < least or worst < least - WORST_SECOND:
            second = scores.index(worst) + 1
            told = phrase("sound-is", score=f"{mean:.2f}", worst=f"{worst:.2f}", second=second, least=f"{least:g}")
            return Compared("sound", False, mean, told)
    return Compared("sound", True, lowest, facts={"streams": len(now)})


def _heard(path: Path, work: Path) -> list[Path]:
    """Each stream of sound as samples of 16 bits. Raises CannotTell."""
    count = sum(each["codec_type"] == "audio" for each in media.streams(path, work))
    made = [work / f"heard-{path.stat().st_ino}-{number}" for number in range(count)]
    command = ["ffmpeg", "-v", "error", "-nostdin", "-y", "-i", str(path)]
    for number, each in enumerate(made):
        command += ["-map", f"0:a:{number}", "-ac", "1", "-ar", str(RATE), "-f", "s16le", str(each)]
    if made:
        ask(command, work)
    if not all(left(each, work) for each in made):
        raise CannotTell(phrase("ffmpeg-said-nothing"))
    return made


def _likenesses(one: Path, two: Path) -> Iterator[float]:
    """1 where they are the same, 0 where one of them is silent, less where they are unlike; second by second."""
    shift = _shift(one, two)
    pairs = zip_longest(_seconds(one, max(shift, 0)), _seconds(two, max(-shift, 0)), fillvalue=array.array("h"))
    for was, now in pairs:
        long = max(len(was), len(now)) if abs(len(was) - len(now)) > 2 * SHIFT else min(len(was), len(now))
        if long:
            yield _likeness(_of_length(was, long), _of_length(now, long))


def _product(one: Samples, two: Samples) -> int:
    return sum(map(mul, one, two))


def _of_length(samples: Samples, long: int) -> Samples:
    """So many of them, with silence behind them where there are fewer."""
    return samples[:long] + array.array("h", bytes(2 * max(long - len(samples), 0)))


def _likeness(was: Samples, now: Samples) -> float:
    loud, other, both = _product(was, was), _product(now, now), _product(was, now)
    gain = min(max(both / other if other else 1.0, 1 / LOUDER), LOUDER)
    apart = loud - 2 * gain * both + gain * gain * other
    return 1.0 - apart / (max(loud, gain * gain * other) + QUIET * len(was))


def _seconds(path: Path, after: int = 0) -> Iterator[Samples]:
    with path.open("rb") as stream:
        stream.seek(after * 2)
        while data := stream.read(RATE * 2):
            samples = array.array("h", data[: len(data) // 2 * 2])
            if sys.byteorder == "big":
                samples.byteswap()
            yield samples


def _shift(one: Path, two: Path) -> int:
    """How many samples later the first begins (below 0: earlier): where the loudest second among the first is most alike."""
    firsts = [second for _, second in zip(range(ROOM), _seconds(one), strict=False)]
    place, loudest = max(enumerate(firsts), key=lambda each: _product(each[1], each[1]), default=(0, None))
    if loudest is None:
        return 0
    with two.open("rb") as stream:
        begin = max(place * RATE - SHIFT, 0)
        stream.seek(begin * 2)
        around = array.array("h", stream.read((RATE + 2 * SHIFT) * 2)[: (RATE + 2 * SHIFT) * 2 // 2 * 2])
    best = max(
        range(max(len(around) - len(loudest) // 2, 1)),
        key=lambda at: (_product(loudest, around[at : at + len(loudest)]), -abs(begin + at - place * RATE)),
    )
    return place * RATE - (begin + best)
