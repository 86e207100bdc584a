"""The server of `kho serve`: uvicorn around the application, on a socket of ours, with its words in the archive's log."""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import uvicorn

from policies.findings import KhoError
from policies.phrases import os_phrase
from repository.app import create_app
from repository.settings.home import Settings

__all__ = ["CannotListen", "Server"]

HEADERS_LIMIT: Final = 32 << 10
"""Bytes of a request's headers: a token, a key and two digests take one or two thousand."""

IDLE: Final = 15
"""Seconds that an unused connection is kept: longer than a client's pause between two pages of a list."""

FINISH_WITHIN: Final = 10
"""Seconds that requests get to end when the server is stopped; a longer upload is broken off and can be sent again."""

BUFFERS_KEPT: Final = 32 << 20
"""Bytes of free memory that are not given back: what a few uploads hold at a time. 32 MiB is the largest value mallopt takes."""

_MMAP_THRESHOLD, _TRIM_THRESHOLD = -3, -1
"""From malloc.h."""

BACKLOG: Final = 512
"""Connections that wait to be taken."""


class CannotListen(KhoError):
    """The address is taken, not ours, or none."""

    def __init__(self, place: str, reason: str) -> None:
        super().__init__("API-ADDRESS", place, reason=reason)


class Server:
    """Listens from the moment it is made, answers while it runs.

    Raises:
        CannotListen: not on this address.
        SettingsError, ArchivePolicyError, CatalogError: the archive cannot be opened.
    """

    def __init__(self, home: Path, *, host: str | None = None, port: int | None = None) -> None:
        settings = Settings.load(home)
        self._socket = _listen(host or settings.host, settings.port if port is None else port)
        try:
            self._app = create_app(home)
        except BaseException:
            self._socket.close()
            raise

    @property
    def url(self) -> str:
        host, port = self._socket.getsockname()[:2]
        return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"

    def run(self) -> None:
        """Answer until SIGTERM or SIGINT. Steps of jobs that do not leave in time are cut off with the process, as by a crash;
        they are continued after the next start."""
        _log_to_archive()
        _keep_buffers()
        config = uvicorn.Config(
            self._app,
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            ws="none",
            h11_max_incomplete_event_size=HEADERS_LIMIT,
            timeout_keep_alive=IDLE,
            timeout_graceful_shutdown=FINISH_WITHIN,
        )
        with _signals_taken():
            uvicorn.Server(config).run(sockets=[self._socket])
        if self._app.state.door.background.cut_off:
            logging.shutdown()
            sys.stderr.flush()
            os._exit(0)


def _keep_buffers() -> None:
    """Tell the C library (mallopt(3)) to use the memory of network buffers again: by default each is mapped and zeroed anew, which
    took a third of the system time of an upload."""
    with contextlib.suppress(AttributeError, OSError):  # no glibc
        library = ctypes.CDLL(None)
        for parameter, size in ((_MMAP_THRESHOLD, BUFFERS_KEPT), (_TRIM_THRESHOLD, BUFFERS_KEPT)):
            library.mallopt(parameter, size)


@contextmanager
def _signals_taken() -> Iterator[None]:
    """uvicorn raises the signal that ended it once more when all is closed; it was meant for the server, and has done its work."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, lambda *_: None) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=BACKLOG)
    except OSError as error:
        raise CannotListen(f"{host}:{port}", os_phrase(error)) from error


def _log_to_archive() -> None:
    """What uvicorn has to say goes where everything goes; nobody reads a server's stderr."""
    logger, ours = logging.getLogger("uvicorn"), logging.getLogger("kho")
    logger.handlers, logger.propagate = list(ours.handlers), False
    logger.setLevel(logging.WARNING)
