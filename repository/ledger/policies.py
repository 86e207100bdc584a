"""What steers an archive, as closed days of the ledger keep it: each day's object has the texts of policy.toml and formats.toml, and those
of policies under which something happened before on that day; its head says which.

So a home that is lost gets its promises back from the tiers, and whoever inspects reads which promise was in force when. The text
holds no secrets: what is secret stands in kho.toml, which never leaves the home.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policies.archive import ArchivePolicyError, parse_policy
from policies.findings import Finding, said
from policies.formats import FormatPolicyError, format_policy
from policies.phrases import phrase
from repository.archive import Archive
from repository.coming import DAYS, day_object
from repository.ledger.in_force import text_of
from repository.ledger.segments import read_file
from repository.ledger.verifier import EARLIER, PAPERS, head_of, papers_of
from repository.settings.formats import OWN_POLICY
from repository.settings.home import Settings
from storage.errors import StorageError
from storage.tier import ObjectId, SequentialTier, Tier

__all__ = ["POLICY", "KeptPolicy", "bring_papers", "give_back", "kept_policy", "noting_policies", "write_papers"]

POLICY = "policy.toml"

LOOKED_BACK = 30
"""Days that are looked through for the last one that has a policy: one that was changed while a process held the old one has none."""


@dataclass(frozen=True, slots=True)
class KeptPolicy:
    """The last policy that tiers tell of: of which day. ``agreed``: no tier tells of another day of that number. ``formats``: what the
    archive thought of formats then; None where it thought as Kho does, or no tier has it."""

    number: int
    date: str
    text: bytes
    agreed: bool
    formats: bytes | None = None


_POLICY_OF = re.compile(rb'"policy":"([0-9a-f]{64})"')


def noting_policies(lines: Iterable[tuple[str, bytes]], digests: set[str]) -> Iterator[tuple[str, bytes]]:
    """The lines of a day as they come, while the digests of policies that their events name are gathered."""
    for event_id, line in lines:
        digests.update(each.decode() for each in _POLICY_OF.findall(line))
        yield event_id, line


def write_papers(archive: Archive, folder: Path, digests: Iterable[str]) -> dict[str, str | list[str]]:
    """Write what steers the archive now, and the policies with these ``digests`` under which something happened before, into the folder of
    a day; what its head says of them. What nobody has the text of any more is not there."""
    texts, told = {}, dict[str, str | list[str]]()
    for name, text in ((POLICY, _policy_now(archive)), (OWN_POLICY, _read(archive.settings.home / OWN_POLICY))):
        if text is not None:
            texts[name], told[PAPERS[name]] = text, hashlib.sha256(text).hexdigest()
    before = {each: text_of(archive.settings.home, each) for each in sorted({*digests} - {told.get(PAPERS[POLICY])})}
    known = {each: text for each, text in before.items() if text is not None}
    if known:
        told[EARLIER] = [*known]
    for name, wanted in papers_of(told).items():
        (folder / name).write_bytes(texts[name] if name in texts else known[wanted])
    return told


def _policy_now(archive: Archive) -> bytes | None:
    """The text of the policy in force; None when the file is another by now, and nothing happened under the one in force."""
    digest = archive.policy.digest
    text = _read(archive.settings.policy_file)
    return text if text is not None and hashlib.sha256(text).hexdigest() == digest else text_of(archive.settings.home, digest)


def _read(path: Path) -> bytes | None:
    with contextlib.suppress(OSError):
        return path.read_bytes()
    return None


def bring_papers(archive: Archive, head: Mapping[str, Any], folder: Path) -> list[str]:
    """Write what steered the archive on a closed day into ``folder``, from the home while it has it, else from a tier; the names of what
    is there now. The head says what each must be."""
    return [name for name, wanted in papers_of(head).items() if _bring(archive, head, folder / name, wanted)]


def _bring(archive: Archive, head: Mapping[str, Any], target: Path, wanted: str) -> bool:
    for text in _texts(archive, head, target, wanted):
        if text is not None and hashlib.sha256(text).hexdigest() == wanted:
            target.unlink(missing_ok=True)  # which may be a copy on a tier, by a second name
            target.write_bytes(text)
            return True
    target.unlink(missing_ok=True)
    return False


def _texts(archive: Archive, head: Mapping[str, Any], target: Path, wanted: str) -> Iterator[bytes | None]:
    yield _read(target)
    yield _read(archive.settings.home / target.name)
    yield text_of(archive.settings.home, wanted)
    for tier in archive.tiers.values():
        if not isinstance(tier, SequentialTier):
            with contextlib.suppress(StorageError, OSError):
                yield read_file(tier, day_object(head), target.name)


def kept_policy(tiers: Mapping[str, Tier]) -> KeptPolicy | None:
    """The policy of the newest closed day that a tier holds; None when none has one. For homes that have nothing else left: tiers are
    only read, and no signature is checked, so that a person has to look at what comes."""
    found = [each for tier in tiers.values() if not isinstance(tier, SequentialTier) and (each := _newest(tier))]
    last = max((number for number, _, _ in found), default=0)
    newest = [(head, text) for number, head, text in found if number == last]
    if not newest:
        return None
    data, text = newest[0]
    head = json.loads(data)
    return KeptPolicy(last, head["date"], text, agreed=len(set(newest)) == 1, formats=_formats(tiers, head))


def _formats(tiers: Mapping[str, Tier], head: Mapping[str, Any]) -> bytes | None:
    for tier in tiers.values():
        if not isinstance(tier, SequentialTier):
            with contextlib.suppress(StorageError, OSError):
                text = read_file(tier, day_object(head), OWN_POLICY)
                if hashlib.sha256(text).hexdigest() == papers_of(head).get(OWN_POLICY):
                    return text
    return None


def give_back(settings: Settings, kept: KeptPolicy | None, *, own: bool) -> list[Finding]:
    """Put what tiers tell of in force in a home that has lost it: the policy, and what the archive thinks of formats; beside the one in
    force (policy.toml.kept, formats.toml.kept) when the home has one of its ``own``, or it cannot be put in force here. The findings say
    which."""
    place = settings.policy_file
    if kept is None:
        return [Finding("SET-POLICY-NONE", str(place))]
    tiers = {tier.name: tier.place for tier in settings.tiers}
    found = _put(place, kept.text, "SET-POLICY", kept, own=own, read=lambda text: parse_policy(text, tiers=tiers, name=POLICY))
    findings = found or [Finding("SET-POLICY-SAME", str(place), _about(kept))]
    if kept.formats is not None:
        formats = settings.home / OWN_POLICY
        findings += _put(formats, kept.formats, "SET-FORMATS", kept, own=formats.exists(), read=format_policy)
    return findings


def _about(kept: KeptPolicy) -> dict[str, str | int]:
    return {"number": kept.number, "day": kept.date}


def _put(place: Path, text: bytes, code: str, kept: KeptPolicy, *, own: bool, read: Callable[[bytes], object]) -> list[Finding]:
    """One text in force, or beside what is; which, as a finding. None where it is there already."""
    if _read(place) == text:
        return []
    reason = phrase("policy-there", name=place.name) if own else "" if kept.agreed else phrase("policy-disagree")
    if not reason:
        try:
            read(text)
        except (ArchivePolicyError, FormatPolicyError) as error:
            reason = said(error.finding)
    beside = place.with_name(f"{place.name}.kept")
    beside.write_bytes(text)
    if reason:
        return [Finding(f"{code}-BESIDE", str(beside), {**_about(kept), "reason": reason})]
    os.replace(beside, place)
    return [Finding(f"{code}-BACK", str(place), _about(kept))]


def _newest(tier: Tier) -> tuple[int, bytes, bytes] | None:
    """(number, head.json, policy.toml) of the newest day on a tier that has a policy."""
    with contextlib.suppress(StorageError, OSError):
        archive = next((each.object_id for each in tier.versions() if each.object_id.startswith(DAYS)), "")
        place = archive.rpartition(":")[0]
        last = _last(tier, place, int(archive.rpartition(":")[2])) if archive else 0
        for number in range(last, max(0, last - LOOKED_BACK), -1):
            with contextlib.suppress(StorageError, OSError):
                head, text = (read_file(tier, f"{place}:{number}", name) for name in ("head.json", POLICY))
                said = head_of(head)
                if said and said["number"] == number and papers_of(said).get(POLICY) == hashlib.sha256(text).hexdigest():
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
