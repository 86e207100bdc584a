"""Raster images by Pillow: every frame is decoded whole, by the decoder of the claimed format and no other."""

from __future__ import annotations

import warnings
import zlib
from pathlib import Path
from typing import Any

from formats.families import family_of
from formats.validate.coded import errors_into, jpegs_are_corrupt, wrong_in_tiff
from formats.validate.validation import Defect, Validation, Why, could_not, defective
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["PillowDecoder"]

FORMATS = {"tiff": ("TIFF",), "jpeg": ("JPEG", "MPO"), "png": ("PNG",), "gif": ("GIF",), "bmp": ("BMP",), "webp": ("WEBP",)}
"""Family → Pillow's names of its decoders."""

MOST_FRAMES = 100_000

LARGEST_PIXELS = 1_000_000_000
"""A frame of more pixels is not decoded: 4 GiB in memory. A map sheet of A0 at 600 dpi has 560 million."""

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

CHUNK_BYTES = 1 << 20

JPEG_END = b"\xff\xd9"


class PillowDecoder:
    name = "Pillow"

    def __init__(self) -> None:
        import PIL
        from PIL import Image, ImageFile

        self.version = PIL.__version__
        Image.MAX_IMAGE_PIXELS = None  # our own bound is looked at before anything is decoded
        ImageFile.LOAD_TRUNCATED_IMAGES = False

    def validate(self, path: Path, puid: Puid) -> Validation:
        from PIL import Image, UnidentifiedImageError

        check = f"{self.name} {self.version}"
        family = family_of(puid)
        defects: list[Defect] = []
        said: list[str] = []
        try:
            with (
                warnings.catch_warnings(record=True) as heard,
                errors_into(said),
                Image.open(path, formats=FORMATS[family]) as image,
            ):
                warnings.simplefilter("always")
                if image.width * image.height > LARGEST_PIXELS:
                    return could_not(Why.TOOL_DIED, phrase("pixels-many", width=image.width, height=image.height), check=check)
                defects += self._decode(image, path)
            defects += [Defect("warning", str(each.message)) for each in heard if issubclass(each.category, UserWarning)]
        except UnidentifiedImageError:
            defects.append(Defect("structure", phrase("picture-unopened", kind=family.upper())))
        except MemoryError:
            return could_not(Why.TOOL_DIED, phrase("validator-room"), check=check)
        except (OSError, SyntaxError, ValueError, EOFError, KeyError, TypeError, OverflowError, IndexError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            defects.append(Defect("decode", str(error) or type(error).__name__))
        defects += [Defect("decode", line) for line in said]
        if family == "png" and not defects:
            defects += _chunks(path)
        if family == "jpeg" and not defects and not _jpeg_ends(path):
            defects.append(Defect("structure", phrase("picture-no-end")))
        if family == "jpeg" and not defects and jpegs_are_corrupt([path.read_bytes()]):
            defects.append(Defect("decode", phrase("picture-corrupt")))
        return defective(check, defects)

    @staticmethod
    def _decode(image: Any, path: Path) -> list[Defect]:
        """Decode every frame. Of a TIFF, what its decoder passes over is looked for, too."""
        found: list[Defect] = []
        for frame in range(min(getattr(image, "n_frames", 1), MOST_FRAMES)):
            if frame:
                image.seek(frame)
            if image.format == "TIFF" and not found and (wrong := wrong_in_tiff(image.tag_v2, path)):
                found.append(Defect("decode", phrase("picture-page", page=frame + 1, words=wrong)))
            image.load()
        return found


def _chunks(path: Path) -> list[Defect]:
    """The checksum of every chunk (PNG 5.4), and that IEND is the last: a decoder stops looking when it has all pixels."""
    with path.open("rb") as stream:
        stream.seek(len(PNG_SIGNATURE))
        while len(head := stream.read(8)) == 8:
            length, kind = int.from_bytes(head[:4], "big"), head[4:]
            checksum = zlib.crc32(kind)
            for start in range(0, length, CHUNK_BYTES):
                checksum = zlib.crc32(stream.read(min(CHUNK_BYTES, length - start)), checksum)
            if int.from_bytes(stream.read(4), "big") != checksum:
                return [Defect("PNG 5.4", phrase("png-checksum", chunk=kind.decode("latin-1")))]
            if kind == b"IEND":
                return []
    return [Defect("PNG 5.6", phrase("png-no-end"))]


def _jpeg_ends(path: Path) -> bool:
    """Whether the end marker stands near the end of the file (cameras append trailers, which is no defect of the image)."""
    with path.open("rb") as stream:
        stream.seek(max(path.stat().st_size - (1 << 20), 0))
        return JPEG_END in stream.read()
