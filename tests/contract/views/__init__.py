"""Sinks and rebuilding."""
