"""The ledger folded from the log alone, up to any position: the reference for other engines.

It keeps the balances and the state of each account, which names the obligations, payments and
transfers that were open at the position. The number of open items bounds both.
"""

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal

from adapters.bus.page import partition_of
from adapters.log.recorder import TURN_PAGE
from domain import account, ledger
from domain.account.state import State
from domain.shared.envelope import Envelope, category, id_of
from projections.ledger.controls import Balances, Line, add
from projections.ports import Log

Progress = Callable[[int, int, int], None]


class LedgerFold:
    """One reader of the log.

    Args:
        watch: called with every event, in order.
    """

    def __init__(self, log: Log, watch: Callable[[Envelope], None] | None = None) -> None:
        self._log, self._watch = log, watch
        self.balances: dict[Line, Decimal] = {}
        self.accounts: dict[str, State] = {}
        self.events = 0
        self.position = 0
        self._folding = asyncio.Lock()
        self.last_at: datetime | None = None  # committed_at of the last event folded

    async def to(self, position: int | None = None, *, seen: Progress | None = None) -> None:
        """Fold up to and including a position; None: up to the log's end.

        Args:
            seen: called after each page: events so far, their position, the log's last position.
        """
        async with self._folding:
            await self._to(position, seen)

    async def _to(self, position: int | None, seen: Progress | None) -> None:
        last = await self._log.last() if seen else 0
        while page := await self._log.after(self.position, limit=TURN_PAGE, until=position):
            for arrived in page:
                self._take(arrived)
            self.position, self.last_at = page[-1].position, page[-1].committed_at
            if seen:
                seen(self.events, self.position, max(last, self.position))
            await asyncio.sleep(0)

    async def ahead(self, positions: Sequence[int]) -> Balances:
        """The balances plus what each partition has folded beyond this position.

        Args:
            positions: one for each partition, none lower than this fold's.
        """
        found, position, until = dict(self.balances), self.position, max(positions)
        while page := await self._log.after(position, limit=TURN_PAGE, until=until):
            for arrived in page:
                if arrived.position <= positions[partition_of(arrived.home, len(positions))]:
                    for entry in ledger.entries(arrived.event):
                        add(found, entry.postings)
            position = page[-1].position
        return found

    def open_refs(self) -> Mapping[str, frozenset[str]]:
        return open_refs(self.accounts.values())

    def _take(self, arrived: Envelope) -> None:
        self.events += 1
        for entry in ledger.entries(arrived.event):
            add(self.balances, entry.postings)
        if category(arrived.stream) == account.CATEGORY:
            key = id_of(arrived.stream)
            state = self.accounts.get(key, account.INITIAL)
            self.accounts[key] = account.evolve(state, arrived.event)
        if self._watch is not None:
            self._watch(arrived)


def open_refs(states: Iterable[State]) -> Mapping[str, frozenset[str]]:
    """For each clearing account, the keys of its open items, from the states of all accounts."""
    street: set[str] = set()
    payout: set[str] = set()
    transfers: set[str] = set()
    for state in states:
        street.update(state.obligations, state.fx)
        payout.update(k for k, w in state.withdrawals.items() if w.sent)
        transfers.update(state.transfers)
    return {
        "C.STREET": frozenset(street),
        "C.PAYOUT": frozenset(payout),
        "C.XFER": frozenset(transfers),
        "C.UNALLOC": frozenset(),
        "C.CA": frozenset(),
    }
