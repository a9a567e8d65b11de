"""Short functions for the commands of the golden story; they supply the common fields."""

from datetime import UTC, date, datetime, time
from decimal import Decimal
from typing import Any

from domain.account.cash import DepositCash, ReturnDeposit
from domain.account.fees import AccrueFee
from domain.account.transfers import TransferCash
from domain.account.withdrawals import WithdrawCash
from domain.client import commands as c
from domain.client.events import Document, RiskRating, Screening
from domain.house import CONTROLS, Control
from domain.instrument import commands as i
from domain.order import commands as o
from domain.price import MarkPrice
from domain.settlement import commands as s
from domain.settlement.events import StatusKind
from domain.shared.fix import CxlRejResponseTo, OrdType, Side, TimeInForce
from domain.shared.message import Command

D = Decimal
MON, TUE, WED, THU, FRI = (date(2024, 3, day) for day in range(4, 9))
NEXT_MON, NEXT_FRI = date(2024, 3, 11), date(2024, 3, 15)
APPLE, VODAFONE = "US0378331005", "GB00BH4HKS39"
PASSPORT = Document(kind="passport", reference="P1", issuer="GB", expires_on=date(2031, 5, 1))


def control(name: str, actual: str = "0") -> Control:
    """A control whose expected figure is zero."""
    found = D(actual)
    return Control(name=name, ok=not found, expected=D(0), actual=found, unit="USD")


HELD = tuple(map(control, CONTROLS))


def mark(name: str, isin: str, price: str, currency: str, *, day: date) -> Command:
    return MarkPrice(
        instrument_id=name,
        isin=isin,
        price=D(price),
        currency=currency,
        price_date=day,
        source="close",
    )


def listed(
    name: str, isin: str, currency: str, mic: str, *, settlement: str = "", tick: str = "0.01"
) -> Command:
    return i.ListInstrument(
        instrument_id=name,
        symbol=name,
        isin=isin,
        currency=currency,
        mic=mic,
        settlement_currency=settlement or None,
        tick_size=D(tick),
    )


def screened(client_id: str, screening_id: str, outcome: Screening) -> Command:
    return c.RecordScreening(
        client_id=client_id,
        screening_id=screening_id,
        outcome=outcome,
        screened_on=MON,
        lists=() if outcome is Screening.CLEAR else ("OFAC",),
    )


def approved(client_id: str, rating: RiskRating, review_on: date, **more: Any) -> Command:
    return c.ApproveKyc(
        client_id=client_id, officer="olga", risk_rating=rating, review_on=review_on, **more
    )


def deposit(account: str, amount: str, reference: str, currency: str = "USD") -> Command:
    return DepositCash(account_id=account, amount=D(amount), currency=currency, reference=reference)


def returned(account: str, amount: str, reference: str) -> Command:
    return ReturnDeposit(
        account_id=account, amount=D(amount), currency="USD", reference=reference, reason="AC06"
    )


def withdraw(
    account: str, amount: str, reference: str, *, currency: str = "USD", payee: str | None = None
) -> Command:
    return WithdrawCash(
        account_id=account,
        amount=D(amount),
        currency=currency,
        reference=reference,
        payee=payee,
    )


def order(order_id: str, *, qty: str, limit: str, **more: Any) -> Command:
    return o.PlaceOrder(
        order_id=order_id,
        account_id=more.get("account", "A1"),
        instrument_id=more.get("instrument", "AAPL"),
        side=more.get("side", Side.BUY),
        qty=D(qty),
        ord_type=OrdType.LIMIT,
        limit_px=D(limit),
        time_in_force=more.get("tif", TimeInForce.GTC),
    )


def ack(order_id: str) -> Command:
    return o.RecordAck(order_id=order_id, venue_order_id=f"V-{order_id}")


def fill(order_id: str, exec_id: str, qty: str, px: str, *, day: date = MON) -> Command:
    return o.RecordFill(
        order_id=order_id,
        venue_order_id=f"V-{order_id}",
        exec_id=exec_id,
        last_qty=D(qty),
        last_px=D(px),
        transact_time=datetime.combine(day, time(15, 0, 1, 250), UTC),
        trade_date=day,
        settl_date=WED if day == MON else THU,
        last_mkt="XNAS",
        contra="BRK1",
    )


def correct(order_id: str, exec_id: str, ref: str, *, qty: str, px: str) -> Command:
    return o.RecordTradeCorrect(
        order_id=order_id,
        venue_order_id=f"V-{order_id}",
        exec_id=exec_id,
        exec_ref_id=ref,
        last_qty=D(qty),
        last_px=D(px),
        transact_time=datetime.combine(MON, time(16), UTC),
        trade_date=MON,
        settl_date=WED,
    )


def bust(order_id: str, exec_id: str, ref: str) -> Command:
    return o.RecordTradeCancel(
        order_id=order_id,
        venue_order_id=f"V-{order_id}",
        exec_id=exec_id,
        exec_ref_id=ref,
        trade_date=MON,
        settl_date=FRI,
        reason="clearly erroneous",
    )


def cancel_reject(
    order_id: str,
    cl_ord_id: str,
    reason: str,
    response_to: CxlRejResponseTo = CxlRejResponseTo.CANCEL,
) -> Command:
    return o.RecordCancelReject(
        order_id=order_id, cl_ord_id=cl_ord_id, response_to=response_to, reason=reason
    )


def advised(obligation_id: str, status: str, reason: str = "") -> Command:
    kind = StatusKind.MATCHING if "match" in status else StatusKind.PROCESSING
    return s.RecordSettlementStatus(
        obligation_id=obligation_id, status_kind=kind, status=status, reason=reason
    )


def settled(
    obligation_id: str, confirmation_id: str, qty: str, amount: str, *, day: date = WED
) -> Command:
    return s.RecordSettlementConfirmation(
        obligation_id=obligation_id,
        confirmation_id=confirmation_id,
        qty=D(qty),
        amount=D(amount),
        value_date=day,
    )


def transfer(transfer_id: str, to: str, amount: str) -> Command:
    return TransferCash(
        transfer_id=transfer_id,
        account_id="A1",
        to_account_id=to,
        currency="USD",
        amount=D(amount),
    )


def fee(account: str, day: date, base: str) -> Command:
    return AccrueFee(
        account_id=account,
        accrual_date=day,
        fee_base=D(base),
        annual_rate=D("0.0075"),
        currency="USD",
    )
