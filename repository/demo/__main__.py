"""``python -m repository.demo make-records DIR`` and ``python -m repository.demo damage TIER``."""

from __future__ import annotations

import sys
from pathlib import Path

from repository.demo import flip_one_bit, make_records

USAGE = "python -m repository.demo make-records DIR | damage TIER"


def main(arguments: list[str]) -> int:
    match arguments:
        case ["make-records", folder]:
            for path in make_records(Path(folder)):
                print(path)
        case ["damage", tier]:
            print(flip_one_bit(Path(tier)))
        case _:
            print(USAGE, file=sys.stderr)
            return 2
    return 0


sys.exit(main(sys.argv[1:]))
