"""Changing single things in an object of a bucket. Nothing is deleted: what was current stays under its version id."""

from __future__ import annotations

import datetime
import hashlib
import json
import tempfile
import uuid
from typing import BinaryIO

from fixity.digests import LARGE_BUFFER
from policies.phrases import phrase
from storage.errors import Damaged, NotFound, Refused
from storage.s3.bucket import Bucket
from storage.s3.reading import fingerprint
from storage.s3.records import FORGET, HIDE, MEND, Note, read_log
from storage.s3.root import QUARANTINE, Root
from storage.s3.uploading import Sealed, upload

__all__ = ["forget", "quarantine", "restore"]


def restore(root: Root, object_id: str, path: str, source: BinaryIO, sha512: bytes) -> None:
    """`storage.tier.Tier.restore`: good bytes become the current version, which is read again and recorded.

    Raises Refused (they are not the good ones), AlreadyExists (somebody changed the key meanwhile), Damaged, Unavailable.
    """
    key = root.key(object_id, path)
    with tempfile.TemporaryFile() as good:
        hasher, size = hashlib.sha512(usedforsecurity=False), 0
        while chunk := source.read(LARGE_BUFFER):
            hasher.update(chunk)
            good.write(chunk)
            size += len(chunk)
        if hasher.digest() != sha512:
            raise Refused(path, phrase("restore-not-good"))
        good.seek(0)
        etag = _current_etag(root.bucket, key)
        condition = {"IfMatch": etag} if etag else {"IfNoneMatch": "*"}
        version = upload(root.bucket, root.lanes, key, good, Sealed(path, size, sha512, condition=condition))
    if fingerprint(root.bucket, root.lanes, key, version).digest != sha512:
        raise Damaged(path, phrase("s3-store-differs"))
    _record(root, object_id, MEND, path, version)


def quarantine(root: Root, object_id: str, path: str, *, tier: str) -> str:
    """`storage.tier.Tier.quarantine`: a delete marker over the key, and a note that says which version lies below it, where and
    why. Returns the place of that version."""
    key = root.key(object_id, path)
    version = root.bucket.ask("head_object", key)["VersionId"]
    # The clock only names the note; when things happened is the ledger's to say.
    now = datetime.datetime.now(datetime.UTC)
    place = f"{root.bucket.place.url}/{key}?versionId={version}"
    note = {"kho_note": 1, "tier": tier, "object": object_id, "path": path, "found": place, "moved": now.isoformat()}
    text = json.dumps({**note, "reason": "does not belong to the object"}, ensure_ascii=True, indent=1).encode("ascii") + b"\n"
    root.bucket.create(f"{QUARANTINE}/{now:%Y-%m-%d}-{uuid.uuid4()}/note.json", text)
    _record(root, object_id, HIDE, path, None)
    root.bucket.hide(key)
    return place


def forget(root: Root, object_id: str) -> None:
    """`storage.tier.Tier.forget`: recorded as forgotten, then every key is hidden, the root inventory first.

    The versions stay until a credential that may delete versions removes them, and until their locks end."""
    folder = root.folder(object_id)
    keys = [key for key, _, _ in root.bucket.current(folder)]
    if not keys:
        raise NotFound(object_id)
    _record(root, object_id, FORGET, "", None)
    for key in sorted(keys, key=lambda key: (key != f"{folder}inventory.json", key)):
        root.bucket.hide(key)


def _record(root: Root, object_id: str, kind: str, path: str, version: str | None) -> None:
    note = Note(kind, object_id)
    try:
        if path:
            note.add(path, version)
        note.append_to(root, object_id, read_log(root, object_id))
    finally:
        note.close()


def _current_etag(bucket: Bucket, key: str) -> str:
    """The ETag of what is current; "" when nothing is."""
    try:
        return str(bucket.ask("head_object", key)["ETag"])
    except NotFound:
        return ""
