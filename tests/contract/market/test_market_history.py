"""The packaged history matches its description: dates, names, figures, and fast look-ups."""

import csv
import gzip
import hashlib
import io
import subprocess
import sys
from datetime import date, timedelta
from decimal import Decimal
from time import perf_counter

import pytest

from adapters.market.calendars import sessions
from adapters.market.history import (
    PRICES,
    STOCKS,
    OutsideHistory,
    _file,
    fixings,
    prices,
    rates,
)
from domain.shared.identifiers import is_isin, is_mic
from domain.shared.money import is_currency


def test_every_share_has_a_valid_isin_and_is_in_the_file() -> None:
    assert [s.symbol for s in STOCKS] == list(prices().symbols)
    assert all(is_isin(s.isin) and s.isin.startswith("US") and is_mic(s.mic) for s in STOCKS)
    assert len({s.isin for s in STOCKS}) == len(STOCKS) == 20


def test_prices_stand_on_exactly_the_sessions_of_the_exchange() -> None:
    history = prices()
    first, last = history.dates[0], history.dates[-1]
    assert (first, last) == (date(1990, 1, 2), date(2022, 12, 28))
    assert history.dates == sessions("XNYS", last)


def test_a_close_is_the_figure_of_the_file_with_four_decimals() -> None:
    text = gzip.decompress(_file("skfolio", "datasets/data/sp500_dataset.csv.gz").read_bytes())
    rows = {row["Date"]: row for row in csv.DictReader(io.StringIO(text.decode()))}
    for day in prices().between(date(2019, 12, 20), date(2020, 1, 10)):
        on = prices().on(day)
        assert all(on[s] == Decimal(rows[day.isoformat()][s]) for s in prices().symbols)
        assert {close.as_tuple().exponent for close in on.values()} == {-4}
    assert PRICES == "adjusted"


def test_a_day_without_a_session_has_no_prices() -> None:
    with pytest.raises(OutsideHistory, match="no prices on 2020-01-01"):
        prices().on(date(2020, 1, 1))
    assert prices().day_before(date(2020, 1, 1)) == date(2019, 12, 31)
    with pytest.raises(OutsideHistory):
        prices().day_before(date(1990, 1, 2))


def test_on_a_day_without_a_fixing_the_last_one_is_valid_with_its_own_date() -> None:
    rate_date, of_good_friday = rates(date(2024, 3, 29))
    assert rate_date == date(2024, 3, 28)
    assert of_good_friday == rates(date(2024, 3, 28)).rates
    assert of_good_friday["USD"] == Decimal("1.0811")


def test_a_currency_that_was_not_fixed_that_day_is_absent() -> None:
    assert "ISK" in rates(date(2008, 12, 9)).rates
    assert "ISK" not in rates(date(2012, 6, 1)).rates
    assert "RUB" not in rates(date(2023, 6, 1)).rates


def test_only_currencies_that_the_ledger_can_hold() -> None:
    held = rates(date(1999, 1, 4)).rates
    assert all(is_currency(c) for c in held)
    assert "CYP" not in held and held["JPY"] == Decimal("133.73")


def test_before_the_euro_and_after_the_file_there_are_no_rates() -> None:
    last = fixings().dates[-1]
    for day in (date(1999, 1, 3), last + timedelta(days=1)):
        with pytest.raises(OutsideHistory, match=f"no rates for {day}"):
            rates(day)
    assert rates(last).rate_date == last


def test_the_hash_is_the_one_of_the_file() -> None:
    for history, package, name in (
        (prices(), "skfolio", "datasets/data/sp500_dataset.csv.gz"),
        (fixings(), "currency_converter", "eurofxref-hist.zip"),
    ):
        with _file(package, name).open("rb") as file:
            assert hashlib.file_digest(file, "sha256").hexdigest() == history.sha256


def test_a_missing_package_is_named() -> None:
    with pytest.raises(FileNotFoundError, match="no_such_package"):
        _file("no_such_package", "x.csv")


def test_the_packages_that_hold_the_files_are_not_imported() -> None:
    probe = (
        "import sys; from adapters.market.history import prices, fixings; prices(); fixings();"
        "sys.exit(any(m.split('.')[0] in ('skfolio', 'currency_converter', 'numpy', 'pandas')"
        " for m in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", probe], check=False).returncode == 0


def test_a_year_of_prices_is_read_in_a_blink() -> None:
    days = prices().between(date(2020, 1, 1), date(2020, 12, 31))
    started = perf_counter()
    for day in days:
        prices().on(day)
    assert len(days) == 253 and perf_counter() - started < 1
