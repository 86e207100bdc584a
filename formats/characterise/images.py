"""Raster images: pixels, depth, colour, resolution."""

from __future__ import annotations

from pathlib import Path

from formats.characterise.properties import Properties

__all__ = ["characterise_image"]

DEPTHS = {
    "1": 1,
    "L": 8,
    "P": 8,
    "LA": 16,
    "La": 16,
    "RGB": 24,
    "RGBA": 32,
    "RGBa": 32,
    "RGBX": 32,
    "CMYK": 32,
    "YCbCr": 24,
    "LAB": 24,
}
DEPTHS |= {"HSV": 24, "I": 32, "F": 32, "I;16": 16, "I;16B": 16, "I;16L": 16}
"""Pillow's mode → bits a pixel as they are in memory; a TIFF says itself how many it stores."""

COLOURS = {"1": "bilevel", "L": "grey", "LA": "grey", "I;16": "grey", "I;16B": "grey", "I": "grey", "F": "grey", "P": "palette"}

BITS_PER_SAMPLE, SAMPLES_PER_PIXEL = 258, 277
CENTIMETRE = 2.54


def characterise_image(path: Path) -> Properties:
    """From the header; pixels are not decoded. Raises OSError, and what Pillow raises for damage."""
    from PIL import Image, TiffImagePlugin

    Image.MAX_IMAGE_PIXELS = None
    with Image.open(path) as image:
        found: Properties = {
            "width": image.width,
            "height": image.height,
            "frames": int(getattr(image, "n_frames", 1)),
            "bits_per_pixel": DEPTHS.get(image.mode, 0),
            "colour": COLOURS.get(image.mode, "colour"),
            "colour_mode": image.mode,
            "icc_profile": bool(image.info.get("icc_profile")),
            "compression": str(image.info.get("compression") or ""),
        }
        if isinstance(image, TiffImagePlugin.TiffImageFile):
            bits = image.tag_v2.get(BITS_PER_SAMPLE)
            if bits:
                samples = int(image.tag_v2.get(SAMPLES_PER_PIXEL, 1))
                found["bits_per_pixel"] = sum(map(int, bits)) if len(bits) == samples else int(bits[0]) * samples
        dpi = image.info.get("dpi")
    if dpi and all(float(value) > 1 for value in dpi):  # 1 × 1 is how "I do not know" is written
        found |= {"dpi_x": round(float(dpi[0])), "dpi_y": round(float(dpi[1]))}
    return found
