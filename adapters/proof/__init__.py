"""Proof that the log is whole: checkpoints, witnesses and the audit."""
