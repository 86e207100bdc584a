"""The marker of a tier in a bucket. Of its versions the oldest counts: what is put over it, or hides it, is not ours.

The one exception is a making that was taken back (``kho init`` that failed): it says so under ``unmade/<uuid>``, and the next version
counts.
"""

from __future__ import annotations

import contextlib
import json
import uuid

from policies.phrases import phrase
from storage.errors import AlreadyExists, NotFound, Refused, Unavailable
from storage.s3.bucket import Bucket
from storage.s3.root import MARKER, UNMADE

__all__ = ["KHO_TIER", "is_there", "read_marker", "unmake", "write_marker"]

KHO_TIER = 1
"""Version of the arrangement of a tier (docs/on-disk.md)."""

LIMIT = 1 << 16
"""Bytes of a marker; ours has a hundred."""


def is_there(bucket: Bucket) -> bool:
    """Whether a tier is in the bucket already."""
    return next(bucket.current(MARKER), None) is not None


def write_marker(bucket: Bucket, name: str) -> str:
    """Make the place a tier; its UUID. Raises AlreadyExists."""
    identifier = str(uuid.uuid4())
    marker = {"kho_tier": KHO_TIER, "name": name, "uuid": identifier}
    bucket.create(MARKER, json.dumps(marker, ensure_ascii=True).encode("ascii") + b"\n")
    return identifier


def read_marker(bucket: Bucket, name: str, wanted: str) -> str:
    """The UUID of the tier ``name``, which must be ``wanted`` unless that is "". Raises Unavailable: it is not there."""
    url = bucket.place.url
    try:
        for seen in reversed(bucket.versions_of(MARKER).seen):
            if seen.marker:
                continue
            marker = json.loads(bucket.read(MARKER, seen.version, limit=LIMIT).data)
            version, found, identifier = marker["kho_tier"], marker["name"], str(uuid.UUID(marker["uuid"]))
            if identifier != wanted and _is_unmade(bucket, identifier):
                continue
            if version != KHO_TIER:
                raise Unavailable(url, phrase("s3-arranged-otherwise", version=version))
            if found != name or (wanted or identifier) != identifier:
                raise Unavailable(url, phrase("tier-other-there", found=found, identifier=identifier))
            return identifier
        raise NotFound(MARKER)
    except NotFound as error:
        raise Unavailable(url, phrase("s3-no-marker")) from error
    except Refused as error:
        raise Unavailable(url, str(error.finding.args.get("reason", ""))) from error
    except (ValueError, KeyError, TypeError) as error:
        raise Unavailable(url, phrase("s3-marker-unreadable")) from error


def unmake(bucket: Bucket, name: str) -> None:
    """Take back the making of a tier that holds nothing yet. Raises Unavailable, Refused."""
    identifier = read_marker(bucket, name, "")
    with contextlib.suppress(AlreadyExists):
        bucket.create(f"{UNMADE}/{identifier}", b"the making of this tier was taken back\n")
    bucket.hide(MARKER)


def _is_unmade(bucket: Bucket, identifier: str) -> bool:
    try:
        bucket.ask("head_object", f"{UNMADE}/{identifier}")
    except NotFound:
        return False
    return True
