"""Pages: the log split by partition and joined again, for any batches and any repeats."""

from collections.abc import Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.bus.page import (
    PAGE_BYTES_MAX,
    PAGE_EVENTS_MAX,
    PARTITIONS,
    Fit,
    MalformedPage,
    Page,
    Span,
    behind,
    cut,
    decode,
    encode,
    headers,
    home_of,
    partition_of,
    span_of,
)
from adapters.log.recorder import Stored
from projections.engine.shard import SHARDS, shard
from tests.unit.adapters.relay_world import event


@st.composite
def logs(draw: st.DrawFn) -> list[Stored]:
    """A log with several homes, and gaps between its positions."""
    steps = draw(st.lists(st.tuples(st.integers(1, 5), st.integers(0, 9)), max_size=60))
    out, position = [], 0
    for step, home in steps:
        position += step
        out.append(event(position, f"A{home}"))
    return out


def batches(log: Sequence[Stored], cuts: Sequence[int], partitions: int) -> list[Page]:
    """The pages of a relay that reads the log in pieces ending at `cuts`."""
    sent: list[Page] = []
    relayed, edges = 0, sorted({min(c, len(log)) for c in cuts} | {len(log)})
    for start, end in zip([0, *edges], edges, strict=False):
        piece = log[start:end]
        sent += cut(piece, partitions, relayed=relayed)
        relayed = piece[-1].position if piece else relayed
    return sent


class Consumer:
    """A minimal reader of one partition."""

    def __init__(self, partition: int, position: int = 0) -> None:
        self.partition, self.position = partition, position
        self.seen: list[Stored] = []
        self.gaps: list[tuple[int, int]] = []

    def take(self, page: Page) -> None:
        span = span_of(page.headers)
        fit = span.fit(self.position)
        if fit is Fit.REPEATED:
            return
        if fit is Fit.GAP:
            self.gaps.append((self.position, span.prev))
        self.seen += behind(decode(page.value), self.position) if page.value else ()
        self.position = span.end


@given(logs(), st.lists(st.integers(0, 60), max_size=6), st.sampled_from(PARTITIONS))
def test_every_event_is_sent_once_in_order_to_its_partition(
    log: list[Stored], cuts: list[int], partitions: int
) -> None:
    sent = batches(log, cuts, partitions)
    for partition in range(partitions):
        consumer = Consumer(partition)
        for page in sent:
            if page.partition == partition:
                consumer.take(page)
        own = [e for e in log if partition_of(home_of(e), partitions) == partition]
        assert consumer.seen == own
        assert consumer.gaps == []
        assert consumer.position == (log[-1].position if log else 0)


@given(
    logs(),
    st.lists(st.integers(0, 60), max_size=6),
    st.lists(st.integers(0, 60), max_size=6),
    st.sampled_from((1, 4)),
    st.integers(0, 20),
)
def test_a_log_sent_again_in_other_pieces_brings_nothing_twice(
    log: list[Stored], first: list[int], again: list[int], partitions: int, lost: int
) -> None:
    once = batches(log, first, partitions)
    repeated = once[: max(0, len(once) - lost)] + batches(log, again, partitions)
    for partition in range(partitions):
        consumer = Consumer(partition)
        for page in repeated:
            if page.partition == partition:
                consumer.take(page)
        assert consumer.seen == [
            e for e in log if partition_of(home_of(e), partitions) == partition
        ]
        assert consumer.gaps == []


@given(logs(), st.lists(st.integers(0, 60), max_size=6), st.integers(0, 200))
def test_a_record_that_is_lost_is_a_gap_or_held_nothing(
    log: list[Stored], cuts: list[int], lost: int
) -> None:
    sent = batches(log, cuts, 1)
    if not sent:
        return
    lost %= len(sent)
    consumer = Consumer(0)
    for page in sent[:lost] + sent[lost + 1 :]:
        consumer.take(page)
    missing = sent[lost]
    result = [g for g in consumer.gaps if g[0] < missing.span.end <= g[1]]
    empty = missing.span.prev == missing.span.end
    assert result or empty or missing.span.end > consumer.position


@given(logs(), st.integers(0, 60), st.sampled_from(PARTITIONS))
def test_two_batches_hold_the_events_of_one(log: list[Stored], at: int, partitions: int) -> None:
    def events(pages: list[Page], partition: int) -> list[Stored]:
        of = [p.value for p in pages if p.partition == partition and p.value]
        return [e for value in of for e in decode(value)]

    for partition in range(partitions):
        whole = events(batches(log, [], partitions), partition)
        assert events(batches(log, [at], partitions), partition) == whole


@given(logs())
def test_a_page_brings_back_the_stored_rows_exactly(log: list[Stored]) -> None:
    assert decode(encode(log)) == log


