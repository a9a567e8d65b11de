"""Faults of a counterparty, as probabilities; 0 is a counterparty without the fault."""

from msgspec import Struct


class VenueFaults(Struct, frozen=True, kw_only=True):
    """Probabilities by order (o) or by execution (e)."""

    reject: float = 0.0  # o: refused instead of accepted
    reject_late: float = 0.0  # o: accepted, and refused at its next tick
    cancel: float = 0.0  # o: cancelled unasked, after its first tick
    silent: float = 0.0  # o: no answer to anything, ever
    overfill: float = 0.0  # o: one execution more than was ordered
    bust: float = 0.0  # e: cancelled on the day after
    correct: float = 0.0  # e: corrected on the day after, to a price one tick away
    duplicate: float = 0.0  # e: reported twice
    late: float = 0.0  # e: reported after the close, or on the day after
    out_of_order: float = 0.0  # e: reported after later executions
    miscount: float = 0.0  # e: with a CumQty, LeavesQty and AvgPx that are wrong
    reuse_id: float = 0.0  # e: its ExecID comes again, with another quantity


class CustodianFaults(Struct, frozen=True, kw_only=True):
    """Probabilities by instruction."""

    fail: float = 0.0  # unsettled on its date
    fail_days_max: int = 3  # business days until it settles after all, 1 to this many
    partial: float = 0.0  # half of it on the date, the rest on the next business day
    duplicate: float = 0.0  # a confirmation is sent twice
    deny_cancel: float = 0.0


class BankFaults(Struct, frozen=True, kw_only=True):
    """Probabilities by payment."""

    reject: float = 0.0
    give_back: float = 0.0  # returned some days after it was booked
    duplicate: float = 0.0
    silent: float = 0.0
