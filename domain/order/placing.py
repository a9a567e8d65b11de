"""Placing an order: its refusals, and the facts frozen on `order.placed`.

The decision reads the account, the instrument's terms today and its last mark, and locks none of
them: the account itself decides on the cash when it is asked to reserve. Shares are checked here
too, because short sales are refused explicitly.
"""

from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Protocol

from domain.order.commands import PlaceOrder
from domain.order.desk_checks import STREAM as DESK
from domain.order.desk_checks import DeskSeen, Terms, desk_fault, desk_keys
from domain.order.events import OrderPlaced
from domain.order.figures import hold_amount, px_fault, qty_fault, worst_px
from domain.order.refusals import OrderRefusal
from domain.order.state import Order
from domain.order.trading import (
    AccountSeen,
    InstrumentSeen,
    account_fault,
    instrument_fault,
    power_fault,
    worth,
    worth_px,
)
from domain.rules.charges import charged_in
from domain.rules.powers import holder
from domain.shared.fix import Advice, OrdType, Side, TimeInForce
from domain.shared.identifiers import is_id
from domain.shared.message import Decision, Refused, Seen, refused
from domain.shared.money import EXACT, ZERO, plain
from domain.shared.quotation import factor, requoted
from domain.shared.settlement_dates import market_of

BRANCH_COUNTRY = "US"  # of the firm's one branch, where every order is taken
LIMITED = frozenset({OrdType.LIMIT, OrdType.STOP_LIMIT})
STOPPING = frozenset({OrdType.STOP, OrdType.STOP_LIMIT})
CODES = ("decision_maker", "investment_decision", "execution_decision", "channel")
PERCENT_OF_PAR = Decimal("0.01")


class MarkSeen(Protocol):
    price: Decimal | None
    currency: str


class Placement:
    """Everything that one `PlaceOrder` is judged against."""

    def __init__(self, command: PlaceOrder, seen: Seen) -> None:
        streams = seen.streams
        self.order, self.now, self.actor = command, seen.now, seen.actor
        self.account: AccountSeen = streams[f"account-{command.account_id}"]
        self.instrument: InstrumentSeen = streams[f"instrument-{command.instrument_id}"].terms(
            seen.now.date()
        )
        self.mark: MarkSeen = streams[f"price-{command.instrument_id}"]
        self.desk: DeskSeen | None = streams.get(DESK)

    @property
    def today(self) -> date:
        return self.now.date()

    @property
    def factor(self) -> Decimal:
        """Settlement currency per unit of quoted price and quantity."""
        instrument = self.instrument
        factor = EXACT.multiply(instrument.price_factor, instrument.multiplier)
        par = instrument.price_type == "percent_of_par"
        return plain(EXACT.multiply(factor, PERCENT_OF_PAR) if par else factor)

    @property
    def marked_px(self) -> Decimal | None:
        """The last mark in the unit that the instrument is quoted in now; None: there is none."""
        if self.mark.price is None:
            return None
        return requoted(self.mark.price, self.mark.currency, self.instrument.currency)

    @property
    def hold_px(self) -> Decimal | None:
        """The worst price to reserve for; None: no limit and no mark. A sale reserves no cash."""
        if self.order.limit_px is not None:
            return self.order.limit_px
        marked = self.marked_px
        if self.order.side is not Side.BUY:
            return ZERO if marked is None else marked
        if marked is None:
            return None
        return worst_px(max(marked, self.order.stop_px or ZERO))

    @property
    def worth_px(self) -> Decimal | None:
        """The price at which the order is compared with a power's limit."""
        return worth_px(self.order.side, self.hold_px, self.marked_px)

    @property
    def charged_in(self) -> str:
        """The country whose levies and taxes the order bears."""
        return charged_in(self.instrument.market, self.instrument.place_of_settlement)

    @property
    def hold(self) -> Decimal:
        """Cash to hold, in the settlement currency."""
        return hold_amount(
            self.order.side,
            self.order.qty,
            self.hold_px or ZERO,
            price_factor=self.factor,
            currency=self.instrument.settlement_currency,
            country=self.charged_in,
            on=self.today,
        )

    @property
    def terms(self) -> Terms:
        """What the desk's controls are compared with."""
        order, instrument = self.order, self.instrument
        return Terms(
            keys=desk_keys(order.account_id, instrument.mic, order.instrument_id),
            isin=instrument.isin,
            qty=order.qty,
            limit_px=order.limit_px,
            marked_px=self.marked_px,
            worth_px=self.worth_px,
            factor=self.factor,
        )

    @property
    def first_use(self) -> bool:
        """The instrument has not recorded a use yet, so its ISIN might still change.

        A mark does not prevent that: an amendment under way may not have seen the mark.
        """
        return not self.instrument.used

    @property
    def decision_maker(self) -> str:
        """The person who decides under a power; "": the client, or the house's own desk."""
        stated = self.order.decision_maker
        if not stated:
            return holder(self.account, self.actor)
        return holder(self.account, stated) or stated

    @property
    def investment_decision(self) -> str:
        """The stated decider on the investment; else, under a mandate, the actor."""
        mandate = self.order.advice is Advice.DISCRETIONARY
        return self.order.investment_decision or (self.actor if mandate else "")