def test_every_batch_ends_with_a_watermark_in_every_partition() -> None:
    pages = cut([event(7, "A1")], 4, relayed=5)
    own = partition_of("A1", 4)
    assert [p for p in pages if p.value] == [pages[0]]
    assert pages[0].partition == own and pages[0].span == Span(5, 7, 7)
    marks = {p.partition: p.span for p in pages if p.value is None}
    assert marks == {p: Span(7 if p == own else 5, 7) for p in range(4)}


def test_a_batch_may_end_behind_its_last_event() -> None:
    pages = cut([], 2, relayed=5, until=9)
    assert [(p.partition, p.span, p.value) for p in pages] == [
        (0, Span(5, 9), None),
        (1, Span(5, 9), None),
    ]


def test_a_page_holds_so_many_events_and_the_next_one_follows_it() -> None:
    log = [event(2 * i, "A1") for i in range(1, PAGE_EVENTS_MAX + 2)]
    first, second, mark = cut(log, 1, relayed=0)
    assert first.value and second.value and mark.value is None
    assert len(decode(first.value)) == PAGE_EVENTS_MAX
    assert len(decode(second.value)) == 1
    assert second.span.prev == first.span.end == 2 * PAGE_EVENTS_MAX


def test_a_page_holds_so_many_bytes_and_a_large_event_is_alone() -> None:
    half = PAGE_BYTES_MAX // 2
    log = [event(1, "A1", padding=half), event(2, "A1", padding=half),
           event(3, "A1", padding=2 * PAGE_BYTES_MAX), event(4, "A1")]  # fmt: skip
    held = [[e.position for e in decode(p.value)] for p in cut(log, 1, relayed=0) if p.value]
    assert held == [[1], [2], [3], [4]]


@pytest.mark.parametrize("partitions", PARTITIONS)
def test_a_house_shard_stays_in_one_partition(partitions: int) -> None:
    homes = [f"A{i}" for i in range(500)]
    of_shard = {shard(h): set[int]() for h in homes}
    for home in homes:
        of_shard[shard(home)].add(partition_of(home, partitions))
    assert all(len(found) == 1 for found in of_shard.values())
    assert {p for found in of_shard.values() for p in found} == set(range(partitions))


def test_the_partition_counts_are_those_that_divide_the_shards() -> None:
    assert PARTITIONS == (1, 2, 4, 8, 16) and SHARDS == 16


@pytest.mark.parametrize(
    ("span", "position", "fit"),
    [
        (Span(5, 9, 6), 5, Fit.NEXT),
        (Span(5, 9, 6), 7, Fit.NEXT),
        (Span(5, 9, 6), 9, Fit.REPEATED),
        (Span(5, 9, 6), 12, Fit.REPEATED),
        (Span(5, 9, 6), 4, Fit.GAP),
        (Span(5, 9), 4, Fit.GAP),
        (Span(5, 9), 5, Fit.NEXT),
        (Span(9, 9), 9, Fit.REPEATED),
        (Span(9, 9), 8, Fit.GAP),
    ],
)
def test_a_record_meets_a_position(span: Span, position: int, fit: Fit) -> None:
    assert span.fit(position) is fit


def test_headers_are_ascii_numbers_and_others_beside_them_are_ignored() -> None:
    assert headers(Span(5, 9, 6)) == [("prev", b"5"), ("first", b"6"), ("last", b"9")]
    assert headers(Span(5, 9)) == [("prev", b"5"), ("relayed", b"9")]
    assert span_of([*headers(Span(5, 9, 6)), ("view", b"orders")]) == Span(5, 9, 6)
    assert span_of(dict(headers(Span(5, 9)))) == Span(5, 9)


@pytest.mark.parametrize(
    "bad",
    [
        {},
        {"prev": b"1"},
        {"prev": b"1", "first": b"2"},
        {"prev": b"one", "relayed": b"2"},
        {"prev": b"2", "first": b"2", "last": b"3"},
        {"prev": b"1", "first": b"3", "last": b"2"},
        {"prev": b"3", "relayed": b"2"},
        {"prev": b"-1", "relayed": b"2"},
    ],
)
def test_headers_of_another_hand_are_malformed(bad: dict[str, bytes]) -> None:
    with pytest.raises(MalformedPage):
        span_of(bad)


@pytest.mark.parametrize(
    "bad", [b"", b"\xc1", b"{}", msgspec.msgpack.encode({"events": [[1, "s"]]}), encode([])[:-1]]
)
def test_bytes_of_another_hand_are_malformed(bad: bytes) -> None:
    with pytest.raises(MalformedPage):
        decode(bad)


def test_an_event_whose_bytes_are_corrupt_is_named() -> None:
    torn = event(3, "A1")._replace(state=b'{"metadata": {"ho')
    with pytest.raises(MalformedPage, match=r"account-A1@3 \(position 3\): t.done"):
        home_of(torn)


def test_a_consumer_takes_what_lies_behind_its_position() -> None:
    log = [event(2, "A1"), event(4, "A1"), event(6, "A1")]
    assert [list(behind(log, at)) for at in (0, 3, 4, 6)] == [log, log[1:], log[2:], []]
    assert behind([], 3) == []
