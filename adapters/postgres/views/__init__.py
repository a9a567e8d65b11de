"""The views in Postgres: tables, who may read them, the sink and the readers."""
