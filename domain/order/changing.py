"""Changing an order: cancel and replace, from the client's request to the venue's answer.

    Cancel, not released ---------------------------------------------> canceled
    Cancel -> cancel_requested -- venue --> canceled | cancel_rejected
    Replace -> replace_requested -hold ok-> replace_released -- venue --> replaced | cancel_rejected
                                `-no hold-> cancel_rejected (it never left)

At most one request of a kind is open, and a replace is refused while a cancel is open. Until the
venue answers, the old terms are in force. A filled order may still be replaced by a larger
one (FIX 4.4 appendix D, C.1.c).
"""

from decimal import Decimal

from domain.order.commands import (
    CancelOrder,
    RecordCanceled,
    RecordCancelReject,
    RecordReplaced,
    RefuseReplace,
    ReplaceOrder,
)
from domain.order.desk_checks import STREAM as DESK
from domain.order.desk_checks import DeskSeen, Terms, desk_fault, desk_keys
from domain.order.events import (
    CancelRejected,
    CancelRequested,
    OrderCanceled,
    OrderReplaced,
    ReplaceRequested,
)
from domain.order.figures import hold_for, is_px, is_qty, px_fault, qty_fault
from domain.order.refusals import OrderRefusal
from domain.order.state import Asked, Order
from domain.order.status import ord_status
from domain.order.trading import (
    AccountSeen,
    account_fault,
    instrument_fault,
    power_fault,
    worth,
    worth_px,
)
from domain.rules.powers import holder, is_owner
from domain.shared.fix import CxlRejResponseTo, OrdType, Side
from domain.shared.identifiers import is_id
from domain.shared.ids import child_id
from domain.shared.message import Decision, Refused, Seen, refused
from domain.shared.money import ZERO, plain
from domain.shared.quotation import requoted

CANCEL, REPLACE = CxlRejResponseTo.CANCEL, CxlRejResponseTo.REPLACE
PRICED = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})


def cancel(command: CancelOrder, order: Order, seen: Seen) -> Decision:
    """Cancel an order at once if it was not released; otherwise ask the venue."""
    if pending := order.pending(CANCEL):
        return refused(OrderRefusal.CANCEL_PENDING, cl_ord_id=pending)
    if order.leaves_qty == 0 and not order.pending(REPLACE):
        return _not_open(order)
    if not order.released:
        return (_cancel_event(order, reason=command.reason),)
    return (
        CancelRequested(
            order_id=order.order_id,
            cl_ord_id=child_id(order.order_id, f".c{order.minted + 1}"),
            orig_cl_ord_id=_last_not_rejected(order),
            reason=command.reason,
            client_id=order.client_id,
        ),
    )


def replace(command: ReplaceOrder, order: Order, seen: Seen) -> Decision:
    """Request new terms. A term that is left out does not change."""
    qty = order.qty if command.qty is None else command.qty
    limit_px = order.limit_px if command.limit_px is None else command.limit_px
    if fault := (
        _not_replaceable(command, order)
        or _not_tradable(order, seen)
        or _terms_fault(command, order, seen)
    ):
        return fault
    hold_px = limit_px if limit_px is not None else order.hold_px
    decider = _decider(command, order, seen)
    if fault := (
        _power_fault(order, seen, decider, qty=qty, px=hold_px)
        or _desk_fault(order, seen, qty=qty, px=hold_px, limit_px=limit_px)
    ):
        return fault
    return (
        ReplaceRequested(
            order_id=order.order_id,
            account_id=order.account_id,
            cl_ord_id=child_id(order.order_id, f".c{order.minted + 1}"),
            orig_cl_ord_id=order.cl_ord_id,
            qty=plain(qty),
            limit_px=None if limit_px is None else plain(limit_px),
            hold_px=plain(hold_px),
            hold_amount=hold_for(order, qty, hold_px, on=seen.now.date()),
            decision_maker=decider,
        ),
    )


