"""Repeats within one batch: requests with a message id that the batch has already used.

A repeat changes nothing and depends only on the first request's answer. It needs no round of its
own: it waits for that answer and gets the same. If the first is not in the log (refused, lost a
race), its repeats are decided like any other command.

    first --appended or replayed--> repeats: the same answer, or KeyReused with another body
          '--KeyReused------------> repeats: what the log remembers of that id
          '--anything else--------> repeats: decided in the next round
"""

import msgspec

from commands.ports import Request

Message = tuple[str, str]
"""A stream and a message id on it; each pair takes effect once."""

_encode = msgspec.json.Encoder(order="deterministic").encode


def same(one: Request, other: Request) -> bool:
    """Whether two requests are the same, to the last digit as written (1.0 is not 1.00)."""
    return (
        type(one.command) is type(other.command)
        and one.effective_at == other.effective_at
        and one.command == other.command
        and _encode(one.command) == _encode(other.command)
    )
