"""Every port in memory, for simulations and tests."""
