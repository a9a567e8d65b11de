"""Fees: what each account has accrued and was charged, by currency.

Units: money at the currency's minor unit.
"""

from collections.abc import Iterable
from datetime import date
from decimal import Decimal
from typing import ClassVar

from msgspec.structs import replace

from domain.account.fees import FeeAccrued, FeeCharged
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.exact import add, subtract
from projections.ports import Audience, Home, Key, Row

NAME = "fees"
VERSION = 1
AUDIENCE = Audience.OWN
HOME = Home("account_id", "account")


class Fee(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("account_id", "currency")

    account_id: str
    currency: str
    accrued: Decimal = ZERO  # earned, not charged yet: M.FEE
    charged: Decimal = ZERO  # net, of all time
    vat: Decimal = ZERO  # on top of it
    accrued_to: date | None = None
    charged_to: date | None = None


ROW: type[Row] = Fee
READS: frozenset[type[Event]] = frozenset({FeeAccrued, FeeCharged})


def facts(arrived: Envelope) -> Iterable[tuple[Key, FeeAccrued | FeeCharged]]:
    event = arrived.event
    if isinstance(event, FeeAccrued | FeeCharged):
        return [((event.account_id, event.currency), event)]
    return ()


def fold(row: Fee | None, key: Key, fact: FeeAccrued | FeeCharged) -> Fee:
    account_id, currency = key
    row = row or Fee(account_id=account_id, currency=currency)
    if isinstance(fact, FeeAccrued):
        return replace(row, accrued=add(row.accrued, fact.amount), accrued_to=fact.accrual_date)
    return replace(
        row,
        accrued=subtract(row.accrued, fact.net),
        charged=add(row.charged, fact.net),
        vat=add(row.vat, fact.vat),
        charged_to=fact.period_end,
    )
