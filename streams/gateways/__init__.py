"""Carries orders, instructions and payments to the street, and its reports back."""
