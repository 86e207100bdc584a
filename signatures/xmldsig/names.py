"""Namespaces, prefixes and algorithm identifiers of XML signatures, and the words that `policies.trust` has for them."""

from __future__ import annotations

from policies.phrases import phrase
from signatures.algorithms import Scheme

__all__ = ["DIGESTS", "DS", "DSIG11", "MORE", "SCHEMES", "digest_named", "ds"]

DS = "http://www.w3.org/2000/09/xmldsig#"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
MORE_2007 = "http://www.w3.org/2007/05/xmldsig-more#"
MORE_2021 = "http://www.w3.org/2021/04/xmldsig-more#"
ENC = "http://www.w3.org/2001/04/xmlenc#"
DSIG11 = "http://www.w3.org/2009/xmldsig11#"

DIGESTS = {
    DS + "sha1": "sha1",
    MORE + "sha224": "sha224",
    ENC + "sha256": "sha256",
    MORE + "sha384": "sha384",
    ENC + "sha512": "sha512",
    MORE_2007 + "sha3-224": "sha3_224",
    MORE_2007 + "sha3-256": "sha3_256",
    MORE_2007 + "sha3-384": "sha3_384",
    MORE_2007 + "sha3-512": "sha3_512",
}
"""Digest algorithms (RFC 9231, 2.1), by the names of hashlib. MD5 and RIPEMD-160 are in no list of algorithms that hold."""

_BITS = {"sha1": 160, "sha224": 224, "sha256": 256, "sha384": 384, "sha512": 512}


def _schemes() -> dict[str, Scheme]:
    found = {
        DS + "rsa-sha1": Scheme("rsa-pkcs1v15", "sha1"),
        DS + "dsa-sha1": Scheme("dsa", "sha1"),
        DSIG11 + "dsa-sha256": Scheme("dsa", "sha256"),
        MORE_2021 + "eddsa-ed25519": Scheme("eddsa", "sha512"),
        MORE_2021 + "eddsa-ed448": Scheme("eddsa", "sha512"),
    }
    for name, bits in _BITS.items():
        if name != "sha1":
            found[f"{MORE}rsa-{name}"] = Scheme("rsa-pkcs1v15", name)
        found[f"{MORE}ecdsa-{name}"] = Scheme("ecdsa", name)
        found[f"{MORE_2007}{name}-rsa-MGF1"] = Scheme("rsa-pss", name, name, bits // 8)
    for bits in (224, 256, 384, 512):
        name = f"sha3_{bits}"
        found[f"{MORE_2021}ecdsa-sha3-{bits}"] = Scheme("ecdsa", name)
        found[f"{MORE_2007}sha3-{bits}-rsa-MGF1"] = Scheme("rsa-pss", name, name, bits // 8)
    return found


SCHEMES = _schemes()
"""Signature algorithms (RFC 9231, 2.3) that say everything by their name; rsa-pss with parameters is read by `signature`."""

RSA_PSS = MORE_2007 + "rsa-pss"


def digest_named(uri: str) -> str:
    """hashlib's name. Raises ValueError: it is not understood."""
    if uri not in DIGESTS:
        raise ValueError(phrase("dsig-digest", uri=uri[:100]))
    return DIGESTS[uri]


def ds(name: str) -> str:
    """A name of XML-DSig as lxml writes it."""
    return f"{{{DS}}}{name}"
