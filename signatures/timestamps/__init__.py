"""Time stamps (RFC 3161): asking several authorities, and judging tokens by the operator's anchors at a given date."""

from signatures.timestamps.authority import Authority, HttpAuthority, Stamped, TimestampAuthority, stamp
from signatures.timestamps.issuing import DEMO_NAME, IssuingAuthority, demo_authority, make_authority
from signatures.timestamps.request import Request, accept, token_of
from signatures.timestamps.token import Token, read_token
from signatures.timestamps.trust import Anchors, Answer, Believed, Trust, load_anchors

__all__ = [
    "DEMO_NAME",
    "Anchors",
    "Answer",
    "Authority",
    "Believed",
    "HttpAuthority",
    "IssuingAuthority",
    "Request",
    "Stamped",
    "TimestampAuthority",
    "Token",
    "Trust",
    "accept",
    "demo_authority",
    "load_anchors",
    "make_authority",
    "read_token",
    "stamp",
    "token_of",
]
