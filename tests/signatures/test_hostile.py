"""Hostile input at every reader: what comes out is an answer or the documented error, in bounded time, whatever the bytes."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.trust import default_algorithms
from signatures.anchors import Anchors, anchor_of
from signatures.ber import Malformed, element, guard
from signatures.certificate_files import parse_certificates
from signatures.certificates import Certificate
from signatures.chains import Chain, Chains
from signatures.cms import open_cms
from signatures.etsi_report import etsi_report
from signatures.judgement import Context, ValidationData, judge
from signatures.pades import MOST_SIGNATURES, PadesVerifier
from signatures.reading import read_signatures
from signatures.report import Integrity, SignatureReport, SubIndication
from signatures.revocation import load_crl, load_ocsp, statuses
from signatures.signed import Source
from signatures.trusted_list import services
from tests.signatures.pki import Pki, day, make_pdf

AT = day(2026, 6)


def _certificate(data: bytes) -> None:
    try:
        certificate = Certificate(data)
    except ValueError:
        return
    _ = (certificate.facts, certificate.key_bits, certificate.usages, certificate.never_revoked, certificate.signed_with)
    _ = (list(certificate.addresses()), certificate.key_id, certificate.authority_key_id)


def _crl(data: bytes) -> None:
    found = load_crl(data)
    if found is not None:
        subject, issuer = STOCK["certificate"]
        list(statuses(Certificate(subject), Chain((), anchor_of(Certificate(issuer))), [found], [], Chains(Anchors(), [])))


def _ocsp(data: bytes) -> None:
    found = load_ocsp(data)
    if found is not None:
        subject, issuer = STOCK["certificate"]
        list(statuses(Certificate(subject), Chain((), anchor_of(Certificate(issuer))), [], [found], Chains(Anchors(), [])))


def _cms(data: bytes) -> None:
    try:
        found = open_cms(data)
    except Malformed:
        return
    assert found.enclosed_size <= len(data)
    assert all(each is not None for each in found.signers)


def _list(data: bytes) -> None:
    try:
        list(services(data))
    except ValueError:
        return


READERS: dict[str, Callable[[bytes], None]] = {
    "certificate": _certificate,
    "certificates": lambda data: [None for _ in parse_certificates(data)].clear(),
    "crl": _crl,
    "ocsp": _ocsp,
    "cms": _cms,
    "list": _list,
}
STOCK: dict[str, list[bytes]] = {}
"""Sound input by reader: made once, from a whole infrastructure."""


@pytest.fixture(autouse=True)
def stock(pki: Pki) -> dict[str, list[bytes]]:
    if not STOCK:
        certificates = [pki.certificate(name).der for name in ("signer1", "interm")]
        STOCK.update(
            certificate=certificates,
            certificates=certificates,
            crl=[pki.crl("interm", AT)],
            ocsp=[pki.ocsp("signer1", AT), pki.ocsp("signer2", AT)],
            cms=[pki.sign_cms(b"x", day(2026, 3)), pki.sign_cms(b"x" * 300, detached=False)],
            list=[b"<TrustServiceStatusList xmlns='http://uri.etsi.org/02231/v2#'><TSPService/></TrustServiceStatusList>"],
        )
    return STOCK


def damaged(draw: random.Random, data: bytes) -> bytes:
    found = bytearray(data)
    for _ in range(draw.choice((1, 1, 2, 8))):
        at = draw.randrange(len(found)) if found else 0
        match draw.randrange(5):
            case 0:
                found[at : at + 1] = bytes((draw.randrange(256),))
            case 1:
                del found[at : at + draw.choice((1, 2, 16, 200))]
            case 2:
                found[at:at] = draw.randbytes(draw.choice((1, 2, 9)))
            case 3:
                found[at : at + 1] = draw.choice((b"\x80", b"\x84\xff\xff\xff\xff", b"\x30\x80", b"\x00\x00", b"\x24\x80"))
            case _:
                start = draw.randrange(len(data))
                found[at:at] = data[start : start + draw.choice((4, 40, 400))]
    return bytes(found)


def inputs(reader: str, count: int) -> Iterator[bytes]:
    draw = random.Random(reader)
    for _ in range(count):
        yield damaged(draw, draw.choice(STOCK[reader]))


@pytest.mark.parametrize("reader", READERS)
def test_damaged_structures(reader: str) -> None:
    for sound in STOCK[reader]:
        READERS[reader](sound)
    for data in inputs(reader, 300):
        READERS[reader](data)


@pytest.mark.proof
@pytest.mark.parametrize("reader", READERS)
def test_damaged_structures_at_length(reader: str) -> None:
    for data in inputs(reader, 100_000):
        READERS[reader](data)


@settings(max_examples=150, deadline=None)
@given(data=st.binary(max_size=400))
def test_noise(data: bytes) -> None:
    for reader in READERS.values():
        reader(data)


@pytest.mark.parametrize(
    "data",
    [
        b"\x30\x80" * 200_000,
        b"\x30\x84\x7f\xff\xff\xff" * 50_000,
        b"\x24\x80" * 100_000 + b"\x00\x00" * 100_000,
        b"\x3f" + b"\xff" * 500_000,
    ],
)
def test_structures_that_are_deeper_or_longer_than_they_can_be(data: bytes) -> None:
    for work in (guard, element, open_cms):
        with pytest.raises(Malformed):
            work(data)


def judged(folder: Path, pki: Pki, data: bytes) -> list[SignatureReport]:
    path = folder / "damaged"
    path.write_bytes(data)
    file = read_signatures(Source(path, "damaged"))
    context = Context(Anchors.of(pki.anchors()), default_algorithms(), AT)
    kept = ValidationData(crls=tuple(pki.crls(AT)))
    reports = judge(file, context, beside=[kept]) if file else ()
    for each in reports:
        assert each.as_json()
    if reports:
        assert etsi_report(reports)
    return list(reports)


@pytest.mark.parametrize("count", [60, pytest.param(20_000, marks=pytest.mark.proof)])
def test_nothing_damaged_passes_as_something_else(tmp_path: Path, pki: Pki, count: int) -> None:
    """Judging too: damaged chains, lists and tokens inside a file raise nothing, and what still passes is the same signature."""
    stock = [pki.sign_pdf(make_pdf(), day(2026, 3)), pki.sign_cms(b"x" * 300, day(2026, 3), detached=False)]
    sound = {each.value_sha256 for data in stock for each in judged(tmp_path, pki, data)}
    assert len(sound) == 3
    draw = random.Random(3)
    for _ in range(count):
        for report in judged(tmp_path, pki, damaged(draw, draw.choice(stock))):
            assert not report.verdict.passed or report.value_sha256 in sound


def test_a_document_full_of_byte_ranges_costs_a_bounded_time(tmp_path: Path, pki: Pki) -> None:
    """Each would be a pass over the file; what lies beyond the bound is a finding, and nothing of it passes."""
    signed = pki.sign_pdf(make_pdf(), day(2026, 3), level="B")
    path = tmp_path / "many.pdf"
    gap = signed.index(b"/Contents <") + 10
    end = signed.index(b">", gap) + 1
    rows = b"".join(b"/ByteRange [0 %d %d %d]\n" % (gap, end, number) for number in range(1, 20_000))
    path.write_bytes(signed + rows)
    found = PadesVerifier().read(Source(path, "many.pdf"))
    assert len(found.objects) <= MOST_SIGNATURES + 1
    assert not any(each.integrity is Integrity.INTACT and each.failure is None for each in found.objects)


def test_a_value_that_is_not_between_the_ranges_is_refused(tmp_path: Path, pki: Pki) -> None:
    """The form names one value, the gap holds another (universal signature forgery)."""
    signed = bytearray(pki.sign_pdf(make_pdf(), day(2026, 3), level="B"))
    start = signed.index(b"/ByteRange")
    numbers = signed[signed.index(b"[", start) + 1 : signed.index(b"]", start)].split()
    wrong = b" ".join((numbers[0], b"%d" % (int(numbers[1]) - 1), numbers[2], numbers[3]))
    width = signed.index(b"]", start) - signed.index(b"[", start) - 1
    signed[signed.index(b"[", start) + 1 : signed.index(b"]", start)] = wrong.ljust(width)
    path = tmp_path / "forged.pdf"
    path.write_bytes(bytes(signed))
    (found,) = PadesVerifier().read(Source(path, "forged.pdf")).objects
    assert found.failure is SubIndication.FORMAT_FAILURE
