"""The market: calendars of exchanges, and price history."""
