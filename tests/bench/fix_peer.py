"""A bare QuickFIX pair in one process: order out, execution back, nothing recorded elsewhere.

python -m tests.bench.fix_peer FOLDER PORT SECONDS     prints round trips a second
"""

import sys
import threading
import time
from pathlib import Path
from typing import Any

import quickfix as fix

from adapters.fix.engine import Ends, settings_of

ORDER = (
    (55, "AAPL"), (22, "4"), (48, "US0378331005"), (54, "1"), (38, "10"), (40, "2"),
    (44, "150.00"), (59, "0"), (15, "USD"), (60, "20261201-14:00:00.123456"),
)  # fmt: skip
LOGON_S = 20.0


class _Side(fix.Application):
    def __init__(self, answer: Any) -> None:
        super().__init__()
        self._answer, self.up = answer, threading.Event()

    def onCreate(self, session: Any) -> None:
        return

    def onLogon(self, session: Any) -> None:
        self.up.set()

    def onLogout(self, session: Any) -> None:
        return

    def toAdmin(self, message: Any, session: Any) -> None:
        return

    def fromAdmin(self, message: Any, session: Any) -> None:
        return

    def toApp(self, message: Any, session: Any) -> None:
        return

    def fromApp(self, message: Any, session: Any) -> None:
        self._answer(message)


def message(msg_type: str, *pairs: tuple[int, str]) -> Any:
    made = fix.Message()
    made.getHeader().setField(fix.StringField(35, msg_type))
    for tag, value in pairs:
        made.setField(fix.StringField(tag, value))
    return made


def main() -> None:
    folder, port, seconds = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    venue_id = fix.SessionID("FIX.4.4", "VENUE", "US")
    our_id = fix.SessionID("FIX.4.4", "US", "VENUE")
    back = threading.Semaphore(0)

    def execute(order: Any) -> None:
        cl_ord_id = order.getField(11)
        report = message(
            "8", (37, "V1"), (11, cl_ord_id), (17, f"E{cl_ord_id}"), (150, "F"), (39, "2"),
            (55, "AAPL"), (54, "1"), (38, "10"), (32, "10"), (31, "150.00"), (151, "0"),
            (14, "10"), (6, "150.00"), (60, "20261201-14:00:00.123456"),
        )  # fmt: skip
        fix.Session.sendToTarget(report, venue_id)

    venue, us = _Side(execute), _Side(lambda _: back.release())
    engines = []
    for kind, side, ends in (
        (fix.SocketAcceptor, venue, Ends(sender_comp_id="VENUE", target_comp_id="US", port=port)),
        (fix.SocketInitiator, us,
         Ends(sender_comp_id="US", target_comp_id="VENUE", port=port, host="127.0.0.1")),
    ):  # fmt: skip
        home = folder / ends.sender_comp_id
        home.mkdir(parents=True)
        (home / "s.cfg").write_text(settings_of(ends, home))
        settings = fix.SessionSettings(str(home / "s.cfg"))
        store = fix.FileStoreFactory(settings)
        engines.append((kind(side, store, settings), settings, store))
        engines[-1][0].start()
    if not us.up.wait(LOGON_S):
        raise SystemExit("no logon")
    done, start = 0, time.perf_counter()
    while time.perf_counter() - start < seconds:
        order = message("D", (11, f"O{done}"), *ORDER)
        fix.Session.sendToTarget(order, our_id)
        back.acquire()
        done += 1
    print(done / (time.perf_counter() - start), flush=True)
    import os  # noqa: PLC0415 - end at once: the engine's stop is slow, and may crash

    os._exit(0)


if __name__ == "__main__":
    main()
