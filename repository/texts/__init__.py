"""The doors' own words, in Vietnamese and English (``en.toml`` and ``vi.toml`` beside this file, one key each).

Findings and errors have their words in `policies.codes`; here stand labels, headings and help. The language is asked of the
environment: ``KHO_LANG``, else the locale (``LC_ALL``, ``LC_MESSAGES``, ``LANG``): Vietnamese where it starts with "vi", else
English.
"""

from __future__ import annotations

import functools
import os
import tomllib
from collections.abc import Mapping
from pathlib import Path

from policies.codes import LANGUAGES
from policies.findings import spoken

__all__ = ["catalog", "language", "words", "words_in"]

_LOCALE = ("LC_ALL", "LC_MESSAGES", "LANG")
"""In the order in which POSIX (locale(7)) reads them; the first that is set and not empty counts."""


def language(environment: Mapping[str, str] | None = None) -> str:
    """The reader's language: "vi" or "en". A ``KHO_LANG`` that Kho does not speak is passed over."""
    environment = os.environ if environment is None else environment
    asked = environment.get("KHO_LANG", "").lower()[:2]
    if asked in LANGUAGES:
        return asked
    locale = next((environment[name] for name in _LOCALE if environment.get(name)), "")
    return "vi" if locale.lower().startswith("vi") else "en"


@functools.cache
def catalog(language: str) -> Mapping[str, str]:
    """All words of one language by dotted key ("help.list")."""
    text = Path(__file__).with_name(f"{language}.toml").read_text(encoding="utf-8")
    return {f"{group}.{key}": value for group, rows in tomllib.loads(text).items() for key, value in rows.items()}


def words(key: str, /, **values: str | int) -> str:
    """The words for ``key`` in the reader's language. Raises KeyError for a key that is in no catalog (a test finds those)."""
    return words_in(language(), key, **values)


def words_in(speech: str, key: str, /, **values: str | int) -> str:
    """The words for ``key`` in the language ``speech``: for what goes to others than the reader."""
    text = catalog(speech)[key]
    return spoken(text.format(**values), speech) if values else text
