"""A venue behind a FIX session: what breaks, and what the log then restores."""

import asyncio
import base64
from collections.abc import AsyncIterator
from datetime import date
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from adapters.counterparties.fix import (
    DontKnowTrade,
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderMassCancelRequest,
    OrderStatusRequest,
)
from adapters.fix.journal import Journal, Lost
from adapters.fix.venue import NotLoggedOn
from commands.handler import Declined
from domain.desk.commands import EngageKillSwitch, Scope
from domain.fix_session.commands import ResetFixSession
from domain.fix_session.sealing import SALT_BYTES, opened
from domain.shared.fix import OrdStatus, Side
from tests.contract.fix.world import THEM, US, FixWorld, Scripted, free_port, until
from tests.unit.sagas.world import order


@pytest.fixture
async def venue(tmp_path: Path) -> AsyncIterator[Scripted]:
    found = Scripted(tmp_path / "them", free_port())
    await found.start()
    yield found
    await found.stop()


@pytest.fixture
async def world(venue: Scripted, tmp_path: Path) -> FixWorld:
    found = FixWorld(tmp_path, venue.ends.port)
    await found.open()
    return found


def report(sent: NewOrderSingle, kind: ExecType, name: str, **fields: Any) -> ExecutionReport:
    known: dict[str, Any] = {
        "order_id": f"V{sent.secondary_cl_ord_id}",
        "cl_ord_id": sent.cl_ord_id,
        "secondary_cl_ord_id": sent.secondary_cl_ord_id,
        "exec_id": name,
        "exec_type": kind,
        "ord_status": OrdStatus.NEW,
        "symbol": sent.symbol,
        "side": sent.side,
        "order_qty": sent.order_qty,
        "trade_date": date(2024, 3, 4),
        "transact_time": sent.transact_time,
    }
    return ExecutionReport(**(known | fields))


def fill(sent: NewOrderSingle, name: str, qty: int) -> ExecutionReport:
    return report(sent, ExecType.TRADE, name, last_qty=Decimal(qty), last_px=Decimal("50.01"))


async def placed(world: FixWorld, venue: Scripted, order_id: str = "O1") -> NewOrderSingle:
    """An order of 30 that has reached the venue."""
    await world.do(order(order_id))
    await world.settle(lambda: arrived(venue))
    message = await venue.next()
    assert isinstance(message, NewOrderSingle)
    return message


async def arrived(venue: Scripted) -> bool:
    return not venue.came.empty()


async def filled(world: FixWorld, order_id: str, qty: int) -> None:
    async def holds() -> bool:
        return bool((await world.state(order_id)).cum_qty == qty)

    await world.settle(holds)


