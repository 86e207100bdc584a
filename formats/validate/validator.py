"""The seam: one way to look whether files of some formats are what they should be."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from formats.validate.validation import Validation
from policies.findings import Puid

__all__ = ["Validator"]


class Validator(Protocol):
    """Looks at one file at a time. Lives in a confined worker: it may be killed at any moment, and it may run external programs.

    ``name`` names the tool.
    """

    name: str

    @property
    def version(self) -> str:
        """What was found when it was first wanted, and stays; "" when the tool is not installed here."""
        ...

    def validate(self, path: Path, puid: Puid) -> Validation:
        """Whether the file is a sound ``puid``. Never VALID of what was not looked at whole.

        Bad content is INVALID. What cannot be said is NOT_VALIDATED with a reason; when ``version`` is "", TOOL_MISSING. Raises
        OSError when the file cannot be read; a library may raise anything on hostile input (the caller takes it as TOOL_DIED).
        """
        ...
