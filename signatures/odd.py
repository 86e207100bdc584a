"""The door behind every reader of strangers' bytes: what a library raises over them, and nobody foresaw, makes one file not understood, and
nothing more. It is written into the log, for it is ours to mend.
"""

from __future__ import annotations

import logging
import struct
import zlib

from policies.findings import Finding

__all__ = ["ODD", "not_understood"]

_log = logging.getLogger("kho.signatures.odd")

ODD = (
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,  # and RecursionError, NotImplementedError
    MemoryError,
    EOFError,
    SyntaxError,  # of lxml
    struct.error,
    zlib.error,
)
"""What libraries raise over what they do not expect in a file or a certificate. Errors of the machine (OSError) and of Kho are none."""


def not_understood(error: Exception, code: str = "SIG-NOT-UNDERSTOOD") -> Finding:
    """Why something was not judged, or not collected, over which a library has raised one of `ODD`: for who reads the report, and for who
    mends it."""
    _log.warning("not understood", exc_info=error)
    return Finding(code, "", {"reason": f"{type(error).__name__}: {str(error)[:100]}".rstrip(": ")})
