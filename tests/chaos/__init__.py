"""Real processes under load and under fire: `make test-chaos` (see docs/reliability.md)."""
