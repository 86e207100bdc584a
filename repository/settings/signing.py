"""The key by which the archive signs its own documents, as kho.toml names it: ``[sign]``. docs/policy.md describes every key."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from policies.document import Section
from policies.findings import KhoError
from policies.phrases import phrase

if TYPE_CHECKING:
    from signatures.pdf_signing import Pkcs11Key, Pkcs12Key

__all__ = ["SignPlace", "key_of", "read_sign"]


@dataclass(frozen=True, slots=True)
class SignPlace:
    """Where the key is: a PKCS#12 file, or a PKCS#11 module with the labels of token and key. ``secret`` is password or PIN,
    ``problem`` why it could not be read."""

    pkcs12: str = ""
    pkcs11: str = ""
    token: str = ""
    label: str = ""
    secret: str = field(default="", repr=False)
    problem: KhoError | None = None


def read_sign(home: Path, section: Section, secret: Callable[[Section, str], tuple[str, KhoError | None]]) -> SignPlace | None:
    """What ``[sign]`` says; None when it names no key. ``secret`` reads what ``password_file`` or ``password_env`` point to."""
    pkcs12, pkcs11 = section.text("pkcs12", ""), section.text("pkcs11", "")
    password, problem = secret(section, "password")
    place = SignPlace(
        pkcs12=os.path.abspath(home / pkcs12) if pkcs12 else "",
        pkcs11=pkcs11,
        token=section.text("token", ""),
        label=section.text("label", ""),
        secret=password,
        problem=problem,
    )
    section.done()
    if pkcs12 and pkcs11:
        raise section.bad("pkcs11", phrase("set-p12-or-p11"))
    if pkcs11 and not (place.token and place.label):
        raise section.bad("token", phrase("set-p11-labels"))
    return place if pkcs12 or pkcs11 else None


def key_of(place: SignPlace) -> Pkcs12Key | Pkcs11Key:
    """The key itself (read when it signs). Raises KhoError when its password could not be read."""
    from signatures.pdf_signing import Pkcs11Key, Pkcs12Key

    if place.problem is not None:
        raise place.problem

    if place.pkcs12:
        return Pkcs12Key(Path(place.pkcs12), place.secret)
    return Pkcs11Key(Path(place.pkcs11), place.token, place.secret, place.label)
