"""FIX 4.4 volume 7, appendix D: order state change matrices, as data.

A line is one step and what must hold after it:

    action [arguments]  |  OrdStatus  OrderQty  CumQty  LeavesQty  [AvgPx]

Actions of ours: `order N`, `cancel`, `replace N` (`@ px` for a price alone), a trailing `-> name`
is the refusal that it must meet. Reports of the venue: `new`, `reject`, `trade N @ px ID`,
`bust ID`, `correct REF to N @ px ID`, `pending` (the Pending Cancel / Replace report, which says
nothing that we do not know), `canceled`, `replaced`, `cancel-reject`, `expired`, `done`,
`restated [N]`, `stopped`, `suspended`, `calculated`.

The matrices are the broker's view; ours is the sender's. From our request until the broker has it,
the order is pending with us and not yet with him: such a row shows `OURS/PUBLISHED`.

`order` places the order and releases it to the venue (PENDING_NEW).
"""

from decimal import Decimal
from typing import NamedTuple


class Step(NamedTuple):
    action: str
    refusal: str  # "" when it must not be refused
    shown: str  # OrdStatus that we show
    qty: Decimal
    cum_qty: Decimal
    leaves_qty: Decimal
    avg_px: Decimal | None  # None: the matrix does not say


class Scenario(NamedTuple):
    ref: str
    title: str
    time_in_force: str
    source: str
    steps: tuple[Step, ...]


D44 = "FIX 4.4 volume 7 appendix D (order state change matrices)"
RECALLED = D44 + ", the row values recalled, not looked up"
HOUSE = "rule of the house: executions are recomputed, nothing absorbs"


def _step(line: str) -> Step:
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


def _scenario(ref: str, title: str, text: str, *, tif: str = "DAY", source: str = D44) -> Scenario:
    lines = [line for line in text.splitlines() if line.strip()]
    return Scenario(ref, title, tif, source, tuple(_step(line) for line in lines))


VANILLA = (
    _scenario(
        "A.1.a",
        "Filled order",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 2000 @ 50 A         | PARTIALLY_FILLED  10000  2000   8000
        trade 1000 @ 50 B         | PARTIALLY_FILLED  10000  3000   7000
        trade 7000 @ 50 C         | FILLED            10000 10000      0
        """,
    ),
    _scenario(
        "A.1.a reject",
        "Rejected order",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        reject                    | REJECTED          10000     0      0
        """,
    ),
    _scenario(
        "A.1.b",
        "Part-filled day order, done for day",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 2000 @ 50 A         | PARTIALLY_FILLED  10000  2000   8000
        trade 1000 @ 50 B         | PARTIALLY_FILLED  10000  3000   7000
        done                      | DONE_FOR_DAY      10000  3000      0
        """,
    ),
)

CANCEL = (
    _scenario(
        "B.1.a",
        "Cancel request for a zero-filled order",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        cancel                    | PENDING_CANCEL    10000     0  10000
        pending                   | PENDING_CANCEL    10000     0  10000
        canceled                  | CANCELED          10000     0      0
        """,
    ),
    _scenario(
        "B.1.a reject",
        "Cancel request for a zero-filled order, rejected",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        cancel                    | PENDING_CANCEL    10000     0  10000
        cancel-reject             | NEW               10000     0  10000
        """,
    ),
    _scenario(
        "B.1.b",
        "Cancel request for a part-filled order, executions while it is active",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 2000 @ 50 A         | PARTIALLY_FILLED  10000  2000   8000
        cancel                    | PENDING_CANCEL/PARTIALLY_FILLED 10000 2000 8000
        trade 3000 @ 50 B         | PENDING_CANCEL/PARTIALLY_FILLED 10000 5000 5000
        pending                   | PENDING_CANCEL    10000  5000   5000
        trade 1000 @ 50 C         | PENDING_CANCEL    10000  6000   4000
        canceled                  | CANCELED          10000  6000      0
        """,
    ),
    _scenario(
        "B.1.b reject",
        "As B.1.b, the request rejected in the end",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 2000 @ 50 A         | PARTIALLY_FILLED  10000  2000   8000
        cancel                    | PENDING_CANCEL/PARTIALLY_FILLED 10000 2000 8000
        trade 3000 @ 50 B         | PENDING_CANCEL/PARTIALLY_FILLED 10000 5000 5000
        pending                   | PENDING_CANCEL    10000  5000   5000
        trade 1000 @ 50 C         | PENDING_CANCEL    10000  6000   4000
        cancel-reject             | PARTIALLY_FILLED  10000  6000   4000
        """,
    ),
    _scenario(
        "B.1.c",
        "Cancel request for an order that is filled before it can be accepted",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 2000 @ 50 A         | PARTIALLY_FILLED  10000  2000   8000
        cancel                    | PENDING_CANCEL/PARTIALLY_FILLED 10000 2000 8000
        trade 3000 @ 50 B         | PENDING_CANCEL/PARTIALLY_FILLED 10000 5000 5000
        pending                   | PENDING_CANCEL    10000  5000   5000
        trade 5000 @ 50 C         | PENDING_CANCEL    10000 10000      0
        cancel-reject             | FILLED            10000 10000      0
        """,
    ),
    _scenario(
        "B.1.d",
        "Cancel request for an order not yet acknowledged",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        cancel                    | PENDING_CANCEL    10000     0  10000
        pending                   | PENDING_CANCEL    10000     0  10000
        canceled                  | CANCELED          10000     0      0
        """,
        source=RECALLED,
    ),
    _scenario(
        "B.1.e",
        "Cancel request crosses the acknowledgement",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        cancel                    | PENDING_CANCEL/PENDING_NEW 10000 0 10000
        new                       | PENDING_CANCEL/NEW 10000    0  10000
        pending                   | PENDING_CANCEL    10000     0  10000
        canceled                  | CANCELED          10000     0      0
        """,
    ),
)

