"""A door before an S3 store: a relay of bytes that a test can make slow, or let answer in the store's place."""

from __future__ import annotations

import contextlib
import socket
import threading
import time

__all__ = ["LOGIN_PAGE", "Door"]

LOGIN_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 29\r\nConnection: close\r\n\r\n<html>Please log in.</html>\r\n"


class Door:
    """Relays connections on a free port to ``port``. ``pause``: seconds before each piece of an answer; ``says``: answered instead."""

    def __init__(self, port: int) -> None:
        self._behind = port
        self.pause = 0.0
        self.says = b""
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                caller, _ = self._listener.accept()
                threading.Thread(target=self._relay, args=(caller,), daemon=True).start()

    def _relay(self, caller: socket.socket) -> None:
        with caller, contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self._behind)) as store:
            answers = threading.Thread(target=self._answers, args=(store, caller), daemon=True)
            answers.start()
            while data := caller.recv(1 << 16):
                if self.says:
                    caller.sendall(self.says)
                    break
                store.sendall(data)
            store.shutdown(socket.SHUT_WR)
            answers.join()

    def _answers(self, store: socket.socket, caller: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := store.recv(1 << 16):
                time.sleep(self.pause)
                caller.sendall(data)
            caller.shutdown(socket.SHUT_WR)
