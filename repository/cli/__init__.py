"""The command line ``kho``: one module for each group of commands. It asks the engine and shows what it says; it decides nothing.

Everything heavy is imported inside commands, so that ``kho --help`` stays quick (under 0.4 s).
"""

from __future__ import annotations

import sys

__all__ = ["main"]


def main() -> None:
    """The entry point of the command ``kho``."""
    from repository.cli.run import run

    sys.exit(run(sys.argv[1:]))