REPLACE = (
    _scenario(
        "C.1.a",
        "Zero-filled order, replace to increase quantity",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        replace 11000             | PENDING_REPLACE   10000     0  10000
        pending                   | PENDING_REPLACE   10000     0  10000
        replaced                  | NEW               11000     0  11000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  11000  1000  10000
        trade 2000 @ 50 B         | PARTIALLY_FILLED  11000  3000   8000
        """,
        source=RECALLED,
    ),
    _scenario(
        "C.1.b",
        "Part-filled order, replace to increase quantity, execution while pending",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  10000  1000   9000
        replace 12000             | PENDING_REPLACE/PARTIALLY_FILLED 10000 1000 9000
        pending                   | PENDING_REPLACE   10000  1000   9000
        trade 100 @ 50 B          | PENDING_REPLACE   10000  1100   8900
        replaced                  | PARTIALLY_FILLED  12000  1100  10900
        trade 10900 @ 50 C        | FILLED            12000 12000      0
        """,
    ),
    _scenario(
        "C.1.b reject",
        "As C.1.b, the request rejected in the end",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  10000  1000   9000
        replace 12000             | PENDING_REPLACE/PARTIALLY_FILLED 10000 1000 9000
        trade 100 @ 50 B          | PENDING_REPLACE   10000  1100   8900
        cancel-reject             | PARTIALLY_FILLED  10000  1100   8900
        """,
    ),
    _scenario(
        "C.1.c",
        "Filled order, replace to increase quantity",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 10000 @ 50 A        | FILLED            10000 10000      0
        replace 12000             | PENDING_REPLACE/FILLED 10000 10000 0
        pending                   | PENDING_REPLACE   10000 10000      0
        replaced                  | PARTIALLY_FILLED  12000 10000   2000
        trade 2000 @ 50 B         | FILLED            12000 12000      0
        """,
        source=RECALLED,
    ),
    _scenario(
        "C.2.a",
        "Replace (not of quantity) rejected because a fill has occurred",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  10000  1000   9000
        replace @ 51              | PENDING_REPLACE/PARTIALLY_FILLED 10000 1000 9000
        trade 9000 @ 50 B         | PENDING_REPLACE/FILLED 10000 10000 0
        cancel-reject             | FILLED            10000 10000      0
        """,
    ),
    _scenario(
        "C.3.a",
        "Replace to decrease quantity while executions are reported, still above CumQty",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  10000  1000   9000
        replace 8000              | PENDING_REPLACE/PARTIALLY_FILLED 10000 1000 9000
        trade 500 @ 50 B          | PENDING_REPLACE/PARTIALLY_FILLED 10000 1500 8500
        pending                   | PENDING_REPLACE   10000  1500   8500
        trade 100 @ 50 C          | PENDING_REPLACE   10000  1600   8400
        replaced                  | PARTIALLY_FILLED   8000  1600   6400
        trade 6400 @ 50 D         | FILLED             8000  8000      0
        """,
    ),
    _scenario(
        "C.3.b",
        "Replace to decrease quantity to what is filled meanwhile",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        replace 7000              | PENDING_REPLACE/NEW 10000   0  10000
        trade 7000 @ 50 A         | PENDING_REPLACE/PARTIALLY_FILLED 10000 7000 3000
        replaced                  | FILLED             7000  7000      0
        """,
    ),
    _scenario(
        "C.3.c",
        "Replace to decrease quantity below what is filled meanwhile: amended to CumQty",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        replace 7000              | PENDING_REPLACE/NEW 10000   0  10000
        trade 8000 @ 50 A         | PENDING_REPLACE/PARTIALLY_FILLED 10000 8000 2000
        replaced                  | FILLED             8000  8000      0
        """,
    ),
    _scenario(
        "D.1.a",
        "A replace is accepted, then another",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  10000  1000   9000
        replace 8000              | PENDING_REPLACE/PARTIALLY_FILLED 10000 1000 9000
        pending                   | PENDING_REPLACE   10000  1000   9000
        trade 500 @ 50 B          | PENDING_REPLACE   10000  1500   8500
        replaced                  | PARTIALLY_FILLED   8000  1500   6500
        trade 2000 @ 50 C         | PARTIALLY_FILLED   8000  3500   4500
        replace 6000              | PENDING_REPLACE/PARTIALLY_FILLED 8000 3500 4500
        pending                   | PENDING_REPLACE    8000  3500   4500
        trade 500 @ 50 D          | PENDING_REPLACE    8000  4000   4000
        replaced                  | PARTIALLY_FILLED   6000  4000   2000
        trade 2000 @ 50 E         | FILLED             6000  6000      0
        """,
    ),
    _scenario(
        "D.1.b",
        "A replace is rejected before it is pending, then another is accepted",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  10000  1000   9000
        replace 8000              | PENDING_REPLACE/PARTIALLY_FILLED 10000 1000 9000
        cancel-reject             | PARTIALLY_FILLED  10000  1000   9000
        trade 500 @ 50 B          | PARTIALLY_FILLED  10000  1500   8500
        trade 2000 @ 50 C         | PARTIALLY_FILLED  10000  3500   6500
        replace 6000              | PENDING_REPLACE/PARTIALLY_FILLED 10000 3500 6500
        pending                   | PENDING_REPLACE   10000  3500   6500
        replaced                  | PARTIALLY_FILLED   6000  3500   2500
        trade 1500 @ 50 D         | PARTIALLY_FILLED   6000  5000   1000
        """,
    ),
    _scenario(
        "D.1.c",
        "A replace is rejected after it is pending, then another is accepted",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  10000  1000   9000
        replace 8000              | PENDING_REPLACE/PARTIALLY_FILLED 10000 1000 9000
        pending                   | PENDING_REPLACE   10000  1000   9000
        trade 500 @ 50 B          | PENDING_REPLACE   10000  1500   8500
        cancel-reject             | PARTIALLY_FILLED  10000  1500   8500
        trade 2000 @ 50 C         | PARTIALLY_FILLED  10000  3500   6500
        replace 6000              | PENDING_REPLACE/PARTIALLY_FILLED 10000 3500 6500
        pending                   | PENDING_REPLACE   10000  3500   6500
        replaced                  | PARTIALLY_FILLED   6000  3500   2500
        trade 1500 @ 50 D         | PARTIALLY_FILLED   6000  5000   1000
        """,
    ),
    _scenario(
        "D.2 second refused",
        "A replace right after another: refused while the first is pending",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  10000  1000   9000
        replace 8000              | PENDING_REPLACE/PARTIALLY_FILLED 10000 1000 9000
        replace 7000 -> replace_pending | PENDING_REPLACE 10000 1000 9000
        replaced                  | PARTIALLY_FILLED   8000  1000   7000
        trade 2000 @ 50 B         | PARTIALLY_FILLED   8000  3000   5000
        """,
    ),
)

