"""One infrastructure a run: making its keys takes longer than any test."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.signatures.pki import Pki, day, make_pdf
from tests.signatures.work_account import Counted


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki("ec")


@pytest.fixture(scope="session")
def archived(pki: Pki) -> dict[str, bytes]:
    """One document as it was signed in 2026 (B-LTA), and with its renewals of 2029 and 2039."""
    signed = pki.sign_pdf(make_pdf(), day(2026, 3))
    renewed = pki.restamp(signed, "tsa2", day(2029, 6))
    return {"2026": signed, "2029": renewed, "2039": pki.restamp(renewed, "tsa3", day(2039, 6))}


@pytest.fixture
def steps(monkeypatch: pytest.MonkeyPatch) -> Callable[[], int]:
    """How many steps were taken since the test began, over all accounts."""
    Counted.taken = []
    for module in ("xmldsig.document", "xaip", "ooxml", "odf", "asic.container", "canonical", "evidence.xmlers"):
        monkeypatch.setattr(f"signatures.{module}.Work", Counted)
    return lambda: sum(Counted.taken)
