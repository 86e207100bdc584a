"""The Vietnamese intake rules, each with the least that keeps it and the most that does not."""

from __future__ import annotations

import pytest

from formats.characterise import Value
from formats.characterise.intake import intake_facts
from policies.codes import register
from policies.findings import Puid
from policies.inspection import INTAKE_RULES

RULES = INTAKE_RULES["vn-tt05"]
PDF, TIFF, MP4, MP3, WAV = Puid("fmt/477"), Puid("fmt/353"), Puid("fmt/199"), Puid("fmt/134"), Puid("fmt/141")
SCAN: dict[str, Value] = {
    **{"pages": 2, "pages_scanned": 2, "pages_scanned_without_text": 0, "pdfa": "2b"},
    **{"picture_dpi_least": 200, "picture_bits_least": 24},
}


def codes(puid: Puid, properties: dict[str, Value], path: str = "a") -> list[str]:
    found = list(intake_facts(path, puid, properties, RULES, drawings=["ban-do/*"]))
    assert all(finding.code in register() for finding in found)
    assert all("{" not in finding.text(language) + finding.todo(language) for finding in found for language in ("en", "vi"))
    return [finding.code for finding in found]


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({}, []),
        ({"picture_dpi_least": 196}, []),
        ({"picture_dpi_least": 195}, ["INTAKE-RESOLUTION"]),
        ({"picture_bits_least": 8}, ["INTAKE-COLOUR"]),
        ({"pages_scanned_without_text": 1}, ["INTAKE-NO-TEXT"]),
        ({"pdfa": ""}, ["INTAKE-NOT-PDFA"]),
        ({"pages_scanned": 0, "picture_dpi_least": 10, "pdfa": ""}, []),
    ],
)
def test_scans(change: dict[str, Value], expected: list[str]) -> None:
    assert codes(PDF, {**SCAN, **change}) == expected


def test_drawings_are_scanned_more_finely() -> None:
    assert codes(PDF, SCAN, "ban-do/a.pdf") == ["INTAKE-RESOLUTION"]
    assert codes(PDF, {**SCAN, "picture_dpi_least": 300}, "ban-do/a.pdf") == []


@pytest.mark.parametrize(
    ("properties", "expected"),
    [
        ({"dpi_x": 200, "dpi_y": 200, "bits_per_pixel": 24, "colour": "colour"}, []),
        ({"dpi_x": 200, "dpi_y": 100, "bits_per_pixel": 24, "colour": "colour"}, ["INTAKE-RESOLUTION"]),
        ({"dpi_x": 300, "dpi_y": 300, "bits_per_pixel": 16, "colour": "colour"}, ["INTAKE-COLOUR"]),
        ({"dpi_x": 300, "dpi_y": 300, "bits_per_pixel": 8, "colour": "grey"}, []),
        ({"bits_per_pixel": 24, "colour": "colour"}, ["INTAKE-NOT-KNOWN"]),
        ({}, ["INTAKE-NOT-KNOWN"]),
    ],
)
def test_pictures(properties: dict[str, Value], expected: list[str]) -> None:
    assert codes(TIFF, properties) == expected


@pytest.mark.parametrize(
    ("puid", "properties", "expected"),
    [
        (MP4, {"video_codec": "h264", "video_bit_rate_kbps": 1500.5}, []),
        (MP4, {"video_codec": "h264", "video_bit_rate_kbps": 1400}, ["INTAKE-BIT-RATE"]),
        (MP4, {"video_codec": "h264", "bit_rate_kbps": 900}, ["INTAKE-BIT-RATE"]),
        (MP4, {"video_codec": "h264"}, ["INTAKE-NOT-KNOWN"]),
        (MP4, {}, ["INTAKE-NOT-KNOWN"]),
        (MP4, {"audio_codec": "aac", "bit_rate_kbps": 90}, []),
        (MP3, {"audio_codec": "mp3", "audio_bit_rate_kbps": 128}, []),
        (MP3, {"audio_codec": "mp3", "audio_bit_rate_kbps": 96}, ["INTAKE-BIT-RATE"]),
        (WAV, {"audio_bit_rate_kbps": 64}, []),
    ],
)
def test_bit_rates(puid: Puid, properties: dict[str, Value], expected: list[str]) -> None:
    assert codes(puid, properties) == expected
