"""Edge: commands over HTTP, GraphQL, the warehouse door, and the command line."""
