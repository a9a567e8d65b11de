"""The HTTP benchmark: both servers get bodies that they read alike."""

import json
from datetime import UTC, datetime

import msgspec
import pytest

from api.http.commands import PUBLIC
from api.http.models import command_from
from tests.bench.http_shapes import BULK, DEPOSIT, ORDER, TRANSFER, Shape, event_of

NOW = datetime(2026, 1, 5, tzinfo=UTC)
ACCOUNTS = 10


@pytest.mark.parametrize("shape", [DEPOSIT, TRANSFER, ORDER], ids=lambda shape: shape.name)
def test_the_product_and_the_peer_read_the_same_command(shape: Shape) -> None:
    path, body = shape.request(7, ACCOUNTS, "k")
    kind = PUBLIC[path.removeprefix("/commands/")]
    command = shape.make(7, ACCOUNTS)
    assert command_from(kind, json.loads(body)).command == command
    assert msgspec.json.decode(body, type=kind) == command
    assert event_of(command, NOW)[2] is not None


def test_an_order_has_a_stream_of_its_own_and_a_deposit_that_of_its_account() -> None:
    assert event_of(ORDER.make(7, ACCOUNTS), NOW)[0] == "order-o7"
    assert event_of(DEPOSIT.make(7, ACCOUNTS), NOW)[0] == "account-A7"


def test_a_bulk_has_each_command_once() -> None:
    path, body = BULK.request(2, ACCOUNTS, "k")
    items = json.loads(body)
    assert path == "/commands"
    assert [item["key"] for item in items] == [f"k-{n}" for n in range(100, 150)]
    assert items[3]["body"]["account_id"] == f"A{103 % ACCOUNTS}"
