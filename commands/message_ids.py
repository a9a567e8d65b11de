"""Message ids: which are a caller's, and which only the platform can make.

A stream answers a message id once and for all. A caller that could take the id of a command which
the platform is still to send would get its own command answered in that one's place. So each id
of the platform holds a sign that a caller's key may not hold:

    saga                  "{cause's stream}@{version}#{saga}.{index}"
    gateway               "venue|...", "custodian|...", "bank|...", and "...!refused"
    timer and seal        "deadline|..."
    simulator, auditor    "simulator|...", "auditor|..."
    `tidemark erase`      "erase|1"
    signer                "checkpoint.{position}": no public command goes to its stream
"""

import re

CALLERS = r"[A-Za-z0-9._:/+=-]{1,128}"
"""What an Idempotency-Key may be: no "@", "#", "!" or "|"."""
_callers = re.compile(CALLERS)


def is_callers(message_id: str) -> bool:
    """Whether a caller may choose this id."""
    return _callers.fullmatch(message_id) is not None


def own(part: str, name: str) -> str:
    """The id of a command that a part of the platform sends by itself."""
    return f"{part}|{name}"
