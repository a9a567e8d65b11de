"""Whole runs in virtual time: faults, crashes, partitions, the demo."""
