"""Powers: who may act for an account without being its owner.

    owner                         acts freely
    has a power, or had one       needs a power that covers the act: kind, days, limit
    any other actor               the client or the firm's own desk, while no identity is verified

A power covers `trade` (orders, conversions, choice of lots) or `withdraw` (payments, transfers).
The account keeps revoked persons by name, so that a person who loses a power does not count as the
firm's desk. Names are compared as persons are (`domain.shared.persons`), owners by their exact id.
Commands that take something back need no power: a cancel is always possible.
"""

from collections.abc import Callable, Collection, Mapping
from datetime import date
from decimal import Decimal
from typing import Any, Protocol

from domain.shared.persons import normal_form

Worth = Callable[[], Decimal | None]
"""Returns the act's amount in the account's base currency; None if it has none in it."""


class Granted(Protocol):
    """The part of `domain.account`'s state that names an account's persons."""

    @property
    def client_id(self) -> str: ...
    @property
    def base_currency(self) -> str: ...
    @property
    def owners(self) -> Any: ...  # client ids are `owner.client_id`
    @property
    def powers(self) -> Any: ...  # person id -> Power
    @property
    def revoked(self) -> Collection[str]: ...


def is_owner(account: Granted, name: str) -> bool:
    return name == account.client_id or any(name == o.client_id for o in account.owners)


def holder(account: Granted, name: str) -> str:
    """The person under whose power, revoked or not, the name acts; "" for any other name."""
    if not account.powers and not account.revoked:
        return ""
    if is_owner(account, name):
        return ""
    form = normal_form(name)
    persons = (*account.powers, *account.revoked)
    return next((person for person in persons if normal_form(person) == form), "")


def lacking_power(
    account: Granted, name: str, may: str, *, on: date, worth: Worth
) -> Mapping[str, object] | None:
    """Why a person may not act for the account; None if the person may.

    Args:
        may: "trade" or "withdraw".
        on: the day of the act.
        worth: called only if the power has a limit, which is in the base currency. An act without
            a value in that currency exceeds any limit.
    """
    if is_owner(account, name):
        return None
    power = account.powers.get(holder(account, name))
    if power is None or not getattr(power, may):
        return {"person_id": name, "power": may}
    if on < (power.valid_from or date.min) or on > (power.valid_to or date.max):
        return {"person_id": name, "valid_from": power.valid_from, "valid_to": power.valid_to}
    if power.limit is not None:
        amount = worth()
        base = account.base_currency
        if amount is None or amount > power.limit:
            shown = f"none in {base}" if amount is None else amount
            return {"person_id": name, "limit": power.limit, "currency": base, "amount": shown}
    return None
