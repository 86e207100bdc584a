"""RFC 3161, RFC 5816, RFC 5035 and RFC 5652, clause by clause: what a token must be, and what it may be."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import timedelta

import pytest

from signatures import der
from signatures.errors import InvalidToken
from signatures.timestamps import read_token, token_of
from signatures.timestamps.signer_info import issuer_and_serial
from tests.signatures.authorities import NOW
from tests.signatures.token_builder import Token, attribute, ess_v1, ess_v2, issuer_serial, numbered

DIGEST = hashlib.sha256(b"record").digest()
SOUND = Token(DIGEST)
SHA256 = "2.16.840.1.101.3.4.2.1"
SHA512 = "2.16.840.1.101.3.4.2.3"


def number(value: int, tag: int = der.INTEGER) -> bytes:
    return der.encode(tag, der.write_integer(value)[2:])


ACCURACY = der.sequence(number(1), number(500, 0x80), number(1, 0x81))
TRUE, FALSE = b"\x01\x01\xff", b"\x01\x01\x00"
NONCE = number(0x1234)
TSA = der.encode(0xA0, der.encode(0xA4, der.sequence()))


def extension(*, critical: bytes = b"") -> bytes:
    return der.encode(0xA1, der.sequence(der.write_oid("1.3.6.1.5.5.7.1.3"), critical, der.encode(der.OCTET_STRING, b"0\x00")))


def more(*parts: bytes) -> Token:
    """A token whose TSTInfo has optional parts."""
    return SOUND.with_(info=lambda own: [*own, *parts])


def changed(place: int, part: bytes) -> Token:
    """A token one of whose five TSTInfo parts is another."""
    return SOUND.with_(info=lambda own: [*own[:place], part, *own[place + 1 :]])


def referred(*values: bytes) -> Token:
    return SOUND.with_(references=lambda certificate: list(values))


def named(make: Callable[[bytes], bytes]) -> Token:
    return SOUND.with_(references=lambda certificate: [make(certificate)])


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def sha1(data: bytes) -> bytes:
    return hashlib.sha1(data).digest()


def written_otherwise(certificate: bytes) -> bytes:
    """The issuer's name with a string of another type and other capitals: the same name (RFC 5280 §7.1)."""
    own = issuer_serial(certificate)
    at = own.index(b"\x0c", own.index(b"\x55\x04\x03"))
    length = own[at + 1]
    text = own[at + 2 : at + 2 + length].swapcase()
    return own[:at] + b"\x13" + own[at + 1 : at + 2] + text + own[at + 2 + length :]


RIGHT: dict[str, Token] = {
    "RFC 3161 §2.4.2: nothing optional": SOUND,
    "§2.4.2: accuracy, ordering, nonce, tsa, extensions": more(ACCURACY, TRUE, NONCE, TSA, extension()),
    "§2.4.2: accuracy of thousandths alone": more(der.sequence(number(10, 0x80))),
    "§2.4.2: a fraction of a second": changed(4, der.encode(der.GENERALIZED_TIME, b"20261126120000.25Z")),
    "§2.4.2: ordering false although it is the default": more(FALSE),
    "§2.4.2: an extension that is said to be not critical": more(extension(critical=FALSE)),
    "RFC 5816 §2.2.1: ESSCertIDv2 with the default algorithm": named(lambda each: ess_v2(sha256(each))),
    "RFC 5816 §2.2.1: ESSCertIDv2 with SHA-512": named(
        lambda each: ess_v2(hashlib.sha512(each).digest(), algorithm=numbered(SHA512))
    ),
    "RFC 5035 §5: ESSCertIDv2 with issuer and number": named(lambda each: ess_v2(sha256(each), issuer_serial(each))),
    "RFC 5280 §7.1: the issuer's name written otherwise": named(lambda each: ess_v2(sha256(each), written_otherwise(each))),
    "RFC 3161 §2.4.2: ESSCertID": named(lambda each: ess_v1(sha1(each))),
    "RFC 5816 §2.2.1: both references": SOUND.with_(references=lambda each: [ess_v1(sha1(each)), ess_v2(sha256(each))]),
    "RFC 5652 §5.3: further signed attributes": SOUND.with_(attributes=lambda own: [*own, attribute("1.2.3", number(1))]),
    "RFC 5652 §5.1: several digest algorithms": SOUND.with_(
        fields=lambda own: [own[0], der.encode(der.SET, numbered(SHA512), numbered(SHA256)), *own[2:]]
    ),
    "RFC 5652 §5.1: further certificates": SOUND.with_(
        fields=lambda own: [*own[:3], der.encode(0xA0, own[3][4:], SOUND.root), *own[4:]]
    ),
}

