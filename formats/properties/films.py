"""Comparisons of sound and films: what comes out of the decoders, how it is to be shown, and when."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Final

from formats.properties import media
from formats.properties.facts import Compared, Demand, Said
from formats.properties.names import named
from policies.phrases import phrase

__all__ = ["QUALITY", "SECONDS", "duration", "frames", "quality", "samples", "timing"]

QUALITY: Final = 30.0
"""Least PSNR in dB of an access copy, on average, where the policy names none; below, people see the loss."""

WORST_FRAME: Final = 10.0
"""How many dB below the average's least a single frame may be: another picture in a frame's place is far below."""

ALIKE: Final = 1_000.0
"""What equal pictures are given, whose PSNR is infinite: JSON knows no infinity."""

SECONDS: Final = 0.5
"""How far two durations may be apart: encoders of MP3 pad up to a tenth of a second at both ends."""

FRAME_TIME: Final = 2.0
"""Milliseconds that the time of a picture may be off: Matroska keeps whole ones."""

STREAM_START: Final = 0.1
"""Seconds that the beginning of a stream may be off: encoders of AAC begin up to 0.07 s before what they encode."""


def frames(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    """Every picture, and how it is to be shown: its size, the shape of its pixels, the range of its brightness, its colours and fields."""
    was, now = (media.decoded(said.path, work, bits=_bits(source, work)).pictures for said in (source, result))
    facts = {"hashes": sum(len(each.hashes) for each in was)}
    if len(was) != len(now):
        return Compared("frames", False, detail=phrase("streams-are", was=len(was), now=len(now)), facts=facts)
    for one, two in zip(was, now, strict=True):
        if one.shape != two.shape:
            return Compared("frames", False, detail=phrase("shape-is", was=one.shape, now=two.shape), facts=facts)
        for name, value in one.told.items():
            if two.told.get(name) != value:
                told = phrase("property-is", name=named(name), was=value, now=two.told.get(name, ""))
                return Compared("frames", False, detail=told, facts=facts)
        if len(one.hashes) != len(two.hashes):
            return Compared("frames", False, detail=phrase("frames-are", was=len(one.hashes), now=len(two.hashes)), facts=facts)
        if one.hashes != two.hashes:
            first = next(number for number, (a, b) in enumerate(zip(one.hashes, two.hashes, strict=True), 1) if a != b)
            return Compared("frames", False, detail=phrase("frames-differ", first=first), facts=facts)
    return Compared("frames", True, facts=facts)


def samples(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    was, now = (media.decoded(said.path, work, bits=_bits(source, work)).sound for said in (source, result))
    detail = ""
    if len(was) != len(now):
        detail = phrase("streams-are", was=len(was), now=len(now))
    elif was != now:
        one, two = next((a, b) for a, b in zip(was, now, strict=True) if a != b)
        heads = one.rpartition(" ")[0], two.rpartition(" ")[0]
        detail = phrase("samples-differ") if heads[0] == heads[1] else phrase("shape-is", was=heads[0], now=heads[1])
    return Compared("samples", not detail, detail=detail, facts={"streams": len(was)})


def _bits(source: Said, work: Path) -> int:
    """Sound that comes out of its decoder as fractions is compared at 24 bits: more there is not to it."""
    return 24 if media.fractional(source.path, work) else 32


def timing(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    """When each picture is shown, and when each stream begins: sound that is late, pictures that run slower."""
    was, now = (media.decoded(said.path, work, bits=_bits(source, work)).pictures for said in (source, result))
    worst = 0.0
    for one, two in zip(was, now, strict=False):
        for a, b in zip(one.times, two.times, strict=False):
            worst = max(worst, abs((a - one.times[0]) - (b - two.times[0])))
    if worst > FRAME_TIME:
        return Compared("timing", False, worst, phrase("picture-off-time", ms=round(worst)))
    begun = media.starts(source.path, work), media.starts(result.path, work)
    if len(begun[0]) != len(begun[1]):
        return Compared("timing", False, detail=phrase("streams-are", was=len(begun[0]), now=len(begun[1])))
    late = _late(*begun)
    if late > STREAM_START:
        late = _late(media.decoded_starts(source.path, work), media.decoded_starts(result.path, work))
    detail = phrase("stream-off-time", seconds=f"{late:.2f}") if late > STREAM_START else ""
    return Compared("timing", not detail, detail=detail, facts={"pictures": sum(len(each.times) for each in was)})


def _late(was: list[float], now: list[float]) -> float:
    return max((abs(a - b) for a, b in zip(was, now, strict=True)), default=0.0)


def quality(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    least = QUALITY if demand.least is None else demand.least
    counts = [sum(len(each.hashes) for each in media.decoded(said.path, work).pictures) for said in (source, result)]
    if counts[0] != counts[1]:
        return Compared("quality", False, detail=phrase("frames-are", was=counts[0], now=counts[1]))
    mean, worst, frames = media.psnr(source.path, result.path, work)
    good = mean >= least and worst >= least - WORST_FRAME
    detail = "" if good else phrase("quality-is", mean=f"{mean:.1f}", worst=f"{worst:.1f}", least=f"{least:g}")
    return Compared("quality", good, mean if math.isfinite(mean) else ALIKE, detail, {"frames": frames})


def duration(source: Said, result: Said, demand: Demand, work: Path) -> Compared:
    was, now = (media.duration(said.path, work) for said in (source, result))
    far = abs(was - now)
    most = SECONDS if demand.least is None else demand.least
    return Compared(
        "duration", far <= most, far, "" if far <= most else phrase("seconds-are", was=f"{was:.2f}", now=f"{now:.2f}")
    )
