"""A public key infrastructure of its own for tests (certomancer): root, issuing CA, signers, and three generations of time-stamp
authorities. Everything happens at the date that a test names; nothing asks the clock or the network."""

from __future__ import annotations

import asyncio
import hashlib
import io
import tempfile
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from asn1crypto import ocsp as asn1_ocsp
from certomancer.registry import ArchLabel, CertLabel, CertomancerConfig, KeyLabel, ServiceLabel
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.pdf_utils.writer import PageObject, PdfFileWriter
from pyhanko.sign import fields, signers
from pyhanko.sign.signers.pdf_signer import PdfTimeStamper
from pyhanko.sign.timestamps import TimeStamper
from pyhanko_certvalidator import ValidationContext
from pyhanko_certvalidator.registry import SimpleCertificateStore

from signatures.certificates import Certificate

CONFIG = Path(__file__).with_name("pki.yaml")

STAMP_CAS = {"tsaca1": (2020, 2030), "tsaca2": (2028, 2040), "tsaca3": (2038, 2060)}
"""Time-stamp CAs and the years in which they give revocation lists."""


def day(year: int, month: int = 1, day_: int = 1) -> datetime:
    return datetime(year, month, day_, 12, tzinfo=UTC)


class StampAuthority(TimeStamper):  # type: ignore[misc]
    """An RFC 3161 authority in this process, whose clock stands where it is set."""

    def __init__(self, pki: Pki, label: str, at: datetime) -> None:
        super().__init__()
        self._pki, self._label, self._at = pki, label, at

    async def async_dummy_response(self, md_algorithm: str) -> Any:  # one token a size, not one a date
        return await self.async_timestamp(hashlib.new(md_algorithm).digest(), md_algorithm)

    async def async_request_tsa_response(self, req: Any) -> Any:
        registry = self._pki.arch.service_registry
        return registry.summon_timestamper(ServiceLabel(self._label), self._at).request_tsa_response(req)


