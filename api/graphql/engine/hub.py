"""The broadcast hub: sends the rows that the views have just changed to their subscribers.

The view runner publishes each batch after its commit, so a subscriber can read every change that
it gets. Each subscriber reads at its own pace, and neither the runner nor the others wait for it:

    up to QUEUE_MAX waiting   every change, in order
    more                      the newest state of each row, once, in the order of its last change
    more than ROWS_MAX waiting, or nothing taken for PATIENCE_S: dropped with SLOW_CONSUMER

So a subscriber that keeps reading gets a large batch too, and its queue has a bound.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import AsyncGenerator, Callable, Collection, Sequence

from api.graphql.engine.faults import SLOW_CONSUMER, TOO_MANY, fault
from projections.ports import Change, Row

QUEUE_MAX = 1_000
ROWS_MAX = 20_000
PATIENCE_S = 30.0
SUBSCRIBERS_MAX = 10_000

Topic = tuple[str, str, str]  # view, column, value


class _Subscriber:
    def __init__(self, now: float) -> None:
        self.overrun = ""  # why it is dropped
        self._waiting: dict[object, Row] = {}
        self._some = asyncio.Event()
        self._taken_at = now  # when it last took something, or had nothing to take

    def offer(self, key: object, row: Row, now: float) -> None:
        if self.overrun:
            return
        if not self._waiting:
            self._taken_at = now
        named = key if len(self._waiting) >= QUEUE_MAX else object()
        self._waiting.pop(named, None)
        self._waiting[named] = row
        if len(self._waiting) > ROWS_MAX:
            self._drop(f"more than {ROWS_MAX} changes were waiting")
        elif now - self._taken_at > PATIENCE_S:
            self._drop(f"the reader took nothing for {PATIENCE_S:g} s")
        self._some.set()

    async def take(self, clock: Callable[[], float]) -> Row:
        """The next change.

        Raises:
            GraphQLError: SLOW_CONSUMER.
        """
        if not self._waiting and not self.overrun:
            self._some.clear()
            await self._some.wait()
        if self.overrun:
            raise fault(SLOW_CONSUMER, self.overrun)
        self._taken_at = clock()
        return self._waiting.pop(next(iter(self._waiting)))

    def _drop(self, why: str) -> None:
        self.overrun = why
        self._waiting.clear()


class Hub:
    """`publish` from the runner's loop; `changes` once per subscription."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._subscribers: dict[Topic, set[_Subscriber]] = defaultdict(set)
        self._columns: dict[str, set[str]] = defaultdict(set)
        self.count = 0

    def publish(self, changes: Sequence[Change]) -> None:
        """Queue the rows of committed changes for their subscribers; never blocks."""
        for change in changes:
            view = change.view.NAME
            columns = self._columns.get(view, ())
            for key, row in change.rows.items() if columns else ():
                if row is not None:
                    self._tell(view, columns, (key, row))

    def wanted(self) -> dict[str, dict[str, list[str]]]:
        """View -> column -> values that have subscribers."""
        found: dict[str, dict[str, list[str]]] = {}
        for view, column, value in self._subscribers:
            found.setdefault(view, {}).setdefault(column, []).append(value)
        return found

    def _tell(self, view: str, columns: Collection[str], changed: tuple[object, Row]) -> None:
        key, row = changed
        for column in columns:
            for subscriber in self._subscribers.get((view, column, getattr(row, column)), ()):
                subscriber.offer(key, row, self._clock())

    async def changes(self, view: str, column: str, value: str) -> AsyncGenerator[Row, None]:
        """Rows of a view with this value in a column, each time one changes, without end.

        Raises:
            GraphQLError: SLOW_CONSUMER (see above); TOO_MANY subscribers.
        """
        if self.count >= SUBSCRIBERS_MAX:
            raise fault(TOO_MANY, "too many subscriptions")
        topic, subscriber = (view, column, value), _Subscriber(self._clock())
        self._enter(topic, subscriber)
        try:
            while True:
                yield await subscriber.take(self._clock)
        finally:
            self._leave(topic, subscriber)

    def _enter(self, topic: Topic, subscriber: _Subscriber) -> None:
        self.count += 1
        self._subscribers[topic].add(subscriber)
        self._columns[topic[0]].add(topic[1])

    def _leave(self, topic: Topic, subscriber: _Subscriber) -> None:
        self.count -= 1
        self._subscribers[topic].discard(subscriber)
        if not self._subscribers[topic]:
            del self._subscribers[topic]
        if not any(t[:2] == topic[:2] for t in self._subscribers):
            self._columns[topic[0]].discard(topic[1])
