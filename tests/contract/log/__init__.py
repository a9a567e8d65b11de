"""Recorders, keys and group commit, each against the suite of its port."""
