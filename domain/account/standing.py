"""The account itself: opening, who may act for it, how lots are picked, its status.

    "" -Open-> open <-Unblock- closing_only <-SetClosingOnly- open
    open | closing_only | dormant -Block-> blocked -Unblock-> what it was
    open | closing_only | dormant | closing, empty -Close-> closed -Reopen-> closing

Any account may use average cost, since funds may be averaged. If the account is US-taxable, its
orders in single stocks are refused instead (domain rule 4).
"""

from collections.abc import Iterator
from decimal import Decimal
from typing import ClassVar

from msgspec.structs import replace

from domain.account.changes import with_item
from domain.account.refusals import (
    R,
    bad_money,
    blank,
    first,
    refuse_closed,
    refuse_unless,
    two_persons,
)
from domain.account.state import (
    BLOCKED,
    CLOSED,
    CLOSING,
    CLOSING_ONLY,
    DORMANT,
    OPEN,
    Owner,
    Power,
    State,
)
from domain.rules.lots import LotMethod
from domain.rules.powers import holder
from domain.shared.dates import bad_span
from domain.shared.message import (
    Command,
    Decision,
    Event,
    Personal,
    PersonalText,
    Refused,
    Seen,
    refused,
)
from domain.shared.money import RATE_DECIMALS, ZERO, is_currency, is_exact


class OpenAccount(Command):
    account_id: str
    client_id: str
    base_currency: str
    lot_method: str = "FIFO"
    account_type: str = "cash"
    owners: tuple[Owner, ...] = ()


class AuthorisePerson(Command):
    account_id: str
    power: Power


class RevokePerson(Command):
    account_id: str
    person_id: str


class ChangeLotMethod(Command):
    account_id: str
    lot_method: str


class BlockAccount(Command):
    account_id: str
    reason: Personal


class UnblockAccount(Command):
    account_id: str
    reason: Personal = ""


class SetClosingOnly(Command):
    account_id: str
    reason: Personal


class CloseAccount(Command):
    account_id: str


class ReopenAccount(Command):
    """Wind down a closed account again, because money or shares came. Needs a second person."""

    account_id: str
    reason: Personal
    requested_by: Personal
    approved_by: Personal


class AccountOpened(Event, tag="account.opened"):
    account_id: str
    client_id: str
    base_currency: str
    lot_method: str
    account_type: str = "cash"
    owners: tuple[Owner, ...] = ()
    us_taxable: bool = False  # average cost is not for single stocks of US taxpayers


class PersonAuthorised(Event, tag="account.person_authorised"):
    account_id: str
    power: Power


class PersonRevoked(Event, tag="account.person_revoked"):
    account_id: str
    person_id: str


class LotMethodChanged(Event, tag="account.lot_method_changed"):
    account_id: str
    lot_method: str  # for disposals from now on


class AccountRestricted(Event, tag="account.restricted"):
    """The account's status was set: open, closing_only, blocked, dormant, closing, closed."""

    VERSION: ClassVar[int] = 2
    account_id: str
    status: str
    reason: PersonalText = ""  # the requester's text
    client_id: str = ""  # whose sagas follow the account
    requested_by: PersonalText = ""  # set when a closed account is wound down again
    approved_by: PersonalText = ""
    cause: str = ""  # a code instead of `reason`, if a saga asked for it


ACCOUNT_TYPES = frozenset(
    {"cash", "retirement", "custodial", "trust", "corporate", "omnibus", "house", "error"}
)
SAGAS = "saga."  # prefix of a saga's name as actor
MAY_OPEN = frozenset({"approved", "review_due", "in_refresh"})
"""Statuses of a client that allow opening an account."""


def open_account(command: OpenAccount, state: State, seen: Seen) -> Decision:
    wrong = (
        refused(R.ACCOUNT_EXISTS, status=state.status)
        if state.exists
        else first(
            _client_fault(command, seen), _terms_fault(command), _shares_fault(command.owners)
        )
    )
    if wrong:
        return wrong
    return (
        AccountOpened(
            account_id=command.account_id,
            client_id=command.client_id,
            base_currency=command.base_currency,
            lot_method=command.lot_method,
            account_type=command.account_type,
            owners=command.owners,
            us_taxable=_us_taxable(command, seen),
        ),
    )


