"""The changes of a forger, one function each, made to a copy of an honest log."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

from adapters.log.event_log import chain
from adapters.log.frame import frame, unframe
from adapters.proof.signing import Signer
from adapters.proof.witness import Witness
from domain.checkpoint import STREAM
from tests.contract.proof.forger import Forger

A, B = "account-A00001", "account-A00002"
STRANGER = Signer(b"x" * 32)


class Scene(NamedTuple):
    """The forger's target: the database, and the key files if the forger has the machine too."""

    forger: Forger
    keys: Path
    facts: "Facts"


class Facts(NamedTuple):
    """Places of the honest log that the cases use."""

    deposit: int  # version of a deposit on A, behind the first
    order: str  # a stream whose last event caused others
    middle: int  # position in the middle
    last: int
    tail: int  # position of the fifth checkpoint


Does = Callable[[Scene], object]


class Case(NamedTuple):
    name: str
    does: Does
    verify: str = ""  # part of a fault, as stream@version: text; "": none found
    replay: str = ""  # view or saga that differs; "": none; "?": either
    witness: str = "?"  # part of the fault that the witness adds; "": none; "?": not checked


def sql(statement: str, *values: object) -> Does:
    return lambda scene: scene.forger.execute(statement, *values)


def edit(stream: str, change: Callable[[Any, Any], None], *, rechain: bool) -> Does:
    """Change metadata and payload of A's deposit; recompute every hash, or none."""

    def does(scene: Scene) -> None:
        scene.forger.edit(stream, scene.facts.deposit, change)
        if rechain:
            scene.forger.rechain(stream)

    return does


def richer(_: Any, payload: Any) -> None:
    payload["amount"] = "9000000.00"


def another_actor(metadata: Any, _: Any) -> None:
    metadata["actor"] = "somebody"


def another_cause(metadata: Any, _: Any) -> None:
    metadata["causation_id"] = "order-NONE@7"


def another_read(metadata: Any, _: Any) -> None:
    metadata["read"] = {"client-C00001": 900}


def own_hash(scene: Scene) -> None:
    """The changed event's hash is right; the next event's previous hash is not."""
    f, version = scene.forger, scene.facts.deposit
    f.edit(A, version, richer)
    rows = {row[2]: row for row in f.rows(A)}
    metadata, payload = unframe(rows[version][3])
    chained = chain(rows[version - 1][4], payload, metadata)
    f.execute("update log.events set hash = %s where position = %s", chained, rows[version][0])


def state(make: Callable[[bytes, bytes, bytes], tuple[bytes, int]]) -> Does:
    """Change bytes around the honest metadata and payload: hash and chain stay right."""

    def does(scene: Scene) -> None:
        version = scene.facts.deposit
        [old] = [row[3] for row in scene.forger.rows(A) if row[2] == version]
        metadata, payload = unframe(old)
        evil = payload.replace(b'"amount":"', b'"amount":"9')
        made, payload_at = make(metadata, payload, evil)
        scene.forger.execute(
            "update log.events set state = %s, payload_at = %s where stream = %s and version = %s",
            made, payload_at, A, version,
        )  # fmt: skip

    return does


def shadow(metadata: bytes, payload: bytes, evil: bytes) -> tuple[bytes, int]:
    whole = b'{"metadata":%b,"payload":%b,"x":%b}' % (metadata, payload, evil)
    return whole, len(whole) - len(evil) - 1


def twice(metadata: bytes, payload: bytes, evil: bytes) -> tuple[bytes, int]:
    whole = b'{"metadata":%b,"payload":%b,"payload":%b}' % (metadata, evil, payload)
    return whole, whole.index(evil)


def swapped_keys(metadata: bytes, payload: bytes, _: bytes) -> tuple[bytes, int]:
    return b'{"payload":%b,"metadata":%b}' % (payload, metadata), len(b'{"payload":')


def spaced(metadata: bytes, payload: bytes, _: bytes) -> tuple[bytes, int]:
    whole, payload_at = frame(metadata, payload)
    return whole + b"  ", payload_at


def spaced_within(metadata: bytes, payload: bytes, _: bytes) -> tuple[bytes, int]:
    whole = b'{"metadata":%b, "payload":%b}' % (metadata, payload)
    return whole, len(whole) - len(payload) - 1


