"""Raw FIX messages as text: reading fields by tag, without the engine.

A message is `tag=value` fields, each ended by SOH. Source: FIX 4.4, volume 1, message format.
"""

from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Self

SOH = "\x01"
LATIN1 = "iso-8859-1"
ADMIN = frozenset(["0", "1", "2", "3", "4", "5", "A"])
"""The session's own messages: they are not sent again on a ResendRequest."""
_TIME, _FRACTION = "%Y%m%d-%H:%M:%S", 6


class BadMessage(ValueError):
    """A message that breaks a rule of the standard, or of our use of it; names tag and rule."""


class Fields:
    """The fields of one message by tag; of a repeated tag the first value."""

    def __init__(self, pairs: list[tuple[int, str]]) -> None:
        self.pairs = pairs
        self._first: dict[int, str] = {}
        for tag, value in pairs:
            self._first.setdefault(tag, value)

    @classmethod
    def parse(cls, raw: str) -> Self:
        """The fields of a message's text.

        Raises:
            BadMessage: a field has no number or no `=`.
        """
        pairs: list[tuple[int, str]] = []
        for part in raw.split(SOH):
            if not part:
                continue
            tag, found, value = part.partition("=")
            if not found or not (tag.isascii() and tag.isdigit()):
                raise BadMessage(f"field {part[:20]!r} is not tag=value")
            pairs.append((int(tag), value))
        return cls(pairs)

    @property
    def msg_type(self) -> str:
        return self.get(35)

    @property
    def number(self) -> int:
        return self.whole(34)

    def get(self, tag: int, default: str = "") -> str:
        return self._first.get(tag, default)

    def need(self, tag: int) -> str:
        """Raises BadMessage: the field is missing or empty."""
        value = self.get(tag)
        if not value:
            raise BadMessage(f"tag {tag} is missing in message type {self.msg_type or '?'}")
        return value

    def whole(self, tag: int, default: int = 0) -> int:
        value = self.get(tag)
        if not value:
            return default
        if not (value.isascii() and value.isdigit()):
            raise BadMessage(f"tag {tag}: {value[:20]!r} is no whole number")
        return int(value)

    def decimal(self, tag: int) -> Decimal | None:
        """Raises BadMessage: it is no plain decimal: no exponent, no NaN."""
        value = self.get(tag)
        if not value:
            return None
        try:
            number = Decimal(value)
        except InvalidOperation:
            number = Decimal("NaN")
        if not number.is_finite() or "E" in value.upper() or "_" in value:
            raise BadMessage(f"tag {tag}: {value[:20]!r} is no decimal number")
        return number

    def time(self, tag: int) -> datetime | None:
        value = self.get(tag)
        return utc_time(value, tag) if value else None

    def flag(self, tag: int) -> bool:
        return self.get(tag) == "Y"


def text_of(raw: bytes) -> str:
    """The text of a message: UTF-8, or Latin-1 where it is not that (no byte is lost)."""
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return raw.decode(LATIN1)


def utc_time(value: str, tag: int) -> datetime:
    """A UTCTimestamp with up to six decimals of a second.

    Raises:
        BadMessage: it is none.
    """
    whole, _, fraction = value.partition(".")
    try:
        if len(fraction) > _FRACTION or (fraction and not fraction.isdigit()):
            raise ValueError(fraction)
        at = datetime.strptime(whole, _TIME).replace(tzinfo=UTC)
    except ValueError:
        raise BadMessage(f"tag {tag}: {value[:30]!r} is no UTC timestamp") from None
    return at.replace(microsecond=int(fraction.ljust(_FRACTION, "0")))


def timestamp(at: datetime) -> str:
    """A UTCTimestamp with microseconds."""
    return at.astimezone(UTC).strftime(f"{_TIME}.%f")


def number(value: Decimal) -> str:
    """A decimal without an exponent."""
    return format(value, "f")


def checksum(raw: bytes) -> int:
    """CheckSum (10) of the bytes before it."""
    return sum(raw) % 256


def framed(pairs: list[tuple[int, str]], begin_string: str = "FIX.4.4") -> bytes:
    """The bytes of a message with its BodyLength (9) and CheckSum (10)."""
    body = "".join(f"{tag}={value}{SOH}" for tag, value in pairs).encode(LATIN1)
    head = f"8={begin_string}{SOH}9={len(body)}{SOH}".encode() + body
    return head + f"10={checksum(head):03d}{SOH}".encode()
