"""How an order state change matrix is written down as data (`fix_orders`, `fix_orders_more`).

A line is one step and what must hold after it:

    action [arguments]  |  OrdStatus  OrderQty  CumQty  LeavesQty  [AvgPx]

Our actions: `order N`, `cancel`, `replace N` (`@ px` for a price alone); a trailing `-> name` is
the refusal that it must get. Reports of the venue: `new`, `reject`, `trade N @ px ID`,
`bust ID`, `correct REF to N @ px ID`, `pending` (the Pending Cancel / Replace report, which tells
us nothing new), `canceled`, `replaced`, `cancel-reject`, `expired`, `done`,
`restated [N]`, `stopped`, `suspended`, `calculated`.

The matrices are the broker's view; ours is the sender's. From our request until the broker has it,
the order is pending with us and not yet with the broker: such a row shows `OURS/PUBLISHED`.

`order` places the order and releases it to the venue (PENDING_NEW).
"""

from decimal import Decimal
from typing import NamedTuple


class Step(NamedTuple):
    action: str
    refusal: str  # "": the step must succeed
    shown: str  # our OrdStatus
    qty: Decimal
    cum_qty: Decimal
    leaves_qty: Decimal
    avg_px: Decimal | None  # None: not in the matrix


class Scenario(NamedTuple):
    ref: str
    title: str
    time_in_force: str
    source: str
    steps: tuple[Step, ...]


D44 = "FIX 4.4 appendix D (order state change matrices)"
RECALLED = D44 + ", the row values recalled, not looked up"
HOUSE = "rule of the house: executions are recomputed, nothing absorbs"


def step_of(line: str) -> Step:
    action, _, row = line.partition("|")
    action, _, refusal = action.partition("->")
    status, qty, cum_qty, leaves_qty, *avg = row.split()
    return Step(
        " ".join(action.split()),
        refusal.strip(),
        status.split("/", maxsplit=1)[0],
        Decimal(qty),
        Decimal(cum_qty),
        Decimal(leaves_qty),
        Decimal(avg[0]) if avg else None,
    )


def scenario(ref: str, title: str, text: str, *, tif: str = "DAY", source: str = D44) -> Scenario:
    lines = [line for line in text.splitlines() if line.strip()]
    return Scenario(ref, title, tif, source, tuple(step_of(line) for line in lines))
