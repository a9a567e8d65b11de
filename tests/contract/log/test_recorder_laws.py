"""Law: Postgres answers every sequence of batches as memory does, lost answers included.

Memory decides one write after the other. Postgres plans, sends in bulk, and after a refusal asks
again under a lock. They share no code for the decision.
"""

import itertools

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.log.recorder import Known, Message, Result, Stored, Write, Written
from adapters.memory.recorder import MemoryRecorder
from adapters.postgres.log.recorder import PostgresRecorder
from tests.contract.log.recorder_suite import T0, append, sealed
from tests.contract.log.wire import Wire

_examples = itertools.count(1)

Shape = tuple[int, int, int, int]  # stream, expected version, events, message id
shapes = st.tuples(
    st.integers(0, 2), st.integers(0, 5), st.integers(0, 2), st.integers(0, 8)
)  # fmt: skip
histories = st.lists(st.lists(shapes, min_size=1, max_size=8), min_size=1, max_size=5)


def built(example: int, shape: Shape, serial: int) -> Write:
    stream, expected, events, message = shape
    return Write(
        stream=f"e{example}-{stream}",
        expected=expected,
        events=[sealed(f"{serial}.{n}") for n in range(events)],
        message_id=f"m{message}" if message else f"unique {serial}",
        request_hash=f"{serial}".encode(),
    )


def ranks(result: Result, seen: dict[int, int]) -> object:
    """A result with positions by rank, so that two logs can be compared."""
    match result:
        case Written(position):
            return "written", seen.get(position, 0)
        case Known(Message(request_hash, version, position, head)):
            return "known", request_hash, version, seen.get(position, 0), head
        case _:
            return "wrong version"


def plain(event: Stored) -> tuple[object, ...]:
    return event[1:6]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories, other=st.booleans(), lose=st.sampled_from(["", "reply", "request"]))
async def test_postgres_answers_as_memory_does(
    database_url: str, history: list[list[Shape]], other: bool, lose: str
) -> None:
    example, serial = next(_examples), itertools.count()
    memory = MemoryRecorder()
    async with Wire(database_url) as wire:
        one = await PostgresRecorder.connect(wire.url)
        two = await PostgresRecorder.connect(wire.url) if other else one
        start = (await one.last())[0]
        expected: list[Result] = []
        answered: list[Result] = []
        for recorder, shaped in zip(itertools.cycle((one, two)), history, strict=False):
            batch = [built(example, shape, next(serial)) for shape in shaped]
            if lose:
                wire.trap(f"lose {lose}", batch[0].stream.encode())
            expected += await append(memory, *batch)
            answered += await append(recorder, *batch)
        ours, theirs = await memory.after(0, limit=999), await one.after(start, limit=999)
        by_rank = [{e.position: i for i, e in enumerate(log, 1)} for log in (ours, theirs)]
        assert [ranks(r, by_rank[1]) for r in answered] == [ranks(r, by_rank[0]) for r in expected]
        assert [plain(e) for e in theirs] == [plain(e) for e in ours]
        await one.close()
        if other:
            await two.close()
    assert all(event.committed_at == T0 for event in theirs)
