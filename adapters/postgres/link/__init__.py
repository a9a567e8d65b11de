"""Connections to Postgres, and what is sent over them."""
