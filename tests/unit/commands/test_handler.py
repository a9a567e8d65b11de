"""The handler: a batch of commands and the log, with and without other writers."""

from datetime import date, timedelta
from decimal import Decimal

import pytest

from adapters.log.event_log import RecorderLog
from commands.handler import Declined, Done, Handler
from commands.ports import KeyReused, Request
from domain.account.cash import DepositCash
from domain.account.standing import OpenAccount
from domain.account.withdrawals import WithdrawCash
from domain.catalogue import COMMANDS, DECIDERS
from domain.client.commands import ApproveKyc, OnboardClient, SubmitKyc
from domain.client.events import Document, Kind, RiskRating
from domain.house import FundHouse
from domain.shared.message import Command
from tests.unit.adapters.platform import NOW, WriteSide


def onboarding(client_id: str = "c1") -> list[Command]:
    passport = Document(kind="passport", reference="P1")
    return [
        OnboardClient(client_id=client_id, kind=Kind.INDIVIDUAL, legal_name="Ada", country="GB"),
        SubmitKyc(client_id=client_id, documents=(passport,)),
        ApproveKyc(
            client_id=client_id,
            officer="o1",
            risk_rating=RiskRating.LOW,
            review_on=date(2026, 1, 1),
        ),
    ]


def account(account_id: str = "A1") -> Command:
    return OpenAccount(account_id=account_id, client_id="c1", base_currency="USD")


def deposit(amount: str, reference: str = "r1", account_id: str = "A1") -> Command:
    return DepositCash(
        account_id=account_id, amount=Decimal(amount), currency="USD", reference=reference
    )


def withdraw(amount: str) -> Command:
    return WithdrawCash(account_id="A1", amount=Decimal(amount), currency="USD", reference="w")


def requests(*commands: Command) -> list[Request]:
    return [Request(command=c, message_id=f"k{i}") for i, c in enumerate(commands)]


@pytest.fixture
async def side() -> WriteSide:
    side = WriteSide()
    for command in [*onboarding(), account()]:
        assert isinstance(await side.do(command), Done)
    return side


async def test_a_batch_may_build_on_itself_in_order() -> None:
    side = WriteSide()
    wanted = requests(*onboarding(), account(), deposit("100.00"), withdraw("60.00"))
    outcomes = await side.handler.handle(wanted)
    assert [type(o) for o in outcomes] == [Done] * 6
    assert [o.stream for o in outcomes[3:]] == ["account-A1"] * 3
    assert [o.version for o in outcomes[3:]] == [1, 2, 3]
    positions = [o.position for o in outcomes]
    assert positions == sorted(positions) and len(set(positions)) == 6


async def test_two_commands_race_for_the_last_dollar_and_one_loses(side: WriteSide) -> None:
    await side.do(deposit("100.00"))
    both = [
        Request(command=withdraw("80.00"), message_id="w1"),
        Request(command=withdraw("80.00"), message_id="w2"),
    ]
    won, lost = await side.handler.handle(both)
    assert isinstance(won, Done)
    assert isinstance(lost, Declined)
    assert lost.refused.refusal == "insufficient_funds"


async def test_the_same_command_fifty_times_at_once_happens_once(side: WriteSide) -> None:
    same = [Request(command=deposit("10.00"), message_id="same") for _ in range(50)]
    outcomes = await side.handler.handle(same)
    assert {(o.version, o.position) for o in outcomes} == {(2, outcomes[0].position)}
    assert [o.replayed for o in outcomes] == [False] + [True] * 49
    assert (await side.log.heads(["account-A1"]))["account-A1"].version == 2


async def test_a_repeat_is_answered_from_memory_of_the_first(side: WriteSide) -> None:
    first = await side.do(deposit("10.00"), key="d1")
    again = await side.do(deposit("10.00"), key="d1")
    assert isinstance(first, Done) and isinstance(again, Done)
    assert (again.version, again.position, again.replayed) == (first.version, first.position, True)


async def test_another_body_under_a_used_key_is_recognised(side: WriteSide) -> None:
    await side.do(deposit("10.00"), key="d1")
    assert isinstance(await side.do(deposit("11.00"), key="d1"), KeyReused)


async def test_a_repeat_that_would_now_be_refused_is_still_a_repeat(side: WriteSide) -> None:
    await side.do(deposit("10.00"))
    await side.do(withdraw("10.00"), key="w")
    again = await side.do(withdraw("10.00"), key="w")
    assert isinstance(again, Done) and again.replayed


async def test_a_refusal_binds_no_key(side: WriteSide) -> None:
    assert isinstance(await side.do(withdraw("10.00"), key="w"), Declined)
    await side.do(deposit("10.00"))
    assert isinstance(await side.do(withdraw("10.00"), key="w"), Done)


