"""Decides an instrument's commands against its terms of today (`now`), by the handler's clock."""

from decimal import Decimal
from typing import Any, TypeVar

from msgspec.structs import replace

from domain.instrument.commands import (
    AmendInstrument,
    DelistInstrument,
    HaltInstrument,
    ListInstrument,
    ResumeInstrument,
    UseInstrument,
)
from domain.instrument.events import (
    InstrumentAmended,
    InstrumentDelisted,
    InstrumentHalted,
    InstrumentListed,
    InstrumentResumed,
    InstrumentUsed,
)
from domain.instrument.folding import evolve
from domain.instrument.refusals import InstrumentRefusal as R
from domain.instrument.state import TERMS, Instrument, InstrumentStatus, with_change
from domain.shared.identifiers import is_country, is_isin, is_mic
from domain.shared.markets import country_of
from domain.shared.message import Decision, Refused, Seen, refused
from domain.shared.money import PRICE_DECIMALS, is_currency, is_exact, plain
from domain.shared.quotation import factor, is_quote_unit, money_of

QUOTATION = ("currency", "settlement_currency", "price_factor")
SIZES = ("tick_size", "lot_size", "qty_increment", "price_factor", "multiplier")


Terms = TypeVar("Terms", InstrumentListed, InstrumentAmended)


def halt(command: HaltInstrument, now: Instrument, seen: Seen) -> Decision:
    if now.status is InstrumentStatus.HALTED:
        return ()
    return (InstrumentHalted(instrument_id=command.instrument_id, reason=command.reason),)


def resume(command: ResumeInstrument, now: Instrument, seen: Seen) -> Decision:
    if now.status is not InstrumentStatus.HALTED:
        return refused(R.INSTRUMENT_NOT_HALTED, status=now.status)
    return (InstrumentResumed(instrument_id=command.instrument_id, reason=command.reason),)


def list_(command: ListInstrument, now: Instrument, seen: Seen) -> Decision:
    if now.status is not InstrumentStatus.NONE:
        return refused(R.INSTRUMENT_EXISTS, status=now.status, isin=now.isin)
    settles_in, units = money_of(command.currency)
    prefix = command.isin[:2]
    listed = InstrumentListed(
        instrument_id=command.instrument_id,
        symbol=command.symbol,
        isin=command.isin,
        currency=command.currency,
        settlement_currency=command.settlement_currency or settles_in,
        mic=command.mic,
        country=command.country or (prefix if is_country(prefix) else ""),
        asset_class=command.asset_class,
        tick_size=command.tick_size,
        lot_size=command.lot_size,
        cfi=command.cfi,
        name=command.name,
        price_type=command.price_type,
        multiplier=command.multiplier,
        price_factor=units if command.price_factor is None else command.price_factor,
        qty_increment=command.qty_increment,
        place_of_settlement=command.place_of_settlement,
        market_country=command.market_country or "",
    )
    fault = (
        _fault(listed)
        or _market_fault(command.mic, command.market_country)
        or quotation_fault(evolve(now, listed))
    )
    return fault if fault is not None else (_canonical(listed),)


def amend(command: AmendInstrument, now: Instrument, seen: Seen) -> Decision:
    today = seen.now.date()
    amended = InstrumentAmended(
        instrument_id=command.instrument_id,
        effective_from=command.effective_from or today,
        decided_on=today,
        **{f: getattr(command, f) for f in TERMS},
    )
    fault = (
        _fault(amended)
        or _market_fault(command.mic or now.mic, command.market_country)
        or _isin_fault(command, now, seen)
    )
    if fault is not None:
        return fault
    if any(getattr(command, term) is not None for term in QUOTATION):
        amended = _with_factor(amended, now)
        if fault := _requoting_fault(amended, now):
            return fault
    changes = with_change(now, amended) != now
    return (_canonical(amended),) if changes or amended.effective_from > today else ()


def _with_factor(amended: InstrumentAmended, now: Instrument) -> InstrumentAmended:
    """The factor follows a new pair of currencies, unless the amendment states one."""
    if amended.price_factor is not None:
        return amended
    then = evolve(now, amended).terms(amended.effective_from)
    units = factor(then.currency, then.settlement_currency)
    return amended if units is None else replace(amended, price_factor=units)


