"""ClickHouse: a server, or the embedded engine in a process of its own."""
