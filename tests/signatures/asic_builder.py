"""Signature containers for tests: one valid thing, put together by hand, so that one thing of it can be broken."""

from __future__ import annotations

import base64
import hashlib
import io
import zipfile
from collections.abc import Mapping
from datetime import datetime

from tests.signatures import xml_signing
from tests.signatures.cms_attributes import record_over, token
from tests.signatures.pki import Pki, day

__all__ = ["EXTENDED", "FILES", "SIMPLE", "WHEN", "manifest", "parts", "simple", "with_xades", "zipped"]

EXTENDED = "application/vnd.etsi.asic-e+zip"
SIMPLE = "application/vnd.etsi.asic-s+zip"
FILES = {"cong van.txt": b"Cong van so 1", "phu-luc/bang.csv": b"a,b"}
WHEN = day(2026, 3)
NS = "http://uri.etsi.org/02918/v1.2.1#"
DS = "http://www.w3.org/2000/09/xmldsig#"
URIS = {
    "sha1": "http://www.w3.org/2000/09/xmldsig#sha1",
    "sha256": "http://www.w3.org/2001/04/xmlenc#sha256",
    "sha512": "http://www.w3.org/2001/04/xmlenc#sha512",
}


def manifest(seal: str, files: Mapping[str, bytes], hash_name: str = "sha256") -> bytes:
    """An ASiCManifest (EN 319 162-1, A.4)."""
    references = "".join(
        f'<a:DataObjectReference URI="{name.replace(" ", "%20")}"><d:DigestMethod Algorithm="{URIS[hash_name]}"/>'
        f"<d:DigestValue>{base64.b64encode(hashlib.new(hash_name, data).digest()).decode()}</d:DigestValue></a:DataObjectReference>"
        for name, data in files.items()
    )
    return f'<a:ASiCManifest xmlns:a="{NS}" xmlns:d="{DS}"><a:SigReference URI="{seal}"/>{references}</a:ASiCManifest>'.encode()


def zipped(members: Mapping[str, bytes], *, kind: str = EXTENDED, comment: bytes = b"") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        if kind:
            archive.writestr(zipfile.ZipInfo("mimetype"), kind)
        for name, data in members.items():
            archive.writestr(name, data)
        archive.comment = comment
    return out.getvalue()


def parts(
    pki: Pki, *, files: Mapping[str, bytes] = FILES, stamped: datetime | None = None, sealed: datetime | None = None
) -> dict[str, bytes]:
    """The members of an ASiC-E with CAdES; ``stamped`` adds an archive manifest with its time-stamp, ``sealed`` an evidence record."""
    own = manifest("META-INF/signature001.p7s", files)
    found = {**files, "META-INF/ASiCManifest001.xml": own, "META-INF/signature001.p7s": pki.sign_cms(own, WHEN)}
    if stamped is not None:
        archive = manifest("META-INF/timestamp001.tst", found)
        tst = token(pki, "tsa2", stamped, hashlib.sha256(archive).digest())
        found |= {"META-INF/ASiCArchiveManifest.xml": archive, "META-INF/timestamp001.tst": tst}
    if sealed is not None:
        covered = dict(found)
        record = record_over(lambda imprint: token(pki, "tsa2", sealed, imprint), *covered.values())
        found["META-INF/ASiCEvidenceRecordManifest001.xml"] = manifest("META-INF/evidencerecord001.ers", covered)
        found["META-INF/evidencerecord001.ers"] = record
    return found


def simple(pki: Pki, data: bytes = FILES["cong van.txt"]) -> dict[str, bytes]:
    """The members of an ASiC-S with CAdES."""
    return {"cong van.txt": data, "META-INF/signature.p7s": pki.sign_cms(data, WHEN)}


def with_xades(pki: Pki, files: Mapping[str, bytes] = FILES) -> dict[str, bytes]:
    """The members of an ASiC-E with XAdES."""
    signed = xml_signing.detached(pki, {name.replace(" ", "%20"): data for name, data in files.items()}, level="T")
    return {**files, "META-INF/signatures001.xml": signed}
