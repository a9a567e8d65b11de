"""The HTTP doors on a real socket."""
