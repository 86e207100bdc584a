"""What takes what comes out of an archive: the spool of a deposit, or a look inside."""

from __future__ import annotations

from typing import BinaryIO, Protocol

__all__ = ["Receiver"]


class Receiver(Protocol):
    """Takes the files and folders of one archive, in its order, under names that lead nowhere else.

    Raises `formats.errors.NameTaken` for a name that it has already; what ``stream.read`` raises comes through.
    """

    def add_file(self, name: bytes, stream: BinaryIO, modified: int | None = None, *, size: int = 0) -> object:
        """``stream`` is to be read to its end; ``size`` is what the archive says of it."""

    def add_folder(self, name: bytes, modified: int | None = None) -> None: ...
