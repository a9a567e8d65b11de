"""The journal of the domain's specification, line by line with its figures, built from events.

Corporate actions (J9-J13), the house taking a trade over (J19) and buy-ins (J21) have no events
yet; the end balances below are those of the lines that run here, worked out by hand.
"""

from collections import Counter
from collections.abc import Iterable
from datetime import date
from decimal import Decimal

import pytest

from domain import house
from domain.account.adjustments import AdjustmentPosted
from domain.account.busts import TradeBusted
from domain.account.cash import CashDeposited, DepositReturned
from domain.account.exchange import FxBooked, FxSettled
from domain.account.fees import FeeAccrued, FeeCharged, InterestCredited, InterestDebited
from domain.account.holds import FundsReserved, HoldReleased
from domain.account.obligations import ObligationFailing, ObligationSettled, SettledAfterBust
from domain.account.selection import LotsSelected
from domain.account.trades import TradeBooked
from domain.account.transfers import (
    CashTransferredIn,
    CashTransferredOut,
    SecuritiesTransferredIn,
    SecuritiesTransferredOut,
    TransferUndone,
)
from domain.account.withdrawals import (
    WithdrawalCancelled,
    WithdrawalCompleted,
    WithdrawalRejected,
    WithdrawalRequested,
    WithdrawalReturned,
    WithdrawalSent,
)
from domain.ledger import CHART, CLEARING, Posting, entries
from domain.rules.charges import Charge
from domain.rules.lots import LotMove
from domain.shared.fix import Side
from domain.shared.message import Event

D = Decimal
DAY, LATER = date(2024, 6, 3), date(2024, 6, 4)
X, B = "US0378331005", "US912810TM09"
A1 = "A1"


def lot(lot_id: str, qty: str, cost: str, proceeds: str = "0") -> LotMove:
    return LotMove(
        lot_id=lot_id,
        qty=D(qty),
        cost=D(cost),
        cost_base=D(cost),
        acquired_on=DAY,
        proceeds=D(proceeds),
    )


def commission(amount: str) -> Charge:
    return Charge(kind="commission", amount=D(amount))


def trade(
    trade_id: str,
    side: Side,
    qty: str,
    price: str,
    *,
    lots: tuple[LotMove, ...],
    charges: tuple[Charge, ...] = (),
    order_id: str = "",
    hold: str = "0",
    isin: str = X,
    gross: str = "",
    accrued: str = "0",
) -> TradeBooked:
    return TradeBooked(
        account_id=A1,
        trade_id=trade_id,
        order_id=order_id or f"O-{trade_id}",
        exec_id=f"E-{trade_id}",
        instrument_id="X",
        isin=isin,
        side=side,
        qty=D(qty),
        price=D(price),
        currency="USD",
        gross=D(gross) if gross else (D(qty) * D(price)).quantize(D("0.01")),
        accrued_interest=D(accrued),
        charges=charges,
        lots=lots,
        trade_date=DAY,
        settl_date=LATER,
        hold_unit="USD" if D(hold) else "",
        hold_released=D(hold),
    )


def settled(
    obligation: str, side: Side, qty: str, amount: str, rest: str = "0"
) -> ObligationSettled:
    return ObligationSettled(
        account_id=A1,
        obligation_id=obligation,
        isin=X,
        side=side,
        qty=D(qty),
        amount=D(amount),
        currency="USD",
        value_date=LATER,
        rest_qty=D(rest),
        confirmation_id=f"C-{obligation}-{rest}",
    )


def after_bust(
    obligation: str, reverse: str, side: Side, qty: str, amount: str
) -> SettledAfterBust:
    return SettledAfterBust(
        account_id=A1,
        obligation_id=obligation,
        reverse_id=reverse,
        isin=X,
        side=side,
        qty=D(qty),
        amount=D(amount),
        currency="USD",
        trade_date=DAY,
        value_date=LATER,
        confirmation_id=f"C-{reverse}",
    )


def bust(booked: TradeBooked, *, reverse: str = "") -> TradeBusted:
    mirrored = tuple(lot(m.lot_id, str(-m.qty), str(-m.cost)) for m in booked.lots)
    return TradeBusted(
        account_id=A1,
        trade_id=booked.trade_id,
        order_id=booked.order_id,
        exec_id=booked.exec_id,
        isin=X,
        side=booked.side,
        qty=booked.qty,
        currency="USD",
        gross=booked.gross,
        charges=booked.charges,
        lots=mirrored,
        open_qty=D(0) if reverse else booked.qty,
        open_amount=D(0) if reverse else booked.gross,
        reverse_id=reverse,
        reverse_qty=booked.qty if reverse else D(0),
        reverse_amount=booked.gross if reverse else D(0),
        trade_date=DAY,
    )


