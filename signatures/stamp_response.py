"""What a time-stamp authority answers (RFC 3161, 2.4.2), as it is kept in files called ``.tsr``: a status, and the token."""

from __future__ import annotations

from itertools import islice

from signatures.ber import SEQUENCE, Buffer, Malformed, Part, element, parts
from signatures.der import write_oid

__all__ = ["SIGNED_DATA", "token_in"]

INTEGER = 0x02
SIGNED_DATA = write_oid("1.2.840.113549.1.7.2")


def token_in(data: Buffer, size: int | None = None) -> Part | None:
    """The token of the response that ``data`` is, or (``size`` bytes long, at most) begins with; None: it is none, or has no token."""
    try:
        if data[0] != SEQUENCE:
            return None
        found = list(islice(parts(data, element(data, 0, size)), 3))
        if [each.tag for each in found] != [SEQUENCE, SEQUENCE]:
            return None
        status, token = found
        if data[status.body] != INTEGER or status.body == status.body_end:
            return None
        kind = bytes(data[token.body : token.body + len(SIGNED_DATA)])
    except (Malformed, IndexError):
        return None
    return token if kind == SIGNED_DATA else None
