"""Phrases: words that stand inside other sentences, such as the reason of an error. As with findings, what is stored is a key with
arguments, and never a language; the sentence around it speaks it in the reader's.

A phrase is carried as text (an argument of a finding is text), ``⟦["key",{…}]⟧``, and may stand between other words.
"""

from __future__ import annotations

import errno
import functools
import json
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

__all__ = ["CLOSE", "OPEN", "brief", "carried", "foreign", "os_phrase", "phrase", "phrases"]

OPEN, CLOSE = "\u27e6", "\u27e7"


@functools.cache
def phrases() -> Mapping[str, Mapping[str, str]]:
    """Key → language → words (``phrases.toml``)."""
    text = Path(__file__).with_name("phrases.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def phrase(key: str, **args: str | int) -> str:
    """A phrase of the register, to be an argument of a finding (or a part of one). A number that somebody made longer than any machine's is
    told by its begin, for Python writes none of thousands of digits."""
    told = {
        name: f"{hex(value)[:20]}…" if isinstance(value, int) and value.bit_length() > 256 else value
        for name, value in args.items()
    }
    return carried([key, told])


def brief(words: str, most: int = 200) -> str:
    """The first line of somebody's words, and no more than so much of it; what carries a phrase stays whole, or it would be none."""
    return words if OPEN in words else words.split("\n", 1)[0][:most]


def foreign(error: Exception, most: int = 200) -> str:
    """What an error says, as a phrase: the words of a library, which knows no language but its own, are told as such."""
    words = str(error)
    return words if OPEN in words else phrase("library-says", words=brief(words, most) or type(error).__name__)


def carried(row: list[object]) -> str:
    """What `policies.findings.spoken` understands."""
    return OPEN + json.dumps(row) + CLOSE


def os_phrase(error: OSError) -> str:
    """Why the operating system said no: a phrase for what people meet, else its own words. Libraries that raise an OSError of their own
    (TLS) number their errors otherwise."""
    if type(error).__module__ != OSError.__module__:
        return error.strerror or str(error)
    number = error.errno or (errno.ETIMEDOUT if isinstance(error, TimeoutError) else 0)  # sockets give theirs no number
    key = f"errno-{errno.errorcode.get(number, '')}"
    if key in phrases():
        return phrase(key)
    return error.strerror or (os.strerror(error.errno) if error.errno else str(error))
