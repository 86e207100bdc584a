"""What an S3 store's answers mean, in the errors of `storage.errors`.

Unavailable
└── Faulty        the store answers, but not with this: an error of its own (500), or a body that ends too early
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from policies.phrases import phrase
from storage.errors import AlreadyExists, Cold, NotFound, ReadOnly, Refused, StorageError, Unavailable

__all__ = ["Faulty", "error_of"]


class Faulty(Unavailable):
    """The store was reached and could not give this one thing. Where the rest of the tier answers, the thing is *unreadable*."""


_GONE = frozenset({"NoSuchKey", "NoSuchVersion", "NoSuchUpload", "404", "NotFound"})
_TRY_AGAIN = frozenset(
    {"RequestTimeout", "SlowDown", "ServiceUnavailable", "Throttling", "ThrottlingException", "TooManyRequests", "503", "429"}
    | {"ConditionalRequestConflict", "OperationAborted", "BadDigest", "XAmzContentSHA256Mismatch", "IncompleteBody"}
)
"""Codes that mean: not now. BadDigest and its like are bytes that were damaged on the way and were not stored."""


_FULL = frozenset({"QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded", "InsufficientStorage"})
"""Codes by which stores (Ceph, MinIO, Swift) say that there is no room; S3 itself knows none."""


def _unwritten(error: StorageError, code: str, status: int, reason: str, key: str) -> StorageError:
    """The error for a call that was to write: whoever reads of it has to know what to look for."""
    if code in _FULL or status == 507:
        return Unavailable(key, phrase("s3-full", said=reason))
    if isinstance(error, Faulty):  # SeaweedFS says InternalError of a bucket that is read-only or over its quota
        return Faulty(key, phrase("s3-not-written", said=reason))
    if isinstance(error, Refused) and status == 403:
        return ReadOnly(key, phrase("s3-may-not-write", said=reason))
    return error


def _answered(code: str, status: int, reason: str, key: str) -> StorageError:
    """The error for one that the store answered with. What is not known to be an answer about the key is Unavailable."""
    if code == "NoSuchBucket":
        return Unavailable(key, phrase("s3-no-bucket"))
    if not code:
        return Unavailable(key, phrase("s3-no-store", status=status))
    if code in _GONE or (status == 405 and code == "MethodNotAllowed"):  # 405: a delete marker was asked for by its id
        return NotFound(key)
    if status == 412 or code == "PreconditionFailed":
        return AlreadyExists(key)
    if code == "InvalidObjectState":  # it has to be restored before it can be read
        return Cold(key, phrase("s3-cold"))
    if code == "RestoreAlreadyInProgress":  # another asked for it in the same moment
        return Cold(key, phrase("s3-cold"))
    if code in _TRY_AGAIN or status in (408, 409, 429, 503):
        return Unavailable(key, reason)
    if status >= 500 and status != 501:
        return Faulty(key, reason)
    return Refused(key, reason)


_WRITES = frozenset({"put_object", "create_multipart_upload", "upload_part", "complete_multipart_upload"})


def error_of(response: Mapping[str, Any], operation: str, key: str) -> StorageError:
    """The error for the parsed error response of a call. The answer to HEAD has no body, and a status instead of a code; else a 404
    without a code comes from something that is no S3 store, and does not say that the key is missing."""
    error = response.get("Error", {})
    status = int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    code = str(error.get("Code", ""))
    if code == "404" and operation != "head_object":
        code = ""
    message = str(error.get("Message", ""))
    reason = f"{code}: {message}" if message else code
    meant = _answered(code, status, reason, key)
    return _unwritten(meant, code, status, reason, key) if operation in _WRITES else meant
