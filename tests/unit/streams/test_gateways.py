"""Gateways: requests out at least once, reports in exactly once, unknown entries in suspense."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.counterparties.fix import (
    DontKnowTrade,
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from adapters.counterparties.payments import BankEntry
from domain.account.withdrawals import WithdrawCash
from domain.order.commands import CancelOrder, ReplaceOrder
from domain.order.events import OrderFilled
from domain.shared.fix import CxlRejResponseTo, OrdRejReason, OrdStatus, OrdType, Side, TimeInForce
from sagas.engine.ports import Expelled
from streams.gateways.channels.venue import VenueChannel
from streams.gateways.gateway import Gateway, NotStarted
from tests.unit.sagas.world import MONDAY, World, order

NOON = datetime.combine(MONDAY, time(12), UTC)
resting = order(ord_type=OrdType.LIMIT, limit_px=Decimal("20.00"), time_in_force=TimeInForce.GTC)


class Scripted:
    """A counterparty that sends the test's reports."""

    def __init__(self) -> None:
        self.got: list[Any] = []
        self.says: list[Any] = []

    async def submit(self, message: Any, /) -> None:
        self.got.append(message)

    async def advance(self, to: datetime, /) -> Sequence[Any]:
        out, self.says = self.says, []
        return out


class Desk:
    """A world whose venue is scripted."""

    def __init__(self, world: World) -> None:
        self.world, self.venue = world, Scripted()
        self.gateway = self.again()

    def again(self) -> Gateway:
        channel = VenueChannel(self.world.settl_date)
        log, store, send = self.world.side.log, self.world.store, self.world.send
        return Gateway(log, store, send, channel=channel, counterparty=self.venue)

    async def turn(self, *reports: Any) -> None:
        self.venue.says += reports
        await self.world.runner.drain()
        await self.gateway.step()
        await self.gateway.deliver(self.world.clock())
        await self.world.runner.drain()


@pytest.fixture
async def desk() -> Desk:
    world = World()
    await world.open()
    desk = Desk(world)
    await desk.gateway.start(NOON)
    await world.do(resting)
    await desk.turn()
    return desk


def told(kind: ExecType, exec_id: str = "E1", **changes: Any) -> ExecutionReport:
    terms: dict[str, Any] = {
        "order_id": "V1",
        "cl_ord_id": "O1.c1",
        "exec_id": exec_id,
        "exec_type": kind,
        "ord_status": OrdStatus.NEW,
        "side": Side.BUY,
        "order_qty": Decimal(30),
        "trade_date": MONDAY,
        "transact_time": NOON,
    }
    return ExecutionReport(**(terms | changes))


def fill(exec_id: str = "E1", qty: int = 10, **changes: Any) -> ExecutionReport:
    terms = {"last_qty": Decimal(qty), "last_px": Decimal("19.50"), **changes}
    return told(ExecType.TRADE, exec_id, **terms)


async def test_a_released_order_leaves_with_its_facts(desk: Desk) -> None:
    (sent,) = desk.venue.got
    assert sent == NewOrderSingle(
        cl_ord_id="O1.c1",
        secondary_cl_ord_id="O1",
        symbol="AAPL",
        security_id="US0378331005",
        security_exchange="XNAS",
        ex_destination="XNAS",
        side=Side.BUY,
        order_qty=Decimal(30),
        ord_type=OrdType.LIMIT,
        price=Decimal("20.00"),
        time_in_force=TimeInForce.GTC,
        currency="USD",
        transact_time=NOON,
    )


async def test_cancels_and_replaces_leave_under_their_own_ids(desk: Desk) -> None:
    await desk.world.do(ReplaceOrder(order_id="O1", qty=Decimal(20)))
    await desk.turn()
    await desk.world.do(CancelOrder(order_id="O1", reason="x"))
    await desk.turn()
    _, change, cancel = desk.venue.got
    assert isinstance(change, OrderCancelReplaceRequest) and change.order_qty == 20
    assert (change.cl_ord_id, change.orig_cl_ord_id) == ("O1.c2", "O1.c1")
    assert isinstance(cancel, OrderCancelRequest)
    assert (cancel.cl_ord_id, cancel.orig_cl_ord_id) == ("O1.c3", "O1.c2")


