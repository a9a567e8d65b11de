"""The HTTP endpoints: commands, health, metrics, warehouse queries, and their protections."""
