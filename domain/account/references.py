"""By what two references of a bank are told to be the same, in one place."""

from domain.account.events import CashDeposited, DepositReturned
from domain.digests import plain_digest


def reference_key(event: CashDeposited | DepositReturned) -> str:
    """A text that is equal for equal references of one account, from which none can be read."""
    return event.reference_hmac or plain_digest(str(event.reference), scope=event.account_id)
