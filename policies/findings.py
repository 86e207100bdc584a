"""Findings: what examiners report, and the error base that carries the same codes.

A finding is a key with arguments, never a sentence: what is stored is never translated. Its words come from the register of
codes (`policies.codes`) in the reader's language.
"""

from __future__ import annotations

import enum
import functools
import json
import string
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NewType

from policies.codes import register
from policies.phrases import CLOSE, OPEN, carried, foreign, os_phrase, phrase, phrases

__all__ = [
    "KEPT_PER_CODE",
    "Finding",
    "Findings",
    "KhoError",
    "Puid",
    "Verdict",
    "Weight",
    "reason_of",
    "said",
    "spoken",
    "spoken_all",
]

Puid = NewType("Puid", str)

KEPT_PER_CODE = 100
"""How many findings of one code a `Findings` holds in memory; the rest are counted (a deposit may have a million files)."""


class Weight(enum.IntEnum):
    """How much a finding weighs, lightest first."""

    INFO = 0
    WARNING = 1
    HOLD = 2
    ERROR = 3

    @classmethod
    def named(cls, name: str) -> Weight:
        """The weight with this lower-case name. Raises ValueError when there is none."""
        try:
            return cls[name.upper()]
        except KeyError:
            raise ValueError(f"{name!r} is no weight; weights are {', '.join(w.name.lower() for w in cls)}") from None


class Verdict(enum.Enum):
    """The one decision over all findings of a deposit."""

    ACCEPT = "accept"
    HOLD = "hold"
    REFUSE = "refuse"


class _Lenient(string.Formatter):
    """Leaves ``{unknown}`` standing: a text with a missing argument must still be shown."""

    def get_value(self, key: int | str, args: Any, kwargs: Any) -> Any:
        return kwargs.get(key, "{" + str(key) + "}")


@functools.lru_cache(maxsize=1024)
def _default_weight(code: str) -> Weight:
    row = register().get(code)
    return Weight.ERROR if row is None else Weight.named(row.weight)


@dataclass(frozen=True, slots=True)
class Finding:
    """One fact about one thing. ``path`` names the thing (a logical path, a content path, or "" for the whole); ``weighed`` is what it
    weighed when it was judged, under the policy that was in force."""

    code: str
    path: str = ""
    args: Mapping[str, str | int] = field(default_factory=dict, hash=False)
    weighed: Weight | None = None

    @property
    def weight(self) -> Weight:
        """What it weighed when it was judged, else the register's default weight; an unregistered code weighs ERROR (fail closed)."""
        if self.weighed is not None:
            return self.weighed
        return _default_weight(self.code)

    @property
    def source(self) -> str:
        row = register().get(self.code)
        return "" if row is None else row.source

    def as_json(self) -> dict[str, Any]:
        """Code, path, arguments, and the weight when it was judged: never a sentence."""
        weight = {} if self.weighed is None else {"weight": self.weighed.name.lower()}
        return {"code": self.code, "path": self.path, "args": dict(self.args), **weight}

    @classmethod
    def of_json(cls, row: Mapping[str, Any] | Sequence[Any]) -> Finding:
        """The finding that `as_json` wrote, or the first Kho: code, path, arguments, in this order. Raises KeyError, ValueError."""
        if isinstance(row, Sequence):
            code, path, args = row
            return cls(code, path, args)
        weight = row.get("weight")
        return cls(row["code"], row["path"], row["args"], None if weight is None else Weight.named(weight))

    def text(self, language: str = "en") -> str:
        """The sentence for people."""
        return _words(self.code, "text", language, {"path": self.path, **self.args})

    def todo(self, language: str = "en") -> str:
        """What to do next, for people; may be empty."""
        return _words(self.code, "todo", language, {"path": self.path, **self.args})


def _words(code: str, which: str, language: str, args: Mapping[str, str | int]) -> str:
    row = register().get(code)
    if row is None:
        return f"{code} (not in the register) {dict(args)}" if which == "text" else ""
    texts: Mapping[str, str] = getattr(row, which)
    text = texts.get(language, texts["en"])
    if args["path"] == "":  # the whole: its name is said by whoever asked about it
        text = text.replace(" ({path})", "").replace(" {path}", "").replace("{path}", spoken(phrase("path-whole"), language))
    args = {**args, **{name: spoken(str(args[name]), language) for name in _SPOKEN & args.keys()}}
    for name in _SENTENCES & args.keys():  # a reason may be a whole sentence, and must not end in two full stops
        if str(args[name]).endswith("."):
            text = text.replace(f"{{{name}}}.", f"{{{name}}}")
    return _Lenient().vformat(text, (), args)


def said(finding: Finding, *, code: bool = True) -> str:
    """A finding as a part of another's reason, in no language yet (see `policies.phrases`): its code and its sentence, or that alone."""
    return carried([finding.code, finding.path, dict(finding.args), *([] if code else [""])])


