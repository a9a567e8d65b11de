"""Laws of the views, over random acts of a few accounts."""

from collections import defaultdict
from collections.abc import Mapping
from datetime import timedelta
from decimal import Decimal
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory.sink import MemorySink
from domain import ledger
from domain.account.cash import ReturnDeposit
from domain.account.exchange import ConvertCurrency, SettleFx
from domain.account.fees import AccrueFee, ChargeFee
from domain.account.holds import ReserveForOrder
from domain.account.obligations import RecordFailing
from domain.account.standing import ChangeLotMethod
from domain.account.trades import TradeBooked
from domain.account.transfers import ReceiveCash, TransferCash
from domain.account.withdrawals import SendWithdrawal, WithdrawCash
from domain.order import commands as o
from domain.shared.fix import Side
from domain.shared.message import Command, Refused
from projections.catalogue import VIEWS
from projections.engine.runner import Runner
from projections.holdings import lots, obligations, positions
from projections.ledger import balances, cash, client_money, trial_balance
from projections.operations import fees
from projections.ports import Checksum, View
from projections.trading import orders
from tests.unit.projections.view_log import folded
from tests.unit.projections.views_world import (
    ISIN,
    SETTLES,
    TODAY,
    D,
    World,
    bust,
    deposit,
    fill,
    opened_world,
    place,
    settle,
    trade,
)

ACCOUNTS = ("A1", "A2", "A3")
accounts = st.sampled_from(ACCOUNTS)
cents = st.integers(1, 2_000_00).map(lambda n: str(Decimal(n) / 100))
qtys = st.integers(1, 60)
prices = st.integers(40_00, 60_00).map(lambda n: str(Decimal(n) / 100))
sides = st.sampled_from([Side.BUY, Side.SELL])

acts = st.one_of(
    st.tuples(st.just("deposit"), accounts, cents, st.integers(-1, 5)),
    st.tuples(st.just("return"), accounts, cents),
    st.tuples(st.just("withdraw"), accounts, cents),
    st.tuples(st.just("send"), accounts),
    st.tuples(st.just("reserve"), accounts, sides, qtys),
    st.tuples(st.just("trade"), accounts, sides, qtys, prices),
    st.tuples(st.just("trade"), st.just("A1"), sides, qtys, prices),
    st.tuples(st.just("settle"), st.integers(0, 20), st.booleans()),
    st.tuples(st.just("bust"), st.integers(0, 20)),
    st.tuples(st.just("fail"), st.integers(0, 20)),
    st.tuples(st.just("fx"), accounts, cents),
    st.tuples(st.just("settle_fx"), accounts),
    st.tuples(st.just("fee"), accounts, st.booleans()),
    st.tuples(st.just("move"), accounts, accounts, cents),
    st.tuples(st.just("method"), accounts, st.sampled_from(["FIFO", "LIFO", "HIFO", "AVERAGE"])),
    st.tuples(st.just("order"), qtys, prices),
    st.tuples(st.just("fill"), qtys, prices),
    st.tuples(st.just("cancel")),
)
histories = st.lists(acts, min_size=20, max_size=40)


