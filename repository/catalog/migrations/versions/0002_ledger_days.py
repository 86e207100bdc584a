"""Days of the ledger with their signed heads, the salts of those who acted, and kept objects that are no AIPs.

Revision ID: 0002
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.catalog.columns import Instant, Words

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "kept_object",
        sa.Column("id", Words, primary_key=True),
        sa.Column("inventory_sha512", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "ledger_day",
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("since", Words, nullable=False),
        sa.Column("day", Words, nullable=False),
        sa.Column("first_seq", sa.BigInteger, nullable=False),
        sa.Column("last_seq", sa.BigInteger, nullable=False),
        sa.Column("events", sa.BigInteger, nullable=False),
        sa.Column("head", sa.LargeBinary, nullable=False),
        sa.Column("signature", sa.LargeBinary, nullable=False),
        sa.Column("token", sa.LargeBinary, nullable=False),
        sa.Column("sealed", Instant),
        sa.UniqueConstraint("day", name="ledger_day_day"),
    )
    op.create_table(
        "ledger_person",
        sa.Column("name", Words, primary_key=True),
        sa.Column("salt", sa.LargeBinary, nullable=False),
    )