def _requoting_fault(amended: InstrumentAmended, now: Instrument) -> Refused | None:
    """Refuse currencies that do not fit on the amendment's day or after a later pending change."""
    then = evolve(now, amended)
    days = {amended.effective_from, *(c.effective_from for c in then.pending)}
    for day in sorted(day for day in days if day >= amended.effective_from):
        if fault := quotation_fault(then.terms(day)):
            return fault
    return None


def quotation_fault(terms: Instrument) -> Refused | None:
    """Refuse terms whose price does not settle in its own money, or whose factor differs."""
    units = factor(terms.currency, terms.settlement_currency)
    pair = {"currency": terms.currency, "settlement_currency": terms.settlement_currency}
    if units is None:
        return refused(R.SETTLEMENT_CURRENCY_DIFFERS, **pair)
    if terms.price_factor != units:
        given, fits = plain(terms.price_factor), plain(units)
        return refused(R.PRICE_FACTOR_DIFFERS, **pair, price_factor=given, required=fits)
    return None


def _isin_fault(command: AmendInstrument, now: Instrument, seen: Seen) -> Refused | None:
    """Refuse another ISIN once positions, orders or claims may refer to the old one."""
    if command.isin in (None, now.isin):
        return None
    marks: Any = seen.streams.get(f"price-{command.instrument_id}")
    marked = marks is not None and marks.price is not None
    if not now.used and not marked:
        return None
    return refused(R.ISIN_HELD, isin=now.isin, used=now.used, marked=marked)


def use(command: UseInstrument, now: Instrument, seen: Seen) -> Decision:
    """Answer every order, because it waits. Its ISIN must match now and after pending changes."""
    ahead = [c.isin for c in now.pending if isinstance(c, InstrumentAmended) and c.isin]
    for isin in (now.isin, *ahead):
        if isin != command.isin:
            cause = {"instrument_id": command.instrument_id, "isin": command.isin, "listed": isin}
            return refused(R.ISIN_DIFFERS, **cause)
    if now.used and not command.order_id:
        return ()
    return (
        InstrumentUsed(
            instrument_id=command.instrument_id, isin=command.isin, order_id=command.order_id
        ),
    )


def delist(command: DelistInstrument, now: Instrument, seen: Seen) -> Decision:
    today = seen.now.date()
    return (
        InstrumentDelisted(
            instrument_id=command.instrument_id,
            effective_from=command.effective_from or today,
            decided_on=today,
            reason=command.reason,
        ),
    )


def _fault(terms: InstrumentListed | InstrumentAmended) -> Refused | None:
    """The first fault in the given terms; None: there is none."""
    if terms.isin is not None and not is_isin(terms.isin):
        return refused(R.ISIN_INVALID, isin=terms.isin)
    if terms.mic is not None and not is_mic(terms.mic):
        return refused(R.MIC_INVALID, mic=terms.mic)
    quoted, settles_in = terms.currency, terms.settlement_currency
    if quoted is not None and not is_quote_unit(quoted):
        return refused(R.CURRENCY_UNKNOWN, currency=quoted)
    if settles_in is not None and not is_currency(settles_in):
        return refused(R.CURRENCY_UNKNOWN, currency=settles_in)
    for size in SIZES:
        value: Decimal | None = getattr(terms, size, None)
        no_ticks = size == "tick_size" and value == 0  # any price is allowed
        if value is not None and not no_ticks and not _is_size(value):
            return refused(R.SIZE_NOT_POSITIVE, **{size: value})
    return None


def _market_fault(mic: str, country: str | None) -> Refused | None:
    """Refuse a market country that is not the country of the exchange, where that is known."""
    if country is None or (is_country(country) and country_of(mic) in ("", country)):
        return None
    return refused(R.MARKET_COUNTRY_INVALID, mic=mic, market_country=country)


def _is_size(value: Decimal) -> bool:
    return value.is_finite() and value > 0 and is_exact(value, PRICE_DECIMALS)


def _canonical(terms: Terms) -> Terms:
    """The same terms with sizes in canonical form ("0.01", never "1E-2" or "0.010")."""
    given = {size: getattr(terms, size, None) for size in SIZES}
    return replace(terms, **{s: plain(value) for s, value in given.items() if value is not None})
