"""Views of clients and accounts."""
