"""Whether something is to be seen where words stand: ``python inked.py ORDER``. It imports nothing of Kho's.

ORDER is a file of JSON: a list of [picture of a page, [[left, top, right, bottom] in pixels, …]]. One line of JSON comes back: for each
page, in how many of its places something is drawn.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any, Final

__all__ = ["main", "seen"]

CONTRAST: Final = 24
"""Of 255: grey letters on a grey ground have more, what a coder of pictures adds to white paper has less."""


def seen(picture: str, places: list[list[float]]) -> int:
    from PIL import Image

    count = 0
    with Image.open(picture, formats=("PPM",)) as page:
        width, height = page.size
        for left, top, right, bottom in places:
            box = (max(int(left), 0), max(int(top), 0), min(int(right) + 1, width), min(int(bottom) + 1, height))
            if box[0] < box[2] and box[1] < box[3]:
                tones = page.crop(box).convert("L").tobytes()
                count += max(tones) - min(tones) >= CONTRAST
    return count


def main(order: str) -> dict[str, Any]:
    try:
        return {"seen": [seen(picture, places) for picture, places in json.loads(Path(order).read_text("utf-8"))]}
    except (OSError, ValueError, SyntaxError, MemoryError) as error:
        return {"error": str(error) or type(error).__name__}


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1])))
