"""Where things are: the archive's home folder and its kho.toml. What is promised says policy.toml.

Precedence of every setting: flag of the command, environment (``KHO_…``), kho.toml, default. docs/policy.md describes every key.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from policies.archive import Policy, default_policy_text, parse_policy
from policies.codes import LANGUAGES
from policies.document import Document, Section
from policies.phrases import os_phrase, phrase
from repository.settings.authorities import AuthorityPlace, Network, read_network, read_places
from repository.settings.disks import LocalDisk, disk_of
from repository.settings.notices import NoticePlace, read_notices
from repository.settings.places import FOLDERS, SettingsError, TierPlace, read_tiers, s3_text
from repository.settings.signing import SignPlace, read_sign

__all__ = ["ApiToken", "Settings", "SettingsError", "TierFile", "TierPlace", "init_home", "remember_tiers"]

_SHA256 = re.compile(r"[0-9a-f]{64}")

_TEMPLATE = """\
# Where this archive keeps things. What it promises stands in policy.toml. Every key: docs/policy.md.
# Nơi kho lưu dữ liệu. Các cam kết nằm trong policy.toml. Giải thích từng khóa: docs/policy.md.

language = {language}

# The catalog: SQLite beside this file unless a URL says otherwise (postgresql+psycopg://…).
# Danh mục: SQLite cạnh tệp này, trừ khi chỉ định URL khác.
[database]
# url = "postgresql+psycopg://kho@localhost/kho"

# Malware scanner: host:port or the path of a socket. / Trình quét mã độc: máy:cổng hoặc đường dẫn socket.
[malware]
# clamd = "127.0.0.1:3310"

[serve]
# host = "127.0.0.1"
# port = 8420

