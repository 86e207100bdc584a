"""Signing XML for tests: XAdES of every form and level. Canonical forms are libxml2's own, so that no mistake of the reader is repeated."""

from __future__ import annotations

import asyncio
import base64
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from certomancer.registry import KeyLabel
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from lxml import etree

from tests.signatures.pki import Pki, day

DS = "http://www.w3.org/2000/09/xmldsig#"
XADES = "http://uri.etsi.org/01903/v1.3.2#"
XADES141 = "http://uri.etsi.org/01903/v1.4.1#"
EXC = "http://www.w3.org/2001/10/xml-exc-c14n#"
SHA256 = "http://www.w3.org/2001/04/xmlenc#sha256"
ENVELOPED = f'<ds:Transform Algorithm="{DS}enveloped-signature"/>'
EXCLUSIVE = f'<ds:Transform Algorithm="{EXC}"/>'

LETTER = '<?xml version="1.0"?>\n<edoc xmlns="urn:test:letter"><body Id="body"><p>Công văn số 1</p></body><!-- note --></edoc>'

DIGESTS = {"sha256": SHA256, "sha1": DS + "sha1", "sha512": "http://www.w3.org/2001/04/xmlenc#sha512"}


def canonical(element: Any) -> bytes:
    """Exclusive, without comments, of an element as if it stood alone."""
    alone = etree.fromstring(etree.tostring(element, with_tail=False))
    return bytes(etree.tostring(alone, method="c14n", exclusive=True, with_comments=False))


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@dataclass
class Ref:
    """A reference: ``data`` is what its transforms give."""

    uri: str | None
    data: bytes
    transforms: str = ""
    type: str = ""
    name: str = ""

    def xml(self, digest: str) -> str:
        uri = "" if self.uri is None else f' URI="{self.uri}"'
        kind = f' Type="{self.type}"' if self.type else ""
        name = f' Id="{self.name}"' if self.name else ""
        steps = f"<ds:Transforms>{self.transforms}</ds:Transforms>" if self.transforms else ""
        value = b64(hashlib.new(digest, self.data).digest())
        return (
            f'<ds:Reference{name}{uri}{kind}>{steps}<ds:DigestMethod Algorithm="{DIGESTS[digest]}"/>'
            f"<ds:DigestValue>{value}</ds:DigestValue></ds:Reference>"
        )


