"""A small complete world: real aggregates, handler, sagas, gateways and counterparties.

The log and the sagas' store survive a crash; everything else is created again. `Trouble` breaks a
chosen call, before or after its effect, as a killed process or a lost connection would.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

from adapters.memory.saga_store import MemorySagaStore
from adapters.simulators.bank import SimulatedBank
from adapters.simulators.custodian import SimulatedCustodian, next_weekday
from adapters.simulators.market import BridgedMarket
from adapters.simulators.misbehaviour import BankFaults, CustodianFaults, VenueFaults
from adapters.simulators.venue import SimulatedVenue
from commands.handler import Declined, Done, Outcome
from commands.ports import Request
from domain.account.cash import DepositCash
from domain.account.standing import OpenAccount
from domain.client.commands import ApproveKyc, OnboardClient, SubmitKyc
from domain.client.events import Document, Kind, RiskRating
from domain.instrument.commands import ListInstrument
from domain.ledger import entries
from domain.order.commands import PlaceOrder
from domain.price import MarkPrice
from domain.shared.envelope import Envelope
from domain.shared.fix import OrdType, Side, TimeInForce
from domain.shared.message import Command
from sagas.engine.ports import Saved
from streams.gateways.channels.bank import BankChannel
from streams.gateways.channels.custodian import CustodianChannel
from streams.gateways.channels.venue import VenueChannel
from streams.gateways.gateway import Gateway
from streams.sagas.runner import SagaRunner
from streams.sagas.timer import Timer
from tests.unit.adapters.platform import WriteSide

ISIN, SYMBOL = "US0378331005", "AAPL"
MONDAY = date(2024, 3, 4)
CLOSES = {0: "50.00", 1: "52.00", 2: "49.00", 3: "51.50", 4: "50.50"}  # by weekday


class Crashed(Exception):
    """The process died here."""


class Trouble:
    """Raises Crashed once, at the n-th call: before its effect, or with `after` after it."""

    def __init__(self, n: int = 0, *, after: bool = False) -> None:
        self.left, self.after, self.calls = n, after, 0

    def before(self) -> None:
        self.calls += 1
        if not self.after:
            self._count()

    def done(self) -> None:
        if self.after:
            self._count()

    def _count(self) -> None:
        if self.left:
            self.left -= 1
            if not self.left:
                raise Crashed


class FrailStore(MemorySagaStore):
    def __init__(self, trouble: Trouble) -> None:
        super().__init__()
        self.trouble = trouble

    async def save(self, page: Saved, /) -> None:
        self.trouble.before()
        await super().save(page)
        self.trouble.done()

    async def acknowledge(self, message_ids: Any, /) -> None:
        await super().acknowledge(message_ids)


def closes(symbol: str, day: date) -> tuple[Decimal, Decimal] | None:
    if symbol != SYMBOL or day.weekday() > 4:
        return None
    return Decimal(CLOSES[(day.weekday() - 1) % 5]), Decimal(CLOSES[day.weekday()])


class World:
    def __init__(
        self,
        *,
        seed: int = 7,
        venue: VenueFaults | None = None,
        custodian: CustodianFaults | None = None,
        bank: BankFaults | None = None,
        trouble: Trouble | None = None,
        settle_days: int = 2,
        settl_date: Callable[[str, date], date] | None = None,
        store: Any = None,
    ) -> None:
        self.settl_date = settl_date or (lambda c, day: next_weekday(c, day, settle_days))
        self.seed, self._faults = seed, (venue, custodian, bank)
        self.trouble = trouble or Trouble()
        self.side = WriteSide()
        self.clock = self.side.clock
        self.store: Any = store or FrailStore(self.trouble)
        self.started = False
        self.restart()

    def restart(self) -> None:
        """Start a new process: only the log and the store are left."""
        venue, custodian, bank = self._faults
        self.side.handler = self.side.fresh_handler()
        market = BridgedMarket(closes, lambda s: s == SYMBOL, seed=self.seed)
        self.venue = SimulatedVenue(market, seed=self.seed, faults=venue)
        self.custodian = SimulatedCustodian(seed=self.seed, faults=custodian, advise=False)
        self.bank = SimulatedBank(seed=self.seed, faults=bank)
        log, store, send = self.side.log, self.store, self.send
        self.runner = SagaRunner(log, store, send)
        self.timer = Timer(store, send)
        pairs: Sequence[tuple[Any, Any]] = (
            (VenueChannel(self.settl_date), self.venue),
            (CustodianChannel(), self.custodian),
            (BankChannel(), self.bank),
        )
        self.gateways = [
            Gateway(log, store, send, channel=channel, counterparty=counterparty)
            for channel, counterparty in pairs
        ]
        self.started = False

    def misbehave(self, *, venue: VenueFaults, custodian: CustodianFaults) -> None:
        """Use these faults from now on; messages of the last seven days are sent again."""
        self._faults = (venue, custodian, self._faults[2])
        self.restart()

    async def send(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        self.trouble.before()
        outcomes = await self.side.handler.handle(requests)
        self.trouble.done()
        return outcomes

    async def do(self, *commands: Command, prefix: str = "k") -> list[Outcome]:
        """Commands of people; all of them are in the log when this returns."""
        out = []
        for command in commands:
            self._n = getattr(self, "_n", 0) + 1
            actor = getattr(command, "officer", "ada")  # an officer acts under their own name
            request = Request(command=command, message_id=f"{prefix}{self._n}", actor=actor)
            out += await self.side.handler.handle([request])
        return out

    async def open(
        self, cash: str = "100000.00", accounts: Sequence[str] = ("A1",), mic: str = "XNAS"
    ) -> None:
        """A client, accounts with cash, one listed stock with a mark."""
        passport = Document(kind="passport", reference="P1")
        self.clock.set(datetime.combine(MONDAY, time(12), UTC))
        outcomes = await self.do(
            OnboardClient(client_id="C1", kind=Kind.INDIVIDUAL, legal_name="Ada", country="GB"),
            SubmitKyc(client_id="C1", documents=(passport,)),
            ApproveKyc(
                client_id="C1",
                officer="o1",
                risk_rating=RiskRating.LOW,
                review_on=date(2026, 1, 1),
            ),
            *(OpenAccount(account_id=a, client_id="C1", base_currency="USD") for a in accounts),
            *(
                DepositCash(account_id=a, amount=Decimal(cash), currency="USD", reference="seed")
                for a in accounts
                if Decimal(cash)
            ),
            ListInstrument(instrument_id=SYMBOL, symbol=SYMBOL, isin=ISIN, currency="USD", mic=mic),
            MarkPrice(
                instrument_id=SYMBOL,
                isin=ISIN,
                price=Decimal("50.00"),
                currency="USD",
                price_date=MONDAY,
                source="test",
            ),
        )
        assert all(isinstance(o, Done) for o in outcomes), outcomes

    async def drain(self) -> None:
        """Run until nothing is left to do at this time; a crash restarts the process."""
        while True:
            try:
                if not self.started:
                    for gateway in self.gateways:
                        await gateway.start(self.clock())
                    self.started = True
                moved = await self.runner.drain()
                for gateway in self.gateways:
                    moved += await gateway.step() + await gateway.deliver(self.clock())
                moved += await self.timer.fire(self.clock())
            except Crashed:
                self.restart()
                continue
            if not moved:
                return

    async def until(self, day: date, at: time = time(23, 30)) -> None:
        """Run on to a time; on the way everything runs at seven times of each day."""
        end = datetime.combine(day, at, UTC)
        looks = (time(13), time(13, 35), time(15), time(17), time(20, 5), time(21, 30), time(23))
        today = self.clock().date()
        while today <= day:
            for look in looks:
                moment = datetime.combine(today, look, UTC)
                if self.clock() < moment <= end:
                    self.clock.set(moment)
                    await self.drain()
            today += timedelta(days=1)
        self.clock.set(end)
        await self.drain()

    async def events(self) -> list[Envelope]:
        out: list[Envelope] = []
        while page := await self.side.log.after(out[-1].position if out else 0, limit=1_000):
            out += page
        return out

    async def named(self, name: str) -> list[Any]:
        return [e.event for e in await self.events() if e.meta.name == name]

    async def names(self, stream: str) -> list[str]:
        return [e.meta.name for e in await self.events() if e.stream == stream]

    async def balances(self) -> dict[tuple[str, str, str, str], Decimal]:
        """(account, owner, ref, unit) -> balance, zeros left out."""
        totals: dict[tuple[str, str, str, str], Decimal] = defaultdict(Decimal)
        for envelope in await self.events():
            for entry in entries(envelope.event):
                for p in entry.postings:
                    totals[p.account, p.owner, p.ref, p.unit] += p.amount
        return {line: amount for line, amount in totals.items() if amount}

    async def of(self, account: str) -> dict[tuple[str, str, str], Decimal]:
        """(owner, ref, unit) -> balance of one chart account."""
        return {k[1:]: v for k, v in (await self.balances()).items() if k[0] == account}


def order(order_id: str = "O1", **changes: Any) -> PlaceOrder:
    """A market order to buy 30, changed as given."""
    terms: dict[str, Any] = {
        "order_id": order_id,
        "account_id": "A1",
        "instrument_id": SYMBOL,
        "side": Side.BUY,
        "qty": Decimal(30),
        "ord_type": OrdType.MARKET,
        "time_in_force": TimeInForce.DAY,
    }
    return PlaceOrder(**(terms | changes))


def declined(outcome: Outcome) -> str:
    assert isinstance(outcome, Declined), outcome
    return str(outcome.refused.refusal)
