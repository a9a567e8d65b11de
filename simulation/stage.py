"""Setting the stage, on the eve of the first session: stocks, house, clients, accounts."""

from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from adapters.market import history as market_history
from domain.account.standing import OpenAccount
from domain.client.commands import ApproveKyc, OnboardClient, SubmitKyc
from domain.client.events import Document, Kind, RiskRating
from domain.house import FundHouse
from domain.instrument.commands import ListInstrument
from domain.shared.message import Command
from simulation.history import History
from simulation.plans import BASES, Plan
from simulation.strategies import TRADED

CAPITAL = Decimal(1_000_000)  # of the house, in every currency that clients use
REVIEW_AFTER = timedelta(days=3 * 365)
NAMES = ("Adler", "Brandt", "Costa", "Dubois", "Evans", "Fischer", "Garcia", "Hansen", "Ivanov")
COUNTRIES = {"USD": "US", "EUR": "DE", "GBP": "GB", "CHF": "CH"}

Message = tuple[str, Command]


def stage(history: History, wanted: Sequence[Plan]) -> Iterator[Message]:
    """Everything that must be there before the first order, under fixed message ids."""
    for stock in market_history.STOCKS:
        if stock.symbol in history.symbols:
            yield f"list.{stock.symbol}", _listing(stock)
    for currency in sorted(set(BASES)):
        yield (
            f"capital.{currency}",
            FundHouse(currency=currency, amount=CAPITAL, reference="capital"),
        )
    seen: set[str] = set()
    for plan in wanted:
        if plan.client_id not in seen:
            seen.add(plan.client_id)
            yield from _client(plan, history.eve)
    for plan in wanted:
        yield (
            f"open.{plan.account_id}",
            OpenAccount(
                account_id=plan.account_id,
                client_id=plan.client_id,
                base_currency=plan.base_currency,
                lot_method=plan.lot_method,
            ),
        )


def renewal(client_id: str, day: date) -> Iterator[Message]:
    """The periodic review: the file handed in again and approved."""
    yield f"kyc.{client_id}.{day:%Y%m%d}", _file(client_id)
    yield f"kyc.ok.{client_id}.{day:%Y%m%d}", _approval(client_id, day)


def _listing(stock: market_history.Stock) -> Command:
    """Adjusted prices have more decimals than a tick: nothing here is tick-checked."""
    return ListInstrument(
        instrument_id=stock.symbol,
        symbol=stock.symbol,
        isin=stock.isin,
        currency=TRADED,
        mic=stock.mic,
        tick_size=Decimal(0),
        name=stock.name,
    )


def _client(plan: Plan, day: date) -> Iterator[Message]:
    number = int(plan.client_id[1:])
    yield (
        f"onboard.{plan.client_id}",
        OnboardClient(
            client_id=plan.client_id,
            kind=Kind.INDIVIDUAL,
            legal_name=f"{NAMES[number % len(NAMES)]} {number}",
            country=COUNTRIES[plan.base_currency],
        ),
    )
    yield f"kyc.{plan.client_id}", _file(plan.client_id)
    yield f"kyc.ok.{plan.client_id}", _approval(plan.client_id, day)


def _file(client_id: str) -> Command:
    passport: Any = Document(kind="passport", reference=f"P-{client_id}")
    return SubmitKyc(client_id=client_id, documents=(passport,))


def _approval(client_id: str, day: date) -> Command:
    return ApproveKyc(
        client_id=client_id,
        officer="compliance-1",
        risk_rating=RiskRating.LOW,
        review_on=day + REVIEW_AFTER,
    )