def place(command: PlaceOrder, order: Order, seen: Seen) -> Decision:
    """Accept the order as Pending New with its facts frozen, or refuse it."""
    if order.exists:
        return refused(OrderRefusal.ORDER_EXISTS, account_id=order.account_id)
    placement = Placement(command, seen)
    for fault in _FAULTS:
        if found := fault(placement):
            return found
    return (_placement_event(placement),)


def _account_fault(placement: Placement) -> Refused | None:
    return account_fault(placement.account, placement.order.side, placement.order.account_id)


def _instrument_fault(placement: Placement) -> Refused | None:
    return instrument_fault(placement.instrument, placement.order.instrument_id)


def _market_fault(placement: Placement) -> Refused | None:
    """Refuse a market without a calendar: a trade needs a settlement date."""
    mic, country = placement.instrument.mic, placement.instrument.market
    if market_of(country) is not None:
        return None
    return refused(OrderRefusal.MARKET_NOT_SUPPORTED, mic=mic, market_country=country)


def _quotation_fault(placement: Placement) -> Refused | None:
    """Refuse an old listing that is quoted in other money than it settles in: it has no price."""
    terms = placement.instrument
    if factor(terms.currency, terms.settlement_currency) == terms.price_factor:
        return None
    return refused(
        OrderRefusal.SETTLEMENT_CURRENCY_DIFFERS,
        currency=terms.currency,
        settlement_currency=terms.settlement_currency,
        price_factor=terms.price_factor,
    )


def _short_sale_fault(placement: Placement) -> Refused | None:
    if placement.order.side is Side.SELL_SHORT:
        return refused(OrderRefusal.SHORT_SALE_NOT_PERMITTED, side=placement.order.side)
    return None


def _average_fault(placement: Placement) -> Refused | None:
    """Refuse average cost for a US taxpayer's single stocks. Funds may be averaged."""
    averaged = placement.account.us_taxable and placement.account.lot_method == "AVERAGE"
    if averaged and placement.instrument.asset_class == "equity":
        return refused(OrderRefusal.AVERAGE_COST_NOT_PERMITTED, lot_method="AVERAGE")
    return None


def _qty_fault(placement: Placement) -> Refused | None:
    """Refuse a quantity off the step, except for the sale of a whole holding."""
    order = placement.order
    whole = order.side is Side.SELL and order.qty == placement.account.sellable(
        placement.instrument.isin
    )
    return qty_fault(order.qty, ZERO if whole else placement.instrument.qty_increment)


def _limit_fault(placement: Placement) -> Refused | None:
    order = placement.order
    if order.ord_type in LIMITED and order.limit_px is None:
        return refused(OrderRefusal.LIMIT_PX_MISSING, ord_type=order.ord_type)
    if order.ord_type not in LIMITED and order.limit_px is not None:
        return refused(OrderRefusal.LIMIT_PX_NOT_ALLOWED, ord_type=order.ord_type)
    return (
        None if order.limit_px is None else px_fault(order.limit_px, placement.instrument.tick_size)
    )


def _stop_fault(placement: Placement) -> Refused | None:
    order = placement.order
    if order.ord_type in STOPPING and order.stop_px is None:
        return refused(OrderRefusal.STOP_PX_MISSING, ord_type=order.ord_type)
    if order.ord_type not in STOPPING and order.stop_px is not None:
        return refused(OrderRefusal.STOP_PX_NOT_ALLOWED, ord_type=order.ord_type)
    return (
        None if order.stop_px is None else px_fault(order.stop_px, placement.instrument.tick_size)
    )


