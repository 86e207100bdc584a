"""Validation: is this file a sound one of its format? Valid, invalid, or not validated, which is never a pass.

Validators are chosen by PUID (`formats.validate.choice`) and live in confined worker processes, which `formats.inspection` starts:
nothing here loads their libraries into the caller's process.
"""

from __future__ import annotations

from formats.validate.facts import ValidationFacts
from formats.validate.validation import Defect, Validation, Validity, Why
from formats.validate.validator import Validator

__all__ = ["Defect", "Validation", "ValidationFacts", "Validator", "Validity", "Why"]
