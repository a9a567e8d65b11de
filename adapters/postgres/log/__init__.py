"""The log in Postgres."""
