"""Why an XML signature is not intact, before anybody asks whose it is."""

from __future__ import annotations

import base64
import binascii

from policies.findings import Finding
from policies.phrases import phrase
from signatures.report import Integrity, SubIndication

__all__ = ["Failure", "decoded", "malformed", "not_understood", "refused"]


class Failure(Exception):
    """Why a signature is not intact: ``integrity``, ``sub`` and ``why`` as in `signatures.signed.SignedObject`."""

    def __init__(self, integrity: Integrity, sub: SubIndication, code: str, **args: str | int) -> None:
        self.integrity, self.sub, self.why = integrity, sub, Finding(code, "", args)
        super().__init__(code)


def malformed(reason: str) -> Failure:
    return Failure(Integrity.BROKEN, SubIndication.FORMAT_FAILURE, "SIG-FORMAT", reason=reason)


def refused(reason: str) -> Failure:
    """Not looked at, because it is not in the closed list or beyond a bound: nothing is known of it."""
    return Failure(Integrity.UNKNOWN, SubIndication.SIG_CONSTRAINTS_FAILURE, "SIG-XML-REFUSED", reason=reason)


def not_understood(reason: str) -> Failure:
    return Failure(Integrity.UNKNOWN, SubIndication.CRYPTO_CONSTRAINTS_FAILURE, "SIG-ALGORITHM-UNKNOWN", reason=reason)


def decoded(text: str, what: str) -> bytes:
    """Base64 with white space anywhere. Raises `Failure`."""
    try:
        return base64.b64decode("".join(text.split()), validate=True)
    except (binascii.Error, ValueError) as error:
        raise malformed(phrase("dsig-not-base64", why=str(error)[:80])) from error
