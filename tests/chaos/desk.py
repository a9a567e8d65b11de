"""One caller's day: a client, two accounts, and commands drawn from a seeded generator.

A desk does no I/O: it yields commands and is sent their answers, so the same seed and the same
answers give the same day.
"""

import random
from collections.abc import Iterator
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, NamedTuple

from domain.shared.market_time import house_today, market_today

MARKS = {"AAPL": "40.00", "MSFT": "100.00", "KO": "25.00"}
ISINS = {"AAPL": "US0378331005", "MSFT": "US5949181045", "KO": "US1912161007"}
CASH = {"USD": "250000.00", "EUR": "100000.00"}
BULK = 5
REMEMBERED_MAX = 20  # open orders that a desk may still want to change


class Ask(NamedTuple):
    """One command."""

    name: str
    body: dict[str, Any]


Asked = Ask | list[Ask]
"""A list goes out as one bulk."""


def listings() -> list[Ask]:
    """Commands needed before a desk opens: instruments, marks, rates."""
    now = datetime.now(UTC)
    today, priced = house_today(now).isoformat(), market_today("US", now).isoformat()
    asks = []
    for symbol, isin in ISINS.items():
        named = {"instrument_id": symbol, "isin": isin, "currency": "USD"}
        asks.append(Ask("ListInstrument", named | {"symbol": symbol, "mic": "XNAS"}))
        mark = named | {"price": MARKS[symbol], "price_date": priced, "source": "desk"}
        asks.append(Ask("MarkPrice", mark))
    return [*asks, Ask("FixRates", {"source": "ecb", "rate_date": today, "rates": {"USD": "1.10"}})]


class Desk:
    """Yields commands for ever; `result` is the answer to the last one."""

    def __init__(self, number: int, seed: int, desks: int) -> None:
        self._dice = random.Random(f"{seed}.{number}")
        self._number, self._desks = number, desks
        self._count = 0
        self._orders: list[str] = []
        self.accounts = [self._account(number, which) for which in (0, 1)]

    def opening(self) -> Iterator[Ask]:
        client = f"C{self._number}"
        yield Ask("OnboardClient", {"client_id": client, "kind": "individual", "legal_name": "Ada",
                                    "country": "US"})  # fmt: skip
        passport = {"kind": "passport", "reference": "P1"}
        yield Ask("SubmitKyc", {"client_id": client, "documents": [passport], "risk_answers": {}})
        review = f"{datetime.now(UTC).year + 1}-06-01"
        yield Ask("ApproveKyc", {"client_id": client, "officer": "olga", "risk_rating": "low",
                                 "review_on": review})  # fmt: skip
        for account in self.accounts:
            yield Ask("OpenAccount", {"account_id": account, "client_id": client,
                                      "base_currency": "USD", "lot_method": "FIFO"})  # fmt: skip
            for currency, amount in CASH.items():
                yield self._deposit(account, amount, currency)

    def next(self) -> Asked:
        self._count += 1
        kinds = (self._order, self._small_deposit, self._bulk, self._withdrawal, self._transfer,
                 self._exchange, self._cancel, self._replace, self._adjustment)  # fmt: skip
        (kind,) = self._dice.choices(kinds, weights=(30, 25, 4, 8, 15, 6, 6, 3, 3))
        return kind()

    def _order(self) -> Ask:
        symbol = self._dice.choice(list(MARKS))
        mark = Decimal(MARKS[symbol])
        order = self._id("O")
        body = {
            "order_id": order,
            "account_id": self._dice.choice(self.accounts),
            "instrument_id": symbol,
            "side": self._dice.choices(("BUY", "SELL"), weights=(3, 1))[0],
            "qty": str(self._dice.randint(1, 20)),
        }
        self._orders = [*self._orders[-REMEMBERED_MAX:], order]
        if self._dice.random() < 0.5:
            return Ask("PlaceOrder", body | {"ord_type": "MARKET", "time_in_force": "DAY"})
        # Within the range of the simulated prices or well outside: filled soon, or left open.
        away = self._dice.choice((Decimal("1.001"), Decimal("0.999"), Decimal("0.9")))
        limit = (mark * away).quantize(Decimal("0.01"))
        return Ask("PlaceOrder", body | {"ord_type": "LIMIT", "time_in_force": "GTC",
                                         "limit_px": str(limit)})  # fmt: skip

    def _small_deposit(self) -> Ask:
        return self._deposit(self._dice.choice(self.accounts), self._amount(), "USD")

    def _bulk(self) -> list[Ask]:
        return [self._small_deposit() for _ in range(BULK)]

    def _withdrawal(self) -> Ask:
        account = self._dice.choice(self.accounts)
        return Ask("WithdrawCash", self._cash(account, self._amount(), "USD"))

    def _transfer(self) -> Ask:
        """To an account of any desk."""
        account = self._dice.choice(self.accounts)
        others = [self._account(n, w) for n in range(self._desks) for w in (0, 1)]
        to = self._dice.choice([other for other in others if other != account])
        body = {"transfer_id": self._id("T"), "account_id": account, "to_account_id": to}
        return Ask("TransferCash", body | {"currency": "USD", "amount": self._amount()})

    def _exchange(self) -> Ask:
        """With value date today, so that it settles during the run."""
        body = {"account_id": self._dice.choice(self.accounts), "fx_id": self._id("F")}
        today = datetime.now(UTC).date().isoformat()
        bought = {"buy_currency": "EUR", "buy_amount": self._amount(), "sell_currency": "USD"}
        return Ask("ConvertCurrency", body | bought | {"value_date": today})

    def _cancel(self) -> Ask:
        return Ask("CancelOrder", {"order_id": self._some_order(), "reason": "client"})

    def _replace(self) -> Ask:
        qty = str(self._dice.randint(1, 20))
        return Ask("ReplaceOrder", {"order_id": self._some_order(), "qty": qty})

    def _adjustment(self) -> Ask:
        """A debit: a credit would first need funds from the house."""
        body = {"account_id": self._dice.choice(self.accounts), "adjustment_id": self._id("J")}
        who = {"requested_by": "olga", "approved_by": "oleg", "evidence": "mail"}
        money = {"currency": "USD", "amount": f"-{self._amount()}", "reason": "late fee"}
        return Ask("PostAdjustment", body | money | who)

    def _some_order(self) -> str:
        return self._dice.choice(self._orders) if self._orders else "none"

    def _deposit(self, account: str, amount: str, currency: str) -> Ask:
        return Ask("DepositCash", self._cash(account, amount, currency))

    def _cash(self, account: str, amount: str, currency: str) -> dict[str, Any]:
        paid = {"amount": amount, "currency": currency, "reference": self._id("R")}
        return {"account_id": account, **paid}

    def _amount(self) -> str:
        return f"{self._dice.randint(1, 5000) / 100:.2f}"

    def _id(self, kind: str) -> str:
        self._count += 1
        return f"{kind}{self._number}.{self._count}"

    def _account(self, number: int, which: int) -> str:
        return f"A{number}.{which}"
