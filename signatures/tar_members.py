"""The members of a tar as Python's library reads them, with bounds where it has none: its extended headers come from strangers."""

from __future__ import annotations

import errno
import re
import tarfile
from collections.abc import Iterator

from signatures.unread import ODD

__all__ = ["TAR_ERRORS", "Member", "members_of"]

TAR_ERRORS = (tarfile.TarError, EOFError, *ODD)
"""What the library raises over what is no tar."""

MOST_EXTENDED = 1 << 20
"""Bytes of an extended header; real ones have a few hundred."""

_DIGITS = re.compile(rb"[0-9]{100}")


class Member(tarfile.TarInfo):
    """A member whose extended header is read only where that takes time that grows with its length: the library looks in it for a number
    from each digit on."""

    def _proc_pax(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        stream = tar.fileobj
        if stream is None or self.size > MOST_EXTENDED or _DIGITS.search(stream.read(self.size)):
            raise tarfile.HeaderError
        stream.seek(self.offset + tarfile.BLOCKSIZE)
        return super()._proc_pax(tar)  # type: ignore[misc, no-any-return]


def members_of(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Raises those of `TAR_ERRORS`, also where a member is said to be longer than any file can be; OSError."""
    try:
        yield from tar
    except OSError as error:
        if error.errno == errno.EINVAL:
            raise tarfile.HeaderError from error
        raise
