"""Documents signed by a key that never leaves its token: SoftHSM2, a PKCS#11 module in software, with a token made for each test run."""

from __future__ import annotations

import importlib.util
import io
import os
import shutil
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from repository.settings.signing import SignPlace, key_of
from signatures.errors import SigningFailed
from signatures.pdf_signing import Pkcs11Key, Pkcs12Key, sign_pdf
from tests.signatures.pki import make_pdf

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so", "/usr/local/lib/softhsm/libsofthsm2.so")
NOW = datetime.now(UTC)
PIN = "ba-con-meo"
END = datetime(2040, 1, 1, tzinfo=UTC)


def module() -> Path:
    """The module; skips without it."""
    found = next((Path(each) for each in MODULES if Path(each).exists()), None)
    if found is None or shutil.which("softhsm2-util") is None:
        pytest.skip("SoftHSM2 is not installed (scripts/install-tools installs it)")
    if importlib.util.find_spec("pkcs11") is None:
        pytest.skip("the package python-pkcs11 is not installed (it is in the extra hsm)")
    return found


@pytest.fixture(scope="module")
def token(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pkcs11Key]:
    """A token with one key pair and its certificate, both labelled "kho"."""
    library, folder = module(), tmp_path_factory.mktemp("hsm")
    (folder / "tokens").mkdir()
    (folder / "softhsm2.conf").write_text(f"directories.tokendir = {folder / 'tokens'}\nobjectstore.backend = file\n")
    before = os.environ.get("SOFTHSM2_CONF")
    os.environ["SOFTHSM2_CONF"] = str(folder / "softhsm2.conf")
    initialise = ["softhsm2-util", "--init-token", "--free", "--label", "Lưu trữ", "--pin", PIN, "--so-pin", "12345678"]
    subprocess.run(initialise, check=True, capture_output=True)
    enter(library, folder)
    yield Pkcs11Key(library, "Lưu trữ", PIN, "kho")
    if before is None:
        del os.environ["SOFTHSM2_CONF"]
    else:
        os.environ["SOFTHSM2_CONF"] = before


def enter(library: Path, folder: Path) -> None:
    """Put key and certificate on the token."""
    import pkcs11
    from pkcs11 import Attribute, ObjectClass
    from pkcs11.util.rsa import decode_rsa_private_key

    key = rsa.generate_private_key(public_exponent=65537, key_size=3072)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Trung tâm Lưu trữ lịch sử")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
    builder = builder.not_valid_before(datetime(2020, 1, 1)).not_valid_after(END.replace(tzinfo=None))
    certificate = builder.sign(key, hashes.SHA256())
    der = serialization.Encoding.DER
    private = key.private_bytes(der, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    with pkcs11.lib(str(library)).get_token(token_label="Lưu trữ").open(user_pin=PIN, rw=True) as session:
        attributes = decode_rsa_private_key(private)
        session.create_object({**attributes, Attribute.LABEL: "kho", Attribute.ID: b"\1", Attribute.TOKEN: True})
        session.create_object(
            {
                Attribute.CLASS: ObjectClass.CERTIFICATE,
                Attribute.CERTIFICATE_TYPE: pkcs11.CertificateType.X_509,
                Attribute.LABEL: "kho",
                Attribute.ID: b"\1",
                Attribute.TOKEN: True,
                Attribute.SUBJECT: certificate.subject.public_bytes(),
                Attribute.ISSUER: certificate.issuer.public_bytes(),
                Attribute.SERIAL_NUMBER: b"\2\1\7",
                Attribute.VALUE: certificate.public_bytes(der),
            }
        )


def test_a_document_is_signed_by_the_key_on_the_token(token: Pkcs11Key) -> None:
    from pyhanko.pdf_utils.reader import PdfFileReader
    from pyhanko.sign.validation import validate_pdf_signature
    from pyhanko_certvalidator import ValidationContext

    place = SignPlace(pkcs11=str(token.module), token=token.token, label=token.label, secret=PIN)
    signed = sign_pdf(make_pdf("Bien ban kiem tra"), key_of(place), reason="Kho", authorities=[], now=NOW)
    (signature,) = PdfFileReader(io.BytesIO(signed)).embedded_signatures
    status = validate_pdf_signature(signature, ValidationContext(trust_roots=[signature.signer_cert]))
    assert status.intact
    assert status.valid
    assert signature.signer_cert.subject.native["common_name"] == "Trung tâm Lưu trữ lịch sử"
    assert signature.evaluate_signature_coverage().name == "ENTIRE_FILE"


def test_several_at_once_and_the_next_authority_use_the_same_token(token: Pkcs11Key) -> None:
    """Whoever logs in does it for the whole process: neither a second thread nor a second try may fail because of it."""

    class Silent:
        name = "silent"

        class client:  # noqa: N801 - what an authority has
            @staticmethod
            def answer(request: bytes) -> bytes:
                raise OSError("no answer")

    with ThreadPoolExecutor(4) as pool:
        signed = list(pool.map(lambda n: sign_pdf(make_pdf(str(n)), token, reason="Kho", authorities=[], now=NOW), range(6)))
    assert all(each.startswith(b"%PDF") for each in signed)
    with pytest.raises(SigningFailed, match=r"silent: .*silent: ") as raised:
        sign_pdf(make_pdf("x"), token, reason="Kho", authorities=[Silent(), Silent()], now=NOW)  # type: ignore[list-item]
    assert "AlreadyLoggedIn" not in str(raised.value)


def test_the_end_of_the_certificate_is_known(token: Pkcs11Key) -> None:
    assert abs(token.ends() - END) < timedelta(days=1)


@pytest.mark.parametrize(
    "change", [{"pin": "wrong"}, {"token": "another"}, {"label": "another"}, {"module": Path("/nowhere/module.so")}]
)
def test_what_is_wrong_with_a_token_is_said_without_its_pin(token: Pkcs11Key, change: dict[str, object]) -> None:
    fields = {name: getattr(token, name) for name in ("module", "token", "pin", "label")} | change
    key = Pkcs11Key(**fields)
    with pytest.raises(SigningFailed) as raised:
        sign_pdf(make_pdf("x"), key, reason="Kho", authorities=[], now=NOW)
    assert PIN not in str(raised.value)
    assert str(fields["pin"]) not in str(raised.value)
    assert str(raised.value.finding.args["reason"]).strip()


def test_secrets_are_in_no_text_of_a_key() -> None:
    assert "s3cret" not in repr(Pkcs12Key(Path("k.p12"), "s3cret"))
    assert "s3cret" not in repr(Pkcs11Key(Path("m.so"), "t", "s3cret", "l"))
