"""The command line ``kho``: one module for each group of commands. It asks the engine and shows what it says; it decides nothing.

Everything heavy is imported inside commands, so that ``kho --help`` stays quick (under 0.4 s).
"""

from __future__ import annotations

import gc
import sys

from repository.cli.around import prepare
from repository.loading import loading

__all__ = ["main"]


def main() -> None:
    """The entry point of the command ``kho``."""
    prepare()
    try:
        from repository.cli.ahead import begun

        with loading():
            helpers = begun(sys.argv[1:])
            from repository.cli.run import run

        code = run(sys.argv[1:], helpers)
    except KeyboardInterrupt:  # while Kho itself was still being loaded, or for the second time
        code = 1
    gc.freeze()  # what is there now goes with the process: to look through it for garbage before takes a tenth of a second
    sys.exit(code)
