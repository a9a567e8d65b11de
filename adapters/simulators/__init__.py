"""Simulated counterparties (venue, custodian, bank): correct by default, faulty on demand."""