def _client_fault(command: OpenAccount, seen: Seen) -> Refused | None:
    client = seen.streams.get(f"client-{command.client_id}")
    status = str(client.status) if client is not None else ""
    if not status:
        return refused(R.CLIENT_UNKNOWN, client_id=command.client_id)
    if status not in MAY_OPEN:
        return refused(R.CLIENT_NOT_APPROVED, status=status)
    return None


def _us_taxable(command: OpenAccount, seen: Seen) -> bool:
    """Whether gains are taxed as they are made: a US client's, except in a retirement account."""
    client = seen.streams.get(f"client-{command.client_id}")
    return getattr(client, "country", "") == "US" and command.account_type != "retirement"


def _terms_fault(command: OpenAccount) -> Refused | None:
    if command.account_type == "margin":
        return refused(R.MARGIN_NOT_PERMITTED)
    if command.account_type not in ACCOUNT_TYPES:
        return refused(R.ACCOUNT_TYPE_UNKNOWN, account_type=command.account_type)
    if not is_currency(command.base_currency):
        return refused(R.CURRENCY_UNKNOWN, currency=command.base_currency)
    return _method_fault(command.lot_method)


def _method_fault(lot_method: str) -> Refused | None:
    if lot_method in LotMethod.__members__:
        return None
    return refused(R.LOT_METHOD_UNKNOWN, lot_method=lot_method)


def _shares_fault(owners: tuple[Owner, ...]) -> Refused | None:
    """Refuse owners listed twice, or whose shares do not add up to 1. The list may be empty."""
    sound = all(is_exact(o.share, RATE_DECIMALS) and ZERO < o.share <= 1 for o in owners)
    once = len({o.client_id for o in owners}) == len(owners)
    whole = sound and sum((o.share for o in owners), ZERO) == Decimal(1)
    if not owners or (whole and once):
        return None
    return refused(R.SHARES_NOT_ONE, owners=len(owners))


def authorise_person(command: AuthorisePerson, state: State, seen: Seen) -> Decision:
    power, limit = command.power, command.power.limit
    wrong = refuse_closed(state) or _power_passed_on(state, seen)
    wrong = wrong or (bad_money(limit, state.base_currency) if limit is not None else None)
    wrong = wrong or bad_span("valid_from", power.valid_from, "valid_to", power.valid_to)
    if wrong:
        return wrong
    if state.powers.get(command.power.person_id) == command.power:
        return ()
    return (PersonAuthorised(account_id=command.account_id, power=command.power),)


def _power_passed_on(state: State, seen: Seen) -> Refused | None:
    """Refuse an actor who acts under a power: such a person cannot give powers, owners can."""
    person = holder(state, seen.actor)
    return refused(R.POWER_MISSING, person_id=person, power="authorise") if person else None


def revoke_person(command: RevokePerson, state: State, seen: Seen) -> Decision:
    if command.person_id not in state.powers:
        return refused(R.PERSON_UNKNOWN, person_id=command.person_id)
    return (PersonRevoked(account_id=command.account_id, person_id=command.person_id),)


def change_lot_method(command: ChangeLotMethod, state: State, seen: Seen) -> Decision:
    if wrong := first(refuse_closed(state), _method_fault(command.lot_method)):
        return wrong
    if command.lot_method == state.lot_method:
        return ()
    return (LotMethodChanged(account_id=command.account_id, lot_method=command.lot_method),)


def block(command: BlockAccount, state: State, seen: Seen) -> Decision:
    if state.status == BLOCKED:
        return ()
    wrong = refuse_unless(state, OPEN, CLOSING_ONLY, DORMANT, CLOSING)
    return wrong or _restrict(state, BLOCKED, command.reason, seen)


