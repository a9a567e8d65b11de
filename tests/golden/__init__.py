"""Stored bytes that every later build must read: the golden log and a sample of each event."""
