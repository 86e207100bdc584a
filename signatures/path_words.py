"""Why a path is not valid, in words of our own: the library that validates paths says it in English, and knows certificates by number."""

from __future__ import annotations

import re
from collections.abc import Sequence

from policies.phrases import phrase

__all__ = ["told"]

_KINDS = tuple(
    (why, re.compile(pattern))
    for why, pattern in (
        (phrase("path-ended"), r" expired \d"),
        (phrase("path-not-yet"), r"is not valid until"),
        (phrase("path-signature"), r"could not be verified|signature parameters"),
        (phrase("path-issuer"), r"issuer name could not be matched"),
        (phrase("path-no-ca"), r"is not a CA"),
        (phrase("path-long"), r"maximum path length"),
        (phrase("path-may-not-issue"), r"not allowed to sign certificates"),
        (phrase("path-extension"), r"unsupported critical extensions?: (?P<what>.+)"),
        (phrase("path-names"), r"namespace of the issuing authority"),
        (phrase("path-policies"), r"valid set of policies|policy graph"),
    )
)
"""What the library says (RFC 5280, 6.1.3 to 6.1.5), by the phrase that says the same."""

_NUMBER = re.compile(r"intermediate certificate (\d+)")


def told(error: Exception, names: Sequence[str]) -> str:
    """The reason of ``error`` over a path of certificates with these ``names``, from the first below the anchor down; a phrase that quotes
    the library where it says what we do not know."""
    said = " ".join(str(error).split())[:300]
    number = _NUMBER.search(said)
    at = int(number[1]) if number else len(names)
    name = names[min(max(at, 1), len(names)) - 1]
    for why, pattern in _KINDS:
        if found := pattern.search(said):
            what = found.groupdict().get("what")
            return phrase("path-at", certificate=name, why=f"{why} ({what})" if what else why)
    return phrase("path-other", certificate=name, what=said)
