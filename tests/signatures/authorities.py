"""Time-stamp authorities for tests: decades of them in a moment, and ``openssl ts`` behind a small server on loopback."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509 import ocsp

from signatures.certificates import certificates_of
from signatures.timestamps import Anchors, Authority, IssuingAuthority, make_authority
from signatures.timestamps.issuing import Key
from tests.clocks import TICK

__all__ = ["NOW", "OpensslAuthority", "VirtualClock", "answer_of", "authority", "key", "roots", "served"]

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


class VirtualClock:
    """A clock that goes on at every question, as `tests.clocks.RunningClock` does; ``time`` is what it said last."""

    def __init__(self, now: datetime = NOW) -> None:
        self.time = now

    def __call__(self) -> datetime:
        self.time += TICK
        return self.time

    def now(self) -> datetime:
        return self()

    def pass_days(self, days: float) -> datetime:
        self.time += timedelta(days=days)
        return self.time


@cache
def key(kind: str) -> Key:
    """One key a kind and session: an RSA key takes a tenth of a second."""
    if kind.startswith("rsa"):
        return rsa.generate_private_key(65537, int(kind.partition("-")[2] or 2048))
    return ec.generate_private_key({"p256": ec.SECP256R1(), "p384": ec.SECP384R1()}[kind.partition("/")[0]])


def authority(
    name: str = "A",
    kind: str = "p256",
    *,
    clock: Callable[[], datetime] | None = None,
    begins: datetime | None = None,
    years: float = 10,
    hash_name: str = "sha256",
    trees: tuple[str, ...] = (),
) -> Authority:
    """An authority with a root of its own, as the archive knows it."""
    begins = begins or datetime(2026, 1, 1, tzinfo=UTC)
    made = make_authority(
        f"TSA {name}",
        key(kind),
        clock=clock or (lambda: NOW),
        begins=begins,
        ends=begins + timedelta(days=365.25 * years),
        hash_name=hash_name,
    )
    return Authority(name, made, roots(made.root), trees=trees)


def roots(*encoded: bytes) -> Anchors:
    """Anchors for everything, each for as long as it says."""
    return Anchors.of(certificates_of(encoded))


def issuing(known: Authority) -> IssuingAuthority:
    assert isinstance(known.client, IssuingAuthority)
    return known.client


def answer_of(
    made: IssuingAuthority, root_key: ec.EllipticCurvePrivateKey, since: datetime | None, reason: x509.ReasonFlags | None
) -> bytes:
    """An OCSP answer about an authority's certificate, signed by its root."""
    leaf, root = x509.load_der_x509_certificate(made.certificate), x509.load_der_x509_certificate(made.root)
    builder = ocsp.OCSPResponseBuilder().add_response(
        cert=leaf,
        issuer=root,
        algorithm=hashes.SHA1(),
        cert_status=ocsp.OCSPCertStatus.REVOKED if since else ocsp.OCSPCertStatus.GOOD,
        this_update=since or NOW,
        next_update=None,
        revocation_time=since,
        revocation_reason=reason,
    )
    signed = builder.responder_id(ocsp.OCSPResponderEncoding.NAME, root).sign(root_key, hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.DER)


@contextmanager
def served(answer: Callable[[bytes], bytes], *, status: int = 200, location: str = "") -> Iterator[str]:
    """A web server on loopback that answers POST and GET; its address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = answer(self.rfile.read(int(self.headers.get("Content-Length", 0))))
            self.send_response(status)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Type", "application/timestamp-reply")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            with suppress(BrokenPipeError):  # who asked did not wait
                self.wfile.write(body)

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/tsa"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


_CONFIG = """
[tsa]
default_tsa = t
[t]
dir = .
serial = ./serial
signer_cert = ./tsa.pem
signer_key = ./tsa.key
certs = ./ca.pem
signer_digest = {digest}
default_policy = 1.3.6.1.4.1.99999.1
digests = sha256, sha384, sha512
accuracy = secs:1
ordering = yes
tsa_name = yes
ess_cert_id_chain = no
ess_cert_id_alg = sha256
"""
_EXTENSIONS = "extendedKeyUsage=critical,timeStamping\nkeyUsage=critical,digitalSignature\nbasicConstraints=CA:FALSE\n"


class OpensslAuthority:
    """``openssl ts -reply``: another implementation of the answering side. ``kind`` is "rsa", "p256" or "p384"."""

    def __init__(self, folder: Path, kind: str = "p256") -> None:
        if shutil.which("openssl") is None:
            pytest.skip("openssl is not installed")
        self.folder = folder
        folder.mkdir(parents=True)
        self._lock = threading.Lock()
        for name in ("ca", "tsa"):
            pem = key(kind + ("-2048" if kind == "rsa" else "/ca" if name == "ca" else "")).private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            (folder / f"{name}.key").write_bytes(pem)
        (folder / "ext").write_text(_EXTENSIONS)
        (folder / "tsa.cnf").write_text(_CONFIG.format(digest="sha384" if kind == "p384" else "sha256"))
        (folder / "serial").write_text("01")
        subject = f"/C=VN/O=Test/CN=OpenSSL {kind}"
        self._run("req", "-x509", "-key", "ca.key", "-out", "ca.pem", "-days", "3650", "-subj", f"{subject} root")
        self._run("req", "-new", "-key", "tsa.key", "-out", "tsa.csr", "-subj", subject)
        self._run("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "3650")
        self._run(
            *("x509", "-req", "-in", "tsa.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "7", "-days", "3650"),
            *("-extfile", "ext", "-out", "tsa.pem"),
        )

    @property
    def root(self) -> Path:
        return self.folder / "ca.pem"

    def _run(self, *arguments: str, data: bytes = b"") -> bytes:
        done = subprocess.run(["openssl", *arguments], cwd=self.folder, input=data, capture_output=True, timeout=60)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def answer(self, request: bytes) -> bytes:
        with self._lock:
            (self.folder / "query.tsq").write_bytes(request)
            return self._run("ts", "-reply", "-config", "tsa.cnf", "-queryfile", "query.tsq")


def openssl_accepts(token: bytes, digest: bytes, root: Path, folder: Path) -> bool:
    """Whether ``openssl ts -verify`` accepts a token for a digest (SHA-256 imprints are told by their length)."""
    file = folder / "token.der"
    file.write_bytes(token)
    command = ["openssl", "ts", "-verify", "-digest", digest.hex(), "-in", str(file), "-token_in", "-CAfile", str(root)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return done.returncode == 0 and "Verification: OK" in done.stdout + done.stderr
