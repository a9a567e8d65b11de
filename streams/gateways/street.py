"""The street: the gateways to venue, custodian and bank, and the statements those send.

    gateways --messages--> counterparties --reports--> gateways
                                  `--bookings--> statement --> controls

Some bookings have no counterparty here: a receipt, an FX leg on its value date, the house's sweep.
The bank books those when our log shows that they happened.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from adapters.counterparties.payments import BankEntry
from adapters.counterparties.sese import SettlementConfirmation, SettlementInstruction
from adapters.log.recorder import PAGE
from adapters.simulators.statement import Closing, Entry, Statement
from domain.account.cash import CashDeposited, DepositReturned
from domain.account.exchange import FxSettled
from domain.house import DuesSwept, InterestReceived
from domain.settlement.events import SettlementInstructed
from domain.shared.envelope import Envelope
from domain.shared.fix import Side
from projections.ports import Log
from streams.gateways.gateway import Counterparty, Gateway
from streams.watch import Watch

POLL_S = 0.2


class Booking:
    """A counterparty whose reports also go to its statement; it passes everything else on."""

    def __init__(self, inner: Counterparty, statement: Statement) -> None:
        self._inner, self._statement = inner, statement
        self._instructions: dict[str, SettlementInstruction] = {}

    async def submit(self, message: Any, /) -> None:
        if isinstance(message, SettlementInstruction):
            self._instructions[message.tx_id] = message
        await self._inner.submit(message)

    async def advance(self, to: datetime, /) -> Sequence[Any]:
        reports = await self._inner.advance(to)
        self._statement.book(e for r in reports for e in self._entries(r))
        return reports

    def _entries(self, report: Any) -> Iterator[Entry]:
        match report:
            case SettlementConfirmation():
                instruction = self._instructions[report.tx_id]
                yield from settled(instruction, report.confirmation_id, report.qty, report.amount)
            case BankEntry():
                amount = report.amount if report.credit else -report.amount
                yield paid(report.entry_ref, report.currency, amount)


class Street:
    """Moves all gateways. The simulator's barrier is to call `step` until nothing moves."""

    def __init__(
        self,
        log: Log,
        clock: Callable[[], datetime],
        *,
        gateways: Sequence[Gateway],
        statement: Statement,
    ) -> None:
        self._log, self._clock = log, clock
        self.gateways, self.statement = tuple(gateways), statement
        self._started = False
        self._reading = asyncio.Lock()

    def restart(self) -> None:
        """Resend at the next step what is open, because an earlier step failed."""
        self._started = False

    async def step(self) -> int:
        """Send what the log asks for, record what is reported by now; return how much moved."""
        now = self._clock()
        if not self._started:
            for gateway in self.gateways:
                await gateway.start(now)
            self._started = True
        moved = 0
        for gateway in self.gateways:
            while count := await gateway.step():
                moved += count
            moved += await gateway.deliver(now)
        await self.read_log()
        return moved

    async def run(self, stop: asyncio.Event, watch: Watch | None = None) -> None:
        """Each gateway in a task of its own, until `stop`; `watch` wakes them for their events."""
        async with asyncio.TaskGroup() as group:  # a failure here leaves no gateway running
            for gateway in self.gateways:
                bell = watch.bell(gateway.name, gateway.concerns) if watch else None
                group.create_task(gateway.run(stop, self._clock, bell))
                group.create_task(gateway.listen(stop))
            while not stop.is_set():
                await self.read_log()
                await asyncio.sleep(POLL_S)

    async def read_log(self) -> None:
        """Have the bank book what happened outside the gateways, up to the log's end."""
        async with self._reading:
            end = await self._log.last()
            while page := await self._log.after(self.statement.position, limit=PAGE, until=end):
                entries = [e for arrived in page for e in booked(arrived)]
                # In a thread: its database may hang, and health checks must still answer.
                await asyncio.to_thread(self.statement.book, entries, position=page[-1].position)

    async def closing(self) -> Closing:
        """The statements of bank and custodian after they have read our log to its end."""
        await self.read_log()
        return await asyncio.to_thread(self.statement.closing)


def settled(
    instruction: SettlementInstruction | SettlementInstructed,
    confirmation_id: str,
    qty: Decimal,
    amount: Decimal,
) -> Iterator[Entry]:
    """What the custodian books for one confirmation."""
    sign = 1 if instruction.side is Side.BUY else -1
    key = f"sese.025:{confirmation_id}"
    yield Entry(f"{key}:stock", "stock", instruction.isin, sign * qty)
    yield Entry(f"{key}:cash", "cash", instruction.currency, -sign * amount)


def paid(entry_ref: str, currency: str, amount: Decimal) -> Entry:
    """What the bank books for one payment; a positive amount came back to us."""
    return Entry(f"camt.054:{entry_ref}", "cash", currency, amount)


def booked(arrived: Envelope) -> Iterator[Entry]:
    """What the bank books because our log shows that it happened."""
    key = arrived.source
    match arrived.event:
        case CashDeposited(currency=unit, amount=amount):
            yield Entry(key, "cash", unit, amount)
        case DepositReturned(currency=unit, amount=amount):
            yield Entry(key, "cash", unit, -amount)
        case FxSettled() as fx:
            yield Entry(f"{key}:buy", "cash", fx.buy_currency, fx.buy_amount)
            yield Entry(f"{key}:sell", "cash", fx.sell_currency, -fx.sell_amount)
        case DuesSwept(currency=unit, amount=amount):
            yield Entry(key, "cash", unit, -amount)
        case InterestReceived(currency=unit, amount=amount):
            yield Entry(key, "cash", unit, amount)
