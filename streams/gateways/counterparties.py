"""Builds a platform's counterparties: simulated ones, on price history or on the last marks.

They implement the ports that real sessions take (FIX, ISO 20022). Everything they do follows from
the seed and the ids of the messages that they receive, so a restart finds the same street.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import NamedTuple

from adapters.market import history as market_history
from adapters.market.calendars import settlement_days
from adapters.simulators.always_open import AlwaysOpen
from adapters.simulators.bank import SimulatedBank
from adapters.simulators.custodian import SimulatedCustodian
from adapters.simulators.market import BridgedMarket
from adapters.simulators.misbehaviour import BankFaults, CustodianFaults, VenueFaults
from adapters.simulators.statement import Statement
from adapters.simulators.venue import SimulatedVenue
from adapters.wiring.venues import RealVenue
from domain.shared.settlement_dates import (
    OutsideCalendar,
    SettlementDays,
    market_of,
    settlement_date,
)
from projections.ports import Log
from sagas.engine.ports import SagaStore
from streams.gateways.channels.bank import BankChannel
from streams.gateways.channels.custodian import CustodianChannel
from streams.gateways.channels.venue import SettlDate, VenueChannel
from streams.gateways.sessions import VENUE, Session, gateways, session_key
from streams.gateways.street import Booking, Street
from streams.sagas.runner import Send


class Faults(NamedTuple):
    venue: VenueFaults
    custodian: CustodianFaults
    bank: BankFaults


YEAR = Faults(
    VenueFaults(
        reject=0.002,
        cancel=0.003,
        overfill=0.0005,
        bust=0.003,
        correct=0.003,
        duplicate=0.01,
        late=0.005,
        out_of_order=0.005,
    ),
    CustodianFaults(fail=0.02, partial=0.02, duplicate=0.01),
    BankFaults(reject=0.02, give_back=0.02, duplicate=0.02),
)
"""The fault rates of a simulated year: high enough that every path is taken."""

AHEAD = timedelta(days=400)  # how far beyond the last trade date calendars must reach


def simulated_street(
    log: Log,
    store: SagaStore,
    send: Send,
    *,
    clock: Callable[[], datetime],
    statement: Statement,
    seed: int,
    last: date,
    faults: Faults = YEAR,
) -> Street:
    """Counterparties on real price history until `last`, misbehaving at the rates of `faults`."""
    days = NextDay(last + AHEAD)
    parties = history_parties(days, seed=seed, faults=faults)
    sides = parties.sessions(statement, days.settl_date)
    return Street(log, clock, gateways=gateways(log, store, send, sides), statement=statement)


def history_parties(days: "NextDay", *, seed: int, faults: Faults) -> "Parties":
    """Venue, custodian and bank on real price history, as they are before the first message."""
    return Parties(
        SimulatedVenue(history_market(seed), seed=seed, faults=faults.venue),
        SimulatedCustodian(seed=seed, faults=faults.custodian, next_day=days.after),
        SimulatedBank(seed=seed, faults=faults.bank),
    )


def history_market(seed: int) -> BridgedMarket:
    """The real closes, and between them a path that follows from the seed."""
    prices = market_history.prices()

    def closes(symbol: str, day: date) -> tuple[Decimal, Decimal] | None:
        try:
            today = prices.on(day)
        except market_history.OutsideHistory:
            return None
        before = prices.on(prices.day_before(day))
        return (before[symbol], today[symbol]) if symbol in today and symbol in before else None

    return BridgedMarket(closes, prices.symbols.__contains__, seed=seed)


def live_street(
    log: Log,
    store: SagaStore,
    send: Send,
    *,
    clock: Callable[[], datetime],
    statement: Statement,
    marks: Mapping[str, Decimal],
    units: Mapping[str, str] | None = None,
    venues: Sequence[RealVenue] = (),
) -> Street:
    """Well-behaved counterparties for `serve`: a venue that never closes, around the last marks.

    `units`: the unit of each mark, by symbol. An order keeps the unit that it was placed in when a
    listing's quotation changes. `venues`: real ones; without any, one is simulated.
    """
    today = clock().date()
    days = NextDay(today + timedelta(days=400))
    market = AlwaysOpen(marks, since=today - timedelta(days=1))  # the same fills after a restart
    parties = Parties(
        SimulatedVenue(market, seed=0, units=units),
        SimulatedCustodian(seed=0, next_day=days.after),
        SimulatedBank(seed=0),
    )
    real = [Session(venue_channel(one, days.settl_date), one.venue) for one in venues]
    simulated = parties.sessions(statement, days.settl_date)
    sides = (*real, *(s for s in simulated if not (real and s.kind == VENUE)))
    return Street(log, clock, gateways=gateways(log, store, send, sides), statement=statement)


def venue_channel(one: RealVenue, settl_date: SettlDate) -> VenueChannel:
    """The channel of a venue; the only one needs no name and takes every order."""
    return VenueChannel(settl_date, session_key(VENUE, one.name), destinations=one.destinations)


class NextDay:
    """Settlement days of any country's market, up to `until`.

    Raises:
        OutsideCalendar: the country's market has no calendar, or it does not reach that far.
    """

    def __init__(self, until: date) -> None:
        self._until = until

    def after(self, country: str, day: date, n: int) -> date:
        return self._days(country).after(day, n)

    def settl_date(self, country: str, trade_date: date) -> date:
        return settlement_date(self._days(country), trade_date)

    def _days(self, country: str) -> SettlementDays:
        market = market_of(country)
        if market is None:
            raise OutsideCalendar(f"no settlement calendar for country {country!r}")
        return settlement_days(market, self._until)


class Parties(NamedTuple):
    venue: SimulatedVenue
    custodian: SimulatedCustodian
    bank: SimulatedBank

    def sessions(self, statement: Statement, settl_date: SettlDate) -> tuple[Session, ...]:
        """One session each; what custodian and bank book also goes to the statement."""
        return (
            Session(VenueChannel(settl_date), self.venue),
            Session(CustodianChannel(), Booking(self.custodian, statement)),
            Session(BankChannel(), Booking(self.bank, statement)),
        )
