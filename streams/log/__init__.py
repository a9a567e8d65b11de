"""Runs behind the log: the relay to the bus, the signer, the pruner."""
