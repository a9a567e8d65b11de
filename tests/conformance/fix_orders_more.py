"""FIX 4.4 appendix D, continued: E to L, and what the house adds to the published matrices."""

from tests.conformance.fix_matrix import HOUSE, RECALLED, Scenario, scenario

UNSOLICITED = (
    scenario(
        "E.1.b",
        "Unsolicited cancel of a part-filled order",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        trade 1000 @ 50 A         | PARTIALLY_FILLED  10000  1000   9000
        canceled                  | CANCELED          10000  1000      0
        """,
    ),
    scenario(
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
    scenario(
        "E.1.d",
        "Unsolicited reduction of order quantity",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        restated 9000             | NEW                9000     0   9000
        trade 9000 @ 50 A         | FILLED             9000  9000      0
        """,
    ),
    scenario(
        "E.1.e",
        "Unsolicited cancel of a cancel-if-not-best order",
        """
        order 10000               | PENDING_NEW       10000     0  10000
        new                       | NEW               10000     0  10000
        canceled                  | CANCELED          10000     0      0
        """,
    ),
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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
    scenario(
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

MORE: tuple[Scenario, ...] = UNSOLICITED + GOOD_TILL + CORRECTIONS + BEYOND
