"""The census of a run: what its summary counts, and what the house has to move.

It watches the same fold of the log that the auditor compares the other engines with.
"""

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal

from domain.account.cash import CashDeposited
from domain.account.obligations import ObligationFailing, ObligationSettled, SettledAfterBust
from domain.account.withdrawals import WithdrawalCompleted
from domain.fix_session.events import (
    FixMessageReceived,
    FixMessageSent,
    FixMessagesResent,
    FixSessionOpened,
)
from domain.house import DayClosed
from domain.order.events import OrderFilled, OrderPlaced, TradeCanceled
from domain.saga import CommandRefused
from domain.shared.envelope import Envelope
from domain.shared.money import ZERO
from projections.ledger.controls import by_unit, client_money
from projections.ports import Log
from streams.gateways.sessions import KINDS, kind_of
from streams.views.ledger_fold import LedgerFold


class Census:
    def __init__(self, log: Log) -> None:
        self.fold = LedgerFold(log, self._count)
        self.counts: Counter[str] = Counter()
        self.last_day: Counter[str] = Counter()  # of these, since the close before the last
        self._closed: Counter[str] = Counter()  # the counts at the last close
        self.closed_day: date | None = None
        self.fix_sessions: set[str] = set()
        self.failed: set[str] = set()  # obligations that ever failed
        self.paid_in: dict[str, Decimal] = defaultdict(
            Decimal
        )  # deposits less withdrawals, by account

    @property
    def open_day(self) -> date | None:
        """The day that the log has begun and not closed: its sweep is still to come."""
        last_at, closed = self.fold.last_at, self.closed_day
        if last_at is None or (closed is not None and last_at.date() <= closed):
            return None
        return last_at.date()

    def sweeps(self) -> list[tuple[str, Decimal]]:
        """What the house moves today, by currency: + its dues, as far as client money stays
        whole; - a top-up where clients' money is short (domain.md rules 20 and 22)."""
        dues = by_unit(self.fold.balances, "C.DUE")
        out = []
        for unit, found in client_money(self.fold.balances).items():
            spare = found.excess
            amount = spare if spare < 0 else min(spare, -dues.get(unit, ZERO))
            if amount < 0 and spare >= 0:
                amount = ZERO  # the clients' estate owes nothing
            if amount:
                out.append((unit, amount))
        return out

    def _count(self, arrived: Envelope) -> None:
        self._count_street(arrived)
        match arrived.event:
            case CashDeposited(account_id=paid, amount=amount):
                self.paid_in[paid] += amount
            case WithdrawalCompleted(account_id=paid, amount=amount):
                self.paid_in[paid] -= amount
            case DayClosed(day=day):
                self.closed_day = day
                self.last_day, self._closed = self.counts - self._closed, self.counts.copy()
            case OrderPlaced():
                self.counts["orders"] += 1
            case OrderFilled():
                self.counts["fills"] += 1
            case TradeCanceled():
                self.counts["busts"] += 1
            case ObligationSettled(rest_qty=rest) if not rest:
                self.counts["settled"] += 1
            case SettledAfterBust():
                self.counts["after_bust"] += 1
            case ObligationFailing(obligation_id=failing):
                self.failed.add(failing)

    def _count_street(self, arrived: Envelope) -> None:
        match arrived.event:
            case CommandRefused(saga=saga) if kind_of(saga) in KINDS:
                self.counts["suspense"] += 1
            case FixSessionOpened(session_id=session_id):
                self.fix_sessions.add(session_id)
            case FixMessageSent() | FixMessageReceived():
                self.counts["fix_messages"] += 1
            case FixMessagesResent(messages=again):
                self.counts["fix_resends"] += again