UNSOLICITED = (
    _scenario(
        "E.1.b",
        "Unsolicited cancel of a part-filled order",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  10000  1000   9000
        canceled                  | CANCELED          10000  1000      0
        """,
    ),
    _scenario(
        "E.1.c",
        "Unsolicited replacement of a part-filled order",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        restated 11000            | NEW               11000     0  11000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  11000  1000  10000
        restated 12000            | PARTIALLY_FILLED  12000  1000  11000
        """,
    ),
    _scenario(
        "E.1.d",
        "Unsolicited reduction of order quantity",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        restated 9000             | NEW                9000     0   9000
        trade 9000 @ 50 A         | FILLED             9000  9000      0
        """,
    ),
    _scenario(
        "E.1.e",
        "Unsolicited cancel of a cancel-if-not-best order",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        canceled                  | CANCELED          10000     0      0
        """,
    ),
    _scenario(
        "F.1.a",
        "The same order sent again is a duplicate, and the first is as it was",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        order 10000 -> order_exists | NEW             10000     0  10000
        order 20000 -> order_exists | NEW             10000     0  10000
        """,
    ),
)

GOOD_TILL = (
    _scenario(
        "H.1.a",
        "GTC order partially filled, renewed and partially filled the following day",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 2000 @ 50 A         | PARTIALLY_FILLED  10000  2000   8000
        done                      | DONE_FOR_DAY      10000  2000   8000
        restated                  | PARTIALLY_FILLED  10000  2000   8000
        trade 1000 @ 50 B         | PARTIALLY_FILLED  10000  3000   7000
        """,
        tif="GTC",
    ),
    _scenario(
        "H.1.c",
        "GTC order partially filled, renewed and canceled the following day",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 2000 @ 50 A         | PARTIALLY_FILLED  10000  2000   8000
        done                      | DONE_FOR_DAY      10000  2000   8000
        restated                  | PARTIALLY_FILLED  10000  2000   8000
        cancel                    | PENDING_CANCEL/PARTIALLY_FILLED 10000 2000 8000
        pending                   | PENDING_CANCEL    10000  2000   8000
        canceled                  | CANCELED          10000  2000      0
        """,
        tif="GTC",
    ),
    _scenario(
        "H.1.d",
        "GTC order partially filled, renewed, then replaced to increase quantity",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 2000 @ 50 A         | PARTIALLY_FILLED  10000  2000   8000
        done                      | DONE_FOR_DAY      10000  2000   8000
        restated                  | PARTIALLY_FILLED  10000  2000   8000
        replace 15000             | PENDING_REPLACE/PARTIALLY_FILLED 10000 2000 8000
        pending                   | PENDING_REPLACE   10000  2000   8000
        trade 1000 @ 50 B         | PENDING_REPLACE   10000  3000   7000
        replaced                  | PARTIALLY_FILLED  15000  3000  12000
        """,
        tif="GTC",
    ),
    _scenario(
        "I.1.a",
        "Fill-or-kill order that cannot be filled",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        canceled                  | CANCELED          10000     0      0
        """,
        tif="FOK",
        source=RECALLED,
    ),
    _scenario(
        "I.1.b",
        "Immediate-or-cancel order that can be hit in part only",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  10000  1000   9000
        canceled                  | CANCELED          10000  1000      0
        """,
        tif="IOC",
        source=RECALLED,
    ),
)

