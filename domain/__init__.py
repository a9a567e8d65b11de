"""The rules of trading and bookkeeping: pure and synchronous; standard library, msgspec, stdnum."""
