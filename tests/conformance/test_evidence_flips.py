"""Every byte of records that others made, changed one at a time: not valid, or valid with identical JSON, and then the byte lies in a field
that nothing protects, which docs/signature-vectors.md names.
"""

from __future__ import annotations

import functools
import json
import re
from collections import defaultdict
from pathlib import Path

import pytest

from repository.views.evidence import evidence
from signatures.evidence import verify_record
from signatures.timestamps import read_token
from tests.conformance.evidence_fields import field_of
from tests.conformance.test_evidence_vectors import VECTORS, objects, record, rows

DOCS = Path(__file__).parents[2] / "docs" / "signature-vectors.md"

FLIPS = (0x01, 0x80, 0xFF)
"""How a byte is changed, in turn."""

STEP = 101
"""Every so many bytes are changed in `make test`; the proof changes each."""

SOUND = {name: covered for name, covered, expected in rows("ers-asn1") if expected == "integrity valid"}

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason=f"the vectors are not at {VECTORS} (set KHO_CORPORA)")


def survivors(name: str, step: int) -> dict[str, list[int]]:
    """Field → the offsets in it at which a change is not noticed."""
    data, given = record(VECTORS / name), objects(VECTORS / name, SOUND[name])
    reading = functools.lru_cache(read_token)  # a flip spoils one token at a time
    sound = verify_record(data, given, read=reading)
    assert sound.valid
    told = json.dumps(evidence(sound))
    found: dict[str, list[int]] = defaultdict(list)
    for offset in range(0, len(data), step):
        damaged = bytearray(data)
        damaged[offset] ^= FLIPS[offset % 3]
        report = verify_record(bytes(damaged), given, read=reading)
        if report.valid:
            assert json.dumps(evidence(report)) == told, (offset, field_of(data, offset))
            found[field_of(data, offset)].append(offset)
    return found


def documented(name: str) -> dict[str, tuple[int, int]]:
    """Field → (first, last) of the offsets that are named for a record."""
    lines = re.findall(
        rf"^\| `{re.escape(Path(name).name)}` \| `(\S+)` \| (\d+)–(\d+) \|", DOCS.read_text(encoding="utf-8"), re.MULTILINE
    )
    return {field: (int(first), int(last)) for field, first, last in lines}


@pytest.mark.parametrize("name", SOUND, ids=lambda name: Path(name).name)
def test_what_survives_a_flip_is_in_the_fields_that_are_named(name: str) -> None:
    known = documented(name)
    assert known
    for field, offsets in survivors(name, STEP).items():
        first, last = known[field]
        assert first <= offsets[0] <= offsets[-1] <= last


@pytest.mark.proof
@pytest.mark.parametrize("name", SOUND, ids=lambda name: Path(name).name)
def test_what_survives_a_flip_of_any_byte_is_what_is_named(name: str) -> None:
    assert {field: (offsets[0], offsets[-1]) for field, offsets in survivors(name, 1).items()} == documented(name)
