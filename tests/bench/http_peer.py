"""The peer of the HTTP benchmark: a bare ASGI application that decodes and appends.

It runs on uvicorn's own protocol (httptools, uvloop), with the product's recorder, codec, hash
chain, idempotency rows and group commit. It has no rules, views, sagas, limits, problem answers or
metrics: what HTTP and the append cost without the rest of the platform.
"""

import asyncio
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import uvicorn

from adapters.dispatch.group_commit import GroupCommit
from commands.ports import EMPTY, Appended, Conflict, Head, KeyReused, Proposal, Request
from domain.catalogue import COMMANDS
from domain.shared.message import Command
from tests.bench.http_shapes import event_of
from tests.bench.rig import WriteSide, complete, server

_TYPE = (b"content-type", b"application/json")


class Item(msgspec.Struct):
    name: str
    key: str
    body: msgspec.Raw


class Peer:
    """The ASGI application."""

    def __init__(self, side: WriteSide) -> None:
        self._log = side.log
        self._heads: dict[str, Head] = {}
        self._commit: GroupCommit[tuple[str, Command], Appended] = GroupCommit(
            self._append, stream=lambda asked: event_of(asked[1], datetime.now(UTC))[0]
        )
        self._decoders = {
            name.encode(): msgspec.json.Decoder(kind) for name, kind in COMMANDS.items()
        }
        self._items = msgspec.json.Decoder(list[Item])
        self._encode = msgspec.json.Encoder().encode

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        message = await receive()
        raw = message["body"]
        while message["more_body"]:
            message = await receive()
            raw += message["body"]
        name = scope["raw_path"][len(b"/commands/") :]
        if name:
            key = next(value for header, value in scope["headers"] if header == b"idempotency-key")
            out: Any = await self._one(name, key.decode(), raw)
        else:
            items = self._items.decode(raw)
            out = await asyncio.gather(
                *[self._one(item.name.encode(), item.key, item.body) for item in items]
            )
        body = self._encode(out)
        headers = [_TYPE, (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 201, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _one(self, name: bytes, key: str, raw: bytes | msgspec.Raw) -> dict[str, Any]:
        command = self._decoders[name].decode(raw)
        done = await self._commit.submit((key, command))
        return {"version": done.head.version, "position": done.position}

    async def _append(self, batch: Sequence[tuple[str, Command]]) -> Sequence[Appended | Exception]:
        now = datetime.now(UTC)
        proposals = [self._proposal(key, command, now) for key, command in batch]
        results = await self._log.append(proposals, now=now)
        return [self._kept(p, result) for p, result in zip(proposals, results, strict=True)]

    def _proposal(self, key: str, command: Command, now: datetime) -> Proposal:
        stream, home, event = event_of(command, now)
        return Proposal(
            stream=stream,
            expected=self._heads.get(stream, EMPTY),
            events=(event,),
            home=home,
            request=Request(command=command, message_id=key, actor="local"),
        )

    def _kept(
        self, proposal: Proposal, result: Appended | Conflict | KeyReused
    ) -> Appended | Exception:
        if not isinstance(result, Appended):
            return RuntimeError(f"append: {result}")
        self._heads[proposal.stream] = result.head
        return result


async def main() -> None:
    with server() as postgres:
        side = await WriteSide.open(postgres)
        config = uvicorn.Config(
            Peer(side), port=0, http="httptools", lifespan="off", log_level="warning",
            access_log=False, server_header=False,
        )  # fmt: skip
        served = uvicorn.Server(config)
        task = asyncio.create_task(served.serve())
        while not served.started:
            await asyncio.sleep(0.01)
        host, port = served.servers[0].sockets[0].getsockname()
        print(f"ready http://{host}:{port}", file=sys.stderr, flush=True)
        await task
        await side.close()


if __name__ == "__main__":
    complete(main())
