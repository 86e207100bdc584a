from __future__ import annotations

from pathlib import Path

import pytest

from tests.formats.documents import Work


@pytest.fixture
def work(tmp_path: Path) -> Work:
    """Makes empty folders."""
    numbers = iter(range(100))

    def make() -> Path:
        folder = tmp_path / f"work{next(numbers)}"
        folder.mkdir()
        return folder

    return make
