"""One SignerInfo: which certificate it names, whether digests and value are right. Trust is not looked at here."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from asn1crypto import core  # type: ignore[import-untyped]

from policies.findings import Finding
from policies.phrases import foreign, phrase
from signatures.algorithms import Scheme, effort, hash_named, pure, scheme_of, signed_by, strength, weakest
from signatures.attributes import CONTENT_TYPE, MESSAGE_DIGEST, Attributes, claimed_time, ess_hashes
from signatures.ber import Malformed, distinguished
from signatures.certificates import Certificate
from signatures.cms import MOST_MESSAGE, Content, Message
from signatures.report import Coverage, Integrity, Kind, Role, SubIndication
from signatures.signed import WEAK, SignedObject

__all__ = ["ReadSigner", "read_signer"]


class ReadSigner:
    """What a signer info says: the signed object, its attributes, and the raw value."""

    def __init__(self, info: Any) -> None:
        self.info = info
        self.signed = Attributes(info["signed_attrs"])
        self.unsigned = Attributes(info["unsigned_attrs"])
        self.value: bytes = bytes(info["signature"].native)
        self.has_signed = not isinstance(info["signed_attrs"], core.Void)


def read_signer(
    info: Any,
    *,
    kind: Kind,
    role: Role,
    name: str,
    content: Content,
    content_type: str,
    certificates: Sequence[Certificate],
    coverage: Coverage,
    message: Message | None = None,
) -> tuple[SignedObject, ReadSigner | None]:
    """Check one SignerInfo over ``content``, and over ``message`` where the content itself was signed.

    Raises only what ``content`` raises for reading (OSError, CouldNotRead).
    """
    base: dict[str, Any] = {"kind": kind, "role": role, "name": name, "coverage": coverage, "certificates": tuple(certificates)}
    try:
        signer = ReadSigner(info)
        base |= {"value": signer.value, "claimed": claimed_time(signer.signed)}
        digest, scheme = _algorithms(info)
        base |= {"digest_algorithm": digest, "scheme": scheme.name, "signature_algorithm": _named(scheme, digest)}
    except (ValueError, TypeError, KeyError) as error:
        found = _unknown(error)
        return SignedObject(**({"value": b""} | base), integrity=Integrity.UNKNOWN, **found), None
    try:
        return _weighed(_judged(signer, base, content, content_type, message), signer), signer
    except (ValueError, TypeError, KeyError) as error:  # asn1crypto parses a part when it is first asked for
        found = _said(SubIndication.FORMAT_FAILURE, "SIG-FORMAT", reason=foreign(error))
        return SignedObject(**base, integrity=Integrity.BROKEN, **found), None


def _weighed(read: SignedObject, signer: ReadSigner) -> SignedObject:
    """The object with every hash on which it stands: its own, and that by which it names its certificate, the strongest where several do
    (EN 319 102-1, 5.2.8). To name it by SHA-1 is all that RFC 3161 lets tokens do: of them it is noted, and no more."""
    named = max((name for name, _ in ess_hashes(signer.signed)), key=strength, default="") if read.certificate is not None else ""
    hashes = {each for each in (read.digest_algorithm, named) if each}
    if "sha1" in hashes:
        read = replace(read, notes=(*read.notes, WEAK))
    return read if read.role is Role.TIMESTAMP else replace(read, digest_algorithm=weakest(hashes))


def _judged(
    signer: ReadSigner, base: dict[str, Any], content: Content, content_type: str, message: Message | None
) -> SignedObject:
    """The certificate, the structure and the arithmetic, in the order of EN 319 102-1, 5.2."""
    certificate, misnamed = _signer(signer, base["certificates"], content)
    if certificate is None:
        missing = _said(SubIndication.NO_SIGNING_CERTIFICATE_FOUND, "SIG-NO-SIGNER")
        return SignedObject(**base, integrity=Integrity.UNKNOWN, **missing)
    base |= {"certificate": certificate, "notes": misnamed}
    if certificate.key is None:
        return SignedObject(**base, integrity=Integrity.UNKNOWN, **_unknown(ValueError(phrase("alg-key"))))
    digest, scheme = _algorithms(signer.info)
    problem = _structure(signer, base["role"], content_type)
    if problem is None:
        actual = content(digest)
        if actual is None:
            lost = _said(SubIndication.SIGNED_DATA_NOT_FOUND, "SIG-CONTENT-MISSING")
            return SignedObject(**base, integrity=Integrity.UNKNOWN, **lost)
        if scheme.name == "eddsa" and not signer.has_signed:
            return _pure(signer, base, scheme, message)
        problem = _arithmetic(signer, certificate, scheme, actual, digest)
    integrity = Integrity.INTACT if problem is None else Integrity.BROKEN
    return SignedObject(**base, integrity=integrity, **(problem or {}))


MOST_TRIED = 8
"""Certificates that are held against a value whose signer info names none of those that came along."""


def _signer(
    signer: ReadSigner, certificates: Sequence[Certificate], content: Content
) -> tuple[Certificate | None, tuple[Finding, ...]]:
    """The signer's certificate, and what is to be told where the identifier names another one: nobody signed the identifier, so the signed
    reference counts, and where there is none, whose key made the value. Raises what ``content`` raises."""
    hashes = _references(signer.signed)
    if hashes is None:
        return None, ()
    named = [each for each in certificates if _is_named(signer.info["sid"], each)]
    if found := next((each for each in named if _is_meant(each, hashes)), None):
        return found, ()
    found, by = None, phrase("misnamed-reference")
    if hashes:
        found = next((each for each in certificates if _is_meant(each, hashes)), None)
    elif not named:
        found, by = _by_key(signer, certificates, content), phrase("misnamed-key")
    told = Finding("SIG-SIGNER-MISNAMED", "", {"certificate": found.name, "by": by}) if found else None
    return found, (told,) if told else ()


def _by_key(signer: ReadSigner, certificates: Sequence[Certificate], content: Content) -> Certificate | None:
    """Whose key made the value, of the first certificates that are no authority's; with keys that take long it is not looked at."""
    digest, scheme = _algorithms(signer.info)
    likely = [each for each in certificates[: 4 * MOST_TRIED] if not each.is_authoritys and effort(each.key) <= ORDINARY]
    if signer.has_signed:
        messages, prehashed = list(_signed_bytes(signer.info["signed_attrs"])), False
    else:
        actual = None if scheme.name == "eddsa" else content(digest)
        messages, prehashed = [actual] if actual is not None else [], True
    for each in likely[:MOST_TRIED]:
        if any(signed_by(each.key, scheme, signer.value, message, prehashed=prehashed) for message in messages):
            return each
    return None


