"""EventStoreDB: the log."""
