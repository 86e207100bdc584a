"""Notices: the list of what needs attention is brought to people by mail or to other systems by a webhook, in digests.

A person who is told of everything reads nothing. New grave things are told of at once, but at most once an hour; what lasts once a
day; what has ended, once. And where nothing was to be told for a week, one notice says so, so that silence means that Kho stands still.
"""

from __future__ import annotations

import contextlib
import enum
import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from policies.findings import Finding, KhoError, Weight, said, spoken
from policies.phrases import os_phrase, phrase
from repository.archive import Archive, software_version
from repository.attention.entries import attention
from repository.jobs.flow import Json, Step, Steps
from repository.settings.notices import MailPlace, Memory, NoticePlace, recalled, remember
from repository.texts import words_in

if TYPE_CHECKING:
    from email.message import EmailMessage

    from repository.jobs import Jobs

__all__ = ["NotSent", "Notice", "NoticesFlow", "Why", "notify", "send", "wanted"]

AT_ONCE: Final = timedelta(hours=1)
"""The least time between two notices: a tier that comes and goes must not fill a mailbox."""

PATIENCE: Final = 30.0
"""Seconds for which a mail server or webhook is waited for."""

ACKNOWLEDGED_WITHIN: Final = 600.0
"""Seconds for which a mail server is waited for that has the letter and looks through it (RFC 5321, 4.5.3.2.6): given up earlier, what
arrived after all would be sent again and again."""

LISTED: Final = 100
"""Entries of one notice; the rest is counted. `kho status` shows all."""

_log = logging.getLogger("kho.notices")


class Why(enum.Enum):
    """Why a notice goes out now."""

    NEW = "new"
    ENDED = "ended"
    LASTS = "lasts"
    WELL = "well"
    ASKED = "asked"


@dataclass(frozen=True, slots=True)
class Notice:
    """One notice: everything that needs attention, which of it is ``new``, and how many things ``ended`` since the last one."""

    why: Why
    time: datetime
    found: Sequence[Finding]
    new: frozenset[tuple[str, str]] = frozenset()
    ended: int = 0


def wanted(found: Sequence[Finding], memory: Memory, place: NoticePlace, now: datetime) -> Notice | None:
    """The notice that is to go out now, if any: a decision from what is found, what was told, and the time."""
    keys = frozenset(map(_key, found))
    grave = frozenset(_key(each) for each in found if each.weight >= Weight.WARNING)
    new, ended = grave - memory.known, len(memory.known - keys)
    since = None if memory.sent is None else now - memory.sent
    if since is not None and since < timedelta(0):  # the clock was set back: as if it were long ago
        since = None
    if since is not None and since < min(AT_ONCE, place.every):
        return None
    if new:
        why = Why.NEW
    elif ended:
        why = Why.ENDED
    elif grave and (since is None or since >= place.every):
        why = Why.LASTS
    elif not grave and (since is None or since >= place.well):
        why = Why.WELL
    else:
        return None
    return Notice(why, now, found, new, ended)


def _news(archive: Archive, jobs: Jobs) -> list[Finding]:
    """What needs attention, but that a notice could not be sent: whoever gets one need not be told."""
    return [each for each in attention(archive, jobs) if each.code != "ATT-NOTICES"]


def _key(each: Finding) -> tuple[str, str]:
    return each.code, each.path


def send(notice: Notice, place: NoticePlace, *, name: str, language: str) -> dict[str, str]:
    """Bring a notice to everybody ``place`` names: "webhook" or "mail" → why it could not be reached, "" when it was. Where a mail server
    took the letter for some addresses alone, "mail to ADDRESS" says of each of the others why not."""
    reached: dict[str, str] = {}
    if place.webhook:
        reached |= _tried("webhook", lambda: _post(place, document(notice, name, language)))
    if place.mail is not None:
        mail = place.mail
        reached |= _tried("mail", lambda: _mail(mail, letter(notice, mail, name, language)))
    return reached


