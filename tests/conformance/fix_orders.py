"""FIX 4.4 appendix D: order state change matrices, as data. `SCENARIOS` is all of them.

Here: A vanilla, B cancel, C and D replace; the rest is in `fix_orders_more`.
"""

from tests.conformance.fix_matrix import RECALLED, Scenario, scenario
from tests.conformance.fix_orders_more import MORE

VANILLA = (
    scenario(
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
    scenario(
        "A.1.a reject",
        "Rejected order",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        reject                    | REJECTED          10000     0      0
        """,
    ),
    scenario(
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
    scenario(
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
    scenario(
        "B.1.a reject",
        "Cancel request for a zero-filled order, rejected",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        cancel                    | PENDING_CANCEL    10000     0  10000
        cancel-reject             | NEW               10000     0  10000
        """,
    ),
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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

SCENARIOS: tuple[Scenario, ...] = VANILLA + CANCEL + REPLACE + MORE
