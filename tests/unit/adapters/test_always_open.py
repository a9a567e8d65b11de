"""The market that never closes: a fixed path of prices, a first day, and memory for one day."""

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from time import monotonic

from msgspec.structs import replace

from adapters.counterparties.fix import NewOrderSingle
from adapters.simulators.always_open import AlwaysOpen
from adapters.simulators.venue import SimulatedVenue
from domain.shared.fix import OrdType, Side, TimeInForce

TODAY = date(2026, 11, 23)
NOON = datetime.combine(TODAY, time(12), UTC)


def test_it_trades_around_the_mark_from_its_first_day_on() -> None:
    marks = {"AAPL": Decimal("50.00")}
    market = AlwaysOpen(marks, since=TODAY)
    assert market.session("AAPL", TODAY - timedelta(days=1)) is None
    assert market.session("MSFT", TODAY) is None
    session = market.session("AAPL", TODAY)
    assert session is not None and session is market.session("AAPL", TODAY)
    prices = {tick.price for tick in session.ticks}
    assert (min(prices), max(prices)) == (Decimal("49.9000"), Decimal("50.1000"))
    marks["AAPL"] = Decimal("60.00")
    moved = market.session("AAPL", TODAY)
    assert moved is not None and min(tick.price for tick in moved.ticks) > 59


async def test_an_order_left_open_years_ago_costs_no_time_and_may_still_trade() -> None:
    marks = {"AAPL": Decimal("50.00")}
    venue = SimulatedVenue(AlwaysOpen(marks, since=TODAY - timedelta(days=1)), seed=0)
    for name, limit in (("far", "10.00"), ("near", "49.95")):
        await venue.submit(_order(name, limit))
    started = monotonic()
    reports = await venue.advance(NOON)
    assert monotonic() - started < 5
    filled = {r.secondary_cl_ord_id for r in reports if getattr(r, "last_qty", 0)}
    assert filled == {"near"}


async def test_an_order_trades_in_the_unit_it_was_placed_in_whatever_unit_marks_are_in() -> None:
    market = AlwaysOpen({"AAPL": Decimal("0.70")}, since=TODAY)
    venue = SimulatedVenue(market, seed=0, units={"AAPL": "GBP"})
    orders = (("below", "69.00", "GBX"), ("above", "71.00", "GBX"), ("euros", "71.00", "EUR"))
    for name, limit, currency in orders:
        await venue.submit(replace(_order(name, limit), currency=currency))
    reports = await venue.advance(NOON)
    fills = [r for r in reports if getattr(r, "last_qty", 0)]
    assert {r.secondary_cl_ord_id for r in fills} == {"above"}
    assert all(69 < r.last_px < 71 for r in fills)


def _order(name: str, limit: str) -> NewOrderSingle:
    return NewOrderSingle(
        cl_ord_id=f"{name}.c1",
        secondary_cl_ord_id=name,
        symbol="AAPL",
        security_id="US0378331005",
        currency="USD",
        side=Side.BUY,
        order_qty=Decimal(100),
        ord_type=OrdType.LIMIT,
        price=Decimal(limit),
        time_in_force=TimeInForce.GTC,
        transact_time=datetime(2022, 1, 14, 15, tzinfo=UTC),
    )