# Who is told of what needs attention: [notices] (mail, webhook), see docs/policy.md. / Nơi nhận thông báo: [notices].
# Time-stamp authorities: [[timestamps]], see docs/policy.md. / Dịch vụ cấp dấu thời gian: [[timestamps]].
"""


@dataclass(frozen=True, slots=True)
class ApiToken:
    """A bearer token that is let in under ``name``; only its SHA-256 (hexadecimal) is known here. ``producers`` are those it may
    deposit for besides its own name ("*" is any). ``problem`` is set, and the token is nobody's, when what kho.toml refers to
    could not be read: only the server needs that, and only its user may be allowed to."""

    name: str
    sha256: str
    producers: tuple[str, ...] = ()
    problem: SettingsError | None = None

    def may_deposit_for(self, producer: str) -> bool:
        """Whether it may deposit under this name."""
        return producer == self.name or producer in self.producers or "*" in self.producers

    def matches(self, token: str) -> bool:
        """Whether ``token`` is this one, in time that does not depend on where they differ."""
        return hmac.compare_digest(hashlib.sha256(token.encode("utf-8", "surrogateescape")).hexdigest(), self.sha256)


@dataclass(frozen=True, slots=True)
class Settings:
    """What kho.toml, environment and flags say, checked. ``clamd`` "" is no scanner; ``workers`` 0 is one a core;
    ``schemas`` is the operator's folder of schema files ("" is none)."""

    home: Path
    tiers: tuple[TierPlace, ...]
    database: str
    language: str = "vi"
    clamd: str = ""
    workers: int = 0
    host: str = "127.0.0.1"
    port: int = 8420
    tokens: tuple[ApiToken, ...] = ()
    schemas: str = ""
    authorities: tuple[AuthorityPlace, ...] = ()
    network: Network = field(default_factory=Network)
    sign: SignPlace | None = None
    notices: NoticePlace | None = None

    @property
    def spool(self) -> Path:
        return self.home / "spool"

    @property
    def refused(self) -> Path:
        return self.home / "refused"

    @property
    def quarantine(self) -> Path:
        return self.home / "quarantine"

    @property
    def log(self) -> Path:
        return self.home / "log"

    @property
    def lock(self) -> Path:
        """The file that the one process that runs jobs holds locked."""
        return self.home / "lock"

    @property
    def format_signatures(self) -> Path:
        """The signatures that identify formats, where others than those that came with Kho are used (`kho formats update`)."""
        return self.home / "formats" / "pronom.sig"

    @property
    def policy_file(self) -> Path:
        return self.home / "policy.toml"

    @property
    def folders(self) -> tuple[tuple[Path, str], ...]:
        """The archive's own folders, in which nothing else belongs, each with the name of its tier ("": none). The spool lies in the home,
        but may be a link to a larger disk."""
        return ((self.home, ""), (self.spool, ""), *((tier.path, tier.name) for tier in self.tiers))

    def tier(self, name: str) -> TierPlace:
        return {tier.name: tier for tier in self.tiers}[name]

    def links(self, tier: str) -> bool:
        """Whether a tier may take the spool's own bytes by a hard link: the first one may, and only that one."""
        return self.tiers[0].name == tier

    def policy(self) -> Policy:
        """The policy in force, read anew. Raises ArchivePolicyError, and SettingsError (SET-NO-POLICY) when there is no file."""
        if not os.path.lexists(self.policy_file):
            raise SettingsError("SET-NO-POLICY", str(self.policy_file))
        return parse_policy(
            _read(self.policy_file), tiers={tier.name: tier.place for tier in self.tiers}, name=str(self.policy_file)
        )

    def token(self, presented: str) -> ApiToken | None:
        """The token that ``presented`` is, None when it is none."""
        matching = [token for token in self.tokens if token.matches(presented)]
        return matching[0] if matching else None

    def check_tokens(self) -> None:
        """Raises SettingsError when what a token refers to could not be read."""
        for token in self.tokens:
            if token.problem is not None:
                raise token.problem

    @classmethod
    def load(
        cls, home: str | os.PathLike[str], *, flags: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None
    ) -> Settings:
        """The settings of the archive in ``home``.

        ``flags`` are what the command line gave, by the names ``database``, ``clamd``, ``language``, ``workers``, ``host``,
        ``port``, ``schemas``; ``environment`` (default: the process's) holds the same as ``KHO_DATABASE`` and so on.

        Raises:
            SettingsError: no archive is there, kho.toml cannot be used, or SQLite would lie on a network file system.
        """
        folder = Path(os.path.abspath(home))
        file = folder / "kho.toml"
        if not file.is_file():
            raise SettingsError("SET-NO-HOME", str(folder))
        root = Document(_read(file), str(file), family="SET", error=SettingsError).root
        env = os.environ if environment is None else environment
        settings = _settings(folder, root, _Given(root, flags or {}, env))
        check_database(settings.database)
        return settings


class _Given:
    """Values of flags and environment, which go before those of the file."""

    def __init__(self, root: Section, flags: Mapping[str, str], environment: Mapping[str, str]) -> None:
        self._root = root
        self._flags = flags
        self._environment = environment

    def text(self, name: str, from_file: str) -> str:
        return self._flags.get(name) or self._environment.get(f"KHO_{name.upper()}") or from_file

    def integer(self, name: str, from_file: int, *, least: int, most: int) -> int:
        word = self.text(name, "")
        if not word:
            return from_file
        if not (word.isdecimal() and least <= int(word) <= most):
            raise self._root.bad(name, phrase("set-not-between-given", given=word, name=name.upper(), least=least, most=most))
        return int(word)


