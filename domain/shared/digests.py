"""Digests: how a text that is sealed in the log can still be compared.

An event carries the text sealed and a keyed hash of it in clear. The state keeps only the hash, so
a decision compares without the client's key, on replay and after an erasure too. The hash's key
belongs to the installation and arrives as a value (`Seen.digest_key`).

    stored                what it is
    32 hex digits         HMAC-SHA256 under the installation's key
    "sha256:" + 32        SHA-256, for an event stored in clear before texts were sealed

Both bind the text to a scope (an account, a client): the same text has another digest in another
scope. A digest is taken of a text's normal form: for a person's name that of
`domain.shared.persons`, for a bank's reference `reference_form`.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Collection

DIGITS = 32
_PLAIN = "sha256:"
FOLDS_MAX = 8  # rounds until the text stops changing; two suffice for nearly all


def digest(text: str, key: bytes, *, scope: str) -> str:
    """The digest that an event of today stores for a text."""
    return hmac.digest(key, _bound(text, scope), "sha256").hex()[:DIGITS]


def plain_digest(text: str, *, scope: str) -> str:
    """The digest of a text that an old event holds in clear: an upcast has no key."""
    return _PLAIN + hashlib.sha256(_bound(text, scope)).hexdigest()[:DIGITS]


def stored_as(text: str, key: bytes, *, scope: str, known: Collection[str]) -> str | None:
    """The digest in `known` that belongs to this text; None: none of them does."""
    today = digest(text, key, scope=scope)
    if today in known:
        return today
    before = plain_digest(text, scope=scope)
    return before if before in known else None


def is_plain(stored: str) -> bool:
    """Whether a stored digest is of a text that the log holds in clear."""
    return stored.startswith(_PLAIN)


def reference_form(reference: str) -> str:
    """A bank's reference as it is compared: without compatibility forms, case, spaces and invisible
    characters. Banks print a reference in capitals or not, in groups or not (ISO 11649).
    """
    if reference.isascii() and reference.isprintable():  # as nearly all are
        return reference.replace(" ", "").lower()
    for _ in range(FOLDS_MAX):  # characters may combine once those between them are gone
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", reference).casefold())
        before, reference = reference, "".join(s for s in folded if not _unseen(s))
        if reference == before:
            break
    return reference


def _unseen(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign).startswith("C")


def _bound(text: str, scope: str) -> bytes:
    return f"{len(scope)}:{scope}:{text}".encode()