async def test_a_dry_run_returns_the_events_and_appends_nothing(side: WriteSide) -> None:
    before = await side.log.last()
    result = await side.do(deposit("10.00"), key="d", dry_run=True)
    assert isinstance(result, Done)
    assert [type(e).__name__ for e in result.events] == ["CashDeposited"]
    assert await side.log.last() == before
    assert isinstance(await side.do(deposit("99.00"), key="d"), Done)


async def test_a_stale_cache_never_decides(side: WriteSide) -> None:
    other: Handler = side.fresh_handler()
    await other.handle([Request(command=deposit("50.00"), message_id="x")])
    done = await side.do(withdraw("50.00"))  # this handler's cached state lacks the cash
    assert isinstance(done, Done)
    assert done.version == 3


async def test_a_lost_race_is_decided_again_on_what_is_there(side: WriteSide) -> None:
    other = side.fresh_handler()
    await side.do(deposit("10.00"))
    await other.handle([Request(command=deposit("1.00", "r2"), message_id="x")])
    done = await side.do(deposit("1.00", "r3"))
    assert isinstance(done, Done)
    assert done.version == 4


async def test_a_future_effective_date_is_refused(side: WriteSide) -> None:
    late = await side.do(deposit("10.00"), effective_at=NOW + timedelta(days=1))
    assert isinstance(late, Declined)
    assert late.refused.refusal == "effective_at_in_future"


async def test_a_report_dated_ahead_of_our_clock_is_taken_and_is_of_now(side: WriteSide) -> None:
    """The fact has happened: it must not be lost if our clock was set back."""
    ahead = NOW + timedelta(minutes=5)
    result = await side.do(deposit("10.00"), key="bank|1", effective_at=ahead, keep=True)
    assert isinstance(result, Done)
    assert (await side.log.select("account-A1"))[-1].effective_at == NOW
    side.clock.set(NOW + timedelta(hours=1))
    again = await side.do(deposit("10.00"), key="bank|1", effective_at=ahead, keep=True)
    assert isinstance(again, Done)
    assert again.replayed


async def test_the_metadata_records_what_a_decision_read() -> None:
    side = WriteSide()
    for command in [*onboarding(), account()]:
        await side.do(command)
    opened = (await side.log.select("account-A1"))[0]
    assert opened.meta.read == {"client-c1": 3}
    assert opened.home == "A1"


async def test_snapshots_may_be_dropped_without_changing_an_answer(side: WriteSide) -> None:
    many = [Request(command=deposit("1.00", f"r{i}"), message_id=f"d{i}") for i in range(250)]
    await side.handler.handle(many)
    await side.handler.flush_snapshots()
    loaded = (await side.log.load(["account-A1"]))["account-A1"]
    assert loaded.snapshot is not None
    with_snapshot = await side.fresh_handler().state("account-A1")
    await side.recorder.drop_snapshots()
    assert await side.fresh_handler().state("account-A1") == with_snapshot
    assert with_snapshot[0] == (await side.handler.state("account-A1"))[0]


async def test_a_small_cache_only_costs_loads() -> None:
    from commands.state_cache import StateCache  # noqa: PLC0415

    side = WriteSide()
    side.handler.cache = StateCache(entries_max=2)
    for command in [*onboarding(), account("A1"), account("A2"), account("A3")]:
        assert isinstance(await side.do(command), Done)
    for i in range(9):
        done = await side.do(deposit("1.00", f"r{i}", f"A{i % 3 + 1}"))
        assert isinstance(done, Done)
        assert len(side.handler.cache) <= 3


class Counted:
    """A log that counts its calls."""

    def __init__(self, log: RecorderLog) -> None:
        self._log = log
        self.calls = 0

    def __getattr__(self, name: str) -> object:
        self.calls += 1
        return getattr(self._log, name)


def keyed(*asked: tuple[str, Command]) -> list[Request]:
    return [Request(command=c, message_id=key) for key, c in asked]


async def test_equal_items_of_a_batch_are_done_once_in_as_many_steps_as_distinct_ones(
    side: WriteSide,
) -> None:
    log = Counted(side.log)
    handler = Handler(log, DECIDERS, clock=side.clock)  # type: ignore[arg-type]
    outcomes = await handler.handle(keyed(*[("same", deposit("1.00"))] * 1_000))
    assert log.calls <= 3, "a repeat costs no step of its own"
    first, *repeats = outcomes
    assert isinstance(first, Done) and not first.replayed
    for repeat in repeats:
        assert isinstance(repeat, Done) and repeat.replayed
        assert (repeat.version, repeat.position) == (first.version, first.position)
    assert first.version == 2, "one deposit after the opening"


