"""Checks of an order's quantity and price, and the cash that it needs at worst."""

from datetime import date
from decimal import ROUND_UP, Decimal

from domain.order.refusals import OrderRefusal
from domain.order.state import Order
from domain.rules.charges import estimate
from domain.shared.fix import Side
from domain.shared.message import Refused, refused
from domain.shared.money import (
    EXACT,
    MINOR_UNITS,
    PRICE_DECIMALS,
    QTY_DECIMALS,
    ZERO,
    is_exact,
    quantise,
    round_money,
)
from domain.shared.money_rules import AMOUNT_LIMIT

COLLAR = Decimal("0.05")  # house policy: how far a market order may run from the last mark


def is_qty(qty: Decimal) -> bool:
    """Whether it can be stored as a quantity, whatever its sign."""
    return is_exact(qty, QTY_DECIMALS) and abs(qty) < AMOUNT_LIMIT


def is_px(px: Decimal) -> bool:
    """Whether it can be stored as the price of an execution (0 if the shares were free)."""
    return is_exact(px, PRICE_DECIMALS) and 0 <= px < AMOUNT_LIMIT


def qty_fault(qty: Decimal, increment: Decimal) -> Refused | None:
    """Why a quantity cannot be ordered: not positive, or off the instrument's smallest step."""
    if not (qty.is_finite() and qty > 0):
        return refused(OrderRefusal.QTY_NOT_POSITIVE, qty=qty)
    if not is_qty(qty) or (increment > 0 and EXACT.remainder(qty, increment)):
        return refused(OrderRefusal.QTY_INCREMENT, qty=qty, qty_increment=increment)
    return None


def px_fault(px: Decimal, tick_size: Decimal) -> Refused | None:
    """Why a price cannot be ordered: not positive, or off the tick (0: any exact price)."""
    if not (px.is_finite() and px > 0):
        return refused(OrderRefusal.PX_NOT_POSITIVE, px=px)
    if not is_px(px) or (tick_size > 0 and EXACT.remainder(px, tick_size)):
        return refused(OrderRefusal.TICK_SIZE, px=px, tick_size=tick_size)
    return None


def worst_px(px: Decimal) -> Decimal:
    """The worst price that a market order is reserved for, to 10 decimals."""
    return quantise(EXACT.multiply(px, 1 + COLLAR), PRICE_DECIMALS, ROUND_UP)


def hold_for(order: Order, qty: Decimal, hold_px: Decimal, *, on: date) -> Decimal:
    """Cash to hold for new terms of an order: as much as for a new order on that day."""
    return hold_amount(
        order.side,
        qty,
        hold_px,
        price_factor=order.price_factor,
        currency=order.settl_currency,
        country=order.country,
        on=on,
    )


def hold_amount(
    side: Side,
    qty: Decimal,
    hold_px: Decimal,
    *,
    price_factor: Decimal,
    currency: str,
    country: str,
    on: date,
) -> Decimal:
    """Cash to hold for an order: `qty` at `hold_px`, rounded up, with its estimated charges.

    Args:
        price_factor: settlement currency per unit of quoted price, with the multiplier.
        currency: settlement currency, ISO 4217.
        country: whose taxes and levies apply.
        on: the day whose charges apply.

    Returns:
        An amount in the settlement currency at its minor unit; 0 for a sale, which holds shares.
    """
    if side is not Side.BUY:
        return quantise(ZERO, MINOR_UNITS[currency])
    gross = EXACT.multiply(EXACT.multiply(qty, hold_px), price_factor)
    principal = round_money(gross, currency, ROUND_UP)
    charges = estimate(country, side, principal, currency=currency, on=on)
    return round_money(EXACT.add(principal, charges), currency, ROUND_UP)
