"""Ids minted under an order: ClOrdIDs (tag 11) and trade ids, both derived only from the log.

    O1 -> O1.c1, O1.c2 ...   one per request that leaves for the venue (new, cancel, replace)
    O1 -> O1.t1, O1.t2 ...   one per execution that counted, and one per correction

Nothing is random: a decision taken again mints the same id. Two orders never mint the same one,
because the part before the last dot is the order's own id (or, if that is too long, its digest).
"""

from hashlib import sha256

ID_MAX = 64
_DIGEST = 20


def child_id(order_id: str, kind: str, number: int) -> str:
    """The `number`-th id of a `kind` under an order, at most 64 characters of [A-Za-z0-9._-]."""
    suffix = f".{kind}{number}"
    if len(order_id) + len(suffix) <= ID_MAX:
        return order_id + suffix
    digest = sha256(order_id.encode()).hexdigest()[:_DIGEST]
    return f"{order_id[: ID_MAX - len(suffix) - _DIGEST - 1]}_{digest}{suffix}"
