"""The log as a session's memory: numbers, messages, and the business ids in them.

    open -> take the session, read what is new on its stream -> numbers, messages to send again
    sent, received -> recorded under (session, day, direction, number), so a repeat has one effect

Another process that takes the session, or an operator who resets it, makes the next record fail
with `Lost`: the connection ends, and the next one begins from the log.
"""

import asyncio
import re
import secrets
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple, Protocol

from adapters.dispatch.dispatcher import Overloaded
from adapters.fix.engine import BEGIN_STRING
from adapters.fix.text import ADMIN, Fields, text_of
from adapters.log.recorder import Unavailable
from commands.outcomes import Declined, Done, Outcome
from commands.ports import Request
from domain.fix_session import commands as c
from domain.fix_session import events as e
from domain.fix_session.sealing import SALT_BYTES, opened, sealed
from domain.order.events import OrderPlaced
from domain.shared.envelope import Envelope
from domain.shared.identifiers import is_id
from domain.shared.message import Command

RETRY_S = 0.2
RESEND_MAX = 50_000  # messages kept for a ResendRequest; older ones are filled with a reset
_TAG_554 = re.compile(rb"\x01554=[^\x01]*")


Send = Callable[[Sequence[Request]], Awaitable[Sequence[Outcome]]]


class Lost(ConnectionError):
    """The session is another process's, or was reset: connect again from what the log says."""


class Log(Protocol):
    async def select(
        self, stream: str, /, *, after_version: int = 0, limit: int | None = None
    ) -> Sequence[Envelope]: ...


OUT_OF_TURN = frozenset("A25")
"""Logon, ResendRequest and Logout are acted upon whatever their number.

The engine keeps an early Logon and counts it when its turn comes, without telling us. The numbers
of the others come as gap fills.
"""


class Came(NamedTuple):
    """A recorded message of theirs."""

    source: str  # stream@version of its event
    fields: Fields


