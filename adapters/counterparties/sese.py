"""The custodian, as ISO 20022 names its settlement messages."""

from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Protocol

from msgspec import Struct

from domain.settlement.events import StatusKind
from domain.shared.fix import Side


class SettlementInstruction(Struct, frozen=True, kw_only=True, tag="sese.023"):
    tx_id: str  # our obligation
    side: Side  # BUY: RECE, SELL: DELI
    isin: str
    qty: Decimal
    amount: Decimal  # APMT; 0 when free
    currency: str
    trade_date: date
    settl_date: date
    country: str = "US"
    free: bool = False
    hold: bool = False  # matched, but not settled before a release
    sent_at: datetime
    poss_resend: bool = False


class SettlementRelease(Struct, frozen=True, kw_only=True, tag="sese.030"):
    tx_id: str
    sent_at: datetime
    poss_resend: bool = False


class SettlementCancellation(Struct, frozen=True, kw_only=True, tag="sese.020"):
    tx_id: str
    sent_at: datetime
    poss_resend: bool = False


class SettlementStatus(Struct, frozen=True, kw_only=True, tag="sese.024"):
    """Statuses of several kinds hold at the same time; none of them ever means settled."""

    tx_id: str
    kind: StatusKind
    status: str
    reason: str = ""
    at: datetime
    source: str = ""  # the recorded message that carried it, `stream@version`


class SettlementConfirmation(Struct, frozen=True, kw_only=True, tag="sese.025"):
    tx_id: str
    confirmation_id: str
    qty: Decimal
    amount: Decimal
    remaining_qty: Decimal
    effective_date: date
    at: datetime
    source: str = ""  # the recorded message that carried it, `stream@version`


class CancellationAnswer(Struct, frozen=True, kw_only=True, tag="sese.027"):
    tx_id: str
    accepted: bool
    reason: str = ""
    at: datetime
    source: str = ""  # the recorded message that carried it, `stream@version`


ToCustodian = SettlementInstruction | SettlementCancellation | SettlementRelease
FromCustodian = SettlementStatus | SettlementConfirmation | CancellationAnswer


class Custodian(Protocol):
    async def submit(self, message: ToCustodian, /) -> None: ...

    async def advance(self, to: datetime, /) -> Sequence[FromCustodian]: ...
