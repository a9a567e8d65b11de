"""Records of the log topic through Faust: one app, one consumer group, one agent.

    broker --> Faust's consumer --> agent's queue (bounded) --drain--> take --> ack --> commit

The agent acknowledges records only after `take` has returned, that is, when their work is done
(views: committed in Postgres). Faust's own `take` acknowledges in a `finally` and would lose a
batch that raised, so the agent drains its channel's queue instead. An exception from `take` ends
the app (`failed`) and acknowledges nothing. Offsets are only a hint: records come again after a
rebalance, and consumers recognise repeats by position.
"""

import asyncio
import contextlib
import logging
import ssl
from collections.abc import Sequence
from typing import Any

import faust
from faust.transport.drivers import aiokafka as driver

from adapters.bus.outlet import BusUnavailable
from adapters.bus.page import MalformedPage, span_of
from adapters.bus.records import Moved, Record, Take
from adapters.bus.url import Bus
from adapters.kafka.fetches import Fetches

RECORDS_MAX = 64  # in one `take`, and in the queue: a full queue applies back-pressure
SESSION_S, HEARTBEAT_S, REBALANCE_S = 10.0, 1.0, 10.0
COMMIT_S = 1.0
FETCH_BYTES = 1 << 20  # per partition and fetch, so that partitions take turns
DRAIN_S = 10.0
LOOK_S = 0.2

_log = logging.getLogger(__name__)


class FaustPages:
    """One member of a consumer group.

    Args:
        bus: has the log topic, which must exist.
        group: the consumer group, and the app's id.
        take: processes records; raises only when this process cannot go on.
        moved: called after each rebalance with the partitions that this process has.
        member: a name that a restarted process keeps. It replaces its predecessor at once,
            however that one ended, instead of waiting for its session to time out.
    """

    def __init__(self, bus: Bus, group: str, take: Take, moved: Moved, *, member: str = "") -> None:
        self._bus, self._take, self._moved = bus, take, moved
        self._idle = asyncio.Event()
        self._idle.set()
        self._failed: asyncio.Future[BaseException] = asyncio.get_running_loop().create_future()
        self.app = _app(bus, group, member)
        topic = self.app.topic(bus.log_topic, key_serializer="raw", value_serializer="raw")
        self._dead = self.app.topic(bus.dead_topic, key_serializer="raw", value_serializer="raw")
        self._agent = self.app.agent(topic)(self._pages)
        self.app.on_partitions_assigned.connect(self._assigned)

    async def start(self) -> None:
        """Join the group and start to consume."""
        self.app.finalize()
        await self.app.start()

    async def failed(self) -> BaseException:
        """Wait until the app fails: the exception of `take`, or BusUnavailable if Faust ended."""
        while not self._failed.done():
            if self.app.crashed or self.app.should_stop:
                why = self.app.crash_reason
                reason = f"{type(why).__name__}: {why}" if why else "the app ended without an error"
                return BusUnavailable(reason)
            if isinstance(thread := self._thread(), _CommittedThread) and thread.deaf():
                return BusUnavailable(f"{self.app.conf.id}: the membership ended: {thread.deaf()}")
            await asyncio.wait([self._failed], timeout=LOOK_S)
        return self._failed.result()

    async def stop(self) -> None:
        """Stop consuming, finish the batch in progress, commit the offsets, leave the group."""
        consumer = self.app.consumer
        with contextlib.suppress(Exception):
            consumer.stop_flow()
            consumer.pause_partitions(consumer.assignment())
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), DRAIN_S)
        await asyncio.wait_for(self.app.stop(), DRAIN_S)

    async def send_letter(self, value: bytes, headers: dict[str, str]) -> None:
        """Publish a dead letter."""
        encoded = {name: text.encode() for name, text in headers.items()}
        await (await self._dead.send(value=value, headers=encoded))

    def _thread(self) -> Any:
        return getattr(self.app.consumer, "_thread", None)

    async def _pages(self, stream: Any) -> None:
        queue = stream.channel.queue
        while True:
            try:
                first = await queue.get()
            except StopAsyncIteration:
                return
            events = [first, *_waiting(queue)]
            self._idle.clear()
            try:
                await self._take([r for e in events if (r := _record(e.message)) is not None])
            except asyncio.CancelledError:
                raise
            except BaseException as e:
                self._idle.set()
                if not self._failed.done():
                    self._failed.set_result(e)
                return
            for event in events:
                event.ack()
            if queue.empty():
                self._idle.set()

    async def _assigned(self, *given: Any, signal: Any = None, **_: Any) -> None:
        _, assigned = given
        topic = self._bus.log_topic
        await self._moved({tp.partition for tp in assigned if tp.topic == topic})


