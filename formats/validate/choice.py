"""Which validators look at which format. Runs in the confined worker."""

from __future__ import annotations

from pathlib import Path

from formats.families import family_of
from formats.validate.archives import ZipTest
from formats.validate.av import FfmpegDecoder, FlacTest, MediaConch
from formats.validate.images import FORMATS, PillowDecoder
from formats.validate.jp2 import Jpylyzer
from formats.validate.mail import MailParser
from formats.validate.markup import WellFormed
from formats.validate.office import LockedOffice, OdfPackage, OoxmlPackage
from formats.validate.pdf import PdfaClaim, PdfStructure
from formats.validate.siard import SiardStructure
from formats.validate.validation import Validation, Why, could_not, merged
from formats.validate.validator import Validator
from formats.validate.verapdf import FLAVOURS
from policies.findings import Puid

__all__ = ["Choice"]


class Choice:
    """All validators, made once a worker: the versions of their tools are those found then."""

    def __init__(self) -> None:
        image, ffmpeg = PillowDecoder(), FfmpegDecoder()
        self._pdf: tuple[Validator, ...] = (PdfStructure(),)
        self._pdfa = PdfaClaim()
        self._by_family: dict[str, tuple[Validator, ...]] = {
            "jpeg2000": (Jpylyzer(),),
            "xml": (WellFormed(),),
            "wave": (ffmpeg,),
            "flac": (FlacTest(),),
            "audio": (ffmpeg,),
            "matroska": (ffmpeg, MediaConch()),
            "video": (ffmpeg,),
            "zip": (ZipTest(),),
            "epub": (ZipTest(),),
            "ooxml": (OoxmlPackage(),),
            "odf": (OdfPackage(),),
            "locked-office": (LockedOffice(),),
            "siard": (SiardStructure(),),
            "email": (MailParser(),),
            "mbox": (MailParser(),),
            **dict.fromkeys(FORMATS, (image,)),
        }

    def validators(self, puid: Puid) -> tuple[Validator, ...]:
        """Those that look at files of this format; all must find it sound."""
        if family_of(puid) == "pdf":
            return (*self._pdf, self._pdfa) if puid in FLAVOURS else self._pdf
        return self._by_family.get(family_of(puid), ())

    def validate(self, path: Path, puid: Puid) -> Validation:
        """The outcome of all validators of the format. Raises OSError when the file cannot be read."""
        chosen = self.validators(puid)
        if not chosen:
            return could_not(Why.NO_VALIDATOR, f"there is no validator for {puid or 'an unknown format'}")
        return merged([one(validator, path, puid) for validator in chosen])


def one(validator: Validator, path: Path, puid: Puid) -> Validation:
    """One validator's outcome; what a library dies of on hostile input is an outcome too."""
    try:
        return validator.validate(path, puid)
    except OSError:
        raise
    except MemoryError:
        return could_not(Why.TOOL_DIED, f"{validator.name} ran out of memory", check=f"{validator.name} {validator.version}")
    except Exception as error:
        reason = f"{validator.name}: {type(error).__name__}: {error}"
        return could_not(Why.TOOL_DIED, reason, check=f"{validator.name} {validator.version}")