WRONG: dict[str, tuple[Token, str]] = {
    "RFC 3161 §2.4.2: version 2": (changed(0, number(2)), "tst-version"),
    "§2.4.2: an imprint of another length": (SOUND.with_(imprint=DIGEST[:-1]), "tst-imprint-length"),
    "§2.4.2: a hash that is not known": (
        changed(2, der.sequence(numbered("1.2.3"), der.encode(der.OCTET_STRING, DIGEST))),
        "alg-hash",
    ),
    "§2.4.2: no time": (SOUND.with_(info=lambda own: own[:4]), "tst-lacks"),
    "§2.4.2: a time with an offset": (changed(4, der.encode(der.GENERALIZED_TIME, b"20261126120000+0700")), "der-time-form"),
    "§2.4.2: a fraction that ends in zero": (
        changed(4, der.encode(der.GENERALIZED_TIME, b"20261126120000.50Z")),
        "der-time-form",
    ),
    "§2.4.2: a time that is none": (changed(4, der.encode(der.GENERALIZED_TIME, b"20261326120000Z")), "der-time"),
    "§2.4.2: two nonces": (more(NONCE, NONCE), "tst-part-unknown"),
    "§2.4.2: the nonce before the accuracy": (more(NONCE, ACCURACY), "tst-part-unknown"),
    "§2.4.2: a part of no kind": (more(b"\x04\x01x"), "tst-part-unknown"),
    "§2.4.2: accuracy out of order": (more(der.sequence(number(1, 0x81), number(1, 0x80))), "tst-accuracy"),
    "§2.4.2: a critical extension": (more(extension(critical=TRUE)), "tst-critical"),
    "§2.4.2: an extension that is none": (more(der.encode(0xA1, der.sequence(number(1)))), "tst-extension"),
    "§2.4.2: two signers": (SOUND.with_(signers=2), "tst-one-signer"),
    "§2.4.2: no signer": (SOUND.with_(signers=0), "tst-one-signer"),
    "§2.4.1: certificates were not asked for": (
        SOUND.with_(fields=lambda own: [*own[:3], own[4]]),
        "tst-no-signer-certificate",
    ),
    "§2.4.2: the certificate of somebody else": (
        SOUND.with_(fields=lambda own: [*own[:3], der.encode(0xA0, SOUND.root), own[4]]),
        "tst-no-signer-certificate",
    ),
    "§2.4.2: no reference to the certificate": (referred(), "tst-no-reference"),
    "RFC 5035 §4: ESSCertID of another certificate": (referred(ess_v1(sha1(b"other"))), "tst-reference-other"),
    "RFC 5035 §4: ESSCertIDv2 of another certificate": (referred(ess_v2(sha256(b"other"))), "tst-reference-other"),
    "RFC 5035 §4: one of two references is wrong": (
        SOUND.with_(references=lambda each: [ess_v1(sha1(b"other")), ess_v2(sha256(each))]),
        "tst-reference-other",
    ),
    "RFC 5035 §5: another number": (
        named(lambda each: ess_v2(sha256(each), issuer_serial(each, serial=number(7)))),
        "tst-reference-other",
    ),
    "RFC 5035 §5: another issuer": (
        named(lambda each: ess_v2(sha256(each), issuer_serial(each, issuer=der.sequence()))),
        "tst-reference-other",
    ),
    "RFC 5035 §4: a list of references that is empty": (
        referred(attribute("1.2.840.113549.1.9.16.2.47", der.sequence(der.sequence()))),
        "tst-reference-empty",
    ),
    "RFC 5652 §5.3: no message digest": (SOUND.with_(attributes=lambda own: [own[0], own[2]]), "tst-attribute-one"),
    "RFC 5652 §11.2: the digest of something else": (
        SOUND.with_(
            attributes=lambda own: [own[0], attribute("1.2.840.113549.1.9.4", der.encode(der.OCTET_STRING, sha256(b""))), own[2]]
        ),
        "tst-digest",
    ),
    "RFC 5652 §11.1: another content type is signed": (
        SOUND.with_(attributes=lambda own: [attribute("1.2.840.113549.1.9.3", der.write_oid("1.2.840.113549.1.7.1")), *own[1:]]),
        "tst-content-type",
    ),
    "RFC 5652 §5.3: an attribute with two values": (
        SOUND.with_(
            attributes=lambda own: [
                attribute("1.2.840.113549.1.9.3", der.write_oid("1.2.3"), der.write_oid("1.2.3")),
                *own[1:],
            ]
        ),
        "tst-attribute-one",
    ),
    "RFC 5652 §5.3: an attribute twice": (SOUND.with_(attributes=lambda own: [*own, own[0]]), "tst-attribute-twice"),
    "RFC 5652 §5.1: the signer's digest algorithm is not announced": (
        SOUND.with_(fields=lambda own: [own[0], der.encode(der.SET, numbered(SHA512)), *own[2:]]),
        "tst-not-announced",
    ),
    "RFC 5652 §5.1: version 1": (SOUND.with_(fields=lambda own: [number(1), *own[1:]]), "tst-message-version"),
    "RFC 3161 §2.4.2: the content is no TSTInfo": (SOUND.with_(content_type="1.2.840.113549.1.7.1"), "tst-not-stamp"),
}