CORRECTIONS = (
    _scenario(
        "J.1.a",
        "Filled order, followed by correction and cancellation of executions",
        """
        order 10000                | PENDING_NEW       10000     0 10000   0
        new                        | NEW               10000     0 10000   0
        trade 1000 @ 100 C         | PARTIALLY_FILLED  10000  1000  9000 100
        trade 9000 @ 110 D         | FILLED            10000 10000     0 109
        bust C                     | PARTIALLY_FILLED  10000  9000  1000 110
        correct D to 9000 @ 100 F  | PARTIALLY_FILLED  10000  9000  1000 100
        trade 1000 @ 120 G         | FILLED            10000 10000     0 102
        correct F to 9000 @ 120 H  | FILLED            10000 10000     0 120
        replace 12000              | PENDING_REPLACE/FILLED 10000 10000 0 120
        pending                    | PENDING_REPLACE   10000 10000     0 120
        replaced                   | PARTIALLY_FILLED  12000 10000  2000 120
        correct H to 9500 @ 120 K  | PARTIALLY_FILLED  12000 10500  1500 120
        """,
    ),
    _scenario(
        "J.1.b",
        "Canceled order followed by a busted execution and a new execution",
        """
        order 10000                | PENDING_NEW       10000     0 10000
        new                        | NEW               10000     0 10000
        trade 5000 @ 50 B          | PARTIALLY_FILLED  10000  5000  5000 50
        cancel                     | PENDING_CANCEL/PARTIALLY_FILLED 10000 5000 5000
        pending                    | PENDING_CANCEL    10000  5000  5000
        canceled                   | CANCELED          10000  5000     0
        bust B                     | CANCELED          10000     0     0  0
        trade 4000 @ 51 F          | CANCELED          10000  4000     0 51
        """,
    ),
    _scenario(
        "J.1.c",
        "GTC order, corrections of quantity on executions of both days",
        """
        order 10000                | PENDING_NEW       10000     0 10000
        new                        | NEW               10000     0 10000
        trade 2000 @ 50 B          | PARTIALLY_FILLED  10000  2000  8000
        done                       | DONE_FOR_DAY      10000  2000  8000
        restated                   | PARTIALLY_FILLED  10000  2000  8000
        trade 1000 @ 50 E          | PARTIALLY_FILLED  10000  3000  7000
        correct B to 1500 @ 50 F   | PARTIALLY_FILLED  10000  2500  7500
        correct E to 500 @ 50 G    | PARTIALLY_FILLED  10000  2000  8000
        """,
        tif="GTC",
    ),
    _scenario(
        "L.1.a",
        "A guarantee of execution before the execution (stopped)",
        """
        order 10000                | PENDING_NEW       10000     0 10000
        new                        | NEW               10000     0 10000
        stopped                    | STOPPED           10000     0 10000
        trade 1000 @ 50 A          | STOPPED           10000  1000  9000
        """,
    ),
)

