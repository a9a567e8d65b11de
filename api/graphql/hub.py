"""The broadcast hub: which rows the views have just changed, to whoever subscribed to them.

The view runner hands over each batch after its commit, so a subscriber never hears of what it
cannot read. Queues are bounded: a consumer that does not keep up is dropped with an error, and
neither the runner nor the other subscribers wait for it.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncGenerator, Collection, Sequence

from api.graphql.faults import SLOW_CONSUMER, TOO_MANY, fault
from projections.ports import Change, Row

QUEUE_MAX = 1_000
SUBSCRIBERS_MAX = 10_000

Topic = tuple[str, str, str]  # view, column, value


class _Subscriber:
    def __init__(self) -> None:
        self.queue: asyncio.Queue[Row] = asyncio.Queue(QUEUE_MAX)
        self.overrun = False

    def offer(self, row: Row) -> None:
        try:
            self.queue.put_nowait(row)
        except asyncio.QueueFull:
            self.overrun = True


class Hub:
    """`publish` from the runner's loop; `changes` once per subscription."""

    def __init__(self) -> None:
        self._subscribers: dict[Topic, set[_Subscriber]] = defaultdict(set)
        self._columns: dict[str, set[str]] = defaultdict(set)
        self.count = 0

    def publish(self, changes: Sequence[Change]) -> None:
        """Tell the rows of committed changes to those who watch them; never blocks."""
        for change in changes:
            view = change.view.NAME
            columns = self._columns.get(view, ())
            for row in change.rows.values() if columns else ():
                if row is not None:
                    self._tell(view, columns, row)

    def wanted(self) -> dict[str, dict[str, list[str]]]:
        """View -> column -> values that somebody subscribes to."""
        found: dict[str, dict[str, list[str]]] = {}
        for view, column, value in self._subscribers:
            found.setdefault(view, {}).setdefault(column, []).append(value)
        return found

    def _tell(self, view: str, columns: Collection[str], row: Row) -> None:
        for column in columns:
            for subscriber in self._subscribers.get((view, column, getattr(row, column)), ()):
                subscriber.offer(row)

    async def changes(self, view: str, column: str, value: str) -> AsyncGenerator[Row, None]:
        """Rows of a view with this value in a column, as they change, without end.

        Raises:
            GraphQLError: SLOW_CONSUMER when more than `QUEUE_MAX` wait; TOO_MANY subscribers.
        """
        if self.count >= SUBSCRIBERS_MAX:
            raise fault(TOO_MANY, "too many subscriptions")
        topic, subscriber = (view, column, value), _Subscriber()
        self._enter(topic, subscriber)
        try:
            while not subscriber.overrun:
                yield await subscriber.queue.get()
            raise fault(SLOW_CONSUMER, f"more than {QUEUE_MAX} changes were waiting")
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
