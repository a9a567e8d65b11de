"""The rows that a sink remembers between batches."""

from decimal import Decimal

from adapters.postgres.views.row_cache import RowCache
from projections.ledger.balances import Balance
from projections.ports import Key


def row(number: int) -> Balance:
    zero = Decimal(0)
    return Balance(
        account="C.CASH", owner=f"A{number}", ref="", unit="EUR", shard=0,
        debit=zero, credit=zero, amount=zero, position=number,
    )  # fmt: skip


def keys(*numbers: int) -> list[Key]:
    return [(n,) for n in numbers]


def test_a_row_is_known_as_it_was_put_last_and_a_deleted_one_is_known_to_be_gone() -> None:
    cache = RowCache()
    cache.put("balances", {(1,): row(1), (2,): row(2)})
    cache.put("balances", {(1,): row(7), (2,): None})
    assert cache.split("balances", keys(1, 2, 3)) == ({(1,): row(7)}, keys(3))


def test_views_do_not_share_rows() -> None:
    cache = RowCache()
    cache.put("balances", {(1,): row(1)})
    assert cache.split("cash", keys(1)) == ({}, keys(1))


def test_the_number_of_rows_is_bounded_and_those_put_last_stay() -> None:
    cache = RowCache(rows_max=100)
    for n in range(1_000):
        cache.put("balances", {(n,): row(n)})
        cache.put("balances", {(0,): row(n)})
        assert len(cache) <= 102
        known, _ = cache.split("balances", keys(0, n))
        assert known == {(0,): row(n)} | {(n,): row(n)}
    assert cache.split("balances", keys(500))[1] == keys(500)


def test_of_a_view_that_began_empty_every_row_is_known_until_one_is_dropped() -> None:
    cache = RowCache(rows_max=10)
    cache.begin(["balances"])
    cache.put("balances", {(1,): row(1)})
    assert cache.split("balances", keys(1, 2)) == ({(1,): row(1)}, [])
    assert cache.split("cash", keys(2)) == ({}, keys(2))
    for n in range(20):
        cache.put("balances", {(n,): row(n)})
    assert cache.split("balances", keys(1, 99)) == ({}, keys(1, 99))


def test_an_emptied_cache_knows_nothing() -> None:
    cache = RowCache()
    cache.begin(["balances"])
    cache.put("balances", {(1,): row(1)})
    cache.clear()
    assert cache.split("balances", keys(1)) == ({}, keys(1))
    assert len(cache) == 0