ORDINARY = 3
"""`signatures.algorithms.effort` of keys that people have."""


def _pure(signer: ReadSigner, base: dict[str, Any], scheme: Scheme, message: Message | None) -> SignedObject:
    """A signature that is made over the content itself: without signed attributes EdDSA hashes nothing before (RFC 8419, 3.1). What could
    not be read was not checked, and is not broken."""
    certificate: Certificate = base["certificate"]
    whole = message.whole() if message is not None else None
    if whole is None:
        unread = _said(SubIndication.SIGNED_DATA_NOT_FOUND, "SIG-CONTENT-UNREAD", most=MOST_MESSAGE >> 20)
        return SignedObject(**base, integrity=Integrity.UNKNOWN, **unread)
    if signed_by(certificate.key, scheme, signer.value, whole):
        return SignedObject(**base, integrity=Integrity.INTACT)
    return SignedObject(**base, integrity=Integrity.BROKEN, **_said(SubIndication.SIG_CRYPTO_FAILURE, "SIG-VALUE-WRONG"))


def _said(sub: SubIndication, code: str, **args: str | int) -> dict[str, Any]:
    return {"failure": sub, "why": Finding(code, "", args)}


def _unknown(error: Exception) -> dict[str, Any]:
    return _said(SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "SIG-ALGORITHM-UNKNOWN", reason=foreign(error))


