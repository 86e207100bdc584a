"""A time-stamp request and its response (RFC 3161 §2.4): what is asked, and what must come back before a token is accepted."""

from __future__ import annotations

import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from policies.phrases import phrase
from signatures import der
from signatures.algorithms import HASHES
from signatures.der import DerError
from signatures.errors import InvalidToken
from signatures.timestamps.token import CLOCKS_APART, Token, read_token

__all__ = ["Request", "accept", "token_of"]

_STATUS = {
    0: phrase("tst-granted"),
    1: phrase("tst-granted-changed"),
    2: phrase("tst-rejected"),
    3: phrase("tst-waiting"),
    4: phrase("tst-revocation-warned"),
    5: phrase("tst-revoked"),
}


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked of an authority: to stamp ``imprint`` under ``policy`` ("" is its own choice), for this one ``nonce``."""

    hash: str
    imprint: bytes
    nonce: int
    policy: str = ""

    @classmethod
    def of(cls, hash_name: str, imprint: bytes, *, policy: str = "") -> Request:
        """A request with a fresh nonce of 127 random bits (positive, and as long for every authority)."""
        return cls(hash_name, imprint, secrets.randbits(126) | 1 << 126, policy)

    @property
    def encoded(self) -> bytes:
        """TimeStampReq, certificates asked for: without them a token cannot be checked later."""
        imprint = der.sequence(
            der.sequence(der.write_oid(HASHES[self.hash]), b"\x05\x00"), der.encode(der.OCTET_STRING, self.imprint)
        )
        policy = der.write_oid(self.policy) if self.policy else b""
        return der.sequence(der.write_integer(1), imprint, policy, der.write_integer(self.nonce), b"\x01\x01\xff")


def token_of(response: bytes) -> bytes:
    """The token in a TimeStampResp, byte for byte as it was received. Raises InvalidToken with the authority's reason when none."""
    try:
        parts = der.children(response, der.whole(response, lenient=True), lenient=True)
        status = der.children(response, der.expect(parts[0], der.SEQUENCE), lenient=True)
        code = der.integer(response, status[0])
    except (DerError, IndexError) as error:
        raise InvalidToken(phrase("tst-response", why=str(error))) from error
    if code not in (0, 1) or len(parts) < 2:
        said = b" ".join(response[each.body : each.end] for each in status[1:] if each.tag == der.SEQUENCE)
        words = "".join(char for char in said.decode("utf-8", "replace") if char.isprintable())[:200]
        raise InvalidToken(phrase("tst-said", status=_STATUS.get(code, str(code)), words=words))
    return response[parts[1].start : parts[1].end]


def accept(response: bytes, request: Request, *, sent: datetime, received: datetime) -> Token:
    """The token that answers ``request``: sound, for this imprint, this nonce and this policy, and of about now.

    Raises:
        InvalidToken: it is none of ours, or not sound.
    """
    token = read_token(token_of(response))
    if token.imprint_hash != request.hash or not hmac.compare_digest(token.imprint, request.imprint):
        raise InvalidToken(phrase("tst-other"))
    if token.nonce != request.nonce:
        raise InvalidToken(phrase("tst-nonce"))
    if request.policy and token.policy != request.policy:
        raise InvalidToken(phrase("tst-policy", found=token.policy, asked=request.policy))
    if not sent - CLOCKS_APART <= token.time <= received + CLOCKS_APART:
        raise InvalidToken(phrase("tst-time", found=token.time.isoformat(), now=received.isoformat()))
    return token
