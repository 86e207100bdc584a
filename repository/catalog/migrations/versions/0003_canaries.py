"""Planted canaries.

Revision ID: 0003
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.catalog.columns import Instant, Words

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "canary",
        sa.Column("tier", Words, primary_key=True),
        sa.Column("object_id", Words, primary_key=True),
        sa.Column("kind", Words, nullable=False),
        sa.Column("path", Words, nullable=False),
        sa.Column("inventory_sha512", sa.LargeBinary, nullable=False),
        sa.Column("good", sa.BigInteger, nullable=False),
        sa.Column("bytes", sa.BigInteger, nullable=False),
        sa.Column("planted", Instant, nullable=False),
    )
