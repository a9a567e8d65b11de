"""The life of one order: every event that belongs to it, over all streams, in log order.

    order -fills-> trades -instructions-> settlements ; order, settlement -commands-> account
    a report's cause is the recorded message that carried it

Nothing is scanned. An event on the account's stream is found by the name of the command that made
it, which a saga derives from its cause (`sagas.engine.ports.message_id`).
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Protocol

from domain.account.busts import TradeBusted
from domain.account.obligations import SettledAfterBust
from domain.order.events import OrderFilled, OrderPlaced
from domain.shared.envelope import Envelope, category

EVENTS_MAX = 2_000  # of one stream
COMMANDS_MAX = 3  # that one event makes a saga send
SAGAS = ("order", "settlement")
MESSAGES = "fix"  # the category of streams of recorded messages


class Log(Protocol):
    async def select(
        self, stream: str, /, *, after_version: int = 0, limit: int | None = None
    ) -> Sequence[Envelope]: ...

    async def named(self, asked: Sequence[tuple[str, str]], /) -> Sequence[Envelope]:
        """The events that each message appended, by (stream, message id)."""
        ...


async def lifeline(log: Log, order_id: str, *, until: int | None = None) -> list[Envelope]:
    """The events of an order's life, up to position `until`; none for an unknown order."""
    order = await log.select(f"order-{order_id}", limit=EVENTS_MAX)
    placed = order[0].event if order else None
    if not isinstance(placed, OrderPlaced):
        return []
    account = f"account-{placed.account_id}"
    found = {e.source: e for e in order}
    _add(found, await _caused(log, account, order))
    trades = [e.event.trade_id for e in order if isinstance(e.event, OrderFilled)]
    reverses = [e.event.reverse_id for e in found.values() if isinstance(e.event, TradeBusted)]
    await _settle(log, account, [*trades, *filter(None, reverses)], found)
    late = [e.event.reverse_id for e in found.values() if isinstance(e.event, SettledAfterBust)]
    await _settle(log, account, late, found)
    _add(found, await _behind(log, found.values(), (MESSAGES, category(account))))
    shown = [e for e in found.values() if until is None or e.position <= until]
    return sorted(shown, key=lambda e: e.position)


async def _settle(
    log: Log, account: str, obligations: Sequence[str], found: dict[str, Envelope]
) -> None:
    """Add the instructions of these obligations, and what the account booked of them."""
    streams = (log.select(f"settlement-{name}", limit=EVENTS_MAX) for name in obligations)
    for events in await asyncio.gather(*streams):
        _add(found, events)
        _add(found, await _caused(log, account, events))


async def _caused(log: Log, account: str, causes: Sequence[Envelope]) -> Sequence[Envelope]:
    """The account's events that a saga has brought about after these."""
    names = [
        (account, f"{cause.source}#{saga}.{index}")
        for cause in causes
        for saga in SAGAS
        for index in range(COMMANDS_MAX)
    ]
    return await log.named(names)


async def _behind(
    log: Log, events: Iterable[Envelope], categories: Sequence[str]
) -> list[Envelope]:
    """The direct causes of these events that are on streams of these categories."""
    causes = {e.meta.causation_id for e in events if category(e.meta.causation_id) in categories}
    out: list[Envelope] = []
    for source in sorted(causes):
        stream, _, version = source.rpartition("@")
        out += await log.select(stream, after_version=int(version) - 1, limit=1)
    return out


def _add(found: dict[str, Envelope], more: Iterable[Envelope]) -> None:
    found.update({e.source: e for e in more})