def spoken(text: str, language: str = "en") -> str:
    """A text with the phrases and findings that it carries said in ``language``; what is none stays as it stands."""
    parts: list[str] = []
    while (start := text.find(OPEN)) >= 0:
        try:
            row, end = json.JSONDecoder().raw_decode(text, start + 1)
            if not text.startswith(CLOSE, end):
                raise ValueError("no phrase")
            parts += [text[:start], _said(row, language)]
            text = text[end + 1 :]
        except (ValueError, KeyError, TypeError):
            parts.append(text[: start + 1])
            text = text[start + 1 :]
    return "".join([*parts, text])


def spoken_all(value: Any, language: str = "en") -> Any:
    """A document (of JSON) with every text in it `spoken`: before it is shown to people, or handed out."""
    if isinstance(value, str):
        return spoken(value, language)
    if isinstance(value, Mapping):
        return {key: spoken_all(each, language) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [spoken_all(each, language) for each in value]
    return value


def _said(row: Any, language: str) -> str:
    """Raises ValueError, KeyError, TypeError for what is neither a phrase nor a finding."""
    if len(row) > 2:
        sentence = Finding(row[0], row[1], row[2]).text(language)
        return f"{row[0]}: {sentence}" if len(row) == 3 else sentence
    key, args = row
    args = {name: spoken(value, language) if isinstance(value, str) else value for name, value in args.items()}
    return _Lenient().vformat(phrases()[key][language], (), args)


_SENTENCES = frozenset({"reason", "detail", "why"})
"""Arguments that hold words, and so may end in a full stop of their own (names and paths may too, but theirs is part of them)."""

_SPOKEN = _SENTENCES | {
    "again",
    "integrity",
    "by",
    "expected",
    "found",
    "purpose",
    "where",
    "hint",
    "last",
    "since",
    "left",
    "covered",
    "parts",
    "lost",
    "property",
    "quirk",
}
"""Arguments that may carry phrases. Names and paths come from outside, and are never read as such: where they stand beside phrases, what
begins one is written out in them (`formats.package.names.told_name`)."""


class Findings:
    """A growing collection of findings: counts all, keeps the first `KEPT_PER_CODE` of each code in memory.

    ``sink`` sees every finding as it is added (the spool database keeps them all).
    """

    def __init__(self, sink: Callable[[Finding], None] | None = None) -> None:
        self._sink = sink
        self._kept: list[Finding] = []
        self.counts: Counter[str] = Counter()

    def add(self, code: str, path: str = "", **args: str | int) -> None:
        """Record one finding."""
        self.append(Finding(code, path, args))

    def append(self, finding: Finding) -> None:
        self.counts[finding.code] = count = self.counts.get(finding.code, 0) + 1
        if count <= KEPT_PER_CODE:
            self._kept.append(finding)
        if self._sink is not None:
            self._sink(finding)

    def extend(self, other: Findings) -> None:
        """Take over what another collection kept, and its counts."""
        for finding in other:
            self.append(finding)
        for code, count in other.counts.items():
            self.counts[code] += count - min(count, KEPT_PER_CODE)

    def __iter__(self) -> Iterator[Finding]:
        return iter(self._kept)

    def __len__(self) -> int:
        return self.counts.total()

    @property
    def worst(self) -> Weight:
        """The heaviest default weight among all findings; INFO when there is none."""
        return max(map(_default_weight, self.counts), default=Weight.INFO)

    @property
    def ok(self) -> bool:
        """No finding of weight ERROR."""
        return self.worst < Weight.ERROR


class KhoError(Exception):
    """Kho could not do its work. The root of every error Kho raises on purpose; each package has one base below it.

    ``code`` is registered like a finding's, so that doors can show the text, and what to do next, in the reader's language.
    Bad content is never an exception: it is a finding.
    """

    def __init__(self, code: str, path: str = "", **args: str | int) -> None:
        self.finding = Finding(code, path, args)
        super().__init__(code, path, args)

    def __reduce__(self) -> tuple[Any, ...]:
        """An error goes from one process to another as what it says, however its class is made."""
        return _same_error, (type(self), self.finding.code, self.finding.path, dict(self.finding.args))

    @property
    def code(self) -> str:
        return self.finding.code

    def __str__(self) -> str:
        return f"{self.finding.code}: {self.finding.text()}"


def reason_of(error: Exception) -> str:
    """What an error says, as the reason of a finding: in no language yet, where we have words for it."""
    if isinstance(error, KhoError):
        return said(error.finding)
    return os_phrase(error) if isinstance(error, OSError) else foreign(error)


def _same_error(kind: type[KhoError], code: str, path: str, args: Mapping[str, str | int]) -> KhoError:
    error = kind.__new__(kind)
    KhoError.__init__(error, code, path, **args)
    return error
