"""The write side: load streams, decide, append, retry when another writer wins."""
