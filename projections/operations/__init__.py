"""Views for operations: cases, closed days, fees, repeated references."""
