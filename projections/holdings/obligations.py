"""Obligations: what is unsettled with the market, by account: C.STREET, one row per open item.

    opened (trade, reversal, fx) -partial settlements-> ... -both legs zero-> the row is deleted

Each row is delivery versus payment: what comes in, what goes out, and how much of each is still
open by the ledger. It holds whether it fails and since when; its age depends on the reader's day.

Units: pieces of an ISIN or a currency's minor unit; all amounts positive while open.
"""

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from domain.account.busts import TradeBusted
from domain.account.exchange import FxBooked
from domain.account.obligations import ObligationFailing, SettledAfterBust
from domain.account.trades import TradeBooked
from domain.ledger import Posting
from domain.shared.envelope import Envelope
from domain.shared.fix import Side
from domain.shared.message import Event
from domain.shared.money import ZERO
from projections.engine.exact import add, subtract
from projections.engine.posted import POSTING, posted
from projections.engine.words import clean
from projections.ports import Audience, Home, Key, Row

NAME = "obligations"
VERSION = 1
AUDIENCE = Audience.OWN
HOME = Home("account_id", "account")


class Obligation(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("account_id", "obligation_id")
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("settl_date",), ("obligation_id",))

    account_id: str
    obligation_id: str
    kind: str  # trade reversal fx other
    receive_unit: str = ""
    receive_open: Decimal = ZERO
    deliver_unit: str = ""
    deliver_open: Decimal = ZERO
    trade_date: date | None = None
    settl_date: date | None = None
    failing_since: date | None = None  # None: not failing
    fails: int = 0  # number of closes that found it unsettled
    reason: str = ""
    whose: str = ""


class Opened(Struct, frozen=True):
    kind: str
    receive_unit: str
    deliver_unit: str
    trade_date: date
    settl_date: date | None


class Moved(Struct, frozen=True):
    """What one event posts to C.STREET[obligation]: unit -> signed amount, + owed to us."""

    amounts: Mapping[str, Decimal]


class Failed(Struct, frozen=True):
    on: date
    reason: str
    whose: str


Fact = Opened | Moved | Failed

ROW: type[Row] = Obligation
READS: frozenset[type[Event]] = POSTING | {
    TradeBooked,
    TradeBusted,
    SettledAfterBust,
    FxBooked,
    ObligationFailing,
}


def facts(arrived: Envelope) -> Iterable[tuple[Key, Fact]]:
    found: list[tuple[Key, Fact]] = _opened(arrived)
    sums: dict[Key, dict[str, Decimal]] = {}
    for p in posted(arrived):
        if p.account == "C.STREET" and p.owner:
            _add(sums.setdefault((p.owner, p.ref), {}), p)
    found += [(key, Moved(amounts)) for key, amounts in sums.items()]
    if isinstance(arrived.event, ObligationFailing):
        e = arrived.event
        failed = Failed(arrived.effective_at.date(), e.reason, e.whose)
        found.append(((e.account_id, e.obligation_id), failed))
    return found


def fold(row: Obligation | None, key: Key, fact: Fact) -> Obligation | None:
    account_id, obligation_id = key
    match fact:
        case Opened() as f:
            return Obligation(
                account_id=account_id,
                obligation_id=obligation_id,
                kind=f.kind,
                receive_unit=f.receive_unit,
                deliver_unit=f.deliver_unit,
                trade_date=f.trade_date,
                settl_date=f.settl_date,
            )
        case Moved(amounts):
            row = row or Obligation(
                account_id=account_id, obligation_id=obligation_id, kind="other"
            )
            for unit, amount in amounts.items():
                row = _moved(row, unit, amount)
            return row if row.receive_open or row.deliver_open else None
        case Failed() as f if row is not None:
            return replace(
                row,
                failing_since=row.failing_since or f.on,
                fails=row.fails + 1,
                reason=clean(f.reason),
                whose=f.whose,
            )
        case _:
            return None  # a settled obligation is reported failing: nothing is open


def _opened(arrived: Envelope) -> list[tuple[Key, Fact]]:
    match arrived.event:
        case TradeBooked() as e:
            opened = _trade("trade", e, e.side is Side.BUY, e.settl_date)
            return [((e.account_id, e.trade_id), opened)]
        case TradeBusted() as e if e.reverse_id:
            opened = _trade("reversal", e, e.side is not Side.BUY, e.settl_date)
            return [((e.account_id, e.reverse_id), opened)]
        case SettledAfterBust() as e:
            opened = _trade("reversal", e, e.side is not Side.BUY, e.value_date)
            return [((e.account_id, e.reverse_id), opened)]
        case FxBooked() as e:
            opened = Opened("fx", e.buy_currency, e.sell_currency, e.trade_date, e.value_date)
            return [((e.account_id, e.fx_id), opened)]
        case _:
            return []


def _trade(
    kind: str,
    event: TradeBooked | TradeBusted | SettledAfterBust,
    receives_stock: bool,
    settl_date: date | None,
) -> Opened:
    units = (event.isin, event.currency)
    receive, deliver = units if receives_stock else units[::-1]
    return Opened(kind, receive, deliver, event.trade_date, settl_date)


def _moved(row: Obligation, unit: str, amount: Decimal) -> Obligation:
    if unit == row.receive_unit or (not row.receive_unit and amount > 0):
        return replace(row, receive_unit=unit, receive_open=add(row.receive_open, amount))
    if unit == row.deliver_unit or not row.deliver_unit:
        return replace(row, deliver_unit=unit, deliver_open=subtract(row.deliver_open, amount))
    raise ValueError(f"{row.obligation_id} has a third unit, {unit}")


def _add(amounts: dict[str, Decimal], posting: Posting) -> None:
    amounts[posting.unit] = add(amounts.get(posting.unit, ZERO), posting.amount)
