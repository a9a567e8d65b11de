"""A body that is read without a parser is the command that the parser and the rules give."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from api.http import models, strict_json
from api.http.commands import PUBLIC
from api.http.plain_bodies import ORDERS_MAX, PlainBodies
from domain.account.cash import DepositCash
from domain.order.commands import PlaceOrder
from domain.shared.message import Command
from tests.unit.api.test_plain_fields import BODIES, ODD


def reader(kind: type[Command]) -> PlainBodies:
    return models._bodies.__wrapped__(kind)


def by_parser(kind: type[Command], raw: bytes) -> Command | None:
    try:
        return models.command_from(kind, strict_json.loads(raw)).command
    except (ValueError, ValidationError):
        return None


TEXTS = st.sampled_from([
    b'"1"', b'"-0012.50"', b"1", b"1.5", b"null", b"true", b"false", b'"a\\u0041"', b'"a\\"b"',
    b'"\xc3\xa9"', b'""', b'"A1"', b'"A 1"', b'"%s"' % (b"x" * 1_001), b'"2024-02-30"',
    b'"2024-01-02"', b'"2024-01-02T03:04:05Z"', b'"2024-01-02T03:04:05"', b'"BUY"', b'"BUY\n"',
    b"{}",
])  # fmt: skip
"""JSON texts, and some that are none."""


@given(st.data())
def test_what_is_read_without_a_parser_is_the_same_command(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(BODIES, key=lambda kind: kind.__name__)))
    names = st.sampled_from(kind.__struct_fields__)
    body = BODIES[kind] | data.draw(st.dictionaries(names, ODD, max_size=3))
    fields = data.draw(st.permutations(list(body)))
    bodies = reader(kind)
    bodies.seen(dict.fromkeys(fields))
    pairs = [(name, json.dumps(body[name]).encode()) for name in fields]
    for name, text in data.draw(st.dictionaries(names, TEXTS, max_size=2)).items():
        pairs = [(n, text if n == name else t) for n, t in pairs]
    comma = data.draw(st.sampled_from([b",", b", ", b" ,", b",\n"]))
    colon = data.draw(st.sampled_from([b":", b": ", b" :", b":  "]))
    raw = b"{" + comma.join(b'"%s"' % n.encode() + colon + t for n, t in pairs) + b"}"
    found = bodies.command(raw)
    if found is not None:
        assert found == by_parser(kind, raw)


@pytest.mark.parametrize("kind", BODIES, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize("separators", [(",", ":"), (", ", ": ")])
def test_the_order_seen_last_needs_no_parser(kind: type[Command], separators: Any) -> None:
    bodies, raw = reader(kind), json.dumps(BODIES[kind], separators=separators).encode()
    assert bodies.command(raw) is None
    bodies.seen(json.loads(raw))
    found = bodies.command(raw)
    assert found is not None
    assert found == by_parser(kind, raw)


@pytest.mark.parametrize(
    "raw",
    [
        b'{"account_id":"A1","amount":1,"currency":"USD","reference":"r"}',
        b'{"account_id":"A1","amount":"1e5","currency":"USD","reference":"r"}',
        b'{"account_id":"A 1","amount":"1","currency":"USD","reference":"r"}',
        b'{"account_id":"A1","amount":"1","currency":"USD","reference":"\xc3\xa9"}',
        b'{"account_id":"A1","amount":"1","currency":"USD","reference":"\\u0041"}',
        b'{"account_id":"A1","amount":"1","currency":"USD","reference":"r","reference":"r"}',
        b'{"account_id":"A1","amount":"1","currency":"USD","reference":"%s"}' % (b"x" * 1_001),
        b'{"account_id":"A1","amount":"1","currency":"USD","reference":null}',
        b'{"account_id":"A1","currency":"USD","amount":"1","reference":"r"}',
        b'{"account_id":"A1","amount":"1","currency":"USD"}',
        b'{"account_id":"A1","amount":"1","currency":"USD","reference":"r"}}',
        b"",
    ],
)
def test_anything_else_is_for_the_parser(raw: bytes) -> None:
    bodies = reader(DepositCash)
    bodies.seen(BODIES[DepositCash])
    assert bodies.command(raw) is None


def test_no_more_orders_are_kept_than_the_bound() -> None:
    bodies, names = reader(PlaceOrder), list(BODIES[PlaceOrder])
    orders = [names[i:] + names[:i] for i in range(len(names))]
    orders += [order[::-1] for order in orders]
    for order in orders:
        bodies.seen({name: BODIES[PlaceOrder][name] for name in order})
    texts = [json.dumps({n: BODIES[PlaceOrder][n] for n in order}).encode() for order in orders]
    assert len(bodies._orders) == ORDERS_MAX < len(orders)
    read = [bodies.command(text) for text in texts]
    assert [text for text, found in zip(texts, read, strict=True) if found] == [
        texts[ORDERS_MAX - 1]
    ]


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_every_order_of_plain_fields_has_a_pattern(name: str) -> None:
    bodies, plan = reader(PUBLIC[name]), models._plan(PUBLIC[name])
    bodies.seen(dict.fromkeys(plan.fields))
    assert (bodies._last is not None) == (plan.required <= plan.fields.keys())
