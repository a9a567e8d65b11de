"""Keeps the views up to date with the log: in the process, or in workers behind the bus."""
