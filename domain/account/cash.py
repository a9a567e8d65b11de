"""Money in: receipts that the bank booked, and those that it took back.

A receipt is deduplicated by its command's idempotency key (the feed uses the bank's entry
reference). The bank's reference is sealed in the event: the state keeps its digest alone, and only
while the receipt is uncollected, because a list of old references would grow for ever.
"""

from msgspec.structs import replace

from domain.account.changes import add_cash, in_debit
from domain.account.commands import DepositCash, ReturnDeposit, WithdrawCash
from domain.account.events import CashDeposited, DepositReturned
from domain.account.refusals import R, bad_money, first, gone
from domain.account.state import Deposit, State
from domain.digests import digest, stored_as
from domain.message import Decision, Seen, refused
from domain.money import money


def deposit(command: DepositCash, state: State, seen: Seen) -> Decision:
    """Taken unless the account is closed; a blocked one receives, it only cannot spend."""
    if wrong := first(gone(state), bad_money(command.amount, command.currency)):
        return wrong
    value_date = seen.effective_at.date()
    later = command.available_on is not None and command.available_on > value_date
    return (
        CashDeposited(
            account_id=command.account_id,
            amount=money(command.amount, command.currency),
            currency=command.currency,
            reference=command.reference,
            value_date=value_date,
            available_on=command.available_on if later else None,
            client_id=state.client_id,
            reference_hmac=reference_hmac(command, seen),
        ),
    )


def return_deposit(command: ReturnDeposit, state: State, seen: Seen) -> Decision:
    """A report: recorded even into debit."""
    if not state.exists:
        return refused(R.ACCOUNT_UNKNOWN, account_id=command.account_id)
    if wrong := bad_money(command.amount, command.currency):
        return wrong
    amount = money(command.amount, command.currency)
    event = DepositReturned(
        account_id=command.account_id,
        amount=amount,
        currency=command.currency,
        reference=command.reference,
        value_date=seen.effective_at.date(),
        reason=command.reason,
        client_id=state.client_id,
        reference_hmac=_taken_back(command, state, seen) or reference_hmac(command, seen),
    )
    debit = in_debit(state, returned(state, event), command.currency, on=seen.now.date())
    return (replace(event, in_debit=debit),)


def reference_hmac(command: DepositCash | ReturnDeposit | WithdrawCash, seen: Seen) -> str:
    """What the event of today holds to compare the command's reference by."""
    return digest(command.reference, seen.digest_key, scope=command.account_id)


def _taken_back(command: ReturnDeposit, state: State, seen: Seen) -> str | None:
    """The digest of the uncollected receipt that the bank takes back, as that receipt has it."""
    open_ones = {d.reference_hmac for d in state.uncollected_deposits}
    key, scope = seen.digest_key, command.account_id
    return stored_as(command.reference, key, scope=scope, known=open_ones)


def deposited(state: State, event: CashDeposited) -> State:
    """Uncollected ones are pruned by the value dates of later ones: nothing here knows today."""
    if event.available_on is None and not state.uncollected_deposits:
        return add_cash(state, event.currency, event.amount)
    kept = tuple(d for d in state.uncollected_deposits if d.available_on > event.value_date)
    if event.available_on is not None:
        kept += (
            Deposit(
                amount=event.amount,
                currency=event.currency,
                reference_hmac=event.reference_hmac,
                available_on=event.available_on,
            ),
        )
    return replace(add_cash(state, event.currency, event.amount), uncollected_deposits=kept)


def returned(state: State, event: DepositReturned) -> State:
    """What came back is uncollected no longer."""
    rest, kept = event.amount, list[Deposit]()
    for d in state.uncollected_deposits:
        same = (d.reference_hmac, d.currency) == (event.reference_hmac, event.currency)
        part = min(rest, d.amount) if same else rest * 0
        rest -= part
        if d.amount > part:
            kept.append(replace(d, amount=d.amount - part))
    state = add_cash(state, event.currency, -event.amount)
    return replace(state, uncollected_deposits=tuple(kept))
