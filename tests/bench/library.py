"""The peer for commands, loads and projections: the `eventsourcing` library, used as documented.

An aggregate with the same fields and checks as our deposit, in an `Application` on the library's
own Postgres module. It keeps no hash chain, no request hash, no idempotency table and no ledger:
where the work differs, it differs in the peer's favour.
"""

import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from decimal import Decimal
from itertools import count
from typing import Any
from uuid import UUID

from eventsourcing.application import Application
from eventsourcing.domain import Aggregate, event
from psycopg.conninfo import conninfo_to_dict

from tests.bench.rig import Run

BEST_THREADS = 8
BEST = {
    "POSTGRES_POOL_SIZE": "8",
    "POSTGRES_MAX_OVERFLOW": "0",
    "POSTGRES_PRE_PING": "n",
    "POSTGRES_ENABLE_DB_FUNCTIONS": "y",
}
"""The settings that were fastest here: a connection a thread, none of them opened and closed
under load, and the insert as one database function (one round trip, no table lock)."""
BEST_WORDS = "8 threads, pool 8 + 0, pre-ping off, database functions on"


class InsufficientDetail(ValueError):
    """The peer's refusal."""


class Account(Aggregate):
    @event("Opened")
    def __init__(self, client_id: str, base_currency: str, lot_method: str) -> None:
        self.client_id = client_id
        self.base_currency = base_currency
        self.lot_method = lot_method
        self.cash: dict[str, Decimal] = {}

    def deposit(self, amount: Decimal, currency: str, reference: str) -> None:
        if amount <= 0 or amount != amount.quantize(Decimal("0.01")) or len(currency) != 3:
            raise InsufficientDetail(amount, currency)
        self.deposited(amount, currency, reference, datetime.now(UTC))

    @event("CashDeposited")
    def deposited(
        self, amount: Decimal, currency: str, reference: str, value_date: datetime
    ) -> None:
        self.cash[currency] = self.cash.get(currency, Decimal(0)) + amount


class Bank(Application[UUID]):
    def open_account(self) -> UUID:
        account = Account(client_id="C1", base_currency="USD", lot_method="FIFO")
        self.save(account)
        return account.id

    def deposit(self, account_id: UUID, number: int) -> None:
        account = self.repository.get(account_id)
        assert isinstance(account, Account)
        account.deposit(Decimal(100 + number % 900), "USD", f"receipt-{number:08d}")
        self.save(account)


class SnapshottingBank(Bank):
    name = "Bank"
    is_snapshotting_enabled = True


def environment(url: str, settings: Mapping[str, str] | None = None) -> dict[str, str]:
    """The library's configuration for one of our databases."""
    given = conninfo_to_dict(url)
    return {
        "PERSISTENCE_MODULE": "eventsourcing.postgres",
        "POSTGRES_DBNAME": str(given["dbname"]),
        "POSTGRES_HOST": str(given["host"]),
        "POSTGRES_USER": str(given["user"]),
        "POSTGRES_PASSWORD": "",
        **(settings or {}),
    }


def threads(
    number: int, call: Callable[[int], object], *, seconds: float = 1e9, most: int = 1 << 60
) -> Run:
    """`number` threads do `call(nth)` for a time, or a number of times in all."""
    numbers, clock = count(), time.perf_counter
    start = clock()

    def one(_: int) -> list[float]:
        waits: list[float] = []
        before = clock()
        while before - start < seconds and (nth := next(numbers)) < most:
            call(nth)
            after = clock()
            waits.append(after - before)
            before = after
        return waits

    with ThreadPoolExecutor(number) as pool:
        waits = [wait for found in pool.map(one, range(number)) for wait in found]
    return Run(len(waits), clock() - start, waits)


def fill(bank: Bank, accounts: Iterable[Any], deposits: int) -> list[UUID]:
    """Accounts with `deposits` deposits each; each account is saved in one go."""
    ids = []
    for _ in accounts:
        account = Account(client_id="C1", base_currency="USD", lot_method="FIFO")
        for n in range(deposits):
            account.deposit(Decimal(100 + n % 900), "USD", f"receipt-{n:08d}")
        bank.save(account)
        ids.append(account.id)
    return ids
