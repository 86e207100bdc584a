"""KhoError └── IdentifierUnavailable. What cannot be identified is a finding; a tool that cannot be started is an error."""

from __future__ import annotations

from policies.findings import KhoError

__all__ = ["IdentifierUnavailable"]


class IdentifierUnavailable(KhoError):
    """The worker of the identification could not be started: no file was looked at, so nothing is known of any."""

    def __init__(self, reason: str) -> None:
        self.reason = reason
        super().__init__("IDENT-UNAVAILABLE", reason=reason)