@pytest.mark.parametrize("name", RIGHT)
def test_what_the_standards_allow_is_read(name: str) -> None:
    found = read_token(RIGHT[name].encoded)
    assert found.imprint == DIGEST
    assert abs(found.time - NOW) < timedelta(seconds=1)


@pytest.mark.parametrize("name", WRONG)
def test_what_the_standards_forbid_is_refused_for_that_reason(name: str) -> None:
    token, reason = WRONG[name]
    with pytest.raises(InvalidToken) as refused:
        read_token(token.encoded)
    told = refused.value.reason.replace("\\", "")  # a phrase in a phrase is quoted
    assert f'"{reason}"' in told, told


def test_bytes_after_a_token_are_refused() -> None:
    with pytest.raises(InvalidToken):
        read_token(SOUND.encoded + b"\0")


def test_a_token_in_ber_is_read_and_named_as_such() -> None:
    """CMS may be BER (RFC 5652 §4); the TSTInfo in it is DER."""
    sound = SOUND.encoded
    body = sound[4:] if sound[1] == 0x82 else sound[3:]
    found = read_token(b"\x30\x80" + body + b"\0\0")
    assert not found.strict
    assert found.imprint == DIGEST
    assert read_token(sound).strict


@pytest.mark.parametrize("status", [0, 1])
def test_a_response_with_a_token_is_taken(status: int) -> None:
    token = SOUND.encoded
    assert token_of(der.sequence(der.sequence(der.write_integer(status)), token)) == token


@pytest.mark.parametrize("status", [2, 3, 4, 5, 99])
def test_a_response_that_grants_nothing_has_no_token(status: int) -> None:
    """RFC 3161 §2.4.2: with any status but granted and granted with changes there must be no token; one that is there is not taken."""
    response = der.sequence(der.sequence(der.write_integer(status)), SOUND.encoded)
    with pytest.raises(InvalidToken):
        token_of(response)
    with pytest.raises(InvalidToken):
        token_of(der.sequence(der.sequence(der.write_integer(0))))


@pytest.mark.parametrize("nothing", [b"", b"0\x00", b"0\x020\x00", b"0\x03\x02\x01\x05"])
def test_what_is_no_certificate_in_a_token_is_refused(nothing: bytes) -> None:
    with pytest.raises(der.DerError):
        issuer_and_serial(nothing)