async def test_another_body_under_a_key_of_the_same_batch_is_recognised(side: WriteSide) -> None:
    bodies = [deposit("1.00"), deposit("2.00"), deposit("1.0"), deposit("1.00")]
    first, two, digits, repeat = await side.handler.handle(keyed(*[("k", b) for b in bodies]))
    assert isinstance(first, Done) and not first.replayed
    assert isinstance(two, KeyReused) and isinstance(digits, KeyReused)
    assert isinstance(repeat, Done) and repeat.replayed


async def test_repeats_do_not_delay_the_commands_behind_them(side: WriteSide) -> None:
    log = Counted(side.log)
    handler = Handler(log, DECIDERS, clock=side.clock)  # type: ignore[arg-type]
    asked = [(f"k{i // 2}", deposit("1.00", reference=f"r{i // 2}")) for i in range(400)]
    outcomes = await handler.handle(keyed(*asked))
    assert [o.replayed for o in outcomes if isinstance(o, Done)] == [False, True] * 200
    assert log.calls <= 3


async def test_a_repeat_of_what_an_older_batch_did_is_answered_as_that(side: WriteSide) -> None:
    await side.do(deposit("1.00"), "k")
    bodies = [deposit("2.00"), deposit("1.00"), deposit("3.00")]
    other, same, another = await side.handler.handle(keyed(*[("k", b) for b in bodies]))
    assert isinstance(other, KeyReused) and isinstance(another, KeyReused)
    assert isinstance(same, Done) and same.replayed


async def test_a_refused_first_command_is_no_answer_to_its_repeats(side: WriteSide) -> None:
    asked = keyed(("k", withdraw("5.00")), ("d", deposit("9.00")), ("k", withdraw("5.00")))
    refused, paid, again = await side.handler.handle(asked)
    assert isinstance(refused, Declined)
    assert isinstance(paid, Done)
    assert isinstance(again, Done) and not again.replayed


async def test_refused_repeats_are_settled_together_each_as_the_log_remembers_it(
    side: WriteSide,
) -> None:
    await side.do(deposit("9.00"))
    await side.do(withdraw("9.00"), "k")
    asked = keyed(("k", withdraw("9.00")), ("k", withdraw("8.00")), ("k", withdraw("9.00")))
    first, other, again = await side.handler.handle(asked)
    assert isinstance(first, Done) and first.replayed
    assert isinstance(other, KeyReused)
    assert isinstance(again, Done) and again.replayed


async def test_a_dry_run_under_a_key_of_its_batch_appends_nothing(side: WriteSide) -> None:
    dry = Request(command=deposit("1.00"), message_id="k", dry_run=True)
    done, tried = await side.handler.handle([*keyed(("k", deposit("1.00"))), dry])
    assert isinstance(done, Done) and done.changed
    assert isinstance(tried, Done) and not tried.changed and tried.events


# The time that a caller may state


TIMED = {"DepositCash", "ReturnDeposit", "RecordScreening", "MarkPrice", "FixRates"}


def test_a_caller_may_state_the_time_of_reports_alone() -> None:
    public = {name for name, kind in COMMANDS.items() if not kind.INTERNAL}
    assert {name for name in public if COMMANDS[name].STATES_TIME} == TIMED


@pytest.mark.parametrize("dry_run", [False, True])
@pytest.mark.parametrize("ago", [timedelta(days=9), timedelta(), timedelta(days=-9)])
async def test_an_intent_is_of_now_and_says_no_other_time(
    ago: timedelta, dry_run: bool, side: WriteSide
) -> None:
    """A withdrawal of 600 dated before the deposit of 1000 that pays for it."""
    assert isinstance(await side.do(deposit("1000.00")), Done)
    result = await side.do(withdraw("600.00"), effective_at=NOW - ago, dry_run=dry_run)
    assert isinstance(result, Declined)
    assert result.refused.refusal == "effective_at_not_allowed"
    assert isinstance(await side.do(withdraw("600.00"), dry_run=dry_run), Done)


async def test_a_report_of_the_street_keeps_its_time_and_so_does_what_the_log_caused(
    side: WriteSide,
) -> None:
    ago = NOW - timedelta(days=3)
    caused = FundHouse(currency="USD", amount=Decimal(1))
    assert isinstance(await side.do(caused, effective_at=ago, causation_id="order-O1@1"), Done)
    assert isinstance(await side.do(deposit("1.00"), effective_at=ago), Done)
    assert (await side.log.select("account-A1"))[-1].effective_at == ago
