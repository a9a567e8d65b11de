"""A forger with every right on the log's database, and with the writer's way to compute hashes.

The forger rewrites rows, recomputes the hash chain of a stream and the rows of its messages, and
leaves a log that is consistent in itself. Only the keys are missing.
"""

import json
from collections.abc import Callable
from typing import Any

import psycopg

from adapters.log.event_log import chain
from adapters.log.frame import frame, unframe
from adapters.proof.merkle import Tree
from adapters.proof.signing import Signer
from domain.checkpoint import STREAM, SignCheckpoint, leaf

Row = tuple[int, str, int, bytes, bytes]  # position, stream, version, state, hash


class Forger:
    """Has every right on the store, and computes hashes and messages as the writer does."""

    def __init__(self, url: str) -> None:
        self.url = url
        self._db = psycopg.connect(url, autocommit=True)

    def close(self) -> None:
        self._db.close()

    def execute(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        cursor = self._db.execute(sql.encode(), values)
        return cursor.fetchall() if cursor.description else []

    def rows(self, stream: str) -> list[Row]:
        sql = "select position, stream, version, state, hash from log.events where stream = %s"
        found = self._db.execute((sql + " order by version").encode(), (stream,)).fetchall()
        return [(p, s, v, bytes(state), bytes(h)) for p, s, v, state, h in found]

    def replace(self, stream: str, version: int, old: bytes, new: bytes) -> None:
        """Replace bytes in one event's payload; its hash stays as it was."""
        [state] = [r[3] for r in self.rows(stream) if r[2] == version]
        assert state.count(old) == 1, state
        self._store(stream, version, state.replace(old, new))

    def rechain(self, stream: str) -> None:
        """Renumber the stream's events, and recompute every hash from the first on."""
        tip = b""
        for at, (position, _, version, state, _) in enumerate(self.rows(stream), start=1):
            metadata, payload = unframe(state)
            metadata = _numbered(metadata, version, at, tip.hex())
            tip = chain(tip, payload, metadata)
            whole, payload_at = frame(metadata, payload)
            self.execute(
                "update log.events set version = %s, state = %s, hash = %s, payload_at = %s "
                "where position = %s", at, whole, tip, payload_at, position,
            )  # fmt: skip
            self.execute(
                "update log.messages set version = %s, hash = %s where stream = %s and position = "
                "%s", at, tip, stream, position,
            )  # fmt: skip

    def remove(self, stream: str, version: int | None = None) -> None:
        """Remove an event, or a whole stream, and the rows of its messages."""
        for table in ("messages", "events"):
            self.execute(
                f"delete from log.{table} where stream = %s and version = coalesce(%s, version)",
                stream, version,
            )  # fmt: skip

    def edit(self, stream: str, version: int, change: Callable[[Any, Any], None]) -> None:
        """Change metadata or payload, in a valid frame; the hash stays as it was."""
        [state] = [r[3] for r in self.rows(stream) if r[2] == version]
        metadata, payload = map(json.loads, unframe(state))
        change(metadata, payload)
        whole, payload_at = frame(_bytes(metadata), _bytes(payload))
        sql = "update log.events set payload_at = %s where stream = %s and version = %s"
        self.execute(sql, payload_at, stream, version)
        self._store(stream, version, whole)

    def insert(self, stream: str, like: int, position: int) -> None:
        """Insert a copy of an event as its stream's next one, with its message, at a position."""
        version = self.rows(stream)[-1][2] + 1
        self.execute(
            "insert into log.events select %s, stream, %s, name, state, hash, "
            "(select max(committed_at) from log.events), schema, payload_at "
            "from log.events where stream = %s and version = %s",
            position, version, stream, like,
        )  # fmt: skip
        [state] = [r[3] for r in self.rows(stream) if r[2] == version]
        forged = state.replace(b'"message_id":"', b'"message_id":"forged-')
        self._store(
            stream, version, forged.replace(b'"version":%d,' % like, b'"version":%d,' % version)
        )
        self.rechain(stream)

    def cut(self, position: int) -> None:
        """Set the log back to a position: events, messages, snapshots and head."""
        self.execute("delete from log.events where position > %s", position)
        self.execute("delete from log.messages where position > %s", position)
        self.execute("delete from log.snapshots")
        self.head_to_last()

    def head_to_last(self) -> None:
        self.execute(
            "update log.head set (position, committed_at) = (select position, committed_at "
            "from log.events order by position desc limit 1)"
        )

    def close_gaps(self) -> None:
        """Renumber all positions without gaps."""
        self.execute(
            "create temporary table moved as select position as old, "
            "row_number() over (order by position) as new from log.events"
        )
        for table in ("events", "messages"):
            for to, at in (("-m.new", "m.old"), ("m.new", "-m.new")):
                self.execute(
                    f"update log.{table} t set position = {to} from moved m where t.position = {at}"
                )
        self.head_to_last()

    def resign(self, signer: Signer) -> None:
        """Recompute every checkpoint from the present events, and sign it with another key."""
        previous = ""
        for version in [row[2] for row in self.rows(STREAM)]:
            signed = self._signed(version, previous, signer)
            previous = signed.signature
            said = {f: getattr(signed, f) for f in signed.__struct_fields__}
            self.edit(STREAM, version, lambda _, payload, said=said: payload.update(said))
            self.rechain(STREAM)

    def _signed(self, version: int, previous: str, signer: Signer) -> SignCheckpoint:
        [state] = [row[3] for row in self.rows(STREAM) if row[2] == version]
        old = json.loads(unframe(state)[1])
        events = self.execute(
            "select hash, position, committed_at from log.events where position between %s and %s "
            "order by position", old["first_position"], old["last_position"],
        )  # fmt: skip
        command = SignCheckpoint(
            first_position=old["first_position"],
            last_position=old["last_position"],
            events=len(events),
            merkle_root=Tree(leaf(2, bytes(h), p, at) for h, p, at in events).root().hex(),
            previous=previous,
            key_id=signer.verifier.key_id,
        )
        return signer.sign(command)

    def _store(self, stream: str, version: int, state: bytes) -> None:
        sql = "update log.events set state = %s where stream = %s and version = %s"
        self.execute(sql, state, stream, version)


def _numbered(metadata: bytes, version: int, at: int, previous: str) -> bytes:
    """The writer's metadata with another version and predecessor, field order kept."""
    text = metadata.decode()
    text = text.replace(f'"version":{version},', f'"version":{at},')
    start = text.find('"previous":"')
    if start >= 0:
        end = text.index('"', start + 12) + 1
        text = text[:start] + (f'"previous":"{previous}"' if previous else "") + text[end:]
        text = text.replace(",,", ",").replace("{,", "{").replace(",}", "}")
    return text.encode()


def _bytes(value: Any) -> bytes:
    """JSON without spaces, as the writer makes it."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
