"""What properties are called where people read of them."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from policies.phrases import phrase

__all__ = ["NAMES", "named"]

NAMES: Final[Mapping[str, str]] = MappingProxyType(
    {
        "text": "name-text",
        "cells": "name-cells",
        "pages": "name-pages",
        "look": "name-look",
        "pixels": "name-pixels",
        "resolution": "name-resolution",
        "profile": "name-profile",
        "metadata": "name-metadata",
        "pictures": "name-pictures",
        "frames": "name-frames",
        "samples": "name-samples",
        "timing": "name-timing",
        "quality": "name-quality",
        "sound": "name-sound",
        "duration": "name-duration",
        "properties": "name-properties",
        "attachments": "name-attachments",
        "parts": "name-parts",
        "comments": "name-comments",
        "notes": "name-notes",
        "changes": "name-changes",
        "formulas": "name-formulas",
        "hidden": "name-hidden",
        "bookmarks": "name-bookmarks",
        "links": "name-links",
        "fields": "name-fields",
        "subtitles": "name-subtitles",
        "chapters": "name-chapters",
        "covers": "name-covers",
        "tags": "name-tags",
        "streams": "name-streams",
        "title": "name-title",
        "author": "name-author",
        "subject": "name-subject",
    }
)
"""Names of comparisons, of parts that are counted, and of what is said of a whole document → phrases."""


def named(name: str) -> str:
    """A phrase for the name of a property; a name that comes out of a file stays as it is."""
    key = NAMES.get(name)
    return name if key is None else phrase(key)