def _decider(command: ReplaceOrder, order: Order, seen: Seen) -> str:
    """Who decides on the new terms: the named person, else an actor with a power, else as before.

    An owner who acts takes over from a person who decided under a power.
    """
    account = _account(order, seen)
    if account is None:
        return command.decision_maker or order.decision_maker
    if stated := command.decision_maker:
        return holder(account, stated) or stated
    owner = seen.actor if order.decision_maker and is_owner(account, seen.actor) else ""
    return holder(account, seen.actor) or owner or order.decision_maker


def _power_fault(
    order: Order, seen: Seen, decider: str, *, qty: Decimal, px: Decimal
) -> Refused | None:
    """Refuse new terms without a power that is valid today, even if the order was placed under one.

    The power may have been revoked since.
    """
    account = _account(order, seen)
    if account is None:
        return None
    if decider and not is_id(decider):
        return refused(OrderRefusal.CODE_INVALID, field="decision_maker")
    factor, currency = order.price_factor, order.settl_currency
    return power_fault(
        account,
        (decider, holder(account, seen.actor)),
        on=seen.now.date(),
        worth=lambda: worth(
            account,
            currency,
            qty=qty,
            px=worth_px(order.side, px, _marked_px(order, seen)),
            factor=factor,
        ),
    )


def _desk_fault(
    order: Order, seen: Seen, *, qty: Decimal, px: Decimal, limit_px: Decimal | None
) -> Refused | None:
    """Refuse new terms that the desk's controls block today."""

    def terms() -> Terms:
        instrument = seen.streams[f"instrument-{order.instrument_id}"].terms(seen.now.date())
        marked = _marked_px(order, seen)
        return Terms(
            keys=desk_keys(order.account_id, instrument.mic, order.instrument_id),
            isin=order.isin,
            qty=qty,
            limit_px=limit_px,
            marked_px=marked,
            worth_px=worth_px(order.side, px, marked),
            factor=order.price_factor,
        )

    desk: DeskSeen | None = seen.streams.get(DESK)
    return desk_fault(desk, terms)


def _marked_px(order: Order, seen: Seen) -> Decimal | None:
    """The last mark in the unit of the order's instrument; None: there is none."""
    instrument = seen.streams.get(f"instrument-{order.instrument_id}")
    mark = seen.streams.get(f"price-{order.instrument_id}")
    if instrument is None or mark is None or mark.price is None:
        return None
    return requoted(mark.price, mark.currency, instrument.terms(seen.now.date()).currency)


def _account(order: Order, seen: Seen) -> AccountSeen | None:
    account: AccountSeen | None = seen.streams.get(f"account-{order.account_id}")
    return account


def refuse_replace(command: RefuseReplace, order: Order, seen: Seen) -> Decision:
    """The larger hold was refused: the old terms stay, and nothing was sent to the venue."""
    pending = order.pending(REPLACE)
    if not pending or order.asked[pending].left:
        return ()
    return (
        CancelRejected(
            order_id=order.order_id, cl_ord_id=pending, response_to=REPLACE, reason=command.text
        ),
    )


def record_canceled(command: RecordCanceled, order: Order, seen: Seen) -> Decision:
    """ExecType 4, requested or not. A venue also ends an IOC or FOK order this way."""
    return () if order.canceled else (_cancel_event(order, text=command.reason),)


def record_cancel_reject(command: RecordCancelReject, order: Order, seen: Seen) -> Decision:
    """OrderCancelReject (9): the request is answered, and the order does not change."""
    asked = order.asked.get(command.cl_ord_id)
    if asked is not None and asked.answer:
        return ()
    return (
        CancelRejected(
            order_id=order.order_id,
            cl_ord_id=command.cl_ord_id,
            response_to=asked.kind if asked else command.response_to,
            reason=command.reason,
        ),
    )


def record_replaced(command: RecordReplaced, order: Order, seen: Seen) -> Decision:
    """ExecType 5: the terms that the venue states, or else those requested, are in force."""
    asked = order.asked.get(command.cl_ord_id)
    if asked is not None and asked.answer == "accepted":
        return ()
    if not _is_exact(command):
        return refused(OrderRefusal.REPORT_INVALID, qty=command.qty, limit_px=command.limit_px)
    terms = asked if asked is not None and asked.kind is REPLACE else _terms(order)
    qty = plain(max(terms.qty if command.qty is None else command.qty, order.cum_qty))
    limit_px = terms.limit_px if command.limit_px is None else command.limit_px
    hold_px = terms.hold_px if limit_px is None else limit_px
    return (
        OrderReplaced(
            order_id=order.order_id,
            account_id=order.account_id,
            cl_ord_id=command.cl_ord_id,
            venue_order_id=command.venue_order_id,
            qty=qty,
            limit_px=None if limit_px is None else plain(limit_px),
            hold_px=plain(hold_px),
            hold_amount=hold_for(order, qty, hold_px, on=seen.now.date()),
        ),
    )


