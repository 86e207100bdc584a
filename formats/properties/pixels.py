"""Pictures decoded and compared, in a process of its own: ``python pixels.py ORDER``. It imports nothing of Kho's.

Decoders of pictures are where hostile files strike, and a picture of a few kilobytes may unpack to gigabytes: this runs in the
sandbox, with its limits, and answers with one line of JSON. Pillow's own limit on pixels is lifted for that reason: the sandbox ends
what grows too large, and large scans of maps are honest.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator
from typing import Any

from PIL import Image, ImageChops, ImageMath, ImageSequence

__all__ = ["compare", "describe", "frame", "main", "scores", "thumbnail"]

FORMATS = ("TIFF", "JPEG", "PNG", "JPEG2000", "BMP", "GIF", "WEBP", "PPM")
"""The formats that are opened: Pillow has decoders for fifty, and each is a door."""

STRIP = 4 << 20
"""Pixels compared at a time."""

BLOCK = 8
"""Side of the windows of SSIM, in pixels (Wang et al. 2004 use 11 with a Gaussian; blocks of 8 are the usual fast form)."""

C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
"""The constants of SSIM for 8 bits."""

LONGEST = 2_000
"""Pixels of the longer side at which likeness is measured: finer grain is noise of scanners, and costs by the square."""


def _canonical(image: Image.Image) -> Image.Image:
    """The same pixels in the one mode in which they are compared: palettes looked up, bits as bytes."""
    if image.mode == "P":
        return image.convert("RGBA" if "transparency" in image.info else "RGB")
    if image.mode in ("1", "LA", "PA", "RGBX"):
        return image.convert({"1": "L", "LA": "RGBA", "PA": "RGBA", "RGBX": "RGB"}[image.mode])
    if image.mode.startswith("I;16"):
        return image.convert("I")
    return image


def _frames(path: str) -> Iterator[Image.Image]:
    with Image.open(path, formats=FORMATS) as file:
        for frame in ImageSequence.Iterator(file):
            frame.load()
            yield frame


def describe(path: str) -> dict[str, Any]:
    """Frames, size, mode, resolution and colour profile of the first frame."""
    with Image.open(path, formats=FORMATS) as file:
        dpi = file.info.get("dpi") or (0, 0)
        profile = file.info.get("icc_profile") or b""
        return {
            "frames": int(getattr(file, "n_frames", 1)),
            "width": file.width,
            "height": file.height,
            "mode": file.mode,
            "dpi": [round(float(each), 2) for each in dpi],
            "profile": len(profile),
            "format": file.format,
        }


def compare(one: str, two: str) -> dict[str, Any]:
    """Whether all frames have the same pixels: {"same", "frames", "detail"}."""
    count = 0
    left, right = _frames(one), _frames(two)
    while True:
        first, second = next(left, None), next(right, None)
        if first is None and second is None:
            return {"same": True, "frames": count, "detail": ""}
        if first is None or second is None:
            return {"same": False, "frames": count, "detail": f"one has {count} pictures, the other has more"}
        count += 1
        if (where := _difference(_canonical(first), _canonical(second))) is not None:
            return {"same": False, "frames": count, "detail": f"picture {count}: {where}"}


def _difference(one: Image.Image, two: Image.Image) -> str | None:
    if one.size != two.size:
        return f"{one.width} × {one.height} is {two.width} × {two.height}"
    if one.mode != two.mode:
        return f"mode {one.mode} is {two.mode}"
    rows = max(1, STRIP // max(1, one.width))
    for top in range(0, one.height, rows):
        box = (0, top, one.width, min(top + rows, one.height))
        first, second = one.crop(box), two.crop(box)
        if first.tobytes() != second.tobytes():
            where = ImageChops.difference(first, second).getbbox() if one.mode in ("L", "RGB") else None
            return f"pixels differ{f' at {where[0]}, {where[1] + top}' if where else f' near line {top}'}"
    return None


def scores(one: str, two: str) -> dict[str, Any]:
    """Structural likeness of each pair of frames: {"scores": [[mean, worst region], …]}."""
    found: list[tuple[float, float]] = []
    left, right = _frames(one), _frames(two)
    while True:
        first, second = next(left, None), next(right, None)
        if first is None or second is None:
            if (first is None) != (second is None):
                found.append((0.0, 0.0))
            return {"scores": found}
        found.append(_ssim(first, second))


def _grey(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    grey = image.convert("L") if not image.mode.startswith(("I", "F")) else _sixteen(image)
    return grey if grey.size == size else grey.resize(size, Image.Resampling.BOX)


def _sixteen(image: Image.Image) -> Image.Image:
    return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")


def _ssim(one: Image.Image, two: Image.Image) -> tuple[float, float]:
    """(mean, mean of the worst sixteenth of a 4 × 4 grid): a fault in one corner does not vanish in a white page."""
    ratio_one, ratio_two = one.width / one.height, two.width / two.height
    if abs(ratio_one - ratio_two) > 0.01 * ratio_one:
        return 0.0, 0.0
    shrink = min(1.0, LONGEST / max(one.size), LONGEST / max(two.size))
    smaller = min((one, two), key=lambda each: each.width)
    size = (max(BLOCK, round(smaller.width * shrink)), max(BLOCK, round(smaller.height * shrink)))
    x, y = (_grey(each, size).convert("F") for each in (one, two))

    def mean(expression: Any) -> Image.Image:
        image: Image.Image = ImageMath.lambda_eval(expression, x=x, y=y)
        return image.reduce(BLOCK)

    mx, my = x.reduce(BLOCK), y.reduce(BLOCK)
    xx, yy, xy = (mean(each) for each in (lambda a: a["x"] * a["x"], lambda a: a["y"] * a["y"], lambda a: a["x"] * a["y"]))

    def formula(a: Any) -> Any:
        both, squares = a["mx"] * a["my"], a["mx"] * a["mx"] + a["my"] * a["my"]
        spread = a["xx"] + a["yy"] - squares
        return ((both * 2 + C1) * ((a["xy"] - both) * 2 + C2)) / ((squares + C1) * (spread + C2))

    values: Image.Image = ImageMath.lambda_eval(formula, mx=mx, my=my, xx=xx, yy=yy, xy=xy)
    regions = values.resize((min(4, values.width), min(4, values.height)), Image.Resampling.BOX)
    whole = values.resize((1, 1), Image.Resampling.BOX)
    return _values(whole)[0], min(_values(regions))


def _values(image: Image.Image) -> list[float]:
    data: Any = image.get_flattened_data()
    return [float(value) for value in data]


def frame(path: str, target: str, number: int) -> dict[str, Any]:
    """Write one frame (from 1) as a PNG that any reader takes."""
    with Image.open(path, formats=FORMATS) as file:
        file.seek(number - 1)
        image = file.convert("RGB") if file.mode in ("CMYK", "YCbCr", "LAB", "HSV") else _canonical(file)
        image.save(target, "PNG")
    return {}


def thumbnail(path: str, target: str, side: int) -> dict[str, Any]:
    """Write the first frame at most ``side`` pixels wide and high, as a PNG; what is transparent becomes white, as on paper."""
    with Image.open(path, formats=FORMATS) as file:
        image = _canonical(file)
        if "A" in image.getbands():
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image.convert("RGBA")).convert("RGB")
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
        image.save(target, "PNG")
    return {}


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Do what is ordered: {"do": "compare" | "scores" | "describe" | "frame" | "thumbnail", "files": […], and more by name}."""
    Image.MAX_IMAGE_PIXELS = None
    deeds: dict[str, Callable[..., dict[str, Any]]] = {
        "compare": compare,
        "describe": describe,
        "frame": frame,
        "scores": scores,
        "thumbnail": thumbnail,
    }
    work = deeds[order.pop("do")]
    try:
        return work(*order.pop("files"), **order)
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        return {"error": str(error) or type(error).__name__}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