def cash(kind: type[Event], **fields: object) -> Event:
    known = {"account_id": A1, "currency": "USD"}
    wanted = kind.__struct_fields__
    return kind(**{k: v for k, v in known.items() if k in wanted} | fields)


T3 = trade(
    "T3", Side.BUY, "10", "50.00", lots=(lot("L3", "10", "501.00"),), charges=(commission("1.00"),)
)
T8 = trade("T8", Side.BUY, "10", "50.00", lots=(lot("L8", "10", "500.00"),))
T4 = trade("T4", Side.BUY, "10", "50.00", lots=(lot("L4", "10", "500.00"),))

JOURNAL: tuple[tuple[str, Event, tuple[str, ...]], ...] = (
    (
        "J0 house funded",
        house.HouseFunded(currency="USD", amount=D("1000.00")),
        ("H.NOSTRO / H.CAPITAL USD 1000.00",),
    ),
    (
        "J1 deposit",
        cash(
            CashDeposited,
            amount=D("10000.00"),
            reference="P1",
            reference_hmac="d1",
            value_date=DAY,
        ),
        (
            "C.NOSTRO / C.UNALLOC[d1] USD 10000.00",
            "C.UNALLOC[d1] / C.CASH[A1] USD 10000.00",
        ),
    ),
    (
        "J2 withdrawal asked",
        cash(
            WithdrawalRequested,
            client_id="K1",
            payment_id="W1",
            amount=D("1000.00"),
            reference="r",
        ),
        ("M.CONTRA / M.HOLD[A1,W1] USD 1000.00",),
    ),
    (
        "J2 sent",
        cash(WithdrawalSent, payment_id="W1", amount=D("1000.00")),
        (
            "M.HOLD[A1,W1] / M.CONTRA USD 1000.00",
            "C.CASH[A1] / C.PAYOUT[W1] USD 1000.00",
        ),
    ),
    (
        "J2 confirmed",
        cash(WithdrawalCompleted, payment_id="W1", amount=D("1000.00"), value_date=DAY),
        ("C.PAYOUT[W1] / C.NOSTRO USD 1000.00",),
    ),
    (
        "J3 order reserved",
        FundsReserved(
            account_id=A1,
            order_id="O1",
            unit="USD",
            amount=D("5005.00"),
            added=D("5005.00"),
            qty=D(100),
        ),
        ("M.CONTRA / M.HOLD[A1,O1] USD 5005.00",),
    ),
    (
        "J4 J5 buy fill and commission",
        trade(
            "T1",
            Side.BUY,
            "100",
            "49.90",
            lots=(lot("L1", "100", "4995.00"),),
            charges=(commission("5.00"),),
            order_id="O1",
            hold="5005.00",
        ),
        (
            "M.HOLD[A1,O1] / M.CONTRA USD 5005.00",
            f"C.STREET[A1,T1] / C.SEC[A1,L1] {X} 100",
            "C.CASH[A1] / C.STREET[A1,T1] USD 4990.00",
            "C.CASH[A1] / C.DUE USD 5.00",
            "H.DUE / H.COMM USD 5.00",
        ),
    ),
    (
        "J6 buy settled",
        settled("T1", Side.BUY, "100", "4990.00"),
        (
            f"C.DEPOT / C.STREET[A1,T1] {X} 100",
            "C.STREET[A1,T1] / C.NOSTRO USD 4990.00",
        ),
    ),
    (
        "J7 sell fill, commission, section 31",
        trade(
            "T2",
            Side.SELL,
            "40",
            "60.00",
            lots=(lot("L1", "-40", "-1998.00", "2397.93"),),
            charges=(
                commission("2.00"),
                Charge(kind="section_31", amount=D("0.07"), authority="SEC31"),
            ),
        ),
        (
            f"C.SEC[A1,L1] / C.STREET[A1,T2] {X} 40",
            "C.STREET[A1,T2] / C.CASH[A1] USD 2400.00",
            "C.CASH[A1] / C.DUE USD 2.00",
            "H.DUE / H.COMM USD 2.00",
            "C.CASH[A1] / C.TAX[SEC31] USD 0.07",
        ),
    ),
    (
        "J8 sale settles in part",
        settled("T2", Side.SELL, "24", "1440.00", rest="16"),
        (
            f"C.STREET[A1,T2] / C.DEPOT {X} 24",
            "C.NOSTRO / C.STREET[A1,T2] USD 1440.00",
        ),
    ),
    (
        "J8 the other 16 fail",
        ObligationFailing(account_id=A1, obligation_id="T2", rest_qty=D(16), reason="LACK"),
        (),
    ),
    (
        "J8 the rest settles",
        settled("T2", Side.SELL, "16", "960.00"),
        (
            f"C.STREET[A1,T2] / C.DEPOT {X} 16",
            "C.NOSTRO / C.STREET[A1,T2] USD 960.00",
        ),
    ),
    (
        "J14 FX trade and margin",
        FxBooked(
            account_id=A1,
            fx_id="F1",
            buy_currency="EUR",
            buy_amount=D("1000.00"),
            sell_currency="USD",
            dealer_amount=D("1095.00"),
            margin=D("5.00"),
            client_rate=D("1.1"),
            dealer_rate=D("1.095"),
            trade_date=DAY,
            value_date=LATER,
        ),
        (
            "C.CASH[A1] / C.STREET[A1,F1] USD 1095.00",
            "C.STREET[A1,F1] / C.CASH[A1] EUR 1000.00",
            "C.CASH[A1] / C.DUE USD 5.00",
            "H.DUE / H.FX USD 5.00",
        ),
    ),
    (
        "J14 value date",
        FxSettled(
            account_id=A1,
            fx_id="F1",
            buy_currency="EUR",
            buy_amount=D("1000.00"),
            sell_currency="USD",
            sell_amount=D("1095.00"),
            value_date=LATER,
        ),
        (
            "C.STREET[A1,F1] / C.NOSTRO USD 1095.00",
            "C.NOSTRO / C.STREET[A1,F1] EUR 1000.00",
        ),
    ),
    (
        "J15 fee accrued",
        cash(FeeAccrued, amount=D("10.00"), exact_total=D("10.001"), accrual_date=DAY),
        ("H.ACCRUED[A1] / H.FEES USD 10.00", "M.CONTRA / M.FEE[A1] USD 10.00"),
    ),
    (
        "J15 charged with VAT",
        cash(FeeCharged, net=D("10.00"), vat=D("2.00"), period_end=DAY),
        (
            "C.CASH[A1] / C.DUE USD 12.00",
            "M.FEE[A1] / M.CONTRA USD 10.00",
            "H.DUE / H.ACCRUED[A1] USD 10.00",
            "H.DUE / H.VAT USD 2.00",
        ),
    ),
    (
        "J15 sweep of all dues so far",
        house.DuesSwept(currency="USD", amount=D("24.00")),
        ("C.DUE / C.NOSTRO USD 24.00", "H.NOSTRO / H.DUE USD 24.00"),
    ),
    (
        "J16 cash out",
        cash(CashTransferredOut, transfer_id="X1", to_account_id="A2", amount=D("100.00")),
        ("C.CASH[A1] / C.XFER[X1] USD 100.00",),
    ),
    (
        "J16 cash in",
        CashTransferredIn(
            account_id="A2",
            transfer_id="X1",
            from_account_id=A1,
            currency="USD",
            amount=D("100.00"),
        ),
        ("C.XFER[X1] / C.CASH[A2] USD 100.00",),
    ),
    (
        "J16 securities out",
        SecuritiesTransferredOut(
            account_id=A1,
            transfer_id="X2",
            to_account_id="A2",
            isin=X,
            instrument_id="X",
            currency="USD",
            lots=(lot("L1", "-26", "-556.59"),),
        ),
        (f"C.SEC[A1,L1] / C.XFER[X2] {X} 26",),
    ),
    (
        "J16 securities in",
        SecuritiesTransferredIn(
            account_id="A2",
            transfer_id="X2",
            from_account_id=A1,
            isin=X,
            instrument_id="X",
            currency="USD",
            lots=(lot("L1", "26", "556.59"),),
        ),
        (f"C.XFER[X2] / C.SEC[A2,L1] {X} 26",),
    ),
    (
        "J17 booked",
        T3,
        (
            f"C.STREET[A1,T3] / C.SEC[A1,L3] {X} 10",
            "C.CASH[A1] / C.STREET[A1,T3] USD 500.00",
            "C.CASH[A1] / C.DUE USD 1.00",
            "H.DUE / H.COMM USD 1.00",
        ),
    ),
    (
        "J17 busted before settlement",
        bust(T3),
        (
            f"C.SEC[A1,L3] / C.STREET[A1,T3] {X} 10",
            "C.STREET[A1,T3] / C.CASH[A1] USD 500.00",
            "C.DUE / C.CASH[A1] USD 1.00",
            "H.COMM / H.DUE USD 1.00",
        ),
    ),
    (
        "J18 booked",
        T4,
        (
            f"C.STREET[A1,T4] / C.SEC[A1,L4] {X} 10",
            "C.CASH[A1] / C.STREET[A1,T4] USD 500.00",
        ),
    ),
    (
        "J18 settled",
        settled("T4", Side.BUY, "10", "500.00"),
        (f"C.DEPOT / C.STREET[A1,T4] {X} 10", "C.STREET[A1,T4] / C.NOSTRO USD 500.00"),
    ),
    (
        "J18 busted after: a new reverse obligation",
        bust(T4, reverse="T4R"),
        (
            f"C.SEC[A1,L4] / C.STREET[A1,T4R] {X} 10",
            "C.STREET[A1,T4R] / C.CASH[A1] USD 500.00",
        ),
    ),
    (
        "J18 it settles",
        settled("T4R", Side.SELL, "10", "500.00"),
        (f"C.STREET[A1,T4R] / C.DEPOT {X} 10", "C.NOSTRO / C.STREET[A1,T4R] USD 500.00"),
    ),
    (
        "J18* booked",
        T8,
        (
            f"C.STREET[A1,T8] / C.SEC[A1,L8] {X} 10",
            "C.CASH[A1] / C.STREET[A1,T8] USD 500.00",
        ),
    ),
    (
        "J18* T8 is busted before settlement",
        bust(T8),
        (
            f"C.SEC[A1,L8] / C.STREET[A1,T8] {X} 10",
            "C.STREET[A1,T8] / C.CASH[A1] USD 500.00",
        ),
    ),
    (
        "J18* and settles all the same: owed back",
        after_bust("T8", "T8B", Side.BUY, "10", "500.00"),
        (f"C.DEPOT / C.STREET[A1,T8B] {X} 10", "C.STREET[A1,T8B] / C.NOSTRO USD 500.00"),
    ),
    (
        "J18* it goes back",
        settled("T8B", Side.SELL, "10", "500.00"),
        (f"C.STREET[A1,T8B] / C.DEPOT {X} 10", "C.NOSTRO / C.STREET[A1,T8B] USD 500.00"),
    ),
    (
        "J20 bank pays interest",
        house.InterestReceived(currency="USD", amount=D("3.00"), value_date=DAY),
        ("C.NOSTRO / C.DUE USD 3.00", "H.DUE / H.INT USD 3.00"),
    ),
    (
        "J20 client credited",
        cash(InterestCredited, amount=D("2.50"), value_date=DAY),
        ("C.DUE / C.CASH[A1] USD 2.50", "H.INT / H.DUE USD 2.50"),
    ),
    (
        "J20 debit interest",
        cash(InterestDebited, amount=D("0.40"), value_date=DAY),
        ("C.CASH[A1] / C.DUE USD 0.40", "H.DUE / H.INT USD 0.40"),
    ),
)

