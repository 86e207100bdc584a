"""``formats.toml`` in the home: what an archive thinks of formats otherwise than Kho."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from policies.formats import FormatPolicy, format_policy

__all__ = ["OWN_POLICY", "formats_in"]

OWN_POLICY: Final = "formats.toml"


def formats_in(home: Path) -> FormatPolicy:
    """The format policy of the archive in ``home``: Kho's, and what its own file says otherwise. Raises `FormatPolicyError`."""
    own = home / OWN_POLICY
    return format_policy(own.read_bytes() if own.exists() else None, name=str(own))
