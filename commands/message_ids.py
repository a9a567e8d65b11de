"""Message ids: those that a caller may choose, and those that only the platform can make.

A stream decides each message id once. If a caller could use the id of a later command of the
platform, that command would get the answer to the caller's command and never run. So every id of
the platform contains a character that a caller's key may not contain:

    saga                  "{cause's stream}@{version}#{saga}.{index}"
    gateway               "venue|...", "custodian|...", "bank|...", and "...!refused"
    timer and seal        "deadline|..."
    simulator, auditor    "simulator|...", "auditor|..."
    `tidemark erase`      "erase|1"
    signer                "checkpoint.{position}": no public command goes to its stream
"""

import re

CALLERS = r"[A-Za-z0-9._:/+=-]{1,128}"
"""The form of an Idempotency-Key: no "@", "#", "!" or "|"."""
_callers = re.compile(CALLERS)


def is_callers(message_id: str) -> bool:
    """Whether a caller may choose this id."""
    return _callers.fullmatch(message_id) is not None


def own(part: str, name: str) -> str:
    """The id of a command that a part of the platform sends by itself."""
    return f"{part}|{name}"
