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
    """RFC 5321, as far as a client that sends one letter goes. ``refuse`` is answered to RCPT of anybody, or of those ``unknown``
    (addresses) alone."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.letters: list[EmailMessage] = []
        self.rcpt: list[str] = []
        self.refuse = ""
        self.unknown: frozenset[str] = frozenset()

    @property
    def port(self) -> int:
        return int(self.server_address[1])


class _Session(socketserver.StreamRequestHandler):
    server: Mail

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self) -> None:
        self.say("220 test ESMTP")
        while line := self.rfile.readline().decode("latin-1").strip():
            word = line.partition(" ")[0].upper()
            if word == "EHLO":
                self.say("250-test")
                self.say("250-8BITMIME")
                self.say("250 SMTPUTF8")
            elif word == "RCPT":
                self.server.rcpt.append(line)
                met = not self.server.unknown or any(each in line for each in self.server.unknown)
                self.say(self.server.refuse if self.server.refuse and met else "250 ok")
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
    """Takes JSON by POST. ``status`` is what it answers, with ``location`` if there is one; or ``raw`` bytes that are no HTTP at all."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Hooked)
        self.bodies: list[dict[str, Any]] = []
        self.tokens: list[str] = []
        self.status = 204
        self.location = ""
        self.raw = b""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/kho"


class _Hooked(BaseHTTPRequestHandler):
    server: Hook

    def do_POST(self) -> None:
        self.server.bodies.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.server.tokens.append(self.headers.get("Authorization", ""))
        if self.server.raw:
            self.wfile.write(self.server.raw)
            self.close_connection = True
            return
        self.send_response(self.server.status)
        if self.server.location:
            self.send_header("Location", self.server.location)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self) -> None:
        """What follows a redirect of a POST: a page for people."""
        self.server.tokens.append(self.headers.get("Authorization", ""))
        self.send_response(200)
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