ALTERNATIVES: tuple[tuple[str, Event, tuple[str, ...]], ...] = (
    (
        "J18* a busted sale is delivered all the same, in part",
        after_bust("T2", "T2B", Side.SELL, "24", "1440.00"),
        (f"C.STREET[A1,T2B] / C.DEPOT {X} 24", "C.NOSTRO / C.STREET[A1,T2B] USD 1440.00"),
    ),
    (
        "J18* and comes back",
        settled("T2B", Side.BUY, "24", "1440.00"),
        (f"C.DEPOT / C.STREET[A1,T2B] {X} 24", "C.STREET[A1,T2B] / C.NOSTRO USD 1440.00"),
    ),
    (
        "J2* pain.002 RJCT",
        cash(WithdrawalRejected, payment_id="W1", amount=D("1000.00"), reason="AC04"),
        ("C.PAYOUT[W1] / C.CASH[A1] USD 1000.00",),
    ),
    (
        "J2* returned after the debit",
        cash(
            WithdrawalReturned,
            payment_id="W1",
            amount=D("1000.00"),
            value_date=DAY,
            reason="AC04",
        ),
        ("C.NOSTRO / C.UNALLOC[W1] USD 1000.00", "C.UNALLOC[W1] / C.CASH[A1] USD 1000.00"),
    ),
    (
        "J2* cancelled before it was sent",
        cash(WithdrawalCancelled, payment_id="W1", amount=D("1000.00"), reason="client"),
        ("M.HOLD[A1,W1] / M.CONTRA USD 1000.00",),
    ),
    (
        "J1* the bank takes the receipt back",
        cash(
            DepositReturned,
            amount=D("10000.00"),
            reference="P1",
            reference_hmac="d1",
            value_date=DAY,
        ),
        ("C.CASH[A1] / C.UNALLOC[d1] USD 10000.00", "C.UNALLOC[d1] / C.NOSTRO USD 10000.00"),
    ),
    (
        "J3* the hold shrinks after a replace",
        FundsReserved(
            account_id=A1,
            order_id="O1",
            unit="USD",
            amount=D("4000.00"),
            added=D("-1005.00"),
            qty=D(80),
        ),
        ("M.HOLD[A1,O1] / M.CONTRA USD 1005.00",),
    ),
    (
        "J3* order ends unfilled",
        HoldReleased(account_id=A1, order_id="O1", unit=X, amount=D(40)),
        (f"M.HOLD[A1,O1] / M.CONTRA {X} 40",),
    ),
    (
        "J16* the other account refused",
        cash(TransferUndone, transfer_id="X1", amount=D("100.00"), reason="closed"),
        ("C.XFER[X1] / C.CASH[A1] USD 100.00",),
    ),
    (
        "J23 bond with accrued interest, kept out of cost",
        trade(
            "T9",
            Side.BUY,
            "10000",
            "98.50",
            lots=(lot("L9", "10000", "9850.00"),),
            isin=B,
            gross="9850.00",
            accrued="125.00",
        ),
        (
            f"C.STREET[A1,T9] / C.SEC[A1,L9] {B} 10000",
            "C.CASH[A1] / C.STREET[A1,T9] USD 9975.00",
        ),
    ),
    (
        "adjustment in the client's favour",
        cash(
            AdjustmentPosted,
            adjustment_id="M1",
            amount=D("7.50"),
            reason="r",
            evidence="v",
            requested_by="a",
            approved_by="b",
        ),
        ("C.DUE / C.CASH[A1] USD 7.50", "H.ERROR / H.DUE USD 7.50"),
    ),
    (
        "lots of a sale chosen again",
        LotsSelected(
            account_id=A1,
            trade_id="T2",
            isin=X,
            lots=(lot("L1", "40", "1998.00"), lot("L1", "-10", "-500.00"), lot("L2", "-30", "-1")),
        ),
        (f"C.SEC[A1,L2] / C.SEC[A1,L1] {X} 30",),
    ),
)

