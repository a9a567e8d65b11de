"""Runners, on ports in memory."""
