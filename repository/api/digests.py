"""Digest fields of HTTP (RFC 9530): Content-Digest and Repr-Digest, sent and received."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import Final

from starlette.requests import Request

from policies.phrases import phrase
from repository.api.errors import ApiError

__all__ = ["FIELDS", "digest_field", "promised_digests"]

FIELDS: Final = ("content-digest", "repr-digest")
"""Without a content coding, which is not taken here, both are about the same bytes."""

_KNOWN: Final = {"sha-256": 32, "sha-512": 64}
_MEMBER: Final = re.compile(r"[ \t]*([a-z*][a-z0-9_.*-]*)=:([A-Za-z0-9+/=]*):[ \t]*")
"""One member of an RFC 8941 dictionary of byte sequences; nobody sends parameters."""


def promised_digests(request: Request) -> list[tuple[str, str, bytes]]:
    """(field, algorithm, digest) of everything the sender promises.

    Raises:
        ApiError: (API-HEADER) a field cannot be understood, or names no algorithm that is checked here: a promise that nobody
            looks at must not seem kept.
    """
    found: list[tuple[str, str, bytes]] = []
    for field in FIELDS:
        text = ",".join(request.headers.getlist(field))
        if field not in request.headers:
            continue
        own = [(field, *member) for member in _members(field, text)]
        if not own:
            raise _bad(field, phrase("digest-neither"))
        found += own
    return found


def _members(field: str, text: str) -> list[tuple[str, bytes]]:
    members = []
    for part in text.split(","):
        match = _MEMBER.fullmatch(part)
        if match is None:
            raise _bad(field, phrase("digest-form"))
        try:
            digest = base64.b64decode(match[2], validate=True)
        except binascii.Error:
            raise _bad(field, phrase("digest-base64")) from None
        if match[1] in _KNOWN:
            if len(digest) != _KNOWN[match[1]]:
                raise _bad(field, phrase("digest-length", algorithm=match[1], bytes=_KNOWN[match[1]]))
            members.append((match[1], digest))
    return members


def _bad(field: str, reason: str) -> ApiError:
    return ApiError("API-HEADER", field, reason=reason, headers={"Want-Content-Digest": "sha-512=10, sha-256=9"})


def digest_field(digests: Mapping[str, str]) -> str:
    """The value of a digest field for digests in hexadecimal, by their names there."""
    return ", ".join(f"{name}=:{base64.b64encode(bytes.fromhex(digest)).decode()}:" for name, digest in digests.items())
