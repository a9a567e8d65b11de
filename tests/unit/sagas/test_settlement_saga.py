"""The settlement saga: instruct, book what is confirmed, chase the rest, undo what is busted."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from msgspec.structs import replace

from domain.account.busts import TradeBusted
from domain.account.obligations import (
    ObligationSettled,
    RecordFailing,
    SettleAfterBust,
    SettledAfterBust,
    SettleObligation,
)
from domain.account.trades import TradeBooked
from domain.saga import DeadlinePassed
from domain.settlement.commands import (
    CancelSettlement,
    InstructSettlement,
    MarkFailing,
    ReleaseSettlement,
)
from domain.settlement.events import (
    SettlementCancelled,
    SettlementConfirmed,
    SettlementFailing,
    SettlementInstructed,
    SettlementReleased,
)
from domain.shared.fix import Side
from sagas import settlement
from tests.unit.sagas.scenario import following

ISIN = "US0378331005"
TODAY, SETTLES = date(2024, 3, 4), date(2024, 3, 6)
CLOSE = datetime(2024, 3, 6, 23, tzinfo=UTC)

booked = TradeBooked(
    account_id="A1",
    trade_id="T1",
    order_id="O1",
    exec_id="E1",
    instrument_id="AAPL",
    isin=ISIN,
    side=Side.BUY,
    qty=Decimal(100),
    price=Decimal("49.90"),
    currency="USD",
    gross=Decimal("4990.00"),
    accrued_interest=Decimal("10.00"),
    lots=(),
    trade_date=TODAY,
    settl_date=SETTLES,
)
instructed = SettlementInstructed(
    obligation_id="T1",
    account_id="A1",
    instrument_id="AAPL",
    isin=ISIN,
    side=Side.BUY,
    qty=Decimal(100),
    amount=Decimal("5000.00"),
    currency="USD",
    trade_date=TODAY,
    settl_date=SETTLES,
    country="US",
)
failing = SettlementFailing(
    obligation_id="T1", account_id="A1", reason="lack", whose="ours", rest_qty=Decimal(100)
)
cancelled = SettlementCancelled(obligation_id="T1", account_id="A1", rest_qty=Decimal(100))


def instruct(**changes: Any) -> InstructSettlement:
    terms: dict[str, Any] = {
        "obligation_id": "T1",
        "account_id": "A1",
        "instrument_id": "AAPL",
        "isin": ISIN,
        "side": Side.BUY,
        "qty": Decimal(100),
        "amount": Decimal("5000.00"),
        "currency": "USD",
        "trade_date": TODAY,
        "settl_date": SETTLES,
    }
    return InstructSettlement(**(terms | changes))


def confirmed(qty: int, amount: str, rest: int, n: int = 1) -> SettlementConfirmed:
    return SettlementConfirmed(
        obligation_id="T1",
        account_id="A1",
        confirmation_id=f"T1.{n}",
        qty=Decimal(qty),
        amount=Decimal(amount),
        value_date=SETTLES,
        rest_qty=Decimal(rest),
    )


def settle(qty: int, amount: str, n: int = 1) -> SettleObligation:
    return SettleObligation(
        account_id="A1",
        obligation_id="T1",
        qty=Decimal(qty),
        amount=Decimal(amount),
        value_date=SETTLES,
        confirmation_id=f"T1.{n}",
    )


def settled(qty: int, amount: str, rest: int, n: int = 1) -> ObligationSettled:
    return ObligationSettled(
        account_id="A1",
        obligation_id="T1",
        isin=ISIN,
        side=Side.BUY,
        qty=Decimal(qty),
        amount=Decimal(amount),
        currency="USD",
        value_date=SETTLES,
        rest_qty=Decimal(rest),
        confirmation_id=f"T1.{n}",
    )


def busted(open_qty: int, reverse_qty: int) -> TradeBusted:
    return TradeBusted(
        account_id="A1",
        trade_id="T1",
        order_id="O1",
        exec_id="E1",
        isin=ISIN,
        side=Side.BUY,
        qty=Decimal(100),
        currency="USD",
        gross=Decimal("4990.00"),
        lots=(),
        open_qty=Decimal(open_qty),
        open_amount=Decimal(open_qty) * 50,
        reverse_id="T1R" if reverse_qty else "",
        reverse_qty=Decimal(reverse_qty),
        reverse_amount=Decimal(reverse_qty) * 50,
        trade_date=TODAY,
        settl_date=date(2024, 3, 8) if reverse_qty else None,
    )


def test_a_booked_trade_is_instructed_at_once_for_gross_and_accrued_interest() -> None:
    following(settlement, booked).sends(instruct()).is_due(CLOSE, "unsettled_at_close")


def test_the_market_of_the_trade_is_the_custodians_and_of_what_goes_back() -> None:
    german = replace(booked, market_country="DE")
    story = following(settlement, german).sends(instruct(country="DE"))
    story.then(replace(instructed, country="DE"), confirmed(40, "2000.00", 60))
    story.then(settled(40, "2000.00", 60), busted(60, 40))
    assert [c.country for c in story.sent if isinstance(c, InstructSettlement)] == ["DE"]
    story.then(confirmed(60, "3000.00", 0, n=2))
    (result,) = story.sent
    assert isinstance(result, SettleAfterBust)
    story.then(came(result))
    assert [c.country for c in story.sent if isinstance(c, InstructSettlement)] == ["DE"]


def test_what_is_confirmed_is_booked_on_the_account() -> None:
    story = following(settlement, booked, instructed, confirmed(100, "5000.00", 0))
    story.sends(settle(100, "5000.00")).is_due(None).has_ended(False)
    story.then(settled(100, "5000.00", 0)).sends().has_ended()


def test_a_part_leaves_the_rest_open_and_due() -> None:
    story = following(settlement, booked, instructed, confirmed(40, "2000.00", 60))
    story.sends(settle(40, "2000.00")).is_due(CLOSE, "unsettled_at_close")
    story.then(settled(40, "2000.00", 60), confirmed(60, "3000.00", 0, n=2))
    story.sends(settle(60, "3000.00", n=2)).then(settled(60, "3000.00", 0, n=2)).has_ended()


def test_what_is_unsettled_at_the_close_of_its_date_fails_once() -> None:
    story = following(settlement, booked, instructed).time_passes()
    story.sends(MarkFailing(obligation_id="T1", reason="unsettled_at_close", close_of=SETTLES))
    story.is_due(None).has_ended(False)
    story.then(failing).sends(
        RecordFailing(account_id="A1", obligation_id="T1", reason="lack", whose="ours")
    )
    story.then(confirmed(100, "5000.00", 0)).sends(settle(100, "5000.00"))


def test_a_deadline_that_settlement_overtook_is_nothing() -> None:
    story = following(settlement, booked, instructed, confirmed(100, "5000.00", 0))
    late = DeadlinePassed(saga="settlement", saga_id="T1", name="unsettled_at_close", due_at=CLOSE)
    story.then(late).sends().then(settled(100, "5000.00", 0)).has_ended()


def test_a_bust_before_settlement_calls_the_instruction_back() -> None:
    story = following(settlement, booked, instructed, busted(100, 0))
    story.sends(CancelSettlement(obligation_id="T1", reason="trade_busted")).is_due(None)
    story.then(cancelled).sends().has_ended()


def test_a_bust_after_settlement_is_instructed_the_other_way_round() -> None:
    story = following(settlement, booked, instructed, confirmed(100, "5000.00", 0))
    story.then(settled(100, "5000.00", 0), busted(0, 100))
    story.sends(
        instruct(
            obligation_id="T1R",
            side=Side.SELL,
            settl_date=date(2024, 3, 8),
            hold=True,
        )
    )


def test_a_bust_in_between_does_both() -> None:
    story = following(settlement, booked, instructed, confirmed(40, "2000.00", 60))
    story.then(settled(40, "2000.00", 60), busted(60, 40))
    assert [type(c) for c in story.sent] == [CancelSettlement, InstructSettlement]


def test_a_reverse_obligation_is_followed_from_its_own_instruction() -> None:
    reverse = replace(instructed, obligation_id="T1R", side=Side.SELL)
    story = following(settlement, reverse).sends().is_due(CLOSE, "unsettled_at_close")
    command = replace(confirmed(100, "5000.00", 0), obligation_id="T1R")
    story.then(command).sends(replace(settle(100, "5000.00"), obligation_id="T1R"))


def after_bust(part: SettleObligation, reverse_id: str, **changes: Any) -> SettleAfterBust:
    return SettleAfterBust(
        **{
            "account_id": "A1",
            "obligation_id": "T1",
            "reverse_id": reverse_id,
            "isin": ISIN,
            "side": Side.BUY,
            "qty": part.qty,
            "amount": part.amount,
            "currency": "USD",
            "trade_date": TODAY,
            "value_date": SETTLES,
            "confirmation_id": part.confirmation_id,
        }
        | changes
    )


def came(told: SettleAfterBust) -> SettledAfterBust:
    return SettledAfterBust(**{f: getattr(told, f) for f in SettledAfterBust.__struct_fields__})


def test_a_busted_trade_that_settles_all_the_same_is_booked_and_sent_back() -> None:
    story = following(settlement, booked, instructed, busted(100, 0), confirmed(100, "5000.00", 0))
    (result,) = story.sent
    assert result == after_bust(settle(100, "5000.00"), result.reverse_id)
    assert result.reverse_id.startswith("T1.back1_")
    story.is_due(None).has_ended(False)
    back = instruct(obligation_id=result.reverse_id, side=Side.SELL, hold=True)
    story.then(came(result)).sends(back).has_ended()


def test_a_busted_sale_that_was_delivered_all_the_same_is_received_back_without_a_hold() -> None:
    story = following(settlement, sold, held, replace(busted(100, 0), side=Side.SELL))
    story.then(confirmed(100, "5000.00", 0))
    (result,) = story.sent
    assert result == after_bust(settle(100, "5000.00"), result.reverse_id, side=Side.SELL)
    story.then(came(result)).sends(instruct(obligation_id=result.reverse_id, side=Side.BUY))


def test_each_part_that_comes_after_the_bust_goes_back_under_an_id_of_its_own() -> None:
    story = following(settlement, booked, instructed, confirmed(40, "2000.00", 60))
    story.then(settled(40, "2000.00", 60), busted(60, 40), confirmed(30, "1500.00", 30, n=2))
    (second,) = story.sent
    story.then(confirmed(30, "1500.00", 0, n=3)).has_ended(False)
    (third,) = story.sent
    assert (second.confirmation_id, third.confirmation_id) == ("T1.2", "T1.3")
    assert len({second.reverse_id, third.reverse_id, "T1R"}) == 3
    story.then(came(second)).has_ended(False).then(came(third)).has_ended()


def test_a_confirmation_that_crossed_the_bust_is_booked_once_the_account_has_refused_it() -> None:
    story = following(settlement, booked, instructed, confirmed(100, "5000.00", 0), busted(100, 0))
    story.refused("SettleObligation", "obligation_unknown", refused_id="test-1@3#settlement.0")
    (result,) = story.sent
    assert result == after_bust(settle(100, "5000.00"), result.reverse_id)
    story.has_ended(False).then(came(result)).has_ended()
    assert [type(c) for c in story.sent] == [InstructSettlement]


def test_what_the_account_cannot_book_after_a_bust_is_left_as_a_case() -> None:
    story = following(settlement, booked, instructed, busted(100, 0), confirmed(100, "5000.00", 0))
    story.refused("SettleAfterBust", "account_unknown", refused_id="test-1@4#settlement.0")
    story.sends().has_ended()


def test_a_cancellation_that_crossed_the_settlement_sends_back_what_came() -> None:
    story = following(settlement, booked, instructed, busted(100, 0), cancelled)
    story.has_ended().then(confirmed(100, "5000.00", 0))
    assert [type(c) for c in story.sent] == [SettleAfterBust]
    story.has_ended(False)


def test_a_refused_booking_of_a_trade_without_a_bust_stays_a_case() -> None:
    story = following(settlement, booked, instructed, confirmed(100, "5000.00", 0))
    story.refused("SettleObligation", "amount_inexact", refused_id="test-1@3#settlement.0").sends()


sold = replace(booked, side=Side.SELL)
held = replace(instructed, side=Side.SELL, on_hold=True)
release = ReleaseSettlement(obligation_id="T1", account_id="A1")
NOON = datetime(2024, 3, 6, 12, tzinfo=UTC)


def test_a_delivery_is_instructed_on_hold_and_released_at_noon_of_its_date() -> None:
    story = following(settlement, sold).sends(instruct(side=Side.SELL, hold=True))
    story.then(held).sends().is_due(NOON, "release")
    story.time_passes().sends(release)
    story.then(SettlementReleased(obligation_id="T1", account_id="A1")).sends()
    story.is_due(CLOSE, "unsettled_at_close")


def test_what_is_not_covered_is_asked_again_at_the_next_noon() -> None:
    story = following(settlement, sold, held).time_passes()
    story.refused("ReleaseSettlement", "settlement_not_covered")
    again = settlement.due(story.state)
    assert again is not None and again.name == "release"
    assert again.at.time() == NOON.time()
    story.time_passes().sends(release)


def test_a_delivery_that_is_held_at_the_close_fails_by_us_and_is_released_later() -> None:
    story = following(settlement, sold, held).time_passes()
    state = replace(story.state, release_at=datetime(2024, 3, 7, 12, tzinfo=UTC))
    story.state = state
    story.is_due(CLOSE, "unsettled_at_close").time_passes()
    (result,) = story.sent
    assert (result.reason, result.whose) == ("not_covered", "ours")
    story.is_due(datetime(2024, 3, 7, 12, tzinfo=UTC), "release").time_passes().sends(release)


def test_a_busted_sale_waits_for_no_release() -> None:
    story = following(settlement, sold, held).then(replace(busted(100, 0), side=Side.SELL))
    story.is_due(None)