def unblock(command: UnblockAccount, state: State, seen: Seen) -> Decision:
    """Lift a block (back to what it interrupted), or closing-only (back to open)."""
    if state.status not in (BLOCKED, CLOSING_ONLY):
        return refused(R.ACCOUNT_NOT_BLOCKED, status=state.status)
    status = (state.prior or OPEN) if state.status == BLOCKED else OPEN
    return _restrict(state, status, command.reason, seen)


def set_closing_only(command: SetClosingOnly, state: State, seen: Seen) -> Decision:
    if state.status == CLOSING_ONLY:
        return ()
    return refuse_unless(state, OPEN, DORMANT) or _restrict(
        state, CLOSING_ONLY, command.reason, seen
    )


def close(command: CloseAccount, state: State, seen: Seen) -> Decision:
    if wrong := refuse_unless(state, OPEN, CLOSING_ONLY, DORMANT, CLOSING):
        return wrong
    if holds := dict(_obstacles(state)):
        return refused(R.ACCOUNT_NOT_EMPTY, **holds)
    return _restrict(state, CLOSED, "", seen)


def reopen(command: ReopenAccount, state: State, seen: Seen) -> Decision:
    """Set a closed account to closing: it may pay out, sell, transfer and close again.

    It cannot buy, and it never becomes open again.
    """
    if state.status != CLOSED:
        return refused(R.ACCOUNT_NOT_CLOSED, status=state.status)
    if blank((command.reason,)):
        return refused(R.REASON_MISSING)
    if wrong := two_persons(command.requested_by, command.approved_by, seen.actor):
        return wrong
    (event,) = _restrict(state, CLOSING, command.reason, seen)
    return (replace(event, requested_by=command.requested_by, approved_by=command.approved_by),)


def _obstacles(state: State) -> Iterator[tuple[str, object]]:
    """What prevents closing: each unit that the account owns or owes, and each open item."""
    yield from state.traded.items()
    for isin, lots in state.lots.items():
        if any(lot.qty for lot in lots):  # lots above and below zero do not cancel out
            yield isin, state.qty(isin)
    under_way = {
        "open_orders": [o for o in state.orders.values() if o.held or o.qty],
        "obligations": state.obligations,
        "payments": state.withdrawals,
        "fx": state.fx,
        "transfers": state.transfers,
        "accrued_fees": [c for c, accrual in state.fees.items() if accrual.posted],
    }
    yield from ((name, len(items)) for name, items in under_way.items() if items)


def _restrict(state: State, status: str, reason: str, seen: Seen) -> tuple[AccountRestricted, ...]:
    """A saga's reason is a code, stored in clear. Any other actor's reason is text, and sealed."""
    coded = seen.actor.startswith(SAGAS)
    return (
        AccountRestricted(
            account_id=state.account_id,
            status=status,
            reason="" if coded else reason,
            client_id=state.client_id,
            cause=reason if coded else "",
        ),
    )


def opened(state: State, event: AccountOpened) -> State:
    return State(
        account_id=event.account_id,
        status=OPEN,
        client_id=event.client_id,
        account_type=event.account_type,
        base_currency=event.base_currency,
        lot_method=event.lot_method,
        us_taxable=event.us_taxable,
        owners=event.owners,
    )


def restricted(state: State, event: AccountRestricted) -> State:
    prior = state.status if event.status == BLOCKED else ""
    return replace(state, status=event.status, prior=prior)


def person_authorised(state: State, event: PersonAuthorised) -> State:
    person = event.power.person_id
    return replace(
        state,
        powers=with_item(state.powers, person, event.power),
        revoked=tuple(p for p in state.revoked if p != person),
    )


def person_revoked(state: State, event: PersonRevoked) -> State:
    return replace(
        state,
        powers=with_item(state.powers, event.person_id, None),
        revoked=(*state.revoked, event.person_id),
    )


def lot_method_changed(state: State, event: LotMethodChanged) -> State:
    return replace(state, lot_method=event.lot_method)