def _settings(home: Path, root: Section, over: _Given) -> Settings:
    database, malware, serve = root.section("database"), root.section("malware"), root.section("serve")
    worker, package, api = root.section("worker"), root.section("package"), root.section("api")
    language, secret = over.text("language", root.text("language", "vi")), partial(_later, home)
    if language not in LANGUAGES:
        raise root.bad("language", phrase("set-none-of", given=language, known=", ".join(LANGUAGES)))
    settings = Settings(
        home=home,
        tiers=read_tiers(home, root),
        database=over.text("database", _database(home, database)),
        language=language,
        clamd=_socket(home, over.text("clamd", malware.text("clamd", ""))),
        workers=over.integer("workers", worker.integer("workers", 0, most=1_024), least=0, most=1_024),
        host=over.text("host", serve.text("host", "127.0.0.1")),
        port=over.integer("port", serve.integer("port", 8420, least=1, most=65_535), least=1, most=65_535),
        tokens=_tokens(home, api),
        schemas=_place(home, over.text("schemas", package.text("schemas", ""))),
        network=(network := read_network(root)),
        authorities=read_places(home, root, network),
        sign=read_sign(home, root.section("sign"), secret),
        notices=read_notices(root.section("notices"), secret),
    )
    for section in (database, malware, serve, worker, package, api, root):
        section.done()
    return settings


def _place(home: Path, text: str) -> str:
    return os.path.abspath(home / text) if text else ""


def _socket(home: Path, text: str) -> str:
    """``host:port`` as it is, else the place of a socket."""
    return text if ":" in text and "/" not in text else _place(home, text)


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as problem:
        raise SettingsError("SET-UNREADABLE", str(file), reason=os_phrase(problem)) from problem


def _secret(home: Path, section: Section, key: str) -> str:
    """What ``key``_file or ``key``_env points to; secrets themselves need not stand in kho.toml."""
    file, variable = _sources(section, key)
    if file in section:
        value = _read(home / section.text(file)).decode("utf-8-sig", "replace").strip()
        if not value:
            raise section.bad(file, phrase("set-empty-secret"))
        return value
    if variable in section:
        value = os.environ.get(section.text(variable), "").strip()
        if not value:
            raise section.bad(variable, phrase("set-no-variable"))
        return value
    return ""


def _sources(section: Section, key: str) -> tuple[str, str]:
    """The keys that may name a secret's file and variable; one of them at most may stand there."""
    file, variable = f"{key}_file", f"{key}_env"
    section.allow([file, variable])
    if file in section and variable in section:
        raise section.bad(variable, phrase("set-one-secret", file=file, variable=variable))
    return file, variable


def _later(home: Path, section: Section, key: str) -> tuple[str, SettingsError | None]:
    """The same of a secret that few commands need: why it cannot be read is told to those, and keeps no other from working. (Perhaps only
    the worker's user may read the file, and only the worker has the variable.)"""
    _sources(section, key)
    try:
        return _secret(home, section, key), None
    except SettingsError as problem:
        return "", problem


def _database(home: Path, section: Section) -> str:
    url = section.text("url", "") or _secret(home, section, "url")
    if not url and "?" in str(home):
        raise section.bad("url", phrase("set-home-question"))
    return url or f"sqlite:///{home / 'catalog.db'}"


def _tokens(home: Path, api: Section) -> tuple[ApiToken, ...]:
    """The tokens of ``[[api.tokens]]``. One token under two names would have the rights of whichever stands first: that is refused."""
    tokens: list[ApiToken] = []
    for section in api.sections("tokens"):
        token = _token(home, section)
        if same := next((each for each in tokens if each.sha256 and each.sha256 == token.sha256), None):
            raise section.bad("name", phrase("set-token-twice", name=same.name))
        tokens.append(token)
    return tuple(tokens)


def _token(home: Path, section: Section) -> ApiToken:
    name, digest = section.text("name"), section.text("sha256", "").lower()
    producers = section.texts("producers", ())
    given = [key for key in ("sha256", "token_file", "token_env") if key in section]
    if not name.strip():
        raise section.bad("name", phrase("set-empty"))
    if len(given) > 1 or not given:
        raise section.bad(given[-1] if given else "sha256", phrase("set-one-token"))
    if given == ["sha256"] and not _SHA256.fullmatch(digest):
        raise section.bad("sha256", phrase("set-sha256"))
    secret, problem = _later(home, section, "token")
    section.done()
    return ApiToken(name, hashlib.sha256(secret.encode()).hexdigest() if secret else digest, producers, problem)


