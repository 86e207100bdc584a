"""The loop that everything passes through that strangers send, held against the same said plainly: it is written for speed."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from signatures import ber, der
from signatures.ber import DEEPEST, LONGEST_OID, Beyond, Malformed, element, guard
from tests.conformance.test_signature_vectors import INDEX
from tests.signatures import fuzz_elements
from tests.signatures.fuzzing import pki
from tests.signatures.pki import day
from tests.signatures.test_hostile import damaged


def plainly(data: bytes) -> int:
    """`guard`, header by header."""
    outer = element(data)
    if data[outer.end :].strip(b"\0"):
        raise Malformed("follow")
    ends, at, count = [outer.body_end], outer.body, 1
    while ends:
        if at >= ends[-1]:
            ends.pop()
            continue
        tag, at, length = ber._header(data, at, ends[-1])
        count += 1
        if length is not None and at + length > ends[-1]:
            raise Malformed("holder")
        if length is None or tag & 0x20:
            ends.append(ends[-1] if length is None else at + length)
        elif tag == 6 and length > LONGEST_OID:
            raise Beyond("identifier")
        else:
            at += length
        if len(ends) > DEEPEST:
            raise Beyond("deep")
    return count


def same(data: bytes) -> bool:
    """See that both say the same. Returns whether it is sound."""
    said: list[int | type[Malformed]] = []
    for each in (guard, plainly):
        try:
            said.append(each(data))
        except Malformed as error:
            said.append(type(error))
    assert said[0] == said[1]
    return isinstance(said[0], int)


SOUND = pki().sign_cms(b"x", day(2026, 3), detached=False)


@pytest.mark.parametrize("change", [damaged, fuzz_elements.der], ids=["bytes", "elements"])
def test_it_is_the_same_of_damaged_structures(change: object) -> None:
    assert callable(change)
    draw = random.Random(7)
    sound = [same(change(draw, SOUND)) for _ in range(300)]
    assert same(SOUND)
    assert True in sound
    assert False in sound


TAGS = st.sampled_from(
    [b"\0\0", b"\x30\x80", b"\x24\x80", b"\x05\x00", b"\x1f\x81\x01\x00", b"\x30\x81", b"\x3f", b"\x02\x84\0\0\0\1"]
)


@given(st.lists(TAGS | st.binary(max_size=3), max_size=90).map(b"".join))
def test_it_is_the_same_of_any_bytes(data: bytes) -> None:
    same(data)
    same(der.sequence(data))
    same(b"\x30\x80" + data + b"\0\0")


@pytest.mark.parametrize("form", [b"\x30\x80", b"\x30\x84"], ids=["indefinite", "definite"])
@pytest.mark.parametrize("deep", range(DEEPEST - 2, DEEPEST + 3))
def test_it_is_the_same_of_what_goes_deep(form: bytes, deep: int) -> None:
    data = b""
    for _ in range(deep):
        data = form + (data + b"\0\0" if form[1] == 0x80 else len(data).to_bytes(4, "big") + data)
    assert same(data) == (deep <= DEEPEST)


def test_it_counts_no_further_than_is_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ber, "MOST_ELEMENTS", 100)
    assert guard(der.sequence(b"\x05\x00" * 99)) == 100
    with pytest.raises(Beyond):
        guard(der.sequence(b"\x05\x00" * 100))


@pytest.mark.parametrize("tag", [0x06, 0x04])
def test_identifiers_are_no_longer_than_any_is(tag: int) -> None:
    assert same(der.sequence(der.encode(tag, b"\1" * LONGEST_OID)))
    assert same(der.sequence(der.encode(tag, b"\1" * (LONGEST_OID + 1)))) == (tag != 0x06)


@pytest.mark.skipif(not INDEX.is_file(), reason="the signature vectors are not in ../shared/corpora")
def test_it_is_the_same_of_vectors() -> None:
    files = [
        each for each in INDEX.parent.rglob("*") if each.suffix in (".p7s", ".p7m", ".p7b", ".tst", ".ers") and each.is_file()
    ]
    assert sum(same(each.read_bytes()) for each in files if each.stat().st_size < 1 << 20) > 20
