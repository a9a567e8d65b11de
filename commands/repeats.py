"""Repeats within one batch: what comes under a message id that the batch itself has used.

A repeat changes nothing and leans on nothing but the first answer, so it needs no round of its
own: it waits for the first, and is answered with it. Of a first that is not in the log (refused,
lost a race) nothing follows: its repeats are decided like any other command.

    first --appended or replayed--> repeats: the same answer, or KeyReused with another body
          '--KeyReused------------> repeats: as the log remembers that id
          '--anything else--------> repeats: decided in the next round
"""

import msgspec

from commands.ports import Request

Message = tuple[str, str]
"""A stream and a message id on it: what happens once."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def same(one: Request, other: Request) -> bool:
    """Whether two requests ask for the same, to the last digit as it was written."""
    return (
        type(one.command) is type(other.command)
        and one.effective_at == other.effective_at
        and one.command == other.command
        and _encode(one.command) == _encode(other.command)
    )
