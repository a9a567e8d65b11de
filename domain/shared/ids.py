"""Ids minted under other ids. Nothing is random: a decision taken again mints the same id.

    O1 -> O1.c1, O1.c2 ...   ClOrdIDs (tag 11), one per request that leaves for the venue
    O1 -> O1.t1, O1.t2 ...   trades, one per execution that counted, and one per correction
    A1 -> A1.W1, A1.W2 ...   payments of an account
    O1.t1 -> O1.t1R          the obligation that takes back the settled part of a busted trade

Two parents never mint the same id, because the part before the suffix is the parent's own id or,
if that is too long, contains its digest.
"""

from hashlib import sha256

from domain.shared.identifiers import ID_CHARS_MAX

DIGEST_CHARS = 20


def child_id(
    parent: str, suffix: str, *, digest_chars: int = DIGEST_CHARS, head: bool = True
) -> str:
    """`parent` and `suffix`, with at most 64 characters of [A-Za-z0-9._-].

    A digest replaces the end of a parent that is too long.

    Args:
        digest_chars, head: the form of a long parent. It differs by kind of id, because ids in the
            log never change: without `head` the digest replaces the whole parent.
    """
    if len(parent) + len(suffix) <= ID_CHARS_MAX:
        return parent + suffix
    digest = _digest(parent, digest_chars)
    room = ID_CHARS_MAX - len(suffix) - digest_chars - 1
    return f"{parent[:room]}_{digest}{suffix}" if head else digest + suffix


def within(owner: str, item: str) -> str:
    """The id of an item whose own id is unique within its owner only; at most 61 characters."""
    return f"{item[:40]}_{_digest(f'{len(owner)}:{owner}:{item}', DIGEST_CHARS)}"


def _digest(text: str, chars: int) -> str:
    return sha256(text.encode()).hexdigest()[:chars]
