"""Which versions no batch of evidence holds, without looking at all versions.

Revision ID: 0007
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("aip_version", sa.Column("proved", sa.SmallInteger, nullable=False, server_default="0"))
    op.execute(
        "UPDATE aip_version SET proved = 1 WHERE EXISTS (SELECT 1 FROM aip JOIN evidence_leaf ON evidence_leaf.id = aip.id"
        " WHERE aip.pk = aip_version.aip_pk AND evidence_leaf.version = aip_version.number)"
    )
    waiting = sa.text("proved = 0")
    columns = ["created", "aip_pk", "number"]
    op.create_index("aip_version_unproved", "aip_version", columns, sqlite_where=waiting, postgresql_where=waiting)
