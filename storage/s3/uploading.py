"""Storing one file under a new key: hashed on its way, and nothing is stored that does not hash to what was sealed."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import itemgetter
from typing import Any, BinaryIO

from policies.phrases import phrase
from storage.errors import AlreadyExists, NotFound, Refused, SpoolDamaged, StorageError
from storage.s3.bucket import BLOCK, Bucket, sha256_text, version_of
from storage.s3.lanes import Lanes

__all__ = ["LARGEST", "Sealed", "upload"]

LARGEST = 5 << 40
"""Bytes of one object (S3)."""

PARTS = 10_000
"""Parts of one upload (S3)."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """What a file must be: its size and SHA-512, and its SHA-256 where known; ``name`` is for messages. ``condition`` is what must
    be so in the store: no current version, or (IfMatch) a certain one."""

    name: str
    size: int
    sha512: bytes
    sha256: bytes = b""
    storage_class: str = ""
    condition: dict[str, str] = field(default_factory=lambda: {"IfNoneMatch": "*"})

    def parameters(self) -> dict[str, Any]:
        """Whole digests as metadata: nothing is checked by them here, they help whoever has only the bucket."""
        metadata = {"kho-sha512": self.sha512.hex()}
        if self.sha256:
            metadata["kho-sha256"] = self.sha256.hex()
        return {"Metadata": metadata, **({"StorageClass": self.storage_class} if self.storage_class else {})}

    def check(self, size: int, digest: bytes) -> None:
        """Raises SpoolDamaged."""
        if size != self.size or digest != self.sha512:
            raise SpoolDamaged(
                self.name,
                phrase(
                    "spool-file-differs", bytes=size, found=digest.hex()[:16], sealed=self.size, expected=self.sha512.hex()[:16]
                ),
            )


def upload(bucket: Bucket, lanes: Lanes, key: str, source: BinaryIO, sealed: Sealed) -> str:
    """Create ``key`` with all of ``source``, in parts when it is large; its version id.

    Raises:
        AlreadyExists: the condition does not hold: something, perhaps this very file, is there.
        SpoolDamaged: the bytes are not the sealed ones; nothing was stored.
        Refused: it is too large for the store.
    """
    if sealed.size > LARGEST:
        raise Refused(key, phrase("s3-too-large", bytes=sealed.size))
    if sealed.size > BLOCK:
        return _in_parts(bucket, lanes, key, source, sealed)
    data = source.read(sealed.size + 1)
    sealed.check(len(data), hashlib.sha512(data, usedforsecurity=False).digest())
    parameters = {"Body": data, "ChecksumSHA256": sha256_text(data), **sealed.condition, **sealed.parameters()}
    return version_of(bucket.ask("put_object", key, **parameters), key)


def _in_parts(bucket: Bucket, lanes: Lanes, key: str, source: BinaryIO, sealed: Sealed) -> str:
    begun = bucket.ask("create_multipart_upload", key, ChecksumAlgorithm="SHA256", **sealed.parameters())
    identifier = begun["UploadId"]
    hasher = hashlib.sha512(usedforsecurity=False)
    size = 0

    def pieces() -> Iterator[Callable[[], dict[str, Any]]]:
        nonlocal size
        length = max(BLOCK, -(-sealed.size // PARTS))
        number = 0
        while data := source.read(length):
            hasher.update(data)
            size += len(data)
            number += 1
            yield _Part(bucket, key, identifier, number, data)

    try:
        parts = sorted(lanes.as_they_end(pieces()), key=itemgetter("PartNumber"))
        sealed.check(size, hasher.digest())
        done = bucket.ask(
            "complete_multipart_upload", key, UploadId=identifier, MultipartUpload={"Parts": parts}, **sealed.condition
        )
    except NotFound as error:  # the upload is gone: an answer was lost, and it was completed
        raise AlreadyExists(key) from error
    except BaseException:
        with contextlib.suppress(StorageError):  # what stays is swept: it is no object
            bucket.ask("abort_multipart_upload", key, UploadId=identifier)
        raise
    return version_of(done, key)


@dataclass(frozen=True, slots=True)
class _Part:
    """One part, sent when called: its number, and what the store must be told of it at the end."""

    bucket: Bucket
    key: str
    upload: str
    number: int
    data: bytes

    def __call__(self) -> dict[str, Any]:
        checksum = sha256_text(self.data)
        answer = self.bucket.ask(
            "upload_part", self.key, UploadId=self.upload, PartNumber=self.number, Body=self.data, ChecksumSHA256=checksum
        )
        return {"PartNumber": self.number, "ETag": answer["ETag"], "ChecksumSHA256": checksum}
