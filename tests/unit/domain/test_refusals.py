"""REFUSALS of each aggregate: complete, and nothing in it that its code cannot answer.

The code is read for it: from the function that decides a command, through all that it names, to
the refusals. That finds too much where one `decide` has branches for all commands; there only the
whole of the aggregate is compared, and `scenario` checks each command by what the tests provoke.
"""

import ast
import inspect
import sys
from functools import cache
from textwrap import dedent
from types import FunctionType
from typing import Any

import pytest

from domain import account, client, instrument, order, settlement
from domain.account.refusals import AccountRefusal
from domain.account.standing import AuthorisePerson
from domain.catalogue import AGGREGATES, COMMANDS, DECIDERS, REFUSALS
from domain.client.commands import OnboardClient
from domain.client.refusals import ClientRefusal
from domain.instrument.refusals import InstrumentRefusal
from domain.order.commands import ReplaceOrder
from domain.order.refusals import OrderRefusal
from domain.settlement.refusals import SettlementRefusal
from domain.shared.dates import DateRefusal
from domain.shared.message import Command, Refusal, RequestRefusal

UNTIMED = {RequestRefusal.EFFECTIVE_AT_IN_FUTURE, RequestRefusal.EFFECTIVE_AT_NOT_ALLOWED}
UNREACHABLE = {
    # A power's limit is in the base currency, and no account is opened in an unknown one.
    (AuthorisePerson, AccountRefusal.CURRENCY_UNKNOWN),
    # An order is placed only where its account and its instrument are known.
    (ReplaceOrder, OrderRefusal.ACCOUNT_UNKNOWN),
    (ReplaceOrder, OrderRefusal.INSTRUMENT_UNKNOWN),
    # A date of birth may be any day of the past.
    (OnboardClient, DateRefusal.DATE_TOO_EARLY),
}
BEFORE_ALL: dict[Any, set[Refusal]] = {
    account: {AccountRefusal.ACCOUNT_UNKNOWN},
    order: {OrderRefusal.ORDER_UNKNOWN},
    client: {ClientRefusal.CLIENT_UNKNOWN},
    instrument: {InstrumentRefusal.INSTRUMENT_UNKNOWN, InstrumentRefusal.INSTRUMENT_DELISTED},
    settlement: {SettlementRefusal.SETTLEMENT_UNKNOWN},
}
"""The refusals of `decide` itself, before it calls the command's function."""
DECIDES: dict[Any, dict[type[Command], FunctionType]] = {a: a._DECIDE for a in BEFORE_ALL}


@cache
def named(function: FunctionType) -> tuple[object, ...]:
    """What a function names: values of its module and what it closes over, and their attributes."""
    scope = {**vars(sys.modules[function.__module__]), **inspect.getclosurevars(function).nonlocals}
    found: list[object] = []
    for node in ast.walk(ast.parse(dedent(inspect.getsource(function)))):
        if isinstance(node, ast.Name):
            found.append(scope.get(node.id))
        elif isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            found.append(getattr(scope.get(node.value.id), node.attr, None))
    return tuple(found)


def reachable(function: FunctionType) -> set[Refusal]:
    """The refusals that a function names, or a function of the domain that it leads to."""
    found: set[Refusal] = set()
    walked: set[FunctionType] = set()
    pending: list[object] = [function]
    while pending:
        value = pending.pop()
        if isinstance(value, Refusal):
            found.add(value)
        elif isinstance(value, dict | list | tuple):
            pending += value.values() if isinstance(value, dict) else value
        elif isinstance(value, FunctionType) and value not in walked:
            walked.add(value)
            ours = value.__module__.startswith("domain.") and value.__name__ != "<lambda>"
            pending += named(value) if ours else ()
    return found


def declared(aggregate: Any, kind: type[Command]) -> set[Refusal]:
    return {r for r in aggregate.REFUSALS[kind] if not isinstance(r, RequestRefusal)}


@pytest.mark.parametrize("aggregate", AGGREGATES, ids=lambda a: a.CATEGORY)
def test_every_command_lists_its_refusals_and_each_is_of_an_enum(aggregate: Any) -> None:
    assert set(aggregate.REFUSALS) == set(aggregate.COMMANDS)
    for kind, refusals in aggregate.REFUSALS.items():
        assert all(isinstance(refusal, Refusal) for refusal in refusals), kind
        assert len({str(r) for r in refusals}) == len(refusals), f"{kind}: one name twice"


@pytest.mark.parametrize("aggregate", AGGREGATES, ids=lambda a: a.CATEGORY)
def test_an_aggregate_lists_what_its_code_can_answer_and_no_more(aggregate: Any) -> None:
    decides = [aggregate.decide, *DECIDES.get(aggregate, {}).values()]
    listed = set().union(*(declared(aggregate, kind) for kind in aggregate.COMMANDS))
    assert listed == set().union(*map(reachable, decides))


@pytest.mark.parametrize(
    "kind", [kind for a in BEFORE_ALL for kind in a.COMMANDS], ids=lambda kind: kind.__name__
)
def test_a_command_lists_what_the_function_that_decides_it_can_answer(
    kind: type[Command],
) -> None:
    aggregate = DECIDERS[kind]
    found = {r for r in reachable(DECIDES[aggregate][kind]) if (kind, r) not in UNREACHABLE}
    before = BEFORE_ALL[aggregate]
    assert found - before == declared(aggregate, kind) - before


def test_the_catalogue_adds_the_refusal_of_a_stated_time() -> None:
    for name, kind in COMMANDS.items():
        added = set(REFUSALS[kind]) - set(DECIDERS[kind].REFUSALS[kind])
        assert added == {RequestRefusal.of_stated_time(kind)}, name
    assert added <= UNTIMED


def test_what_needs_a_text_of_the_client_may_be_refused_for_an_erased_one() -> None:
    needing = {event for a in (account, client) for event in a.EVENTS if event.NEEDS}
    listing = {
        name
        for name, kind in COMMANDS.items()
        if any(str(refusal) == "client_erased" for refusal in REFUSALS[kind])
    }
    assert len(needing) == 3
    assert listing == {"OnboardClient", "SubmitKyc", "WithdrawCash"}
