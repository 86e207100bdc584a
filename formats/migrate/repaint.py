"""One picture written in another format, in a process of its own: ``python -m formats.migrate.repaint RECIPE SOURCE RESULT``."""

from __future__ import annotations

import sys
from typing import Any

from PIL import ExifTags, Image, ImageOps, ImageSequence, PngImagePlugin

from formats.properties.pixels import FORMATS, NOT_SAID, STRUCTURE, check_depth, iptc

__all__ = ["main"]

XMP, IPTC = 700, 33723
"""Tags of TIFF in which these stand as they are."""

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
            _tiff(image, result, kept)
        elif recipe == "png":
            _png(image, result, kept)
        else:
            raise ValueError(recipe)


def _tiff(image: Image.Image, result: str, kept: dict[str, Any]) -> None:
    if image.format in ("GIF", "PNG", "WEBP") and getattr(image, "n_frames", 1) > 1:
        raise ValueError("its pictures move, and a TIFF does not keep the times between them")
    frames = []
    for frame in ImageSequence.Iterator(image):
        check_depth(frame)
        frames.append(_whole(frame))
    image.seek(0)
    exif, said = image.getexif(), _said(image)
    if image.format == "TIFF":
        exif.pop(ExifTags.Base.Orientation, None)  # the reader has turned it
    for tag in STRUCTURE - {ExifTags.Base.Orientation, ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo}:
        exif.pop(tag, None)
    for tag, data in ((XMP, image.info.get("xmp")), (IPTC, iptc(image))):
        if data:
            exif[tag] = data if isinstance(data, bytes) else data.encode()
    if said:
        described = str(exif.get(ExifTags.Base.ImageDescription, "")).rstrip("\0 ")
        exif[ExifTags.Base.ImageDescription] = "\n".join(
            filter(None, [described, said])
        ).encode()  # as text it would become ASCII
    # libtiff writes no tags that stand in folders of their own; a photograph shrinks little by LZW anyway.
    folders = any(exif.get_ifd(folder) for folder in (ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo))
    compression = None if folders else "tiff_lzw"
    frames[0].save(result, "TIFF", save_all=True, append_images=frames[1:], compression=compression, exif=exif, **kept)


def _png(image: Image.Image, result: str, kept: dict[str, Any]) -> None:
    if getattr(image, "n_frames", 1) > 1:
        raise ValueError("a PNG holds one picture, and there are several")
    check_depth(image)
    exif, said, texts = image.getexif(), _said(image), PngImagePlugin.PngInfo()
    image.load()
    if image.format == "TIFF":
        exif.pop(ExifTags.Base.Orientation, None)  # the reader has turned it
    if said:
        texts.add_itxt("Comment", said)
    if xmp := image.info.get("xmp"):
        texts.add_itxt("XML:com.adobe.xmp", xmp.decode("utf-8", "surrogateescape") if isinstance(xmp, bytes) else xmp)
    image.save(result, "PNG", exif=exif, pnginfo=texts, **kept)


def _whole(frame: Image.Image) -> Image.Image:
    """A frame with its own transparency, where that is one colour that a TIFF has no word for."""
    if "transparency" in frame.info and frame.mode in ("1", "L", "P", "RGB"):
        return frame.convert("RGBA")
    return frame.copy()


def _said(image: Image.Image) -> str:
    """Comments and texts, in one piece."""
    comment = image.info.get("comment", b"")
    texts = [comment.decode("utf-8", "replace") if isinstance(comment, bytes) else str(comment)]
    texts += [str(text) for name, text in getattr(image, "text", {}).items() if name not in NOT_SAID]
    return "\n".join(text for text in texts if text)


if __name__ == "__main__":
    main(*sys.argv[1:4])
