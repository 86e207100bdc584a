"""Intake rules for digitised records, checked on the properties of files. What cannot be seen from them is said to be not known."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterator, Mapping

from formats.characterise.properties import Value
from formats.families import family_of
from policies.findings import Finding, Puid
from policies.inspection import IntakeRules

__all__ = ["intake_facts"]

IMAGES = frozenset({"tiff", "jpeg", "png", "jpeg2000", "gif", "bmp", "webp"})
VIDEO = frozenset({"video", "matroska"})
COMPRESSED_SOUND = frozenset({"audio"})
"""WAVE and FLAC lose nothing, whatever their bit rate."""

FULL_COLOUR = "colour"

TOLERANCE = 0.98
"""A resolution is written in whole numbers or in dots per centimetre: 199.9 dpi are 200."""


def intake_facts(
    path: str, puid: Puid, properties: Mapping[str, Value], rules: IntakeRules, *, drawings: Collection[str] = ()
) -> Iterator[Finding]:
    """What is to be said of one file under ``rules``; nothing when it keeps them, or none of them is about such files.

    A PDF is taken for digitised when a picture fills one of its pages; what was written on a computer is not asked for dots.
    """
    family = family_of(puid)
    dpi = rules.drawing_dpi if any(fnmatch.fnmatch(path, pattern) for pattern in drawings) else rules.dpi
    if family == "pdf" and properties.get("pages_scanned"):
        yield from _scan(path, properties, rules, dpi)
    elif family in IMAGES:
        yield from _least(path, properties, "dpi", ("dpi_x", "dpi_y"), dpi * TOLERANCE, dpi, rules, "INTAKE-RESOLUTION")
        if properties.get("colour") == FULL_COLOUR:  # "original colour": a grey photograph has fewer bits and loses nothing
            yield from _least(path, properties, "bits", ("bits_per_pixel",), rules.bits, rules.bits, rules, "INTAKE-COLOUR")
    elif family in VIDEO and ("video_codec" in properties or not properties):
        keys = ("video_bit_rate_kbps",) if "video_bit_rate_kbps" in properties else ("bit_rate_kbps",)
        yield from _least(path, properties, "kbps", keys, rules.video_kbps, rules.video_kbps, rules, "INTAKE-BIT-RATE")
    elif family in COMPRESSED_SOUND:
        keys = ("audio_bit_rate_kbps",) if "audio_bit_rate_kbps" in properties else ("bit_rate_kbps",)
        yield from _least(
            path, properties, "kbps", keys, rules.audio_kbps * TOLERANCE, rules.audio_kbps, rules, "INTAKE-BIT-RATE"
        )


def _scan(path: str, properties: Mapping[str, Value], rules: IntakeRules, dpi: int) -> Iterator[Finding]:
    if not properties.get("pdfa"):
        yield Finding("INTAKE-NOT-PDFA", path, {"source": rules.source})
    if without := int(properties.get("pages_scanned_without_text", 0)):
        yield Finding("INTAKE-NO-TEXT", path, {"pages": without, "source": rules.source})
    yield from _least(path, properties, "dpi", ("picture_dpi_least",), dpi * TOLERANCE, dpi, rules, "INTAKE-RESOLUTION")
    yield from _least(path, properties, "bits", ("picture_bits_least",), rules.bits, rules.bits, rules, "INTAKE-COLOUR")


def _least(
    path: str,
    properties: Mapping[str, Value],
    what: str,
    keys: Collection[str],
    least: float,
    asked: int,
    rules: IntakeRules,
    code: str,
) -> Iterator[Finding]:
    values = [float(properties[key]) for key in keys if key in properties]
    if not values or min(values) <= 0:
        yield Finding("INTAKE-NOT-KNOWN", path, {"what": what, "asked": asked, "source": rules.source})
    elif min(values) < least:
        yield Finding(code, path, {"found": round(min(values)), "asked": asked, "source": rules.source})