def _tried(carrier: str, act: Callable[[], dict[str, str]]) -> dict[str, str]:
    """What ``act`` says of those whom it left out, and that ``carrier`` was reached; or why it was not."""
    from http.client import HTTPException

    try:
        return {carrier: "", **act()}
    except KhoError as error:  # a secret that could not be read
        reason = said(error.finding, code=False)
    except UnicodeError:  # its words would show what could not be sent: a letter of a password, say
        reason = phrase("net-not-ascii")
    except OSError as error:  # all errors of smtplib are such, some with words of their own
        reason = str(error) if error.errno is None else os_phrase(error)
    except (HTTPException, ValueError) as error:
        reason = str(error)
    return {carrier: reason.strip() or phrase("net-no-answer")}


def document(notice: Notice, name: str, language: str) -> dict[str, Json]:
    """The body of the webhook (docs/cli.md, notices)."""
    return {
        "kho": 1,
        "kind": "notice",
        "archive": name,
        "why": notice.why.value,
        "time": notice.time.isoformat(),
        "count": len(notice.found),
        "ended": notice.ended,
        "attention": [
            {
                "code": each.code,
                "weight": each.weight.name.lower(),
                "path": _text(each.path),
                "text": _text(each.text(language)),
                "todo": _text(each.todo(language)),
                "new": _key(each) in notice.new,
            }
            for each in notice.found[:LISTED]
        ],
    }


def letter(notice: Notice, mail: MailPlace, name: str, language: str) -> EmailMessage:
    """The same as mail."""
    from email.message import EmailMessage  # with servers and TLS a tenth of a second, which only a notice shall pay
    from email.utils import make_msgid, parseaddr

    def said(key: str, **values: str | int) -> str:
        return words_in(language, f"notices.{key}", **values)

    count = len(notice.found)
    lines = [said(f"why_{notice.why.value}", archive=name, count=count, new=len(notice.new), ended=notice.ended), ""]
    for each in notice.found[:LISTED]:
        mark = said("new") if _key(each) in notice.new else "-"
        lines += [f"{mark} {_text(each.text(language))}", f"    {_text(each.todo(language))}"]
    if count > LISTED:
        lines.append(said("more", count=count - LISTED))
    lines += ["", said("end", time=f"{notice.time:%Y-%m-%d %H:%M} UTC")]
    message = EmailMessage()
    message["Subject"] = said("subject_well" if not count else "subject", archive=name, count=count, new=len(notice.new))
    message["From"], message["To"] = mail.sender, ", ".join(mail.to)
    message["Date"] = notice.time
    message["Message-ID"] = make_msgid(domain=parseaddr(mail.sender)[1].rpartition("@")[2])
    message["X-Mailer"] = f"kho {software_version()}"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note shall answer
    message.set_content("\n".join(lines) + "\n")
    return message


def _text(text: str) -> str:
    """Names are bytes, and a letter is text."""
    return text.encode("utf-8", "replace").decode()


def _post(place: NoticePlace, body: dict[str, Json]) -> dict[str, str]:
    import urllib.error
    import urllib.request

    class Staying(urllib.request.HTTPRedirectHandler):
        """Follows no redirect: a GET without the notice would come of it, and the token would go to whomever the answer names."""

        def redirect_request(self, *_: Any) -> None:
            return None

    if place.problem is not None:
        raise place.problem
    headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": f"kho/{software_version()}"}
    if place.secret:
        headers["Authorization"] = f"Bearer {place.secret}"
    data = json.dumps(body, ensure_ascii=False).encode()
    request = urllib.request.Request(place.webhook, data=data, headers=headers, method="POST")
    try:
        # What it says beyond its status is not needed.
        urllib.request.build_opener(Staying).open(request, timeout=PATIENCE).close()
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"HTTP {error.code}") from error
    except urllib.error.URLError as error:
        raise error.reason if isinstance(error.reason, OSError) else error from error
    return {}


