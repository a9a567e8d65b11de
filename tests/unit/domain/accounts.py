"""An account's past and its commands, short enough for a test to read."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from types import SimpleNamespace
from typing import Any

from domain import account
from domain.account.busts import Booked, BustTrade
from domain.account.cash import CashDeposited
from domain.account.holds import ReserveForOrder
from domain.account.obligations import SettleAfterBust, SettleObligation
from domain.account.standing import AccountOpened
from domain.account.state import State
from domain.account.trades import BookTrade, TradeBooked
from domain.fx import Fixing
from domain.instrument.state import Instrument, InstrumentStatus
from domain.shared.digests import digest, reference_form
from domain.shared.fix import Side
from domain.shared.message import Command, Event, Refused, Seen

D = Decimal
A1, A2 = "A1", "A2"
X = "US0378331005"
DAY, NEXT = date(2024, 6, 3), date(2024, 6, 4)
FIXING = Fixing(rate_date=DAY, rates={"USD": D("1.1"), "GBP": D("0.85"), "JPY": D("160")})

LISTED = Instrument(
    status=InstrumentStatus.LISTED, isin=X, currency="USD", settlement_currency="USD", mic="XNAS"
)
"""Instrument I1: a share of `X`."""

OPENED = AccountOpened(
    account_id=A1, client_id="K1", base_currency="USD", lot_method="FIFO", account_type="cash"
)


def at(day: date = DAY, **streams: Any) -> Seen:
    """The world on `day`: a fixing, an approved client K1, an open account A2."""
    now = datetime.combine(day, datetime.min.time(), UTC)
    known = {
        "fx-ecb": FIXING,
        "client-K1": SimpleNamespace(status="approved"),
        "instrument-I1": LISTED,
        "account-A2": State(account_id=A2, status="open", base_currency="USD", lot_method="FIFO"),
    }
    return Seen(now=now, effective_at=now, streams=known | streams)


def opened(**terms: Any) -> AccountOpened:
    fields = {f: getattr(OPENED, f) for f in OPENED.__struct_fields__}
    return AccountOpened(**fields | terms)


def deposited(amount: str, currency: str = "USD", **more: Any) -> CashDeposited:
    """A receipt as the account K1's decision books it."""
    reference = more.get("reference", "P1")
    known = digest(reference_form(reference), b"", scope="K1")
    given = {
        "reference": reference,
        "value_date": DAY,
        "client_id": "K1",
        "reference_hmac": known,
    }
    return CashDeposited(account_id=A1, amount=D(amount), currency=currency, **given | more)


def reserve(
    order: str = "O1", qty: str = "100", amount: str = "5005.00", side: Side = Side.BUY, **more: Any
) -> ReserveForOrder:
    return ReserveForOrder(
        account_id=A1,
        order_id=order,
        side=side,
        isin=X,
        currency="USD",
        qty=D(qty),
        amount=D(amount),
        **more,
    )


def fill(
    trade: str, qty: str, px: str, side: Side = Side.BUY, *, order: str = "O1", **more: Any
) -> BookTrade:
    """Charged by the schedule of DE: commission alone, 10 basis points, at least 1.00."""
    gross = (D(qty) * D(px)).quantize(D("0.01"))
    fields = {
        "currency": "USD",
        "gross": gross,
        "country": "DE",
        "isin": X,
        "trade_date": DAY,
        "settl_date": NEXT,
    }
    return BookTrade(
        account_id=A1,
        trade_id=trade,
        order_id=order,
        exec_id=f"E-{trade}",
        instrument_id="I1",
        side=side,
        qty=D(qty),
        price=D(px),
        **fields | more,
    )


def confirm(obligation: str, qty: str, amount: str, confirmation: str = "C1") -> SettleObligation:
    return SettleObligation(
        account_id=A1,
        obligation_id=obligation,
        qty=D(qty),
        amount=D(amount),
        value_date=NEXT,
        confirmation_id=confirmation,
    )


def after_bust(booked: TradeBooked, qty: str, amount: str, *, reverse: str) -> SettleAfterBust:
    return SettleAfterBust(
        account_id=A1,
        obligation_id=booked.trade_id,
        reverse_id=reverse,
        isin=booked.isin,
        side=booked.side,
        qty=D(qty),
        amount=D(amount),
        currency=booked.currency,
        trade_date=booked.trade_date,
        value_date=NEXT,
        confirmation_id=f"C-{reverse}",
    )


def bust(booked: TradeBooked) -> BustTrade:
    return BustTrade(
        account_id=A1,
        trade_id=booked.trade_id,
        order_id=booked.order_id,
        booked=Booked(
            exec_id=booked.exec_id,
            isin=booked.isin,
            side=booked.side,
            qty=booked.qty,
            currency=booked.currency,
            gross=booked.gross,
            charges=booked.charges,
            lots=booked.lots,
            trade_date=booked.trade_date,
            accrued_interest=booked.accrued_interest,
        ),
        settl_date=date(2024, 6, 6),
        reason="bust",
    )


class Book:
    """An account that handles one command after the other."""

    def __init__(self, *past: Event, seen: Seen | None = None) -> None:
        self.state = reduce(account.evolve, past or (OPENED,), account.INITIAL)
        self.seen = seen or at()

    def send(self, command: Command, seen: Seen | None = None) -> Any:
        """The only event, `()` for none, all events if there are several, or the refusal."""
        decision = account.decide(command, self.state, seen or self.seen)
        if isinstance(decision, Refused):
            return decision
        self.state = reduce(account.evolve, decision, self.state)
        return decision[0] if len(decision) == 1 else decision

    def lots(self, isin: str = X) -> dict[str, tuple[Decimal, Decimal]]:
        return {lot.lot_id: (lot.qty, lot.cost) for lot in self.state.lots.get(isin, ())}
