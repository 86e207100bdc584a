"""Format identification: which PRONOM format is this file, who says so, and how sure may one be.

Siegfried (pygfried) answers for every file; opf-fido is asked where Siegfried is unsure. Both run in a worker process, which this
package starts and replaces: nothing here loads their engines into the caller's process.
"""

from __future__ import annotations

from formats.identify.errors import IdentifierUnavailable
from formats.identify.facts import facts
from formats.identify.identification import Basis, Identification, Identifier, SecondOpinion, Standing
from formats.identify.limits import AskSecond, Limits
from formats.identify.siegfried import SiegfriedIdentifier

__all__ = [
    "AskSecond",
    "Basis",
    "Identification",
    "Identifier",
    "IdentifierUnavailable",
    "Limits",
    "SecondOpinion",
    "SiegfriedIdentifier",
    "Standing",
    "facts",
]