def check_database(url: str, *, mounts: str = "/proc/self/mountinfo") -> None:
    """Refuse SQLite on a network file system, where its locks and its shared memory do not work.

    Raises:
        SettingsError: (SET-NETWORK-DISK), with the advice to use PostgreSQL.
    """
    if not url.startswith("sqlite"):
        return
    file = url.partition(":///")[2].partition("?")[0]
    if not file or file == ":memory:":
        return
    disk: LocalDisk | None = disk_of(file, mounts=mounts)
    if disk is not None and disk.remote:
        raise SettingsError("SET-NETWORK-DISK", file, type=disk.type, mount=disk.mount)


def init_home(
    home: str | os.PathLike[str], *, tiers: Mapping[str, str | os.PathLike[str]] | None = None, language: str = "vi"
) -> Settings:
    """Make a new archive's home: folders, kho.toml and policy.toml. Without ``tiers`` there are two, "a" and "b", inside it;
    a relative path is meant from ``home``, and "s3://BUCKET/FOLDER?endpoint=…&profile=…" is a tier in a bucket.

    Tier folders themselves are made by storage. Nothing that is there is overwritten.

    Raises:
        SettingsError: (SET-EXISTS) an archive is there already; (SET-UNREADABLE) the folder cannot be written; or as
            `Settings.load`.
    """
    folder = Path(os.path.abspath(home))
    places = dict(tiers) if tiers else {"a": Path("tiers/a"), "b": Path("tiers/b")}
    if (folder / "kho.toml").exists():
        raise SettingsError("SET-EXISTS", str(folder))
    text = _TEMPLATE.format(language=json.dumps(language)) + "".join(_tier_text(*tier) for tier in places.items())
    check_database(f"sqlite:///{folder / 'catalog.db'}")
    try:
        for name in FOLDERS:
            (folder / name).mkdir(parents=True, exist_ok=True)
        if not (folder / "policy.toml").exists():
            _create(folder / "policy.toml", default_policy_text(list(places), kinds=_kinds(places)))
        _create(folder / "kho.toml.new", text)
        # The settings must be usable before the file that makes the folder an archive gets its name.
        root = Document(text, str(folder / "kho.toml"), family="SET", error=SettingsError).root
        _settings(folder, root, _Given(root, {}, {}))
        os.rename(folder / "kho.toml.new", folder / "kho.toml")
    except OSError as problem:
        raise SettingsError("SET-UNREADABLE", str(folder), reason=os_phrase(problem)) from problem
    return Settings.load(folder)


def _create(file: Path, text: str) -> None:
    try:
        data = text.encode("utf-8")
    except UnicodeEncodeError as problem:
        raise SettingsError("SET-UNREADABLE", str(file), reason=phrase("path-not-utf8")) from problem
    with open(file, "wb") as target:
        target.write(data)
        target.flush()
        os.fsync(target.fileno())


def _kinds(places: Mapping[str, str | os.PathLike[str]]) -> dict[str, str]:
    """Which of new tiers are in buckets; tape tiers are added to kho.toml by hand."""
    return {name: "s3" for name, path in places.items() if str(path).startswith("s3://")}


def _tier_text(name: str, path: str | os.PathLike[str]) -> str:
    if str(path).startswith("s3://"):
        return s3_text(name, str(path))
    words = [json.dumps(word, ensure_ascii=False) for word in (name, os.fspath(path))]
    return f'\n[[tiers]]\nname = {words[0]}\nkind = "local"\npath = {words[1]}\n'


def remember_tiers(home: str | os.PathLike[str], identifiers: Mapping[str, str]) -> None:
    """Write the UUIDs of tiers that were just made (name → UUID) into kho.toml.

    Raises:
        SettingsError: (SET-UNREADABLE) the file cannot be read or written; it is then as it was, and says no UUIDs. Or as `TierFile`.
    """
    file = TierFile.read(home)
    for name, identifier in identifiers.items():
        file = file.changed(name, {"uuid": identifier})
    file.write()