class Journal:
    """One session's record.

    Args:
        session_id: names the stream `fix-{session_id}`.
        send: runs commands.
        comp_ids: (SenderCompID, TargetCompID).
    """

    def __init__(self, session_id: str, log: Log, send: Send, comp_ids: tuple[str, str]) -> None:
        self.session_id, self._log, self._send, self._comp_ids = session_id, log, send, comp_ids
        self._holder = secrets.token_hex(8)
        self._turn = asyncio.Lock()  # one record at a time: each follows the stream's version
        self.closing = False  # do not wait for a log that cannot be reached
        self._clients: dict[str, str] = {}  # by our order id
        self._forget()

    def _forget(self) -> None:
        """Know nothing of the stream, so that the next `open` reads all of it."""
        self._version = 0
        self._early: dict[int, bytes] = {}  # Logons whose number is yet to come
        self.numbers = (1, 1)
        self.day = 0
        self.last_logon: datetime | None = None
        self.messages: dict[int, bytes] = {}  # ours of this day, for a ResendRequest
        self.known: set[str] = set()  # ClOrdIDs of requests that have left
        self.disputed: set[str] = set()  # ExecIDs that we have answered DontKnowTrade

    @property
    def stream(self) -> str:
        return f"fix-{self.session_id}"

    async def open(self) -> list[Came]:
        """Take the session and read its stream; return theirs of this day and the day before.

        They may not have been handed over before a crash. Handing them over again has no effect.
        """
        sender, target = self._comp_ids
        await self._do(
            c.OpenFixSession(
                session_id=self.session_id,
                holder=self._holder,
                begin_string=BEGIN_STRING,
                sender_comp_id=sender,
                target_comp_id=target,
            ),
            f"open|{secrets.token_hex(8)}",
        )
        self._early.clear()
        fresh = await self._log.select(self.stream, after_version=self._version)
        known = self._version > 0
        came: list[tuple[int, Came]] = []
        for arrived in fresh:
            if found := self._fold(arrived):
                came.append((self.day, found))
        return [one for day, one in came if known or day >= self.day - 1]

    async def begin_day(self, reason: str) -> None:
        command = c.BeginFixDay(session_id=self.session_id, holder=self._holder, reason=reason)
        if await self._do(command, f"day|{self.day + 1}"):
            self._reset(1, 1)

    async def close(self, reason: str) -> None:
        command = c.CloseFixSession(session_id=self.session_id, holder=self._holder, reason=reason)
        await self._do(command, f"close|{secrets.token_hex(8)}")

    async def sent(self, raw: bytes) -> None:
        """Record a message of ours before it leaves.

        Raises:
            Lost: the session is no longer ours; the message must not leave.
        """
        async with self._turn:
            await self._sent(raw)

    async def _sent(self, raw: bytes) -> None:
        fields = Fields.parse(text_of(raw))
        if fields.msg_type == "A" and fields.number == 1 and self.numbers[0] != 1:
            await self.begin_day("logon_with_reset")
        order_id = fields.get(526)
        text, digest = sealed(_unspoken(raw), secrets.token_bytes(SALT_BYTES))
        command = c.RecordFixSent(
            session_id=self.session_id,
            holder=self._holder,
            msg_seq_num=fields.number,
            msg_type=fields.msg_type,
            message=text,
            digest=digest,
            new_seq_no=fields.whole(36),
            order_id=order_id,
            cl_ord_id=fields.get(11),
            client_id=await self._client(order_id),
        )
        await self._do(command, f"{self.day}|out|{fields.number}")
        self._note_sent(fields, raw)

    async def received(self, batch: Sequence[bytes]) -> list[Came]:
        """Record messages of theirs, in order; return those that may concern the platform.

        Raises:
            Lost: see `sent`. Nothing is lost: they are sent again after the next logon.
        """
        async with self._turn:
            return await self._received(batch)

    async def _received(self, batch: Sequence[bytes]) -> list[Came]:
        for at, raw in enumerate(batch):
            one, next_in = Fields.parse(text_of(raw)), self.numbers[1]
            if one.msg_type == "A" and one.flag(141) and one.number == 1 and next_in != 1:
                before = await self._received(batch[:at]) if at else []
                await self.begin_day("logon_with_reset")
                return [*before, *await self._received(batch[at:])]
        requests: list[Request] = []
        fields: list[Fields] = []
        for number, one, raw in self._in_turn(batch):
            fields.append(one)
            requests.append(self._request(await self._receive(one, raw, number), number))
        outcomes = await self._persisted(requests)
        came = []
        for one, outcome in zip(fields, outcomes, strict=True):
            done = self._took(outcome)
            if not done.changed:
                continue  # they sent it again
            self.numbers = (self.numbers[0], one.whole(36) or self.numbers[1] + 1)
            if _concerns(one.msg_type):
                came.append(Came(f"{self.stream}@{done.version}", one))
        return came

    def _in_turn(self, batch: Sequence[bytes]) -> Iterator[tuple[int, Fields, bytes]]:
        """(number, fields, bytes) of each message that is counted, in the order of counting."""
        next_in = self.numbers[1]
        for raw in batch:
            one = Fields.parse(text_of(raw))
            reset = one.msg_type == "4" and not one.flag(123)
            number = next_in if reset else one.number
            if one.msg_type in OUT_OF_TURN and number != next_in:
                if one.msg_type == "A" and number > next_in:
                    self._early[number] = raw
                continue
            yield number, one, raw
            next_in = one.whole(36) or number + 1
            while (early := self._early.pop(next_in, None)) is not None:
                yield next_in, Fields.parse(text_of(early)), early
                next_in += 1

    async def resent(self, first: int, last: int, messages: int) -> None:
        command = c.RecordFixResent(
            session_id=self.session_id,
            holder=self._holder,
            begin_seq_no=first,
            end_seq_no=last,
            messages=messages,
        )
        async with self._turn:
            await self._do(command, f"{self.day}|again|{first}|{last}|{secrets.token_hex(4)}")

    async def _receive(self, one: Fields, raw: bytes, number: int) -> c.RecordFixReceived:
        named = one.get(526) or one.get(11).rpartition(".")[0]
        order_id = named if is_id(named) else ""
        text, digest = sealed(raw, secrets.token_bytes(SALT_BYTES))
        return c.RecordFixReceived(
            session_id=self.session_id,
            holder=self._holder,
            msg_seq_num=number,
            msg_type=one.msg_type,
            message=text,
            digest=digest,
            new_seq_no=one.whole(36),
            order_id=order_id,
            cl_ord_id=one.get(11),
            exec_id=one.get(17),
            client_id=await self._client(order_id),
            poss_dup=one.flag(43),
            poss_resend=one.flag(97),
        )

    async def _do(self, command: Command, name: str) -> bool:
        """Run one command; whether events came of it. Raises Lost if it was declined."""
        [outcome] = await self._persisted([self._named(command, name)])
        return self._took(outcome).changed

    async def _persisted(self, requests: Sequence[Request]) -> Sequence[Outcome]:
        """Run commands; while the log cannot be reached, wait: nothing leaves unrecorded."""
        while True:
            try:
                return await self._send(requests)
            except (Unavailable, Overloaded) as error:
                if self.closing:
                    raise Lost(str(error)) from error
                await asyncio.sleep(RETRY_S)

    def _took(self, outcome: Outcome) -> Done:
        """Follow the stream's version; raise Lost if anyone else wrote to the stream."""
        if not isinstance(outcome, Done):
            self._forget()
            raise Lost(_why(outcome))
        if outcome.changed and self._version:
            expected, self._version = self._version + 1, outcome.version
            if outcome.version != expected:
                self._forget()
                raise Lost(f"{self.stream} was written to by another")
        return outcome

    def _request(self, command: Command, number: int) -> Request:
        return self._named(command, f"{self.day}|in|{number}")

    def _named(self, command: Command, name: str) -> Request:
        return Request(
            command=command,
            message_id=f"fix|{self._holder}|{name}",
            actor="venue",
        )

    def _fold(self, arrived: Envelope) -> Came | None:
        """Take one event of the stream; the message, if it is theirs and no administration."""
        self._version = arrived.version
        match arrived.event:
            case e.FixSessionReset(next_out=out, next_in=came):
                self._reset(out, came)
            case e.FixMessageSent() as event:
                self._took_sent(event, arrived)
            case e.FixMessageReceived() as event:
                following = event.new_seq_no or event.msg_seq_num + 1
                self.numbers = (self.numbers[0], following)
                if event.order_id and event.client_id:
                    self._clients[event.order_id] = event.client_id
                if _concerns(event.msg_type) and isinstance(event.message, str):
                    raw = opened(event.message)[0]
                    return Came(arrived.source, Fields.parse(text_of(raw)))
        return None

    def _took_sent(self, event: e.FixMessageSent, arrived: Envelope) -> None:
        if event.order_id and event.client_id:
            self._clients[event.order_id] = event.client_id
        if event.msg_type == "A":
            self.last_logon = arrived.meta.recorded_at
        raw = opened(event.message)[0] if isinstance(event.message, str) else b""
        fields = Fields.parse(text_of(raw))
        known = fields.pairs or [(35, event.msg_type), (34, str(event.msg_seq_num))]
        self._note_sent(Fields([*known, (36, str(event.new_seq_no or ""))]), raw)

    def _note_sent(self, fields: Fields, raw: bytes) -> None:
        self.numbers = (fields.whole(36) or fields.number + 1, self.numbers[1])
        if fields.msg_type in ADMIN:
            return
        if raw:
            self.messages[fields.number] = raw
        if len(self.messages) > RESEND_MAX:
            del self.messages[min(self.messages)]
        if fields.msg_type == "Q":
            self.disputed.add(fields.get(17))
        elif fields.get(11):
            self.known.add(fields.get(11))

    def _reset(self, next_out: int, next_in: int) -> None:
        self.day += 1
        self.numbers = (next_out, next_in)
        self.messages.clear()

    async def _client(self, order_id: str) -> str:
        """The client whose order it is; "" where we know no such order."""
        if not order_id:
            return ""
        if order_id not in self._clients:
            found = await self._log.select(f"order-{order_id}", limit=1)
            event = found[0].event if found else None
            if not isinstance(event, OrderPlaced):
                return ""
            self._clients[order_id] = event.client_id
        return self._clients[order_id]


def _concerns(msg_type: str) -> bool:
    """Whether a message may concern the platform: a Reject (3) may be of an order."""
    return msg_type not in ADMIN or msg_type == "3"


def _unspoken(raw: bytes) -> bytes:
    """The message without the password of a logon."""
    return _TAG_554.sub(b"\x01554=***", raw)


def _why(outcome: Outcome) -> str:
    match outcome:
        case Declined(refused=why):
            return f"{why.refusal}: {', '.join(f'{k}={v}' for k, v in why.state.items())}"
        case _:
            return type(outcome).__name__
