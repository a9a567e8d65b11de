"""The checks without pydantic and the models agree: an accepted body is the same command."""

from datetime import datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.http import models
from api.http.commands import PUBLIC
from api.http.plain_fields import command_of
from domain.account.cash import DepositCash
from domain.order.commands import PlaceOrder
from domain.shared.message import Command

BODIES: dict[type[Command], dict[str, Any]] = {
    DepositCash: {"account_id": "A1", "amount": "12.50", "currency": "USD", "reference": "r"},
    PlaceOrder: {
        "order_id": "O1", "account_id": "A1", "instrument_id": "I1", "side": "BUY", "qty": "1",
        "ord_type": "LIMIT", "limit_px": "5.00", "expire_at": "2024-01-02T03:04:05+01:00",
        "solicited": True,
    },
}  # fmt: skip
ODD: Any = st.one_of(
    st.none(), st.booleans(), st.integers(), st.text(max_size=8),
    st.from_regex(models.DECIMAL), st.from_regex(models.DATE), st.from_regex(models.DATETIME),
    st.sampled_from(["BUY", "SELL", "GTC", "1e5", "NaN", "\u0661", "A 1", "a\u200bb", "12\n", ""]),
    st.lists(st.text(max_size=3), max_size=2),
)  # fmt: skip


def by_model(kind: type[Command], body: object) -> Command | None:
    """The command as the model alone makes it; None if it refuses the body."""
    try:
        stated = models.model_of(kind).model_validate(body)
    except ValidationError:
        return None
    plain = stated.model_dump(mode="json", exclude_unset=True)
    return msgspec.convert(plain, type=kind)


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
def test_a_plain_body_needs_no_model(kind: type[Command]) -> None:
    found = command_of(kind, BODIES[kind], models._plan(kind))
    assert found is not None
    assert found == by_model(kind, BODIES[kind])


@given(st.data())
def test_what_is_accepted_here_is_the_same_command_by_the_model(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(BODIES, key=lambda kind: kind.__name__)))
    names = st.sampled_from([*kind.__struct_fields__, "unknown"])
    body = BODIES[kind] | data.draw(st.dictionaries(names, ODD, max_size=3))
    found = command_of(kind, body, models._plan(kind))
    if found is not None:
        assert found == by_model(kind, body)
        assert all(
            value.tzinfo is not None
            for field in kind.__struct_fields__
            if isinstance(value := getattr(found, field), datetime)
        )


@pytest.mark.parametrize("body", [None, [], "x", 1, {}, {"account_id": "A1"}])
def test_a_body_that_lacks_something_is_for_the_model(body: object) -> None:
    assert command_of(DepositCash, body, models._plan(DepositCash)) is None


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_public_command_has_a_plan_with_its_required_fields(name: str) -> None:
    kind = PUBLIC[name]
    plan = models._plan(kind)
    required = {f.name for f in msgspec.structs.fields(kind) if f.required}
    assert plan.required == required
    assert set(plan.fields) <= set(kind.__struct_fields__)
