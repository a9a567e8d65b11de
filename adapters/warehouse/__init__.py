"""The warehouse: its tables, their columns, its client and its loader."""
