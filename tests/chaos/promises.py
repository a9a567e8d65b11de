"""Compares the answers of callers with the log, and looks for facts that occur twice.

lost      an answer of 200 or 201 without its events at the place that it named
doubled   a command that was done twice, an event id or a business fact that occurs twice, more
          executed than was ordered; and a command that was refused and yet done
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from adapters.log.event_log import RecorderLog
from domain.account.adjustments import AdjustmentPosted
from domain.account.cash import CashDeposited
from domain.account.exchange import FxBooked, FxSettled
from domain.account.trades import TradeBooked
from domain.account.transfers import CashTransferredIn, CashTransferredOut, TransferCompleted
from domain.account.withdrawals import WithdrawalCompleted, WithdrawalRequested, WithdrawalSent
from domain.order import events as on_order
from domain.shared.envelope import Envelope
from tests.chaos.journal import Promise

PAGE = 2_000
SHOWN_MAX = 10
ONCE: Mapping[type[Any], tuple[str, ...]] = {
    CashDeposited: ("account_id", "reference"),
    WithdrawalRequested: ("account_id", "payment_id"),
    WithdrawalSent: ("account_id", "payment_id"),
    WithdrawalCompleted: ("account_id", "payment_id"),
    TradeBooked: ("trade_id",),
    FxBooked: ("account_id", "fx_id"),
    FxSettled: ("account_id", "fx_id"),
    CashTransferredOut: ("account_id", "transfer_id"),
    CashTransferredIn: ("account_id", "transfer_id"),
    TransferCompleted: ("account_id", "transfer_id"),
    AdjustmentPosted: ("account_id", "adjustment_id"),
    on_order.OrderPlaced: ("order_id",),
    on_order.OrderFilled: ("trade_id",),
}
"""Facts by what identifies them; the callers give every deposit a reference of its own."""


async def envelopes(log: RecorderLog) -> AsyncIterator[Envelope]:
    """The log from its beginning."""
    position = 0
    while page := await log.after(position, limit=PAGE):
        for arrived in page:
            yield arrived
        position = page[-1].position


class Seen:
    """The findings of one pass over the log."""

    def __init__(self) -> None:
        self.events = 0
        self._ids: Counter[str] = Counter()
        self._facts: Counter[tuple[str, ...]] = Counter()
        self._messages: dict[tuple[str, str], list[tuple[int, int]]] = {}
        self._ordered: dict[str, Decimal] = {}
        self._filled: Counter[str] = Counter()
        self._streams_of: dict[str, set[str]] = {}  # by the key of the command

    def note(self, arrived: Envelope) -> None:
        meta, event = arrived.meta, arrived.event
        self.events += 1
        self._ids[meta.event_id] += 1
        self._messages.setdefault((meta.stream, meta.message_id), []).append(
            (meta.version, arrived.position)
        )
        self._streams_of.setdefault(meta.message_id, set()).add(meta.stream)
        if fields := ONCE.get(type(event)):
            self._facts[type(event).__name__, *(getattr(event, name) for name in fields)] += 1
        match event:
            case on_order.OrderPlaced(order_id=order, qty=qty):
                self._ordered[order] = qty
            case on_order.OrderReplaced(order_id=order) if event.qty is not None:
                self._ordered[order] = max(self._ordered[order], event.qty)
            case on_order.OrderFilled(order_id=order, last_qty=qty):
                self._filled[order] += qty  # type: ignore[assignment]
            case on_order.TradeCanceled(order_id=order, last_qty=qty):
                self._filled[order] -= qty  # type: ignore[assignment]

    def lost(self, promises: Iterable[Promise]) -> list[str]:
        out = []
        for one in promises:
            if not one.done or not one.version:
                continue
            found = self._messages.get((one.stream, one.key))
            if found is None and one.status == 200:
                continue  # it changed nothing
            if found is None or found[-1] != (one.version, one.position):
                out.append(f"{one.name} {one.key}: told {one.stream}@{one.version}, is {found}")
        return out

    def doubled(self, promises: Iterable[Promise]) -> list[str]:
        out = [f"event {event} is there {n} times" for event, n in self._ids.items() if n > 1]
        for (stream, message), found in self._messages.items():
            versions = [version for version, _ in found]
            if versions != list(range(versions[0], versions[0] + len(versions))):
                out.append(f"{message} on {stream} was done at {versions}")
        out += [f"{' '.join(fact)}: {n} times" for fact, n in self._facts.items() if n > 1]
        out += [
            f"{order}: {filled} executed of {self._ordered[order]}"
            for order, filled in self._filled.items()
            if filled > self._ordered[order]
        ]
        out += [
            f"{one.name} {one.key} was refused and stands on {self._streams_of[one.key]}"
            for one in promises
            if not one.done and one.key in self._streams_of
        ]
        return out


def shown(what: str, found: Sequence[str]) -> list[str]:
    """The first of them, and how many there are."""
    more = [f"{what}: and {len(found) - SHOWN_MAX} more"] if len(found) > SHOWN_MAX else []
    return [f"{what}: {one}" for one in found[:SHOWN_MAX]] + more
