"""Runs the sagas and their timers."""