async def test_every_kind_of_report_reaches_the_order(desk: Desk) -> None:
    await desk.turn(told(ExecType.NEW, "E0"), fill("E1"), fill("E2"))
    await desk.turn(
        fill("E3", exec_ref_id="E1", exec_type=ExecType.TRADE_CORRECT, last_px=Decimal("19.40")),
        told(ExecType.TRADE_CANCEL, "E4", exec_ref_id="E2"),
        told(ExecType.PENDING_CANCEL, "E5"),
        told(ExecType.SUSPENDED, "E6"),
        told(ExecType.RESTATED, "E7", order_qty=Decimal(25)),
        told(ExecType.EXPIRED, "E8"),
    )
    names = await desk.world.names("order-O1")
    assert names[2:] == [
        "order.accepted",
        "order.filled",
        "order.filled",
        "order.trade_canceled",
        "order.filled",
        "order.trade_canceled",
        "order.suspended",
        "order.restated",
        "order.expired",
    ]


async def test_answers_to_requests_reach_the_order(desk: Desk) -> None:
    await desk.turn(told(ExecType.NEW, "E0"))
    await desk.world.do(ReplaceOrder(order_id="O1", limit_px=Decimal("19.00")))
    await desk.turn(told(ExecType.REPLACED, "E1", cl_ord_id="O1.c2", price=Decimal("19.00")))
    await desk.world.do(CancelOrder(order_id="O1", reason="x"))
    await desk.turn(
        OrderCancelReject(
            order_id="V1",
            cl_ord_id="O1.c3",
            orig_cl_ord_id="O1.c2",
            ord_status=OrdStatus.NEW,
            cxl_rej_response_to=CxlRejResponseTo.CANCEL,
            transact_time=NOON,
        )
    )
    names = await desk.world.names("order-O1")
    assert names[3:] == [
        "order.replace_requested",
        "order.replace_released",
        "order.replaced",
        "order.cancel_requested",
        "order.cancel_rejected",
    ]


async def test_a_rejection_carries_its_reason(desk: Desk) -> None:
    reason = OrdRejReason.EXCHANGE_CLOSED
    await desk.turn(told(ExecType.REJECTED, ord_rej_reason=reason, text="closed"))
    (rejected,) = await desk.world.named("order.rejected")
    assert (rejected.ord_rej_reason, rejected.text) == (reason, "closed")


async def test_a_fill_settles_by_the_market_s_calendar_and_keeps_its_conversation(
    desk: Desk,
) -> None:
    await desk.turn(fill())
    (filled,) = await desk.world.named("order.filled")
    assert filled.settl_date == date(2024, 3, 6)
    stories = {
        e.meta.correlation_id or e.meta.message_id
        for e in await desk.world.events()
        if e.home == "A1" and e.meta.name not in ("account.opened", "cash.deposited")
    }
    assert len(stories) == 1


async def test_a_repeated_report_counts_once(desk: Desk) -> None:
    await desk.turn(fill(), fill(), fill(poss_resend=True))
    await desk.turn(fill())
    assert len(await desk.world.named("order.filled")) == 1


async def test_the_same_execution_with_other_figures_is_kept_for_operations(desk: Desk) -> None:
    await desk.turn(fill(qty=10))
    await desk.turn(fill(qty=11))
    assert len(await desk.world.named("order.filled")) == 1
    refused = await desk.world.named("command.refused")
    parked = [n for n in await desk.world.names("order-O1") if n == "order.report_parked"]
    assert len(refused) + len(parked) == 1
    if refused:
        assert refused[0].refusal == "business_id_reused"
        assert refused[0].state["last_qty"] == "11"


async def test_an_execution_of_an_order_that_is_not_ours_goes_to_suspense(desk: Desk) -> None:
    stranger = fill(order_id="V9", cl_ord_id="Z7.c1")
    await desk.turn(stranger)
    (refused,) = await desk.world.named("command.refused")
    assert (refused.saga, refused.saga_id) == ("venue", "Z7")
    assert refused.refusal == "venue_reference_unknown"
    assert refused.state["exec_id"] == "E1" and refused.state["last_qty"] == "10"
    answer = desk.venue.got[-1]
    assert isinstance(answer, DontKnowTrade)
    assert (answer.order_id, answer.exec_id) == ("V9", "E1")
    await desk.turn(stranger)
    assert len(await desk.world.named("command.refused")) == 1


