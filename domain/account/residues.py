"""A residue: less than the smallest quantity that can be ordered (domain.md rules 18 and 20).

A holding has one after an instrument's quantity step grew, or after fractions arrived by transfer.
An order may sell a whole holding at any quantity. If the venue does not accept that, the house buys
the residue at the last mark, with a second person's approval, so that the account can be closed.
"""

from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from domain.account import base_cost
from domain.account.changes import add_cash, move_lots
from domain.account.listings import Listing, factor, listing
from domain.account.rates import base_rate, in_base, no_rate
from domain.account.refusals import R, blank, first, refuse_unless, too_old, two_persons
from domain.account.state import CLOSING, CLOSING_ONLY, DORMANT, OPEN, State
from domain.rules.lots import LotMove, dispose
from domain.shared import quotation
from domain.shared.message import (
    Command,
    Decision,
    Event,
    Personal,
    PersonalText,
    Refused,
    Seen,
    refused,
)
from domain.shared.money import EXACT, ZERO, plain, round_money


class CashResidue(Command):
    """The house buys, at the mark, the part of a holding that is too small to be ordered."""

    account_id: str
    residue_id: str
    instrument_id: str
    isin: str
    reason: Personal
    requested_by: Personal
    approved_by: Personal


class ResidueCashed(Event, tag="residue.cashed"):
    """The house took a fraction that no order can sell, and paid the last mark for it.

    Nothing moves in custody: C.DUE and H.DUE record that the stock is the house's, and the cash
    the client's.
    """

    account_id: str
    residue_id: str
    instrument_id: str
    isin: str
    qty: Decimal
    price: Decimal  # as quoted
    currency: str  # of settlement
    amount: Decimal  # paid to the client
    lots: tuple[LotMove, ...]
    base_rate: Decimal  # base currency per unit of `currency`; 0: not fixed
    reason: PersonalText
    requested_by: PersonalText
    approved_by: PersonalText
    client_id: str


MAY_CASH = (OPEN, CLOSING_ONLY, DORMANT, CLOSING)
"""Statuses in which the house buys a residue."""


def cash(command: CashResidue, state: State, seen: Seen) -> Decision:
    """Cash the part that is settled, not held for a sale, and below the instrument's step."""
    if wrong := first(refuse_unless(state, *MAY_CASH), _grounds_fault(command, seen.actor)):
        return wrong
    terms = listing(seen, command.instrument_id, command.isin)
    if isinstance(terms, Refused):
        return terms
    price = _price(command, terms, seen)
    if isinstance(price, Refused):
        return price
    currency = terms.settlement_currency
    rate = base_rate(state, currency, seen)
    if wrong := first(
        base_cost.refuse_waiting(state, command.isin), _rate_fault(rate, state, terms, seen)
    ):
        return wrong
    isin = command.isin
    free = min(state.qty(isin), state.settled_qty(isin)) - state.held_qty(isin)
    qty = EXACT.remainder(free, terms.qty_increment) if free > 0 else ZERO
    if not qty:
        return refused(R.NO_RESIDUE, isin=isin, available=free, qty_increment=terms.qty_increment)
    event = ResidueCashed(
        account_id=command.account_id,
        residue_id=command.residue_id,
        instrument_id=command.instrument_id,
        isin=isin,
        qty=plain(qty),
        price=price,
        currency=currency,
        amount=round_money(EXACT.multiply(EXACT.multiply(qty, price), factor(terms)), currency),
        lots=(),
        base_rate=rate,
        reason=command.reason,
        requested_by=command.requested_by,
        approved_by=command.approved_by,
        client_id=state.client_id,
    )
    return (_with_lots(event, state, seen),)


def _price(command: CashResidue, terms: Listing, seen: Seen) -> Decimal | Refused:
    """The last mark, if it is fresh, in the unit that the listing is quoted in now."""
    mark: Any = seen.streams.get(f"price-{command.instrument_id}")
    units = quotation.factor(terms.currency, terms.settlement_currency)
    price: Decimal | None = None
    if mark is not None and mark.price is not None and units == terms.price_factor:
        price = quotation.requoted(mark.price, mark.currency, terms.currency)
    if price is None:
        return refused(R.PRICE_UNKNOWN, instrument_id=command.instrument_id)
    return too_old(R.PRICE_STALE, "price_date", mark.price_date, seen.now.date()) or price


def _rate_fault(rate: Decimal, state: State, terms: Listing, seen: Seen) -> Refused | None:
    """Refuse without a rate: the gain needs a value in the base currency."""
    return None if rate else no_rate(state.base_currency, terms.settlement_currency, seen)


def _with_lots(event: ResidueCashed, state: State, seen: Seen) -> ResidueCashed:
    lots = dispose(
        state.lots.get(event.isin, ()),
        event.residue_id,
        event.qty,
        method=state.lot_method,
        proceeds=in_base(state, event.amount, event.currency, rate=event.base_rate),
        on=seen.now.date(),
    )
    return replace(event, lots=lots)


def _grounds_fault(command: CashResidue, actor: str) -> Refused | None:
    if blank((command.reason,)):
        return refused(R.REASON_MISSING)
    return two_persons(command.requested_by, command.approved_by, actor)


def cashed(state: State, event: ResidueCashed) -> State:
    state = move_lots(state, event.isin, event.lots, currency=event.currency)
    return add_cash(state, event.currency, event.amount)
