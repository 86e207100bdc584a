"""One ds:Signature: its references, its value, and the certificates in its KeyInfo. Whom they belong to is judged elsewhere."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric import utils

from policies.phrases import phrase
from signatures.algorithms import Scheme, effort, signed_by
from signatures.certificates import Certificate
from signatures.report import Integrity, SubIndication
from signatures.xmldsig.c14n import Nodes, Refused, Work
from signatures.xmldsig.document import Document, path_of, text_of
from signatures.xmldsig.failure import Failure, decoded, malformed, not_understood, refused
from signatures.xmldsig.key_info import key_certificates
from signatures.xmldsig.names import RSA_PSS, SCHEMES, digest_named, ds
from signatures.xmldsig.native import joined
from signatures.xmldsig.references import Reading, Reference, Resolver, State, Transforms, method_of, read_references

__all__ = ["Failure", "XmlSignature", "decoded", "likeliest", "open_signature"]

KEY = 64
"""Steps of `Work` that holding a value against a key of ordinary size takes."""

PSS = "http://www.w3.org/2007/05/xmldsig-more#"


@dataclass(frozen=True)
class XmlSignature:
    """A signature taken apart. ``message`` is the canonical SignedInfo, ``certificates`` those of KeyInfo; by ``reading`` its references
    are followed again in the same way."""

    element: Any
    reading: Reading
    value: bytes
    scheme: Scheme
    message: bytes
    references: tuple[Reference, ...]
    certificates: tuple[Certificate, ...] = field(default=())

    @property
    def every(self) -> Iterator[Reference]:
        """The references, with those of signed manifests."""
        for each in self.references:
            yield from each.flat()

    def made_by(self, certificate: Certificate, work: Work) -> bool:
        """Whether the value is this certificate's signature of the SignedInfo. Raises `Refused`."""
        work.visit(KEY * effort(certificate.key))
        values = _values(self.value, self.scheme)
        return any(signed_by(certificate.key, self.scheme, each, self.message) for each in values)

    def wrong(self) -> Failure | None:
        """What is wrong with the references, the worst first: altered, not understood, refused, missing."""
        for state, failed in _FAILURES:
            for each in self.every:
                if each.state is state:
                    return failed(each)
        return None


def _altered(each: Reference) -> Failure:
    sub = SubIndication.HASH_FAILURE
    return Failure(Integrity.BROKEN, sub, "SIG-PART-ALTERED", part=called(each), algorithm=each.algorithm)


def _missing(each: Reference) -> Failure:
    return Failure(Integrity.UNKNOWN, SubIndication.SIGNED_DATA_NOT_FOUND, "SIG-PART-MISSING", part=called(each))


_FAILURES = (
    (State.ALTERED, _altered),
    (State.UNKNOWN, lambda each: not_understood(each.reason)),
    (State.REFUSED, lambda each: refused(each.reason)),
    (State.MISSING, _missing),
)


def called(reference: Reference) -> str:
    """What a reference covers, for people: the path of the element, or the name of the file."""
    if reference.nodes is not None:
        return path_of(reference.nodes.top)
    return reference.name or reference.uri or "?"


def open_signature(document: Document, element: Any, resolve: Resolver, transforms: Transforms | None = None) -> XmlSignature:
    """Take a ds:Signature apart and check its references. Raises `Failure`; what ``resolve`` opens may raise OSError, CouldNotRead."""
    infos = list(element.iterchildren(ds("SignedInfo")))
    values = list(element.iterchildren(ds("SignatureValue")))
    if len(infos) != 1 or len(values) != 1:
        raise malformed(phrase("dsig-parts"))
    (info,), (value,) = infos, values
    octets = decoded(text_of(value), "the value of the signature")
    if not octets:
        raise malformed(phrase("dsig-empty"))
    scheme = _scheme(info.find(ds("SignatureMethod")))
    try:
        method = method_of(info.find(ds("CanonicalizationMethod")))
        message = joined(Nodes(info, comments=True), method, document.work)
        reading = Reading(document, element, resolve, transforms or {})
        references = read_references(reading, info)
    except Refused as error:
        raise refused(error.reason) from error
    if not references:
        raise malformed(phrase("dsig-no-reference"))
    try:
        certificates = key_certificates(document, element)
    except Refused as error:
        raise refused(error.reason) from error
    return XmlSignature(element, reading, octets, scheme, message, references, certificates)


def _scheme(method: Any) -> Scheme:
    uri = "" if method is None else method.get("Algorithm", "")
    try:
        if uri == RSA_PSS:
            return _pss(method)
        return SCHEMES[uri]
    except KeyError:
        raise not_understood(phrase("dsig-method", uri=uri[:100])) from None
    except ValueError as error:
        raise not_understood(str(error)) from error


def _pss(method: Any) -> Scheme:
    """RSASSA-PSS with parameters (RFC 9231, 2.3.9). Raises ValueError."""
    parameters = method.find(f"{{{PSS}}}RSAPSSParams")
    if parameters is None:
        return Scheme("rsa-pss", "sha256", "sha256", 32)
    found = parameters.find(ds("DigestMethod"))
    name = "sha256" if found is None else digest_named(found.get("Algorithm", ""))
    mask = name
    generation = parameters.find(f"{{{PSS}}}MaskGenerationFunction")
    if generation is not None and (inner := generation.find(ds("DigestMethod"))) is not None:
        mask = digest_named(inner.get("Algorithm", ""))
    salt, trailer = (text_of(parameters.find(f"{{{PSS}}}{name}")).strip() for name in ("SaltLength", "TrailerField"))
    length = int(salt or hashlib.new(name).digest_size) if _SMALL.fullmatch(salt) else -1
    if not 0 <= length <= 512 or trailer not in ("", "1"):
        raise ValueError(phrase("dsig-pss"))
    return Scheme("rsa-pss", name, mask, length)


_SMALL = re.compile("0{0,20}[0-9]{1,3}|")
"""A length of salt, or none. Python converts no number of thousands of digits, and says so in words for programmers."""


def _values(value: bytes, scheme: Scheme) -> Iterator[bytes]:
    """The value as cryptography wants it: r and s of ECDSA and DSA stand side by side (XML-DSig 6.4), in some old files as DER."""
    if scheme.name not in ("ecdsa", "dsa"):
        yield value
        return
    if len(value) % 2 == 0:
        half = len(value) // 2
        yield utils.encode_dss_signature(int.from_bytes(value[:half]), int.from_bytes(value[half:]))
    if value[:1] == b"\x30":
        yield value


def likeliest(candidates: Sequence[Certificate]) -> Certificate:
    """Whose signature it is meant to be, when none of ``candidates`` made it: the first that issued no other."""
    issuers = {each.issuer for each in candidates if not each.self_issued}
    return next((each for each in candidates if each.subject not in issuers), candidates[0])
