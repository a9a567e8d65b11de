"""The values that filters accept are exactly the values that the views write."""

import ast
import inspect

from domain.account import state
from domain.account.standing import AccountRestricted
from projections.operations import cases, repeats


def _told() -> set[str]:
    """The kinds that `projections.operations.cases` writes: what its functions yield first."""
    found = set()
    for node in ast.walk(ast.parse(inspect.getsource(cases))):
        pair = node.value if isinstance(node, ast.Yield) else None
        if isinstance(pair, ast.Tuple) and isinstance(pair.elts[0], ast.Constant):
            found.add(str(pair.elts[0].value))
    return found


def test_every_kind_of_a_case_that_the_view_writes_can_be_asked_for() -> None:
    assert _told() | set(cases.MARKS) == set(cases.KINDS)
    assert len(cases.KINDS) == len(set(cases.KINDS))
    assert set(cases.KINDS).isdisjoint(repeats.KINDS)


def test_every_status_of_an_account_can_be_asked_for() -> None:
    result = (AccountRestricted.__doc__ or "").split(": ")[1].rstrip(".").split(", ")
    assert set(result) == set(state.STATUSES)
