from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policies.findings import spoken
from policies.phrases import OPEN
from storage.errors import Refused, Unavailable
from storage.tape import errors
from storage.tape.sense import NO_SENSE, WORDS, Sense, read_sense
from tests.storage.tape.canned import fixed


def test_the_fixed_format() -> None:
    data = fixed(0, 0x0001, flags=0xE0, information=-5)
    assert read_sense(data) == Sense(0, 1, False, True, True, True, -5)
    assert read_sense(fixed(3, 0x1100, deferred=True)).deferred


def test_the_descriptor_format() -> None:
    information = bytes([0, 10, 0x80, 0]) + (-300_000).to_bytes(8, "big", signed=True)
    stream = bytes([4, 2, 0, 0x40])
    header = bytes([0x72, 0x0D, 0x00, 0x02, 0, 0, 0, len(information + stream)])
    assert read_sense(header + information + stream) == Sense(0xD, 2, False, False, True, False, -300_000)
    assert read_sense(header[:7] + b"\x04" + stream).end


@given(st.binary(max_size=80))
def test_any_bytes_are_some_sense(data: bytes) -> None:
    read_sense(data)


def test_which_error_a_sense_means() -> None:
    def error(status: int, data: bytes = b"") -> object:
        return type(errors.error_of("d", "c", status, read_sense(data)))

    assert error(0) is type(None)
    assert error(2, fixed(0, 1, flags=0x80)) is type(None)
    assert error(2, fixed(1, 0x1700)) is type(None)
    assert error(2, fixed(2, 0x3A00)) is errors.NotReady
    assert error(2, fixed(3, 0x1100)) is errors.MediumError
    assert error(2, fixed(5, 0x2000)) is errors.IllegalRequest
    assert error(2, fixed(6, 0x2900)) is errors.UnitAttention
    assert error(2, fixed(7, 0x2700)) is errors.WriteProtected
    assert error(2, fixed(0xD, 0x0002)) is errors.EndOfMedium
    assert error(2, fixed(3, 0x0C00, deferred=True)) is errors.DeferredError
    assert error(2, fixed(0, 0, deferred=True)) is errors.DeferredError
    assert error(8) is errors.Busy
    assert error(0x18) is errors.Busy
    assert error(0x40) is errors.ScsiError  # task aborted: no sense, and no success


def test_what_a_device_could_not_do_is_no_damage() -> None:
    for name in errors.__all__:
        kind = getattr(errors, name)
        if name not in ("WrongVolume", "error_of"):
            assert issubclass(kind, Unavailable | Refused)
    assert read_sense(b"") is NO_SENSE


def test_what_a_device_says_is_told_in_the_readers_language() -> None:
    for code in (*WORDS, 0x6666):
        for deferred in (False, True):
            error = errors.ScsiError("d", "READ", Sense(3, code, deferred))
            told = {language: error.finding.text(language) for language in ("en", "vi")}
            assert f"3/{code:04X}" in told["vi"]
            assert not any(OPEN in each for each in told.values())
            assert spoken(WORDS.get(code, "no words for it"), "en") in told["en"]
            assert spoken(WORDS.get(code, "no words for it"), "en") not in told["vi"]
