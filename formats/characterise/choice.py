"""Which reader knows the properties of which family. Runs in the confined worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from formats.characterise import documents
from formats.characterise.av import characterise_av
from formats.characterise.images import characterise_image
from formats.characterise.pdf import characterise_pdf
from formats.characterise.properties import Properties
from formats.families import family_of
from policies.findings import Puid

__all__ = ["characterise"]

_READERS: Mapping[str, Callable[[Path], Properties]] = {
    "pdf": characterise_pdf,
    **dict.fromkeys(("tiff", "jpeg", "png", "gif", "bmp", "webp", "jpeg2000"), characterise_image),
    **dict.fromkeys(("wave", "flac", "audio", "matroska", "video"), characterise_av),
    "ooxml": documents.characterise_ooxml,
    "odf": documents.characterise_odf,
    "siard": documents.characterise_siard,
    "zip": documents.characterise_zip,
    "epub": documents.characterise_zip,
    "xml": documents.characterise_xml,
    "csv": documents.characterise_csv,
    "email": documents.characterise_mail,
    "mbox": documents.characterise_mbox,
}


def characterise(path: Path, puid: Puid) -> Properties:
    """The properties that could be found; {} where the file is too damaged to have any (validation says so). Raises OSError when
    it cannot be read."""
    reader = _READERS.get(family_of(puid))
    if reader is None:
        return {}
    try:
        return reader(path)
    except OSError as error:
        if error.errno is not None:
            raise
        return {}  # Pillow's word for damage
    except Exception:  # a library may raise anything on hostile input, and no property is worth a deposit
        return {}
