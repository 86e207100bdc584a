"""The other side of `formats.sandbox.workers`: runs inside the sandbox, and answers until nobody asks any more."""

from __future__ import annotations

import gc
import json
import os
import sys
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["serve"]


def serve(handle: Callable[[Mapping[str, Any]], Mapping[str, Any]]) -> None:
    """Answer every request on stdin by ``handle`` (which catches what its tools die of), in order.

    What libraries and programs print goes to stderr: only replies go to the caller.
    """
    replies = os.fdopen(os.dup(1), "w", encoding="ascii")
    os.dup2(2, 1)
    print("ready", file=replies, flush=True)
    for line in sys.stdin.buffer:
        print(json.dumps(handle(json.loads(line))), file=replies, flush=True)
        gc.collect(0)
