"""Real processes under load and faults: `make test-chaos` (see docs/reliability.md)."""
