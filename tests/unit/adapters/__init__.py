"""Adapters without their technology."""
