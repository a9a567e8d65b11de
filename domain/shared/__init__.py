"""What all aggregates share: messages, money, dates, FIX. Imports no other package of ours."""
