"""Files that are taken for the one that a reference names, or does not name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO
from urllib.parse import unquote

__all__ = ["Guess", "Unnamed", "file_named"]


@dataclass(frozen=True)
class Guess:
    """A file of another name than the one that is meant, because no other can be: where it has not the digest either, it is another one."""

    opened: Callable[[], BinaryIO]

    def __call__(self) -> BinaryIO:
        return self.opened()


@dataclass(frozen=True)
class Unnamed:
    """The file that a reference without a name can only mean: it is called ``name``."""

    name: str
    opened: Callable[[], BinaryIO]

    def __call__(self) -> BinaryIO:
        return self.opened()


def file_named(uri: str, resolve: Callable[[str], Callable[[], BinaryIO] | None]) -> tuple[str, Callable[[], BinaryIO] | None]:
    """(name, file) that a reference means: percent-decoded, as an address is; else as it stands, for programs forget to encode. None: it is
    not there. Raises what ``resolve`` raises."""
    name = unquote(uri)
    opened = resolve(name)
    if name != uri and (opened is None or isinstance(opened, Guess)) and (stands := resolve(uri)) is not None:
        name, opened = uri, stands
    return (opened.name, opened) if isinstance(opened, Unnamed) else (name, opened)
