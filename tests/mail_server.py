"""A mail server and a webhook for tests: they listen on loopback, take what comes, and keep it."""

from __future__ import annotations

import json
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email import message_from_bytes, policy
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

__all__ = ["Hook", "Mail", "hook", "mail"]


class Mail(socketserver.ThreadingTCPServer):
    """RFC 5321, as far as a client that sends one letter goes. ``refuse`` is answered to RCPT; ``login`` are credentials seen."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.letters: list[EmailMessage] = []
        self.rcpt: list[str] = []
        self.refuse = ""

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    server: Mail

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self) -> None:
        self.say("220 test ESMTP")
        while line := self.rfile.readline().decode().strip():
            word = line.partition(" ")[0].upper()
            if word == "EHLO":
                self.say("250-test")
                self.say("250-8BITMIME")
                self.say("250 SMTPUTF8")
            elif word == "RCPT":
                self.server.rcpt.append(line)
                self.say(self.server.refuse or "250 ok")
            elif word == "DATA":
                self.say("354 go on")
                self.server.letters.append(self._letter())
                self.say("250 kept")
            elif word == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("250 ok")

    def _letter(self) -> EmailMessage:
        data = b""
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            data += line[1:] if line.startswith(b"..") else line
        letter = message_from_bytes(data, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        return letter


class Hook(HTTPServer):
    """Takes JSON by POST. ``status`` is what it answers."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hooked)
        self.bodies: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.status = 204

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/kho"


class _Hooked(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.tokens.append(self.headers.get("Authorization", ""))
        self.send_response(self.server.status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nothing on the screen."""


@contextmanager
def _serving(server: Any) -> Iterator[Any]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@contextmanager
def mail() -> Iterator[Mail]:
    with _serving(Mail()) as server:
        yield server


@contextmanager
def hook() -> Iterator[Hook]:
    with _serving(Hook()) as server:
        yield server
