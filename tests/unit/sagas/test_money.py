"""Payouts, transfers and currency exchange: the sagas' commands, and their compensations."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from domain.account.exchange import FxBooked, FxSettled, SettleFx
from domain.account.transfers import (
    CashTransferredIn,
    CashTransferredOut,
    CompleteTransfer,
    ReceiveCash,
    ReceiveSecurities,
    SecuritiesTransferredOut,
    TransferCompleted,
    TransferUndone,
    UndoTransfer,
)
from domain.account.withdrawals import (
    CancelWithdrawal,
    SendWithdrawal,
    WithdrawalCancelled,
    WithdrawalCompleted,
    WithdrawalRejected,
    WithdrawalRequested,
    WithdrawalReturned,
    WithdrawalSent,
)
from domain.rules.lots import LotMove
from sagas import fx, payout, transfer
from tests.unit.sagas.scenario import NOON, following

AMOUNT = Decimal("100.00")
payment = {"account_id": "A1", "payment_id": "A1.W1", "amount": AMOUNT, "currency": "USD"}
requested = WithdrawalRequested(client_id="C1", reference="r", **payment)  # type: ignore[arg-type]
sent = WithdrawalSent(**payment)  # type: ignore[arg-type]
completed = WithdrawalCompleted(value_date=date(2024, 3, 5), **payment)  # type: ignore[arg-type]
cash_out = CashTransferredOut(
    account_id="A1", transfer_id="X1", to_account_id="A2", currency="USD", amount=AMOUNT
)
cash_in = CashTransferredIn(
    account_id="A2", transfer_id="X1", from_account_id="A1", currency="USD", amount=AMOUNT
)
exchanged = FxBooked(
    account_id="A1",
    fx_id="F1",
    buy_currency="EUR",
    buy_amount=AMOUNT,
    sell_currency="USD",
    dealer_amount=AMOUNT,
    margin=Decimal("0.25"),
    client_rate=Decimal("1.0025"),
    dealer_rate=Decimal(1),
    trade_date=date(2024, 3, 4),
    value_date=date(2024, 3, 6),
)


def test_a_requested_payout_is_sent() -> None:
    story = following(payout, requested)
    story.sends(SendWithdrawal(account_id="A1", payment_id="A1.W1")).has_ended(False)


def test_a_payout_the_bank_completes_has_ended_and_may_still_come_back() -> None:
    story = following(payout, requested, sent, completed).sends().has_ended()
    back = WithdrawalReturned(value_date=date(2024, 3, 8), reason="AC04", **payment)  # type: ignore[arg-type]
    story.then(back).sends().has_ended()


def test_a_rejected_payout_has_ended() -> None:
    rejected = WithdrawalRejected(reason="AC04", **payment)  # type: ignore[arg-type]
    following(payout, requested, sent, rejected).sends().has_ended()


def test_a_payout_that_may_not_be_sent_any_more_frees_its_hold() -> None:
    story = following(payout, requested).refused("SendWithdrawal", "account_not_open")
    story.sends(CancelWithdrawal(account_id="A1", payment_id="A1.W1", reason="account_not_open"))
    gone = WithdrawalCancelled(reason="account_not_open", **payment)  # type: ignore[arg-type]
    story.has_ended(False).then(gone).sends().has_ended()


def test_a_payout_the_client_cancelled_first_is_left_alone() -> None:
    gone = WithdrawalCancelled(reason="client", **payment)  # type: ignore[arg-type]
    following(payout, requested, gone).refused("SendWithdrawal", "withdrawal_unknown").sends()


def test_a_silent_bank_becomes_a_case_and_gets_no_second_request() -> None:
    story = following(payout, requested, sent)
    story.is_due(NOON + timedelta(days=5, seconds=2), "unanswered").time_passes().sends()
    story.is_due(None).has_ended(False).then(completed).has_ended()


def test_what_one_account_gave_the_other_takes_and_the_first_completes() -> None:
    story = following(transfer, cash_out).sends(
        ReceiveCash(
            account_id="A2",
            transfer_id="X1",
            from_account_id="A1",
            currency="USD",
            amount=AMOUNT,
        )
    )
    story.then(cash_in).sends(CompleteTransfer(account_id="A1", transfer_id="X1"))
    story.has_ended(False).then(TransferCompleted(account_id="A1", transfer_id="X1")).has_ended()


def test_what_the_other_account_refuses_goes_back() -> None:
    story = following(transfer, cash_out).refused("ReceiveCash", "account_not_open")
    story.sends(UndoTransfer(account_id="A1", transfer_id="X1", reason="account_not_open"))
    undone = TransferUndone(account_id="A1", transfer_id="X1", currency="USD", amount=AMOUNT)
    story.then(undone).sends().has_ended()


def test_an_undoing_that_is_refused_is_not_undone_again() -> None:
    story = following(transfer, cash_out).refused("ReceiveCash", "account_not_open")
    story.refused("UndoTransfer", "transfer_unknown").sends().has_ended(False)


def test_shares_travel_with_their_lots_as_the_giver_moved_them() -> None:
    lot = LotMove(
        lot_id="L1",
        qty=Decimal(-26),
        cost=Decimal("-556.59"),
        cost_base=Decimal("-556.59"),
        acquired_on=date(2020, 1, 2),
    )
    out = SecuritiesTransferredOut(
        account_id="A1",
        transfer_id="X2",
        to_account_id="A2",
        isin="US0378331005",
        instrument_id="AAPL",
        currency="USD",
        lots=(lot,),
        base_currency="USD",
    )
    following(transfer, out).sends(
        ReceiveSecurities(
            account_id="A2",
            transfer_id="X2",
            from_account_id="A1",
            instrument_id="AAPL",
            isin="US0378331005",
            currency="USD",
            lots=(lot,),
            base_currency="USD",
        )
    )


def test_two_accounts_may_use_the_same_transfer_id() -> None:
    one = following(transfer, cash_out)
    other = following(
        transfer,
        CashTransferredOut(
            account_id="A3", transfer_id="X1", to_account_id="A2", currency="USD", amount=AMOUNT
        ),
    )
    assert one.ids != other.ids


def test_an_exchange_settles_on_its_value_date() -> None:
    story = following(fx, exchanged).sends()
    story.is_due(datetime(2024, 3, 6, 8, tzinfo=UTC), "value_date").time_passes()
    story.sends(SettleFx(account_id="A1", fx_id="F1", value_date=date(2024, 3, 6))).is_due(None)
    settled = FxSettled(
        account_id="A1",
        fx_id="F1",
        buy_currency="EUR",
        buy_amount=AMOUNT,
        sell_currency="USD",
        sell_amount=AMOUNT,
        value_date=date(2024, 3, 6),
    )
    story.has_ended(False).then(settled).has_ended()
