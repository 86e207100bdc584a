"""Asking an address of the open network, carefully: only http and https, no private addresses unless allowed, bounded in size and time.

Addresses of revocation lists and responders stand in certificates, that is, in what a depositor sent: without these bounds a
certificate could make the archive ask services inside its own network (SSRF), or wait for ever. The name is resolved once, every
address it has must be public, and the connection goes to the address that was looked at.
"""

from __future__ import annotations

import http.client
import io
import ipaddress
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import SplitResult, urljoin, urlsplit

from policies.phrases import os_phrase, phrase
from signatures.errors import FetchFailed

__all__ = ["Fetcher"]

REDIRECTS = 3
"""Redirects of a GET that are followed; each goes through the same checks."""

CONNECT_WITHIN = 20.0
"""Seconds for a connection to one address; all of it together may take ``patience``."""

LARGEST = 16 << 20
"""Bytes of an answer: national revocation lists have some ten million."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """``patience`` is how many seconds a whole answer may take, from the connection to its last byte and over all redirects; ``largest``
    how many bytes it may have. ``private`` allows addresses inside the network; ``proxy`` is the operator's own ("http://host:port"),
    which resolves names itself. ``headers`` (a secret may be among them) go to the server that is asked, and to no other that it names."""

    patience: float = 60.0
    largest: int = LARGEST
    private: bool = False
    proxy: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def for_others(self) -> Fetcher:
        """The same way out for addresses that somebody else named: without the headers, and with room for what they hold."""
        return replace(self, headers={}, largest=max(self.largest, LARGEST))

    def get(self, url: str) -> bytes:
        """Raises FetchFailed."""
        return self._ask(url, None, "")

    def post(self, url: str, body: bytes, media_type: str) -> bytes:
        """Raises FetchFailed; a redirect of a POST is one."""
        return self._ask(url, body, media_type)

    def _ask(self, url: str, body: bytes | None, media_type: str) -> bytes:
        ends = time.monotonic() + self.patience
        first = _server(_split(url))
        for _ in range(REDIRECTS + 1):
            parts = _split(url)
            asking = self if _server(parts) == first else self.for_others()
            try:
                answer, location = asking._once(parts, url, body, media_type, ends)
            except (OSError, http.client.HTTPException) as error:
                why = os_phrase(error) if isinstance(error, OSError) else str(error)
                if time.monotonic() >= ends:
                    why = phrase("net-slow", seconds=f"{self.patience:.0f}")
                raise FetchFailed(url, why or type(error).__name__) from error
            if not location:
                return answer
            url = urljoin(url, location)
        raise FetchFailed(url, phrase("net-redirects"))

    def _once(self, parts: SplitResult, url: str, body: bytes | None, media_type: str, ends: float) -> tuple[bytes, str]:
        target = url.partition("#")[0] if self.proxy and parts.scheme == "http" else _target(parts)
        headers = {"Host": parts.netloc.rpartition("@")[2], "Accept-Encoding": "identity", **self.headers}
        if media_type:
            headers["Content-Type"] = media_type
        opened = self._connection(parts, url, ends)
        try:
            connection = http.client.HTTPConnection(parts.hostname or "", _port(parts))
            timed: Any = _Timed(opened, ends)
            connection.sock = timed
            connection.request("GET" if body is None else "POST", target, body, headers)
            with connection.getresponse() as response:
                if 300 <= response.status < 400 and body is None and response.getheader("Location"):
                    return b"", str(response.getheader("Location"))
                if response.status != 200:
                    raise FetchFailed(url, f"HTTP {response.status} {response.reason}")
                return self._body(response, url), ""
        finally:
            opened.close()

    def _body(self, response: http.client.HTTPResponse, url: str) -> bytes:
        found = bytearray()
        while chunk := response.read1(1 << 16):
            found += chunk
            if len(found) > self.largest:
                raise FetchFailed(url, phrase("net-large", most=self.largest))
        if response.length:
            raise FetchFailed(url, phrase("net-short"))
        return bytes(found)

    def _connection(self, parts: SplitResult, url: str, ends: float) -> socket.socket:
        host, port = parts.hostname or "", _port(parts)
        if self.proxy:
            if not self.private:
                _refuse_literal(host, url)
            through = urlsplit(self.proxy)
            opened = socket.create_connection((through.hostname or "", through.port or 8080), min(CONNECT_WITHIN, _left(ends)))
        else:
            opened = self._connect(host, port, url, ends)
        try:
            if parts.scheme == "https":
                if self.proxy:
                    _tunnel(opened, host, port, ends)
                opened.settimeout(_left(ends))  # of the whole handshake: its deadline is one
                return ssl.create_default_context().wrap_socket(opened, server_hostname=host)
        except BaseException:
            opened.close()
            raise
        return opened

    def _connect(self, host: str, port: int, url: str, ends: float) -> socket.socket:
        """A connection to an address that was looked at: the name is not asked for a second time."""
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        if not self.private and any(not _public(str(each[4][0])) for each in found):
            raise FetchFailed(url, phrase("net-private"))
        problem: OSError | None = None
        for family, kind, protocol, _, address in found:
            attempt = socket.socket(family, kind, protocol)
            try:
                attempt.settimeout(min(CONNECT_WITHIN, _left(ends)))
                attempt.connect(address)
            except OSError as error:
                attempt.close()
                problem = error
            else:
                return attempt
        raise problem or OSError(phrase("net-no-address"))


def _left(ends: float) -> float:
    """Seconds until ``ends``. Raises TimeoutError: there are none."""
    left = ends - time.monotonic()
    if left <= 0:
        raise TimeoutError("timed out")
    return left


class _Timed:
    """A connection as `http.client` uses one, that is given up at ``ends`` however slowly the other side drips. It is closed by whoever
    opened it."""

    def __init__(self, opened: socket.socket, ends: float) -> None:
        self._opened, self._ends = opened, ends

    def sendall(self, data: Any) -> None:
        self._opened.settimeout(_left(self._ends))  # of all of it
        self._opened.sendall(data)

    def makefile(self, mode: str) -> io.BufferedReader:
        return io.BufferedReader(_Arriving(self._opened, self._ends))

    def close(self) -> None:
        """Nothing: an answer may still be read."""


class _Arriving(io.RawIOBase):
    def __init__(self, opened: socket.socket, ends: float) -> None:
        self._opened, self._ends = opened, ends

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        self._opened.settimeout(_left(self._ends))
        return self._opened.recv_into(buffer)


def _port(parts: SplitResult) -> int:
    return parts.port or (443 if parts.scheme == "https" else 80)


def _server(parts: SplitResult) -> tuple[str, str, int]:
    return parts.scheme, parts.hostname or "", _port(parts)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError as error:
        raise FetchFailed(url, str(error)) from error
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise FetchFailed(url, phrase("net-scheme"))
    if any(ord(char) <= 32 or ord(char) == 127 for char in url) or not url.isascii():
        raise FetchFailed(url, phrase("net-characters"))
    return parts


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


_GLOBAL = ipaddress.IPv6Network("2000::/3")
"""All that is given out for use between networks (RFC 4291, 2.4): other addresses are special, or nobody's yet."""

