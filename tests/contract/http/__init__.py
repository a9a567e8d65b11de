"""The HTTP endpoints on a real socket."""
