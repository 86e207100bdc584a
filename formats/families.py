"""Families of formats: what is validated and characterised alike, by PUID (mappings/families.toml)."""

from __future__ import annotations

import functools
import tomllib
from collections.abc import Mapping
from importlib import resources

from policies.findings import Puid

__all__ = ["family_of"]


def family_of(puid: Puid) -> str:
    """The family of a format ("pdf", "tiff", "ooxml" …); "" when Kho knows nothing to do with it."""
    return _families().get(puid, "")


@functools.cache
def _families() -> Mapping[str, str]:
    rows = tomllib.loads(resources.files("formats").joinpath("mappings/families.toml").read_text(encoding="utf-8"))
    return {puid: family for family, puids in rows.items() for puid in puids}
