"""The clients and the simulated day, on a platform that may fail at any time.

A client that gets no answer sends the same command again under the same id. It may rely on every
answer that it got: each is recorded, and compared with the log at the end.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from msgspec import Struct

from adapters.dispatch.dispatcher import Dispatcher, Overloaded
from adapters.log.event_log import RecorderLog
from adapters.log.recorder import Unavailable
from commands.handler import Done, Handler, Outcome, Raced
from commands.ports import Request
from domain.account.transfers import TransferCash, TransferSecurities
from domain.account.withdrawals import WithdrawCash
from domain.catalogue import DECIDERS
from domain.house import STREAM, House
from domain.order.commands import CancelOrder, PlaceOrder, ReplaceOrder
from domain.shared.fix import OrdType, Side, TimeInForce
from domain.shared.message import Command
from domain.shared.money import quantise
from simulation.books import Books
from simulation.day import Trading
from simulation.plans import Plan
from simulation.run import Run
from simulation.strategies import TRADED, Market
from streams.drive import NeverQuiet
from streams.platform import Platform

RETRY_S = 0.5
TRIES_MAX = 100
PAYOUT = Decimal(20)
PAYOUT_SESSIONS = (1, 2, 3)


class Promise(Struct, frozen=True):
    """An answer that a client got: the command's events are in the log."""

    message_id: str
    stream: str
    version: int
    position: int
    events: int  # 0 in the answer to a repeat, which does not name them


class Client(Dispatcher):
    """Sends to the dispatcher of the running process; retries under the same id."""

    def __init__(self, inner: Dispatcher, promises: list[Promise]) -> None:
        super().__init__(inner.handler)
        self._inner, self._promises = inner, promises

    async def submit(self, request: Request) -> Outcome:
        return (await self.submit_many([request]))[0]

    async def submit_many(self, requests: Sequence[Request]) -> list[Outcome]:
        for _ in range(TRIES_MAX):
            try:
                outcomes = await self._inner.submit_many(requests)
            except (Unavailable, Overloaded):
                await asyncio.sleep(RETRY_S)
                continue
            for request, outcome in zip(requests, outcomes, strict=True):
                self._note(request, outcome)
            if not any(isinstance(o, Raced) for o in outcomes):
                return outcomes
        raise Unavailable(f"no answer after {TRIES_MAX} tries")

    def _note(self, request: Request, outcome: Outcome) -> None:
        if isinstance(outcome, Done) and outcome.changed:
            self._promises.append(
                Promise(
                    request.message_id,
                    outcome.stream,
                    outcome.version,
                    outcome.position,
                    len(outcome.events),
                )
            )


class Witness(Handler):
    """Reads streams as they are now, with what other processes wrote."""

    async def state(self, stream: str) -> tuple[Any, int]:
        self.cache.drop(stream)
        return await super().state(stream)


class ClientPlatform:
    """The platform as clients and the auditor use it: `streams.platform.Platform`.

    Args:
        log: reads the disk itself, so that the platform's faults do not reach the auditor's log.
    """

    def __init__(self, platform: Platform, log: RecorderLog, promises: list[Promise]) -> None:
        self.dispatcher: Dispatcher = Client(platform.dispatcher, promises)
        self.log = log
        self.handler: Handler = Witness(log, DECIDERS, clock=platform.clock)
        self.signer, self.warehouse = platform.signer, platform.warehouse
        self.saga_store, self.sink = platform.saga_store, platform.sink
        self._platform = platform

    def clock(self) -> datetime:
        return self._platform.clock()

    async def served_balances(self) -> Any:
        return await self._platform.served_balances()


class BusyTrading(Trading):
    """Beside their strategies, clients move and withdraw cash, move shares, change their minds."""

    def intents(
        self, plans: tuple[Plan, ...], market: Market, books: Books
    ) -> Iterator[tuple[str, Command]]:
        yield from super().intents(plans, market, books)
        giver, taker = plans[0], plans[1]
        moves = _moves(giver, taker, market, books, isin=self._history.isin)
        for n, command in enumerate(moves):
            yield f"move.{market.day:%Y%m%d}.{n}", command
        for n, command in enumerate(_bids(giver, market)):
            yield f"bid.{market.day:%Y%m%d}.{n}", command
        for plan in (giver, taker):
            for n, command in enumerate(_payouts(plan, market, books)):
                yield f"payout.{plan.account_id}.{market.day:%Y%m%d}.{n}", command


class Script(Run):
    """A run whose log may have events of any time, because clocks step here."""

    def check_alone(self, closed: date | None) -> None:
        """No other user writes in this world."""

    async def answer(self) -> None:
        """Wait for the auditor, which is a part of the running process."""
        for _ in range(TRIES_MAX):
            house: House = (await self._platform.handler.state(STREAM))[0]
            if house.requested is None:
                return
            await asyncio.sleep(RETRY_S)
        raise NeverQuiet("no process closes the day")


def _moves(
    giver: Plan, taker: Plan, market: Market, books: Books, *, isin: Callable[[str], str]
) -> Iterator[Command]:
    """Cash to a sister account, and to a missing one (it has to come back); one share."""
    held = books.holdings(giver)
    cash, shares = held.withdrawable.get(TRADED, Decimal(0)), sorted(held.shares)
    label = f"{market.day:%Y%m%d}"
    if market.session in (2, 5) and cash > 50:
        yield TransferCash(
            transfer_id=f"T{label}",
            account_id=giver.account_id,
            to_account_id=taker.account_id,
            currency=TRADED,
            amount=Decimal(25),
        )
        yield TransferCash(
            transfer_id=f"N{label}",
            account_id=giver.account_id,
            to_account_id="nobody",
            currency=TRADED,
            amount=Decimal(15),
        )
    if market.session == 5 and shares:
        yield TransferSecurities(
            transfer_id=f"S{label}",
            account_id=giver.account_id,
            to_account_id=taker.account_id,
            instrument_id=shares[0],
            isin=isin(shares[0]),
            qty=Decimal(1),
        )


def _payouts(plan: Plan, market: Market, books: Books) -> Iterator[Command]:
    """A small withdrawal, early enough in the run that it may still be returned."""
    spare = books.holdings(plan).withdrawable.get(plan.base_currency, Decimal(0))
    if market.session in PAYOUT_SESSIONS and spare > 2 * PAYOUT:
        yield WithdrawCash(
            account_id=plan.account_id,
            amount=PAYOUT,
            currency=plan.base_currency,
            reference=f"payout.{market.day:%Y%m%d}",
        )


def _bids(plan: Plan, market: Market) -> Iterator[Command]:
    """A bid below the market that is raised on the next day and taken back on the third."""
    symbol = market.ranking[-1]
    px = quantise(market.closes[symbol] * Decimal("0.9"), 2)
    bid = f"{plan.account_id}.bid"
    match market.session:
        case 2:
            yield PlaceOrder(
                order_id=bid,
                account_id=plan.account_id,
                instrument_id=symbol,
                side=Side.BUY,
                qty=Decimal(2),
                ord_type=OrdType.LIMIT,
                limit_px=px,
                time_in_force=TimeInForce.GTC,
            )
        case 3:
            yield ReplaceOrder(order_id=bid, qty=Decimal(3))
        case 4:
            yield CancelOrder(order_id=bid, reason="client")
        case _:
            return
