"""What operations read of the street: instructions and fails, where stock lies, cash to come."""

from collections import defaultdict
from collections.abc import AsyncIterator, Mapping
from datetime import date, datetime, timedelta
from decimal import Decimal

import strawberry

from api.graphql.engine.faults import BAD_ARGUMENT, fault
from api.graphql.engine.fields import field
from api.graphql.engine.moments import When, now_only
from api.graphql.engine.queries import Column, Context, one, page
from api.graphql.engine.sources import Source
from api.http.wire import amount, decimal, quantity
from api.ports import LedgerLine, Reader
from domain.settlement.events import StatusKind
from domain.settlement.state import ENDED, InstructionStatus, Settlement
from domain.shared.money import is_currency, money
from projections.engine.words import Memory
from projections.holdings import obligations, settlements
from projections.holdings.obligations import Obligation as ObligationRow
from projections.holdings.settlements import SettlementRow

PAGE = 1_000
LINES_MAX = 1_000  # of each side of a stock record
DAYS_MAX = 60
OWNED = frozenset({"C.SEC", "C.ENT", "C.XFER", "C.BORROW", "C.DUE"})
"""Accounts of the client estate that say whose stock it is; all others say where it lies."""
Time = datetime | None
ID = strawberry.ID
_memory: Memory[Settlement] = Memory(Settlement())


@strawberry.type(description="An instruction to the custodian, with its statuses side by side.")
class SettlementInstruction:
    id: ID
    account_id: ID
    isin: str
    side: str
    qty: str
    amount: str
    currency: str
    settl_date: date | None = strawberry.field(description="the intended settlement date")
    status: str = strawberry.field(description="derived from the statuses below")
    rest_qty: str = strawberry.field(description="what is still to settle")
    settled_qty: str
    settled_amount: str
    processing: str = strawberry.field(description="sese.024 processing status, or ''")
    matching: str
    inferred_matching: str
    settlement: str
    days_late: int = strawberry.field(description="calendar days after its date, while it is open")
    whose: str = strawberry.field(description="whose fault it is, while it fails")
    reason: str


@strawberry.type(description="A part of a stock record: one account of the chart with its key.")
class StockLine:
    account: str
    owner: str
    ref: str
    qty: str


@strawberry.type(description="Who owns an instrument, and where it lies. Both sides are equal.")
class StockRecord:
    isin: str
    owned: str
    lies: str
    difference: str = strawberry.field(description="0, or the ledger is wrong")
    owners: list[StockLine] = strawberry.field(description=f"at most {LINES_MAX}, largest first")
    places: list[StockLine] = strawberry.field(description=f"at most {LINES_MAX}, largest first")


@strawberry.type(description="What is to be paid and received on one day.")
class CashDay:
    day: date
    receive: str
    deliver: str
    balance: str = strawberry.field(description="at the end of the day, if all settles as due")


@strawberry.type(description="Client money in one currency, day by day, from what is open now.")
class CashLadder:
    currency: str
    opening: str = strawberry.field(description="at the bank now")
    in_flight: str = strawberry.field(description="payouts sent, and not yet debited by the bank")
    overdue: str = strawberry.field(description="net, due before today; in no day of the ladder")
    later: str = strawberry.field(description="net, due after the last day")
    days: list[CashDay]


def instruction(source: Source, row: SettlementRow) -> SettlementInstruction:
    state = _memory.state(row.state)
    late = (source.today - row.settl_date).days if row.settl_date else 0
    is_over = row.status in ENDED
    return SettlementInstruction(
        id=ID(row.obligation_id),
        account_id=ID(row.account_id),
        isin=row.isin,
        side=row.side,
        qty=quantity(row.qty),
        amount=amount(row.amount, row.currency),
        currency=row.currency,
        settl_date=row.settl_date,
        status=row.status,
        rest_qty=quantity(state.rest_qty),
        settled_qty=quantity(row.settled_qty),
        settled_amount=amount(row.settled_amount, row.currency),
        processing=state.statuses.get(StatusKind.PROCESSING, ""),
        matching=state.statuses.get(StatusKind.MATCHING, ""),
        inferred_matching=state.statuses.get(StatusKind.INFERRED_MATCHING, ""),
        settlement=state.statuses.get(StatusKind.SETTLEMENT, ""),
        days_late=0 if is_over else max(late, 0),
        whose=row.whose,
        reason=row.reason,
    )


