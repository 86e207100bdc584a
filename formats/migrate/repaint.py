"""One picture written in another format, in a process of its own: ``python -m formats.migrate.repaint RECIPE SOURCE RESULT``."""

from __future__ import annotations

import sys
from typing import Any

from PIL import Image, ImageOps, ImageSequence

from formats.properties.pixels import FORMATS

__all__ = ["main"]

SCREEN = 2_560
"""Pixels of the longer side of a picture for people to look at."""


def main(recipe: str, source: str, result: str) -> None:
    """Write ``source`` as ``result``. Raises OSError and its kin for what cannot be decoded or written: the status tells it."""
    Image.MAX_IMAGE_PIXELS = None
    with Image.open(source, formats=FORMATS) as image:
        kept: dict[str, Any] = {name: image.info[name] for name in ("dpi", "icc_profile") if image.info.get(name)}
        if recipe == "jpeg":
            upright = ImageOps.exif_transpose(image) or image
            upright.thumbnail((SCREEN, SCREEN), Image.Resampling.LANCZOS)
            upright.convert("RGB").save(result, "JPEG", quality=88)
        elif recipe == "tiff":
            frames = [frame.copy() for frame in ImageSequence.Iterator(image)]
            exif = image.getexif().tobytes() if image.format == "JPEG" and image.getexif() else None
            more = {"exif": exif} if exif else {}
            frames[0].save(result, "TIFF", save_all=True, append_images=frames[1:], compression="tiff_lzw", **kept, **more)
        elif recipe == "png":
            if getattr(image, "n_frames", 1) > 1:
                raise ValueError("a PNG holds one picture, and there are several")
            image.save(result, "PNG", **kept)
        else:
            raise ValueError(recipe)


if __name__ == "__main__":
    main(*sys.argv[1:4])
