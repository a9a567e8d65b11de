"""Views of what a client holds and what is still to settle."""
