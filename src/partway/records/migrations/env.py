"""Alembic runs this. The connection comes from `partway.records.migrate`; there is no ini file."""

from __future__ import annotations

from alembic import context

from partway.records.tables import VERSION_TABLE, metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    transactional_ddl=False,  # the whole run is one transaction already
)
context.run_migrations()
