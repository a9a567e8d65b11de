"""FIX 4.4 appendix D over a real session: every step of every matrix, with its row."""

import asyncio
import itertools
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pytest

from adapters.counterparties.fix import (
    ExecType,
    ExecutionReport,
    NewOrderSingle,
    OrderCancelReject,
    OrderCancelReplaceRequest,
    OrderCancelRequest,
)
from commands.handler import Declined
from domain.order.commands import CancelOrder, ReplaceOrder
from domain.order.status import ord_status
from domain.shared.fix import CxlRejResponseTo, OrdRejReason, OrdStatus, OrdType, TimeInForce
from tests.conformance.fix_matrix import Scenario
from tests.conformance.fix_orders import SCENARIOS
from tests.contract.fix.world import FixWorld, Scripted, free_port
from tests.unit.sagas.world import order

KINDS = {
    "new": ExecType.NEW,
    "reject": ExecType.REJECTED,
    "canceled": ExecType.CANCELED,
    "expired": ExecType.EXPIRED,
    "done": ExecType.DONE_FOR_DAY,
    "stopped": ExecType.STOPPED,
    "suspended": ExecType.SUSPENDED,
    "calculated": ExecType.CALCULATED,
    "restated": ExecType.RESTATED,
    "replaced": ExecType.REPLACED,
}
_numbers = itertools.count(1)


class Street:
    """One session that all scenarios share; each has an order of its own."""

    def __init__(self, runner: asyncio.Runner, folder: Any) -> None:
        self.runner, self.folder = runner, folder
        self.stop = asyncio.Event()

    async def open(self) -> None:
        port = free_port()
        self.venue = Scripted(self.folder / "them", port)
        await self.venue.start()
        self.world = FixWorld(self.folder, port)
        await self.world.open("900000000.00")
        self.session = self.world.connected()
        await self.session.__aenter__()

    async def close(self) -> None:
        await self.session.__aexit__(None, None, None)
        await self.venue.stop()


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Street]:
    with asyncio.Runner() as runner:
        found = Street(runner, tmp_path_factory.mktemp("fix"))
        runner.run(found.open())
        yield found
        runner.run(found.close())


