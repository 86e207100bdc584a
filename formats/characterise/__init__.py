"""Characterisation: the properties of a file that matter for its family of formats. Runs in the confined worker.

What is found are claims of the file, read without judging: a picture that says 300 dpi is said to have 300 dpi.
"""

from __future__ import annotations

from formats.characterise.properties import Properties, Value, shown

__all__ = ["Properties", "Value", "shown"]
