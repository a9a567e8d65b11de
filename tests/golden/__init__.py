"""Stored bytes that every later build has to read: the golden log and a sample of each event."""
