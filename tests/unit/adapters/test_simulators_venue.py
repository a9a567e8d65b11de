"""The simulated venue: orders of each type on a fixed path of prices, and the venue's faults."""

import asyncio
from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.counterparties.fix import (
    DkReason,
    DontKnowTrade,
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from adapters.simulators.market import BridgedMarket, Session, Tick
from adapters.simulators.misbehaviour import VenueFaults
from adapters.simulators.venue import SimulatedVenue
from domain.shared.fix import OrdRejReason, OrdType, Side, TimeInForce

MONDAY, TUESDAY = date(2024, 3, 4), date(2024, 3, 5)
BUY, SELL = Side.BUY, Side.SELL
FAULTS = (
    "reject",
    "cancel",
    "silent",
    "overfill",
    "bust",
    "correct",
    "duplicate",
    "late",
    "reject_late",
    "miscount",
    "reuse_id",
)


def moment(day: date, hour: int, minute: int = 0) -> datetime:
    return datetime.combine(day, time(hour, minute), UTC)


class Prices:
    """Two sessions of five ticks, an hour apart from 14:00, at these prices."""

    PATHS = {MONDAY: (50, 51, 49, 52, 50), TUESDAY: (50, 48, 47, 53, 55)}

    def session(self, symbol: str, day: date) -> Session | None:
        path = self.PATHS.get(day)
        if path is None:
            return None
        start = moment(day, 14)
        ticks = (Tick(start + n * timedelta(hours=1), Decimal(p)) for n, p in enumerate(path))
        return Session(day, tuple(ticks))

    def lists(self, symbol: str) -> bool:
        return symbol == "AAPL"


def new(**changes: Any) -> NewOrderSingle:
    """A market order to buy 1 (so in one slice), sent before Monday's open."""
    terms: dict[str, Any] = {
        "cl_ord_id": "O1.c1",
        "secondary_cl_ord_id": "O1",
        "symbol": "AAPL",
        "security_id": "US0378331005",
        "side": BUY,
        "order_qty": Decimal(1),
        "ord_type": OrdType.MARKET,
        "currency": "USD",
        "transact_time": moment(MONDAY, 13),
    }
    return NewOrderSingle(**(terms | changes))


def limit(px: int, side: Side = BUY, **changes: Any) -> NewOrderSingle:
    return new(ord_type=OrdType.LIMIT, price=Decimal(px), side=side, **changes)


def cancel(at: datetime, n: int = 2, orig: str = "O1.c1") -> OrderCancelRequest:
    return OrderCancelRequest(
        cl_ord_id=f"O1.c{n}",
        orig_cl_ord_id=orig,
        secondary_cl_ord_id="O1",
        symbol="AAPL",
        side=BUY,
        order_qty=Decimal(1),
        transact_time=at,
    )


def change(at: datetime, qty: int, px: int) -> OrderCancelReplaceRequest:
    return OrderCancelReplaceRequest(
        cl_ord_id="O1.c2",
        orig_cl_ord_id="O1.c1",
        secondary_cl_ord_id="O1",
        symbol="AAPL",
        side=BUY,
        order_qty=Decimal(qty),
        ord_type=OrdType.LIMIT,
        price=Decimal(px),
        transact_time=at,
    )


def trade(
    *messages: Any, to: datetime | None = None, seed: int = 1, faults: VenueFaults | None = None
) -> list[Any]:
    """All reports by Wednesday; each message is sent at its own time."""
    venue = SimulatedVenue(Prices(), seed=seed, faults=faults)

    async def run() -> list[Any]:
        out: list[Any] = []
        for message in messages:
            out += await venue.advance(message.transact_time)
            await venue.submit(message)
        return out + await venue.advance(to or moment(date(2024, 3, 7), 0))

    return asyncio.run(run())


def kinds(reports: list[Any]) -> list[tuple[str, int]]:
    """(what, price of the execution or 0)"""
    return [
        (r.exec_type.name, int(r.last_px)) if isinstance(r, ExecutionReport) else ("REFUSED", 0)
        for r in reports
    ]


def test_a_market_order_takes_the_next_tick() -> None:
    assert kinds(trade(new())) == [("NEW", 0), ("TRADE", 50)]
    late = new(transact_time=moment(MONDAY, 15, 30))
    assert kinds(trade(late)) == [("NEW", 0), ("TRADE", 49)]


def test_an_order_sent_after_the_close_trades_at_the_next_open() -> None:
    assert kinds(trade(new(transact_time=moment(MONDAY, 19)))) == [("NEW", 0), ("TRADE", 50)]


@pytest.mark.parametrize(
    ("px", "side", "fill"),
    [(49, BUY, 49), (50, BUY, 50), (51, SELL, 51), (52, SELL, 52), (40, SELL, 50)],
)
def test_a_limit_order_takes_the_first_tick_that_crosses(px: int, side: Side, fill: int) -> None:
    assert kinds(trade(limit(px, side))) == [("NEW", 0), ("TRADE", fill)]


def test_a_day_order_that_is_not_crossed_expires_at_the_close() -> None:
    reports = trade(limit(40))
    assert kinds(reports) == [("NEW", 0), ("EXPIRED", 0)]
    assert reports[-1].transact_time == moment(MONDAY, 18)


def test_a_gtc_order_waits_for_another_day() -> None:
    assert kinds(trade(limit(47, time_in_force=TimeInForce.GTC))) == [("NEW", 0), ("TRADE", 47)]


def test_a_gtd_order_expires_at_its_time() -> None:
    until = moment(TUESDAY, 15, 30)
    reports = trade(limit(47, time_in_force=TimeInForce.GTD, expire_time=until))
    assert kinds(reports) == [("NEW", 0), ("EXPIRED", 0)]
    assert reports[-1].transact_time == until


def test_a_stop_order_waits_for_its_trigger_and_takes_that_tick() -> None:
    stop = new(ord_type=OrdType.STOP, stop_px=Decimal(52))
    assert kinds(trade(stop)) == [("NEW", 0), ("TRADE", 52)]
    sell = new(ord_type=OrdType.STOP, stop_px=Decimal(49), side=SELL)
    assert kinds(trade(sell)) == [("NEW", 0), ("TRADE", 49)]


def test_a_stop_limit_order_once_triggered_waits_for_its_limit() -> None:
    order = new(ord_type=OrdType.STOP_LIMIT, stop_px=Decimal(51), price=Decimal(49))
    assert kinds(trade(order)) == [("NEW", 0), ("TRADE", 49)]


def test_opening_and_closing_orders_trade_at_the_open_and_the_close_only() -> None:
    at_open = new(time_in_force=TimeInForce.OPG, transact_time=moment(MONDAY, 15))
    assert kinds(trade(at_open)) == [("NEW", 0), ("TRADE", 50)]
    reports = trade(new(time_in_force=TimeInForce.CLS))
    assert kinds(reports) == [("NEW", 0), ("TRADE", 50)]
    assert reports[-1].transact_time == moment(MONDAY, 18)
    assert kinds(trade(limit(40, time_in_force=TimeInForce.OPG)))[-1] == ("EXPIRED", 0)
    assert kinds(trade(limit(40, time_in_force=TimeInForce.CLS)))[-1] == ("EXPIRED", 0)


def test_an_immediate_order_takes_what_the_next_tick_gives_and_is_cancelled() -> None:
    assert kinds(trade(limit(40, time_in_force=TimeInForce.IOC))) == [("NEW", 0), ("CANCELED", 0)]
    seeds = [
        trade(limit(50, order_qty=Decimal(9), time_in_force=TimeInForce.IOC), seed=s)
        for s in range(9)
    ]
    assert {tuple(kinds(r))[1:] for r in seeds} == {
        (("TRADE", 50),),
        (("TRADE", 50), ("CANCELED", 0)),
    }


def test_a_fill_or_kill_order_is_filled_whole_or_not_at_all() -> None:
    kill = TimeInForce.FOK
    assert kinds(trade(limit(49, order_qty=Decimal(9), time_in_force=kill)))[1:] == [
        ("CANCELED", 0)
    ]
    for seed in range(9):
        (_, fill) = trade(limit(50, order_qty=Decimal(9), time_in_force=kill), seed=seed)
        assert fill.last_qty == 9


def test_larger_orders_trade_in_slices_one_a_tick() -> None:
    counts = set()
    for seed in range(20):
        fills = trade(new(order_qty=Decimal(10)), seed=seed)[1:]
        assert sum(f.last_qty for f in fills) == 10
        assert [f.leaves_qty for f in fills] == [10 - f.cum_qty for f in fills]
        counts.add(len(fills))
    assert counts == {1, 2, 4}


def test_a_cancel_takes_what_is_left_and_comes_too_late_after_that() -> None:
    at = moment(MONDAY, 15, 30)
    assert kinds(trade(limit(47), cancel(at))) == [("NEW", 0), ("CANCELED", 0)]
    assert kinds(trade(limit(50), cancel(at))) == [("NEW", 0), ("TRADE", 50), ("REFUSED", 0)]
    (reject,) = trade(cancel(at))
    assert isinstance(reject, OrderCancelReject) and reject.order_id == "NONE"


def test_a_replace_changes_the_terms_and_the_chain_goes_on_under_its_name() -> None:
    gtc = limit(40, time_in_force=TimeInForce.GTC)
    reports = trade(
        gtc, change(moment(MONDAY, 15, 30), 2, 49), cancel(moment(MONDAY, 23), 3, "O1.c2")
    )
    assert kinds(reports)[:3] == [("NEW", 0), ("REPLACED", 0), ("TRADE", 49)]
    assert {r.cl_ord_id for r in reports[1:]} <= {"O1.c2", "O1.c3"}
    assert reports[1].orig_cl_ord_id == "O1.c1"
    assert len({r.order_id for r in reports if isinstance(r, ExecutionReport)}) == 1


def test_what_is_sent_twice_is_done_once() -> None:
    assert kinds(trade(new(), new(), new(poss_resend=True))) == [("NEW", 0), ("TRADE", 50)]


def test_an_unlisted_symbol_is_rejected() -> None:
    (report,) = trade(new(symbol="NOPE"))
    assert (report.exec_type, report.ord_rej_reason) == (
        ExecType.REJECTED,
        OrdRejReason.UNKNOWN_SYMBOL,
    )


def test_a_rejecting_a_cancelling_and_a_silent_venue() -> None:
    assert kinds(trade(new(), faults=VenueFaults(reject=1.0))) == [("REJECTED", 0)]
    late = kinds(trade(new(), faults=VenueFaults(reject_late=1.0)))
    assert late == [("NEW", 0), ("REJECTED", 0)]
    assert kinds(trade(limit(40), faults=VenueFaults(cancel=1.0))) == [
        ("NEW", 0),
        ("CANCELED", 0),
    ]
    assert trade(new(), cancel(moment(MONDAY, 20)), faults=VenueFaults(silent=1.0)) == []


def test_a_busting_venue_undoes_on_the_next_day_and_the_rest_expires() -> None:
    reports = trade(new(), faults=VenueFaults(bust=1.0))
    assert kinds(reports) == [("NEW", 0), ("TRADE", 50), ("TRADE_CANCEL", 50), ("EXPIRED", 0)]
    trade_, bust = reports[1], reports[2]
    assert bust.exec_ref_id == trade_.exec_id and bust.trade_date == trade_.trade_date
    assert bust.transact_time.date() == TUESDAY


def test_a_bust_of_an_order_still_open_is_traded_again() -> None:
    both = limit(50, order_qty=Decimal(1000), time_in_force=TimeInForce.GTC)
    for seed in range(12):
        reports = trade(both, seed=seed, faults=VenueFaults(bust=0.5))
        counts = Counter(kind for kind, _ in kinds(reports))
        live = sum(r.last_qty for r in reports if r.exec_type == ExecType.TRADE)
        gone = {r.exec_ref_id for r in reports if r.exec_type == ExecType.TRADE_CANCEL}
        live -= sum(
            r.last_qty for r in reports if r.exec_type == ExecType.TRADE and r.exec_id in gone
        )
        assert live == 1000 or counts["EXPIRED"] > 0


def test_a_correcting_venue_states_another_price() -> None:
    reports = trade(new(), faults=VenueFaults(correct=1.0))
    assert kinds(reports)[1:] == [("TRADE", 50), ("TRADE_CORRECT", 50)]
    assert reports[2].last_px == Decimal("50.01") and reports[2].exec_ref_id == reports[1].exec_id


def test_an_overfilling_venue_trades_more_than_was_ordered() -> None:
    reports = trade(new(order_qty=Decimal(20)), faults=VenueFaults(overfill=1.0))
    assert sum(r.last_qty for r in reports) == 22
    assert len({r.exec_id for r in reports}) == len(reports)


def test_a_venue_that_repeats_itself_says_so() -> None:
    reports = trade(new(), faults=VenueFaults(duplicate=1.0))
    assert [r.poss_resend for r in reports] == [False, False, True]
    assert reports[1].exec_id == reports[2].exec_id


def test_a_venue_that_miscounts_has_its_totals_wrong_and_its_executions_right() -> None:
    right = trade(new(), faults=VenueFaults())[1:]
    wrong = trade(new(), faults=VenueFaults(miscount=1.0))[1:]
    assert [(r.exec_id, r.last_qty, r.last_px) for r in wrong] == [
        (r.exec_id, r.last_qty, r.last_px) for r in right
    ]
    assert all(w.cum_qty > r.cum_qty for w, r in zip(wrong, right, strict=True))


def test_a_venue_that_uses_an_execution_id_again_tells_another_quantity() -> None:
    first, again = trade(new(), faults=VenueFaults(reuse_id=1.0))[1:]
    assert (again.exec_id, again.last_qty) == (first.exec_id, first.last_qty + 1)
    assert not again.poss_resend


def test_late_reports_come_after_the_end_of_the_order() -> None:
    arrivals = set()
    for seed in range(20):
        order = new(order_qty=Decimal(9), time_in_force=TimeInForce.IOC)
        reports = trade(order, seed=seed, faults=VenueFaults(late=1.0))
        arrivals.add(kinds(reports)[-1][0])
        early = trade(order, seed=seed, faults=VenueFaults(late=1.0), to=moment(MONDAY, 18))
        assert ("TRADE", 50) not in kinds(early)
    assert arrivals == {"TRADE"}


def test_a_trade_that_we_reported_as_unknown_is_kept_as_disputed() -> None:
    venue = SimulatedVenue(Prices(), seed=1)
    unknown = DontKnowTrade(order_id="V", exec_id="E", dk_reason=DkReason.NO_MATCHING_ORDER)
    asyncio.run(venue.submit(unknown))
    assert venue.disputed == [unknown]


@given(
    st.integers(0, 1000),
    st.lists(st.integers(0, 60), min_size=1, max_size=6),
    st.sampled_from(list(TimeInForce)),
    st.sampled_from([45, 49, 50, 60]),
)
@settings(max_examples=60)
def test_sent_the_same_again_it_does_the_same_again(
    seed: int, looks: list[int], when: TimeInForce, px: int
) -> None:
    """For any number of polls, and after any restart."""
    faults = VenueFaults(**dict.fromkeys(FAULTS, 0.3))
    order = limit(px, order_qty=Decimal(10), time_in_force=when)
    if when == TimeInForce.GTD:
        order = limit(
            px,
            order_qty=Decimal(10),
            time_in_force=when,
            expire_time=moment(TUESDAY, 16),
        )
    whole = trade(order, seed=seed, faults=faults)

    async def again() -> list[Any]:
        out: list[Any] = []
        venue = SimulatedVenue(Prices(), seed=seed, faults=faults)
        await venue.submit(order)
        for hours in sorted(looks):
            out += await venue.advance(order.transact_time + timedelta(hours=hours))
        restarted = SimulatedVenue(Prices(), seed=seed, faults=faults)
        await restarted.submit(order)
        known = [str(r) for r in out]
        rest = await restarted.advance(moment(date(2024, 3, 7), 0))
        return out + [r for r in rest if str(r) not in known]

    assert Counter(map(str, asyncio.run(again()))) == Counter(map(str, whole))


def closes(symbol: str, day: date) -> tuple[Decimal, Decimal]:
    return Decimal("50.1234"), Decimal("51.5")


def test_the_path_runs_from_the_previous_close_to_the_close_by_ticks() -> None:
    market = BridgedMarket(closes, lambda s: True, seed=1)
    session = market.session("AAPL", MONDAY)
    assert session is not None
    prices = [t.price for t in session.ticks]
    assert (prices[0], prices[-1], len(prices)) == (Decimal("50.1234"), Decimal("51.5"), 79)
    assert session.ticks[0].at == moment(MONDAY, 13, 30) and session.close_at == moment(MONDAY, 20)
    assert all(p == p.quantize(Decimal("0.0001")) for p in prices)
    assert len(set(prices)) > 60 and all(45 < p < 57 for p in prices)


def test_the_path_is_the_seed_s_the_symbol_s_and_the_day_s_alone() -> None:
    def path(seed: int, symbol: str, day: date) -> Session | None:
        return BridgedMarket(closes, lambda s: True, seed=seed).session(symbol, day)

    one = path(1, "AAPL", MONDAY)
    assert one == path(1, "AAPL", MONDAY)
    assert one not in (path(2, "AAPL", MONDAY), path(1, "MSFT", MONDAY))
    other = path(1, "AAPL", TUESDAY)
    assert one and other and [t.price for t in one.ticks] != [t.price for t in other.ticks]
