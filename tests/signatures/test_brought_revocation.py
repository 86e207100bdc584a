"""Revocation data in the ``crls`` of a CMS or a time-stamp token (RFC 5652, 10.2.1; RFC 5940): often the only place where it is kept."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from asn1crypto import cms as asn1_cms

from policies.trust import default_algorithms
from signatures import der
from signatures.anchors import Anchors
from signatures.judgement import Context, judge
from signatures.timestamps import read_token
from tests.signatures.cms_attributes import with_attribute
from tests.signatures.houses import OCSP, Holder, root, year
from tests.signatures.judging import read
from tests.signatures.pki import Pki, day

AT = year(2026, 6)
MADE = year(2026, 5, 20)
OCSP_RESPONSE, OCSP_BASIC = "1.3.6.1.5.5.7.16.2", "1.3.6.1.5.5.7.48.1.1"
TOKEN = "1.2.840.113549.1.9.16.2.14"


def bringing(data: bytes, *choices: bytes) -> bytes:
    """The CMS with ``choices`` (DER of RevocationInfoChoice) in its ``crls``."""
    info = asn1_cms.ContentInfo.load(data)
    info["content"]["crls"] = asn1_cms.RevocationInfoChoices.load(der.set_of(choices))
    return bytes(info.dump(force=True))


def other(kind: str, value: bytes) -> bytes:
    return der.encode(0xA1, der.write_oid(kind), value)


def as_response(answer: bytes) -> bytes:
    return other(OCSP_RESPONSE, answer)


def as_basic(answer: bytes) -> bytes:
    from asn1crypto import ocsp

    return other(OCSP_BASIC, ocsp.OCSPResponse.load(answer).basic_ocsp_response.dump())


def family() -> tuple[Holder, Holder, Holder]:
    top = root()
    ca = top.issue("CA X", ca=True)
    return top, ca, ca.issue("Signer")


def verdict(folder: Path, data: bytes, top: Holder) -> str:
    context = Context(Anchors.of([top.certificate]), default_algorithms(), AT)
    return str(judge(read(folder, data), context)[0].verdict)


def test_lists_in_a_cms(tmp_path: Path) -> None:
    top, ca, signer = family()
    signed = signer.sign(b"cong van", ca)
    assert verdict(tmp_path, signed, top) == "INDETERMINATE/TRY_LATER"
    assert verdict(tmp_path, bringing(signed, top.crl(made=MADE), ca.crl(made=MADE)), top) == "TOTAL-PASSED"
    assert (
        verdict(tmp_path, bringing(signed, top.crl(made=MADE), ca.crl(signer, made=MADE)), top) == "INDETERMINATE/REVOKED_NO_POE"
    )


@pytest.mark.parametrize("kind", [as_response, as_basic])
def test_answers_in_a_cms(tmp_path: Path, kind: Callable[[bytes], bytes]) -> None:
    top, ca, signer = family()
    responder = ca.issue("Responder", purposes=[OCSP])
    signed = signer.sign(b"cong van", ca)
    good = kind(responder.answer(signer, ca, made=MADE))
    bad = kind(responder.answer(signer, ca, made=MADE, revoked=year(2025)))
    strange = other("1.2.3.4", der.sequence(der.write_oid("1.2.3")))
    assert verdict(tmp_path, bringing(signed, top.crl(made=MADE), strange, good), top) == "TOTAL-PASSED"
    assert verdict(tmp_path, bringing(signed, top.crl(made=MADE), strange, bad), top) == "INDETERMINATE/REVOKED_NO_POE"


def test_lists_in_a_token_of_a_signature(tmp_path: Path, pki: Pki) -> None:
    """The authority's list stands in the token alone."""
    when = day(2026, 3)
    plain = asn1_cms.ContentInfo.load(pki.sign_cms(b"x", when, detached=False))
    attributes = plain["content"]["signer_infos"][0]["unsigned_attrs"]
    stamp = next(value.dump() for each in attributes if each["type"].dotted == TOKEN for value in each["values"])
    full = bringing(stamp, pki.crl("tsaca1", when))
    signed = with_attribute(pki.sign_cms(b"x", detached=False), TOKEN, stamp)
    plain["content"]["signer_infos"][0]["unsigned_attrs"] = asn1_cms.CMSAttributes.load(
        der.encode(der.SET, der.sequence(der.write_oid(TOKEN), der.set_of([full])))
    )
    context = Context(Anchors.of(pki.anchors()), default_algorithms(), when)

    def judged(data: bytes) -> str:
        (stamped,) = judge(read(tmp_path, data), context)[0].stamps
        return str(stamped.verdict)

    assert judged(signed) != "TOTAL-PASSED"
    assert judged(bytes(plain.dump(force=True))) == "TOTAL-PASSED"


@pytest.mark.parametrize("kind", [as_response, as_basic])
def test_answers_in_a_token_of_evidence(pki: Pki, kind: Callable[[bytes], bytes]) -> None:
    import asyncio

    stamp = bytes(asyncio.run(pki.stamps("tsa", day(2026, 3)).async_timestamp(bytes(32), "sha256")).dump())
    answer = pki.ocsp("signer1", day(2026, 3))
    listed = pki.crl("tsaca1", day(2026, 3))
    assert set(read_token(bringing(stamp, listed, kind(answer))).revocations) == {listed, answer}