def _mail(place: MailPlace, message: EmailMessage) -> dict[str, str]:
    """Whom the server did not take it for: "mail to ADDRESS" → why."""
    import smtplib
    import ssl

    if place.problem is not None:
        raise place.problem
    context = ssl.create_default_context()
    refused: dict[str, tuple[int, bytes]] = {}
    with contextlib.ExitStack() as session:
        server = (
            smtplib.SMTP_SSL(place.host, place.port, timeout=PATIENCE, context=context)
            if place.tls == "tls"
            else smtplib.SMTP(place.host, place.port, timeout=PATIENCE)
        )
        session.callback(server.close)
        if place.tls == "starttls":
            server.starttls(context=context)
        if place.user:
            server.login(place.user, place.secret)
        if server.sock is not None:
            server.sock.settimeout(ACKNOWLEDGED_WITHIN)
        try:
            refused = server.send_message(message)
        except smtplib.SMTPRecipientsRefused as error:
            raise OSError("; ".join(f"{address}: {_answer(answer)}" for address, answer in error.recipients.items())) from error
        with contextlib.suppress(OSError):  # it was taken, whatever becomes of the goodbye
            server.quit()
    return {f"mail to {address}": _answer(answer) for address, answer in refused.items()}


def _answer(answer: tuple[int, bytes]) -> str:
    return f"{answer[0]} {answer[1].decode('utf-8', 'replace')}"


class NoticesFlow:
    """Looks whether a notice is to go out, and sends it. No argument but "actor". Returns {"sent": why or ""}.

    ``jobs`` are those of the archive, whose failures are among what needs attention.
    """

    def __init__(self, archive: Archive, jobs: Callable[[], Jobs]) -> None:
        self._archive = archive
        self._jobs = jobs

    def __call__(self, steps: Steps, argument: Json) -> Json:
        return {"sent": steps.run("notice", self._notice)}

    def _notice(self, step: Step) -> str:
        place = self._archive.settings.notices
        if place is None:
            return ""
        memory = recalled(self._archive.settings.home)
        found = _news(self._archive, self._jobs())
        notice = wanted(found, memory, place, self._archive.clock.now())
        if notice is None:
            return ""
        reached = deliver(self._archive, notice, place, memory)
        return notice.why.value if "" in reached.values() else ""


def deliver(archive: Archive, notice: Notice, place: NoticePlace, memory: Memory) -> dict[str, str]:
    """Send, and remember what came of it. As `send`. Who nobody could be reached of is tried again; where one of two was, the other
    waits for the next notice, for nobody shall get the same one every few minutes."""
    settings = archive.settings
    reached = send(notice, place, name=settings.home.name, language=place.language or settings.language)
    failed = _failures(reached)
    if failed:
        _log.error("a notice could not be sent: %s", spoken(failed))
    told = Memory(notice.time, frozenset(map(_key, notice.found))) if "" in reached.values() else memory
    remember(settings.home, replace(told, failed=failed))
    return reached


def _failures(reached: Mapping[str, str]) -> str:
    return "; ".join(f"{carrier}: {reason}" for carrier, reason in reached.items() if reason)


def notify(archive: Archive, jobs: Jobs) -> dict[str, str]:
    """Tell everybody now, because a person asked for it. Returns who was told ("webhook", "mail") and "" for each.

    Raises:
        NotSent: kho.toml names nobody, or somebody could not be reached.
    """
    place, now = archive.settings.notices, archive.clock.now()
    if place is None:
        raise NotSent("ATT-NOTICE-NOWHERE")
    memory = recalled(archive.settings.home)
    found = _news(archive, jobs)
    reached = deliver(archive, Notice(Why.ASKED, now, found), place, memory)
    if failed := _failures(reached):
        raise NotSent("ATT-NOTICES", reason=failed)
    return reached


class NotSent(KhoError):
    """A notice that a person asked for could not be sent."""
