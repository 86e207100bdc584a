"""Which validators look at which format. Runs in the confined worker."""

from __future__ import annotations

from pathlib import Path

from formats.families import family_of
from formats.validate.archives import ZipTest
from formats.validate.av import FfmpegDecoder, FlacTest, MediaConch
from formats.validate.epub import EpubPackage
from formats.validate.images import FORMATS, PillowDecoder
from formats.validate.jp2 import Jpylyzer
from formats.validate.mail import MailParser
from formats.validate.markup import WellFormed
from formats.validate.office import LockedOffice, OdfPackage, OoxmlPackage
from formats.validate.pdf import PdfaClaim, PdfStructure
from formats.validate.schemas import Schemas, no_schema
from formats.validate.siard import SiardStructure
from formats.validate.validation import Validation, Validity, Why, could_not, merged
from formats.validate.validator import Validator
from formats.validate.verapdf import FLAVOURS
from formats.validate.whole import Whole
from policies.findings import Puid
from policies.phrases import phrase

__all__ = ["Choice"]


class Choice:
    """All validators, made once a worker: the versions of their tools are those found then."""

    def __init__(self) -> None:
        image, ffmpeg = PillowDecoder(), FfmpegDecoder()
        whole = Whole(ffmpeg)
        self._pdf: tuple[Validator, ...] = (PdfStructure(),)
        self._pdfa = PdfaClaim()
        self._schemas: tuple[Path, Schemas] | None = None
        self._by_family: dict[str, tuple[Validator, ...]] = {
            "jpeg2000": (Jpylyzer(),),
            "xml": (WellFormed(),),
            "wave": (whole,),
            "flac": (FlacTest(),),
            "audio": (whole,),
            "matroska": (ffmpeg, MediaConch()),
            "video": (whole,),
            "zip": (ZipTest(),),
            "epub": (EpubPackage(),),
            "ooxml": (OoxmlPackage(),),
            "odf": (OdfPackage(),),
            "locked-office": (LockedOffice(),),
            "siard": (SiardStructure(),),
            "email": (MailParser(),),
            "mbox": (MailParser(),),
            **dict.fromkeys(FORMATS, (image,)),
            "webp": (Whole(image),),
        }

    def validators(self, puid: Puid) -> tuple[Validator, ...]:
        """Those that look at files of this format; all must find it sound."""
        if family_of(puid) == "pdf":
            return (*self._pdf, self._pdfa) if puid in FLAVOURS else self._pdf
        return self._by_family.get(family_of(puid), ())

    def schemas(self, folder: Path) -> Schemas:
        """The schemas of a folder, compiled once as long as no other folder is asked for."""
        if self._schemas is None or self._schemas[0] != folder:
            self._schemas = (folder, Schemas(folder))
        return self._schemas[1]

    def validate(self, path: Path, puid: Puid, schemas: Path | None = None) -> Validation:
        """The outcome of all validators of the format; XML that is well-formed is held against one of the ``schemas``, too. Raises
        OSError when the file cannot be read."""
        chosen = self.validators(puid)
        if not chosen:
            return could_not(Why.NO_VALIDATOR, phrase("no-validator-for", puid=puid) if puid else phrase("no-validator-unknown"))
        found = merged([one(validator, path, puid) for validator in chosen])
        if family_of(puid) != "xml" or found.validity is not Validity.VALID:
            return found
        told = no_schema(phrase("schema-none")) if schemas is None else one(self.schemas(schemas), path, puid)
        return merged([found, told])


def one(validator: Validator, path: Path, puid: Puid) -> Validation:
    """One validator's outcome; what a library dies of on hostile input is an outcome too."""
    try:
        return validator.validate(path, puid)
    except OSError:
        raise
    except MemoryError:
        return could_not(
            Why.TOOL_DIED, phrase("validator-memory", name=validator.name), check=f"{validator.name} {validator.version}"
        )
    except Exception as error:
        reason = f"{validator.name}: {type(error).__name__}: {error}"
        return could_not(Why.TOOL_DIED, reason, check=f"{validator.name} {validator.version}")
