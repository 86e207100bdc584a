"""Pictures decoded and compared, in a process of its own: ``python pixels.py ORDER``. It imports nothing of Kho's.

Decoders of pictures are where hostile files strike, and a picture of a few kilobytes may unpack to gigabytes: this runs in the
sandbox, with its limits, and answers with one line of JSON. Pillow's own limit on pixels is lifted for that reason: the sandbox ends
what grows too large, and large scans of maps are honest.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

from PIL import ExifTags, Image, ImageChops, ImageMath, ImageOps, ImageSequence

__all__ = ["check_depth", "compare", "describe", "frame", "iptc", "main", "matches", "metadata", "scores", "thumbnail"]

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


NEAR = 4
"""Side, in windows, of the neighbourhood whose mean likeness is the worst region: 32 pixels, a seal or a few words of a page that is drawn
at 72 dpi. A single window may fall for the noise of JPEG."""


COARSE = 4
"""How much smaller colours are compared than light: JPEG and the eye take them so, and a region of colour is one of light still."""


def _canonical(image: Image.Image) -> Image.Image:
    """The same pixels in the one mode in which they are compared: palettes looked up, bits as bytes, what is transparent told."""
    if "transparency" in image.info and image.mode in ("1", "L", "P", "RGB"):
        return image.convert("RGBA")
    if image.mode == "P":
        return image.convert("RGB")
    if image.mode in ("1", "LA", "PA", "RGBX"):
        return image.convert({"1": "L", "LA": "RGBA", "PA": "RGBA", "RGBX": "RGB"}[image.mode])
    if image.mode.startswith("I;16"):
        return image.convert("I")
    return image


class Undecided(ValueError):
    """Two such pictures that agree need not be equal: ``which`` is "deep" or "unsaid", of the depth of their channels."""

    def __init__(self, which: str, words: str) -> None:
        super().__init__(words)
        self.which = which


def check_depth(image: Image.Image) -> None:
    """Raise `Undecided` where a channel has more bits than the decoder gives: then two pictures that agree need not be equal."""
    tiles = str(getattr(image, "tile", ""))
    if image.mode in ("RGB", "RGBA", "LA", "CMYK") and (";16" in tiles or _jpeg2000_bits(image) > 8):
        raise Undecided("deep", "its channels have more than 8 bits, and here are 8 of them read only")


def _jpeg2000_bits(image: Image.Image) -> int:
    """Bits a channel as the codestream's SIZ says (ISO/IEC 15444-1, A.5.1); 0 of other pictures."""
    stream: BinaryIO | None = getattr(image, "fp", None)
    if image.format != "JPEG2000" or stream is None:
        return 0
    place = stream.tell()
    stream.seek(0)
    head = stream.read(1 << 16)
    stream.seek(place)
    at = head.find(b"\xff\x4f\xff\x51")
    if at < 0 or len(head) <= at + 42:
        raise Undecided("unsaid", "its codestream does not say how deep its channels are")
    return (head[at + 42] & 0x7F) + 1


def _frames(path: str) -> Iterator[Image.Image]:
    """The pictures as they are to be seen: turned as their orientation says (the reader of TIFF does that by itself, others do not)."""
    with Image.open(path, formats=FORMATS) as file:
        for frame in ImageSequence.Iterator(file):
            check_depth(frame)
            frame.load()
            turned = frame.getexif().get(ExifTags.Base.Orientation, 1) != 1
            yield ImageOps.exif_transpose(frame) if turned else frame


def describe(path: str) -> dict[str, Any]:
    """How many frames, their size, mode, resolution and colour profile, and what is said in words beside the pixels."""
    with Image.open(path, formats=FORMATS) as file:
        told = {"width": file.width, "height": file.height, "mode": file.mode, "format": file.format}
        said = metadata(file)
        dpi, profiles = list[list[float]](), list[str]()
        for frame in ImageSequence.Iterator(file):
            dpi.append([round(float(each), 2) for each in frame.info.get("dpi") or (0, 0)])
            profile = frame.info.get("icc_profile") or b""
            profiles.append(hashlib.sha256(profile).hexdigest() if profile else "")
        return {**told, "frames": len(dpi), "dpi": dpi, "profiles": profiles, "metadata": said}


