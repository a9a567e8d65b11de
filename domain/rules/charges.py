"""Charges at trade: what the house, the market's regulator and the state take of an execution.

An effective-dated schedule as data (domain.md rule 19):

    commission   the house: basis points of the order's cumulative gross, with a minimum per order
                 across its partial fills (charge = f(cumulative) - charged so far)
    section_31   US Securities Exchange Act, section 31: sales, by trade date
    stamp_duty   UK stamp duty reserve tax: purchases on a UK market that settle in the UK

Levies and taxes apply per execution, each as its own charge. They depend on the market of
execution, and on the place of settlement if the tax is collected there; never on the country in an
ISIN. Amounts are in the settlement currency.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import ROUND_HALF_UP, ROUND_UP, Decimal

from msgspec import Struct

from domain.shared.fix import Side
from domain.shared.money import ZERO, round_money

COMMISSION, SECTION_31, STAMP_DUTY = "commission", "section_31", "stamp_duty"


class Charge(Struct, frozen=True, kw_only=True):
    """One charge of a trade. `authority` "" is ours (H.COMM), otherwise C.TAX[authority]."""

    kind: str  # commission, section_31, stamp_duty ...
    amount: Decimal
    authority: str = ""


class Tariff(Struct, frozen=True, kw_only=True):
    """The house's commission from a day on."""

    since: date
    rate: Decimal  # of gross
    minimum: Mapping[str, Decimal]  # per order, by settlement currency
    minimum_other: Decimal


TARIFFS = (
    Tariff(
        since=date.min,
        rate=Decimal("0.0010"),
        minimum={"JPY": Decimal(100), "KRW": Decimal(1000), "SEK": Decimal(10), "NOK": Decimal(10)},
        minimum_other=Decimal(1),
    ),
)

SECTION_31_RATES: tuple[tuple[date, Decimal], ...] = tuple(
    (date.fromisoformat(day), Decimal(per_million) / 1_000_000)
    for day, per_million in (
        # 1/300 of one per cent by statute. Nasdaq only since 1996-10-01; not distinguished here.
        ("1934-06-06", "33.30"),
        ("2001-12-28", "15.00"),
        ("2002-04-01", "30.10"),
        ("2003-03-22", "25.20"),
        ("2003-04-01", "46.80"),
        ("2004-02-22", "39.00"),
        ("2004-04-01", "23.40"),
        ("2005-01-07", "32.90"),
        ("2005-04-01", "41.80"),
        ("2005-12-22", "30.70"),
        ("2007-03-17", "15.30"),  # day not verified against a notice
        ("2008-01-25", "11.00"),  # day not verified
        ("2008-04-01", "5.60"),
        ("2009-04-10", "25.70"),  # day not verified
        ("2010-01-15", "12.70"),
        ("2010-04-01", "16.90"),
        ("2011-01-21", "19.20"),
        ("2012-02-21", "18.00"),  # not verified
        ("2012-04-01", "22.40"),  # day not verified
        ("2013-05-25", "17.40"),  # day not verified
        ("2014-03-18", "22.10"),
        ("2015-02-14", "18.40"),  # not verified
        ("2016-02-16", "21.80"),  # day not verified
        ("2017-07-04", "23.10"),
        ("2018-05-22", "13.00"),
        ("2019-04-16", "20.70"),
        ("2020-02-18", "22.10"),
        ("2021-02-25", "5.10"),
        ("2022-05-14", "22.90"),  # day not verified
        ("2023-02-27", "8.00"),
        ("2024-05-22", "27.80"),  # day not verified
        ("2025-05-14", "0.00"),
        ("2026-04-04", "20.60"),
    )
)
"""Rate of gross on covered sales, by trade date. Source: SEC fee rate advisories and orders,
FINRA (NASD) notices of the rates. Rates for which we found no notice are marked."""

