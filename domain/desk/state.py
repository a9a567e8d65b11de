"""What the desk's decisions, and every placement, look at."""

from collections.abc import Mapping
from decimal import Decimal
from typing import NamedTuple

from msgspec import Struct


class Switch(NamedTuple):
    version: int
    engaged_by: str  # digest of the person


class Limits(NamedTuple):
    version: int
    qty_max: Decimal | None = None
    notional_max: Decimal | None = None
    collar_pct: Decimal | None = None


class Desk(Struct, frozen=True, kw_only=True):
    """Keys are `firm`, `account:A1`, `venue:XNYS`, `instrument:AAPL`; of restrictions the ISIN."""

    version: int = 0  # the number of changes
    switches: Mapping[str, Switch] = {}
    restricted: Mapping[str, int] = {}  # ISIN -> version
    limits: Mapping[str, Limits] = {}


INITIAL = Desk()
