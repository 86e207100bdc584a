"""The time-stamp authorities of an archive, as kho.toml names them: ``[[timestamps]]`` sections, in order of preference.

docs/policy.md describes every key. What is heavy (cryptography) is imported when an authority is needed, not with the settings.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from policies.document import Section
from policies.phrases import phrase

if TYPE_CHECKING:
    from signatures.timestamps import Anchors, Authority

__all__ = [
    "ANCHORS",
    "DEMO",
    "TREES",
    "AuthorityPlace",
    "Network",
    "as_dated",
    "authorities_of",
    "read_network",
    "read_places",
    "under_roots_of",
]

ANCHORS = "anchors"
"""The folder in the home that holds the trust anchors (`signatures.anchors`)."""

TREES = ("sha256", "sha512")
"""The two parallel hash trees: if one hash function or one authority's root breaks, the other tree still proves."""

DEMO = "demo:"
"""The address of the demo authority inside Kho, whose time stamps are not evidence."""

_DEMO_FILE = "demo-authority.pem"
_PATIENCE = timedelta(minutes=5)


@dataclass(frozen=True, slots=True)
class AuthorityPlace:
    """One ``[[timestamps]]`` section. ``anchors`` are files or folders of root certificates, ``trees`` the trees it may stamp."""

    name: str
    url: str
    anchors: tuple[Path, ...]
    trees: tuple[str, ...] = TREES
    policy: str = ""
    private: bool = False
    patience: timedelta = _PATIENCE
    proxy: str = ""
    authorization: Path | None = None


@dataclass(frozen=True, slots=True)
class Network:
    """``[network]``: how the open network is asked. ``private`` lets addresses inside the own network be asked, too."""

    proxy: str = ""
    private: bool = False


def read_network(root: Section) -> Network:
    """Raises the document's error for what cannot be meant."""
    network = root.section("network")
    found = Network(network.text("proxy", ""), network.boolean("private", False))
    network.done()
    return found


def read_places(home: Path, root: Section, network: Network) -> tuple[AuthorityPlace, ...]:
    """The authorities that a kho.toml names. Raises the document's error for what cannot be meant."""
    places: list[AuthorityPlace] = []
    for section in root.sections("timestamps"):
        place = _place(home, section, network)
        if any(each.name == place.name for each in places):
            raise section.bad("name", phrase("tsa-twice", name=place.name))
        places.append(place)
    return tuple(places)


def _place(home: Path, section: Section, network: Network) -> AuthorityPlace:
    place = AuthorityPlace(
        name=section.text("name"),
        url=section.text("url"),
        anchors=tuple(Path(os.path.abspath(home / each)) for each in section.texts("anchors", ())),
        trees=section.texts("trees", TREES),
        policy=section.text("policy", ""),
        private=section.boolean("private", network.private),
        patience=section.duration("patience", _PATIENCE),
        proxy=network.proxy,
        authorization=Path(os.path.abspath(home / named)) if (named := section.text("authorization_file", "")) else None,
    )
    section.done()
    if not set(place.trees) <= set(TREES) or not place.trees:
        raise section.bad("trees", phrase("tsa-trees", known=", ".join(TREES)))
    if place.url != DEMO and not place.url.startswith(("http://", "https://")):
        raise section.bad("url", phrase("tsa-address"))
    if place.url != DEMO and not place.anchors:
        raise section.bad("anchors", phrase("tsa-roots"))
    if place.policy and not all(arc.isdecimal() for arc in place.policy.split(".")):
        raise section.bad("policy", phrase("tsa-policy"))
    return place


def authorities_of(home: Path, places: Sequence[AuthorityPlace], clock: Callable[[], datetime]) -> list[Authority]:
    """The authorities themselves, in the order of kho.toml. ``clock`` is what the demo authority stamps by.

    Raises:
        AuthoritySettings: certificates or a secret cannot be read. AnchorsUnusable: the archive's own folder of anchors cannot.
    """
    return [_authority(home, place, clock) for place in places]


def as_dated(home: Path, anchors: Anchors) -> Anchors:
    """``anchors`` with the periods that the archive's own folder of anchors sets for the same certificates: a root that the operator
    takes back is taken back for everything. Raises AnchorsUnusable."""
    from signatures.anchors import load_anchors

    return anchors.dated_by(load_anchors(home / ANCHORS))


def under_roots_of(used: Collection[str], known: Iterable[Authority]) -> Callable[[Authority], bool]:
    """Whether an authority is one of ``used`` (names), or stands under a root that one of them stands under, too."""
    roots = {key for each in known if each.name in used for key in each.anchors.keys}
    return lambda each: each.name in used or not roots.isdisjoint(each.anchors.keys)


def _authority(home: Path, place: AuthorityPlace, clock: Callable[[], datetime]) -> Authority:
    from signatures.certificates import Certificate
    from signatures.errors import AuthoritySettings
    from signatures.fetch import Fetcher
    from signatures.timestamps import Anchors, Authority, HttpAuthority, demo_authority, load_anchors

    if place.url == DEMO:
        try:
            demo = demo_authority(home / _DEMO_FILE, clock=clock)
        except (OSError, ValueError) as error:
            raise AuthoritySettings(place.name, str(error)) from error
        return Authority(place.name, demo, Anchors.of([Certificate(demo.root)]), evidence=False, trees=place.trees)
    headers = {}
    if place.authorization is not None:
        try:
            headers["Authorization"] = place.authorization.read_text(encoding="ascii").strip()
        except (OSError, ValueError) as error:
            raise AuthoritySettings(place.name, f"{place.authorization}: {error}") from error
    fetcher = Fetcher(
        patience=place.patience.total_seconds(), largest=4 << 20, private=place.private, proxy=place.proxy, headers=headers
    )
    anchors = as_dated(home, load_anchors(place.name, place.anchors))
    return Authority(place.name, HttpAuthority(place.url, fetcher), anchors, policy=place.policy, trees=place.trees)