class History:
    """Applies acts to a world; acts that the aggregates refuse change nothing."""

    def __init__(self) -> None:
        self.world = opened_world(*ACCOUNTS)
        self.trades: list[TradeBooked] = []
        self.n = 0
        for account_id in ACCOUNTS:
            self.world.done(deposit(account_id, "5000.00", f"first-{account_id}"))

    def play(self, acts: list[Any]) -> World:
        for name, *args in acts:
            self.n += 1
            getattr(self, f"_{name}")(*args)
        return self.world

    def _tell(self, command: Command) -> Any:
        decision = self.world.tell(command)
        return () if isinstance(decision, Refused) else decision

    def _deposit(self, account_id: str, amount: str, days: int) -> None:
        on = TODAY + timedelta(days=days) if days >= 0 else None
        self._tell(deposit(account_id, amount, f"P{self.n}", on))

    def _return(self, account_id: str, amount: str) -> None:
        ref = f"P{self.n - 1}"
        self._tell(
            ReturnDeposit(account_id=account_id, amount=D(amount), currency="USD", reference=ref)
        )

    def _withdraw(self, account_id: str, amount: str) -> None:
        self._tell(
            WithdrawCash(
                account_id=account_id, amount=D(amount), currency="USD", reference=f"W{self.n}"
            )
        )

    def _send(self, account_id: str) -> None:
        for payment_id in list(self.world.state(f"account-{account_id}").withdrawals)[:1]:
            self._tell(SendWithdrawal(account_id=account_id, payment_id=payment_id))

    def _reserve(self, account_id: str, side: Side, qty: int) -> None:
        self._tell(
            ReserveForOrder(
                account_id=account_id,
                order_id=f"R{self.n % 3}{side}",
                side=side,
                isin=ISIN,
                currency="USD",
                qty=D(qty),
                amount=D(qty) * 50 if side is Side.BUY else D(0),
            )
        )

    def _trade(self, account_id: str, side: Side, qty: int, price: str) -> None:
        order_id = f"R{self.n % 3}{side}"
        booked = self._tell(trade(account_id, f"T{self.n}", side, qty, price, order_id=order_id))
        self.trades += booked

    def _settle(self, which: int, part: bool) -> None:
        if not self.trades:
            return
        event = self.trades[which % len(self.trades)]
        open_items = self.world.state(f"account-{event.account_id}").obligations
        item = open_items.get(event.trade_id)
        if item is None:
            return
        share = (item.qty // 2 or item.qty) if part else item.qty
        amount = item.amount if share == item.qty else (item.amount / 2).quantize(D("0.01"))
        ref = f"S{self.n}"
        self._tell(settle(event.account_id, event.trade_id, str(share), str(amount), ref))

    def _bust(self, which: int) -> None:
        if self.trades:
            self._tell(bust(self.trades.pop(which % len(self.trades))))

    def _fail(self, which: int) -> None:
        if self.trades:
            event = self.trades[which % len(self.trades)]
            self._tell(
                RecordFailing(
                    account_id=event.account_id, obligation_id=event.trade_id, reason="LACK"
                )
            )

    def _fx(self, account_id: str, amount: str) -> None:
        self._tell(
            ConvertCurrency(
                account_id=account_id,
                fx_id=f"F{self.n}",
                buy_currency="EUR",
                buy_amount=D(amount),
                sell_currency="USD",
            )
        )

    def _settle_fx(self, account_id: str) -> None:
        for fx_id in list(self.world.state(f"account-{account_id}").fx)[:1]:
            self._tell(SettleFx(account_id=account_id, fx_id=fx_id, value_date=SETTLES))

    def _fee(self, account_id: str, charge: bool) -> None:
        if charge:
            self._tell(ChargeFee(account_id=account_id, currency="USD", period_end=TODAY))
            return
        self._tell(
            AccrueFee(
                account_id=account_id,
                accrual_date=TODAY + timedelta(days=self.n),
                fee_base=D(10_000),
                annual_rate=D("0.0123"),
                currency="USD",
            )
        )

    def _move(self, source: str, target: str, amount: str) -> None:
        transfer_id = f"X{self.n}"
        sent = self._tell(
            TransferCash(
                transfer_id=transfer_id,
                account_id=source,
                to_account_id=target,
                currency="USD",
                amount=D(amount),
            )
        )
        if sent and self.n % 4:  # one in four stays in flight
            self._tell(
                ReceiveCash(
                    account_id=target,
                    transfer_id=transfer_id,
                    from_account_id=source,
                    currency="USD",
                    amount=sent[0].amount,
                )
            )

    def _method(self, account_id: str, method: str) -> None:
        self._tell(ChangeLotMethod(account_id=account_id, lot_method=method))

    def _order(self, qty: int, price: str) -> None:
        self._tell(place("O1", qty, price))
        self._tell(o.ReleaseOrder(order_id="O1"))
        self._tell(o.RecordAck(order_id="O1", venue_order_id="V1"))

    def _fill(self, qty: int, price: str) -> None:
        self._tell(fill("O1", f"E{self.n}", qty, price))

    def _cancel(self) -> None:
        self._tell(o.CancelOrder(order_id="O1", reason="client"))


def played(acts: list[Any]) -> World:
    return History().play(acts)


many = settings(max_examples=40)


@given(histories)
@many
async def test_balances_sum_to_zero_per_book_and_unit(acts: list[Any]) -> None:
    sums: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in (await folded(balances, played(acts).log)).values():
        sums[row.account[0], row.unit] += row.amount
        assert row.amount == row.debit - row.credit
    assert not any(sums.values()), dict(sums)


@given(histories)
@many
async def test_the_trial_balance_and_the_balances_agree(acts: list[Any]) -> None:
    log = played(acts).log
    by_account: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in (await folded(balances, log)).values():
        by_account[row.account, row.unit] += row.amount
    lines = (await folded(trial_balance, log)).values()
    for line in lines:
        by_account[line.account, line.unit] -= line.debit - line.credit
    assert not any(by_account.values()), dict(by_account)
    per_shard: dict[tuple[str, str, int], Decimal] = defaultdict(Decimal)
    for line in lines:
        per_shard[line.book, line.unit, line.shard] += line.debit - line.credit
    assert not any(per_shard.values())


@given(histories)
@many
async def test_cash_is_what_the_account_itself_decides_by(acts: list[Any]) -> None:
    world = played(acts)
    rows = await folded(cash, world.log)
    for account_id in ACCOUNTS:
        state = world.state(f"account-{account_id}")
        for currency in ("USD", "EUR"):
            row = rows.get((account_id, currency)) or cash.Cash(
                account_id=account_id, currency=currency
            )
            own = state.cash(currency)
            assert (row.traded, row.settled, row.reserved) == (
                own.traded,
                own.settled,
                own.reserved,
            )
            for days in range(7):
                on = TODAY + timedelta(days=days)
                assert cash.available(row, on) == state.available_to_trade(currency, on)
                assert cash.withdrawable(row, on) == state.available_to_withdraw(currency, on)


@given(histories)
@many
async def test_positions_and_lots_are_what_the_account_itself_decides_by(acts: list[Any]) -> None:
    world = played(acts)
    held, open_lots = await folded(positions, world.log), await folded(lots, world.log)
    for account_id in ACCOUNTS:
        state = world.state(f"account-{account_id}")
        row = held.get((account_id, ISIN)) or positions.Position(account_id=account_id, isin=ISIN)
        assert row.traded == state.qty(ISIN)
        assert row.settled == state.settled_qty(ISIN)
        assert row.reserved == state.held_qty(ISIN)
        own = {lot.lot_id: lot for lot in state.lots.get(ISIN, ())}
        mine = {k[2]: lot for k, lot in open_lots.items() if k[0] == account_id}
        assert mine.keys() == own.keys()
        for lot_id, lot in mine.items():
            theirs = own[lot_id]
            for field in ("qty", "cost", "cost_base", "acquired_on", "currency", "base_unknown"):
                assert getattr(lot, field) == getattr(theirs, field), field
        costs: dict[str, Decimal] = {}
        for lot in mine.values():
            costs[lot.currency] = costs.get(lot.currency, Decimal(0)) + lot.cost
        shown = {figure.currency: figure.cost for figure in positions.figures(row) if figure.cost}
        assert shown == {currency: cost for currency, cost in costs.items() if cost}
        unknown = any(lot.base_unknown for lot in mine.values())
        assert not unknown or not row.traded or positions.base_cost_unknown(row)
        assert row.cost_base == sum((lot.cost_base for lot in mine.values()), Decimal(0))


@given(histories)
@many
async def test_positions_equal_the_postings_to_client_securities(acts: list[Any]) -> None:
    world = played(acts)
    posted: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for arrived in world.log.envelopes:
        for entry in ledger.entries(arrived.event):
            for p in entry.postings:
                if p.account == "C.SEC":
                    posted[p.owner, p.unit] -= p.amount
    held = {k: r.traded for k, r in (await folded(positions, world.log)).items()}
    assert {k: q for k, q in held.items() if q} == {k: q for k, q in posted.items() if q}


@given(histories)
@many
async def test_obligations_are_the_open_items_of_the_street(acts: list[Any]) -> None:
    world = played(acts)
    street: dict[tuple[str, str, str], Decimal] = {}
    for row in (await folded(balances, world.log)).values():
        if row.account == "C.STREET":
            street[row.owner, row.ref, row.unit] = row.amount
    shown: dict[tuple[str, str, str], Decimal] = {}
    for row in (await folded(obligations, world.log)).values():
        for unit, amount in (
            (row.receive_unit, row.receive_open),
            (row.deliver_unit, -row.deliver_open),
        ):
            if amount:
                shown[row.account_id, row.obligation_id, unit] = amount
    assert shown == street
    for account_id in ACCOUNTS:
        state = world.state(f"account-{account_id}")
        assert {k[1] for k in shown if k[0] == account_id} == {*state.obligations, *state.fx}


@given(histories)
@many
async def test_client_money_adds_up_by_double_entry(acts: list[Any]) -> None:
    rows = list((await folded(client_money, played(acts).log)).values())
    for currency in ("USD", "EUR"):
        found = client_money.close_figures(rows, currency)
        assert found.resource == found.requirement - found.in_debit + found.due


@given(histories)
@many
async def test_fees_accrued_are_the_memo_of_the_ledger(acts: list[Any]) -> None:
    log = played(acts).log
    memo = {
        row.owner: -row.amount
        for row in (await folded(balances, log)).values()
        if row.account == "M.FEE"
    }
    accrued = {k[0]: row.accrued for k, row in (await folded(fees, log)).items()}
    assert accrued == memo


@given(histories)
@many
async def test_the_order_row_holds_the_aggregates_own_state(acts: list[Any]) -> None:
    world = played(acts)
    for (order_id,), row in (await folded(orders, world.log)).items():
        state = world.state(f"order-{order_id}")
        assert orders._memory.state(row.state) == state
        assert (row.cum_qty, row.leaves_qty, row.qty) == (
            state.cum_qty,
            state.leaves_qty,
            state.qty,
        )


async def everything(world: World, *, limit: int, at_once: bool) -> Mapping[str, Checksum]:
    sink = MemorySink()
    await sink.prepare(VIEWS)
    groups: list[tuple[View, ...]] = [VIEWS] if at_once else [(view,) for view in VIEWS]
    for group in groups:
        runner = Runner(world.log, sink, group)
        while (await runner.step(limit=limit)).events:
            pass
        assert not runner.stuck, runner.stuck
    return {view.NAME: await sink.checksum(view) for view in VIEWS}


@given(histories, st.integers(1, 9))
@settings(max_examples=15)
async def test_every_view_is_the_same_under_any_batching(acts: list[Any], limit: int) -> None:
    world = played(acts)
    one = await everything(world, limit=1_000, at_once=True)
    assert one == await everything(world, limit=limit, at_once=False)
