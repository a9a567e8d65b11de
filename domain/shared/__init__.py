"""The words of every aggregate: messages, money, dates, FIX. Imports nothing of ours."""