def _waiting(queue: Any) -> Sequence[Any]:
    found: list[Any] = []
    while len(found) < RECORDS_MAX - 1:
        try:
            found.append(queue.get_nowait())
        except asyncio.QueueEmpty:
            break
    return found


def _record(message: Any) -> Record | None:
    """None if the relay did not write it. A damaged page shows as a gap in the next `prev`."""
    try:
        return Record(message.partition, span_of(message.headers or ()), message.value or None)
    except MalformedPage as e:
        _log.error("record %s@%s: %s", message.partition, message.offset, e)
        return None


class _CommittedThread(driver.AIOKafkaConsumerThread):
    def _create_worker_consumer(self, transport: Any) -> Any:
        """Make a consumer that reads only committed records.

        Faust does so only for apps that write in transactions, so we pretend to be one.
        """
        consumer = self.consumer
        before, consumer.in_transaction = consumer.in_transaction, True
        try:
            made = super()._create_worker_consumer(transport)
        finally:
            consumer.in_transaction = before
        made._client.send = Fetches(made._client.send)
        return made

    def deaf(self) -> BaseException | None:
        """The error that ended the group membership, if any. aiokafka only logs it and never
        rejoins: the development broker sometimes sends a member an assignment of zero bytes."""
        task = getattr(getattr(self._consumer, "_coordinator", None), "_coordination_task", None)
        if not isinstance(task, asyncio.Task) or not task.done() or task.cancelled():
            return None
        return task.exception()

    async def on_thread_stop(self) -> None:
        """Leave the group: a static member would stay in it until its session times out."""
        coordinator = getattr(self._consumer, "_coordinator", None)
        if coordinator is not None:
            coordinator._group_instance_id = None
        await super().on_thread_stop()


class _CommittedConsumer(driver.Consumer):
    def _new_consumer_thread(self) -> driver.AIOKafkaConsumerThread:
        return _CommittedThread(self, loop=self.loop, beacon=self.beacon)


class _CommittedTransport(driver.Transport):
    Consumer = _CommittedConsumer


class _App(faust.App):
    def _new_transport(self) -> Any:
        return _CommittedTransport(self.conf.broker_consumer, self)

    def _create_directories(self) -> None:
        """Create none: the app has no tables, and must not write to the working directory."""


def _app(bus: Bus, group: str, member: str) -> _App:
    return _App(
        group,
        broker=[f"kafka://{broker}" for broker in bus.brokers],
        broker_credentials=_credentials(bus),
        broker_session_timeout=SESSION_S,
        broker_heartbeat_interval=HEARTBEAT_S,
        broker_rebalance_timeout=REBALANCE_S,
        broker_commit_interval=COMMIT_S,
        consumer_auto_offset_reset="earliest",
        consumer_group_instance_id=member or None,
        consumer_max_fetch_size=FETCH_BYTES,
        key_serializer="raw",
        value_serializer="raw",
        store="memory://",
        stream_buffer_maxsize=RECORDS_MAX,
        stream_wait_empty=False,
        topic_allow_declare=False,
        topic_disable_leader=True,
        web_enabled=False,
        autodiscover=False,
    )


def _credentials(bus: Bus) -> Any:
    context = None
    if bus.tls:
        context = ssl.create_default_context(cafile=bus.ca or None)
        if bus.cert:
            context.load_cert_chain(bus.cert, bus.key)
    if bus.user:
        return faust.SASLCredentials(
            username=bus.user,
            password=bus.password,
            ssl_context=context,
            mechanism=bus.mechanism,
        )
    return faust.SSLCredentials(context) if context is not None else None
