"""Notices: when one goes out (a decision), and that it arrives: by real mail and a real webhook, from the worker's job and by command."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from test_cli_corridor import agrees, shapes

from policies.findings import Finding, spoken
from repository.attention.entries import attention
from repository.attention.notices import Notice, NotSent, Why, notify, send, wanted
from repository.catalog.errors import CatalogUnavailable
from repository.engine import Engine
from repository.flow_names import NOTICES
from repository.flows import flows_of
from repository.schedule import plans
from repository.settings.home import Settings, SettingsError
from repository.settings.notices import MEMORY, MailPlace, Memory, NoticePlace, recalled, remember
from repository.workforce import Workforce
from tests.builders_archive import new_archive
from tests.clocks import RunningClock
from tests.mail_server import Hook, Mail, hook, mail

NOW = datetime(2026, 11, 26, 3, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
PLACE = NoticePlace(webhook="https://x")
A, B = Finding("ATT-OVERDUE", "a", {"copies": 3}), Finding("ATT-DAMAGED", "b", {"copies": 1})


def told(*found: Finding, ago: timedelta = 2 * HOUR) -> Memory:
    return Memory(NOW - ago, frozenset((each.code, each.path) for each in found))


@pytest.mark.parametrize(
    ("found", "memory", "why"),
    [
        ([A], Memory(), Why.NEW),
        ([A], told(A), None),
        ([A], told(A, ago=DAY), Why.LASTS),
        ([A, B], told(A), Why.NEW),
        ([A, B], told(A, ago=HOUR / 2), None),
        ([B], told(A, B), Why.ENDED),
        ([], told(A), Why.ENDED),
        ([], told(), None),
        ([], told(ago=7 * DAY), Why.WELL),
        ([], Memory(), Why.WELL),
        ([A], told(A, ago=-DAY), Why.LASTS),
    ],
)
def test_when_a_notice_goes_out(found: list[Finding], memory: Memory, why: Why | None) -> None:
    notice = wanted(found, memory, PLACE, NOW)
    assert (notice.why if notice else None) == why


def test_a_year_of_a_tier_that_comes_and_goes_is_at_most_one_notice_an_hour() -> None:
    memory, sent, now = Memory(), [], NOW
    for tick in range(6 * 24 * 30):
        now = NOW + timedelta(minutes=10 * tick)
        found = [B] if tick % 2 else [A, B]
        notice = wanted(found, memory, PLACE, now)
        if notice:
            sent.append(now)
            memory = Memory(now, frozenset((each.code, each.path) for each in found))
    gaps = [later - earlier for earlier, later in pairwise(sent)]
    assert min(gaps) >= HOUR
    assert max(gaps) <= DAY


def test_the_memory_outlives_the_process_and_a_broken_one_is_none(tmp_path: Path) -> None:
    assert recalled(tmp_path) == Memory()
    remember(tmp_path, told(A, B))
    assert recalled(tmp_path) == told(A, B)
    (tmp_path / MEMORY).write_text("{", encoding="utf-8")
    assert recalled(tmp_path) == Memory()


class Scene:
    def __init__(self, folder: Path, hook: Hook, mail: Mail) -> None:
        self.home, self.hook, self.mail = folder / "kho-tỉnh", hook, mail
        self.clock = RunningClock(NOW)
        new_archive(self.home, {name: self.home / name for name in "ab"})

    def told_in(self, text: str) -> None:
        file = self.home / "kho.toml"
        file.write_text(file.read_text(encoding="utf-8") + text, encoding="utf-8")

    def both(self) -> None:
        secret = self.home / "token"
        secret.write_text("sesame\n", encoding="utf-8")
        self.told_in(
            f'\n[notices]\nwebhook = "{self.hook.url}"\ntoken_file = "{secret}"\n[notices.mail]\n'
            f'server = "127.0.0.1:{self.mail.port}"\ntls = "none"\nfrom = "kho@example.vn"\nto = ["lan@example.vn", "minh@example.vn"]\n'
        )

    def open(self) -> Engine:
        return Engine.open(self.home, actor="user:test", clock=self.clock)


@pytest.fixture
def scene(tmp_path: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        yield Scene(tmp_path, stack.enter_context(hook()), stack.enter_context(mail()))


def damaged(engine: Engine) -> None:
    """Something that needs attention: a tier that is away."""
    path = engine.archive.settings.tier("b").path
    path.rename(path.with_name("away"))


def run(engine: Engine, number: int) -> str:
    with engine.jobs.session():
        result = engine.jobs.run(NOTICES, f"n{number}", {"actor": ""})
    assert isinstance(result, dict)
    return str(result["sent"])


def test_a_job_of_the_worker_tells_by_mail_and_webhook(scene: Scene) -> None:
    scene.both()
    with scene.open() as engine:
        assert NOTICES in {plan.flow for plan in plans(engine.archive)}
        damaged(engine)
        assert run(engine, 1) == "new"
        assert run(engine, 2) == ""
        scene.clock.advance(DAY)
        assert run(engine, 3) == "lasts"
    (first, second), (letter, _) = scene.hook.bodies, scene.mail.letters
    assert (first["kind"], first["why"], second["why"]) == ("notice", "new", "lasts")
    assert first["archive"] == "kho-tỉnh"
    assert agrees(dict(shapes())["notice"], first) == []
    assert scene.hook.tokens == ["Bearer sesame"] * 2
    entry = next(each for each in first["attention"] if each["code"] == "ATT-TIER")
    assert entry["new"]
    assert entry["path"] == "b"
    assert entry["todo"]
    assert letter["To"] == "lan@example.vn, minh@example.vn"
    assert "kho-tỉnh" in letter["Subject"]
    body = letter.get_content()
    assert entry["text"] in body
    assert "MỚI" in body, "the archive speaks Vietnamese"
    assert len(scene.mail.rcpt) == 4


def test_nobody_reached_is_tried_again_and_stands_in_the_list(scene: Scene) -> None:
    scene.both()
    with scene.open() as engine:
        damaged(engine)
        scene.hook.status, scene.mail.refuse = 500, "550 no such person"
        assert run(engine, 1) == ""
        assert "HTTP 500" in recalled(scene.home).failed
        assert "ATT-NOTICES" in {each.code for each in attention(engine.archive)}
        scene.hook.status, scene.mail.refuse = 204, ""
        assert run(engine, 2) == "new"
        assert "ATT-NOTICES" not in {each.code for each in attention(engine.archive)}
    assert "ATT-NOTICES" not in json.dumps(scene.hook.bodies)


def test_one_of_two_reached_is_not_told_the_same_again(scene: Scene) -> None:
    scene.both()
    with scene.open() as engine:
        damaged(engine)
        scene.hook.status = 503
        assert run(engine, 1) == "new"
        assert run(engine, 2) == ""
        assert "webhook: HTTP 503" in recalled(scene.home).failed
    assert len(scene.mail.letters) == 1


def test_some_of_the_addresses_refused_is_said_and_the_others_are_not_told_again(scene: Scene) -> None:
    """A mail server takes a letter when it takes one address of it: who was left out would never have known."""
    scene.both()
    with scene.open() as engine:
        damaged(engine)
        scene.mail.refuse, scene.mail.unknown = "550 no such person", frozenset({"minh@example.vn"})
        assert run(engine, 1) == "new"
        assert run(engine, 2) == ""
        failed = recalled(scene.home).failed
        assert "minh@example.vn" in failed
        assert "550 no such person" in failed
        assert "lan@example.vn" not in failed
        assert "ATT-NOTICES" in {each.code for each in attention(engine.archive)}
        with pytest.raises(NotSent, match=r"minh@example\.vn"):
            notify(engine.archive, engine.jobs)
    assert len(scene.mail.letters) == 2


def test_a_webhook_that_speaks_no_http_keeps_nobody_else_from_being_told(scene: Scene) -> None:
    scene.both()
    scene.hook.raw = b"no HTTP\r\n\r\n"
    with scene.open() as engine:
        damaged(engine)
        assert run(engine, 1) == "new"
    assert len(scene.mail.letters) == 1
    assert "no HTTP" in recalled(scene.home).failed


def test_a_redirect_is_not_followed_and_takes_no_token_elsewhere(scene: Scene) -> None:
    """What follows a redirect is a GET without the notice, with the token, to whomever the answer names."""
    scene.both()
    with hook() as elsewhere, scene.open() as engine:
        damaged(engine)
        scene.hook.status, scene.hook.location = 302, elsewhere.url
        assert run(engine, 1) == "new"
        assert elsewhere.tokens == []
    assert "webhook: HTTP 302" in recalled(scene.home).failed


def test_what_goes_wrong_with_tls_is_said_as_such(scene: Scene) -> None:
    """TLS has numbers of its own for its errors, and 1 of them is not "Operation not permitted"."""
    place = NoticePlace(mail=MailPlace("127.0.0.1", scene.mail.port, "a@b.vn", ("c@d.vn",), tls="tls"))
    reason = send(Notice(Why.ASKED, NOW, []), place, name="x", language="en")["mail"]
    assert "SSL" in spoken(reason)
    assert "permitted" not in spoken(reason)


def test_no_secret_stands_in_what_is_said_of_a_failure(scene: Scene) -> None:
    scene.both()
    (scene.home / "token").write_text("sesame\nopen", encoding="utf-8")
    with pytest.raises(SettingsError, match=r"notices\.token") as refused:
        Settings.load(scene.home)
    assert "sesame" not in str(refused.value)


def test_a_letter_has_an_id_by_which_what_comes_twice_is_known(scene: Scene) -> None:
    scene.both()
    with scene.open() as engine:
        damaged(engine)
        run(engine, 1)
    assert scene.mail.letters[0]["Message-ID"].endswith("@example.vn>")


def test_a_memory_that_cannot_be_written_makes_no_flood(scene: Scene) -> None:
    """A full disk is what notices tell of; every ten minutes the same would be a flood."""
    scene.both()
    in_the_way = scene.home / f"{MEMORY}.new"
    in_the_way.mkdir()
    with scene.open() as engine, engine.jobs.session():
        damaged(engine)
        for number in range(5):
            engine.jobs.run(NOTICES, f"n{number}", {"actor": ""})
            scene.clock.advance(timedelta(minutes=10))
        assert len(scene.hook.bodies) == 1
        in_the_way.rmdir()
        later = scene.clock.advance(DAY)
        engine.jobs.run(NOTICES, "later", {"actor": ""})
    sent = recalled(scene.home).sent
    assert sent is not None
    assert later < sent <= scene.clock.told


def test_who_asks_is_told_at_once_or_hears_why_not(scene: Scene) -> None:
    with scene.open() as engine, pytest.raises(NotSent) as nowhere:
        engine.overview.notify()
    assert nowhere.value.code == "ATT-NOTICE-NOWHERE"
    scene.both()
    with scene.open() as engine:
        assert engine.overview.notify() == {"webhook": "", "mail": ""}
        scene.mail.refuse = "550 no such person"
        with pytest.raises(NotSent, match="mail"):
            notify(engine.archive, engine.jobs)
    assert [body["why"] for body in scene.hook.bodies] == ["asked", "asked"]


def test_without_anybody_to_tell_nothing_is_planned(scene: Scene) -> None:
    with scene.open() as engine:
        assert NOTICES not in {plan.flow for plan in plans(engine.archive)}
        assert run(engine, 1) == ""


def test_jobs_that_were_given_up_are_among_what_is_told(scene: Scene) -> None:
    """The flow asks the archive's own jobs; where they cannot be asked, it fails, and is tried again."""
    scene.both()

    def away() -> object:
        raise CatalogUnavailable("away")

    with scene.open() as engine:
        flows = {flow.name: flow for flow in flows_of(engine.archive, Workforce, away)}  # type: ignore[arg-type]
        archive = replace(engine.archive)
        assert archive.settings.notices is not None

        class Steps:
            def run(self, name: str, act: object, *args: object) -> object:
                return act(None)  # type: ignore[operator]

        with pytest.raises(CatalogUnavailable):
            flows[NOTICES].run(Steps(), {"actor": ""})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('[notices]\nwebhook = "ftp://x"\n', "notices.webhook"),
        ('[notices]\nwebhook = "https://user:sesame@x/"\n', "notices.webhook"),
        ('[notices]\nwebhook = "https://"\n', "notices.webhook"),
        ('[notices]\nwebhook = "https://x:99999/"\n', "notices.webhook"),
        ('[notices]\nwebhook = "https://x/a b"\n', "notices.webhook"),
        ('[notices]\nwebhook = "https://x/thử"\n', "notices.webhook"),
        ('[notices]\nwebhook = "https://x"\nlanguage = "fr"\n', "notices.language"),
        ('[notices.mail]\nserver = "x:0"\nfrom = "a@b"\nto = ["c@d"]\n', "notices.mail.server"),
        ('[notices.mail]\nserver = "x"\nfrom = "a@b"\n', "notices.mail.to"),
        ('[notices.mail]\nserver = "x"\nfrom = "a@b"\nto = ["c"]\n', "notices.mail.to"),
        ('[notices.mail]\nserver = "x"\nfrom = "a@b"\nto = ["c@d"]\ntls = "ssl"\n', "notices.mail.tls"),
        ('[notices.mail]\nserver = "x"\nfrom = "a@b\\nBcc: e@f"\nto = ["c@d"]\n', "notices.mail.to"),
    ],
)
def test_what_cannot_be_meant_is_named(scene: Scene, text: str, key: str) -> None:
    scene.told_in("\n" + text)
    with pytest.raises(SettingsError, match=key) as refused:
        Settings.load(scene.home)
    assert "sesame" not in str(refused.value)


@pytest.mark.parametrize(
    ("address", "open_way"),
    [("http://kho.example.vn/in", True), ("http://127.0.0.1.example.vn/", True), ("https://kho.example.vn/in", False)]
    + [(f"http://{host}:8080/in", False) for host in ("localhost", "127.0.0.1", "[::1]")],
)
def test_a_token_does_not_go_over_an_open_connection(
    scene: Scene, address: str, open_way: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KHO_TEST_SECRET", "x")
    scene.told_in(f'\n[notices]\nwebhook = "{address}"\ntoken_env = "KHO_TEST_SECRET"\n')
    if open_way:
        with pytest.raises(SettingsError, match=r"notices\.webhook"):
            Settings.load(scene.home)
    else:
        assert Settings.load(scene.home).notices


def test_a_password_does_not_go_over_an_open_connection(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KHO_TEST_SECRET", "x")
    scene.told_in(
        '\n[notices.mail]\nserver = "x"\nfrom = "a@b"\nto = ["c@d"]\ntls = "none"\nuser = "u"\npassword_env = "KHO_TEST_SECRET"\n'
    )
    with pytest.raises(SettingsError, match=r"notices\.mail\.tls"):
        Settings.load(scene.home)
