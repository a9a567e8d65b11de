"""The ledger: turns each posting event into balanced journal entries, by the chart of accounts.

    event --entries--> (Entry, ...)   each zero per (book, unit)

An event posts whole or not at all, and exactly one event type posts each fact: the keys of
`ENTRIES`. + is debit, - is credit; the cash balance shown to a client is -sum(C.CASH).
"""

from collections.abc import Callable, Mapping
from typing import Any

from domain.ledger import house_entries, money_entries, trade_entries
from domain.ledger.chart import BANK as BANK
from domain.ledger.chart import CHART as CHART
from domain.ledger.chart import CLEARING as CLEARING
from domain.ledger.chart import CLIENT_MONEY as CLIENT_MONEY
from domain.ledger.chart import CUSTODIAN as CUSTODIAN
from domain.ledger.chart import ClientMoney as ClientMoney
from domain.ledger.chart import Entry as Entry
from domain.ledger.chart import Kind as Kind
from domain.ledger.chart import Posting as Posting
from domain.shared.message import Event

ENTRIES: Mapping[type[Event], Callable[[Any], tuple[Entry, ...]]] = {
    **money_entries.ENTRIES,
    **trade_entries.ENTRIES,
    **house_entries.ENTRIES,
}
"""Event type -> the function that makes its entries."""


def entries(event: Event) -> tuple[Entry, ...]:
    """The journal entries of `event`, in the journal's order; `()` when it posts nothing."""
    rule = ENTRIES.get(type(event))
    return rule(event) if rule is not None else ()
