"""The store and the lease of sagas."""
