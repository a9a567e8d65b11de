"""The run loop: nothing skipped, nothing twice, and one broken view does not stop the others."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.memory.sink import MemorySink
from domain.shared.envelope import Envelope
from projections.engine.runner import Runner
from projections.ports import Change, Expelled, Key, Row, Unstorable, View
from tests.unit.projections.listening import Heard, Listening, said
from tests.unit.projections.view_log import GAP, ListLog


async def ready(views: Sequence[View]) -> MemorySink:
    sink = MemorySink()
    await sink.prepare(views)
    return sink


async def run(runner: Runner, limit: int = 1_000) -> int:
    events = 0
    while step := (await runner.step(limit=limit)).events:
        events += step
    return events


def rows(sink: MemorySink, view: View) -> dict[str, Any]:
    return {row.account_id: row for row in sink.rows(view) if isinstance(row, Heard)}


async def test_rows_are_folded_in_log_order_and_stamped_with_the_last_position() -> None:
    view = Listening()
    sink = await ready([view])
    assert await run(Runner(said("A:one", "B:uno", "A:two"), sink, [view])) == 3
    assert rows(sink, view) == {
        "A": Heard(account_id="A", words=" one one! two two!", position=3 * GAP),
        "B": Heard(account_id="B", words=" uno uno!", position=2 * GAP),
    }


words = st.lists(
    st.tuples(st.sampled_from("ABC"), st.sampled_from(["x", "y", "hush"])), max_size=30
)


@given(words, st.integers(1, 7), st.integers(1, 7))
@settings(max_examples=60)
async def test_any_batching_gives_the_same_rows(
    told: list[tuple[str, str]], one: int, other: int
) -> None:
    log, view = said(*(f"{a}:{w}" for a, w in told)), Listening()
    by_one, by_other = await ready([view]), await ready([view])
    await run(Runner(log, by_one, [view]), limit=one)
    await run(Runner(log, by_other, [view]), limit=other)
    assert await by_one.checksum(view) == await by_other.checksum(view)


class Redelivers(ListLog):
    """Hands out every page from too far back, as at-least-once delivery may."""

    async def after(
        self, position: int, /, *, limit: int, until: int | None = None
    ) -> Sequence[Envelope]:
        return await super().after(max(0, position - 3 * GAP), limit=limit + 3, until=until)


@given(words, st.integers(1, 7))
@settings(max_examples=40)
async def test_what_was_folded_is_not_folded_again(told: list[tuple[str, str]], limit: int) -> None:
    log, view = said(*(f"{a}:{w}" for a, w in told)), Listening()
    once, again = await ready([view]), await ready([view])
    await run(Runner(log, once, [view]))
    await run(Runner(Redelivers(log.envelopes), again, [view]), limit=limit)
    assert await once.checksum(view) == await again.checksum(view)


async def test_a_restarted_runner_goes_on_from_the_checkpoint() -> None:
    view, log = Listening(), said("A:one", "A:two", "A:three")
    sink = await ready([view])
    await Runner(log, sink, [view]).step(limit=2)
    assert await run(Runner(log, sink, [view])) == 1
    assert rows(sink, view)["A"].words == " one one! two two! three three!"


async def test_a_new_view_catches_up_and_then_moves_with_the_others() -> None:
    old, new, log = Listening("old"), Listening("new"), said(*["A:x"] * 9)
    sink = await ready([old, new])
    await run(Runner(log, sink, [old]))
    log.envelopes += said(*["A:x"] * 12).envelopes[9:]
    runner = Runner(log, sink, [old, new])
    await run(runner, limit=4)
    assert set((await runner.positions()).values()) == {12 * GAP}
    assert rows(sink, old)["A"].words == rows(sink, new)["A"].words


async def test_a_view_that_lags_does_not_hold_up_those_ahead() -> None:
    old, new, log = Listening("old"), Listening("new"), said(*["A:x"] * 50)
    sink = await ready([old, new])
    await run(Runner(log, sink, [old]))
    log.envelopes += said(*["A:x"] * 51).envelopes[50:]
    runner = Runner(log, sink, [old, new])
    await runner.step(limit=5)
    assert await runner.positions() == {"old": 51 * GAP, "new": 5 * GAP}


@pytest.mark.parametrize("broken", [{"deaf": "bad"}, {"late": "bad"}])
@pytest.mark.parametrize("limit", [1, 3, 100])
async def test_a_view_that_raises_is_stuck_before_the_event_and_the_others_go_on(
    broken: dict[str, str], limit: int
) -> None:
    sound, sick = Listening("sound"), Listening("sick", **broken)
    sink = await ready([sound, sick])
    runner = Runner(said("A:x", "B:y", "A:bad", "A:z"), sink, [sound, sick])
    await run(runner, limit=limit)
    assert await runner.positions() == {"sound": 4 * GAP, "sick": 2 * GAP}
    assert rows(sink, sound)["A"].words == " x x! bad bad! z z!"
    assert rows(sink, sick)["A"] == Heard(account_id="A", words=" x x!", position=GAP)
    stuck = runner.stuck["sick"]
    assert (stuck.stream, stuck.version, stuck.position) == ("account-A", 2, 3 * GAP)
    assert "ValueError: cannot" in stuck.error


async def test_a_mended_view_goes_on_after_a_restart() -> None:
    sick, log = Listening("view", deaf="bad"), said("A:x", "A:bad", "A:z")
    sink = await ready([sick])
    await run(Runner(log, sink, [sick]))
    mended = Listening("view")
    await run(Runner(log, sink, [mended]))
    assert rows(sink, mended)["A"].words == " x x! bad bad! z z!"


class Picky(MemorySink):
    """A store that has no place for some word."""

    async def save(self, changes: Sequence[Change], /) -> None:
        for change in changes:
            for row in change.rows.values():
                if isinstance(row, Heard) and "nul" in row.words and change.view.NAME == "picky":
                    raise Unstorable("no place for nul")
        await super().save(changes)


@pytest.mark.parametrize("limit", [1, 2, 100])
async def test_a_row_that_cannot_be_stored_sticks_its_view_at_the_event_that_made_it(
    limit: int,
) -> None:
    sound, picky = Listening("sound"), Listening("picky")
    sink = Picky()
    await sink.prepare([sound, picky])
    runner = Runner(said("A:x", "B:y", "A:z", "B:nul", "A:w"), sink, [sound, picky])
    await run(runner, limit=limit)
    assert await runner.positions() == {"sound": 5 * GAP, "picky": 3 * GAP}
    assert (runner.stuck["picky"].stream, runner.stuck["picky"].version) == ("account-B", 2)
    assert rows(sink, picky)["A"].words == " x x! z z!"


class Overtaken(MemorySink):
    """Another runner moves the checkpoint between load and save, once."""

    def __init__(self, log: ListLog, view: View) -> None:
        super().__init__()
        self._other: Runner | None = Runner(log, self, [view])

    async def load(self, view: View, keys: Collection[Key], /) -> Mapping[Key, Row]:
        found = await super().load(view, keys)
        other, self._other = self._other, None
        if other is not None:
            await other.step(limit=2)
        return found


async def test_an_expelled_runner_loads_again_and_nothing_is_folded_twice() -> None:
    view, log = Listening(), said("A:one", "A:two", "A:three")
    sink = Overtaken(log, view)
    await sink.prepare([view])
    await run(Runner(log, sink, [view]))
    assert rows(sink, view)["A"].words == " one one! two two! three three!"


class AlwaysOvertaken(MemorySink):
    async def save(self, changes: Sequence[Change], /) -> None:
        raise Expelled("view")


async def test_a_runner_that_is_expelled_again_and_again_gives_up() -> None:
    view, sink = Listening(), AlwaysOvertaken()
    await sink.prepare([view])
    with pytest.raises(Expelled):
        await Runner(said("A:one"), sink, [view]).step()


class Uncertain(MemorySink):
    """The commit succeeds, but its answer is lost."""

    lost = False

    async def save(self, changes: Sequence[Change], /) -> None:
        await super().save(changes)
        if not self.lost:
            self.lost = True
            raise ConnectionError("gone")


async def test_a_commit_whose_answer_was_lost_is_not_folded_again() -> None:
    view, sink = Listening(), Uncertain()
    await sink.prepare([view])
    runner = Runner(said("A:one", "A:two"), sink, [view])
    with pytest.raises(ConnectionError):
        await runner.step()
    await run(runner)
    assert rows(sink, view)["A"].words == " one one! two two!"


@pytest.mark.parametrize("views", [1, 8])
async def test_others_are_let_run_the_more_often_the_more_views_fold(views: int) -> None:
    """The runner pauses after equal amounts of work, so others wait equally long for any views."""
    folded = [Listening(f"heard{n}") for n in range(views)]
    pauses = 0

    async def pause() -> None:
        nonlocal pauses
        pauses += 1

    await run(Runner(said(*["A:x"] * 768), await ready(folded), folded, pause=pause))
    assert 3 * views <= pauses <= 6 * views


class Deaf(Listening):
    """Gives its row back as it was."""

    def fold(self, row: Heard | None, key: Key, fact: str) -> Heard | None:
        return super().fold(row, key, fact) if row is None else row


class Declines(MemorySink):
    declines = False

    async def save(self, changes: Sequence[Change], /) -> None:
        if self.declines:
            raise ConnectionError("gone")
        await super().save(changes)


async def test_what_the_store_holds_is_stamped_only_by_a_save() -> None:
    view, sink = Deaf(), Declines()
    await sink.prepare([view])
    runner = Runner(said("A:one", "A:two"), sink, [view])
    await runner.step(limit=1)
    sink.declines = True
    with pytest.raises(ConnectionError):
        await runner.step(limit=1)
    assert rows(sink, view)["A"].position == GAP
    sink.declines = False
    await run(runner)
    assert rows(sink, view)["A"].position == 2 * GAP


async def test_a_view_is_asked_about_no_event_that_it_does_not_read() -> None:
    view = Listening()
    view.READS = frozenset()
    sink = await ready([view])
    assert await run(Runner(said("A:one", "B:two"), sink, [view])) == 2
    assert rows(sink, view) == {}
    assert (await sink.positions([view.NAME]))[view.NAME] == 2 * GAP
