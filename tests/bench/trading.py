"""A stream of trades for the views' benchmarks: bought, settled, sold, settled, account by account.

Every command makes one event that changes a position, and after four of them an account is as
before, so that neither states nor rows grow during a benchmark.
"""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from commands.ports import Request
from domain.account.obligations import SettleObligation
from domain.account.trades import BookTrade
from domain.shared.fix import Side
from domain.shared.message import Command
from tests.bench.rig import WriteSide, account, client, deposit

ACCOUNTS = 2_000
ISIN = "US0378331005"
QTY, PRICE, GROSS = Decimal(10), Decimal("150.25"), Decimal("1502.50")
STEPS = 4


class Trading:
    """Requests by number, every account in its turn."""

    def __init__(self, accounts: int = ACCOUNTS) -> None:
        self._names = [f"T{i}" for i in range(accounts)]
        self._next = 0
        self._today = datetime.now(UTC).date()

    async def open(self, side: WriteSide) -> None:
        opened: list[Command] = [account(name) for name in self._names]
        funded: list[Command] = [deposit(name, 899) for name in self._names for _ in range(2)]
        await side.seed([*client("C1"), *opened, *funded], "trading")

    def take(self) -> Request:
        """The next request; submit it only after the last one of the same account is answered."""
        nth = self._next
        self._next += 1
        step, place = divmod(nth, len(self._names))
        return self._request(self._names[place], step)

    def _request(self, name: str, step: int) -> Request:
        trade, settles = divmod(step, 2)
        trade_id = f"{name}-{trade}"
        command = self._settled(name, trade_id) if settles else self._booked(name, trade_id, trade)
        return Request(command=command, message_id=f"{name}-{step}", actor="bench", keep=True)

    def _booked(self, name: str, trade_id: str, trade: int) -> Command:
        return BookTrade(
            account_id=name,
            trade_id=trade_id,
            order_id=f"o-{trade_id}",
            exec_id=f"e-{trade_id}",
            instrument_id="AAPL",
            isin=ISIN,
            side=Side.SELL if trade % 2 else Side.BUY,
            qty=QTY,
            price=PRICE,
            currency="USD",
            gross=GROSS,
            trade_date=self._today,
            settl_date=self._today + timedelta(days=1),
        )

    def _settled(self, name: str, trade_id: str) -> Command:
        return SettleObligation(
            account_id=name,
            obligation_id=trade_id,
            qty=QTY,
            amount=GROSS,
            value_date=self._today,
            confirmation_id=f"c-{trade_id}",
        )