STAMP_DUTY_RATES = ((date(1986, 10, 27), Decimal("0.005")),)
"""UK purchases. Source: Finance Act 1986, sections 64 and 87."""


def charged_in(market: str, place_of_settlement: str) -> str:
    """The country whose levies and taxes an execution bears; "": none.

    The duty of the UK is collected by its depository (CREST): a trade on a UK market that settles
    in another country's depository bears none.

    Args:
        market: ISO 3166 code of the market of execution.
        place_of_settlement: BIC of the depository; "": the market's own.
    """
    settles_in = place_of_settlement[4:6].upper()
    if market == "GB" and settles_in not in ("", "GB"):
        return ""
    return market


def charges(
    country: str,
    side: Side,
    *,
    cum_gross_before: Decimal,
    gross: Decimal,
    charged_before: Decimal,
    currency: str,
    on: date,
) -> tuple[Charge, ...]:
    """The charges of an order's next execution, of `gross`.

    Args:
        country: ISO 3166 code of the market, which decides levies and taxes.
        side: BUY, SELL or SELL_SHORT.
        cum_gross_before: gross of the order's earlier executions.
        gross: principal of this execution, in `currency`.
        charged_before: commission that those executions were charged.
        currency: settlement currency, ISO 4217.
        on: trade date.

    Returns:
        Only charges above zero; commission first.
    """
    found = (
        Charge(
            kind=COMMISSION,
            amount=max(commission(cum_gross_before + gross, currency, on) - charged_before, ZERO),
        ),
        *_levies(country, side, gross, currency=currency, on=on),
    )
    return tuple(c for c in found if c.amount > 0)


def estimate(country: str, side: Side, gross: Decimal, currency: str, *, on: date) -> Decimal:
    """All charges of an order that fills for `gross` at once. A hold includes them."""
    return sum(
        (
            c.amount
            for c in charges(
                country,
                side,
                cum_gross_before=ZERO,
                gross=gross,
                charged_before=ZERO,
                currency=currency,
                on=on,
            )
        ),
        ZERO,
    )


def commission(cum_gross: Decimal, currency: str, on: date) -> Decimal:
    """An order's total commission, in `currency`, for executions of `cum_gross` together.

    So the commission of a set of executions does not depend on the sequence in which they came.
    """
    if cum_gross <= 0:
        return ZERO
    tariff = next(t for t in reversed(TARIFFS) if t.since <= on)
    charge = round_money(cum_gross * tariff.rate, currency)
    return max(charge, round_money(tariff.minimum.get(currency, tariff.minimum_other), currency))


def commission_of(taken: Iterable[Charge]) -> Decimal:
    return sum((c.amount for c in taken if c.kind == COMMISSION), ZERO)


def with_commission(taken: Iterable[Charge], amount: Decimal) -> tuple[Charge, ...]:
    """The same charges with another commission; a commission of zero is left out."""
    rest = tuple(c for c in taken if c.kind != COMMISSION)
    return (Charge(kind=COMMISSION, amount=amount), *rest) if amount else rest


def _levies(
    country: str, side: Side, gross: Decimal, *, currency: str, on: date
) -> tuple[Charge, ...]:
    match country, side:
        case "US", Side.SELL | Side.SELL_SHORT:
            # Brokers pass it on rounded up to the next cent (NASD notices to members).
            fee = round_money(gross * _rate(SECTION_31_RATES, on), currency, ROUND_UP)
            return (Charge(kind=SECTION_31, amount=fee, authority="SEC31"),)
        case "GB", Side.BUY:
            duty = round_money(gross * _rate(STAMP_DUTY_RATES, on), currency, ROUND_HALF_UP)
            return (Charge(kind=STAMP_DUTY, amount=duty, authority="HMRC"),)
        case _:
            return ()


def _rate(rates: tuple[tuple[date, Decimal], ...], on: date) -> Decimal:
    return next((rate for since, rate in reversed(rates) if since <= on), ZERO)
