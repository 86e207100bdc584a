"""The collection of each AIP, and when a copy was looked at without reading it.

Revision ID: 0006
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.catalog.columns import Instant, Words

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("aip", sa.Column("collection", Words, nullable=False, server_default=""))
    op.create_index("aip_collection", "aip", ["collection", "id"])
    op.add_column("copy", sa.Column("last_look", Instant))
    op.add_column("copy", sa.Column("look_next", Instant))
    there = sa.text("look_next IS NOT NULL")
    columns = ["tier", "look_next", "aip_id"]
    op.create_index("copy_look", "copy", columns, sqlite_where=there, postgresql_where=there)
