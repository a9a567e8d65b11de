"""The sagas in Postgres: their states, and the lease of the process that leads."""
