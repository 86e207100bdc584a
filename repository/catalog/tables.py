"""The tables. What they mean; how they came to be is told by migrations/versions, and a test compares the two.

Content is catalogued once a file and the range of versions that hold it; checks are recorded once a copy, never once a file.
"""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Index, Integer, LargeBinary, MetaData, SmallInteger, Table, UniqueConstraint, text

from repository.catalog.columns import Instant, Json, RowId, Words

__all__ = [
    "OPEN",
    "aip",
    "aip_version",
    "canary",
    "check_run",
    "coming",
    "coming_file",
    "copy",
    "damage",
    "deposit",
    "event",
    "event_note",
    "evidence_batch",
    "evidence_leaf",
    "file",
    "kept_object",
    "kept_version",
    "ledger_day",
    "ledger_person",
    "metadata",
    "search",
]

OPEN = 2**31 - 1
"""`file.last_version` of a file that the newest version still holds."""

metadata = MetaData()

deposit = Table(
    "deposit",
    metadata,
    Column("id", Words, primary_key=True),
    Column("key", Words, nullable=False),
    Column("wanted_key", Words, nullable=False),
    Column("producer", Words, nullable=False),
    Column("label", Words, nullable=False),
    Column("source", Words, nullable=False),
    Column("state", Words, nullable=False),
    Column("created", Instant, nullable=False),
    Column("updated", Instant, nullable=False),
    Column("actor", Words, nullable=False),
    Column("fingerprint", Words, nullable=False),
    Column("update_of", Words, nullable=False),
    Column("verdict", Words),
    Column("findings", Json, nullable=False),
    Column("finding_counts", Json, nullable=False),
    Column("reason", Words, nullable=False),
    Column("decided_by", Words, nullable=False),
    Column("error", Words, nullable=False),
    Column("aip_id", Words, nullable=False),
    Column("aip_version", Integer, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("scanned", Words, nullable=False),
    Column("expires", Instant),
    UniqueConstraint("producer", "key", name="deposit_key"),
    Index("deposit_newest", "created", "id"),
    Index("deposit_state", "state", "created", "id"),
)

coming = Table(
    "coming",
    metadata,
    Column("pk", RowId, primary_key=True),
    Column("deposit_id", Words, nullable=False),
    Column("aip_id", Words, nullable=False),
    Column("producer", Words, nullable=False),
    Column("identifier", Words, nullable=False),
    UniqueConstraint("deposit_id", name="coming_deposit"),
    Index("coming_identifier", "producer", "identifier"),
)
"""Accepted deposits that are in no AIP yet; gone when they are registered."""

coming_file = Table(
    "coming_file",
    metadata,
    Column("pk", RowId, primary_key=True),
    Column("coming_pk", BigInteger, nullable=False),
    Column("path", Words, nullable=False),
    Column("sha512", LargeBinary, nullable=False),
    Column("digest_key", BigInteger, nullable=False),
    Index("coming_file_of", "coming_pk"),
    # In PostgreSQL with "pk" behind it (migration 0009); SQLite's indexes end with it anyway, and would have it twice.
    Index("coming_file_digest", "digest_key"),
)
"""Their contents, each once (`file` tells what the columns mean)."""

aip = Table(
    "aip",
    metadata,
    Column("pk", RowId, primary_key=True),
    Column("id", Words, nullable=False),
    Column("producer", Words, nullable=False),
    Column("title", Words, nullable=False),
    Column("package", Words, nullable=False),
    Column("identifier", Words, nullable=False),
    Column("version", Integer, nullable=False),
    Column("created", Instant, nullable=False),
    Column("updated", Instant, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("fields", Json, nullable=False),
    Column("collection", Words, nullable=False, server_default=""),
    UniqueConstraint("id", name="aip_id"),
    Index("aip_newest", "created", "id"),
    Index("aip_identifier", "producer", "identifier"),
    Index("aip_collection", "collection", "id"),
)

search = Table(
    "search",
    metadata,
    Column("aip_pk", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True, autoincrement=False),
    Column("folded", Words, nullable=False),
)
"""Id, producer, title and descriptive values of an AIP, folded (`repository.catalog.folding`)."""

aip_version = Table(
    "aip_version",
    metadata,
    Column("aip_pk", BigInteger, primary_key=True, autoincrement=False),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("inventory_sha512", LargeBinary, nullable=False),
    Column("created", Instant, nullable=False),
    Column("deposit_id", Words, nullable=False),
    Column("message", Words, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    # 1: a batch of evidence holds it. 0: perhaps none does; among these few, `Evidence` looks who waits.
    Column("proved", SmallInteger, nullable=False, server_default="0"),
    # This in PostgreSQL, too (migration 0007).
    Index("aip_version_unproved", "created", "aip_pk", "number", sqlite_where=text("proved = 0")),
)

file = Table(
    "file",
    metadata,
    Column("pk", RowId, primary_key=True),
    Column("aip_pk", BigInteger, nullable=False),
    Column("path", Words, nullable=False),
    Column("first_version", Integer, nullable=False),
    Column("last_version", Integer, nullable=False),
    # The content path "v3/content/a/b" as 3 and "a/b"; "" when that is the path itself; 0 and the whole when it is none such.
    Column("content_version", Integer, nullable=False),
    Column("content_rest", Words, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("sha512", LargeBinary, nullable=False),
    # The first 8 bytes of sha512 as a number: a quarter of the index that whole digests would need.
    Column("digest_key", BigInteger, nullable=False),
    Column("puid", Words, nullable=False),
    Column("format_name", Words, nullable=False),
    Column("original_name", Words, nullable=False),
    # What lies in it, where it is an archive that was looked into; "" for all else.
    Column("inside", Words, nullable=False, server_default=""),
    Index("file_path", "aip_pk", "path", "first_version", unique=True),
    Index("file_digest", "digest_key"),  # as coming_file_digest
    # This in PostgreSQL, too (migration 0008).
    Index("file_enclosing", "aip_pk", "path", sqlite_where=text("inside <> ''")),
)

copy = Table(
    "copy",
    metadata,
    Column("aip_id", Words, primary_key=True),
    Column("tier", Words, primary_key=True),
    Column("version", Integer, nullable=False),
    Column("state", Words, nullable=False),
    Column("stored", Instant),
    Column("last_check", Instant),
    Column("last_full", Instant),
    Column("check_next", Instant, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("last_look", Instant),
    Column("look_next", Instant),
    # Everything the due query wants, so that it never touches the table.
    Index("copy_due", "tier", "check_next", "aip_id", "last_check", "bytes", "last_full"),
    # These in PostgreSQL, too (migrations 0001, 0006); to say so here would load its dialect in every command.
    Index("copy_look", "tier", "look_next", "aip_id", sqlite_where=text("look_next IS NOT NULL")),
    Index("copy_not_good", "aip_id", "tier", sqlite_where=text("state <> 'good'")),
)

damage = Table(
    "damage",
    metadata,
    Column("pk", RowId, primary_key=True),
    Column("aip_id", Words, nullable=False),
    Column("tier", Words, nullable=False),
    Column("path", Words, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("expected", Words, nullable=False),
    Column("found", Words, nullable=False),
    Column("detected", Instant),
    Index("damage_copy", "aip_id", "tier"),
)

check_run = Table(
    "check_run",
    metadata,
    Column("pk", RowId, primary_key=True),
    Column("aip_id", Words, nullable=False),
    Column("tier", Words, nullable=False),
    Column("version", Integer, nullable=False),
    Column("time", Instant, nullable=False),
    Column("state", Words, nullable=False),
    Column("algorithm", Words, nullable=False),
    Column("files", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("inventory_sha512", LargeBinary, nullable=False),
    Column("counts", Json, nullable=False),
    Index("check_run_aip", "aip_id", "time"),
    Index("check_run_tier", "tier", "time", "bytes"),
)

event = Table(
    "event",
    metadata,
    Column("seq", RowId, primary_key=True),
    Column("id", Words, nullable=False),
    Column("type", Words, nullable=False),
    Column("time", Instant, nullable=False),
    Column("agent", Words, nullable=False),
    Column("outcome", Words, nullable=False),
    Column("aip_id", Words, nullable=False),
    Column("aip_version", Integer, nullable=False),
    Column("deposit_id", Words, nullable=False),
    Column("tier", Words, nullable=False),
    Column("detail", Json, nullable=False),
    UniqueConstraint("id", name="event_id"),
    Index("event_aip", "aip_id", "seq"),
    Index("event_deposit", "deposit_id", "seq"),
    Index("event_type", "type", "seq"),
    sqlite_autoincrement=True,
)
"""Append-only: triggers refuse UPDATE and DELETE."""

event_note = Table(
    "event_note",
    metadata,
    Column("event_id", Words, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
    Column("note", Json, nullable=False),
)
"""Names and reasons of people, apart from the events so that they can lawfully be erased."""

canary = Table(
    "canary",
    metadata,
    Column("tier", Words, primary_key=True),
    Column("object_id", Words, primary_key=True),
    Column("kind", Words, nullable=False),
    Column("path", Words, nullable=False),
    Column("inventory_sha512", LargeBinary, nullable=False),
    Column("good", BigInteger, nullable=False),
    Column("bytes", BigInteger, nullable=False),
    Column("planted", Instant, nullable=False),
)
"""Objects with known damage in the canaries' own storage root of each tier."""

kept_object = Table(
    "kept_object",
    metadata,
    Column("id", Words, primary_key=True),
    Column("inventory_sha512", LargeBinary, nullable=False),
)
"""Objects on the tiers that are no AIPs and have one version: days of the ledger, batches of evidence. Their copies stand in `copy`."""

ledger_day = Table(
    "ledger_day",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("since", Words, nullable=False),
    Column("day", Words, nullable=False),
    Column("first_seq", BigInteger, nullable=False),
    Column("last_seq", BigInteger, nullable=False),
    Column("events", BigInteger, nullable=False),
    Column("head", LargeBinary, nullable=False),
    Column("signature", LargeBinary, nullable=False),
    Column("token", LargeBinary, nullable=False),
    Column("sealed", Instant),
    UniqueConstraint("day", name="ledger_day_day"),
)
"""Closed days of the ledger (`event.seq` from first_seq to last_seq), with their signed heads."""

ledger_person = Table(
    "ledger_person",
    metadata,
    Column("name", Words, primary_key=True),
    Column("salt", LargeBinary, nullable=False),
)
"""Who acted: the ledger keeps a digest over salt and name. A row that is erased leaves a digest that nobody can trace."""

kept_version = Table(
    "kept_version",
    metadata,
    Column("id", Words, primary_key=True),
    Column("number", Integer, primary_key=True, autoincrement=False),
    Column("inventory_sha512", LargeBinary, nullable=False),
)
"""Versions of kept objects after the first."""

evidence_batch = Table(
    "evidence_batch",
    metadata,
    Column("id", Words, primary_key=True),
    Column("created", Instant, nullable=False),
    Column("version", Integer, nullable=False),
    Column("leaves", Integer, nullable=False),
    Column("inventory_sha512", LargeBinary, nullable=False),
    # What each tree stands on, as JSON: made again from the batch itself.
    Column("trees", Json, nullable=False),
)

evidence_leaf = Table(
    "evidence_leaf",
    metadata,
    Column("id", Words, primary_key=True),
    Column("version", Integer, primary_key=True, autoincrement=False),
    Column("batch", Words, nullable=False),
    Column("number", Integer, nullable=False),
    Index("evidence_leaf_batch", "batch"),
)
"""Which batch proves which version of an AIP (or day of the ledger)."""
