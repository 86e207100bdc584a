"""Lifecycle rules of a bucket: who may set one may have versions deleted by the store, and so may whoever set one before.

Rules that end unfinished uploads, or that are about other folders of the bucket, do no harm.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from policies.phrases import phrase
from storage.errors import NotFound, Refused, StorageError, Unavailable
from storage.s3.bucket import Bucket
from storage.s3.root import SELF_TEST

__all__ = ["lifecycle_problems"]

Rule = Mapping[str, Any]

DELETES = {"Expiration": ("Days", "Date"), "NoncurrentVersionExpiration": ("NoncurrentDays",)}
"""Actions of a rule that take versions away, or hide them first, by what says so in them."""

HARMLESS = {"AbortIncompleteMultipartUpload": {"DaysAfterInitiation": 7}}


def lifecycle_problems(bucket: Bucket) -> Iterator[str]:
    """Why what is kept in the bucket might be deleted by rules: those that are there, and that the everyday credential may set some. Raises
    Unavailable where that was not answered."""
    try:
        rules = _rules(bucket)
    except Refused as error:
        yield phrase("s3-lifecycle-untold", reason=str(error.finding.args.get("reason", "")))
        return
    for rule in rules:
        if _deletes(rule) and _meets(_prefix(rule), bucket.place.prefix):
            yield phrase("s3-lifecycle-deletes", rule=str(rule.get("ID", "")))
    if _may_set(bucket, rules):
        yield phrase("s3-lifecycle-settable")


def _rules(bucket: Bucket) -> Sequence[Rule]:
    """The rules that are there. Raises Refused where the credential may not see them, Unavailable."""
    try:
        rules: Sequence[Rule] = bucket.ask_bucket("get_bucket_lifecycle_configuration").get("Rules", [])
    except NotFound:
        return []
    except Refused as error:
        if "AccessDenied" in str(error.finding.args.get("reason", "")):
            raise
        return []  # none was ever set, or the store has nothing of the kind
    return rules


def _deletes(rule: Rule) -> bool:
    if rule.get("Status") != "Enabled":
        return False
    return any(name in rule.get(action, {}) for action, names in DELETES.items() for name in names)


def _prefix(rule: Rule) -> str:
    chosen = rule.get("Filter", {})
    return str(chosen.get("And", chosen).get("Prefix", rule.get("Prefix", "")))


def _meets(prefix: str, folder: str) -> bool:
    """Whether some key below ``folder`` begins with ``prefix``."""
    start = f"{folder}/" if folder else ""
    return prefix.startswith(start) or start.startswith(prefix)


def _may_set(bucket: Bucket, rules: Sequence[Rule]) -> bool:
    """Try to set what is there already; where nothing is, a rule that does no harm, which is then taken back."""
    place = bucket.place
    mine = {
        "ID": "kho-self-test",
        "Status": "Enabled",
        "Filter": {"Prefix": f"{place.prefix}/{SELF_TEST}/".lstrip("/")},
        **HARMLESS,
    }
    try:
        bucket.ask_bucket("put_bucket_lifecycle_configuration", LifecycleConfiguration={"Rules": list(rules) or [mine]})
    except Unavailable:
        raise
    except StorageError:
        return False
    if not rules:
        with contextlib.suppress(StorageError):
            bucket.ask_bucket("delete_bucket_lifecycle")
    return True
