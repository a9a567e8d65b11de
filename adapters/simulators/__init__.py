"""Counterparties that are not ours (venue, custodian, bank), honest by default, bad on demand."""
