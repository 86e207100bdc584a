"""What every `ScsiTransport` promises. One suite, run by all of them that can run here; SG_IO is run in the virtual machine."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from storage.tape.errors import TransportError
from storage.tape.transport import Patient, Reply, ScsiTransport, open_transport
from tests.storage.tape.canned import Canned, check
from tests.storage.tape.target import have_target, running

INQUIRY = bytes([0x12, 0, 0, 0, 96, 0])
UNKNOWN = bytes([0xC1, 0, 0, 0, 0, 0])


@pytest.fixture(params=["iscsi", "canned", "patient"])
def transport(request: pytest.FixtureRequest) -> Iterator[ScsiTransport]:
    if request.param == "iscsi":
        if not have_target():
            pytest.skip("tgt and libiscsi7 are not installed (scripts/install-tools)")
        with running({}) as target:
            opened = open_transport(target.changer)
            for _ in range(4):
                opened.execute(bytes(6), timeout=5)
            yield opened
            opened.close()
    else:
        canned = Canned({0x12: bytes([8, 0, 6, 2, 31]) + b"\0\0\0KHO     CANNED          0001", 0x00: b""})
        yield Patient(canned, sleep=lambda _: None) if request.param == "patient" else canned


def test_an_answer_fills_the_buffer_as_far_as_it_goes(transport: ScsiTransport) -> None:
    buffer = bytearray(b"\xee" * 96)
    reply = transport.execute(INQUIRY, receive=buffer, timeout=5)
    assert reply.status == 0
    assert 36 <= reply.received <= 96
    assert buffer[0] & 0x1F == 8
    assert set(buffer[reply.received :]) <= {0xEE, 0}


def test_a_short_buffer_is_not_overrun(transport: ScsiTransport) -> None:
    buffer = bytearray(5)
    assert transport.execute(bytes([0x12, 0, 0, 0, 5, 0]), receive=buffer, timeout=5).received == 5
    assert len(buffer) == 5


def test_an_error_of_the_device_is_an_answer_with_sense(transport: ScsiTransport) -> None:
    reply = transport.execute(UNKNOWN, timeout=5)
    assert reply.status == 0x02
    assert reply.sense[0] & 0x7F in (0x70, 0x72)
    assert reply.sense[2] & 0x0F == 5


def test_a_command_without_data(transport: ScsiTransport) -> None:
    assert transport.execute(bytes(6), timeout=5) == Reply(0, b"", 0)


def test_closing_twice_is_fine(transport: ScsiTransport) -> None:
    transport.close()
    transport.close()


@pytest.mark.skipif(not have_target(), reason="tgt and libiscsi7 are not installed (scripts/install-tools)")
def test_a_target_that_dies_gives_no_answer_and_is_not_asked_again() -> None:
    with running({}) as target:
        opened = open_transport(target.changer)
        target.kill()
        for _ in range(2):
            with pytest.raises(TransportError):
                opened.execute(bytes(6), timeout=3)
        target.start()
        with pytest.raises(TransportError):  # never by itself: behind a new session a drive may stand elsewhere
            opened.execute(bytes(6), timeout=3)
        opened.close()


def test_canned_a_busy_device_is_asked_again_and_no_other_error_is() -> None:
    busy: list[Reply | bytes] = [Reply(0x08), Reply(0x28), b"", check(2, 0x0401), check(6, 0x2900)]
    waits: list[float] = []
    patient = Patient(Canned({0x00: busy}), sleep=waits.append)
    assert patient.execute(bytes(6), timeout=1).status == 0
    assert waits == [0.05, 0.1]
    for _ in range(2):
        assert patient.execute(bytes(6), timeout=1).status == 2
    assert len(waits) == 2
    forever = Patient(Canned({0x00: lambda *_: Reply(0x08)}), sleep=waits.append)
    assert forever.execute(bytes(6), timeout=1).status == 0x08
    assert sum(waits) < 40