@dataclass
class Signing:
    """Makes one ds:Signature. ``xades`` False: plain XML-DSig; ``objects`` are ds:Object elements as text."""

    pki: Pki
    signer: str = "signer1"
    digest: str = "sha256"
    pss: bool = False
    xades: bool = True
    name: str = "sig-1"
    objects: str = ""
    certificates: Sequence[str] = ("", "interm")
    wrong_reference: bool = False
    content_stamps: str = ""
    references: list[Ref] = field(default_factory=list)

    def der(self, name: str) -> bytes:
        return bytes(self.pki.asn1(name or self.signer).dump())

    def key(self) -> Any:
        info = self.pki.arch.key_set.get_private_key(KeyLabel(self.signer))
        return serialization.load_der_private_key(info.dump(), None)

    def _method(self) -> str:
        more = "http://www.w3.org/2001/04/xmldsig-more#"
        if isinstance(self.key(), rsa.RSAPrivateKey):
            if self.pss:
                return f"http://www.w3.org/2007/05/xmldsig-more#{self.digest}-rsa-MGF1"
            return f"{DS}rsa-sha1" if self.digest == "sha1" else f"{more}rsa-{self.digest}"
        return f"{more}ecdsa-{self.digest}"

    def _value(self, message: bytes) -> bytes:
        key, hasher = self.key(), {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha512": hashes.SHA512}[self.digest]()
        if isinstance(key, rsa.RSAPrivateKey):
            pad: Any = padding.PSS(padding.MGF1(hasher), hasher.digest_size) if self.pss else padding.PKCS1v15()
            return bytes(key.sign(message, pad, hasher))
        r, s = utils.decode_dss_signature(key.sign(message, ec.ECDSA(hasher)))
        return bytes(r.to_bytes(32) + s.to_bytes(32))

    def _properties(self) -> str:
        named = self.der("interm" if self.wrong_reference else "")
        digest = b64(hashlib.sha256(named).digest())
        return (
            f'<xades:SignedProperties xmlns:xades="{XADES}" xmlns:ds="{DS}" Id="{self.name}-signed"><xades:SignedSignatureProperties>'
            f"<xades:SigningTime>2026-03-01T12:00:00Z</xades:SigningTime><xades:SigningCertificateV2><xades:Cert><xades:CertDigest>"
            f'<ds:DigestMethod Algorithm="{SHA256}"/><ds:DigestValue>{digest}</ds:DigestValue></xades:CertDigest></xades:Cert>'
            f"</xades:SigningCertificateV2><xades:SignatureProductionPlaceV2><xades:City>Hà Nội</xades:City>"
            f"</xades:SignatureProductionPlaceV2></xades:SignedSignatureProperties>"
            f"<xades:SignedDataObjectProperties>{self.content_stamps}</xades:SignedDataObjectProperties></xades:SignedProperties>"
        )

    def signature(self) -> Any:
        """The ds:Signature element over ``references``."""
        references = list(self.references)
        qualifying = ""
        if self.xades:
            signed = self._properties()
            kind = "http://uri.etsi.org/01903#SignedProperties"
            references.append(Ref(f"#{self.name}-signed", canonical(etree.fromstring(signed)), EXCLUSIVE, kind))
            qualifying = (
                f'<ds:Object><xades:QualifyingProperties xmlns:xades="{XADES}" Target="#{self.name}">{signed}'
                f"<xades:UnsignedProperties><xades:UnsignedSignatureProperties/></xades:UnsignedProperties>"
                f"</xades:QualifyingProperties></ds:Object>"
            )
        listed = "".join(each.xml(self.digest) for each in references)
        info = (
            f'<ds:SignedInfo xmlns:ds="{DS}"><ds:CanonicalizationMethod Algorithm="{EXC}"/>'
            f'<ds:SignatureMethod Algorithm="{self._method()}"/>{listed}</ds:SignedInfo>'
        )
        value = b64(self._value(canonical(etree.fromstring(info))))
        certificates = "".join(f"<ds:X509Certificate>{b64(self.der(each))}</ds:X509Certificate>" for each in self.certificates)
        return etree.fromstring(
            f'<ds:Signature xmlns:ds="{DS}" Id="{self.name}">{info}<ds:SignatureValue Id="{self.name}-value">{value}</ds:SignatureValue>'
            f"<ds:KeyInfo><ds:X509Data>{certificates}</ds:X509Data></ds:KeyInfo>{qualifying}{self.objects}</ds:Signature>"
        )


def token(pki: Pki, data: bytes, at: datetime, authority: str = "tsa") -> bytes:
    digest = hashlib.sha256(data).digest()
    return bytes(asyncio.run(pki.stamps(authority, at).async_timestamp(digest, "sha256")).dump())


def add_unsigned(signature: Any, xml: str) -> Any:
    """Append one unsigned property; returns it."""
    element = etree.fromstring(xml)
    signature.find(f".//{{{XADES}}}UnsignedSignatureProperties").append(element)
    return element


def stamp(
    pki: Pki, signature: Any, at: datetime, *, name: str = "SignatureTimeStamp", data: bytes | None = None, space: str = XADES
) -> None:
    """A time-stamp property over ``data``; for a SignatureTimeStamp that is the value."""
    if data is None:
        data = canonical(signature.find(f"{{{DS}}}SignatureValue"))
    add_unsigned(
        signature,
        f'<x:{name} xmlns:x="{space}" xmlns:xades="{XADES}" xmlns:ds="{DS}"><ds:CanonicalizationMethod Algorithm="{EXC}"/>'
        f"<xades:EncapsulatedTimeStamp>{b64(token(pki, data, at))}</xades:EncapsulatedTimeStamp></x:{name}>",
    )


def add_values(pki: Pki, signature: Any, at: datetime) -> None:
    """CertificateValues and RevocationValues: issuers, the authorities' lists, an OCSP answer for the signer."""
    certificates = "".join(
        f"<x:EncapsulatedX509Certificate>{b64(bytes(pki.asn1(each).dump()))}</x:EncapsulatedX509Certificate>"
        for each in ("interm", "interm-ocsp", "root")
    )
    add_unsigned(signature, f'<x:CertificateValues xmlns:x="{XADES}">{certificates}</x:CertificateValues>')
    lists = "".join(f"<x:EncapsulatedCRLValue>{b64(each)}</x:EncapsulatedCRLValue>" for each in pki.crls(at))
    answer = f"<x:EncapsulatedOCSPValue>{b64(pki.ocsp('signer1', at))}</x:EncapsulatedOCSPValue>"
    add_unsigned(
        signature,
        f'<x:RevocationValues xmlns:x="{XADES}"><x:CRLValues>{lists}</x:CRLValues>'
        f"<x:OCSPValues>{answer}</x:OCSPValues></x:RevocationValues>",
    )


def archive(pki: Pki, signature: Any, contents: Sequence[bytes], at: datetime) -> None:
    """An ArchiveTimeStamp (1.4.1) over ``contents`` (what the references give), the signature, and all that was added so far."""
    data = b"".join(contents)
    for each in ("SignedInfo", "SignatureValue", "KeyInfo"):
        data += canonical(signature.find(f"{{{DS}}}{each}"))
    for element in signature.find(f".//{{{XADES}}}UnsignedSignatureProperties"):
        data += canonical(element)
    stamp(pki, signature, at, name="ArchiveTimeStamp", data=data, space=XADES141)


def enveloped(
    pki: Pki,
    text: str = LETTER,
    *,
    at: datetime | None = None,
    level: str = "B",
    change: Callable[[Signing], None] = lambda _: None,
) -> bytes:
    """``text`` with a signature over all of it at the end of its root."""
    root = etree.fromstring(text.encode())
    data = canonical(root)
    making = Signing(pki, references=[Ref("", data, ENVELOPED + EXCLUSIVE)])
    change(making)
    signature = making.signature()
    when = at or day(2026, 3)
    if level != "B":
        stamp(pki, signature, when)
    if level in ("LT", "LTA"):
        add_values(pki, signature, when)
    if level == "LTA":
        contents = [data, canonical(signature.find(f".//{{{XADES}}}SignedProperties"))]
        archive(pki, signature, contents, when)
    root.append(signature)
    return bytes(etree.tostring(root.getroottree(), xml_declaration=True, encoding="UTF-8"))


def enveloping(pki: Pki, content: bytes = b"Cong van so 1", *, level: str = "B") -> bytes:
    """A signature with its content inside, as base64."""
    base = f'<ds:Transform Algorithm="{DS}base64"/>'
    holder = f'<ds:Object Id="content">{b64(content)}</ds:Object>'
    signature = Signing(pki, references=[Ref("#content", content, base)], objects=holder).signature()
    if level != "B":
        stamp(pki, signature, day(2026, 3))
    return bytes(etree.tostring(signature))


def detached(pki: Pki, files: dict[str, bytes], *, level: str = "B") -> bytes:
    """A signature over files beside, by their names."""
    signature = Signing(pki, references=[Ref(name, data) for name, data in files.items()]).signature()
    if level != "B":
        stamp(pki, signature, day(2026, 3))
    return bytes(etree.tostring(signature))
