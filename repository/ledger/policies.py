"""The policy in force, as closed days of the ledger keep it: each day's object has the text of policy.toml, and its head says which.

So a home that is lost gets its promises back from the tiers, and whoever inspects reads which promise was in force when. The text
holds no secrets: what is secret stands in kho.toml, which never leaves the home.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.archive import ArchivePolicyError, parse_policy
from policies.findings import Finding, said
from policies.phrases import phrase
from repository.archive import Archive
from repository.coming import DAYS, day_object
from repository.ledger.segments import read_file
from repository.ledger.verifier import BROKEN, written
from repository.settings.home import Settings
from storage.errors import StorageError
from storage.tier import ObjectId, SequentialTier, Tier

__all__ = ["POLICY", "KeptPolicy", "bring_policy", "give_back", "kept_policy", "policy_in_force"]

POLICY = "policy.toml"

LOOKED_BACK = 30
"""Days that are looked through for the last one that has a policy: one that was changed while a process held the old one has none."""


@dataclass(frozen=True, slots=True)
class KeptPolicy:
    """The last policy that tiers tell of: of which day. ``agreed``: no tier tells of another day of that number."""

    number: int
    date: str
    text: bytes
    agreed: bool


def policy_in_force(archive: Archive) -> bytes:
    """The text of the policy in force; b"" when the file is another by now."""
    with contextlib.suppress(OSError):
        text = archive.settings.policy_file.read_bytes()
        if hashlib.sha256(text).hexdigest() == archive.policy.digest:
            return text
    return b""


def bring_policy(archive: Archive, head: Mapping[str, Any], target: Path) -> bool:
    """Write the policy of a closed day to ``target``, from the home while it is the same, else from a tier; whether it is there now. The
    head says what it must be."""
    wanted = head.get("policy")
    if wanted is None:
        return False
    for text in _texts(archive, head, target):
        if hashlib.sha256(text).hexdigest() == wanted:
            target.unlink(missing_ok=True)  # which may be a copy on a tier, by a second name
            target.write_bytes(text)
            return True
    target.unlink(missing_ok=True)
    return False


def _texts(archive: Archive, head: Mapping[str, Any], target: Path) -> Iterator[bytes]:
    for path in (target, archive.settings.policy_file):
        with contextlib.suppress(OSError):
            yield path.read_bytes()
    for tier in archive.tiers.values():
        if not isinstance(tier, SequentialTier):
            with contextlib.suppress(StorageError, OSError):
                yield read_file(tier, day_object(head), POLICY)


def kept_policy(tiers: Mapping[str, Tier]) -> KeptPolicy | None:
    """The policy of the newest closed day that a tier holds; None when none has one. For homes that have nothing else left: tiers are
    only read, and no signature is checked, so that a person has to look at what comes."""
    found = [each for tier in tiers.values() if not isinstance(tier, SequentialTier) and (each := _newest(tier))]
    last = max((number for number, _, _ in found), default=0)
    newest = [(head, text) for number, head, text in found if number == last]
    if not newest:
        return None
    head, text = newest[0]
    return KeptPolicy(last, json.loads(head)["date"], text, agreed=len(set(newest)) == 1)


def give_back(settings: Settings, kept: KeptPolicy | None, *, own: bool) -> Finding:
    """Put the policy that tiers tell of in force in a home that has lost its own; beside the one in force (policy.toml.kept) when the home
    has one of its ``own``, or it cannot be put in force here. The finding says which."""
    place = settings.policy_file
    if kept is None:
        return Finding("SET-POLICY-NONE", str(place))
    about: dict[str, str | int] = {"number": kept.number, "day": kept.date}
    if place.read_bytes() == kept.text:
        return Finding("SET-POLICY-SAME", str(place), about)
    reason = phrase("policy-there") if own else "" if kept.agreed else phrase("policy-disagree")
    if not reason:
        try:
            parse_policy(kept.text, tiers={tier.name: tier.place for tier in settings.tiers}, name=POLICY)
        except ArchivePolicyError as error:
            reason = said(error.finding)
    beside = place.with_name(f"{POLICY}.kept")
    beside.write_bytes(kept.text)
    if reason:
        return Finding("SET-POLICY-BESIDE", str(beside), {**about, "reason": reason})
    os.replace(beside, place)
    return Finding("SET-POLICY-BACK", str(place), about)


def _newest(tier: Tier) -> tuple[int, bytes, bytes] | None:
    """(number, head.json, policy.toml) of the newest day on a tier that has a policy."""
    with contextlib.suppress(StorageError, OSError):
        archive = next((each.object_id for each in tier.versions() if each.object_id.startswith(DAYS)), "")
        place = archive.rpartition(":")[0]
        last = _last(tier, place, int(archive.rpartition(":")[2])) if archive else 0
        for number in range(last, max(0, last - LOOKED_BACK), -1):
            with contextlib.suppress(StorageError, OSError, *BROKEN):
                head, text = (read_file(tier, f"{place}:{number}", name) for name in ("head.json", POLICY))
                if hashlib.sha256(text).hexdigest() == written(head)["policy"]:
                    return number, head, text
    return None


def _last(tier: Tier, place: str, number: int) -> int:
    """The number of the last day on a tier that holds this one, without walking through all that it holds."""
    step = 1
    while step:
        if _holds(tier, f"{place}:{number + step}"):
            number, step = number + step, step * 2
        else:
            step //= 2
    return number


def _holds(tier: Tier, object_id: str) -> bool:
    with contextlib.suppress(StorageError):
        tier.inventory(ObjectId(object_id))
        return True
    return False