@strawberry.type
class StreetRoots:
    settlement = one(
        settlements,
        SettlementInstruction,
        instruction,
        description="One instruction by the id of its obligation.",
    )
    settlements = page(
        settlements,
        SettlementInstruction,
        instruction,
        columns=[
            Column("status", str, words=tuple(InstructionStatus)),
            Column("account_id"),
            Column("isin", str),
            Column("settl_date", date),
        ],
        description="Instructions to the custodian, ended ones too; status: failing for fails.",
    )

    @field("Who owns an instrument and where it lies, by the ledger.")
    async def stock_record(
        self,
        info: Context,
        isin: str,
        *,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> StockRecord | None:
        source = await now_only(info.context, "stockRecord", When(as_of, known_at, at_least))
        lines = [line async for line in _lines(await source.reader(), {"unit": isin})]
        client = [line for line in lines if line.account.startswith("C.") and line.amount]
        owners = [line for line in client if line.account in OWNED]
        places = [line for line in client if line.account not in OWNED]
        owned = -sum((line.amount for line in owners), Decimal(0))
        lies = sum((line.amount for line in places), Decimal(0))
        return StockRecord(
            isin=isin,
            owned=quantity(owned),
            lies=quantity(lies),
            difference=quantity(owned - lies),
            owners=_stock_lines(owners, sign=-1),
            places=_stock_lines(places, sign=1),
        )

    @field("Client money of one currency, from today on: what is there, and what is due.")
    async def cash_ladder(
        self,
        info: Context,
        currency: str,
        days: int = 5,
        *,
        as_of: Time = None,
        known_at: Time = None,
        at_least: str | None = None,
    ) -> CashLadder | None:
        if not 1 <= days <= DAYS_MAX:
            raise fault(BAD_ARGUMENT, f"days must be from 1 to {DAYS_MAX}, not {days}")
        source = await now_only(info.context, "cashLadder", When(as_of, known_at, at_least))
        reader = await source.reader()
        opening = await _balance(reader, "C.NOSTRO", currency)
        in_flight = Decimal(0) - await _balance(reader, "C.PAYOUT", currency)
        receive, deliver = await _due(reader, currency)
        return _ladder(
            currency,
            today=source.today,
            days=days,
            opening=opening,
            in_flight=in_flight,
            receive=receive,
            deliver=deliver,
        )


Amounts = Mapping[date, Decimal]


def _ladder(
    currency: str,
    *,
    today: date,
    days: int,
    opening: Decimal,
    in_flight: Decimal,
    receive: Amounts,
    deliver: Amounts,
) -> CashLadder:
    """Payouts in flight leave today; what is overdue has no day, so it is in no balance."""
    balance, rungs = opening - in_flight, []
    for n in range(days):
        day = today + timedelta(days=n)
        came, went = receive.get(day, Decimal(0)), deliver.get(day, Decimal(0))
        balance += came - went
        rungs.append(
            CashDay(
                day=day,
                receive=_money(came, currency),
                deliver=_money(went, currency),
                balance=_money(balance, currency),
            )
        )
    last = today + timedelta(days=days - 1)

    def net(due: Amounts, owed: Amounts, low: date, high: date) -> Decimal:
        total = Decimal(0)
        for sign, side in ((1, due), (-1, owed)):
            total += sum((sign * v for d, v in side.items() if low <= d <= high), Decimal(0))
        return total

    return CashLadder(
        currency=currency,
        opening=_money(opening, currency),
        in_flight=_money(in_flight, currency),
        overdue=_money(net(receive, deliver, date.min, today - timedelta(days=1)), currency),
        later=_money(net(receive, deliver, last + timedelta(days=1), date.max), currency),
        days=rungs,
    )


def _money(total: Decimal, currency: str) -> str:
    """A sum with its currency's decimals, also if nothing was added."""
    return amount(money(total, currency) if is_currency(currency) else total, currency)


async def _due(reader: Reader, currency: str) -> tuple[Amounts, Amounts]:
    """What is open in a currency, by settlement date: (to come in, to go out)."""
    receive: dict[date, Decimal] = defaultdict(Decimal)
    deliver: dict[date, Decimal] = defaultdict(Decimal)
    sides = (("receive_unit", "receive_open", receive), ("deliver_unit", "deliver_open", deliver))
    for unit, open_amount, found in sides:
        async for row in _rows(reader, {unit: currency}):
            if row.settl_date is not None:
                found[row.settl_date] += getattr(row, open_amount)
    return receive, deliver


async def _rows(reader: Reader, where: Mapping[str, str]) -> AsyncIterator[ObligationRow]:
    after: tuple[str, ...] | None = None
    while True:
        found = await reader.page(obligations, where, first=PAGE, after=after)
        for row in found:
            assert isinstance(row, ObligationRow)
            yield row
        if len(found) < PAGE:
            return
        after = tuple(str(getattr(found[-1], column)) for column in ObligationRow.KEY)


async def _lines(reader: Reader, where: Mapping[str, str]) -> AsyncIterator[LedgerLine]:
    after: tuple[str, ...] | None = None
    while True:
        found = await reader.ledger(where, first=PAGE, after=after)
        for line in found:
            yield line
        if len(found) < PAGE:
            return
        after = tuple(found[-1][:4])


async def _balance(reader: Reader, account: str, unit: str) -> Decimal:
    where = {"account": account, "unit": unit}
    total = Decimal(0)
    async for line in _lines(reader, where):
        total += line.amount
    return total


def _stock_lines(lines: list[LedgerLine], *, sign: int) -> list[StockLine]:
    largest = sorted(lines, key=lambda line: (-abs(line.amount), line[:4]))[:LINES_MAX]
    return [
        StockLine(
            account=line.account,
            owner=line.owner,
            ref=line.ref,
            qty=decimal(sign * line.amount),
        )
        for line in largest
    ]
