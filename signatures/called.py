"""Files that are called signatures by their names. What such a file holds and cannot be read as one is not thereby unsigned."""

from __future__ import annotations

from collections.abc import Mapping

from policies.phrases import phrase
from signatures.ber import Buffer, element, parts
from signatures.held import held
from signatures.report import Kind, Role
from signatures.signed import SignedObject, Source
from signatures.unread import unread

__all__ = ["SIGNATURES", "SIGNED", "called", "unread_by_name"]

SURE: Mapping[str, Kind] = {
    ".p7s": Kind.CADES,
    ".p7m": Kind.CADES,
    ".pkcs7": Kind.CADES,
    ".cms": Kind.CADES,
    ".tsr": Kind.TIMESTAMP,
    ".xades": Kind.XADES,
    ".xsig": Kind.XADES,
    ".xmldsig": Kind.XADES,
    ".ddoc": Kind.XADES,
    ".ers.xml": Kind.EVIDENCE,
    ".er.xml": Kind.EVIDENCE,
    ".ers": Kind.EVIDENCE,
    ".asice": Kind.ASIC,
    ".asics": Kind.ASIC,
    ".bdoc": Kind.ASIC,
}
"""Endings that say signature wherever they stand (RFC 8551, RFC 7193, RFC 3161, RFC 4998, EN 319 162-1; DigiDoc, BDOC)."""

USUAL: Mapping[str, Kind] = {
    ".p7": Kind.CADES,
    ".sig": Kind.CADES,
    ".sign": Kind.CADES,
    ".csig": Kind.CADES,
    ".tst": Kind.TIMESTAMP,
    ".er": Kind.EVIDENCE,
}
"""Endings that others use too: they say signature where the file lies beside that they would be over."""

ANY_ENDING = (*SURE, *USUAL)

SIGNED = "multipart/signed"

SIGNATURES: Mapping[str, str] = {
    "application/pkcs7-signature": ".p7s",
    "application/x-pkcs7-signature": ".p7s",
    "application/pkcs7-mime": ".p7m",
    "application/x-pkcs7-mime": ".p7m",
    "application/cms": ".cms",
    "application/timestamp-reply": ".tsr",
    "application/vnd.etsi.asic-e+zip": ".asice",
    "application/vnd.etsi.asic-s+zip": ".asics",
    "application/pgp-signature": ".p7s",
    SIGNED: ".p7s",
}
"""Types of parts of a mail that say signature, with the ending that says the same (RFC 8551, 3.2; RFC 7193; RFC 3161; RFC 3156; RFC 1847,
2.1: what is not found of a signed mail is its signature)."""

ENVELOPES = (".p7m", ".pkcs7", ".cms")
"""Endings of every content of a CMS, enciphered ones too (RFC 8551, 3.2.1)."""

OTHERS = frozenset(
    bytes.fromhex(each)
    for each in (
        "06092a864886f70d010701",  # data
        "06092a864886f70d010703",  # enveloped
        "06092a864886f70d010705",  # digested
        "06092a864886f70d010706",  # encrypted
        "060b2a864886f70d0109100102",  # authenticated
        "060b2a864886f70d0109100109",  # compressed
        "060b2a864886f70d0109100117",  # authenticated and enveloped
    )
)
"""Types of a ContentInfo that are no SignedData (RFC 5652; RFC 3274; RFC 5083)."""

SEQUENCE, SET = 0x30, 0x31


def _ending(name: str, endings: Mapping[str, Kind]) -> str:
    lower = name.lower()
    return next((each for each in endings if lower.endswith(each)), "")


def called(name: str, media: str = "") -> bool:
    """Whether a file may be called a signature by its name, or by the type that a mail says of it."""
    return media in SIGNATURES or name.lower().endswith(ANY_ENDING)


def unread_by_name(source: Source) -> SignedObject | None:
    """What is to be said of a file in which no signature was found: it is damaged, or another's that is called so; which of both, a name
    does not tell. None when its name says nothing of one, or it is another structure that may be called so. Raises OSError."""
    ending = _ending(source.name, SURE) or SIGNATURES.get(source.media, "")
    kind = SURE.get(ending)
    if kind is None:
        ending = _ending(source.name, USUAL)
        kind = USUAL.get(ending)
        if kind is None or next(iter(source.beside()), None) is None:
            return None
    elif ending in ENVELOPES:
        with source.path.open("rb") as stream, held(stream) as data:
            if _other(data):
                return None
    role = {Kind.TIMESTAMP: Role.TIMESTAMP, Kind.EVIDENCE: Role.EVIDENCE}.get(kind, Role.SIGNATURE)
    by_name = source.name.lower().endswith(ending)
    why = phrase("sig-called", ending=ending) if by_name else phrase("sig-called-media", media=source.media)
    return unread(why, kind, role=role, sure=False)


def _other(data: Buffer) -> bool:
    """Whether it is a ContentInfo of another type, and is built as one: only SignedData ends with a set, that of its signers."""
    try:
        info = element(data)
        kind, content = parts(data, info)
        (inner,) = parts(data, content)
        last = list(parts(data, inner))[-1:] if inner.tag == SEQUENCE else []
    except ValueError:  # and Malformed
        return False
    return info.tag == SEQUENCE and bytes(data[kind.start : kind.end]) in OTHERS and all(each.tag != SET for each in last)
