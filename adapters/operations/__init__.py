"""Work of an operator: backup, migration, rebuild, erasure, balances."""