def _not_replaceable(command: ReplaceOrder, order: Order) -> Refused | None:
    if pending := order.pending(CANCEL):
        return refused(OrderRefusal.CANCEL_PENDING, cl_ord_id=pending)
    if pending := order.pending(REPLACE):
        return refused(OrderRefusal.REPLACE_PENDING, cl_ord_id=pending)
    if order.over or (order.filled and command.qty is None):
        return _not_open(order)
    return None


def _not_tradable(order: Order, seen: Seen) -> Refused | None:
    """Refuse new terms if the account or the instrument would not permit a new order."""
    account = _account(order, seen)
    instrument = seen.streams.get(f"instrument-{order.instrument_id}")
    fault = account_fault(account, order.side, order.account_id) if account is not None else None
    if fault is not None or instrument is None:
        return fault
    return instrument_fault(instrument.terms(seen.now.date()), order.instrument_id)


def _step(command: ReplaceOrder, order: Order, seen: Seen) -> Decimal:
    """The step of quantities; 0 for the sale of a whole holding."""
    account = _account(order, seen)
    if account is None or order.side is not Side.SELL or command.qty is None:
        return order.qty_increment
    own = account.orders.get(order.order_id)
    whole = account.sellable(order.isin) + (own.held if own else ZERO) + order.cum_qty
    return ZERO if command.qty == whole else order.qty_increment


def _terms_fault(command: ReplaceOrder, order: Order, seen: Seen) -> Refused | None:
    if command.qty is not None:
        if fault := qty_fault(command.qty, _step(command, order, seen)):
            return fault
        if command.qty < order.cum_qty:
            return refused(OrderRefusal.QTY_BELOW_FILLED, cum_qty=order.cum_qty)
    if command.limit_px is not None:
        if order.ord_type not in PRICED:
            return refused(OrderRefusal.LIMIT_PX_NOT_ALLOWED, ord_type=order.ord_type)
        if fault := px_fault(command.limit_px, order.tick_size):
            return fault
    if _same(command.qty, order.qty) and _same(command.limit_px, order.limit_px):
        return refused(OrderRefusal.NOTHING_CHANGES, qty=order.qty, limit_px=order.limit_px)
    return _not_open(order) if order.filled and command.qty == order.cum_qty else None


def _same(asked: Decimal | None, now: Decimal | None) -> bool:
    return asked is None or asked == now


def _is_exact(command: RecordReplaced) -> bool:
    qty_right = command.qty is None or (is_qty(command.qty) and command.qty > 0)
    return qty_right and (command.limit_px is None or is_px(command.limit_px))


def _terms(order: Order) -> Asked:
    """The terms in force: an unsolicited replacement keeps those that it does not state."""
    return Asked(
        kind=REPLACE,
        qty=order.qty,
        limit_px=order.limit_px,
        hold_px=order.hold_px,
        hold_amount=order.hold_amount,
    )


def _last_not_rejected(order: Order) -> str:
    """OrigClOrdID (41) of a request: the pending replace if it was sent, or the terms in force."""
    pending = order.pending(REPLACE)
    return pending if pending and order.asked[pending].left else order.cl_ord_id


def _not_open(order: Order) -> Refused:
    return refused(OrderRefusal.ORDER_NOT_OPEN, ord_status=ord_status(order), cum_qty=order.cum_qty)


def _cancel_event(order: Order, *, reason: str = "", text: str = "") -> OrderCanceled:
    return OrderCanceled(
        order_id=order.order_id,
        account_id=order.account_id,
        reason=reason,
        client_id=order.client_id,
        text=text,
    )
