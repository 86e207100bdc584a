"""Format policy as data: which formats are preferred, acceptable or at risk, why, and how one becomes another.

``formats.toml`` beside this file is what Kho thinks; an archive says what it thinks otherwise in a file of its own, format by format
and path by path. docs/policy.md describes the keys.
"""

from __future__ import annotations

from policies.formats.policy import (
    LOSABLE,
    PARTS,
    FormatPolicy,
    FormatPolicyError,
    FormatRule,
    MigrationPath,
    MustSurvive,
    Standing,
)
from policies.formats.reading import format_policy

__all__ = [
    "LOSABLE",
    "PARTS",
    "FormatPolicy",
    "FormatPolicyError",
    "FormatRule",
    "MigrationPath",
    "MustSurvive",
    "Standing",
    "format_policy",
]