_HOLD_IPV4 = (
    (ipaddress.IPv6Network("::ffff:0:0/96"), 0),  # mapped (RFC 4291, 2.5.5.2)
    (ipaddress.IPv6Network("64:ff9b::/96"), 0),  # NAT64 (RFC 6052): in a network of IPv6 alone the way to any IPv4 address
    (ipaddress.IPv6Network("2002::/16"), 80),  # 6to4 (RFC 3056)
)
"""IPv6 networks that stand for IPv4, and how many bits follow that address: it counts, wherever it leads from here."""


def _public(address: str) -> bool:
    """Whether an address is of the open network. Raises ValueError: it is none."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        for network, behind in _HOLD_IPV4:
            if parsed in network:
                return _public(str(ipaddress.IPv4Address(int(parsed) >> behind & 0xFFFFFFFF)))
        if parsed not in _GLOBAL:
            return False
    return parsed.is_global and not parsed.is_multicast


def _refuse_literal(host: str, url: str) -> None:
    """Behind a proxy names are resolved there; a literal address, or a name that means this machine, is seen here."""
    try:
        inside = not _public(host)
    except ValueError:
        inside = host == "localhost" or host.endswith((".localhost", ".local", ".internal")) or "." not in host
    if inside:
        raise FetchFailed(url, phrase("net-private"))


def _tunnel(connection: socket.socket, host: str, port: int, ends: float) -> None:
    connection.settimeout(_left(ends))
    connection.sendall(f"CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n".encode("ascii"))
    said = b""
    while not said.endswith(b"\r\n\r\n"):
        connection.settimeout(_left(ends))
        more = connection.recv(1)  # not a byte beyond the head: what follows is TLS
        if not more or len(said) > 1 << 14:
            raise OSError(phrase("net-proxy-silent"))
        said += more
    if said.split(b" ", 2)[1:2] != [b"200"]:
        raise OSError(phrase("net-proxy-said", words=said.splitlines()[0].decode("latin-1")))
