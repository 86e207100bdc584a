"""The network of `tests.signatures.pki`: a proxy on loopback that answers for http://pki.test as the CAs of that date would."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from asn1crypto import ocsp, pem
from certomancer.registry import ServiceLabel

from tests.signatures.pki import Pki


class Network:
    """``asked`` are the URLs that were asked for; ``down`` those that fail; ``armoured`` serves lists as PEM, as some do."""

    def __init__(self, pki: Pki, at: datetime) -> None:
        self.pki, self.at = pki, at
        self.asked: list[str] = []
        self.down: set[str] = set()
        self.armoured = False

    def answer(self, url: str, body: bytes) -> bytes | None:
        self.asked.append(url)
        if any(each in url for each in self.down):
            return None
        name = url.rstrip("/").split("/")
        if "/ocsp/" in url:
            responder = self.pki.arch.service_registry.summon_responder(ServiceLabel(name[-1]), self.at)
            return bytes(responder.build_ocsp_response(ocsp.OCSPRequest.load(body)).dump())
        if "/crls/" in url:
            der = self.pki.crl(name[-2], self.at)
            return bytes(pem.armor("X509 CRL", der)) if self.armoured else der
        return None


@contextmanager
def served(network: Network) -> Iterator[str]:
    """The address of the proxy."""

    class Handler(BaseHTTPRequestHandler):
        def _give(self, body: bytes) -> None:
            found = network.answer(self.path, body)
            self.send_response(200 if found is not None else 404)
            self.send_header("Content-Length", str(len(found or b"")))
            self.end_headers()
            self.wfile.write(found or b"")

        def do_GET(self) -> None:
            self._give(b"")

        def do_POST(self) -> None:
            self._give(self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *_: object) -> None:
            """Nothing goes to stderr."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