_BLOCK = re.compile(r"^[ \t]*\[\[tiers\]\][ \t]*(?:#.*)?$", re.MULTILINE)
_HEADER = re.compile(r"^[ \t]*\[", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TierFile:
    """kho.toml with changed tiers, not written yet. What people wrote stays as it is, line by line; what comes of a change is read as the
    settings are, and must be usable.

    Raises:
        SettingsError: as `Settings.load`; (SET-TIER-BY-HAND) the file is written in a way that cannot be changed line by line.
    """

    path: Path
    text: str

    @classmethod
    def read(cls, home: str | os.PathLike[str]) -> TierFile:
        file = Path(os.path.abspath(home)) / "kho.toml"
        return cls(file, _read(file).decode("utf-8"))

    def tier(self, name: str) -> TierPlace:
        """One tier as the text says it is."""
        return self._settings().tier(name)

    def added(self, name: str, place: str | os.PathLike[str], *, site: str = "") -> TierFile:
        """With one more tier at its end."""
        end = f"site = {json.dumps(site, ensure_ascii=False)}\n" if site else ""
        text = self.text if self.text.endswith("\n") or not self.text else self.text + "\n"
        return self._checked(text + _tier_text(name, place) + end)

    def changed(self, name: str, keys: Mapping[str, str]) -> TierFile:
        """With other values for keys of a tier: in the line that has the key, else in a new one behind the tier's name."""
        text = self.text
        for key, value in keys.items():
            begin, end = self._block(text, name)
            line = f"{key} = {json.dumps(value, ensure_ascii=False)}".replace("\\", r"\\")  # as `re` takes it
            block, known = re.subn(rf"^[ \t]*{key}[ \t]*=.*$", line, text[begin:end], count=1, flags=re.MULTILINE)
            if not known:
                block = re.sub(r"^[ \t]*name[ \t]*=.*$", rf"\g<0>\n{line}", block, count=1, flags=re.MULTILINE)
            text = text[:begin] + block + text[end:]
        changed = self._checked(text)
        if any(self._said(changed._block(text, name), text).get(key) != value for key, value in keys.items()):
            raise SettingsError("SET-TIER-BY-HAND", str(self.path), tier=name, keys=", ".join(keys))
        return changed

    def removed(self, name: str) -> TierFile:
        """Without a tier."""
        begin, end = self._block(self.text, name)
        return self._checked(self.text[: self.text.rindex("[[", 0, begin)].rstrip(" \t") + self.text[end:])

    def write(self) -> None:
        """Put it in the place of the file, whole or not at all."""
        try:
            _create(self.path.with_name("kho.toml.new"), self.text)
            os.rename(self.path.with_name("kho.toml.new"), self.path)
        except OSError as problem:
            raise SettingsError("SET-UNREADABLE", str(self.path), reason=os_phrase(problem)) from problem

    def _checked(self, text: str) -> TierFile:
        file = replace(self, text=text)
        file._settings()
        return file

    def _settings(self) -> Settings:
        root = Document(self.text, str(self.path), family="SET", error=SettingsError).root
        return _settings(self.path.parent, root, _Given(root, {}, os.environ))

    def _block(self, text: str, name: str) -> tuple[int, int]:
        """Where the lines of a tier begin and end."""
        for header in _BLOCK.finditer(text):
            rest = _HEADER.search(text, header.end())
            span = header.end(), rest.start() if rest else len(text)
            if self._said(span, text).get("name") == name:
                return span
        raise SettingsError("SET-TIER-BY-HAND", str(self.path), tier=name, keys="uuid")

    @staticmethod
    def _said(span: tuple[int, int], text: str) -> Mapping[str, object]:
        try:
            return tomllib.loads(text[span[0] : span[1]])
        except tomllib.TOMLDecodeError:
            return {}