BEYOND = (
    _scenario(
        "late fill",
        "A fill after the cancel counts, and the order stays canceled",
        """
        order 10000                | PENDING_NEW       10000     0 10000
        new                        | NEW               10000     0 10000
        canceled                   | CANCELED          10000     0     0
        trade 400 @ 50 A           | CANCELED          10000   400     0
        trade 9600 @ 50 B          | FILLED            10000 10000     0
        """,
        source=HOUSE,
    ),
    _scenario(
        "over-fill",
        "More than ordered counts as it happened; busting it opens the order again",
        """
        order 100                  | PENDING_NEW         100     0   100
        new                        | NEW                 100     0   100
        trade 80 @ 50 A            | PARTIALLY_FILLED    100    80    20
        trade 40 @ 50 B            | FILLED              100   120     0
        bust B                     | PARTIALLY_FILLED    100    80    20
        """,
        source=HOUSE,
    ),
    _scenario(
        "duplicates",
        "Everything told twice counts once",
        """
        order 100                  | PENDING_NEW         100     0   100
        new                        | NEW                 100     0   100
        new                        | NEW                 100     0   100
        trade 60 @ 50 A            | PARTIALLY_FILLED    100    60    40
        trade 60 @ 50 A            | PARTIALLY_FILLED    100    60    40
        correct A to 50 @ 50 B     | PARTIALLY_FILLED    100    50    50
        correct A to 50 @ 50 B     | PARTIALLY_FILLED    100    50    50
        trade 60 @ 50 A            | PARTIALLY_FILLED    100    50    50
        bust A                     | NEW                 100     0   100
        bust A                     | NEW                 100     0   100
        canceled                   | CANCELED            100     0     0
        canceled                   | CANCELED            100     0     0
        """,
        source=HOUSE,
    ),
    _scenario(
        "bust first",
        "A bust that precedes its execution waits for it",
        """
        order 100                  | PENDING_NEW         100     0   100
        new                        | NEW                 100     0   100
        bust A                     | NEW                 100     0   100
        trade 60 @ 50 A            | NEW                 100     0   100
        trade 40 @ 50 B            | PARTIALLY_FILLED    100    40    60
        """,
        source=HOUSE,
    ),
    _scenario(
        "chain first",
        "A correction of a correction that precedes both",
        """
        order 100                  | PENDING_NEW         100     0   100
        new                        | NEW                 100     0   100
        correct B to 30 @ 52 C     | NEW                 100     0   100
        correct A to 50 @ 51 B     | NEW                 100     0   100
        trade 60 @ 50 A            | PARTIALLY_FILLED    100    30    70  52
        """,
        source=HOUSE,
    ),
    _scenario(
        "expired",
        "Expired with a rest; a cancel request that crossed is answered too late",
        """
        order 100                  | PENDING_NEW         100     0   100
        new                        | NEW                 100     0   100
        trade 30 @ 50 A            | PARTIALLY_FILLED    100    30    70
        cancel                     | PENDING_CANCEL      100    30    70
        expired                    | PENDING_CANCEL      100    30     0
        cancel-reject              | EXPIRED             100    30     0
        """,
        tif="GTD",
        source=HOUSE,
    ),
    _scenario(
        "cancel over replace",
        "Cancel asked for while a replace is pending: Pending Cancel ranks above",
        """
        order 100                  | PENDING_NEW         100     0   100
        new                        | NEW                 100     0   100
        replace 120                | PENDING_REPLACE     100     0   100
        cancel                     | PENDING_CANCEL      100     0   100
        replace 130 -> cancel_pending | PENDING_CANCEL   100     0   100
        cancel-reject              | PENDING_REPLACE     100     0   100
        replaced                   | NEW                 120     0   120
        """,
        source=HOUSE,
    ),
    _scenario(
        "suspended",
        "Suspended in a halt, resumed; Calculated ranks above Filled",
        """
        order 100                  | PENDING_NEW         100     0   100
        new                        | NEW                 100     0   100
        trade 40 @ 50 A            | PARTIALLY_FILLED    100    40    60
        suspended                  | SUSPENDED           100    40    60
        restated                   | PARTIALLY_FILLED    100    40    60
        trade 60 @ 50 B            | FILLED              100   100     0
        calculated                 | CALCULATED          100   100     0
        """,
        source=HOUSE,
    ),
)

SCENARIOS: tuple[Scenario, ...] = (
    VANILLA + CANCEL + REPLACE + UNSOLICITED + GOOD_TILL + CORRECTIONS + BEYOND
)
