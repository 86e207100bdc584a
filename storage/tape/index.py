"""The register, for whoever must not wait until the shelf is free: what asks where something lies comes into the queue while an audit, or
another long piece of work, holds the shelf and its connection."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Callable
from typing import TypeVar

from policies.phrases import phrase
from storage.errors import Unavailable
from storage.tape.folder import TapeFolder
from storage.tape.register import Register
from storage.tape.rows import FileRow, PartRow

__all__ = ["Index"]

T = TypeVar("T")


class Index:
    """Where files lie, by a connection of its own to the register in ``folder``. Every method raises Unavailable."""

    def __init__(self, folder: TapeFolder) -> None:
        self._folder = folder
        self._guard = threading.Lock()
        self._register: Register | None = None

    def find(self, object_id: str, path: str) -> tuple[PartRow, FileRow] | None:
        """Where a file of an object lies."""
        return self._asked(lambda register: register.find_file(object_id, path))

    def volumes_of(self, object_id: str) -> dict[str, str]:
        """The volumes on which something of an object counts, each with where people put it."""
        return self._asked(lambda register: register.volumes_of(object_id))

    def close(self) -> None:
        with self._guard:
            if self._register is not None:
                self._register.close()
                self._register = None

    def _asked(self, question: Callable[[Register], T]) -> T:
        self._folder.identifier  # noqa: B018 - whether this very tier is there
        with self._guard:
            try:
                self._register = self._register or self._folder.register()
                return question(self._register)
            except sqlite3.Error as error:
                raise Unavailable(str(self._folder.path), phrase("tape-register", why=str(error))) from error
