"""What lies in archives, beside each archive's own format.

Revision ID: 0008
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from repository.catalog.columns import Words

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("file", sa.Column("inside", Words, nullable=False, server_default=""))
    enclosing = sa.text("inside <> ''")
    op.create_index("file_enclosing", "file", ["aip_pk", "path"], sqlite_where=enclosing, postgresql_where=enclosing)
