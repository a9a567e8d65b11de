"""GraphQL on a real socket."""
