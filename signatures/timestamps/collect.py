"""Collecting revocation data of a time-stamp authority, while it can still be had."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from signatures.anchors import Anchors
from signatures.certificates import Certificate, certificates_of
from signatures.errors import FetchFailed
from signatures.fetch import Fetcher
from signatures.heard import may_speak
from signatures.revocation import as_list, load_ocsp, ocsp_request
from signatures.revocation_files import structures
from signatures.timestamps.authority import Authority, HttpAuthority
from signatures.timestamps.token import Token

__all__ = ["news_of", "revocations_for"]

MOST = 8
"""Addresses asked for one token: a path has three certificates, each with one or two."""


def revocations_for(token: Token, authority: Authority | None) -> list[tuple[str, bytes]]:
    """("crl" | "ocsp", DER) of every certificate that the token brings along, from the addresses in the certificates.

    What cannot be had is left out: a renewal must not wait for a web server. What came, cannot be read and may speak of one of them is
    kept, for it may say that this was revoked (`signatures.heard`). The authority's own settings (proxy, private addresses) hold for its
    lists, too; its secret does not, for whoever wrote a certificate chose the addresses in it. Nothing is believed here that comes back:
    what it says is judged with the token.
    """
    client = authority.client if authority is not None else None
    fetcher = client.fetcher.for_others() if isinstance(client, HttpAuthority) else Fetcher()
    known = list(certificates_of(dict.fromkeys((token.certificate_der, *token.certificates))))
    anchors = authority.anchors if authority is not None else Anchors()
    issuers = [*known, *(each.certificate for each in anchors.anchors), *anchors.known]
    found: list[tuple[str, bytes]] = []
    for url, body in list(_asked(known, issuers))[:MOST]:
        try:
            data = fetcher.post(url, body, "application/ocsp-request") if body else fetcher.get(url)
        except FetchFailed:
            continue
        piece = ("ocsp", data) if body and load_ocsp(data) else ("crl", as_list(data) or _unread(data, known))
        if piece[1] and piece not in found:
            found.append(piece)
    return found


def _unread(data: bytes, known: Iterable[Certificate]) -> bytes:
    """The first structure in ``data`` that may speak of one of ``known``; b"" when there is none."""
    who = list(known)
    return next((each for each in structures(data) if any(may_speak(each, one) for one in who)), b"")


def news_of(token: Token, authority: Authority) -> Iterator[bytes]:
    """The same without its kinds, for whoever only judges by it."""
    return (data for _, data in revocations_for(token, authority))


def _asked(certificates: Iterable[Certificate], issuers: Iterable[Certificate]) -> Iterator[tuple[str, bytes]]:
    """(address, what to post; b"" to get): every list once, and a question for each certificate that names a responder."""
    seen: set[tuple[str, bytes]] = set()
    for each in certificates:
        issuer = next((one for one in issuers if one != each and each.signed_by(one)), None)
        for kind, url in each.addresses():
            if kind == "ca" or (kind == "ocsp" and issuer is None) or not url.startswith(("http://", "https://")):
                continue
            question = (url, ocsp_request(each, issuer) if kind == "ocsp" and issuer is not None else b"")
            if question not in seen:
                seen.add(question)
                yield question
