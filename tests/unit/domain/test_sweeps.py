"""A sweep takes from the clients' bank account at most the house's money by the log."""

from collections.abc import Sequence
from datetime import timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bus.page import partition_of
from adapters.operations.balances import dues_at_end
from commands.handler import Declined, Done, Outcome
from commands.ports import Request
from domain import ledger
from domain.account.fees import FeeCharged
from domain.house import DuesSwept, HouseRefusal, InterestReceived, ReceiveInterest, SweepDues
from domain.shared.message import Command, Event
from projections.catalogue import VIEWS
from projections.ledger.controls import Line, Served, add
from tests.unit.projections.view_log import ListLog, arrived
from tests.unit.streams.test_auditor import TODAY, World, traded

D = Decimal
YESTERDAY = TODAY - timedelta(days=1)


def interest(amount: str, currency: str = "USD") -> Command:
    return ReceiveInterest(currency=currency, amount=D(amount), value_date=YESTERDAY)


def sweep(amount: str, currency: str = "USD") -> Command:
    return SweepDues(currency=currency, amount=D(amount))


async def evening() -> World:
    world = await traded()
    await world.platform.sink.prepare(VIEWS)
    return world


async def tell(world: World, *commands: Command, dry_run: bool = False) -> list[str]:
    """Submit one batch; for each command "done", or the reason of its refusal."""
    requests = [
        Request(command=command, message_id=f"batch.{world.n}.{i}", dry_run=dry_run)
        for i, command in enumerate(commands)
    ]
    world.n += 1
    return [_said(o) for o in await world.platform.dispatcher.submit_many(requests)]


def _said(outcome: Outcome) -> str:
    if isinstance(outcome, Declined):
        return str(outcome.refused.refusal)
    assert isinstance(outcome, Done)
    return "done"


async def test_clients_that_owe_nothing_are_not_swept() -> None:
    world = await evening()
    outcome = await world.tell(sweep("5000.00"))
    assert isinstance(outcome, Declined)
    assert outcome.refused.refusal is HouseRefusal.INSUFFICIENT_DUES
    assert outcome.refused.state == {"required": "5000.00", "available": "0", "currency": "USD"}
    assert await tell(world, sweep("0.01"), dry_run=True) == ["insufficient_dues"]


async def test_what_is_due_is_swept_once_whether_or_not_the_read_models_have_it() -> None:
    for drained in (True, False):
        world = await evening()
        for command in (interest("30.00"), sweep("20.00")):
            assert await tell(world, command) == ["done"]
            if drained:
                await world.drive.views_to(await world.platform.log.last())
        assert await tell(world, sweep("10.01")) == ["insufficient_dues"]
        assert await tell(world, sweep("10.00", "EUR")) == ["insufficient_dues"]
        assert await tell(world, sweep("10.00")) == ["done"]
        assert await tell(world, sweep("0.01")) == ["insufficient_dues"]


async def test_what_is_due_is_known_before_the_read_models_are_made() -> None:
    world = await traded()
    assert await tell(world, interest("30.00"), sweep("30.01"), sweep("30.00")) == [
        "done", "insufficient_dues", "done",
    ]  # fmt: skip


async def test_sweeps_of_one_batch_share_what_is_due() -> None:
    world = await evening()
    result = await tell(
        world, sweep("1.00"), interest("30.00"), sweep("20.00"), sweep("20.00"), sweep("10.00")
    )
    assert result == ["insufficient_dues", "done", "done", "insufficient_dues", "done"]


async def test_a_sweep_that_is_sent_again_is_not_made_twice_and_not_refused() -> None:
    world = await evening()
    request = Request(command=sweep("30.00"), message_id="evening")
    await world.done(interest("30.00"))
    first = await world.platform.dispatcher.submit(request)
    again = await world.platform.dispatcher.submit(request)
    assert isinstance(first, Done) and isinstance(again, Done)
    assert (first.replayed, again.replayed) == (False, True)


async def test_the_house_tops_up_whatever_is_due_and_takes_back_no_more_than_that() -> None:
    world = await evening()
    result = await tell(world, sweep("-50.00"), sweep("50.01"), sweep("50.00"), sweep("0.01"))
    assert result == ["done", "insufficient_dues", "done", "insufficient_dues"]


EVENTS = st.one_of(
    st.builds(
        InterestReceived,
        currency=st.sampled_from(["USD", "EUR"]),
        amount=st.integers(1, 9).map(D),
        value_date=st.just(YESTERDAY),
    ),
    st.builds(
        DuesSwept,
        currency=st.sampled_from(["USD", "EUR"]),
        amount=st.integers(-9, 9).filter(bool).map(D),
    ),
    st.builds(
        FeeCharged,
        account_id=st.sampled_from(["A1", "A2", "A3"]),
        currency=st.just("USD"),
        net=st.integers(1, 9).map(D),
        vat=st.just(D(1)),
        period_end=st.just(YESTERDAY),
    ),
)


@given(st.lists(EVENTS, max_size=12), st.integers(1, 4), st.data())
@pytest.mark.filterwarnings("ignore")
async def test_dues_are_those_of_the_whole_log_at_any_positions_of_the_views(
    events: Sequence[Event], partitions: int, data: st.DataObject
) -> None:
    log = ListLog(
        [
            arrived(e, n, home=getattr(e, "account_id", "house-main"))
            for n, e in enumerate(events, 1)
        ]
    )
    ends = st.integers(0, (len(events) + 1) * 10)
    stands = data.draw(st.lists(ends, min_size=partitions, max_size=partitions))
    served: dict[Line, Decimal] = {}
    whole: dict[str, Decimal] = {}
    for envelope in log.envelopes:
        postings = [p for entry in ledger.entries(envelope.event) for p in entry.postings]
        if envelope.position <= stands[partition_of(envelope.home, partitions)]:
            add(served, postings)
        for p in postings:
            if p.account == "C.DUE":
                whole[p.unit] = whole.get(p.unit, D(0)) - p.amount
    found = await dues_at_end(log, Served(served, stands))
    assert {u: a for u, a in found.items() if a} == {u: a for u, a in whole.items() if a}
    assert await dues_at_end(log, Served({}, ())) == {u: a for u, a in whole.items() if a}
