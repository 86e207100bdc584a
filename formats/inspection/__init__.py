"""Inspection: validation and characterisation of files in one pass, by confined workers (`formats.sandbox`) that this package starts
and replaces. Nothing here loads their libraries into the caller's process."""

from __future__ import annotations

from formats.inspection.inspectors import Inspection, InspectionLimits, Inspectors
from formats.inspection.report import InspectionReport

__all__ = ["Inspection", "InspectionLimits", "InspectionReport", "Inspectors"]