async def test_each_step_of_an_order_names_the_recorded_message_behind_it(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
        await venue.say(fill(sent, "E1", 30))
        await filled(world, "O1", 30)
    events = await world.events()
    [done] = [e for e in events if e.meta.name == "order.filled"]
    [behind] = [e for e in events if e.source == done.meta.causation_id]
    assert (behind.stream, behind.event.msg_type) == ("fix-venue", "8")
    assert (behind.event.order_id, behind.event.exec_id) == ("O1", "E1")
    whole = base64.b64decode(behind.event.message)
    salt, raw = whole[:SALT_BYTES], whole[SALT_BYTES:]
    assert b"\x0117=E1\x01" in raw and raw.startswith(b"8=FIX.4.4\x01")
    assert behind.event.digest == sha256(salt + raw).hexdigest()


async def test_a_message_is_in_the_log_before_it_leaves(world: FixWorld, venue: Scripted) -> None:
    async with world.connected():
        sent = await placed(world, venue)
        found = [e.event for e in await world.events() if e.meta.name == "fix.message_sent"]
        [one] = [e for e in found if e.msg_type == "D"]
        assert (one.cl_ord_id, one.order_id, one.client_id) == (sent.cl_ord_id, "O1", "C1")


async def test_without_a_session_nothing_is_sent_and_the_fault_is_named(world: FixWorld) -> None:
    with pytest.raises(NotLoggedOn, match="TIDEMARK:XSIM@127"):
        await world.fix.submit(OrderStatusRequest(cl_ord_id="O1.c1", symbol="AAPL", side=Side.BUY))
    assert world.line.line_fault == "connecting"
    assert [e for e in await world.events() if e.stream.startswith("fix-")] == []


async def test_what_was_said_while_we_were_away_arrives_once(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
    await venue.say(fill(sent, "E1", 10))  # kept by its engine until we ask
    await venue.say(fill(sent, "E2", 10))
    world.restart()  # a new process: nothing but the log and the store
    async with world.connected():
        await filled(world, "O1", 20)
        await venue.say(fill(sent, "E3", 10))
        await filled(world, "O1", 30)
    assert [e.exec_id for e in await world.named("order.filled")] == ["E1", "E2", "E3"]


async def test_killed_between_the_record_and_the_booking_the_report_is_booked_after_all(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
        await venue.say(fill(sent, "E1", 30))
        await until(lambda: world.fix.waiting)  # recorded, and not handed over
    assert await world.named("order.filled") == []
    world.restart()
    async with world.connected():
        await filled(world, "O1", 30)
    world.restart()
    async with world.connected():
        await world.drain()
    assert [e.exec_id for e in await world.named("order.filled")] == ["E1"]


async def test_after_a_break_the_status_of_what_is_open_is_asked_and_nothing_is_sent_twice(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        await placed(world, venue)
    world.restart()
    async with world.connected():
        await world.settle(lambda: arrived(venue))
        asked = await venue.next()
        assert isinstance(asked, OrderStatusRequest) and asked.secondary_cl_ord_id == "O1"
        assert venue.came.empty()


async def test_an_order_that_the_venue_does_not_know_is_sent_again_as_possible_resend(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
    world.restart()
    async with world.connected():
        await world.settle(lambda: arrived(venue))
        assert isinstance(await venue.next(), OrderStatusRequest)
        unknown = report(sent, ExecType.ORDER_STATUS, "I1", ord_status=OrdStatus.REJECTED)
        await venue.say(unknown)
        await world.settle(lambda: arrived(venue))
        again = await venue.next()
    assert again == replace(sent, poss_resend=True)
    assert [e.meta.name for e in await world.events()].count("order.rejected") == 0


async def test_a_gap_in_their_numbers_is_asked_for_and_filled(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
        await asyncio.to_thread(venue.engine.disturb, "gap", 3)
        await venue.say(fill(sent, "E1", 30))
        await filled(world, "O1", 30)
        assert world.journal.numbers[1] == venue.next_number()


async def test_a_connection_that_breaks_is_made_again(world: FixWorld, venue: Scripted) -> None:
    async with world.connected():
        sent = await placed(world, venue)
        await asyncio.to_thread(venue.engine.disturb, "disconnect", 1)
        await until(lambda: not world.fix.up)
        await until(lambda: world.fix.up)
        assert isinstance(await _after_break(world, venue), OrderStatusRequest)
        await venue.say(fill(sent, "E1", 30))
        await filled(world, "O1", 30)


async def _after_break(world: FixWorld, venue: Scripted) -> Any:
    await world.line.start(world.clock())
    await until(lambda: not venue.came.empty())
    return await venue.next()


async def test_an_engine_that_crashes_is_one_lost_connection(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
        engine = world.fix._engine
        assert engine is not None and engine._child is not None
        engine._child.kill()
        await until(lambda: not world.fix.up)
        await until(lambda: world.fix.up)
        await venue.say(fill(sent, "E1", 30))
        await filled(world, "O1", 30)


async def test_the_venue_asks_for_our_messages_and_gets_them_from_the_log(
    world: FixWorld, venue: Scripted, tmp_path: Path
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
    await venue.stop()
    numbers = next((tmp_path / "them").glob("*.seqnums"))
    out, _, came = numbers.read_text().partition(" : ")
    numbers.write_text(f"{out} : {1:010d}")  # the venue has lost what it read
    assert int(came) > 1
    await venue.again()
    world.restart()
    async with world.connected():
        await until(lambda: not venue.came.empty())
        again = await venue.next()
        assert again == sent
        await until(lambda: any(f.flag(43) and f.msg_type == "D" for f in venue.all))
    resent = await world.named("fix.messages_resent")
    assert sum(e.messages for e in resent) >= 1


async def test_an_execution_of_nobodys_order_is_parked_and_answered_once(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
        stranger = replace(fill(sent, "E9", 5), cl_ord_id="X1", secondary_cl_ord_id="X1")
        await venue.say(stranger)
        await world.settle(lambda: arrived(venue))
        answer = await venue.next()
        assert isinstance(answer, DontKnowTrade) and answer.exec_id == "E9"
    [parked] = await world.named("command.refused")
    assert parked.refusal == "venue_reference_unknown"
    world.restart()  # the report is handed over again, and changes nothing
    async with world.connected():
        await world.drain()
        await world.settle(lambda: arrived(venue))
        assert isinstance(await venue.next(), OrderStatusRequest)
        assert venue.came.empty()
    assert len(await world.named("command.refused")) == 1


async def test_a_request_that_the_session_rejects_is_a_rejected_order(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
        number = next(f.number for f in venue.all if f.get(11) == sent.cl_ord_id)
        await venue.say_raw("j", (45, str(number)), (372, "D"), (380, "3"), (58, "not that"))

        async def rejected() -> bool:
            return bool((await world.state("O1")).rejected)

        await world.settle(rejected)
    [why] = await world.named("order.rejected")
    assert why.text == "not that"


async def test_a_text_in_any_script_arrives_and_its_bytes_are_recorded(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
        why = "geschloßen ☃ 取引"
        await venue.say(report(sent, ExecType.REJECTED, "R1", text=why))

        async def rejected() -> bool:
            return bool((await world.state("O1")).rejected)

        await world.settle(rejected)
    [event] = await world.named("order.rejected")
    assert event.text == why
    [message] = [e for e in await world.named("fix.message_received") if e.exec_id == "R1"]
    raw, salt = opened(message.message)
    assert f"\x0158={why}\x01".encode() in raw
    assert message.digest == sha256(salt + raw).hexdigest()


async def test_a_report_that_we_cannot_read_is_recorded_and_answered(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
        fields = [(37, "V1"), (17, "E1"), (150, "F"), (39, "7"), (54, "1"), (55, "AAPL")]
        fields += [(151, "0"), (14, "0"), (6, "0"), (11, sent.cl_ord_id), (32, "5"), (31, "1E3")]
        await venue.say_raw("8", *fields)
        await until(lambda: any(f.msg_type in ("3", "j") for f in venue.all))
    [answer] = [f for f in venue.all if f.msg_type in ("3", "j")]
    assert answer.get(371) == "31" or "tag 31" in answer.get(58)


async def test_a_second_process_takes_the_session_over_and_the_first_lets_go(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        await placed(world, venue)
        other = Journal("venue", world.side.log, world.send, (US, THEM))
        await other.open()
        with pytest.raises(Lost, match="session_held"):
            await world.journal.sent(b"8=FIX.4.4\x0135=0\x0134=99\x01")
        await world.do(order("O2"))
        with pytest.raises(NotLoggedOn):
            await world.settle(lambda: arrived(venue))
    assert other.numbers == (other.numbers[0], venue.next_number() - 1) or other.numbers


async def test_an_operator_sets_the_numbers_and_the_next_logon_uses_them(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        await placed(world, venue)
    reset = ResetFixSession(session_id="venue", reason="agreed by phone", next_out=40)
    await world.do(reset)
    async with world.connected():
        await until(lambda: any(f.number >= 40 for f in venue.all))
    assert world.journal.numbers[0] > 40


async def test_a_new_session_day_begins_at_one(venue: Scripted, tmp_path: Path) -> None:
    from adapters.fix.schedule import Schedule  # noqa: PLC0415

    world = FixWorld(tmp_path, venue.ends.port, schedule=Schedule(daily_reset=True))
    await world.open()
    async with world.connected():
        await placed(world, venue)
    world.clock.set(world.clock().replace(day=6))
    await venue.stop()
    for file in (tmp_path / "them").glob("*"):
        file.unlink()  # the venue's own new day
    await venue.again()
    async with world.connected():
        await until(lambda: any(f.msg_type == "A" and f.number == 1 for f in venue.all[3:]))
    [begun] = [e for e in await world.named("fix.session_reset")]
    assert (begun.next_out, begun.next_in, begun.cause) == (1, 1, "schedule")


async def test_a_kill_switch_cancels_what_is_open_and_rejects_what_is_under_way(
    world: FixWorld, venue: Scripted
) -> None:
    async with world.connected():
        sent = await placed(world, venue)
        await world.do(order("O2"))  # its cash is not reserved yet
        await world.do(EngageKillSwitch(scope=Scope.FIRM, reason="a loop"))
        await world.settle(lambda: arrived(venue))
        asked = await venue.next()
        assert isinstance(asked, OrderMassCancelRequest) and asked.request_type == "7"
        assert venue.came.empty()
        await venue.say(report(sent, ExecType.CANCELED, "C1", leaves_qty=Decimal(0)))

        async def over() -> bool:
            return bool((await world.state("O1")).canceled and (await world.state("O2")).rejected)

        await world.settle(over)
        [blocked] = await world.do(order("O3"))
        assert isinstance(blocked, Declined) and blocked.refused.refusal == "kill_switch"
    [rejected] = await world.named("order.rejected")
    assert (rejected.order_id, rejected.text) == ("O2", "kill_switch")
    held = {ref: amount for (_, ref, _), amount in (await world.of("M.HOLD")).items()}
    assert held == {}  # both holds are off