@dataclass
class Pki:
    """``kind`` is "ec" (quick, and good for ever) or "rsa" (PKCS #1 v1.5, whose end is known). ``one_root``: the authorities of time-stamps
    stand under the same root as the signers; else each has a root of its own."""

    kind: str = "ec"
    one_root: bool = False
    arch: Any = None
    _dates: dict[Any, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        text = CONFIG.read_text()
        with tempfile.TemporaryDirectory(prefix="kho-pki-") as folder:
            names = yaml.safe_load(text)["keysets"]["test"]["keys"]
            (Path(folder) / "keys").mkdir()
            for name in names:
                (Path(folder) / "keys" / f"{name}.pem").write_bytes(_key(self.kind))
            described = yaml.safe_load(text)
            if self.one_root:
                certificates = described["pki-architectures"]["test"]["certs"]
                for name in STAMP_CAS:
                    certificates[name] |= {"issuer": "root", "authority-key": "root"}
            config = CertomancerConfig(described, key_search_dir=folder, config_search_dir=folder)
            self.arch = config.get_pki_arch(ArchLabel("test"))
            for name in names:
                self.arch.key_set.get_private_key(KeyLabel(name))  # read now: the folder goes

    def asn1(self, name: str) -> Any:
        return self.arch.get_cert(CertLabel(name))

    def certificate(self, name: str) -> Certificate:
        return Certificate(self.asn1(name).dump())

    def crl(self, name: str, at: datetime) -> bytes:
        if (name, at) not in self._dates:
            self._dates[name, at] = self.arch.service_registry.get_crl(ServiceLabel(name), at)
        return bytes(self._dates[name, at].dump())

    def ocsp(self, name: str, at: datetime) -> bytes:
        """What the issuing CA's responder says of ``name`` then, as a whole OCSPResponse."""
        issuer, certificate = self.asn1("interm"), self.asn1(name)
        identifier = asn1_ocsp.CertId(
            {
                "hash_algorithm": {"algorithm": "sha1"},
                "issuer_name_hash": hashlib.sha1(issuer.subject.dump()).digest(),
                "issuer_key_hash": issuer.public_key.sha1,
                "serial_number": certificate.serial_number,
            }
        )
        request = asn1_ocsp.OCSPRequest({"tbs_request": {"request_list": [{"req_cert": identifier}]}})
        responder = self.arch.service_registry.summon_responder(ServiceLabel("interm"), at)
        return bytes(responder.build_ocsp_response(request).dump())

    def crls(self, at: datetime) -> list[bytes]:
        """The lists that an honest collector gets then: a CA stops giving them when its certificates have expired."""
        names = ["root"] + (["interm"] if at < day(2027) else [])
        names += [name for name, (first, last) in STAMP_CAS.items() if first <= at.year < last]
        return [self.crl(name, at) for name in names]

    def anchors(self) -> list[Certificate]:
        return [self.certificate(name) for name in self.roots]

    @property
    def roots(self) -> tuple[str, ...]:
        return ("root",) if self.one_root else ("root", *STAMP_CAS)

    def context(self, at: datetime, signer: str = "signer1", more_crls: tuple[str, ...] = ()) -> ValidationContext:
        from asn1crypto import crl as asn1_crl

        ders = [*self.crls(at), *(self.crl(name, at) for name in more_crls)]
        return ValidationContext(
            trust_roots=[self.asn1(name) for name in self.roots],
            other_certs=[self.asn1(name) for name in ("interm", "interm-ocsp", *STAMP_CAS)],
            allow_fetching=False,
            crls=[asn1_crl.CertificateList.load(der) for der in ders],
            ocsps=[asn1_ocsp.OCSPResponse.load(self.ocsp(signer, at))] if at < day(2027) else [],
            revocation_mode="hard-fail",
            moment=at,
        )

    def signer(self, name: str = "signer1") -> Any:
        return signers.SimpleSigner(
            signing_cert=self.asn1(name),
            signing_key=self.arch.key_set.get_private_key(KeyLabel(name)),
            cert_registry=SimpleCertificateStore.from_certs([self.asn1(each) for each in ("root", "interm", "interm-ocsp")]),
        )

    def stamps(self, label: str, at: datetime) -> StampAuthority:
        return StampAuthority(self, label, at)

    def sign_pdf(
        self,
        pdf: bytes,
        at: datetime,
        *,
        signer: str = "signer1",
        level: str = "LTA",
        field_name: str = "Sig1",
        authority: str = "tsa",
    ) -> bytes:
        """``pdf`` signed as PAdES B-``level`` (B, T, LT, LTA)."""
        stamped = level != "B"
        long = level in ("LT", "LTA")
        metadata = signers.PdfSignatureMetadata(
            field_name=field_name,
            md_algorithm="sha256",
            subfilter=fields.SigSeedSubFilter.PADES,
            embed_validation_info=long,
            use_pades_lta=level == "LTA",
            validation_context=self.context(at, signer) if long else None,
            reason="Ban hành",
            location="Hà Nội",
        )
        work = signers.async_sign_pdf(
            IncrementalPdfFileWriter(io.BytesIO(pdf)),
            metadata,
            signer=self.signer(signer),
            timestamper=self.stamps(authority, at) if stamped else None,
        )
        return bytes(asyncio.run(work).getvalue())

    def restamp(self, pdf: bytes, authority: str, at: datetime, more_crls: tuple[str, ...] = ()) -> bytes:
        """``pdf`` with one more document time-stamp, over the validation data of the one before."""
        out = io.BytesIO()
        chain = PdfTimeStamper(self.stamps(authority, at)).async_update_archival_timestamp_chain(
            PdfFileReader(io.BytesIO(pdf)), self.context(at, more_crls=more_crls), in_place=False, output=out
        )
        asyncio.run(chain)
        return out.getvalue()

    def sign_cms(self, data: bytes, at: datetime | None = None, *, detached: bool = True, signer: str = "signer1") -> bytes:
        """CAdES over ``data``: B, or T when ``at`` is given."""
        stamper = self.stamps("tsa", at) if at else None
        work = self.signer(signer).async_sign_general_data(data, "sha256", detached=detached, use_cades=True, timestamper=stamper)
        return bytes(asyncio.run(work).dump())


def _key(kind: str) -> bytes:
    key: Any = rsa.generate_private_key(65537, 2048) if kind == "rsa" else ec.generate_private_key(ec.SECP256R1())
    encoding = serialization.Encoding.PEM
    return bytes(key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))


def make_pdf(text: str = "Cong van so 1", pages: int = 1) -> bytes:
    """A small document in clear text, so that a test can find and change a byte of it."""
    writer = PdfFileWriter(stream_xrefs=False)
    for _ in range(pages):
        content = generic.StreamObject(stream_data=f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode())
        writer.insert_page(PageObject(contents=writer.add_object(content), media_box=(0, 0, 595, 842)))
    out = io.BytesIO()
    writer.write(out)
    return out.getvalue()
