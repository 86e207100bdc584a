"""What the XML parser complains of, in words that can be said in any language; the parser's own are English and some are none at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from policies.phrases import brief, phrase

__all__ = ["complaint"]

_BY_CODE: Mapping[int, tuple[str, Callable[..., str]]] = {
    4: ("", lambda: phrase("xml-no-start")),
    5: ("", lambda: phrase("xml-extra")),
    9: (r"value (?P<number>\d+)", lambda number: phrase("xml-character", number=number)),
    26: (r"Entity '(?P<name>.+)' not", lambda name: phrase("xml-entity", name=name)),
    32: (r"encoding:? (?P<name>[^\s,]+)", lambda name: phrase("xml-encoding", name=name)),
    38: ("", lambda: phrase("xml-less-than")),
    39: ("", lambda: phrase("xml-unquoted")),
    41: (r"attribute (?P<name>[^\s,]+)", lambda name: phrase("xml-valueless", name=name)),
    42: (r"Attribute (?P<name>\S+)", lambda name: phrase("xml-attribute-twice", name=name)),
    62: ("", lambda: phrase("xml-cdata-end")),
    63: ("", lambda: phrase("xml-cdata-open")),
    64: ("", lambda: phrase("xml-late-declaration")),
    65: ("", lambda: phrase("xml-no-blank")),
    68: ("", lambda: phrase("xml-no-name")),
    73: ("", lambda: phrase("xml-tag-open")),
    76: (
        r"mismatch: (?P<opened>\S+) line (?P<line>\d+) and (?P<closed>[^\s,]+)",
        lambda opened, line, closed: phrase("xml-tags", opened=opened, line=line, closed=closed),
    ),
    77: (r"in tag (?P<name>[^\s,]+)", lambda name: phrase("xml-ends-inside", name=name)),
    80: ("", lambda: phrase("xml-comment-hyphens")),
    81: ("", lambda: phrase("xml-bytes")),
    201: (r"prefix (?P<name>\S+)", lambda name: phrase("xml-prefix", name=name)),
}
"""xmlParserErrors of libxml2 (xmlerror.h) → (where its message has the names, the phrase). What is not here is rare."""


def complaint(code: int, message: str) -> str:
    """A phrase for an error of the parser, which quotes it where there is none of our own. ``message`` may end in line and column."""
    pattern, say = _BY_CODE.get(code, ("(?!)", lambda: ""))
    found = re.search(pattern, message)
    return say(**found.groupdict()) if found else phrase("library-says", words=brief(message))
