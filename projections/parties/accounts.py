"""Accounts: their owners and terms, and whether they may trade."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, ClassVar

from msgspec import json
from msgspec.structs import replace

from domain.account.standing import (
    AccountOpened,
    AccountRestricted,
    LotMethodChanged,
    PersonAuthorised,
    PersonRevoked,
)
from domain.account.state import Power
from domain.shared.envelope import Envelope
from domain.shared.message import Event
from projections.engine.words import listed
from projections.ports import Audience, Home, Key, Row

NAME = "accounts"
VERSION = 2
AUDIENCE = Audience.OWN
HOME = Home("account_id", "account")
OPEN = "open"


class Account(Row, frozen=True, kw_only=True):
    KEY: ClassVar[tuple[str, ...]] = ("account_id",)
    INDEXES: ClassVar[tuple[tuple[str, ...], ...]] = (("client_id", "account_id"), ("status",))

    account_id: str
    client_id: str
    base_currency: str
    lot_method: str
    account_type: str
    status: str = OPEN  # open closing_only blocked dormant closing closed
    reason: str = ""  # of that status: a saga's code; a person's text is sealed in the event
    owners: str = "[]"  # JSON: [{client_id, share}, ...]
    powers: str = "{}"  # JSON: person -> the power, with its dates
    opened_at: datetime


ROW: type[Row] = Account
READS: frozenset[type[Event]] = frozenset(
    {AccountOpened, AccountRestricted, LotMethodChanged, PersonAuthorised, PersonRevoked}
)
_powers = json.Decoder(dict[str, Power]).decode


def facts(arrived: Envelope) -> Iterable[tuple[Key, Envelope]]:
    event: Any = arrived.event
    return [((event.account_id,), arrived)] if type(event) in READS else ()


def fold(row: Account | None, key: Key, fact: Envelope) -> Account:
    event = fact.event
    if isinstance(event, AccountOpened):
        return _opened(event, fact.effective_at)
    assert row is not None, f"{fact.stream} does not begin with its opening"
    match event:
        case AccountRestricted(status=status, cause=cause):
            return replace(row, status=status, reason=cause)
        case LotMethodChanged(lot_method=lot_method):
            return replace(row, lot_method=lot_method)
        case PersonAuthorised(power=power):
            return replace(row, powers=listed(_powers(row.powers) | {power.person_id: power}))
        case PersonRevoked(person_id=person_id):
            rest = {p: power for p, power in _powers(row.powers).items() if p != person_id}
            return replace(row, powers=listed(rest))
        case _:
            raise TypeError(f"no fold for {event}")


def _opened(event: AccountOpened, at: datetime) -> Account:
    return Account(
        account_id=event.account_id,
        client_id=event.client_id,
        base_currency=event.base_currency,
        lot_method=event.lot_method,
        account_type=event.account_type,
        owners=listed(event.owners),
        opened_at=at,
    )
