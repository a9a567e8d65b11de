"""Edge: commands over HTTP, GraphQL, the warehouse endpoint, and the command line."""
