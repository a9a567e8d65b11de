"""Views of instruments, prices and exchange rates."""
