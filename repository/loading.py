"""Loading much code at once: while it is done, nothing that is made is garbage, so nobody needs to look for any."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["loading"]


@contextmanager
def loading() -> Iterator[None]:
    """Modules are imported in this block. Python would look through all of them for garbage again and again, which is a sixth of the
    time that importing them takes; and afterwards whenever it looks for any, and when the process ends."""
    looked = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if looked:
            gc.enable()
