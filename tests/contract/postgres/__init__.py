"""Embedded Postgres, migrations, the schema."""
