"""Postgres: the log, the views, the sagas, the keys, the schema; an embedded server."""
