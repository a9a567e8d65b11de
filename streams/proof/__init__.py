"""Compares what is stored with a fresh fold of the log."""
