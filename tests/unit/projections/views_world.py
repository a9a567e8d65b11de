"""A small world for views: real commands through the real aggregates, into a list of events."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any

from commands.ports import naming
from domain.account.busts import Booked, BustTrade
from domain.account.cash import DepositCash
from domain.account.obligations import SettleObligation
from domain.account.standing import OpenAccount
from domain.account.trades import BookTrade, TradeBooked
from domain.catalogue import DECIDERS
from domain.client.commands import ApproveKyc, OnboardClient, SubmitKyc
from domain.client.events import Document, Kind, RiskRating
from domain.fx import FixRates
from domain.instrument.commands import ListInstrument
from domain.ledger import entries
from domain.order import commands as o
from domain.price import MarkPrice
from domain.shared.fix import OrdType, Side
from domain.shared.message import Command, Event, Refused, Seen
from projections.ledger.controls import Line, add, by_unit
from tests.unit.projections.view_log import START, ListLog, arrived

TODAY = START.date()
YESTERDAY = TODAY - timedelta(days=1)
SETTLES = TODAY + timedelta(days=3)
ISIN = "US0378331005"
D = Decimal


class World:
    """`tell` a command: its events go into `log`. A refusal is returned, and changes nothing."""

    def __init__(self) -> None:
        self.log = ListLog()
        self.states: dict[str, Any] = {}
        self.versions: dict[str, int] = {}

    def tell(self, command: Command, *, actor: str = "clerk") -> tuple[Event, ...] | Refused:
        decider = DECIDERS[type(command)]
        stream = self.stream(decider, command)
        seen = Seen(
            now=self.now,
            effective_at=self.now,
            actor=actor,
            streams={s: self.state(s) for s in decider.reads(command)},
            log_end=len(self.log.envelopes),
            dues=self.dues,
        )
        decision = decider.decide(command, self.state(stream, decider), seen)
        if isinstance(decision, Refused):
            return decision
        for event in decision:
            self._append(decider, stream, event)
        return tuple(decision)

    def done(self, command: Command, *, actor: str = "clerk") -> tuple[Event, ...]:
        """The same for a command that must not be refused."""
        decision = self.tell(command, actor=actor)
        assert not isinstance(decision, Refused), f"{command}: {decision}"
        return decision

    @property
    def dues(self) -> dict[str, Decimal]:
        """The clients' debts to the house, by currency."""
        balances: dict[Line, Decimal] = {}
        for envelope in self.log.envelopes:
            for entry in entries(envelope.event):
                add(balances, entry.postings)
        return {unit: -amount for unit, amount in by_unit(balances, "C.DUE").items()}

    @property
    def now(self) -> datetime:
        return START + timedelta(minutes=len(self.log.envelopes) + 1)

    def state(self, stream: str, decider: Any = None) -> Any:
        if stream not in self.states:
            category = stream.split("-", 1)[0]
            found = decider or next(d for d in DECIDERS.values() if category == d.CATEGORY)
            return found.INITIAL
        return self.states[stream]

    @staticmethod
    def stream(decider: Any, command: Command) -> str:
        return naming(decider)(command)

    def _append(self, decider: Any, stream: str, event: Event) -> None:
        state = decider.evolve(self.state(stream, decider), event)
        self.states[stream] = state
        self.versions[stream] = version = self.versions.get(stream, 0) + 1
        home = decider.home(state, stream)
        n = len(self.log.envelopes) + 1
        self.log.envelopes.append(arrived(event, n, stream=stream, version=version, home=home))


def opened_world(*accounts: str) -> World:
    """An approved client, Apple listed and marked, EUR fixed, and dollar accounts."""
    world = World()
    world.done(OnboardClient(client_id="C1", kind=Kind.INDIVIDUAL, legal_name="Ada", country="US"))
    world.done(SubmitKyc(client_id="C1", documents=(Document(kind="passport", reference="P1"),)))
    review = TODAY + timedelta(days=360)
    approve = ApproveKyc(
        client_id="C1", officer="olga", risk_rating=RiskRating.LOW, review_on=review
    )
    world.done(approve, actor="olga")
    world.done(
        ListInstrument(
            instrument_id="AAPL",
            symbol="AAPL",
            isin=ISIN,
            currency="USD",
            mic="XNAS",
            asset_class="equity",
            lot_size=D(100),
            tick_size=D("0.01"),
        )
    )
    world.done(mark("50.00"))
    world.done(FixRates(source="ecb", rate_date=TODAY, rates={"USD": D("1.1000")}))
    for account_id in accounts:
        world.done(OpenAccount(account_id=account_id, client_id="C1", base_currency="USD"))
    return world


def mark(price: str, on: date = TODAY) -> MarkPrice:
    return MarkPrice(
        instrument_id="AAPL",
        isin=ISIN,
        price=D(price),
        currency="USD",
        price_date=on,
        source="close",
    )


def deposit(account_id: str, amount: str, ref: str, available_on: date | None = None) -> Command:
    return DepositCash(
        account_id=account_id,
        amount=D(amount),
        currency="USD",
        reference=ref,
        available_on=available_on,
    )


def trade(
    account_id: str, trade_id: str, side: Side, qty: int, price: str, *, order_id: str = ""
) -> BookTrade:
    return BookTrade(
        account_id=account_id,
        trade_id=trade_id,
        order_id=order_id or f"O{trade_id}",
        exec_id=f"E{trade_id}",
        instrument_id="AAPL",
        isin=ISIN,
        side=side,
        qty=D(qty),
        price=D(price),
        currency="USD",
        gross=D(qty) * D(price),
        trade_date=TODAY,
        settl_date=SETTLES,
    )


def settle(account_id: str, obligation_id: str, qty: str, amount: str, ref: str) -> Command:
    return SettleObligation(
        account_id=account_id,
        obligation_id=obligation_id,
        qty=D(qty),
        amount=D(amount),
        value_date=SETTLES,
        confirmation_id=ref,
    )


def bust(event: TradeBooked) -> BustTrade:
    booked = Booked(**{f: getattr(event, f) for f in Booked.__struct_fields__})
    return BustTrade(
        account_id=event.account_id,
        trade_id=event.trade_id,
        order_id=event.order_id,
        booked=booked,
        settl_date=SETTLES,
    )


def place(order_id: str, qty: int, limit_px: str, side: Side = Side.BUY) -> o.PlaceOrder:
    return o.PlaceOrder(
        order_id=order_id,
        account_id="A1",
        instrument_id="AAPL",
        side=side,
        qty=D(qty),
        ord_type=OrdType.LIMIT,
        limit_px=D(limit_px),
    )


def fill(order_id: str, exec_id: str, qty: int, price: str) -> o.RecordFill:
    return o.RecordFill(
        order_id=order_id,
        venue_order_id="V1",
        exec_id=exec_id,
        last_qty=D(qty),
        last_px=D(price),
        transact_time=START,
        trade_date=TODAY,
        settl_date=SETTLES,
    )