def _algorithms(info: Any) -> tuple[str, Scheme]:
    oid, parameters = _identifier(info["signature_algorithm"])
    over_content = pure(oid) and isinstance(info["signed_attrs"], core.Void)  # by the digest algorithm nothing is hashed then
    digest = "sha512" if over_content else hash_named(*_identifier(info["digest_algorithm"]))
    return digest, scheme_of(oid, parameters, digest)


def _identifier(algorithm: Any) -> tuple[str, bytes]:
    """(dotted identifier, parameters as they stand there)."""
    parameters = algorithm["parameters"]
    raw = b"" if isinstance(parameters, core.Void) else parameters.dump()
    return algorithm["algorithm"].dotted, raw


def _named(scheme: Scheme, digest: str) -> str:
    return f"{scheme.name}-{scheme.hash or digest}"


def _references(signed: Attributes) -> list[tuple[str, bytes]] | None:
    """The signed references to the signer's certificate; None when they cannot be read."""
    try:
        return ess_hashes(signed)
    except (ValueError, TypeError, KeyError):
        return None


def _is_meant(certificate: Certificate, hashes: Sequence[tuple[str, bytes]]) -> bool:
    """Whether the signed references confirm it. Without this check a signature could be handed to another certificate of the same key
    (EN 319 102-1, 5.2.3.4)."""
    try:
        return all(hashlib.new(name, certificate.der).digest() == value for name, value in hashes)
    except ValueError:
        return False


def _is_named(sid: Any, certificate: Certificate) -> bool:
    try:
        if sid.name == "issuer_and_serial_number":
            chosen = sid.chosen
            same = chosen["serial_number"].native == certificate.serial
            return bool(same and (chosen["issuer"].dump() == certificate.issuer or chosen["issuer"] == certificate.asn1.issuer))
        return bool(sid.chosen.native == (certificate.key_id or certificate.key_sha1))
    except (ValueError, TypeError, KeyError):
        return False


def _structure(signer: ReadSigner, role: Role, content_type: str) -> dict[str, Any] | None:
    """RFC 5652, 5.3 and 11: what signed attributes must hold when there are any."""
    if not signer.has_signed:
        return None
    counts = signer.signed.counts
    if counts.get(MESSAGE_DIGEST) != 1 or len(signer.signed.all(MESSAGE_DIGEST)) != 1:
        return _said(SubIndication.FORMAT_FAILURE, "SIG-FORMAT", reason=phrase("cms-digest-once"))
    if role is Role.COUNTERSIGNATURE:
        return None
    declared = signer.signed.all(CONTENT_TYPE)
    if len(declared) != 1 or core.load(declared[0]).dump() != core.ObjectIdentifier(content_type).dump():
        return _said(SubIndication.FORMAT_FAILURE, "SIG-FORMAT", reason=phrase("cms-other-type"))
    return None


def _arithmetic(
    signer: ReadSigner, certificate: Certificate, scheme: Scheme, actual: bytes, digest: str
) -> dict[str, Any] | None:
    if not signer.has_signed:
        good = _signed_digest(certificate, scheme, signer.value, actual)
        return None if good else _said(SubIndication.SIG_CRYPTO_FAILURE, "SIG-VALUE-WRONG")
    messages = _signed_bytes(signer.info["signed_attrs"])
    if not any(signed_by(certificate.key, scheme, signer.value, message) for message in messages):
        return _said(SubIndication.SIG_CRYPTO_FAILURE, "SIG-VALUE-WRONG")
    raw = signer.signed.first(MESSAGE_DIGEST)
    if raw is None or core.load(raw).native != actual:
        return _said(SubIndication.HASH_FAILURE, "SIG-CONTENT-ALTERED", algorithm=digest)
    return None


def _signed_bytes(attributes: Any) -> Iterator[bytes]:
    """The signed attributes as SET OF: as they stand there, and in DER order, which is what must be signed (RFC 5652, 5.4)."""
    found = attributes.untag().dump()
    yield found
    with contextlib.suppress(Malformed):
        yield distinguished(found)


def _signed_digest(certificate: Certificate, scheme: Scheme, value: bytes, actual: bytes) -> bool:
    """A signature straight over the content, of which only the digest is at hand."""
    return signed_by(certificate.key, scheme, value, actual, prehashed=True)
