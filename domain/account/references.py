"""By what two references of a bank are told to be the same, in one place."""

from hashlib import sha256

from domain.account.events import CashDeposited, DepositReturned


def reference_key(event: CashDeposited | DepositReturned) -> str:
    """A text that is equal for equal references, from which none can be read."""
    return sha256(str(event.reference).encode()).hexdigest()[:32]
