"""What the decisions of a FIX session look at."""

from msgspec import Struct


class FixSession(Struct, frozen=True, kw_only=True):
    """`next_out` 0: the session was never opened."""

    next_out: int = 0  # the MsgSeqNum (34) of our next message
    next_in: int = 0  # the one that we expect
    holder: str = ""  # the process that holds the session; "" when it is closed
    sender_comp_id: str = ""
    target_comp_id: str = ""
    day: int = 0  # counts the resets, so that (day, direction, number) names one message


INITIAL = FixSession()
