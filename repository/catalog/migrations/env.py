"""What Alembic runs: the migrations, inside the transaction that `repository.catalog.schema.upgrade` opened."""

from __future__ import annotations

from alembic import context

from repository.catalog.schema import VERSION_TABLE
from repository.catalog.tables import metadata

context.configure(
    connection=context.config.attributes["transaction"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=True,
)
context.run_migrations()
