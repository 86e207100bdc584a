"""Loading code: garbage is not looked for meanwhile, and is again afterwards, whatever happens."""

from __future__ import annotations

import gc

import pytest

from repository.loading import loading


def test_garbage_is_looked_for_again_after_code_was_loaded() -> None:
    assert gc.isenabled()
    with loading():
        assert not gc.isenabled()
    assert gc.isenabled()
    with pytest.raises(ImportError), loading():
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401
    assert gc.isenabled()


def test_who_looks_for_no_garbage_does_not_begin_to() -> None:
    gc.disable()
    try:
        with loading():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
