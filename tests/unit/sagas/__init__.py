"""Sagas, alone and in a small world."""
