"""The errors of signatures.

SignaturesError
├── FetchFailed            an address could not be asked, or may not be
├── NotStamped             no time-stamp authority gave a token that can be accepted
├── InvalidToken           bytes that are no time-stamp token, or one that is not sound
├── InvalidRecord          bytes that are no evidence record
├── AuthoritySettings      an authority's certificates or address cannot be used
├── SigningFailed          a document of the archive's own could not be signed
└── AnchorsUnusable        the operator's folder of trust anchors cannot be used
"""

from __future__ import annotations

from policies.findings import KhoError

__all__ = [
    "AnchorsUnusable",
    "AuthoritySettings",
    "FetchFailed",
    "InvalidRecord",
    "InvalidToken",
    "NotStamped",
    "SignaturesError",
    "SigningFailed",
]


class SignaturesError(KhoError):
    """The base of this package's errors."""


class FetchFailed(SignaturesError):
    def __init__(self, url: str, reason: str) -> None:
        super().__init__("NET-FAILED", url, reason=reason)


class NotStamped(SignaturesError):
    def __init__(self, reason: str) -> None:
        super().__init__("TSP-NOT-STAMPED", "", reason=reason)


class InvalidToken(SignaturesError):
    """``reason`` says what is wrong, for technicians. ``beyond``: it is more than is looked at, and may be sound."""

    def __init__(self, reason: str, *, beyond: bool = False) -> None:
        self.reason, self.beyond = reason, beyond
        super().__init__("TSP-INVALID", "", reason=reason)


class InvalidRecord(SignaturesError):
    """``place`` is the field, ``offset`` the byte. ``unknown``: it has an algorithm that is not understood, ``beyond``: it is more than is
    looked at; it may be sound then."""

    def __init__(self, place: str, reason: str, offset: int, *, unknown: bool = False, beyond: bool = False) -> None:
        self.place, self.reason, self.beyond = place, reason, beyond
        code = "EVD-ALGORITHM-UNKNOWN" if unknown else "EVD-BEYOND" if beyond else "EVD-SYNTAX"
        super().__init__(code, place, reason=reason, offset=offset)


class AuthoritySettings(SignaturesError):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__("TSP-SETTINGS", name, reason=reason)


class AnchorsUnusable(SignaturesError):
    def __init__(self, name: str, reason: str) -> None:
        super().__init__("SIG-ANCHORS", name, reason=reason)


class SigningFailed(SignaturesError):
    def __init__(self, key: str, reason: str) -> None:
        super().__init__("SGN-FAILED", key, reason=reason)
