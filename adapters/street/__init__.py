"""Counterparties in processes of their own: simulators behind the protocols of the street."""
