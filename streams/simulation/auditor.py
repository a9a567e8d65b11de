"""The auditor of a run: folds the log beside everyone else, and closes each day on its controls.

The ledger balances are taken three times (read models, ClickHouse, this fold of the log). They
must be the same to the last unit, and pass the controls, or the day does not close.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from adapters.ledger_balances import from_warehouse
from commands.handler import Declined
from commands.ports import Request
from domain import ledger
from domain.account.events import (
    CashDeposited,
    ObligationFailing,
    ObligationSettled,
    SettledAfterBust,
    WithdrawalCompleted,
)
from domain.envelope import Envelope
from domain.house import CloseDay, Control
from domain.money import ZERO
from domain.order.events import OrderFilled, OrderPlaced, TradeCanceled
from projections.controls import Balances, Line, add, by_unit, check, client_money
from streams.drive import Drive
from streams.platform import Platform
from streams.simulation.plans import Plan

PAGE = 4_000


class ControlsFailed(Exception):
    """A day cannot be closed; the message names the controls and their figures."""


class Auditor:
    def __init__(self, platform: Platform, drive: Drive, *, warehouse: bool) -> None:
        self._platform, self._drive, self._warehouse = platform, drive, warehouse
        self.balances: dict[Line, Decimal] = {}
        self.counts: Counter[str] = Counter()
        self.failed: set[str] = set()  # obligations that ever failed
        self.paid_in: dict[str, Decimal] = defaultdict(
            Decimal
        )  # deposits less withdrawals, by account
        self.position = 0
        self.last_at: datetime | None = None  # when the log was last written to

    async def catch_up(self) -> None:
        while page := await self._platform.log.after(self.position, limit=PAGE):
            for arrived in page:
                self._fold(arrived)
            self.position, self.last_at = page[-1].position, page[-1].committed_at

    def _fold(self, arrived: Envelope) -> None:
        self.counts["events"] += 1
        for entry in ledger.entries(arrived.event):
            add(self.balances, entry.postings)
        match arrived.event:
            case CashDeposited(account_id=paid, amount=amount):
                self.paid_in[paid] += amount
            case WithdrawalCompleted(account_id=paid, amount=amount):
                self.paid_in[paid] -= amount
            case OrderPlaced():
                self.counts["orders"] += 1
            case OrderFilled():
                self.counts["fills"] += 1
            case TradeCanceled():
                self.counts["busts"] += 1
            case ObligationSettled(rest_qty=rest) if not rest:
                self.counts["settled"] += 1
            case SettledAfterBust():
                self.counts["after_bust"] += 1
            case ObligationFailing(obligation_id=failing):
                self.failed.add(failing)

    def sweeps(self) -> list[tuple[str, Decimal]]:
        """What the house moves today, by currency: + its dues, as far as client money stays
        whole; - a top-up where clients' money is short (domain.md rules 20 and 22)."""
        dues = by_unit(self.balances, "C.DUE")
        out = []
        for unit, (requirement, resource) in client_money(self.balances).items():
            spare = resource - requirement
            amount = spare if spare < 0 else min(spare, -dues.get(unit, ZERO))
            if amount < 0 and spare >= 0:
                amount = ZERO  # the clients' estate owes nothing
            if amount:
                out.append((unit, amount))
        return out

    async def close(self, day: date, plans: Sequence[Plan]) -> None:
        """Check everything and append `house.day_closed`.

        Raises:
            ControlsFailed: naming what does not hold.
        """
        await self.catch_up()
        sources = await self._sources()
        controls = (*self._agreement(sources), *await self._checks(plans))
        command = CloseDay(day=day, position=self.counts["events"], controls=controls)
        request = Request(command=command, message_id=f"close.{day:%Y%m%d}", actor="simulator")
        outcome = await self._platform.dispatcher.submit(request)
        if isinstance(outcome, Declined):
            bad = [
                f"{c.name} {c.unit}: expected {c.expected}, is {c.actual}"
                for c in controls
                if not c.ok
            ]
            raise ControlsFailed(f"{day}: {'; '.join(bad) or outcome.refused.refusal}")

    async def _sources(self) -> Mapping[str, Balances]:
        found: dict[str, Balances] = {"log": self.balances}
        await self._drive.views_to(self.position)
        found["read models"] = await self._platform.served_balances()
        if self._warehouse:
            await self._drive.facts_to(self.position)
            found["ClickHouse"] = await from_warehouse(self._platform.warehouse)
        return found

    def _agreement(self, sources: Mapping[str, Balances]) -> list[Control]:
        out = []
        for name, balances in sources.items():
            off = _differences(self.balances, balances)
            line = off[0] if off else None
            out.append(
                Control(
                    name=f"{name} balances = fold of the log",
                    ok=not off,
                    expected=self.balances.get(line, ZERO) if line else Decimal(len(balances)),
                    actual=balances.get(line, ZERO) if line else Decimal(len(balances)),
                    unit=" ".join(line) if line else "lines",
                )
            )
        return out[1:]

    async def _checks(self, plans: Sequence[Plan]) -> tuple[Control, ...]:
        statement = self._drive.street.statement
        return check(
            self.balances,
            bank=statement.cash(),
            custody=statement.stock(),
            open_refs=await self._open_refs(plans),
        )

    async def _open_refs(self, plans: Sequence[Plan]) -> dict[str, frozenset[str]]:
        street: set[str] = set()
        payout: set[str] = set()
        transfers: set[str] = set()
        for plan in plans:
            state: Any = (await self._platform.handler.state(f"account-{plan.account_id}"))[0]
            street.update(state.obligations, state.fx)
            payout.update(k for k, w in state.withdrawals.items() if w.sent)
            transfers.update(state.transfers)
        return {
            "C.STREET": frozenset(street),
            "C.PAYOUT": frozenset(payout),
            "C.XFER": frozenset(transfers),
            "C.UNALLOC": frozenset(),
            "C.CA": frozenset(),
        }


def _differences(ours: Balances, theirs: Balances) -> list[Line]:
    if ours == theirs:
        return []
    return sorted(k for k in {*ours, *theirs} if ours.get(k) != theirs.get(k))
