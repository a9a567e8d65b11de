"""The HTTP doors: commands, health, metrics, warehouse queries, and what protects them."""
