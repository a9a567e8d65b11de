"""For tests of orders: real states of an account, an instrument and its last mark."""

from datetime import UTC, date, datetime
from decimal import Decimal
from functools import reduce
from typing import Any

from msgspec.structs import replace

from domain import instrument, price
from domain.account.state import State
from domain.instrument.events import InstrumentListed
from domain.order.commands import PlaceOrder
from domain.price import PriceMarked
from domain.rules.lots import Lot
from domain.shared.fix import OrdType, Side
from domain.shared.message import Event, Seen

NOW = datetime(2020, 3, 2, 15, 0, tzinfo=UTC)
TODAY = date(2020, 3, 2)
ISIN = "US0378331005"

opened = State(
    account_id="A1",
    status="open",
    client_id="C1",
    base_currency="USD",
    lot_method="FIFO",
    account_type="cash",
)
listed = InstrumentListed(
    instrument_id="AAPL",
    symbol="AAPL",
    isin=ISIN,
    currency="USD",
    settlement_currency="USD",
    mic="XNAS",
    country="US",
    asset_class="equity",
    tick_size=Decimal("0.01"),
    lot_size=Decimal(100),
)
marked = PriceMarked(
    instrument_id="AAPL",
    isin=ISIN,
    price=Decimal("50.00"),
    currency="USD",
    price_date=date(2020, 2, 28),
    source="test",
)


def owning(qty: int, account: State = opened) -> State:
    """The account with `qty` shares bought before."""
    cost = Decimal(qty * 40)
    day = date(2020, 1, 2)
    lot = Lot(lot_id="L1", qty=Decimal(qty), cost=cost, cost_base=cost, acquired_on=day)
    return replace(account, lots={ISIN: (lot,)})


def desk(
    *,
    account: State = opened,
    listing: tuple[Event, ...] = (listed,),
    marks: tuple[Event, ...] = (marked,),
    actor: str = "trader",
    now: datetime = NOW,
) -> Seen:
    """The states of account A1 and instrument AAPL for a decision about an order."""
    return Seen(
        now=now,
        effective_at=now,
        actor=actor,
        streams={
            "account-A1": account,
            "instrument-AAPL": _fold(instrument, listing),
            "price-AAPL": _fold(price, marks),
        },
    )


def place(**changes: Any) -> PlaceOrder:
    """A limit order to buy 100 at 50.00, changed as given."""
    terms: dict[str, Any] = {
        "order_id": "O1",
        "account_id": "A1",
        "instrument_id": "AAPL",
        "side": Side.BUY,
        "qty": Decimal(100),
        "ord_type": OrdType.LIMIT,
        "limit_px": Decimal("50.00"),
    }
    return PlaceOrder(**(terms | changes))


def _fold(aggregate: Any, events: tuple[Event, ...]) -> Any:
    return reduce(aggregate.evolve, events, aggregate.INITIAL)
