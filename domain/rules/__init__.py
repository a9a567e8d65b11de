"""Calculations that several aggregates use: lots, charges, powers of attorney."""