def _expiry_fault(placement: Placement) -> Refused | None:
    expire_at = placement.order.expire_at
    if expire_at is None:
        missing = placement.order.time_in_force is TimeInForce.GTD
        return refused(OrderRefusal.EXPIRE_AT_MISSING, time_in_force="GTD") if missing else None
    if _utc(expire_at) <= _utc(placement.now):
        return refused(OrderRefusal.EXPIRE_AT_PAST, expire_at=expire_at, now=placement.now)
    return None


def _price_fault(placement: Placement) -> Refused | None:
    if placement.hold_px is not None:
        return None
    return refused(OrderRefusal.PRICE_UNKNOWN, instrument_id=placement.order.instrument_id)


def _sellable_fault(placement: Placement) -> Refused | None:
    if placement.order.side is not Side.SELL:
        return None
    sellable = placement.account.sellable(placement.instrument.isin)
    if placement.order.qty <= sellable:
        return None
    return refused(
        OrderRefusal.SHORT_SALE_NOT_PERMITTED,
        isin=placement.instrument.isin,
        qty=placement.order.qty,
        sellable=sellable,
    )


def _code_fault(placement: Placement) -> Refused | None:
    """Refuse persons, algorithms and channels that are not codes: an order must hold no name."""
    order = placement.order
    for field in CODES:
        code = getattr(order, field)
        if code and not is_id(code):
            return refused(OrderRefusal.CODE_INVALID, field=field)
    return None


def _power_fault(placement: Placement) -> Refused | None:
    return power_fault(
        placement.account,
        (placement.decision_maker, holder(placement.account, placement.actor)),
        on=placement.today,
        worth=lambda: worth(
            placement.account,
            placement.instrument.settlement_currency,
            qty=placement.order.qty,
            px=placement.worth_px,
            factor=placement.factor,
        ),
    )


def _desk_fault(placement: Placement) -> Refused | None:
    return desk_fault(placement.desk, lambda: placement.terms)


_FAULTS: tuple[Callable[[Placement], Refused | None], ...] = (
    _account_fault,
    _instrument_fault,
    _market_fault,
    _quotation_fault,
    _short_sale_fault,
    _average_fault,
    _qty_fault,
    _limit_fault,
    _stop_fault,
    _expiry_fault,
    _price_fault,
    _sellable_fault,
    _code_fault,
    _power_fault,
    _desk_fault,
)


def _placement_event(placement: Placement) -> OrderPlaced:
    order, account, instrument = placement.order, placement.account, placement.instrument
    return OrderPlaced(
        order_id=order.order_id,
        account_id=order.account_id,
        client_id=account.client_id,
        instrument_id=order.instrument_id,
        isin=instrument.isin,
        mic=instrument.mic,
        side=order.side,
        qty=plain(order.qty),
        ord_type=order.ord_type,
        limit_px=None if order.limit_px is None else plain(order.limit_px),
        stop_px=None if order.stop_px is None else plain(order.stop_px),
        time_in_force=order.time_in_force,
        expire_at=None if order.expire_at is None else _utc(order.expire_at),
        currency=instrument.currency,
        settl_currency=instrument.settlement_currency,
        price_factor=placement.factor,
        qty_increment=instrument.qty_increment,
        tick_size=instrument.tick_size,
        country=placement.charged_in,
        hold_px=plain(placement.hold_px or ZERO),
        hold_amount=placement.hold,
        received_at=_utc(placement.now),
        capacity=order.capacity,
        client_id_code=account.client_id,
        decision_maker=placement.decision_maker,
        investment_decision=placement.investment_decision,
        execution_decision=order.execution_decision or placement.actor,
        branch_country=BRANCH_COUNTRY,
        short_sale="" if order.side is Side.BUY else "SELL",
        open_close="O" if order.side is Side.BUY else "C",
        solicited=order.solicited,
        advice=order.advice,
        channel=order.channel,
        ex_destination=instrument.mic,
        market_country=instrument.market,
        first_use=placement.first_use,
    )


def _utc(moment: datetime) -> datetime:
    return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
