"""What every `signatures.signed.Verifier` keeps to: it reads what is sound, never calls broken bytes intact, and raises over nothing.

A new family of formats adds one line to ``SAMPLES``.
"""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from signatures.asic.container import AsicVerifier
from signatures.cades import CadesVerifier
from signatures.odf import OdfVerifier
from signatures.ooxml import OoxmlVerifier
from signatures.pades import PadesVerifier
from signatures.report import Integrity
from signatures.signed import SignedFile, Source, Verifier
from signatures.xades.verifier import XadesVerifier
from tests import packed
from tests.signatures import asic_builder, office_signing, xml_signing
from tests.signatures.pki import Pki, day, make_pdf

CONTENT = b"Cong van so 1"


def _pdf(pki: Pki) -> bytes:
    return pki.sign_pdf(make_pdf(), day(2026, 3), level="T")


def _enclosed(pki: Pki) -> bytes:
    return pki.sign_cms(CONTENT, day(2026, 3), detached=False)


def _detached(pki: Pki) -> bytes:
    return pki.sign_cms(CONTENT, day(2026, 3))


def _xml(pki: Pki) -> bytes:
    return xml_signing.enveloped(pki, xml_signing.LETTER.replace("<!-- note -->", ""), level="T")


def _xml_enclosing(pki: Pki) -> bytes:
    return xml_signing.enveloping(pki, CONTENT, level="T")


def _xml_detached(pki: Pki) -> bytes:
    return xml_signing.detached(pki, {"content": CONTENT}, level="T")


def _office(pki: Pki) -> bytes:
    return packed.zipped(office_signing.sign_docx(pki, office_signing.BARE, level="T"))


def _opendocument(pki: Pki) -> bytes:
    return packed.zipped(office_signing.sign_odt(pki, level="T"))


def _container_simple(pki: Pki) -> bytes:
    return asic_builder.zipped({"content": CONTENT, "META-INF/signature.p7s": _detached(pki)}, kind=asic_builder.SIMPLE)


def _container(pki: Pki) -> bytes:
    return asic_builder.zipped(asic_builder.parts(pki))


SAMPLES: dict[str, tuple[Verifier, Callable[[Pki], bytes]]] = {
    "pdf": (PadesVerifier(), _pdf),
    "cms-enclosed": (CadesVerifier(), _enclosed),
    "cms-detached": (CadesVerifier(), _detached),
    "xml": (XadesVerifier(), _xml),
    "xml-enclosing": (XadesVerifier(), _xml_enclosing),
    "xml-detached": (XadesVerifier(), _xml_detached),
    "office": (OoxmlVerifier(), _office),
    "opendocument": (OdfVerifier(), _opendocument),
    "container-simple": (AsicVerifier(), _container_simple),
    "container": (AsicVerifier(), _container),
}


@pytest.fixture(scope="module", params=SAMPLES)
def sample(request: pytest.FixtureRequest, pki: Pki) -> tuple[Verifier, bytes]:
    verifier, make = SAMPLES[request.param]
    return verifier, make(pki)


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki("ec")


def read(verifier: Verifier, folder: Path, data: bytes) -> SignedFile:
    path = folder / "sample"
    path.write_bytes(data)
    return verifier.read(Source(path, "sample", lambda: [("content", lambda: io.BytesIO(CONTENT))]))


def test_what_is_sound_is_intact_and_told(sample: tuple[Verifier, bytes], tmp_path: Path) -> None:
    file = read(*[sample[0], tmp_path, sample[1]])
    assert [each.integrity for each in file.objects] == [Integrity.INTACT]
    (signed,) = file.objects
    assert signed.kind in sample[0].kinds
    assert signed.failure is None
    assert signed.certificate is not None
    assert signed.certificate.facts.common_name == "Nguyễn Văn A"
    assert signed.certificate.facts.title == "Chánh Văn phòng"
    assert (signed.signature_algorithm, signed.digest_algorithm) == ("ecdsa-sha256", "sha256")
    assert signed.coverage.whole
    assert [each.kind for each in file.stamps] == ["signature"]
    assert file.stamps[0].time == day(2026, 3)


def test_whatever_is_not_intact_says_why(sample: tuple[Verifier, bytes], tmp_path: Path) -> None:
    """A hundred single changed bytes: nothing raises; what is not intact has a reason; what stays intact means the same."""
    verifier, data = sample
    sound = read(verifier, tmp_path, data).objects[0]
    draw = random.Random(1)
    for _ in range(100):
        damaged = bytearray(data)
        damaged[draw.randrange(len(data))] ^= 1 << draw.randrange(8)
        for each in read(verifier, tmp_path, bytes(damaged)).objects:
            if each.integrity is Integrity.INTACT:
                assert each.value == sound.value
            if each.failure is None:
                assert (each.integrity, each.certificate) == (Integrity.INTACT, sound.certificate)
            else:
                assert each.why is not None


def test_no_prefix_raises(sample: tuple[Verifier, bytes], tmp_path: Path) -> None:
    verifier, data = sample
    for end in [0, 1, 2, 64, *range(100, len(data), max(1, len(data) // 40))]:
        for each in read(verifier, tmp_path, data[:end]).objects:
            assert each.integrity is not Integrity.INTACT


@pytest.mark.parametrize("name", SAMPLES)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_noise_is_never_intact(name: str, tmp_path: Path, data: bytes) -> None:
    for each in read(SAMPLES[name][0], tmp_path, data).objects:
        assert each.integrity is not Integrity.INTACT


@pytest.mark.proof
@pytest.mark.parametrize("name", SAMPLES)
def test_every_reader_survives_splices_of_real_structures(name: str, pki: Pki, tmp_path: Path) -> None:
    """Ten thousand files that are cut, doubled and crossed from sound ones, each a structure that almost parses."""
    verifier, make = SAMPLES[name]
    stock = [make(pki), *(other(pki) for _, other in SAMPLES.values())]
    draw = random.Random(2)
    for _ in range(10_000):
        data = bytearray(stock[0])
        for _ in range(draw.randint(1, 4)):
            other = draw.choice(stock)
            start, here = draw.randrange(len(other)), draw.randrange(len(data))
            length = draw.choice((1, 2, 8, 64, 1024))
            match draw.randrange(3):
                case 0:
                    data[here : here + length] = other[start : start + length]
                case 1:
                    del data[here : here + length]
                case _:
                    data[here:here] = other[start : start + length]
            if not data:
                data = bytearray(b"0")
        for each in read(verifier, tmp_path, bytes(data)).objects:
            assert (each.failure is None) <= (each.integrity is Integrity.INTACT)
