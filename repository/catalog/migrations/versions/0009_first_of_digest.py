"""PostgreSQL's indexes of digests have the rows of a digest in their order, as SQLite's have by themselves.

Revision ID: 0009
"""

from __future__ import annotations

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    if op.get_bind().dialect.name != "postgresql":
        return
    for table in ("file", "coming_file"):
        op.drop_index(f"{table}_digest", table)
        op.create_index(f"{table}_digest", table, ["digest_key", "pk"])
