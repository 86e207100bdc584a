"""The first catalog: deposits, AIPs with versions and files, copies with checks and damages, events.

Revision ID: 0001
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.catalog.columns import Instant, Json, RowId, Words

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

_NOT_GOOD = sa.text("state <> 'good'")

_POSTGRESQL_GUARD = (
    "CREATE FUNCTION kho_event_is_append_only() RETURNS trigger LANGUAGE plpgsql AS "
    "$$ BEGIN RAISE EXCEPTION 'events are append-only'; END $$",
    "CREATE TRIGGER event_append_only BEFORE UPDATE OR DELETE ON event FOR EACH ROW EXECUTE FUNCTION kho_event_is_append_only()",
    "CREATE TRIGGER event_no_truncate BEFORE TRUNCATE ON event FOR EACH STATEMENT EXECUTE FUNCTION kho_event_is_append_only()",
)
_SQLITE_GUARD = (
    "CREATE TRIGGER event_no_update BEFORE UPDATE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
    "CREATE TRIGGER event_no_delete BEFORE DELETE ON event BEGIN SELECT RAISE(ABORT, 'events are append-only'); END",
)


def upgrade() -> None:
    op.create_table(
        "deposit",
        sa.Column("id", Words, primary_key=True),
        sa.Column("key", Words, nullable=False),
        sa.Column("wanted_key", Words, nullable=False),
        sa.Column("producer", Words, nullable=False),
        sa.Column("label", Words, nullable=False),
        sa.Column("source", Words, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("created", Instant, nullable=False),
        sa.Column("updated", Instant, nullable=False),
        sa.Column("actor", Words, nullable=False),
        sa.Column("fingerprint", Words, nullable=False),
        sa.Column("update_of", Words, nullable=False),
        sa.Column("verdict", Words),
        sa.Column("findings", Json, nullable=False),
        sa.Column("finding_counts", Json, nullable=False),
        sa.Column("reason", Words, nullable=False),
        sa.Column("decided_by", Words, nullable=False),
        sa.Column("error", Words, nullable=False),
        sa.Column("aip_id", Words, nullable=False),
        sa.Column("aip_version", sa.Integer, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("scanned", Words, nullable=False),
        sa.Column("expires", Instant),
        sa.UniqueConstraint("producer", "key", name="deposit_key"),
    )
    op.create_index("deposit_newest", "deposit", ["created", "id"])
    op.create_index("deposit_state", "deposit", ["state", "created", "id"])
    op.create_table(
        "aip",
        sa.Column("pk", RowId, primary_key=True),
        sa.Column("id", Words, nullable=False),
        sa.Column("producer", Words, nullable=False),
        sa.Column("title", Words, nullable=False),
        sa.Column("package", Words, nullable=False),
        sa.Column("identifier", Words, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("created", Instant, nullable=False),
        sa.Column("updated", Instant, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("fields", Json, nullable=False),
        sa.UniqueConstraint("id", name="aip_id"),
    )
    op.create_index("aip_newest", "aip", ["created", "id"])
    op.create_index("aip_identifier", "aip", ["producer", "identifier"])
    op.create_table(
        "search",
        sa.Column("aip_pk", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), primary_key=True, autoincrement=False),
        sa.Column("folded", Words, nullable=False),
    )
    op.create_table(
        "aip_version",
        sa.Column("aip_pk", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("inventory_sha512", sa.LargeBinary, nullable=False),
        sa.Column("created", Instant, nullable=False),
        sa.Column("deposit_id", Words, nullable=False),
        sa.Column("message", Words, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
    )
    op.create_table(
        "file",
        sa.Column("pk", RowId, primary_key=True),
        sa.Column("aip_pk", sa.BigInteger, nullable=False),
        sa.Column("path", Words, nullable=False),
        sa.Column("first_version", sa.Integer, nullable=False),
        sa.Column("last_version", sa.Integer, nullable=False),
        sa.Column("content_version", sa.Integer, nullable=False),
        sa.Column("content_rest", Words, nullable=False),
        sa.Column("size", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.LargeBinary, nullable=False),
        sa.Column("sha512", sa.LargeBinary, nullable=False),
        sa.Column("digest_key", sa.BigInteger, nullable=False),
        sa.Column("puid", Words, nullable=False),
        sa.Column("format_name", Words, nullable=False),
        sa.Column("original_name", Words, nullable=False),
    )
    op.create_index("file_path", "file", ["aip_pk", "path", "first_version"], unique=True)
    op.create_index("file_digest", "file", ["digest_key"])
    op.create_table(
        "copy",
        sa.Column("aip_id", Words, primary_key=True),
        sa.Column("tier", Words, primary_key=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("stored", Instant),
        sa.Column("last_check", Instant),
        sa.Column("last_full", Instant),
        sa.Column("check_next", Instant, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
    )
    op.create_index("copy_due", "copy", ["tier", "check_next", "aip_id", "last_check", "bytes", "last_full"])
    op.create_index("copy_not_good", "copy", ["aip_id", "tier"], sqlite_where=_NOT_GOOD, postgresql_where=_NOT_GOOD)
    op.create_table(
        "damage",
        sa.Column("pk", RowId, primary_key=True),
        sa.Column("aip_id", Words, nullable=False),
        sa.Column("tier", Words, nullable=False),
        sa.Column("path", Words, nullable=False),
        sa.Column("outcome", Words, nullable=False),
        sa.Column("expected", Words, nullable=False),
        sa.Column("found", Words, nullable=False),
        sa.Column("detected", Instant),
    )
    op.create_index("damage_copy", "damage", ["aip_id", "tier"])
    op.create_table(
        "check_run",
        sa.Column("pk", RowId, primary_key=True),
        sa.Column("aip_id", Words, nullable=False),
        sa.Column("tier", Words, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("time", Instant, nullable=False),
        sa.Column("state", Words, nullable=False),
        sa.Column("algorithm", Words, nullable=False),
        sa.Column("files", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("inventory_sha512", sa.LargeBinary, nullable=False),
        sa.Column("counts", Json, nullable=False),
    )
    op.create_index("check_run_aip", "check_run", ["aip_id", "time"])
    op.create_index("check_run_tier", "check_run", ["tier", "time", "bytes"])
    op.create_table(
        "event",
        sa.Column("seq", RowId, primary_key=True),
        sa.Column("id", Words, nullable=False),
        sa.Column("type", Words, nullable=False),
        sa.Column("time", Instant, nullable=False),
        sa.Column("agent", Words, nullable=False),
        sa.Column("outcome", Words, nullable=False),
        sa.Column("aip_id", Words, nullable=False),
        sa.Column("aip_version", sa.Integer, nullable=False),
        sa.Column("deposit_id", Words, nullable=False),
        sa.Column("tier", Words, nullable=False),
        sa.Column("detail", Json, nullable=False),
        sa.UniqueConstraint("id", name="event_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("event_aip", "event", ["aip_id", "seq"])
    op.create_index("event_deposit", "event", ["deposit_id", "seq"])
    op.create_index("event_type", "event", ["type", "seq"])
    op.create_table(
        "event_note",
        sa.Column("event_id", Words, primary_key=True),
        sa.Column("salt", sa.LargeBinary, nullable=False),
        sa.Column("note", Json, nullable=False),
    )
    for statement in _POSTGRESQL_GUARD if op.get_bind().dialect.name == "postgresql" else _SQLITE_GUARD:
        op.execute(statement)
