"""Where file records are kept: SQLite or PostgreSQL through SQLAlchemy Core, or memory; and the contract they pass."""
