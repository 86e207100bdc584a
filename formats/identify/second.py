"""Weighing a second opinion against the first answer, within a deposit's budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from formats.identify.identification import Basis, Identification, SecondOpinion, Standing
from formats.identify.limits import AskSecond, Limits
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["Budget", "could_not", "not_asked", "weigh"]

TOOL = "fido"

RECOGNISED = (Basis.CONTAINER, Basis.SIGNATURE)
"""Only an answer that stands on the bytes weighs anything."""


class Budget:
    """What is left of one deposit's second opinions."""

    def __init__(self, limits: Limits) -> None:
        self._unbounded = limits.second is AskSecond.ALL
        self._largest = limits.second_file_bytes
        self._files = limits.second_files
        self._bytes = limits.second_bytes

    def refusal(self, size: int) -> str:
        """Why a file of ``size`` bytes may not be asked about; "" when it may, and then it is paid for."""
        if self._unbounded:
            return ""
        if size > self._largest:
            return phrase("second-large", most=self._largest)
        if self._files < 1 or self._bytes < size:
            return phrase("second-spent")
        self._files -= 1
        self._bytes -= size
        return ""


def not_asked(reason: str) -> SecondOpinion:
    return SecondOpinion(Standing.NOT_ASKED, tool=TOOL, reason=reason)


def could_not(reason: str) -> SecondOpinion:
    return SecondOpinion(Standing.FAILED, tool=TOOL, basis=Basis.FAILED, reason=reason)


def weigh(first: Identification, answer: Mapping[str, Any]) -> SecondOpinion:
    """How fido's answer, as the worker sent it, stands to ``first``.

    The extension alone is no conflict, nor is a format that fido's signatures are too old to know: it could not have said it.
    """
    puids = tuple(Puid(puid) for puid in answer["puids"])
    basis = Basis(answer["basis"])
    standing, reason = _standing(first, puids, basis, answer["unheard"])
    return SecondOpinion(standing, puids, basis, TOOL, answer["version"], answer["signatures"], reason)


def _standing(first: Identification, puids: Sequence[Puid], basis: Basis, unheard: Sequence[str]) -> tuple[Standing, str]:
    if basis not in RECOGNISED:
        return Standing.NO_OPINION, phrase("second-extension") if puids else phrase("second-unknown")
    if not first.puid:
        return Standing.NO_OPINION, phrase("second-no-first")
    if set(puids) & {first.puid, *first.alternatives}:
        return Standing.AGREES, ""
    if unheard:
        return Standing.NO_OPINION, phrase("second-unheard", puids=", ".join(unheard))
    return Standing.CONFLICTS, ""
