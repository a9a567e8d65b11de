"""Checkpoints and tampering, on real stores."""