async def test_a_report_that_cannot_be_held_exactly_goes_to_suspense_too(desk: Desk) -> None:
    await desk.turn(fill(last_px=Decimal("19.123456789012345")))
    (refused,) = await desk.world.named("command.refused")
    assert refused.command == "RecordFill" and refused.target == "O1"
    assert await desk.world.named("order.filled") == []


async def test_a_time_ahead_of_our_clock_is_taken_as_now(desk: Desk) -> None:
    ahead = NOON.replace(hour=13)
    await desk.turn(fill(transact_time=ahead))
    (filled,) = [e for e in await desk.world.events() if e.meta.name == "order.filled"]
    assert filled.effective_at == NOON and filled.event.transact_time == ahead


async def test_reports_wait_until_they_can_be_recorded(desk: Desk) -> None:
    healthy = desk.world.side.handler.handle

    async def broken(requests: Any) -> Any:
        raise ConnectionError

    desk.world.side.handler.handle = broken  # type: ignore[method-assign]
    desk.venue.says = [fill()]
    with pytest.raises(ConnectionError):
        await desk.gateway.deliver(NOON)
    desk.world.side.handler.handle = healthy  # type: ignore[method-assign]
    assert await desk.gateway.deliver(NOON) == 1
    assert len(await desk.world.named("order.filled")) == 1


async def test_after_a_start_open_and_recent_items_are_sent_again(desk: Desk) -> None:
    await desk.turn(told(ExecType.EXPIRED))
    await desk.turn()
    desk.venue.got.clear()
    again = desk.again()
    assert await again.start(NOON) == 1
    (sent,) = desk.venue.got
    assert sent.cl_ord_id == "O1.c1" and sent.poss_resend and sent.transact_time == NOON
    assert await desk.again().start(datetime(2024, 4, 1, tzinfo=UTC)) == 0


async def test_an_order_still_open_is_sent_again_at_any_age(desk: Desk) -> None:
    assert await desk.again().start(datetime(2025, 4, 1, tzinfo=UTC)) == 1


async def test_a_gateway_must_be_started_and_is_alone(desk: Desk) -> None:
    with pytest.raises(NotStarted):
        await desk.again().step()
    other = desk.again()
    await other.start(NOON)
    await desk.world.do(replace(resting, order_id="O2"))
    await desk.turn()
    with pytest.raises(Expelled):
        await other.step()


async def test_a_bank_entry_without_a_known_payment_goes_to_suspense() -> None:
    world = World()
    await world.open()
    await world.do(
        WithdrawCash(account_id="A1", amount=Decimal("5.00"), currency="USD", reference="w")
    )
    await world.drain()
    stray = BankEntry(
        entry_ref="X",
        end_to_end_id="nobody",
        amount=Decimal(1),
        currency="USD",
        credit=False,
        value_date=MONDAY,
        at=NOON,
    )
    world.bank._mailbox.post(stray, at=NOON, label="x")
    await world.drain()
    (refused,) = await world.named("command.refused")
    assert (refused.saga, refused.saga_id) == ("bank", "nobody")
    assert refused.refusal == "bank_reference_unknown"


async def test_a_report_dated_ahead_of_our_clock_is_one_fact_however_often_it_is_repeated(
    desk: Desk,
) -> None:
    """Our clock was slow, and was corrected before the venue repeated the report."""
    ahead = NOON + timedelta(minutes=10)
    await desk.turn(fill(transact_time=ahead))
    desk.world.clock.set(NOON + timedelta(hours=1))
    await desk.turn(fill(transact_time=ahead, poss_resend=True))
    (filled,) = [
        e for e in await desk.world.side.log.select("order-O1") if isinstance(e.event, OrderFilled)
    ]
    assert filled.effective_at == filled.meta.recorded_at == NOON
    assert not await desk.world.side.log.select("saga_venue-O1")
    assert not any(isinstance(m, DontKnowTrade) for m in desk.venue.got)