class Play:
    """Plays one scenario: our actions as commands, the venue's as messages on the wire."""

    def __init__(self, street: Street, scenario: Scenario) -> None:
        self.world, self.venue, self.scenario = street.world, street.venue, scenario
        self.order_id = f"D{next(_numbers)}"
        self.sent: Any = None  # the order as the venue has it
        self.asked: dict[type[Any], Any] = {}  # the last cancel and the last replace
        self.last: Any = None  # the later of them
        self.executions: dict[str, ExecutionReport] = {}

    async def run(self) -> None:
        for number, step in enumerate(self.scenario.steps, 1):
            self.world.pass_a_minute()
            at = f"{self.scenario.ref} step {number}: {step.action}"
            refusal = await self._do(*step.action.split())
            assert refusal == step.refusal, at
            await self.world.settle(self._all_taken)
            state = await self.world.state(self.order_id)
            shown = (ord_status(state), state.qty, state.cum_qty, state.leaves_qty)
            assert shown == (step.shown, step.qty, step.cum_qty, step.leaves_qty), at
            assert step.avg_px in (None, state.avg_px), at

    async def _all_taken(self) -> bool:
        """Whether what the venue has said is recorded, and has had its effect."""
        read = self.world.journal.numbers[1] == self.venue.next_number()
        return read and not self.world.fix.waiting

    async def _do(self, verb: str, *args: str) -> str:
        ours = {"order": self._order, "cancel": self._cancel, "replace": self._replace}
        if verb in ours:
            return await ours[verb](*args)
        theirs = {
            "trade": self._trade,
            "correct": self._correct,
            "bust": self._bust,
            "cancel-reject": self._cancel_reject,
            "pending": self._pending,
        }
        await theirs.get(verb, partial(self._status, verb))(*args)
        return ""

    async def _order(self, qty: str) -> str:
        tif = TimeInForce(self.scenario.time_in_force)
        until = self.world.clock() + timedelta(days=30)
        expiry = {"expire_at": until} if tif is TimeInForce.GTD else {}
        placed = order(
            self.order_id,
            qty=Decimal(qty),
            ord_type=OrdType.LIMIT,
            limit_px=Decimal("50.00"),
            time_in_force=tif,
            **expiry,
        )
        return await self._command(placed, NewOrderSingle)

    async def _cancel(self) -> str:
        return await self._command(
            CancelOrder(order_id=self.order_id, reason="client"), OrderCancelRequest
        )

    async def _replace(self, *args: str) -> str:
        terms = {"limit_px": Decimal(args[1])} if args[0] == "@" else {"qty": Decimal(args[0])}
        command = ReplaceOrder(order_id=self.order_id, **terms)
        return await self._command(command, OrderCancelReplaceRequest)

    async def _command(self, command: Any, kind: type[Any]) -> str:
        [outcome] = await self.world.do(command)
        if isinstance(outcome, Declined):
            return str(outcome.refused.refusal)
        came: list[Any] = []

        async def arrived() -> bool:
            while not self.venue.came.empty():
                came.append(await self.venue.next())
            return any(type(m) is kind and m.secondary_cl_ord_id == self.order_id for m in came)

        await self.world.settle(arrived)
        message = came[-1]
        if kind is NewOrderSingle:
            self.sent = message
        else:
            self.asked[kind] = self.last = message
        return ""

    def _report(self, kind: ExecType, **fields: Any) -> ExecutionReport:
        known: dict[str, Any] = {
            "order_id": f"V{self.order_id}",
            "cl_ord_id": self.sent.cl_ord_id,
            "secondary_cl_ord_id": self.order_id,
            "exec_id": f"{self.order_id}.{next(_numbers)}",
            "exec_type": kind,
            "ord_status": OrdStatus.NEW,
            "symbol": self.sent.symbol,
            "side": self.sent.side,
            "order_qty": self.sent.order_qty,
            "trade_date": self.world.clock().date(),
            "transact_time": self.world.clock(),
        }
        return ExecutionReport(**(known | fields))

    async def _status(self, verb: str, qty: str = "") -> None:
        fields: dict[str, Any] = {"order_qty": Decimal(qty)} if qty else {}
        if verb == "reject":
            fields["ord_rej_reason"] = OrdRejReason.OTHER
        if verb == "replaced":
            asked = self.asked[OrderCancelReplaceRequest]
            fields |= {"cl_ord_id": asked.cl_ord_id, "order_qty": asked.order_qty}
            fields |= {"orig_cl_ord_id": asked.orig_cl_ord_id, "price": asked.price}
        await self.venue.say(self._report(KINDS[verb], **fields))

    async def _pending(self) -> None:
        cancel = isinstance(self.last, OrderCancelRequest)
        kind = ExecType.PENDING_CANCEL if cancel else ExecType.PENDING_REPLACE
        await self.venue.say(self._report(kind, cl_ord_id=self.last.cl_ord_id))

    async def _cancel_reject(self) -> None:
        cancel = isinstance(self.last, OrderCancelRequest)
        answer = OrderCancelReject(
            order_id=f"V{self.order_id}",
            cl_ord_id=self.last.cl_ord_id,
            orig_cl_ord_id=self.last.orig_cl_ord_id,
            secondary_cl_ord_id=self.order_id,
            ord_status=OrdStatus.NEW,
            cxl_rej_response_to=CxlRejResponseTo.CANCEL if cancel else CxlRejResponseTo.REPLACE,
            transact_time=self.world.clock(),
        )
        await self.venue.say(answer)

    async def _trade(self, qty: str, _: str, px: str, name: str) -> None:
        trade = self._report(
            ExecType.TRADE,
            exec_id=f"{self.order_id}.{name}",
            last_qty=Decimal(qty),
            last_px=Decimal(px),
            ord_status=OrdStatus.PARTIALLY_FILLED,
        )
        await self.venue.say(trade)

    async def _correct(self, ref: str, _: str, qty: str, *args: str) -> None:
        _at, px, name = args
        corrected = self._report(
            ExecType.TRADE_CORRECT,
            exec_id=f"{self.order_id}.{name}",
            exec_ref_id=f"{self.order_id}.{ref}",
            last_qty=Decimal(qty),
            last_px=Decimal(px),
        )
        await self.venue.say(corrected)

    async def _bust(self, ref: str) -> None:
        bust = self._report(
            ExecType.TRADE_CANCEL,
            exec_id=f"{self.order_id}.H{ref}",
            exec_ref_id=f"{self.order_id}.{ref}",
        )
        await self.venue.say(bust)


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda s: s.ref)
def test_every_step_of_the_matrix_shows_its_row_over_a_session(
    street: Street, scenario: Scenario
) -> None:
    street.runner.run(Play(street, scenario).run())
