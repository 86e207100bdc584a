"""Digests, manifests and comparison. Nothing here knows where bytes are kept: it is given something that opens a path."""

from fixity.digests import ALGORITHMS, Digest, Hasher, LogicalPath, copy_and_hash, hash_file, hash_stream
from fixity.errors import CouldNotRead, FixityError

__all__ = [
    "ALGORITHMS",
    "CouldNotRead",
    "Digest",
    "FixityError",
    "Hasher",
    "LogicalPath",
    "copy_and_hash",
    "hash_file",
    "hash_stream",
]