STRUCTURE = frozenset(
    {254, 255, 256, 257, 258, 259, 262, 266, 273, 274, 277, 278, 279, 282, 283, 284, 296, 297, 317, 320, 322, 323, 324, 325}
    | {338, 339, 347, 512, 513, 514, 515, 519, 520, 521, 529, 530, 531, 532, 700, 33723, 34377, 34665, 34675, 34853}
    | {0xA001, 0xA002, 0xA003, 0xA005, 0xEA1C}
)
"""Tags of TIFF and Exif that say how a picture is stored, or where other tags are: no statement about it."""


NOT_SAID = frozenset({"XML:com.adobe.xmp", "Raw profile type exif"})
"""Texts of PNG that are metadata of another kind."""


def metadata(image: Image.Image) -> dict[str, str]:
    """What a picture says of itself in words and numbers: tags of TIFF and Exif, the place, XMP and IPTC (as digests), comments."""
    exif = image.getexif()
    groups = (("", exif), ("exif ", exif.get_ifd(ExifTags.IFD.Exif)), ("place ", exif.get_ifd(ExifTags.IFD.GPSInfo)))
    found = {
        f"{group}{ExifTags.GPSTAGS.get(tag, tag) if group == 'place ' else ExifTags.TAGS.get(tag, tag)}": _plain(value)
        for group, tags in groups
        for tag, value in tags.items()
        if tag not in STRUCTURE
    }
    for name, data in (("XMP", image.info.get("xmp")), ("IPTC", iptc(image))):
        if data and (data := (data if isinstance(data, bytes) else str(data).encode()).strip(b"\0\r\n ")):
            found[name] = hashlib.sha256(data).hexdigest()
    comment = image.info.get("comment", b"")
    texts = {"comment": comment.decode("utf-8", "replace") if isinstance(comment, bytes) else comment}
    texts |= getattr(image, "text", {})
    found |= {name: str(text).strip() for name, text in texts.items() if name not in NOT_SAID}
    return {name: value for name, value in found.items() if value}


def iptc(image: Image.Image) -> bytes:
    """IPTC as it is kept in JPEG (a resource of Photoshop) and TIFF (a tag)."""
    resources: Any = image.info.get("photoshop", {})
    tags: Any = getattr(image, "tag_v2", {})
    data = resources.get(0x0404) if isinstance(resources, dict) else None
    data = data or tags.get(33723) or b""
    return data if isinstance(data, bytes) else b""


