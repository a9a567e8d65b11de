"""A double of EventStoreDB's gRPC services, for tests: real wire, one process, no cluster log.

    store.py    streams, one log with gaps in its positions, expected versions, deletion
    reads.py    the results of reads and subscriptions: direction, filters, dangling links
    faults.py   misbehaviour on demand
    wire.py     protocol messages in and out
    server.py   the services on a port; nodes of a cluster share a store
    subscriptions.py  the names of persistent subscriptions, which cannot be read here

Semantics from EventStoreDB's documentation; the stream and subscription tests of esdbclient's own
suite pass against it (docs/adr/0015). `python -m tests.esdb_double` runs it by itself.
"""