Key = tuple[str, str, str, str]


def written(posting: Posting) -> str:
    """As the journal writes a line: the bank's and the custodian's single account unnamed."""
    ref = "" if posting.ref == "main" else posting.ref
    key = ",".join(part for part in (posting.owner, ref) if part)
    return f"{posting.account}[{key}]" if key else posting.account


def lines(event: Event) -> tuple[str, ...]:
    found = list[str]()
    for entry in entries(event):
        debit, credit = sorted(entry.postings, key=lambda p: -p.amount)
        assert debit.amount == -credit.amount
        assert debit.unit == credit.unit
        found.append(f"{written(debit)} / {written(credit)} {debit.unit} {debit.amount}")
    return tuple(found)


def balances(events: Iterable[Event]) -> dict[str, Decimal]:
    """Balances by 'ACCOUNT[key] unit', without the zeros."""
    total = Counter[str]()
    for event in events:
        for entry in entries(event):
            for p in entry.postings:
                total[f"{written(p)} {p.unit}"] += p.amount
    return {k: v for k, v in total.items() if v}


@pytest.mark.parametrize(("name", "event", "expected"), (*JOURNAL, *ALTERNATIVES))
def test_every_line_of_the_journal_is_posted_as_written(
    name: str, event: Event, expected: tuple[str, ...]
) -> None:
    assert lines(event) == expected


