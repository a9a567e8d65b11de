"""Keeps the views up to the log: in the process, or in workers behind the bus."""
