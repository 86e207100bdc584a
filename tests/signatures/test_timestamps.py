"""Time stamps: what is asked, what is accepted, what is believed when."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st

from signatures import der
from signatures.errors import FetchFailed, InvalidToken, NotStamped
from signatures.fetch import Fetcher
from signatures.timestamps import (
    DEMO_NAME,
    Anchors,
    Authority,
    Believed,
    HttpAuthority,
    Request,
    Token,
    Trust,
    accept,
    demo_authority,
    load_anchors,
    make_authority,
    read_token,
    stamp,
    token_of,
)
from signatures.timestamps.token import known_token
from tests.signatures.authorities import (
    NOW,
    OpensslAuthority,
    answer_of,
    authority,
    issuing,
    key,
    openssl_accepts,
    roots,
    served,
)

DIGEST = hashlib.sha256(b"record").digest()
LOOPBACK = Fetcher(patience=10, private=True)


def token(known: Authority | None = None, digest: bytes = DIGEST, hash_name: str = "sha256") -> Token:
    return stamp([known or authority()], hash_name, digest, now=NOW).token


@pytest.mark.parametrize("kind", ["rsa", "p256", "p384"])
def test_openssl_answers_and_is_believed(kind: str, tmp_path: Path) -> None:
    openssl = OpensslAuthority(tmp_path / "tsa", kind)
    now = datetime.now(UTC)
    with served(openssl.answer) as url:
        known = Authority("a", HttpAuthority(url, LOOPBACK), load_anchors("a", [openssl.root]), policy="1.3.6.1.4.1.99999.1")
        stamped = stamp([known], "sha512", hashlib.sha512(b"x").digest(), now=now)
    assert stamped.token.scheme.name == ("rsa-pkcs1v15" if kind == "rsa" else "ecdsa")
    assert stamped.token.imprint == hashlib.sha512(b"x").digest()
    assert openssl_accepts(stamped.token.encoded, stamped.token.imprint, openssl.root, tmp_path)


def test_what_is_remembered_of_a_certificate_does_not_hold_for_another_of_its_name_and_number() -> None:
    encoded = token().encoded
    read_token(encoded)
    own = read_token(encoded).certificate_der
    other = own[:-1] + bytes((own[-1] ^ 1,))  # its signature: name, number and key are the same
    with pytest.raises(InvalidToken) as caught:
        read_token(encoded.replace(own, other))
    assert "tst-reference-other" in caught.value.reason


def test_openssl_accepts_tokens_of_our_own_authority(tmp_path: Path) -> None:
    now = datetime.now(UTC)
    known = authority(clock=lambda: now, begins=now - timedelta(days=1))
    root = tmp_path / "root.pem"
    encoded = x509.load_der_x509_certificate(issuing(known).root)
    root.write_bytes(encoded.public_bytes(serialization.Encoding.PEM))
    stamped = stamp([known], "sha256", DIGEST, now=now)
    assert openssl_accepts(stamped.token.encoded, DIGEST, root, tmp_path)
    assert not openssl_accepts(stamped.token.encoded, hashlib.sha256(b"other").digest(), root, tmp_path)


def test_a_token_is_kept_as_it_was_received() -> None:
    known = authority()
    request = Request.of("sha256", DIGEST)
    response = known.client.answer(request.encoded)
    found = accept(response, request, sent=NOW, received=NOW)
    assert found.encoded in response
    assert found.nonce == request.nonce
    assert token_of(response) == found.encoded


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"imprint": hashlib.sha256(b"other").digest()}, "something else"),
        ({"nonce": 5}, "nonce"),
        ({"policy": "1.2.3"}, "policy"),
        ({"hash": "sha512", "imprint": hashlib.sha512(b"").digest()}, "something else"),
    ],
)
def test_an_answer_to_another_question_is_refused(asked: dict[str, object], said: str) -> None:
    request = Request.of("sha256", DIGEST)
    response = authority().client.answer(request.encoded)
    with pytest.raises(InvalidToken, match=said):
        accept(response, replace(request, **asked), sent=NOW, received=NOW)  # type: ignore[arg-type]


@pytest.mark.parametrize("minutes", [-11, 11])
def test_a_clock_that_is_wrong_is_refused(minutes: int) -> None:
    known = authority(clock=lambda: NOW + timedelta(minutes=minutes))
    with pytest.raises(NotStamped, match="2026-11-26"):
        stamp([known], "sha256", DIGEST, now=NOW)


def test_a_slow_authority_is_waited_for_and_one_too_slow_is_not() -> None:
    known = authority()

    def slow(request: bytes) -> bytes:
        time.sleep(0.3)
        return known.client.answer(request)

    with served(slow) as url:
        waited = replace(known, client=HttpAuthority(url, LOOPBACK))
        assert stamp([waited], "sha256", DIGEST, now=NOW).token.imprint == DIGEST
        hurried = replace(known, client=HttpAuthority(url, replace(LOOPBACK, patience=0.05)))
        with pytest.raises(NotStamped):
            stamp([hurried], "sha256", DIGEST, now=NOW)


def test_the_next_authority_is_asked_when_one_fails() -> None:
    dead = Authority("dead", HttpAuthority("http://127.0.0.1:9/", LOOPBACK), Anchors())
    stranger = replace(authority("S"), anchors=authority("T").anchors, name="stranger")
    good = authority("good")
    stamped = stamp([dead, stranger, good], "sha256", DIGEST, now=NOW)
    assert stamped.authority is good
    assert [each.partition(":")[0] for each in stamped.failures] == ["dead", "stranger"]


def test_no_authority_at_all_is_an_error_with_reasons() -> None:
    with pytest.raises(NotStamped, match="dead: "):
        stamp([Authority("dead", HttpAuthority("http://127.0.0.1:9/", LOOPBACK), Anchors())], "sha256", DIGEST, now=NOW)
    with pytest.raises(NotStamped, match="no time-stamp authority is known"):
        stamp([], "sha256", DIGEST, now=NOW)


def test_an_authority_whose_certificate_does_not_stand_in_the_anchors_is_not_believed() -> None:
    assert Trust(authority("B").anchors).of(token(), NOW).believed is Believed.NO
    assert Trust(Anchors()).of(token(), NOW).believed is Believed.NO  # asked, and nobody is trusted


def test_a_token_is_believed_until_its_certificate_ends() -> None:
    known = authority(years=5)
    found, trust = token(known), Trust(known.anchors)
    ends = trust.of(found, NOW).ends
    assert ends is not None
    assert trust.of(found, ends - timedelta(seconds=1)).believed is Believed.YES
    assert trust.of(found, ends + timedelta(seconds=1)).believed is Believed.NO
    assert trust.of(found, NOW - timedelta(days=1)).believed is Believed.NO  # a token from the future


def test_what_one_token_lacks_and_another_brings_along_is_not_confused() -> None:
    """Two tokens of one certificate at one date: only that which brings the issuing CA along has a path."""
    known = authority("below")
    below = x509.load_der_x509_certificate(issuing(known).root)
    top_key = ec.generate_private_key(ec.SECP256R1())
    top = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "Top")])
    begins, ends = below.not_valid_before_utc, below.not_valid_after_utc

    def certified(subject: x509.Name, public: ec.EllipticCurvePublicKey) -> bytes:
        usage = below.extensions.get_extension_for_class(x509.KeyUsage).value
        builder = x509.CertificateBuilder(top, subject, public, x509.random_serial_number(), begins, ends)
        builder = builder.add_extension(x509.BasicConstraints(True, None), True).add_extension(usage, True)
        return builder.sign(top_key, hashes.SHA256()).public_bytes(serialization.Encoding.DER)

    public = below.public_key()
    assert isinstance(public, ec.EllipticCurvePublicKey)
    root, between = certified(top, top_key.public_key()), certified(below.subject, public)
    alone = token(known)
    complete = replace(alone, certificates=(*alone.certificates, between))
    for order in ((alone, complete), (complete, alone)):
        trust = Trust(roots(root))
        answers = {len(each.certificates): trust.of(each, NOW).believed for each in order}
        assert answers == {1: Believed.NO, 2: Believed.YES}


def test_a_token_that_was_read_before_is_the_same_and_a_changed_one_is_read_anew() -> None:
    sound = token().encoded
    assert known_token(sound) is known_token(bytes(bytearray(sound)))
    damaged = bytearray(sound)
    damaged[-1] ^= 1
    for _ in range(2):
        with pytest.raises(InvalidToken):
            known_token(bytes(damaged))


@pytest.mark.parametrize(
    ("reason", "after"),
    [(x509.ReasonFlags.key_compromise, Believed.NO), (None, Believed.NO), (x509.ReasonFlags.superseded, Believed.YES)],
)
def test_a_revocation_counts_from_its_date_unless_its_reason_spares_earlier_tokens(
    reason: x509.ReasonFlags | None, after: Believed
) -> None:
    root_key = ec.generate_private_key(ec.SECP256R1())
    begins = NOW - timedelta(days=300)
    made = make_authority(
        "R", key("p256"), clock=lambda: NOW, begins=begins, ends=begins + timedelta(days=3000), root_key=root_key
    )
    when = NOW + timedelta(days=100)
    row = x509.RevokedCertificateBuilder().serial_number(x509.load_der_x509_certificate(made.certificate).serial_number)
    row = row.revocation_date(when)
    if reason is not None:
        row = row.add_extension(x509.CRLReason(reason), False)
    listed = (
        x509.CertificateRevocationListBuilder()
        .issuer_name(x509.load_der_x509_certificate(made.root).subject)
        .last_update(when)
        .next_update(when + timedelta(days=90))
        .add_revoked_certificate(row.build())
        .sign(root_key, hashes.SHA256())
    ).public_bytes(serialization.Encoding.DER)
    known = Authority("R", made, roots(made.root))
    found, trust = token(known), Trust(known.anchors.with_revocations([listed]))
    assert trust.of(found, when - timedelta(days=1)).believed is Believed.YES
    assert trust.of(found, when + timedelta(days=1)).believed is after


@pytest.mark.parametrize(
    ("reason", "after"),
    [(x509.ReasonFlags.key_compromise, Believed.NO), (None, Believed.NO), (x509.ReasonFlags.superseded, Believed.YES)],
)
def test_an_ocsp_answer_counts_as_a_revocation_list_does(
    reason: x509.ReasonFlags | None, after: Believed, tmp_path: Path
) -> None:
    root_key = ec.generate_private_key(ec.SECP256R1())
    begins, when = NOW - timedelta(days=300), NOW + timedelta(days=100)
    made = make_authority(
        "O", key("p256"), clock=lambda: NOW, begins=begins, ends=begins + timedelta(days=3000), root_key=root_key
    )
    known = Authority("O", made, roots(made.root))
    found = token(known)

    def believed(data: bytes, days: float) -> Believed:
        (tmp_path / "root.cer").write_bytes(made.root)
        (tmp_path / "answer.ocsp").write_bytes(data)
        return Trust(load_anchors("O", [tmp_path])).of(found, when + timedelta(days=days)).believed

    revoked = answer_of(made, root_key, when, reason)
    assert believed(revoked, -1) is Believed.YES  # not known then
    assert believed(revoked, 1) is after
    assert believed(answer_of(made, root_key, None, None), 1) is Believed.YES
    unsigned = revoked[:-1] + bytes([revoked[-1] ^ 1])
    assert believed(unsigned, 1) is Believed.YES  # who says so is nobody


def test_an_ocsp_answer_that_a_token_brings_along_is_looked_at() -> None:
    root_key = ec.generate_private_key(ec.SECP256R1())
    begins = NOW - timedelta(days=300)
    made = make_authority(
        "I", key("p256"), clock=lambda: NOW, begins=begins, ends=begins + timedelta(days=3000), root_key=root_key
    )
    answer = answer_of(made, root_key, NOW + timedelta(days=9), x509.ReasonFlags.key_compromise)
    sound = token_of(made.answer(Request.of("sha256", DIGEST).encoded))
    content = der.children(sound, der.children(sound, der.children(sound, der.whole(sound))[1])[0])
    parts = [sound[each.start : each.end] for each in content]
    inside = der.encode(0xA1, der.encode(0xA1, der.write_oid("1.3.6.1.5.5.7.16.2"), answer))
    signed = der.sequence(der.write_integer(5), *parts[1:4], inside, parts[4])
    found = read_token(der.sequence(der.write_oid("1.2.840.113549.1.7.2"), der.encode(0xA0, signed)))
    assert found.revocations == (answer,)
    trust = Trust(roots(made.root))
    assert trust.of(found, NOW + timedelta(days=8)).believed is Believed.YES
    assert trust.of(found, NOW + timedelta(days=10)).believed is Believed.NO


def test_every_flipped_byte_of_a_token_is_noticed_or_means_nothing() -> None:
    sound = token().encoded
    for offset in range(len(sound)):
        damaged = bytearray(sound)
        damaged[offset] ^= 0x01
        try:
            found = read_token(bytes(damaged))
        except InvalidToken:
            continue
        pytest.fail(f"byte {offset} was changed, and the token is still called sound: {found.time}")


@functools.cache
def _one_token() -> bytes:
    return token().encoded


@settings(max_examples=150, deadline=None)
@given(st.binary(max_size=200), st.data())
def test_no_bytes_crash_the_readers(noise: bytes, data: st.DataObject) -> None:
    sound = _one_token()
    at = data.draw(st.integers(0, len(sound)))
    length = data.draw(st.integers(0, 40))
    for each in (noise, sound[:at] + noise + sound[at + length :]):
        for reader in (read_token, token_of):
            with contextlib.suppress(InvalidToken):
                reader(each)


@given(st.integers(-(2**140), 2**140))
def test_integers_are_written_as_they_are_read(value: int) -> None:
    written = der.write_integer(value)
    assert der.integer(written, der.whole(written, der.INTEGER)) == value


@pytest.mark.parametrize("url", ["ftp://example.org/x", "file:///etc/passwd", "http:///x", "http://a b/", "gopher://x", "x"])
def test_only_web_addresses_are_asked(url: str) -> None:
    with pytest.raises(FetchFailed):
        Fetcher(private=True).get(url)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "10.0.0.1", "169.254.169.254", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0", "192.168.1.1", "localhost"]
)
def test_private_addresses_are_not_asked_unless_allowed(host: str) -> None:
    with pytest.raises(FetchFailed, match="private network"):
        Fetcher(patience=1).get(f"http://{host}:9/")
    with pytest.raises(FetchFailed, match="private network"):
        Fetcher(patience=1, proxy="http://127.0.0.1:9").get(f"http://{host}:9/")


def test_answers_are_bounded_in_size_and_redirects_in_number() -> None:
    with served(lambda _: b"x" * 5000) as url:
        assert len(LOOPBACK.get(url)) == 5000
        with pytest.raises(FetchFailed, match="larger"):
            replace(LOOPBACK, largest=4999).get(url)
    with served(lambda _: b"", status=302, location="/again") as url, pytest.raises(FetchFailed, match="redirects"):
        LOOPBACK.get(url)
    with served(lambda _: b"", status=302, location="/again") as url, pytest.raises(FetchFailed, match="302"):
        LOOPBACK.post(url, b"", "text/plain")
    with served(lambda _: b"", status=302, location="file:///etc/passwd") as url, pytest.raises(FetchFailed, match="only http"):
        LOOPBACK.get(url)
    with served(lambda _: b"no", status=500) as url, pytest.raises(FetchFailed, match="500"):
        LOOPBACK.get(url)


def test_the_demo_authority_says_that_it_is_none(tmp_path: Path) -> None:
    made = demo_authority(tmp_path / "demo.pem", clock=lambda: NOW)
    again = demo_authority(tmp_path / "demo.pem", clock=lambda: NOW)
    assert made.root == again.root
    assert (tmp_path / "demo.pem").stat().st_mode & 0o077 == 0
    found = stamp([Authority("demo", again, roots(made.root), evidence=False)], "sha256", DIGEST, now=NOW).token
    assert found.authority == f"CN={DEMO_NAME}"
    assert "NOT EVIDENCE" in found.authority
