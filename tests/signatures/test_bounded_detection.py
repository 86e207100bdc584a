"""Detection goes through every file of every deposit: it takes time in proportion to a file's length, whatever stands in it.

Each file here took minutes where work was quadratic, so that no slow machine is taken for a slow way.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable

import pytest

from signatures.detect import detected
from signatures.report import Kind
from tests.packed import zipped

LONG = 20.0
"""Seconds of processor: many times what the slowest takes."""

SIGNATURE = "application/vnd.openxmlformats-package.digital-signature-xmlsignature+xml"


def kinds(data: bytes) -> list[Kind]:
    begun = time.process_time()
    found = [each.kind for each in detected(io.BytesIO(data))]
    assert time.process_time() - begun < LONG
    return found


def members(count: int) -> dict[str, bytes]:
    return {f"b/{number}": b"" for number in range(count)}


def typed(types: str, count: int) -> bytes:
    return zipped({"[Content_Types].xml": f"<Types>{types}</Types>".encode(), **members(count)})


SHAPES: dict[str, tuple[Callable[[], bytes], list[Kind]]] = {
    "manifests": (lambda: zipped({f"META-INF/{n}{'ASiC' * 15_000}Mani": b"" for n in range(60)}), []),
    "signatures": (lambda: zipped({f"META-INF/{n}{'signature' * 7_000}": b"" for n in range(60)}), []),
    "time-stamps": (lambda: zipped({f"META-INF/{n}{'timestamp' * 7_000}.ts": b"" for n in range(60)}), []),
    "extensions": (lambda: typed(f'<Default Extension="q" ContentType="{SIGNATURE}"/>' * 30_000, 5_000), []),
    "parts": (lambda: typed(f'<Override PartName="/a" ContentType="{SIGNATURE}"/>' * 30_000, 5_000), []),
    "types": (lambda: typed(f'<Override PartName="/a" ContentType="{SIGNATURE}"/>' * 100_000, 10), [Kind.OOXML]),
    "elements": (lambda: typed("&#65;" + "<a/>" * 1_000_000, 10), [Kind.OOXML]),
    "pieces": (lambda: zipped({f"[Content_Types].xml/[{n}].piece": b"<a/>" for n in range(10_000)}), [Kind.OOXML]),
    "names of tags": (lambda: b"<t>" + b":SignatureValue>" * 3_000_000, []),
    "words like tags": (lambda: b"<t>" + b"in ds:SignatureValue " * 2_000_000, []),
}
"""What is beyond a bound counts as signed, and its reader says why it is not looked at."""


@pytest.mark.parametrize("shape", SHAPES)
def test_time_is_in_proportion(shape: str) -> None:
    made, expected = SHAPES[shape]
    assert kinds(made()) == expected
