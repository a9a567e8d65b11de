"""An account with counterparties that report late, twice, too much, and bust earlier reports.

A machine sends random intents and reports; after each, the state must equal the sums of the
postings that its events made, and the replay of its history. Intents never overdraw.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import reduce
from types import SimpleNamespace

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from domain import account
from domain.account.adjustments import PostAdjustment
from domain.account.busts import Booked, BustTrade, TradeBusted
from domain.account.cash import DepositCash, ReturnDeposit
from domain.account.exchange import ConvertCurrency, SettleFx
from domain.account.fees import AccrueFee, ChargeFee, CreditInterest, DebitInterest
from domain.account.holds import FundsReserved, ReleaseHold, ReserveForOrder
from domain.account.obligations import RecordFailing, SettleAfterBust, SettleObligation
from domain.account.rematching import LotsRematched
from domain.account.selection import LotsSelected, SelectLots
from domain.account.selection import _sum as merged
from domain.account.standing import BlockAccount, ChangeLotMethod, OpenAccount, UnblockAccount
from domain.account.state import State
from domain.account.trades import BookTrade, TradeBooked
from domain.account.transfers import (
    CompleteTransfer,
    ReceiveCash,
    TransferCash,
    TransferSecurities,
    UndoTransfer,
)
from domain.account.withdrawals import (
    CancelWithdrawal,
    CompleteWithdrawal,
    RejectWithdrawal,
    ReturnWithdrawal,
    SendWithdrawal,
    WithdrawCash,
)
from domain.fx import Fixing
from domain.instrument.state import Instrument, InstrumentStatus
from domain.ledger import entries
from domain.rules.lots import LotMethod
from domain.shared.fix import Side
from domain.shared.message import Command, Event, Refused, Seen

D = Decimal
A1, A2 = "A1", "A2"
ISINS = ("US0378331005", "US5949181045")
START = date(2024, 6, 3)
FIXING = Fixing(rate_date=START, rates={"USD": D("1.1"), "JPY": D("160")})

LISTED = {
    f"instrument-{isin}": Instrument(status=InstrumentStatus.LISTED, isin=isin) for isin in ISINS
}

cents = st.integers(1, 2_000_00).map(lambda n: D(n).scaleb(-2))
qtys = st.one_of(st.integers(1, 50).map(D), st.integers(1, 5000).map(lambda n: D(n).scaleb(-2)))
few = st.integers(0, 30)


class World(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.state, self.history = account.INITIAL, list[Event]()
        self.ledger = Counter[tuple[str, str, str, str]]()
        self.today, self.number = START, 0
        self.booked, self.busted = dict[str, Booked](), dict[str, Booked]()
        self.accepted = False

    # what the platform does around a decider

    def seen(self) -> Seen:
        now = datetime.combine(self.today, datetime.min.time(), UTC)
        target = State(account_id=A2, status="open", base_currency="USD", lot_method="FIFO")
        client = SimpleNamespace(status="approved")
        streams = {"fx-ecb": FIXING, f"account-{A2}": target, "client-K1": client} | LISTED
        return Seen(now=now, effective_at=now, streams=streams)

    def send(self, command: Command) -> tuple[Event, ...]:
        decision = account.decide(command, self.state, self.seen())
        self.accepted = not isinstance(decision, Refused)
        if isinstance(decision, Refused):
            return ()
        for event in decision:
            self.state = account.evolve(self.state, event)
            self.post(event)
            self.remember(event)
        self.history += decision
        return decision

    def post(self, event: Event) -> None:
        for entry in entries(event):
            total = Counter[tuple[str, str]]()
            for p in entry.postings:
                total[p.book, p.unit] += p.amount
                self.ledger[p.account, p.owner, p.ref, p.unit] += p.amount
            assert not any(total.values()), entry

    def remember(self, event: Event) -> None:
        """Keep what the order's saga keeps for a later bust."""
        match event:
            case TradeBooked():
                self.booked[event.trade_id] = Booked(
                    exec_id=event.exec_id,
                    isin=event.isin,
                    side=event.side,
                    qty=event.qty,
                    currency=event.currency,
                    gross=event.gross,
                    charges=event.charges,
                    lots=event.lots,
                    trade_date=event.trade_date,
                    accrued_interest=event.accrued_interest,
                )
            case LotsSelected():
                was = self.booked[event.trade_id]
                lots = merged((*was.lots, *event.lots))
                self.booked[event.trade_id] = replace(was, lots=lots)
            case LotsRematched():
                was = self.booked[event.trade_id]
                kept = () if event.restored else was.lots
                lots = (*kept, *event.lots[event.restored :])
                self.booked[event.trade_id] = replace(was, lots=lots, charges=event.charges)
            case TradeBusted():
                self.busted[event.trade_id] = self.booked.pop(event.trade_id)

    def mint(self, prefix: str) -> str:
        self.number += 1
        return f"{prefix}{self.number}"

    @staticmethod
    def pick(items: Iterable[str], n: int) -> str:
        known = sorted(items)
        return known[n % len(known)] if known else "unknown"

    # the world

    @initialize(method=st.sampled_from(list(LotMethod)), base=st.sampled_from(["USD", "EUR"]))
    def open(self, method: LotMethod, base: str) -> None:
        self.send(OpenAccount(account_id=A1, client_id="K1", base_currency=base, lot_method=method))
        self.send(DepositCash(account_id=A1, amount=D(5000), currency="USD", reference="P0"))

    @rule(days=st.integers(1, 3))
    def days_pass(self, days: int) -> None:
        self.today += timedelta(days=days)

    @rule(amount=cents, days=st.integers(0, 4), n=st.integers(0, 3))
    def deposit(self, amount: Decimal, days: int, n: int) -> None:
        on = self.today + timedelta(days=days) if days else None
        self.send(
            DepositCash(
                account_id=A1, amount=amount, currency="USD", reference=f"P{n}", available_on=on
            )
        )

    @rule(amount=cents, n=st.integers(0, 3))
    def bank_takes_a_deposit_back(self, amount: Decimal, n: int) -> None:
        self.send(ReturnDeposit(account_id=A1, amount=amount, currency="USD", reference=f"P{n}"))
        assert self.accepted

    @rule(amount=cents)
    def withdraw(self, amount: Decimal) -> None:
        before = self.state.available_to_withdraw("USD", self.today)
        self.send(WithdrawCash(account_id=A1, amount=amount, currency="USD", reference="r"))
        assert self.accepted is (self.state.status == "open" and amount <= before)
        assert not self.accepted or self.state.available_to_trade("USD", self.today) >= 0

    @rule(n=few, kind=st.sampled_from(["cancel", "send", "complete", "reject", "return"]))
    def payment_moves_on(self, n: int, kind: str) -> None:
        payment = self.pick(self.state.withdrawals, n)
        known = self.state.withdrawals.get(payment)
        match kind:
            case "cancel":
                self.send(CancelWithdrawal(account_id=A1, payment_id=payment))
            case "send":
                self.send(SendWithdrawal(account_id=A1, payment_id=payment))
            case "complete":
                self.send(CompleteWithdrawal(account_id=A1, payment_id=payment))
            case "reject":
                self.send(RejectWithdrawal(account_id=A1, payment_id=payment, reason="AC04"))
            case _:
                self.send(
                    ReturnWithdrawal(
                        account_id=A1,
                        payment_id=payment,
                        amount=known.amount if known else D("1.00"),
                        currency="USD",
                        reason="AC04",
                    )
                )

    @rule(n=st.integers(0, 4), sell=st.booleans(), isin=st.sampled_from(ISINS), qty=qtys, px=cents)
    def reserve(self, n: int, sell: bool, isin: str, qty: Decimal, px: Decimal) -> None:
        """A new order, or a replace of one: the order ids are few."""
        side = Side.SELL if sell else Side.BUY
        order = self.state.orders.get(f"O{n}")
        if order and order.unit and (order.unit == "USD") is sell:
            return  # a replace keeps the side
        if order and sell:
            isin = order.unit or isin
        before = self.state
        events = self.send(
            ReserveForOrder(
                account_id=A1,
                order_id=f"O{n}",
                side=side,
                isin=isin,
                currency="USD",
                qty=qty,
                amount=px,
            )
        )
        for event in events:
            assert isinstance(event, FundsReserved)
            if event.added > 0 and not sell:
                assert self.state.available_to_trade("USD", self.today) >= 0
            if event.added > 0 and sell:
                assert before.sellable(isin) >= event.added

    @rule(n=st.integers(0, 6))
    def order_ends(self, n: int) -> None:
        self.send(ReleaseHold(account_id=A1, order_id=f"O{n}"))
        order = self.state.orders.get(f"O{n}")
        assert order is None or not order.held

    @rule(n=st.integers(0, 6), sell=st.booleans(), isin=st.sampled_from(ISINS), qty=qtys, px=cents)
    def fill(self, n: int, sell: bool, isin: str, qty: Decimal, px: Decimal) -> None:
        """Known orders and unknown ones, too much, beyond the lots: all of it is booked."""
        order = self.state.orders.get(f"O{n}")
        if order and order.unit:
            sell = order.unit != "USD"
            isin = order.unit if sell else isin
        self.send(
            BookTrade(
                account_id=A1,
                trade_id=self.mint("T"),
                order_id=f"O{n}",
                exec_id="E",
                instrument_id="I",
                isin=isin,
                side=Side.SELL if sell else Side.BUY,
                qty=qty,
                price=px,
                currency="USD",
                gross=(qty * px / 10).quantize(D("0.01")),
                trade_date=self.today,
                settl_date=self.today + timedelta(days=1),
            )
        )
        assert self.accepted

    @precondition(lambda self: self.booked)
    @rule(n=few, isin=st.sampled_from(ISINS))
    def fill_is_reported_again(self, n: int, isin: str) -> None:
        trade = self.pick(self.state.obligations, n)
        if trade not in self.booked:
            return
        was = self.booked[trade]
        assert not self.send(
            BookTrade(
                account_id=A1,
                trade_id=trade,
                order_id="O0",
                exec_id="E",
                instrument_id="I",
                isin=was.isin,
                side=was.side,
                qty=was.qty,
                price=D(1),
                currency="USD",
                gross=was.gross,
                trade_date=self.today,
                settl_date=self.today,
            )
        )

    @precondition(lambda self: self.booked)
    @rule(n=few)
    def bust(self, n: int) -> None:
        """A bust before, during or after settlement."""
        trade = self.pick(self.booked, n)
        before = self.state.qty(self.booked[trade].isin)
        was = self.booked[trade]
        events = self.send(
            BustTrade(
                account_id=A1, trade_id=trade, order_id="O", booked=was, settl_date=self.today
            )
        )
        assert [type(one) for one in events].count(TradeBusted) == 1
        signed = was.qty if was.side is Side.BUY else -was.qty
        assert self.state.qty(was.isin) == before - signed

    @rule(n=few, share=st.integers(1, 12), confirmation=st.sampled_from("abc"), extra=cents)
    def custodian_confirms(self, n: int, share: int, confirmation: str, extra: Decimal) -> None:
        """In parts, repeated, too much, and with cash that differs."""
        obligation = self.pick(self.state.obligations, n)
        open_ = self.state.obligations.get(obligation)
        qty = (open_.qty * share / 10).quantize(D("0.00000001")) if open_ else D(1)
        events = self.send(
            SettleObligation(
                account_id=A1,
                obligation_id=obligation,
                qty=qty or D("0.00000001"),
                amount=open_.amount if open_ and share > 9 else extra,
                value_date=self.today,
                confirmation_id=f"{obligation}{confirmation}",
            )
        )
        assert self.accepted is (open_ is not None)
        repeated = open_ is not None and f"{obligation}{confirmation}" in open_.confirmations
        assert bool(events) is (open_ is not None and not repeated)

    @precondition(lambda self: self.busted)
    @rule(n=few, share=st.integers(1, 12), amount=cents)
    def a_busted_trade_settles_all_the_same(self, n: int, share: int, amount: Decimal) -> None:
        """Part, all or more than the trade settles: all of it is owed back."""
        trade = self.pick(self.busted, n)
        was, before = self.busted[trade], self.state
        reverse = self.mint("B")
        qty = (was.qty * share / 10).quantize(D("0.00000001")) or D("0.00000001")
        command = SettleAfterBust(
            account_id=A1,
            obligation_id=trade,
            reverse_id=reverse,
            isin=was.isin,
            side=was.side,
            qty=qty,
            amount=amount,
            currency="USD",
            trade_date=self.today,
            value_date=self.today,
            confirmation_id="x",
        )
        assert len(self.send(command)) == 1
        assert not self.send(command)
        signed = 1 if was.side is Side.BUY else -1
        assert self.state.settled_qty(was.isin) == before.settled_qty(was.isin) + signed * qty
        assert self.state.cash("USD").settled == before.cash("USD").settled - signed * amount
        assert (self.state.lots, self.state.traded) == (before.lots, before.traded)

    @rule(n=few)
    def obligation_fails(self, n: int) -> None:
        obligation = self.pick(self.state.obligations, n)
        self.send(RecordFailing(account_id=A1, obligation_id=obligation, reason="LACK"))

    @rule(n=few, last_first=st.booleans())
    def lots_are_chosen(self, n: int, last_first: bool) -> None:
        sales = {k for k, o in self.state.obligations.items() if o.lots}
        if not sales:
            return
        trade = self.pick(sales, n)
        sale = self.state.obligations[trade]
        there = {x.lot_id: x.qty for x in self.state.lots.get(sale.isin, ())}
        for m in sale.lots:
            there[m.lot_id] = there.get(m.lot_id, D(0)) - m.qty
        rest, chosen = -sum(m.qty for m in sale.lots), dict[str, Decimal]()
        for lot_id in sorted(there, reverse=last_first):
            if rest > 0 and there[lot_id] > 0:
                chosen[lot_id] = min(rest, there[lot_id])
                rest -= chosen[lot_id]
        before = self.state.traded
        self.send(SelectLots(account_id=A1, trade_id=trade, lots=chosen))
        assert self.state.traded == before

    @rule(amount=cents, euro=st.booleans())
    def convert(self, amount: Decimal, euro: bool) -> None:
        buy, sell = ("EUR", "USD") if euro else ("USD", "EUR")
        self.send(
            ConvertCurrency(
                account_id=A1,
                fx_id=self.mint("F"),
                buy_currency=buy,
                buy_amount=amount,
                sell_currency=sell,
            )
        )
        assert not self.accepted or self.state.available_to_trade(sell, self.today) >= 0

    @rule(n=few)
    def fx_settles(self, n: int) -> None:
        fx = self.pick(self.state.fx, n)
        self.send(SettleFx(account_id=A1, fx_id=fx, value_date=self.today))

    @rule(base=cents, days=st.integers(1, 30))
    def fee_accrues(self, base: Decimal, days: int) -> None:
        self.send(
            AccrueFee(
                account_id=A1,
                accrual_date=self.today,
                fee_base=base * 100,
                annual_rate=D("0.0123"),
                currency="USD",
                days=days,
            )
        )

    @rule()
    def fee_is_charged(self) -> None:
        self.send(
            ChargeFee(account_id=A1, currency="USD", period_end=self.today, vat_rate=D("0.2"))
        )

    @rule(amount=cents, debit=st.booleans())
    def interest(self, amount: Decimal, debit: bool) -> None:
        kind = DebitInterest if debit else CreditInterest
        self.send(kind(account_id=A1, currency="USD", amount=amount, value_date=self.today))
        assert self.accepted

    @rule(amount=cents)
    def transfer_cash(self, amount: Decimal) -> None:
        free = self.state.available_to_withdraw("USD", self.today)
        self.send(
            TransferCash(
                account_id=A1,
                transfer_id=self.mint("X"),
                to_account_id=A2,
                currency="USD",
                amount=amount,
            )
        )
        assert self.accepted is (self.state.status == "open" and amount <= free)

    @rule(isin=st.sampled_from(ISINS), qty=qtys)
    def transfer_securities(self, isin: str, qty: Decimal) -> None:
        held = self.state.sellable(isin)
        self.send(
            TransferSecurities(
                account_id=A1,
                transfer_id=self.mint("X"),
                to_account_id=A2,
                instrument_id=isin,
                isin=isin,
                qty=qty,
            )
        )
        assert not self.accepted or qty <= held

    @rule(n=few, taken=st.booleans())
    def transfer_ends(self, n: int, taken: bool) -> None:
        transfer = self.pick(self.state.transfers, n)
        if not taken:
            self.send(UndoTransfer(account_id=A1, transfer_id=transfer, reason="closed"))
            return
        sent = self.state.transfers.get(transfer)
        self.send(CompleteTransfer(account_id=A1, transfer_id=transfer))
        if sent:  # the other account's stream
            unit = sent.isin or sent.currency
            moved = sum((m.qty for m in sent.lots), -sent.amount)
            self.ledger["C.XFER", "", transfer, unit] -= moved

    @rule(amount=cents)
    def transfer_arrives(self, amount: Decimal) -> None:
        transfer = self.mint("Y")
        self.send(
            ReceiveCash(
                account_id=A1,
                transfer_id=transfer,
                from_account_id=A2,
                currency="USD",
                amount=amount,
            )
        )
        if self.accepted:
            self.ledger["C.XFER", "", transfer, "USD"] -= amount

    @rule(amount=cents, minus=st.booleans())
    def adjust(self, amount: Decimal, minus: bool) -> None:
        self.send(
            PostAdjustment(
                account_id=A1,
                adjustment_id=self.mint("M"),
                currency="USD",
                amount=-amount if minus else amount,
                reason="r",
                evidence="v",
                requested_by="ann",
                approved_by="bob",
            )
        )

    @rule(blocks=st.booleans())
    def status_changes(self, blocks: bool) -> None:
        kind = BlockAccount if blocks else UnblockAccount
        self.send(kind(account_id=A1, reason="case"))

    @rule(method=st.sampled_from(list(LotMethod)))
    def lot_method_changes(self, method: LotMethod) -> None:
        self.send(ChangeLotMethod(account_id=A1, lot_method=method))

    # laws

    def balance(self, name: str) -> dict[tuple[str, str], Decimal]:
        """By (ref, unit), with the sign of what is owned or held."""
        return {
            (ref, unit): -amount
            for (known, owner, ref, unit), amount in self.ledger.items()
            if known == name and amount and owner in (A1, "")
        }

    @invariant()
    def cash_is_what_was_posted(self) -> None:
        posted = {unit: v for (_, unit), v in self.balance("C.CASH").items()}
        assert self.state.traded == posted

    @invariant()
    def lots_are_what_was_posted(self) -> None:
        held = {
            (lot.lot_id, isin): lot.qty
            for isin, lots in self.state.lots.items()
            for lot in lots
            if lot.qty
        }
        assert held == self.balance("C.SEC")

    @invariant()
    def holds_are_what_was_posted(self) -> None:
        held = {(k, o.unit): o.held for k, o in self.state.orders.items() if o.held}
        asked = {(k, w.currency): w.amount for k, w in self.state.withdrawals.items() if not w.sent}
        assert held | asked == self.balance("M.HOLD")

    @invariant()
    def obligations_are_what_was_posted(self) -> None:
        owed = dict[tuple[str, str], Decimal]()
        for k, o in self.state.obligations.items():
            sign = 1 if o.side is Side.BUY else -1
            owed[k, o.isin] = -sign * o.qty
            owed[k, o.currency] = sign * o.amount
        for k, f in self.state.fx.items():
            owed[k, f.buy_currency] = -f.buy_amount
            owed[k, f.sell_currency] = f.sell_amount
        street = self.balance("C.STREET")
        assert {k: v for k, v in owed.items() if v} == street
        for currency in ("USD", "EUR"):
            unsettled = sum((v for (_, unit), v in street.items() if unit == currency), D(0))
            cash = self.state.cash(currency)
            assert cash.settled == cash.traded + unsettled
        for isin in ISINS:
            unsettled = sum((v for (_, unit), v in street.items() if unit == isin), D(0))
            assert self.state.settled_qty(isin) == self.state.qty(isin) + unsettled

    @invariant()
    def what_is_in_flight_is_what_was_posted(self) -> None:
        sent = {(k, w.currency): w.amount for k, w in self.state.withdrawals.items() if w.sent}
        assert sent == self.balance("C.PAYOUT")
        fees = {("", k): a.posted for k, a in self.state.fees.items() if a.posted}
        assert fees == self.balance("M.FEE")
        assert fees == {k: -v for k, v in self.balance("H.ACCRUED").items()}
        assert {t for t, _ in self.balance("C.XFER")} == set(self.state.transfers)
        assert not self.balance("C.UNALLOC")

    @invariant()
    def cost_is_neither_made_nor_lost(self) -> None:
        moved = Counter[str]()
        for event in self.history:
            for m in getattr(event, "lots", ()):
                moved[event.isin] += m.cost  # type: ignore[attr-defined]
        held = {isin: sum(x.cost for x in lots) for isin, lots in self.state.lots.items()}
        assert {k: v for k, v in moved.items() if v} == {k: v for k, v in held.items() if v}

    @invariant()
    def replay_is_the_truth_and_survives_a_snapshot(self) -> None:
        assert reduce(account.evolve, self.history, account.INITIAL) == self.state
        stored = msgspec.msgpack.encode(self.state)
        assert msgspec.msgpack.decode(stored, type=State) == self.state


World.TestCase.settings = settings(max_examples=40, stateful_step_count=40)
TestWorld = World.TestCase
