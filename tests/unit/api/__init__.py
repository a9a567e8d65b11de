"""The edge, without a server."""
