"""Batches of evidence with their leaves, and later versions of kept objects.

Revision ID: 0004
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.catalog.columns import Instant, Json, Words

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_version",
        sa.Column("id", Words, primary_key=True),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("inventory_sha512", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "evidence_batch",
        sa.Column("id", Words, primary_key=True),
        sa.Column("created", Instant, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("leaves", sa.Integer, nullable=False),
        sa.Column("inventory_sha512", sa.LargeBinary, nullable=False),
        sa.Column("trees", Json, nullable=False),
    )
    op.create_table(
        "evidence_leaf",
        sa.Column("id", Words, primary_key=True),
        sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("batch", Words, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
    )
    op.create_index("evidence_leaf_batch", "evidence_leaf", ["batch"])
