"""The reader's language, from Accept-Language (RFC 9110 §12.5.4)."""

from __future__ import annotations

import re
from typing import Final

from starlette.requests import Request

from policies.codes import LANGUAGES

__all__ = ["accepted_language", "language_of"]

_RANGE: Final = re.compile(r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9]{1,8})*\s*(?:;\s*[qQ]=(0(?:\.\d{0,3})?|1(?:\.0{0,3})?)\s*)?")

_LONGEST: Final = 1_000
"""Characters looked at: browsers send a hundred."""


def accepted_language(header: str, default: str) -> str:
    """The language of ours that is liked most; ``default`` when the header names none, or anything goes."""
    best, weight = default, 0.0
    for part in header[:_LONGEST].split(","):
        if (match := _RANGE.fullmatch(part)) is None:
            continue
        name, quality = match[1].lower(), float(match[2] or 1)
        language = default if name == "*" else name
        if language in LANGUAGES and quality > weight:
            best, weight = language, quality
    return best


def language_of(request: Request) -> str:
    """The language in which to answer; the archive's own when the reader does not say."""
    default: str = request.app.state.door.language
    return accepted_language(request.headers.get("accept-language", ""), default)
