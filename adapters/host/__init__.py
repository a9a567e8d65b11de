"""The machine: clock, randomness, files, locks and processes."""
