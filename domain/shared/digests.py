"""Digests: how a text that is sealed in the log can still be compared.

An event carries the text sealed and a keyed hash of it in clear. The state keeps the hash alone,
so a decision compares without the client's key, on replay and after an erasure too. The key is
the installation's and arrives as a value (`Seen.digest_key`).

    stored                what it is
    32 hex digits         HMAC-SHA256 under the installation's key
    "sha256:" + 32        of an event that was stored in clear, before texts were sealed

Both bind the text to a scope (an account, a client), so that one text has another digest there.
Texts are compared in a normal form, which their digests are of: a person's name in that of
`domain.shared.persons`, a bank's reference in `reference_form`.
"""

import hashlib
import hmac
import unicodedata
from collections.abc import Collection

DIGITS = 32
_PLAIN = "sha256:"
FOLDS_MAX = 8  # of a text until its form is its own; two do for nearly all


def digest(text: str, key: bytes, *, scope: str) -> str:
    """The digest that an event of today stores for a text."""
    return hmac.digest(key, _bound(text, scope), "sha256").hex()[:DIGITS]


def plain_digest(text: str, *, scope: str) -> str:
    """The digest of a text that an old event holds in clear: an upcast has no key."""
    return _PLAIN + hashlib.sha256(_bound(text, scope)).hexdigest()[:DIGITS]


def stored_as(text: str, key: bytes, *, scope: str, known: Collection[str]) -> str | None:
    """The one of the `known` digests that stands for this text; None: none of them does."""
    today = digest(text, key, scope=scope)
    if today in known:
        return today
    before = plain_digest(text, scope=scope)
    return before if before in known else None


def is_plain(stored: str) -> bool:
    """Whether a stored digest is of a text that the log holds in clear."""
    return stored.startswith(_PLAIN)


def reference_form(reference: str) -> str:
    """A bank's reference as it is compared: without compatibility forms, case, spaces and signs
    that cannot be seen. Banks print one reference in capitals or not, in groups or not (ISO 11649).
    """
    if reference.isascii() and reference.isprintable():  # as nearly all are
        return reference.replace(" ", "").lower()
    for _ in range(FOLDS_MAX):  # what is removed may bring signs together that make another one
        folded = unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", reference).casefold())
        before, reference = reference, "".join(s for s in folded if not _unseen(s))
        if reference == before:
            break
    return reference


def _unseen(sign: str) -> bool:
    return sign.isspace() or unicodedata.category(sign).startswith("C")


def _bound(text: str, scope: str) -> bytes:
    return f"{len(scope)}:{scope}:{text}".encode()
