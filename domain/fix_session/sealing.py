"""A raw message with its salt as one text, and the digest that commits to both.

    digest = SHA-256(salt || raw bytes)      text = base64(salt || raw bytes), stored sealed

Whoever is given salt and raw bytes can check one message alone against the log. Erasure destroys
the key of the text and with it the salt: without the salt the digest confirms no guess.
"""

from base64 import b64decode, b64encode
from binascii import Error
from hashlib import sha256

SALT_BYTES = 32


class BadSeal(ValueError):
    """The text is not a salt and a message in base64."""


def sealed(raw: bytes, salt: bytes) -> tuple[str, str]:
    """(text, hex digest). The salt is random, 32 bytes, and used for one message only."""
    if len(salt) != SALT_BYTES:
        raise BadSeal(f"the salt has {len(salt)} bytes, not {SALT_BYTES}")
    return b64encode(salt + raw).decode(), digest(raw, salt)


def opened(text: str) -> tuple[bytes, bytes]:
    """(raw bytes, salt) of a text that `sealed` made.

    Raises:
        BadSeal: it is no such text.
    """
    try:
        both = b64decode(text, validate=True)
    except (Error, ValueError) as e:
        raise BadSeal("not base64") from e
    if len(both) < SALT_BYTES:
        raise BadSeal("shorter than its salt")
    return both[SALT_BYTES:], both[:SALT_BYTES]


def digest(raw: bytes, salt: bytes) -> str:
    return sha256(salt + raw).hexdigest()
