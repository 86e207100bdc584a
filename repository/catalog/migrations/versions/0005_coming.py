"""Contents of accepted deposits that are in no AIP yet.

Revision ID: 0005
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.catalog.columns import RowId, Words

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "coming",
        sa.Column("pk", RowId, primary_key=True),
        sa.Column("deposit_id", Words, nullable=False),
        sa.Column("aip_id", Words, nullable=False),
        sa.Column("producer", Words, nullable=False),
        sa.Column("identifier", Words, nullable=False),
        sa.UniqueConstraint("deposit_id", name="coming_deposit"),
    )
    op.create_index("coming_identifier", "coming", ["producer", "identifier"])
    op.create_table(
        "coming_file",
        sa.Column("pk", RowId, primary_key=True),
        sa.Column("coming_pk", sa.BigInteger, nullable=False),
        sa.Column("path", Words, nullable=False),
        sa.Column("sha512", sa.LargeBinary, nullable=False),
        sa.Column("digest_key", sa.BigInteger, nullable=False),
    )
    op.create_index("coming_file_of", "coming_file", ["coming_pk"])
    op.create_index("coming_file_digest", "coming_file", ["digest_key"])