def _plain(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(map(_plain, value))
    if isinstance(value, bytes):
        return _plain(value.decode("latin-1"))
    if isinstance(value, str):
        try:
            return value.encode("latin-1").decode("utf-8").rstrip("\0 ")  # as bytes of UTF-8, which is what most write
        except UnicodeError:
            return value.rstrip("\0 ")
    return f"{float(value):.6g}" if isinstance(value, float) or hasattr(value, "numerator") else str(value)


def compare(one: str, two: str) -> dict[str, Any]:
    """Whether all frames have the same pixels: {"same", "frames", "differs": [what, …]}, as `_difference` says; "frames" of one that has
    fewer of them."""
    count = 0
    left, right = _frames(one), _frames(two)
    while True:
        first, second = next(left, None), next(right, None)
        if first is None and second is None:
            return {"same": True, "frames": count, "differs": []}
        if first is None or second is None:
            return {"same": False, "frames": count, "differs": ["frames", count]}
        count += 1
        if (where := _difference(_canonical(first), _canonical(second))) is not None:
            return {"same": False, "frames": count, "differs": where}


def _difference(one: Image.Image, two: Image.Image) -> list[str | int] | None:
    """What differs first: ["size", was, now], ["mode", was, now], ["place", x, y], ["line", y]."""
    if one.size != two.size:
        return ["size", f"{one.width} × {one.height}", f"{two.width} × {two.height}"]
    if one.mode != two.mode:
        return ["mode", one.mode, two.mode]
    rows = max(1, STRIP // max(1, one.width))
    for top in range(0, one.height, rows):
        box = (0, top, one.width, min(top + rows, one.height))
        first, second = one.crop(box), two.crop(box)
        if first.tobytes() != second.tobytes():
            where = ImageChops.difference(first, second).getbbox() if one.mode in ("L", "RGB") else None
            return ["place", where[0], where[1] + top] if where else ["line", top]
    return None


def scores(one: str, two: str, longest: int = LONGEST) -> dict[str, Any]:
    """Structural likeness of each pair of frames, made so small that no side is longer: {"scores": [[mean, worst region], …]}."""
    found: list[tuple[float, float]] = []
    left, right = _frames(one), _frames(two)
    while True:
        first, second = next(left, None), next(right, None)
        if first is None or second is None:
            if (first is None) != (second is None):
                found.append((0.0, 0.0))
            return {"scores": found}
        found.append(_ssim(first, second, longest))


def _shown(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """As it looks on paper, in grey or in colours of 8 bits."""
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    if image.mode.startswith(("I", "F")):
        image = _sixteen(image)
    elif image.mode not in ("L", "RGB"):
        image = image.convert("L" if image.mode == "1" else "RGB")
    return image if image.size == size else image.resize(size, Image.Resampling.BOX)


def _sixteen(image: Image.Image) -> Image.Image:
    return image.convert("I").point(lambda value: value * (1 / 256)).convert("L")


def _ssim(one: Image.Image, two: Image.Image, longest: int = LONGEST) -> tuple[float, float]:
    """(mean, mean of the worst neighbourhood), of light or of a colour, whichever is less: a fault in one corner does not vanish in a
    white page, and a seal that lost its red is no seal."""
    ratio_one, ratio_two = one.width / one.height, two.width / two.height
    if abs(ratio_one - ratio_two) > 0.01 * ratio_one:
        return 0.0, 0.0
    shrink = min(1.0, longest / max(one.size), longest / max(two.size))
    smaller = min((one, two), key=lambda each: each.width)
    size = (max(BLOCK, round(smaller.width * shrink)), max(BLOCK, round(smaller.height * shrink)))
    first, second = (_shown(each, size) for each in (one, two))
    if first.mode != second.mode:
        first, second = first.convert("RGB"), second.convert("RGB")
    if first.mode == "L":
        return _likeness(first, second, NEAR)
    light, *colours = zip(first.convert("YCbCr").split(), second.convert("YCbCr").split(), strict=True)
    channels = [_likeness(*light, NEAR)]
    channels += [_likeness(x.reduce(COARSE), y.reduce(COARSE), NEAR // COARSE) for x, y in colours]
    return min(mean for mean, _ in channels), min(worst for _, worst in channels)


def _likeness(one: Image.Image, two: Image.Image, near: int) -> tuple[float, float]:
    """SSIM of one channel."""
    x, y = one.convert("F"), two.convert("F")

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
    regions = values.reduce(near)
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


def matches(listed: str) -> dict[str, Any]:
    """Which of the pictures that are "shown" ([file, file of its mask or ""]) each of those "wanted" is: {"matches": [[number, …], …]}.

    A wanted one is {"file", "turned" (degrees clockwise) after it was "flipped" ("h", "v", "hv"), "grey" (it was drawn in other colours),
    "exact" (the same pixels)}; one that is not exact is so alike as "least", and its coarse picture agrees too.
    """
    with open(listed, encoding="utf-8") as file:
        order = json.load(file)
    shown, wanted = order["shown"], order["wanted"]
    exact = [_pixel_digest(file) for file, _ in shown] if any(one["exact"] for one in wanted) else []
    plain = [_coarse(_on_white(*each)) for each in shown] if any(not one["exact"] for one in wanted) else []
    grey = [_coarse(_stretched(_on_white(*each))) for each in shown] if any(one["grey"] for one in wanted) else []

    def found(one: dict[str, Any]) -> list[int]:
        if one["exact"]:
            digest = _pixel_digest(one["file"])
            return [number for number, each in enumerate(exact) if each == digest]
        return _alike(one, shown, grey if one["grey"] else plain, order["least"])

    return {"matches": [found(one) for one in wanted]}


def _pixel_digest(path: str) -> str:
    """Of the first frame."""
    image = _canonical(next(_frames(path)))
    return hashlib.sha256(f"{image.size} {image.mode}".encode() + image.tobytes()).hexdigest()


def _alike(one: dict[str, Any], shown: list[Any], known: list[tuple[float, bytes]], least: float) -> list[int]:
    found: dict[int, None] = {}
    coarsely = RECOLOURED_COARSELY if one["grey"] else COARSELY
    least = min(least, RECOLOURED) if one["grey"] else least
    for image in _as_drawn(one):
        longest = max(image.size) // 2 if one["turned"] else MATCHED  # programs that turn a picture draw its edges anew
        ratio, coarse = _coarse(image)
        near = [(_far(coarse, each), n) for n, (other, each) in enumerate(known) if abs(other - ratio) <= 0.03 * ratio]
        for tried, (far, number) in enumerate(sorted(near)):
            if far > coarsely or (tried >= TRIED and (not found or far > 0)):
                break
            other = _on_white(*shown[number])
            if min(_ssim(image, _stretched(other) if one["grey"] else other, longest)) >= least:
                found[number] = None
    return list(found)


GRID, COARSELY, TRIED, MATCHED = 16, 40, 6, 800
"""Cells of a side of the coarse picture; how far one may be off (of 255: recompression gives 6, half a pixel of a small picture 20); how
many of the nearest are looked at closely, and with how many pixels of the longer side."""

RECOLOURED, RECOLOURED_COARSELY = 0.4, 64
"""The same for pictures that were drawn brighter or in other colours, where much becomes all white: other pictures have 0.15."""


def _coarse(image: Image.Image) -> tuple[float, bytes]:
    """(width by height, the mean colours of a few cells)."""
    return image.width / image.height, image.convert("RGB").resize((GRID, GRID), Image.Resampling.BOX).tobytes()


def _far(one: bytes, two: bytes) -> int:
    return max(abs(a - b) for a, b in zip(one, two, strict=True))


def _on_white(file: str, mask: str = "") -> Image.Image:
    """The first frame as it looks on paper."""
    image = next(_frames(file)).copy()
    if mask:
        alpha = next(_frames(mask)).convert("L")
        image = image.convert("RGBA")
        image.putalpha(alpha if alpha.size == image.size else alpha.resize(image.size))
    return _shown(image, image.size)


def _stretched(image: Image.Image) -> Image.Image:
    """In grey, from black to white: what is left the same where brightness, contrast and colours were set anew."""
    return ImageOps.autocontrast(image.convert("L"))


def _as_drawn(one: dict[str, Any]) -> Iterator[Image.Image]:
    """How a picture may stand in a result: flipped and turned by the document or by the result, and by its own orientation or not."""
    with Image.open(one["file"], formats=FORMATS) as opened:
        check_depth(opened)
        opened.load()
        raw = opened.copy()
    right = next(_frames(one["file"])).copy()
    for image in (right, raw) if raw.getexif().get(ExifTags.Base.Orientation, 1) != 1 else (right,):
        over = _flipped(image, one["flipped"])
        turned = [_turned(each, one["turned"]) for each in (image, over)] if one["turned"] else []
        for each in (image, *([over] if one["flipped"] else []), *turned):
            on_paper = _shown(each, each.size)
            yield _stretched(on_paper) if one["grey"] else on_paper


def _flipped(image: Image.Image, how: str) -> Image.Image:
    image = ImageOps.mirror(image) if "h" in how else image
    return ImageOps.flip(image) if "v" in how else image


def _turned(image: Image.Image, degrees: float) -> Image.Image:
    """Turned clockwise in a frame that holds all of it."""
    return image.convert("RGBA").rotate(-degrees, Image.Resampling.BICUBIC, expand=True)


def main(order: dict[str, Any]) -> dict[str, Any]:
    """Do what is ordered: {"do": "compare" | "scores" | "describe" | "frame" | "matches" | "thumbnail", "files": […], and more by name}."""
    Image.MAX_IMAGE_PIXELS = None
    deeds: dict[str, Callable[..., dict[str, Any]]] = {
        "compare": compare,
        "describe": describe,
        "frame": frame,
        "matches": matches,
        "scores": scores,
        "thumbnail": thumbnail,
    }
    work = deeds[order.pop("do")]
    try:
        return work(*order.pop("files"), **order)
    except Undecided as error:
        return {"undecided": error.which}
    except (OSError, ValueError, SyntaxError, EOFError, MemoryError) as error:
        return {"error": str(error) or type(error).__name__}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
