"""The steps that make and change the tables, in Alembic's order. `partway.records.migrate` runs them."""
