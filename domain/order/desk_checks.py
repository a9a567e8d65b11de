"""What the desk's controls say of an order's terms: blocked, with the rule and its version.

The checks run after the order's own rules and before the account is asked for its cash. A cancel
is never blocked.
"""

from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any, NamedTuple, Protocol

from domain.order.refusals import OrderRefusal
from domain.shared.message import Refused, refused
from domain.shared.money import EXACT

STREAM = "desk-main"
KILL_SWITCH = "kill_switch"  # the text of what a switch ends


class DeskSeen(Protocol):
    """The part of `domain.desk`'s state that an order reads."""

    @property
    def switches(self) -> Any: ...  # key -> Switch
    @property
    def restricted(self) -> Any: ...  # ISIN -> version
    @property
    def limits(self) -> Any: ...  # key -> Limits


class Terms(NamedTuple):
    """An order's terms, as they are checked."""

    keys: tuple[str, ...]  # the scopes that it is in
    isin: str
    qty: Decimal
    limit_px: Decimal | None
    marked_px: Decimal | None  # the last mark, as quoted
    worth_px: Decimal | None
    factor: Decimal  # settlement currency per unit of quoted price and quantity


def desk_keys(account_id: str, mic: str, instrument_id: str) -> tuple[str, ...]:
    """The scopes that an order is in, widest first."""
    return ("firm", f"account:{account_id}", f"venue:{mic}", f"instrument:{instrument_id}")


def is_stopped(desk: DeskSeen | None, account_id: str, instrument_id: str) -> bool:
    """Whether a kill switch of the firm, the account or the instrument is engaged."""
    if desk is None or not desk.switches:
        return False
    keys = ("firm", f"account:{account_id}", f"instrument:{instrument_id}")
    return any(key in desk.switches for key in keys)


def desk_fault(desk: DeskSeen | None, terms: Callable[[], Terms]) -> Refused | None:
    """The first control that blocks the order; None: none does, or the desk has none."""
    if desk is None or not (desk.switches or desk.restricted or desk.limits):
        return None
    return next(_faults(desk, terms()), None)


def _faults(desk: DeskSeen, terms: Terms) -> Iterator[Refused]:
    for key in terms.keys:
        if switch := desk.switches.get(key):
            yield refused(OrderRefusal.KILL_SWITCH, scope=key, version=switch.version)
    if version := desk.restricted.get(terms.isin):
        yield refused(OrderRefusal.INSTRUMENT_RESTRICTED, isin=terms.isin, version=version)
    for key in terms.keys:
        if limits := desk.limits.get(key):
            yield from _over(key, limits, terms)


def _over(key: str, limits: Any, terms: Terms) -> Iterator[Refused]:
    rule = {"scope": key, "version": limits.version}
    if limits.qty_max is not None and terms.qty > limits.qty_max:
        over = {"rule": "qty_max", "limit": limits.qty_max, "actual": terms.qty}
        yield refused(OrderRefusal.ORDER_LIMIT_EXCEEDED, **rule, **over)
    if limits.notional_max is not None:
        px = terms.worth_px
        worth = None if px is None else EXACT.multiply(EXACT.multiply(terms.qty, px), terms.factor)
        if worth is None or worth > limits.notional_max:
            actual = "unknown" if worth is None else worth
            over = {"rule": "notional_max", "limit": limits.notional_max, "actual": actual}
            yield refused(OrderRefusal.ORDER_LIMIT_EXCEEDED, **rule, **over)
    if limits.collar_pct is not None and terms.limit_px is not None:
        yield from _off(rule, limits.collar_pct, terms.limit_px, terms.marked_px)


def _off(
    rule: dict[str, object], collar: Decimal, limit_px: Decimal, marked: Decimal | None
) -> Iterator[Refused]:
    """Compare without a division: |limit - mark| x 100 against collar x mark."""
    if marked is None:
        off = {"rule": "collar_pct", "limit": collar, "actual": "no mark"}
        yield refused(OrderRefusal.PRICE_COLLAR, **rule, **off)
    elif EXACT.multiply(abs(limit_px - marked), Decimal(100)) > EXACT.multiply(collar, marked):
        off = {"rule": "collar_pct", "limit": collar, "limit_px": limit_px, "mark": marked}
        yield refused(OrderRefusal.PRICE_COLLAR, **rule, **off)
