"""Text compared by its tokens (`formats.properties.pieces`): all that was said, nothing else, in the order in which it was said.

What a program adds when it sets pages is known and taken out first: heads and feet that the source has, once a page; numbers of pages
where the source counts them; numbers of lists before the paragraphs that have one. Whatever is left over is too much.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Final

from formats.properties.facts import Compared
from formats.properties.pieces import COUNTED, NOTED, Piece, Text, counts, matches, tokens
from formats.properties.symbols import ALIKE, is_private
from policies.phrases import phrase

__all__ = ["NEIGHBOURS", "compare_words"]

NEIGHBOURS: Final = 0.9
"""Least share of neighbouring tokens that must be neighbours in the result too, where pieces stand apart (tables, notes, frames): these
are read in another order by every program; a text whose paragraphs were mixed up falls below a half."""

PARTED: Final = 8
"""Neighbours that may be parted however short such a text is: head, foot and two frames, each at its beginning and its end."""

SHOWN: Final = 5
"""Tokens that a difference names."""

LINES: Final = 4
"""Lines that a head or foot may be broken into."""


@dataclass(slots=True)
class _Line:
    """A line or paragraph: its tokens, and what is known of it."""

    said: list[str]
    piece: Piece


def compare_words(source: Text, result: Text, least: float | None = None, *, symbols: bool = True) -> Compared:
    """Whether the result says all that the source says and nothing else; without ``symbols``, letters of symbol fonts are left out. Memory
    grows with the text."""
    least = NEIGHBOURS if least is None else least
    was, now = list(_lines(source)), list(_lines(result))
    facts = {"words": sum(len(line.said) for line in was), "found": sum(len(line.said) for line in now)}
    if not symbols:
        _forget_symbols(was, lambda _: True)
        _forget_symbols(now, lambda _: True)
    _mend(was, now)
    _same_symbols(was, now)
    _take_notes(was, now)
    _take_running(was, now)
    _take_labels(was, now)
    _, more = _balance(was, now)
    _forget_symbols(now, _each_of(more))
    _take_counted(was, now)
    lost, more = _balance(was, now)
    if lost:
        return Compared("text", False, detail=phrase("words-lost", count=lost.total(), words=_some(lost)), facts=facts)
    if more:
        strange = not set(more) & {each for line in was for each in line.said}
        words = phrase("words-strange", words=_some(more)) if strange else phrase("words-too-often", words=_some(more))
        return Compared("text", False, detail=words, facts=facts)
    if elsewhere := _elsewhere(was, now):
        return Compared("text", False, detail=elsewhere, facts=facts)
    share, detail = _order(was, now, least)
    return Compared("text", not detail, share, detail, facts)


def _lines(text: Text) -> Iterator[_Line]:
    for each in text:
        piece = each if isinstance(each, Piece) else Piece(each)
        label = piece.label
        for line in piece.text.splitlines():
            parts = line.split("\t")
            for part in parts:
                if said := tokens(part):
                    yield _Line(said, replace(piece, text="", label=label, apart=piece.apart or len(parts) > 1))
                    label = ""


def _balance(was: Sequence[_Line], now: Sequence[_Line]) -> tuple[Counter[str], Counter[str]]:
    """What the result lacks, and what it has too much."""
    before, after = (Counter(each for line in lines for each in line.said) for lines in (was, now))
    return before - after, after - before


def _mend(was: Sequence[_Line], now: Sequence[_Line]) -> None:
    """Undo what only reading did: blanks that a reader of PDF sees inside a word where its font changes, and capitals that are a setting
    of the source and letters of the result (words that are written so are capitals on both sides then, wherever they stand)."""
    lost, more = _balance(was, now)
    capitals = {each.upper() for each in lost if each.upper() in more}
    for line in (*was, *now) if capitals else ():
        line.said = [each.upper() if each.upper() in capitals else each for each in line.said]
    lost, more = _balance(was, now)
    for line in now if lost else ():
        for at in range(len(line.said)):
            for many in (2, 3, 4):
                parts = line.said[at : at + many]
                joined = "".join(parts)
                if len(parts) == many and lost[joined] > 0 and not Counter(parts) - more:
                    line.said[at : at + many] = [joined]
                    lost[joined] -= 1
                    more.subtract(parts)
                    break


def _same_symbols(was: Sequence[_Line], now: Sequence[_Line]) -> None:
    """Letters of symbol fonts, and the signs that they show, are the same on either side."""
    lost, more = _balance(was, now)
    for line in now if lost else ():
        for at, each in enumerate(line.said):
            others = ALIKE.get(each, frozenset()) or {sign for sign, letters in ALIKE.items() if each in letters}
            if more[each] > 0 and (other := next((other for other in sorted(others) if lost[other] > 0), "")):
                line.said[at] = other
                lost[other] -= 1
                more[each] -= 1


def _forget_symbols(lines: list[_Line], which: Callable[[str], bool]) -> None:
    """Letters of symbol fonts that a program sets by itself (bullets) say nothing."""
    for line in lines:
        line.said = [each for each in line.said if not (is_private(each) and which(each))]
    lines[:] = [line for line in lines if line.said]


def _each_of(counted: Counter[str]) -> Callable[[str], bool]:
    """Whether one more of these is there: as often as it was counted."""

    def one(token: str) -> bool:
        counted[token] -= 1
        return counted[token] >= 0

    return one


def _take_running(was: list[_Line], now: list[_Line]) -> None:
    """Take heads and feet out of both: one must be there (where its kind is set for certain), more may be, as whole lines and at the edges
    of pages."""
    heads = _different([line for line in was if line.piece.running])
    plain = [line for line in was if not line.piece.running]
    counted = [_Line([each for each in line.said if each != COUNTED], line.piece) for line in heads]
    _, more = _balance([*plain, *counted], now)
    seen: set[int] = set()
    kept: list[_Line] = []
    at = 0
    while at < len(now):
        taken = _head_at(now, at, heads, more, seen)
        if not taken:
            kept.append(now[at])
        at += taken or 1
    now[:] = kept
    _forget_counted(now)
    was[:] = [*plain, *(line for number, line in enumerate(heads) if number not in seen and line.piece.certain)]
    _forget_counted(was)


def _different(heads: Sequence[_Line]) -> list[_Line]:
    """Heads that say the same are one, which is set for certain where one of them is."""
    found: dict[tuple[str, ...], _Line] = {}
    for line in heads:
        known = found.setdefault(tuple(line.said), line)
        if line.piece.certain and not known.piece.certain:
            found[tuple(line.said)] = line
    return list(found.values())


def _forget_counted(lines: list[_Line]) -> None:
    """What counts in a head or foot that the other side does not have says nothing by itself."""
    for line in lines:
        if line.piece.running:
            line.said = [each for each in line.said if each != COUNTED]
    lines[:] = [line for line in lines if line.said]


def _head_at(now: list[_Line], at: int, heads: list[_Line], more: Counter[str], seen: set[int]) -> int:
    """How many lines from ``at`` on are heads and feet that may be taken out: of each head the one that must be, then what is too much."""
    for many in range(LINES, 0, -1):
        lines = now[at : at + many]
        if len(lines) < many or not all(line.piece.edge or line.piece.running for line in lines):
            continue
        left, needed = Counter(more), set[int]()
        for number, said, free in _heads_in([each for line in lines for each in line.said], heads):
            surplus = said if number in seen | needed else free
            if Counter(surplus) - left:
                break
            needed.add(number)
            left.subtract(surplus)
        else:
            if needed:
                seen |= needed
                more.clear()
                more.update(left)
                return many
    return 0


def _heads_in(found: list[str], heads: list[_Line]) -> list[tuple[int, list[str], list[str]]]:
    """(number of the head, its tokens here, those that are counted) of tokens that are nothing but heads; else nothing."""
    parts: list[tuple[int, list[str], list[str]]] = []
    while found:
        for number, head in sorted(enumerate(heads), key=lambda each: -len(each[1].said)):
            free = matches(head.said, found[: len(head.said)])
            if free is not None:
                parts.append((number, found[: len(head.said)], free))
                found = found[len(head.said) :]
                break
        else:
            return []
    return parts


def _take_notes(was: list[_Line], now: list[_Line]) -> None:
    """Take the marks of notes out of the result: a number or sign behind a word that has a note in the source, in the word or by itself.
    (The same before the notes themselves are labels.)"""
    marks = Counter(before for line in was for before, each in pairwise(["", *line.said]) if each == NOTED)
    for line in (*was, *now):
        line.said = [each for each in line.said if each != NOTED]
    labelled = {line.said[0] for line in was if line.piece.label == COUNTED and line.said}
    lost, more = _balance(was, now)
    before = ""
    for line in now if marks or labelled else ():
        said: list[str] = []
        for each in line.said:
            word, mark = _marked(each, before, marks, lost) if more[each] > 0 else (each, "")
            if mark:
                marks[word or before] -= 1
                more[each] -= 1
            elif not said and more[each] > 0 and (first := _labelled(each, labelled, lost)):
                said.append(each.removesuffix(first))
                word = first
            said += [word] if word else []
            before = word or before
        line.said = said
    was[:], now[:] = ([line for line in lines if line.said] for lines in (was, now))


def _marked(token: str, before: str, marks: Counter[str], lost: Counter[str]) -> tuple[str, str]:
    """(the word, its mark) of a token that is the mark of a word ``before`` it, or a word with its mark; else (token, "")."""
    if marks[before] > 0 and (counts(token) or token in _NOTE_SIGNS):
        return "", token
    for word in marks:
        if word and lost[word] > 0 and marks[word] > 0 and token.startswith(word) and counts(token.removeprefix(word)):
            return word, token.removeprefix(word)
    return token, ""


_NOTE_SIGNS: Final = frozenset("*†‡§¶")


def _labelled(token: str, labelled: set[str], lost: Counter[str]) -> str:
    """The first word of a note in a token that has its number before it; "" when it is none."""
    return next((w for w in labelled if lost[w] > 0 and token.endswith(w) and counts(token.removesuffix(w))), "")


def _take_counted(was: list[_Line], now: list[_Line]) -> None:
    """Numbers of pages within the text: any number between the same neighbours."""
    places = Counter(place for line in was for place in _places(line) if place[1] == COUNTED)
    if not places:
        return
    _, more = _balance(was, now)
    for line in now:
        for at, (before, each, after) in enumerate(_places(line)):
            place = (before, COUNTED, after)
            if places[place] > 0 and each != COUNTED and counts(each) and more[each] > 0:
                places[place] -= 1
                more[each] -= 1
                line.said[at] = COUNTED


def _places(line: _Line) -> list[tuple[str, str, str]]:
    return list(zip(["", *line.said], line.said, [*line.said[1:], ""], strict=False))


def _take_labels(was: list[_Line], now: list[_Line]) -> None:
    """Take the numbers and bullets of lists out of the result: at the beginning of lines, no more of each than the source has."""
    labels = Counter(tuple(tokens(line.piece.label)) for line in was if line.piece.label)
    del labels[()]
    if not labels:
        return
    _, more = _balance(was, now)
    longest = sorted(labels, key=len, reverse=True)
    for line in now:
        for label in longest:
            begin = line.said[: len(label)]
            if labels[label] > 0 and matches(list(label), begin) is not None and not Counter(begin) - more:
                labels[label] -= 1
                more.subtract(begin)
                del line.said[: len(label)]
                break
    now[:] = [line for line in now if line.said]


def _elsewhere(was: Sequence[_Line], now: Sequence[_Line]) -> str:
    """What stands on another page than it did, where both sides know theirs (slides): all words are there, and a slide is in another
    place. What is counted has another value on every page."""
    before, after = (_by_page(lines) for lines in (was, now))
    if not before or not after:
        return ""
    for page, said in sorted(before.items()):
        if missing := said - after.get(page, Counter()):
            return phrase("words-elsewhere", page=page, words=_some(missing))
    return ""


def _by_page(lines: Sequence[_Line]) -> dict[int, Counter[str]]:
    found: dict[int, Counter[str]] = {}
    for line in lines:
        if line.piece.page and not line.piece.running:
            found.setdefault(line.piece.page, Counter()).update(each for each in line.said if each != COUNTED)
    return found


def _order(was: list[_Line], now: list[_Line], least: float) -> tuple[float, str]:
    """(share of neighbours that are neighbours still, what is wrong with the order)."""
    inside, within = (Counter(pair for line in lines for pair in pairwise(line.said)) for lines in (was, now))
    meeting, between = (Counter((one.said[-1], two.said[0]) for one, two in pairwise(lines)) for lines in (was, now))
    all_were = inside + meeting
    parted = (all_were - (within + between)).total()
    share = 1.0 - parted / all_were.total() if all_were else 1.0
    strange = _uncovered(within - inside, was) or _uncovered(inside - within, now)
    if strange and least >= NEIGHBOURS:
        return share, phrase("words-order-at", words=" ".join(strange))
    free = any(line.piece.apart or line.piece.running for line in (*was, *now))
    ordered = (share >= least or parted <= PARTED) if free else (not parted or least < NEIGHBOURS)
    return share, "" if ordered else phrase("words-order", share=f"{share:.0%}")


def _uncovered(pairs: Counter[tuple[str, str]], lines: list[_Line]) -> tuple[str, str] | None:
    """The first pair that is not the end of one of the lines and the beginning of another."""
    ends, begins = Counter(line.said[-1] for line in lines), Counter(line.said[0] for line in lines)
    for pair, count in pairs.items():
        ends[pair[0]] -= count
        begins[pair[1]] -= count
        if ends[pair[0]] < 0 or begins[pair[1]] < 0:
            return pair
    return None


def _some(counted: Counter[str]) -> str:
    names = ", ".join(f"“{word}”" for word, _ in counted.most_common(SHOWN))
    return names + (" …" if len(counted) > SHOWN else "")