def swap(table: str, column: str, first: str, second: str) -> Does:
    """Exchange the values of a column, which may be unique, between two rows."""

    def does(scene: Scene) -> None:
        f = scene.forger
        [[a], [b]] = [f.execute(f"select {column} from {table} where {w}") for w in (first, second)]
        spare = -1 if column in ("position", "version") else a[0]
        f.execute(f"update {table} set {column} = %s where {first}", spare)
        f.execute(f"update {table} set {column} = %s where {second}", a[0])
        f.execute(f"update {table} set {column} = %s where {first} and {column} = %s", b[0], spare)

    return does


def take_out(where: Callable[[Facts], tuple[str, int | None]], *, tidy: bool = False) -> Does:
    """Remove an event or stream with its messages; `tidy`: close the gap, redo the chain."""

    def does(scene: Scene) -> None:
        stream, version = where(scene.facts)
        scene.forger.remove(stream, version)
        if tidy:
            scene.forger.rechain(stream)
            scene.forger.close_gaps()

    return does


def order_end(facts: Facts) -> tuple[str, int | None]:
    return facts.order, None


def last_of_order(scene: Scene) -> None:
    version = scene.forger.rows(scene.facts.order)[-1][2]
    scene.forger.execute(
        "delete from log.events where stream = %s and version = %s", scene.facts.order, version
    )


def rewrite(scene: Scene) -> None:
    """Rewrite history from A's deposit on, as the writer would have written it."""
    scene.forger.edit(A, scene.facts.deposit, richer)
    scene.forger.rechain(A)
    scene.forger.execute("delete from log.snapshots")


def without_checkpoints(scene: Scene) -> None:
    scene.forger.remove(STREAM)
    rewrite(scene)
    scene.forger.close_gaps()


def last_checkpoint_dropped(scene: Scene) -> None:
    scene.forger.cut(scene.forger.rows(STREAM)[-1][0] - 1)


def cut_to_fifth(scene: Scene) -> None:
    scene.forger.cut(scene.facts.tail)


def with_the_machine(does: Does, *, remembers: str = "cut") -> Does:
    """The forger can write the key files too."""

    def all_of_it(scene: Scene) -> None:
        does(scene)
        kept = scene.keys / "checkpoint.last"
        if remembers == "gone":
            kept.unlink()
        else:
            kept.write_text(last_statement(scene.forger).line())

    return all_of_it


def signed_anew(scene: Scene) -> None:
    """Rewrite, sign every checkpoint with the forger's own key, and install that key."""
    rewrite(scene)
    scene.forger.resign(STRANGER)
    (scene.keys / "checkpoint.key").write_bytes(b"x" * 32)
    (scene.keys / "checkpoint.pub").write_bytes(STRANGER.verifier.pem())


def signed_by_stranger(scene: Scene) -> None:
    rewrite(scene)
    scene.forger.resign(STRANGER)


def forged_tail(scene: Scene) -> None:
    scene.forger.insert(A, scene.facts.deposit, scene.facts.last + 1)
    scene.forger.execute(
        "insert into log.messages select stream, 'forged-' || message_id, request_hash, "
        "(select max(version) from log.events where stream = %s), %s, "
        "(select hash from log.events where position = %s), false, "
        "(select max(committed_at) from log.events) "
        "from log.messages where stream = %s and version = %s",
        A, scene.facts.last + 1, scene.facts.last + 1, A, scene.facts.deposit,
    )  # fmt: skip
    scene.forger.head_to_last()


def hidden(scene: Scene) -> None:
    """An event that readers by position never see, and that decisions do see."""
    scene.forger.insert(A, scene.facts.deposit, -5)


def later(where: str) -> Does:
    return sql(f"update log.events set committed_at = committed_at + interval '20 days' {where}")


def snapshot(change: str) -> Does:
    return sql(f"update log.snapshots set {change} where stream = '{A}'")


def row_of_another(scene: Scene) -> None:
    scene.forger.execute(
        "update keys.data_keys set wrapped = (select wrapped from keys.data_keys "
        "where client_id = 'C00002') where client_id = 'C00001'"
    )


def last_statement(forger: Forger) -> Witness:
    _, _, version, stored, _ = forger.rows(STREAM)[-1]
    return Witness(version=version, **{
        k: v for k, v in json.loads(unframe(stored)[1]).items() if k != "type"
    })  # fmt: skip
