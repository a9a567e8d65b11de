"""The price-time order book: each kind of order by example, and the laws of any book."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.simulators.auction import Interest, uncross
from adapters.simulators.order_book import (
    BookEvent,
    BookOrder,
    Ended,
    OrderBook,
    Traded,
    Triggered,
    Why,
)
from adapters.simulators.order_book_page import page
from domain.shared.fix import OrdType, Side, TimeInForce
from tests.unit.adapters.slow_book import SlowBook

NOON = datetime(2024, 3, 4, 12, tzinfo=UTC)
T = TimeInForce


def order(name: str, qty: int | str, limit: int | str | None = None, **more: Any) -> BookOrder:
    """An order whose name starts with b or s, for its side; without a limit a market order."""
    kind = OrdType.MARKET if limit is None else OrdType.LIMIT
    return BookOrder(
        **{
            "order_id": name,
            "side": Side.BUY if name.startswith("b") else Side.SELL,
            "qty": Decimal(qty),
            "ord_type": kind,
            "limit": None if limit is None else Decimal(limit),
            **more,
        }
    )


def stop(name: str, qty: int, at: int, limit: int | None = None, **more: Any) -> BookOrder:
    kind = OrdType.STOP if limit is None else OrdType.STOP_LIMIT
    return order(name, qty, limit, ord_type=kind, stop=Decimal(at), **more)


def trade(buyer: str, seller: str, qty: int | str, price: int | str) -> Traded:
    return Traded(buyer, seller, Decimal(qty), Decimal(price))


def ended(name: str, qty: int, why: Why) -> Ended:
    return Ended(name, Decimal(qty), why)


def opened(*orders: BookOrder, last: int | None = None) -> OrderBook:
    book = OrderBook("X", last=None if last is None else Decimal(last))
    book.open_session()
    for one in orders:
        book.enter(one)
    return book


def test_the_better_price_trades_first_then_the_earlier_order_at_its_own_price() -> None:
    book = opened(order("s1", 5, 11), order("s2", 5, 10), order("s3", 5, 10))
    assert book.enter(order("b1", "11.5", 11)) == [
        trade("b1", "s2", 5, 10),
        trade("b1", "s3", 5, 10),
        trade("b1", "s1", "1.5", 11),
    ]
    assert [one.leaves for one in book.asks()] == [Decimal("3.5")]


def test_a_market_order_and_an_ioc_end_with_what_they_do_not_find() -> None:
    book = opened(order("s1", 5, 10), order("s2", 5, 12))
    ioc = book.enter(order("b1", 7, 11, time_in_force=T.IOC))
    assert ioc == [trade("b1", "s1", 5, 10), ended("b1", 2, Why.NO_LIQUIDITY)]
    market = book.enter(order("b2", 8))
    assert market == [trade("b2", "s2", 5, 12), ended("b2", 3, Why.NO_LIQUIDITY)]
    assert book.open_orders() == []


def test_a_fok_trades_wholly_or_not_at_all() -> None:
    book = opened(order("s1", 5, 10), order("s2", 5, 11))
    too_much = book.enter(order("b1", 6, 10, time_in_force=T.FOK))
    assert too_much == [ended("b1", 6, Why.NO_LIQUIDITY)]
    assert len(book.enter(order("b2", 10, 11, time_in_force=T.FOK))) == 2


def test_a_smaller_quantity_keeps_the_place_and_a_greater_one_or_a_price_loses_it() -> None:
    book = opened(order("s1", 5, 10), order("s2", 5, 10), order("s3", 5, 10))
    book.replace("s1", qty=Decimal(4))
    assert [one.order.order_id for one in book.asks()] == ["s1", "s2", "s3"]
    book.replace("s1", qty=Decimal(6))
    assert [one.order.order_id for one in book.asks()] == ["s2", "s3", "s1"]
    book.replace("s2", qty=Decimal(5), limit=Decimal(9))
    book.replace("s2", qty=Decimal(5), limit=Decimal(10))
    assert [one.order.order_id for one in book.asks()] == ["s3", "s1", "s2"]


def test_a_replace_may_trade_or_end_the_order() -> None:
    book = opened(order("s1", 5, 10), order("b1", 2, 10), order("b2", 5, 8))
    assert book.replace("b2", qty=Decimal(5), limit=Decimal(10)) == [trade("b2", "s1", 3, 10)]
    assert book.replace("b2", qty=Decimal(3)) == [ended("b2", 0, Why.REDUCED)]
    assert book.replace("b2", qty=Decimal(3)) == book.cancel("b2") == []


def test_a_cancel_ends_a_resting_order_a_stop_and_one_for_the_close() -> None:
    book = opened(order("b1", 5, 9), stop("b2", 5, 20), order("b3", 5, time_in_force=T.CLS))
    for name in ("b1", "b2", "b3"):
        assert book.cancel(name) == [ended(name, 5, Why.CANCELED)]
    assert book.open_orders() == book.bids() == []


def test_stops_enter_one_after_another_once_a_trade_reaches_them() -> None:
    book = opened(
        stop("b1", 3, 12),
        stop("b2", 4, 11, limit=11),
        order("s1", 2, 11),
        order("s2", 3, 12),
    )
    assert book.enter(order("b3", 3, 12)) == [
        trade("b3", "s1", 2, 11),
        trade("b3", "s2", 1, 12),
        Triggered("b1"),
        trade("b1", "s2", 2, 12),
        ended("b1", 1, Why.NO_LIQUIDITY),
        Triggered("b2"),
    ]
    assert [one.limit for one in book.bids()] == [Decimal(11)]


def test_a_stop_has_its_place_from_when_it_was_reached_not_from_when_it_was_sent() -> None:
    book = opened(stop("b1", 3, 12, limit=11), order("b2", 3, 11), order("s1", 1, 12))
    assert book.enter(order("b3", 1)) == [trade("b3", "s1", 1, 12), Triggered("b1")]
    assert [one.order.order_id for one in book.bids()] == ["b2", "b1"]


def test_the_opening_is_one_auction_and_what_is_for_it_alone_ends() -> None:
    book = OrderBook("X", last=Decimal(10))
    for one in (
        order("b1", 5, 12),
        order("b2", 5, time_in_force=T.OPG),
        order("s1", 7, 9),
        order("s2", 2, 11),
        order("b3", 4, 9, time_in_force=T.OPG),
        order("b4", 4, 9, time_in_force=T.FOK),
        order("s3", 9, time_in_force=T.CLS),
    ):
        book.enter(one)
    assert book.open_session() == [
        trade("b2", "s1", 5, 11),
        trade("b1", "s1", 2, 11),
        trade("b1", "s2", 2, 11),
        ended("b3", 4, Why.EXPIRED),
    ]
    late = book.enter(order("b5", 1, time_in_force=T.OPG))
    assert late == [ended("b5", 1, Why.TOO_LATE)]


def test_the_close_is_one_auction_after_which_only_orders_of_many_days_are_left() -> None:
    book = opened(
        order("b1", 5, 10, time_in_force=T.GTC),
        order("b2", 5, 9),
        order("s1", 3, time_in_force=T.CLS),
        stop("b3", 1, 30, time_in_force=T.IOC),
    )
    assert book.close_session() == [
        trade("b1", "s1", 3, 10),
        ended("b2", 5, Why.EXPIRED),
        ended("b3", 1, Why.EXPIRED),
    ]
    assert [one.leaves for one in book.bids()] == [Decimal(2)]


def test_nothing_trades_in_a_halt_and_an_auction_ends_it() -> None:
    book = opened(order("s1", 5, 10), stop("s2", 1, 10))
    book.halt()
    assert book.enter(order("b1", 5, 11)) == []
    assert book.enter(order("b2", 5, 11, time_in_force=T.IOC)) == [ended("b2", 5, Why.NOT_OPEN)]
    assert book.resume() == [
        trade("b1", "s1", 5, 10),
        Triggered("s2"),
        ended("s2", 1, Why.NO_LIQUIDITY),
    ]


def test_a_session_that_closes_in_a_halt_has_no_auction() -> None:
    book = opened(order("s1", 5, 10, time_in_force=T.GTC), order("b1", 5, time_in_force=T.CLS))
    book.halt()
    assert book.close_session() == [ended("b1", 5, Why.EXPIRED)]
    with pytest.raises(ValueError, match="phase: the book is closed, not open"):
        book.halt()


def test_a_gtd_order_ends_at_its_time() -> None:
    book = opened(order("b1", 5, 10, time_in_force=T.GTD, expire_time=NOON))
    assert book.expire(NOON - timedelta(seconds=1)) == []
    assert book.expire(NOON) == [ended("b1", 5, Why.EXPIRED)]


@pytest.mark.parametrize(
    ("bad", "says"),
    [
        (order("b1", 0, 10), "qty"),
        (order("b1", 1, ord_type=OrdType.LIMIT), "limit"),
        (order("b1", 1, ord_type=OrdType.STOP), "stop"),
        (order("b1", 1, 5, time_in_force=T.GTD), "expire_time"),
        (stop("b1", 1, 5, time_in_force=T.CLS), "time_in_force"),
        (order("b0", 1, 1), "order_id"),
    ],
)
def test_a_malformed_order_is_refused_by_field(bad: BookOrder, says: str) -> None:
    book = opened(order("b0", 1, 1))
    with pytest.raises(ValueError, match=f"^{says}: "):
        book.enter(bad)
    assert len(book.open_orders()) == 1


def test_an_auction_of_market_orders_alone_is_at_the_last_price_or_not_at_all() -> None:
    both = [Interest(Decimal(5), None)]
    assert uncross(both, both, None) is None
    assert uncross([*both, Interest(Decimal(1), Decimal("0.01"))], both, Decimal(9)) == (9, 5)


def test_the_page_has_levels_from_the_best_and_the_latest_trade_first() -> None:
    book = opened(order("s1", 5, 10), order("s2", 5, 11), order("s3", 1, 11), order("b1", 2, 10))
    assert page(book) == {
        "symbol": "X",
        "phase": "open",
        "last": "10",
        "bids": [],
        "asks": [
            {"price": "10", "qty": "3", "orders": 1},
            {"price": "11", "qty": "6", "orders": 2},
        ],
        "trades": [{"buyer": "b1", "seller": "s1", "qty": "2", "price": "10"}],
    }


prices = st.integers(8, 12)
quantities = st.integers(1, 9)
entries = st.tuples(
    st.just("enter"),
    st.sampled_from("bs"),
    quantities,
    st.none() | prices,
    st.sampled_from([T.DAY, T.GTC, T.IOC, T.FOK, T.OPG]),
)
cancels = st.tuples(st.just("cancel"), st.integers(0, 20))
changes = st.tuples(st.just("replace"), st.integers(0, 20), quantities, prices)
steps = st.lists(st.one_of(entries, entries, cancels, changes), max_size=30)


def act(book: OrderBook, names: list[str], step: Any) -> list[BookEvent]:
    match step:
        case ("enter", side, qty, limit, when):
            names.append(f"{side}{len(names)}")
            return book.enter(order(names[-1], qty, limit, time_in_force=when))
        case ("cancel", n) if n < len(names):
            return book.cancel(names[n])
        case ("replace", n, qty, limit) if n < len(names):
            return book.replace(names[n], qty=Decimal(qty), limit=Decimal(limit))
    return []


def units(events: list[BookEvent]) -> dict[tuple[str, str, Decimal], int]:
    fills: Counter[tuple[str, str, Decimal]] = Counter()
    for one in events:
        if isinstance(one, Traded):
            fills[one.buyer, one.seller, one.price] += int(one.qty)
    return dict(fills)


@settings(max_examples=300, deadline=None)
@given(before=steps, after=steps, last=st.none() | prices)
def test_the_book_trades_as_a_slow_one_does(before: Any, after: Any, last: int | None) -> None:
    start = None if last is None else Decimal(last)
    book, slow, names = OrderBook("X", last=start), SlowBook(start), list[str]()
    for step in [*before, "open", *after]:
        if step == "open":
            assert units(book.open_session()) == slow.open()
            continue
        told = units(act(book, names, step))
        match step:
            case ("enter", _, qty, limit, when):
                assert told == slow.enter(order(names[-1], qty, limit, time_in_force=when))
            case ("cancel", n) if n < len(names):
                slow.cancel(names[n])
            case ("replace", n, qty, limit) if n < len(names):
                assert told == slow.replace(names[n], qty, Decimal(limit))
    for mine, side in ((book.bids(), Side.BUY), (book.asks(), Side.SELL)):
        shown = [(one.order.order_id, int(one.leaves), one.limit) for one in mine]
        assert shown == [(r.order.order_id, r.left, r.limit) for r in slow.side(side)]
    assert book.last == slow.last


stops = st.tuples(st.just("stop"), st.sampled_from("bs"), quantities, prices, st.none() | prices)
phases = st.sampled_from([("halt",), ("resume",), ("close",), ("open",)])
days = st.lists(st.one_of(entries, entries, entries, stops, cancels, changes, phases), max_size=60)


def act_any(book: OrderBook, names: list[str], step: Any) -> list[BookEvent]:
    """A step of a whole day; a change of phase that is not possible does nothing."""
    match step:
        case ("stop", side, qty, at, limit):
            names.append(f"{side}{len(names)}")
            return book.enter(stop(names[-1], qty, at, limit))
        case ("halt",) if book.phase == "open":
            return book.halt()
        case ("resume",) if book.phase == "halted":
            return book.resume()
        case ("close",) if book.phase != "closed":
            return book.close_session()
        case ("open",) if book.phase == "closed":
            return book.open_session()
        case _:
            return act(book, names, step)


@settings(max_examples=200, deadline=None)
@given(days)
def test_an_open_book_is_never_crossed_and_no_quantity_is_lost(day: Any) -> None:
    book, names, cum, over = OrderBook("X"), list[str](), Counter[str](), Counter[str]()
    book.open_session()
    for step in day:
        for one in act_any(book, names, step):
            if isinstance(one, Traded):
                cum.update({one.buyer: int(one.qty), one.seller: int(one.qty)})
                assert one.qty > 0 and not {one.buyer, one.seller} & set(over)
            if isinstance(one, Ended):
                over[one.order_id] += 1
        if book.phase == "open" and book.bids() and book.asks():
            best_bid, best_ask = book.bids()[0].limit, book.asks()[0].limit
            assert best_bid is not None and best_ask is not None and best_bid < best_ask
        live = {one.order.order_id: one for one in book.open_orders()}
        assert all(one.cum == cum[name] and one.leaves > 0 for name, one in live.items())
        assert set(over.values()) <= {1} and not set(over) & set(live)
        assert all(name in over or name in live or cum[name] for name in names)


@settings(max_examples=200, deadline=None)
@given(days)
def test_no_trade_is_worse_than_a_limit_and_a_fok_has_all_or_nothing(day: Any) -> None:
    book, names = OrderBook("X"), list[str]()
    book.open_session()
    for step in day:
        limits = {one.order.order_id: one.limit for one in book.open_orders()}
        told = act_any(book, names, step)
        match step:
            case ("enter", _, qty, limit, when):
                limits[names[-1]] = None if limit is None else Decimal(limit)
                mine = [
                    t for t in told if isinstance(t, Traded) and names[-1] in (t.buyer, t.seller)
                ]
                if when is T.FOK:
                    assert sum(t.qty for t in mine) in (0, qty)
            case ("replace", n, _, limit) if n < len(names) and limits.get(names[n]) is not None:
                limits[names[n]] = Decimal(limit)
        for one in told:
            if isinstance(one, Traded):
                buy, sell = limits.get(one.buyer), limits.get(one.seller)
                assert buy is None or one.price <= buy
                assert sell is None or one.price >= sell
