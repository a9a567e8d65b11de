"""The requests of the HTTP benchmark, and the events that its peer appends for them.

Both servers get the same bytes. The peer decides nothing: it makes one event of the kind that the
handler appends first for that command.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

import msgspec

from domain.account.cash import CashDeposited, DepositCash
from domain.account.transfers import CashTransferredOut, TransferCash
from domain.instrument.commands import ListInstrument
from domain.order.commands import PlaceOrder
from domain.order.events import OrderPlaced
from domain.price import MarkPrice
from domain.shared.fix import OrdType, Side, TimeInForce
from domain.shared.market_time import market_today
from domain.shared.message import Command, Event
from tests.bench.rig import deposit

ISIN = "US0378331005"
CASH = 5_000  # dollars: each account is funded with them before the measurement

_encoder = msgspec.json.Encoder()


class Shape(NamedTuple):
    """A kind of request: its commands by number."""

    name: str
    make: Callable[[int, int], Command]  # (number, accounts)
    items: int = 1  # commands a request; more than one go to /commands as a list

    def request(self, nth: int, accounts: int, prefix: str) -> tuple[str, bytes]:
        """Path and body of the nth request."""
        if self.items == 1:
            command = self.make(nth, accounts)
            return f"/commands/{type(command).__name__}", _encoder.encode(command)
        numbers = range(nth * self.items, (nth + 1) * self.items)
        wanted = [(n, self.make(n, accounts)) for n in numbers]
        items = [{"name": type(c).__name__, "key": f"{prefix}-{n}", "body": c} for n, c in wanted]
        return "/commands", _encoder.encode(items)


def _deposit(n: int, accounts: int) -> Command:
    return deposit(f"A{n % accounts}", n)


def _transfer(n: int, accounts: int) -> Command:
    return TransferCash(
        transfer_id=f"t{n}",
        account_id=f"A{n % accounts}",
        to_account_id=f"A{(n + accounts // 2) % accounts}",
        currency="USD",
        amount=Decimal("1.00"),
    )


def _order(n: int, accounts: int) -> Command:
    return PlaceOrder(
        order_id=f"o{n}",
        account_id=f"A{n % accounts}",
        instrument_id="AAPL",
        side=Side.BUY,
        qty=Decimal(1),
        ord_type=OrdType.LIMIT,
        limit_px=Decimal("45.00"),
        time_in_force=TimeInForce.GTC,
    )


DEPOSIT = Shape("deposit", _deposit)
TRANSFER = Shape("cash transfer", _transfer)
ORDER = Shape("order", _order)
BULK = Shape("bulk of 50 deposits", _deposit, items=50)


def listing() -> list[Command]:
    """The instrument of the orders, with a mark above their limit."""
    today = market_today("US", datetime.now(UTC))
    return [
        ListInstrument(
            instrument_id="AAPL", symbol="AAPL", isin=ISIN, currency="USD", mic="XNAS"
        ),
        MarkPrice(
            instrument_id="AAPL",
            isin=ISIN,
            price=Decimal("50.00"),
            currency="USD",
            price_date=today,
            source="bench",
        ),
    ]  # fmt: skip


def funding(accounts: int) -> list[Command]:
    return [
        DepositCash(account_id=f"A{i}", amount=Decimal(CASH), currency="USD", reference=f"fund-{i}")
        for i in range(accounts)
    ]


def event_of(command: Any, now: datetime) -> tuple[str, str, Event]:
    """The peer's stream, home and event for a command."""
    match command:
        case DepositCash(account_id=account):
            deposited = CashDeposited(
                account_id=account,
                amount=command.amount,
                currency=command.currency,
                reference=command.reference,
                value_date=now.date(),
                client_id="C1",
            )
            return f"account-{account}", account, deposited
        case TransferCash(account_id=account):
            sent = CashTransferredOut(
                account_id=account,
                transfer_id=command.transfer_id,
                to_account_id=command.to_account_id,
                currency=command.currency,
                amount=command.amount,
            )
            return f"account-{account}", account, sent
        case PlaceOrder():
            return f"order-{command.order_id}", command.account_id, _placed(command, now)
        case _:
            raise TypeError(type(command).__name__)


def _placed(command: PlaceOrder, now: datetime) -> OrderPlaced:
    return OrderPlaced(
        order_id=command.order_id,
        account_id=command.account_id,
        client_id="C1",
        instrument_id=command.instrument_id,
        isin=ISIN,
        mic="XNAS",
        side=command.side,
        qty=command.qty,
        ord_type=command.ord_type,
        limit_px=command.limit_px,
        time_in_force=command.time_in_force,
        currency="USD",
        settl_currency="USD",
        hold_px=Decimal("45.00"),
        hold_amount=Decimal("46.00"),
        received_at=now,
        client_id_code="C1",
    )
