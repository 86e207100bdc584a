"""What tests of several packages share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.builders_archive import SharedIdentifier


@pytest.fixture(scope="session")
def identifier() -> Iterator[SharedIdentifier]:
    """One identification worker for the session."""
    shared = SharedIdentifier()
    yield shared
    shared.really_close()
