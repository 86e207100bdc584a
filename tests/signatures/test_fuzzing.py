"""The fuzz sees what it is there for: readers that are wrong in one way each do not pass it."""

from __future__ import annotations

import mmap
import random
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from policies.findings import Finding
from policies.phrases import phrase
from signatures.odd import not_understood
from signatures.report import Kind
from signatures.signed import SignedFile
from signatures.unread import unread
from tests.signatures import fuzzing
from tests.signatures.fuzzing import Reader, fuzz


def _odd() -> SignedFile:
    not_understood(ValueError("odd"))
    return SignedFile()


def _slow() -> SignedFile:
    end = time.process_time() + fuzzing.LONGEST * 1.2
    while time.process_time() < end:
        pass
    return SignedFile()


def _large() -> SignedFile:
    mmap.mmap(-1, 2 * fuzzing.ADDRESSES).close()
    return SignedFile()


def _raises() -> SignedFile:
    raise OverflowError


WRONG: dict[str, Callable[[], SignedFile]] = {
    "it raises": _raises,
    "an exception fell through a door": _odd,
    "it takes too long": _slow,
    "it asks for gigabytes": _large,
    "a part is swallowed": SignedFile,
    "words of one language": lambda: SignedFile((unread("the header is wrong", Kind.CADES),)),
    "a phrase that nobody speaks": lambda: SignedFile((unread(phrase("no-such-phrase"), Kind.CADES),)),
}


def _reader(read: Callable[[], SignedFile]) -> Reader:
    def reading(_: Path, data: bytes) -> SignedFile:
        return read() if data else SignedFile()

    def change(draw: random.Random, data: bytes) -> bytes:
        return b"changed"

    return Reader([b""], [change], reading, lambda data: [b"part"] if data else [], [b"part"])


@pytest.mark.parametrize("wrong", WRONG)
def test_a_reader_that_is_wrong_does_not_pass(tmp_path: Path, wrong: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fuzzing, "LONGEST", 0.5)
    with pytest.raises((AssertionError, OSError, OverflowError)):
        fuzz(_reader(WRONG[wrong]), wrong, tmp_path, iter(range(1)))
    assert [each.read_bytes() for each in tmp_path.glob("fuzz-*")] == [b"changed"]


def test_one_that_tells_what_it_left_passes(tmp_path: Path) -> None:
    left = unread(phrase("cms-none"), Kind.CADES, sure=False)
    assert fuzz(_reader(lambda: SignedFile((left,))), "right", tmp_path, iter(range(3))) == 3
    assert left.why == Finding("SIG-FORMAT", "", {"reason": phrase("cms-none")})
