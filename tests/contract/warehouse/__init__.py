"""The warehouse on its engines."""
