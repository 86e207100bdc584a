"""Reading a format policy, strictly: what is misspelt is an error with its line."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import MappingProxyType

from policies.document import Document, Section
from policies.findings import Puid
from policies.formats.policy import LOSABLE, FormatPolicy, FormatPolicyError, FormatRule, MigrationPath, MustSurvive, Standing
from policies.phrases import phrase

__all__ = ["format_policy"]

PURPOSES = ("preservation", "access")
_PUID = re.compile(r"(x-)?fmt/[1-9][0-9]*")


@cache
def _shipped() -> bytes:
    return Path(__file__).with_name("formats.toml").read_bytes()


def format_policy(own: bytes | None = None, *, name: str = "formats.toml") -> FormatPolicy:
    """The policy that is shipped, with what an archive says otherwise (``own``, the bytes of its file).

    Raises:
        FormatPolicyError: the file is no TOML, has an unknown key, a wrong value, or names a path that is not there.
    """
    paths: dict[str, MigrationPath] = {}
    rules: dict[Puid, FormatRule] = {}
    documents = [(_shipped(), "formats.toml of Kho"), *([(own, name)] if own is not None else [])]
    for data, title in documents:
        root = Document(data, title, family="POL", error=FormatPolicyError).root
        table = root.section("paths")
        for path in table.names():
            paths[path] = _path(table.section(path), path)
        table.done()
        for section in root.sections("formats"):
            for rule in _rules(section):
                for path in rule.paths:
                    if path not in paths:
                        raise section.bad("paths", phrase("fmt-path", path=path, known=", ".join(sorted(paths))))
                rules[rule.puid] = rule
        root.done()
    digest = hashlib.sha256(b"".join(hashlib.sha256(data).digest() for data, _ in documents)).hexdigest()
    return FormatPolicy(digest, MappingProxyType(rules), MappingProxyType(paths))


def _path(section: Section, name: str) -> MigrationPath:
    purpose = section.text("purpose", "preservation")
    if purpose not in PURPOSES:
        raise section.bad("purpose", phrase("fmt-one-of", known=", ".join(PURPOSES)))
    compare = tuple(_demand(section, word) for word in section.texts("compare"))
    if not compare:
        raise section.bad("compare", phrase("fmt-compares-nothing"))
    loses = section.texts("loses", ())
    if not set(loses) <= set(LOSABLE):
        raise section.bad("loses", phrase("fmt-one-of", known=", ".join(LOSABLE)))
    path = MigrationPath(
        name=name,
        purpose=purpose,
        tool=section.text("tool"),
        recipe=section.text("recipe"),
        targets=tuple(_puid(section, "targets", word) for word in section.texts("targets")),
        kind=section.text("kind"),
        compare=compare,
        loses=loses,
    )
    section.done()
    return path


def _demand(section: Section, word: str) -> MustSurvive:
    """ "look >= 0.95" or "pages"."""
    name, given, least = (part.strip() for part in word.partition(">="))
    try:
        return MustSurvive(name, float(least) if given else None)
    except ValueError:
        raise section.bad("compare", phrase("fmt-property", given=word)) from None


def _puid(section: Section, key: str, word: str) -> Puid:
    if not _PUID.fullmatch(word):
        raise section.bad(key, phrase("fmt-puid", given=word))
    return Puid(word)


def _rules(section: Section) -> Iterator[FormatRule]:
    names = section.texts("puids")
    try:
        standing = Standing(section.text("standing"))
    except ValueError:
        raise section.bad("standing", phrase("fmt-one-of", known=", ".join(Standing))) from None
    rest = {
        "name": section.text("name"),
        "family": section.text("family"),
        "kind": section.text("kind", ""),
    }
    reason = {language: section.text(f"reason_{language}") for language in ("en", "vi")}
    sources = section.texts("sources")
    paths = section.texts("paths", ())
    section.done()
    if paths and not rest["kind"]:
        raise section.bad("kind", phrase("fmt-kind"))
    for word in names:
        puid = _puid(section, "puids", word)
        yield FormatRule(puid, standing=standing, reason=reason, sources=sources, paths=paths, **rest)
