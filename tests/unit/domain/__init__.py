"""Aggregates, their rules and the ledger: given, when, then."""