def test_after_j8_the_balances_are_those_of_a_settled_round_trip() -> None:
    first_fx = [name for name, *_ in JOURNAL].index("J14 FX trade and margin")
    found = balances(event for _, event, _ in JOURNAL[:first_fx])
    assert found == {
        "H.NOSTRO USD": D("1000.00"),
        "H.CAPITAL USD": D("-1000.00"),
        # 10000.00 - 1000.00 - 4990.00 - 5.00 + 2400.00 - 2.00 - 0.07
        "C.CASH[A1] USD": D("-6402.93"),
        # 10000.00 - 1000.00 - 4990.00 + 2400.00
        "C.NOSTRO USD": D("6410.00"),
        "C.TAX[SEC31] USD": D("-0.07"),
        "C.DUE USD": D("-7.00"),
        "H.DUE USD": D("7.00"),
        "H.COMM USD": D("-7.00"),
        f"C.DEPOT {X}": D(60),
        f"C.SEC[A1,L1] {X}": D(-60),
    }


def test_the_end_balances_are_those_worked_out_by_hand() -> None:
    """The specification's end balances less the lines that do not run here (J9-J13, J19, J21,
    J22): no dividend, spin-off or merger cash; 60 shares are not split into 126; no T5 to T7."""
    assert balances(event for _, event, _ in JOURNAL) == {
        # 6402.93 - 1095.00 - 5.00 - 12.00 - 100.00 (T3, T4 and their busts cancel) + 2.50 - 0.40
        "C.CASH[A1] USD": D("-5193.03"),
        "C.CASH[A1] EUR": D("-1000.00"),
        "C.CASH[A2] USD": D("-100.00"),
        "C.TAX[SEC31] USD": D("-0.07"),
        # 6410.00 - 1095.00 - 24.00 - 500.00 + 500.00 + 3.00
        "C.NOSTRO USD": D("5294.00"),
        "C.NOSTRO EUR": D("1000.00"),
        # as specified: 3.00 - 2.50 + 0.40 since the sweep
        "C.DUE USD": D("-0.90"),
        "H.DUE USD": D("0.90"),
        f"C.DEPOT {X}": D(60),
        f"C.SEC[A1,L1] {X}": D(-34),
        f"C.SEC[A2,L1] {X}": D(-26),
        "H.NOSTRO USD": D("1024.00"),
        "H.COMM USD": D("-7.00"),
        "H.FEES USD": D("-10.00"),
        "H.FX USD": D("-5.00"),
        "H.INT USD": D("-0.90"),
        "H.VAT USD": D("-2.00"),
        "H.CAPITAL USD": D("-1000.00"),
    }


