"""Where notices go, as kho.toml names it (``[notices]``, ``[notices.mail]``), and what is remembered of those that went.

docs/policy.md describes every key. The memory is a small file in the home: without it everything is told of once more.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from policies.codes import LANGUAGES
from policies.document import Section
from policies.findings import KhoError
from policies.phrases import phrase

__all__ = ["MEMORY", "MailPlace", "Memory", "NoticePlace", "read_notices", "recalled", "remember"]

MEMORY: Final = "notices.json"

TLS: Final = ("starttls", "tls", "none")

_DAY = timedelta(days=1)

_log = logging.getLogger("kho.notices")


@dataclass(frozen=True, slots=True)
class MailPlace:
    """One mail server (SMTP). ``tls`` "none" is for a server on this machine; ``secret`` is the password, ``problem`` why it
    could not be read."""

    host: str
    port: int
    sender: str
    to: tuple[str, ...]
    tls: str = "starttls"
    user: str = ""
    secret: str = field(default="", repr=False)
    problem: KhoError | None = None


@dataclass(frozen=True, slots=True)
class NoticePlace:
    """Who is told: a ``webhook`` (JSON by POST, ``secret`` as its bearer token), ``mail``, or both. What needs attention is told of
    again ``every`` so often while it lasts; after ``well`` without a notice, one says that all is well: silence is no news."""

    webhook: str = ""
    secret: str = field(default="", repr=False)
    problem: KhoError | None = None
    mail: MailPlace | None = None
    every: timedelta = _DAY
    well: timedelta = 7 * _DAY
    language: str = ""


def read_notices(section: Section, secret: Callable[[Section, str], tuple[str, KhoError | None]]) -> NoticePlace | None:
    """What ``[notices]`` says; None when it names nobody. Raises the document's error for what cannot be meant."""
    mail = _mail(section.section("mail"), secret)
    token, problem = secret(section, "token")
    place = NoticePlace(
        webhook=section.text("webhook", ""),
        secret=token,
        problem=problem,
        mail=mail,
        every=section.duration("every", _DAY),
        well=section.duration("well", 7 * _DAY),
        language=section.text("language", ""),
    )
    section.done()
    if place.webhook and (why := _not_an_address(place.webhook)):
        raise section.bad("webhook", why)
    if (place.secret or place.problem) and _open(place.webhook):
        raise section.bad("webhook", phrase("set-webhook-open"))
    if not (place.secret.isascii() and place.secret.isprintable()):
        raise section.bad("token", phrase("set-token"))
    if place.language and place.language not in LANGUAGES:
        raise section.bad("language", phrase("set-none-of", given=place.language, known=", ".join(LANGUAGES)))
    return place if place.webhook or mail else None


def _not_an_address(url: str) -> str:
    """Why nothing can be posted to ``url``: a phrase, "" when it can. What is said of it later must hold no password."""
    if not url.startswith(("https://", "http://")):
        return phrase("set-https")
    if not (url.isascii() and url.isprintable()) or " " in url:
        return phrase("net-characters")
    try:
        parts = urlsplit(url)
        _ = parts.port
    except ValueError:
        return phrase("set-webhook")
    return phrase("set-webhook") if not parts.hostname or "@" in parts.netloc else ""


def _open(url: str) -> bool:
    """Whether others can read what is posted to ``url`` on its way."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname == "localhost":
        return False
    try:
        return not ipaddress.ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return True


def _mail(section: Section, secret: Callable[[Section, str], tuple[str, KhoError | None]]) -> MailPlace | None:
    server, tls = section.text("server", ""), section.text("tls", "starttls")
    sender, to = section.text("from", ""), section.texts("to", ())
    user = section.text("user", "")
    password, problem = secret(section, "password")
    section.done()
    if not server:
        return None
    host, _, port = server.partition(":")
    usual = {"starttls": 587, "tls": 465, "none": 25}
    if tls not in usual:
        raise section.bad("tls", phrase("set-none-of", given=tls, known=", ".join(TLS)))
    if port and not (port.isdecimal() and 0 < int(port) < 65_536):
        raise section.bad("server", phrase("set-port", given=port))
    if not sender or not to:
        raise section.bad("to" if sender else "from", phrase("set-mail-who"))
    if any(not line.isprintable() or "@" not in line for line in (sender, *to)):
        raise section.bad("to", phrase("set-mail-address"))
    if (password or problem) and tls == "none":
        raise section.bad("tls", phrase("set-mail-open"))
    return MailPlace(host, int(port) if port else usual[tls], sender, to, tls, user, password, problem)


@dataclass(frozen=True, slots=True)
class Memory:
    """What was told last: when, and of what (code and subject); why the last attempt failed, "" when it did not."""

    sent: datetime | None = None
    known: frozenset[tuple[str, str]] = frozenset()
    failed: str = ""


def recalled(home: Path) -> Memory:
    """The memory of an archive; an empty one when there is none, or it cannot be read."""
    if home in _UNWRITTEN:
        return _UNWRITTEN[home]
    with contextlib.suppress(OSError, ValueError, KeyError, TypeError):
        row = json.loads((home / MEMORY).read_text(encoding="utf-8"))
        sent = datetime.fromisoformat(row["sent"]) if row["sent"] else None
        return Memory(sent, frozenset((code, path) for code, path in row["known"]), str(row["failed"]))
    return Memory()


_UNWRITTEN: dict[Path, Memory] = {}
"""What could not be written down, by home: a full disk is what notices tell of, and they would tell of it every few minutes."""


def remember(home: Path, memory: Memory) -> None:
    """Write it down; where that cannot be done, it lasts as long as the process."""
    row = {
        "kho": 1,
        "sent": memory.sent.isoformat() if memory.sent else None,
        "known": sorted(memory.known),
        "failed": memory.failed,
    }
    new = home / f"{MEMORY}.new"
    try:
        new.write_text(json.dumps(row) + "\n", encoding="utf-8")
        os.rename(new, home / MEMORY)
    except OSError as error:
        _log.error("what was told cannot be written down: %s", error)
        _UNWRITTEN[home] = memory
    else:
        _UNWRITTEN.pop(home, None)
