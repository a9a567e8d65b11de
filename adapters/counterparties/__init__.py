"""Counterparties as ports: venue (FIX 4.4), custodian (sese), bank (pain, camt).

    gateway --submit--> counterparty --advance--> reports --> gateway

The messages carry the standards' fields under our spelling of their names, and their tags are
the standards' message types, so that a real session replaces a simulator without a change on this
side. Sending is at least once: `poss_resend` marks a message that may have been sent before, and
the receiver drops repeats by their business id (ClOrdID, TxId, EndToEndId). Times are UTC; money
and quantities Decimal.
"""