def test_client_money_at_the_bank_is_what_clients_and_authorities_own_and_what_is_to_be_swept() -> (
    None
):
    end = balances(event for _, event, _ in JOURNAL)
    owned = sum(
        v for k, v in end.items() if k.startswith(("C.CASH", "C.TAX", "C.DUE")) and "USD" in k
    )
    assert end["C.NOSTRO USD"] == -owned


def test_when_every_item_has_ended_its_clearing_accounts_are_zero() -> None:
    end = balances(event for _, event, _ in JOURNAL)
    assert [k for k in end if k.split("[")[0].split()[0] in CLEARING] == []


def test_while_an_item_is_open_its_clearing_account_is_not_zero() -> None:
    half = balances([event for name, event, _ in JOURNAL if name.startswith(("J4", "J7"))])
    assert half["C.STREET[A1,T1] USD"] == D("-4990.00")
    assert half[f"C.STREET[A1,T2] {X}"] == D(-40)


def test_every_book_is_zero_per_unit_after_every_line() -> None:
    total = Counter[tuple[str, str]]()
    for _, event, _ in (*JOURNAL, *ALTERNATIVES):
        for entry in entries(event):
            for p in entry.postings:
                total[p.book, p.unit] += p.amount
        assert not any(total.values()), event


def test_only_accounts_of_the_chart_are_posted_to() -> None:
    used = {
        p.account
        for _, event, _ in (*JOURNAL, *ALTERNATIVES)
        for entry in entries(event)
        for p in entry.postings
    }
    assert used <= set(CHART)
